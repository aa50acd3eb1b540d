//go:build wasip1

package guest

import (
	"os"
	"syscall"
	"unsafe"
)

//go:wasmimport fourdays disk_sync
func diskSync(fd, ticket uint32)

//go:wasmimport fourdays disk_read
func diskRead(fd, ticket uint32, p unsafe.Pointer, n uint32, off uint64)

//go:wasmimport fourdays disk_map
func diskMap(fd uint32, p unsafe.Pointer, n uint32)

//go:wasmimport fourdays disk_unmap
func diskUnmap(p unsafe.Pointer, from, to uint32)

//go:wasmimport fourdays disk_msync
func diskMsync(ticket uint32, p unsafe.Pointer, from, to uint32)

// Fsync makes f durable and waits for it without stopping the program. It is
// (*os.File).Sync for programs of one thread.
func Fsync(f *os.File) error {
	return onFD(f, "sync", func(fd uint32) (int, error) {
		return await(func(t uint32) { diskSync(fd, t) })
	})
}

// ReadAt fills p from f at off, as io.ReaderAt but for the short read at the
// end, and waits without stopping the program.
func ReadAt(f *os.File, p []byte, off int64) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	err = onFD(f, "read", func(fd uint32) (int, error) {
		n, err = await(func(t uint32) {
			diskRead(fd, t, unsafe.Pointer(unsafe.SliceData(p)), uint32(len(p)), uint64(off))
		})
		return n, err
	})
	return n, err
}

// onFD runs f on the descriptor of a file without changing its mode, which
// (*os.File).Fd would.
func onFD(file *os.File, op string, f func(fd uint32) (int, error)) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var ferr error
	if err := raw.Control(func(fd uintptr) { _, ferr = f(uint32(fd)) }); err != nil {
		return err
	}
	if ferr != nil {
		return &os.PathError{Op: op, Path: file.Name(), Err: ferr}
	}
	return nil
}

// Map returns the first size bytes of f as memory. Changes reach the file by
// Msync, or when the program is killed, as with a shared mapping.
func Map(f *os.File, size int64) ([]byte, error) {
	buf := make([]byte, size)
	for off := 0; off < len(buf); {
		n, err := ReadAt(f, buf[off:], int64(off))
		if err != nil {
			return nil, err
		}
		if n == 0 {
			break // past the end of the file a mapping is zero
		}
		off += n
	}
	if size == 0 {
		return buf, nil
	}
	return buf, onFD(f, "map", func(fd uint32) (int, error) {
		diskMap(fd, unsafe.Pointer(unsafe.SliceData(buf)), uint32(len(buf)))
		return 0, nil
	})
}

// Unmap writes what changed and forgets the mapping that starts where b does.
// Nothing may have changed outside b[from:to] since the last Msync.
func Unmap(b []byte, from, to int) error {
	if cap(b) > 0 {
		diskUnmap(unsafe.Pointer(unsafe.SliceData(b)), uint32(from), uint32(to))
	}
	return nil
}

// Msync makes the mapping that starts where b does durable and waits for it
// without stopping the program. It looks for changes in b[from:to] only.
func Msync(b []byte, from, to int) error {
	if cap(b) == 0 {
		return nil
	}
	_, err := await(func(t uint32) { diskMsync(t, unsafe.Pointer(unsafe.SliceData(b)), uint32(from), uint32(to)) })
	if errno, ok := err.(syscall.Errno); ok {
		return os.NewSyscallError("msync", errno)
	}
	return err
}
