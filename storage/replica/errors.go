package replica

import (
	"errors"
	"fmt"
	"strings"
)

// What an operation can come to besides success and refusal.
var (
	// ErrUnavailable says that the operation was definitely not done.
	ErrUnavailable = errors.New("unavailable")
	// ErrUnknown says that a write may be done already or may still be done.
	ErrUnknown = errors.New("outcome unknown")
	// ErrFenced is the ErrUnavailable of a node that holds less than it promised.
	ErrFenced = fmt.Errorf("fenced: %w", ErrUnavailable)
	// ErrDamaged says that a record is not what was written.
	ErrDamaged = errors.New("damaged record")
	// ErrLost is the ErrDamaged of a record of which no good copy was left when
	// the cluster was recovered. It is the same on all replicas, so that a
	// machine may decide by it; whoever writes the record anew heals it.
	ErrLost = fmt.Errorf("lost in a recovery: %w", ErrDamaged)
	// ErrNotFound says that there is no such key.
	ErrNotFound = errors.New("not found")
	// ErrTooLarge says that a key, value or command is above its limit.
	ErrTooLarge = errors.New("too large")
)

// Refusal is the error of a command that the machine refused. The refusal is
// its result: it was decided once and is the same on all replicas.
type Refusal struct{ Why string }

// Error is the text that the machine refused with.
func (r *Refusal) Error() string { return r.Why }

// Is tells a refusal for want of a lost record from any other: it is ErrLost,
// and so ErrDamaged. Only the text travels.
func (r *Refusal) Is(target error) bool {
	return (target == ErrLost || target == ErrDamaged) && strings.Contains(r.Why, ErrLost.Error())
}
