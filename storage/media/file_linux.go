package media

import (
	"os"
	"syscall"
)

// reserve takes room for n bytes at off.
func reserve(f *os.File, off, n int64) error { return syscall.Fallocate(int(f.Fd()), 0, off, n) }

// syncData makes the bytes durable, and what is needed to find them.
func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }
