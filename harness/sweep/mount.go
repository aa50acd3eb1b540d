package sweep

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"fourdays/harness/live"
)

// openWait is how long a mount may take to say that it is dead. A dead one says
// so at once. Picked.
const openWait = time.Second

// fsType is what the kernel calls mounts of ours.
const fsType = "fuse.fourdays"

// mount is one of ours. Its connection is what its device is called.
type mount struct{ dir, connection string }

// mountPoints are the directories of all mounts, and which of them are ours.
func mountPoints(table []live.Mounted) (all []string, ours []mount) {
	for _, m := range table {
		all = append(all, m.Dir)
		if m.Kind == fsType {
			_, minor, _ := strings.Cut(m.Device, ":")
			ours = append(ours, mount{m.Dir, minor})
		}
	}
	return all, ours
}

func mountTable() (all []string, ours []mount, err error) {
	table, err := live.Table()
	all, ours = mountPoints(table)
	return all, ours, err
}

// dead says whether the server of a mount is gone. To hang is not enough: that is
// what arrays are for. But a server may have been killed while it slept in the
// kernel; then nobody is left who has the connection. Attributes would not do to
// ask, the kernel still has them.
func (m mount) dead() bool {
	answer := make(chan error, 1)
	go func() {
		fd, err := syscall.Open(m.dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		if err == nil {
			_ = syscall.Close(fd)
		}
		answer <- err
	}()
	select {
	case err := <-answer:
		return errors.Is(err, syscall.ENOTCONN) || errors.Is(err, syscall.ECONNABORTED)
	case <-time.After(openWait):
		return !m.served()
	}
}

// Dead says whether a dead mount of ours is at a directory.
func Dead(dir string) bool {
	_, ours, err := mountTable()
	if err != nil {
		return false
	}
	for _, o := range ours {
		if o.dir == dir && o.dead() {
			return true
		}
	}
	return false
}

// At is the connection of our mount at a directory, or "" if there is none.
func At(dir string) (connection string) {
	_, ours, _ := mountTable()
	for _, o := range ours {
		if o.dir == dir {
			connection = o.connection
		}
	}
	return connection
}

func mounts(context.Context) ([]leftover, error) {
	_, ours, err := mountTable()
	var all []leftover
	for _, m := range ours {
		if m.dead() {
			all = append(all, leftover{"mount " + m.dir + ", whose server is dead", func(context.Context) error { return Unmount(m.dir) }})
		}
	}
	return all, err
}

// served says whether any process has the connection of a mount. Kernels that do
// not tell which connection it is, and processes of others, count as if it were.
func (m mount) served() bool {
	found, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range found {
		if to, err := os.Readlink(fd); err != nil || to != "/dev/fuse" {
			continue
		}
		info, err := os.ReadFile(strings.Replace(fd, "/fd/", "/fdinfo/", 1))
		_, number, told := strings.Cut(string(info), "fuse_connection:")
		if err == nil && (!told || strings.Fields(number)[0] == m.connection) {
			return true
		}
	}
	return os.Geteuid() != 0
}

// Unmount takes a mount out of sight, whoever uses it, and ends its connection:
// that wakes whoever sleeps in it.
func Unmount(dir string) error { return live.Sever(dir) }
