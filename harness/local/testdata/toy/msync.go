package main

import (
	"syscall"
	"unsafe"
)

func msync(b []byte) error {
	const msSync = 4
	if _, _, errno := syscall.Syscall(syscall.SYS_MSYNC, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), msSync); errno != 0 {
		return errno
	}
	return nil
}
