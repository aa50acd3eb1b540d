//go:build !linux

package live

import "syscall"

// Unmount has nothing to do: only Linux mounts volumes.
func Unmount(string, bool) error { return syscall.EINVAL }

// Sever has nothing to do either.
func Sever(string) error { return syscall.EINVAL }
