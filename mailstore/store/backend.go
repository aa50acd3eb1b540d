package store

import (
	"context"
	"errors"

	"fourdays/storage/replica"
)

// View reads the replicated state as it was at one moment.
type View = replica.View

// Replica is what the store needs of the replicated state.
type Replica interface {
	Do(ctx context.Context, key string, cmd []byte) ([]byte, error)
	Read(ctx context.Context, fn func(View) error) error
	Local(fn func(View) error) error
	Status() replica.Status
	Detect(what string)
}

// What an operation can come to besides success and refusal, in the replica's
// words. Where both match, ErrUnknown is meant.
var (
	ErrUnavailable = replica.ErrUnavailable // nothing was done
	ErrUnknown     = replica.ErrUnknown     // it may be done, or still be done
	ErrDamaged     = replica.ErrDamaged     // stored data is not what was stored
)

// Apply implements replica.Machine.
func (m *Machine) Apply(tx *replica.Tx, cmd []byte) ([]byte, error) {
	reply, err := m.apply(tx, cmd)
	if errors.Is(err, errStorage) {
		return nil, nil // the replica knows, and nothing of this is kept
	}
	return reply, err
}
