package replica

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// passing are the errors that say nothing about what a volume holds: the same
// attempt may work later. Badger keeps only their text.
var passing = []syscall.Errno{
	syscall.EIO, syscall.ENOSPC, syscall.EROFS, syscall.ENOMEM, syscall.EMFILE, syscall.EBUSY, syscall.EAGAIN,
	syscall.EINTR, syscall.ETIMEDOUT, syscall.EACCES, syscall.EPERM, syscall.ENODEV, syscall.ENXIO,
}

// lockTaken is what Badger says when another process has the volume open.
const lockTaken = "Cannot acquire directory lock"

// passes tells whether the volume may yet open that failed to with err. It does
// not if all of it can be read and Badger still refuses it: then it is damaged.
func (r *Replica) passes(err error) bool {
	if strings.Contains(err.Error(), lockTaken) || errors.Is(err, errUnsteady) {
		return true
	}
	for _, e := range passing {
		if errors.Is(err, e) || strings.Contains(err.Error(), e.Error()) {
			return true
		}
	}
	return r.watch.do("examine", func() error { return readAll(filepath.Join(r.cfg.Dir, "state")) }) != nil
}

// readAll reads every file of a folder to its end.
func readAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		if _, err := io.Copy(io.Discard, file); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		return nil
	})
}
