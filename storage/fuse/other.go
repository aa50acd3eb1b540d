//go:build !linux

package fuse

import (
	"errors"

	"fourdays/storage/vol"
)

// Missing says what this machine lacks: all of it.
func Missing() error { return errors.New("kernel mounts need Linux") }

// Mount is never made here.
type Mount struct{}

// Serve refuses.
func Serve(string, vol.Volume, Options) (*Mount, error) { return nil, Missing() }

// Dir is nowhere.
func (*Mount) Dir() string { return "" }

// Wait has nothing to wait for.
func (*Mount) Wait() {}

// Drop has nothing to let go of.
func (*Mount) Drop() {}

// Invalidate has nothing to forget.
func (*Mount) Invalidate() {}

// Unmount has nothing to unmount.
func (*Mount) Unmount() error { return Missing() }

// Abort has nothing to end.
func (*Mount) Abort() error { return Missing() }
