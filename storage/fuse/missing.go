//go:build linux

package fuse

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	device     = "/dev/fuse"
	fusermount = "fusermount3"
)

// Missing says what this machine lacks for mounting, in words; nil is nothing.
func Missing() error {
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no %s: load the kernel module fuse, or give the container --device %s", device, device)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be opened: %w", device, err)
	case err != nil:
		return fmt.Errorf("%s cannot be opened (is the kernel module fuse loaded?): %w", device, err)
	}
	f.Close()
	if os.Geteuid() == 0 {
		return nil
	}
	return helperMissing()
}

// helperMissing looks for the program that mounts for those who may not.
func helperMissing() error {
	path, err := exec.LookPath(fusermount)
	if err != nil {
		return fmt.Errorf("only root can mount without %s: install the package fuse3", fusermount)
	}
	info, err := os.Stat(path)
	capable, _ := syscall.Getxattr(path, "security.capability", nil)
	if err == nil && info.Mode()&fs.ModeSetuid == 0 && capable <= 0 {
		err = fmt.Errorf("%s is not setuid root: install the package fuse3 anew, or run as root", path)
	}
	return err
}

// mountPoint makes sure that a directory can be mounted at, and returns its real
// path. It asks the kernel's table first: a dead mount does not answer.
func mountPoint(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return dir, err
	}
	if parent, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
		abs = filepath.Join(parent, filepath.Base(abs))
	}
	if m, ok, err := mountAt(abs); err != nil || ok {
		return dir, errors.Join(err, busy(abs, m))
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return dir, errors.New("there is no such directory")
	case err != nil:
		return dir, err
	case !info.IsDir():
		return dir, errors.New("it is not a directory")
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil && real != abs {
		return mountPoint(real)
	}
	return abs, empty(abs)
}

func busy(dir string, m mounted) error {
	return fmt.Errorf("busy: a %s named %s is mounted there; umount %s takes it away, umount -l if it does not answer", m.kind, m.source, dir)
}

func empty(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	names, err := f.Readdirnames(1)
	if len(names) > 0 {
		return fmt.Errorf("the directory is not empty: %s would be hidden", names[0])
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// mounted is a line of the kernel's table of mounts.
type mounted struct{ dev, kind, source string }

// mountAt finds what is mounted at a directory, the last if there are several.
func mountAt(dir string) (m mounted, ok bool, err error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return m, false, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		head, tail, _ := strings.Cut(s.Text(), " - ")
		h, t := strings.Fields(head), strings.Fields(tail)
		if len(h) > 4 && len(t) > 1 && unescape(h[4]) == dir {
			m, ok = mounted{h[2], t[0], unescape(t[1])}, true
		}
	}
	return m, ok, nil
}

var escapes = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func unescape(s string) string { return escapes.Replace(s) }

// connection is the number of the connection behind a mount: its minor device.
func connection(dir string) (string, error) {
	m, ok, err := mountAt(dir)
	if err != nil || !ok {
		return "", errors.Join(err, errors.New("it is not in /proc/self/mountinfo"))
	}
	_, minor, _ := strings.Cut(m.dev, ":")
	return minor, nil
}

// explain adds to an error of mounting what it may mean.
func explain(err error, o Options) error {
	switch {
	case errors.Is(err, syscall.EPERM) && os.Geteuid() == 0:
		return fmt.Errorf("this process may not mount (a container needs --cap-add SYS_ADMIN): %w", err)
	case os.Geteuid() != 0 && o.AllowOther:
		return fmt.Errorf("%s refused; other users may be allowed in only if /etc/fuse.conf has user_allow_other: %w", fusermount, err)
	}
	return err
}
