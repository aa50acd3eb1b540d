//go:build linux

package fuse_test

import "golang.org/x/sys/unix"

func msync(m []byte) error { return unix.Msync(m, unix.MS_SYNC) }
