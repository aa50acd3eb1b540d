package sweep

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// openWait is how long a mount may take to say that it is dead. A dead one says
// so at once. Picked.
const openWait = time.Second

// fsType is what the kernel calls mounts of ours.
const fsType = "fuse.fourdays"

// noFollow is UMOUNT_NOFOLLOW of umount2(2).
const noFollow = 8

var escapes = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// mountPoints are the directories of all mounts, and which of them are ours.
func mountPoints(table io.Reader) (all, ours []string) {
	for s := bufio.NewScanner(table); s.Scan(); {
		head, tail, _ := strings.Cut(s.Text(), " - ")
		h, t := strings.Fields(head), strings.Fields(tail)
		if len(h) < 5 || len(t) < 1 {
			continue
		}
		dir := escapes.Replace(h[4])
		all = append(all, dir)
		if t[0] == fsType {
			ours = append(ours, dir)
		}
	}
	return all, ours
}

func mountTable() (all, ours []string, err error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	all, ours = mountPoints(f)
	return all, ours, nil
}

// dead says whether the server of a mount is gone. One that does not answer is
// not: its array may hang, which is what it is for. Attributes would not do, the
// kernel still has them.
func dead(dir string) bool {
	answer := make(chan error, 1)
	go func() {
		fd, err := syscall.Open(dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		if err == nil {
			_ = syscall.Close(fd)
		}
		answer <- err
	}()
	select {
	case err := <-answer:
		return errors.Is(err, syscall.ENOTCONN) || errors.Is(err, syscall.ECONNABORTED)
	case <-time.After(openWait):
		return false
	}
}

// Dead says whether a dead mount of ours is at a directory.
func Dead(dir string) bool {
	_, ours, err := mountTable()
	if err != nil {
		return false
	}
	for _, o := range ours {
		if o == dir && dead(dir) {
			return true
		}
	}
	return false
}

func mounts(context.Context) ([]leftover, error) {
	_, ours, err := mountTable()
	var all []leftover
	for _, dir := range ours {
		if dead(dir) {
			all = append(all, leftover{"mount " + dir + ", whose server is dead", func(context.Context) error { return Unmount(dir) }})
		}
	}
	return all, err
}

// Unmount takes a mount out of sight, whoever uses it.
func Unmount(dir string) error {
	err := syscall.Unmount(dir, syscall.MNT_DETACH|noFollow)
	if !errors.Is(err, syscall.EPERM) {
		return err
	}
	if out, err := exec.Command("fusermount3", "-uz", "--", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
