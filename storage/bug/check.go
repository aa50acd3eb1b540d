package bug

import (
	"errors"
)

// Check reports what is wrong with a bug made in Go; Parse checks what it
// reads.
func (b *Bug) Check() error {
	if b.ID == "" {
		return errors.New("a bug needs an id")
	}
	return nil
}
