package live

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
)

// noFollow is UMOUNT_NOFOLLOW of umount2(2).
const noFollow = 8

// Unmount asks the kernel, or fusermount3 where that takes root; lazily if what
// still uses the mount is to be ignored.
func Unmount(dir string, lazily bool) error {
	flags, option := noFollow, "-u"
	if lazily {
		flags, option = flags|syscall.MNT_DETACH, "-uz"
	}
	return unmount(dir, flags, option)
}

// Sever takes a mount out of sight, whoever uses it, and ends its connection:
// that wakes whoever sleeps in it. Only root can do both at once.
func Sever(dir string) error {
	return unmount(dir, syscall.MNT_FORCE|syscall.MNT_DETACH|noFollow, "-uz")
}

func unmount(dir string, flags int, option string) error {
	err := syscall.Unmount(dir, flags)
	if !errors.Is(err, syscall.EPERM) {
		return err
	}
	if out, err := exec.Command("fusermount3", option, "--", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
