package store

import (
	"context"
	"errors"
)

// View mirrors replica.View.
type View interface {
	Get(key []byte) ([]byte, error)
	Scan(prefix, from []byte, fn func(key, value []byte) bool) error
}

// Errors mirrored.
var (
	ErrNotFound    = errors.New("not found")
	ErrUnavailable = errors.New("unavailable")
	ErrUnknown     = errors.New("unknown")
)

// Replica is what the store needs of the replicated state.
type Replica interface {
	Do(ctx context.Context, key string, cmd []byte) ([]byte, error)
	Read(ctx context.Context, fn func(View) error) error
	Local(fn func(View) error) error
	Detect(what string)
}

// Limits mirrored.
const (
	maxKeys    = 512
	maxValue   = 48 << 10
	maxCommand = 64 << 10
	maxWrites  = 96 << 10
)
