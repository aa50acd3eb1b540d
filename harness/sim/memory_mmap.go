//go:build linux || darwin

package sim

import (
	"fmt"
	"syscall"
)

// reserve returns n zero bytes that cost nothing until they are touched.
func reserve(n uint64) []byte {
	b, err := syscall.Mmap(-1, 0, int(n), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(fmt.Sprintf("no address space for a program's memory: %v", err))
	}
	return b
}

func unreserve(b []byte) {
	if err := syscall.Munmap(b); err != nil {
		panic(fmt.Sprintf("give a program's memory back: %v", err))
	}
}
