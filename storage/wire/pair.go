package wire

import (
	"fmt"
	"net"
	"os"
	"syscall"
)

// socketBuffer is what a socket of a pair holds, as far as the system allows.
// Picked: the largest write of a kernel, and its neighbours.
const socketBuffer = 2 << 20

// Pair makes a connection whose other end is a file, to be handed to another
// process and closed here.
func Pair() (net.Conn, *os.File, error) {
	fds, err := socketPair()
	if err != nil {
		return nil, nil, fmt.Errorf("make socket pair: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "volume")
	ours, err := fileConn(fds[0])
	if err != nil {
		_ = theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

// socketPair makes sockets that no other child inherits. Not every kernel has a
// call that does both at once.
func socketPair() ([2]int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	return fds, err
}

// Inherited is the connection that a process was given as an open file.
func Inherited(fd int) (net.Conn, error) {
	kind, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE)
	if err != nil || kind != syscall.SOCK_STREAM {
		return nil, fmt.Errorf("file %d is not the socket of a volume", fd)
	}
	syscall.CloseOnExec(fd)
	return fileConn(fd)
}

// fileConn takes fd over.
func fileConn(fd int) (net.Conn, error) {
	for _, option := range []int{syscall.SO_SNDBUF, syscall.SO_RCVBUF} {
		_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, option, socketBuffer) // a smaller one is slower
	}
	f := os.NewFile(uintptr(fd), "volume")
	defer f.Close() // the connection has its own
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("connect to volume: %w", err)
	}
	return conn, nil
}
