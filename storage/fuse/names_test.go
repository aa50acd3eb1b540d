//go:build linux

package fuse_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"fourdays/storage/array"
)

// slow makes operations take time, so that others come between.
var slow = east(func(c *array.ArrayConfig) { c.Service = 100 * time.Microsecond })

// TestNamesHoldWhileTheirDirectoryMoves renames a directory to and fro while
// others use what is in it, by an open of the directory: a volume speaks of paths,
// and none of them may be an old one.
func TestNamesHoldWhileTheirDirectoryMoves(t *testing.T) {
	r := mounted(t, slow)
	at := func(name string) string { return filepath.Join(r.dir, name) }
	require.NoError(t, os.MkdirAll(at("a/deep"), 0o755))
	require.NoError(t, os.WriteFile(at("a/deep/f"), []byte("text"), 0o644))
	dir, err := os.Open(at("a/deep"))
	require.NoError(t, err)
	defer dir.Close()
	fd := int(dir.Fd())

	stop := make(chan struct{})
	var all sync.WaitGroup
	failures := make(chan error, 10)
	for worker := range 4 {
		all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := useBelow(fd, fmt.Sprint("mine", worker)); err != nil {
					failures <- fmt.Errorf("worker %d round %d: %w", worker, i, err)
					return
				}
			}
		})
	}
	for range 150 {
		require.NoError(t, os.Rename(at("a"), at("b")))
		require.NoError(t, os.Rename(at("b"), at("a")))
	}
	close(stop)
	all.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	text, err := os.ReadFile(at("a/deep/f"))
	require.NoError(t, err)
	require.Equal(t, "text", string(text))
}

// useBelow does with a directory what programs do.
func useBelow(dir int, name string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, "f", &st, 0); err != nil || st.Size != 4 {
		return fmt.Errorf("stat f of %d bytes: %w", st.Size, err)
	}
	if err := unix.Fstatat(dir, "none", &st, 0); err != syscall.ENOENT {
		return fmt.Errorf("stat none: %w", err)
	}
	fd, err := unix.Openat(dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Fchmodat(dir, name, 0o600, 0); err != nil {
		return fmt.Errorf("chmod: %w", err)
	}
	if err := unix.Renameat(dir, name, dir, name+"2"); err != nil {
		return fmt.Errorf("rename: %w", err)
	}
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&0o777 != 0o600 {
		return fmt.Errorf("fstat with mode %o: %w", st.Mode, err)
	}
	if err := unix.Unlinkat(dir, name+"2", 0); err != nil {
		return fmt.Errorf("unlink: %w", err)
	}
	return nil
}

// TestAListingDoesNotSpreadOldSizes reads the first half of a long listing, lets
// the last file grow, and reads the rest: the file has its new size, for a mapping
// too.
func TestAListingDoesNotSpreadOldSizes(t *testing.T) {
	r := mounted(t)
	const files = 3000
	for i := range files {
		require.NoError(t, os.WriteFile(filepath.Join(r.dir, fmt.Sprintf("%05d", i)), []byte("x"), 0o644))
	}
	last := filepath.Join(r.dir, fmt.Sprintf("%05d", files-1))
	f, err := os.OpenFile(last, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer f.Close()
	dir, err := os.Open(r.dir)
	require.NoError(t, err)
	defer dir.Close()
	some, err := dir.Readdirnames(10)
	require.NoError(t, err)
	require.Len(t, some, 10)

	_, err = f.WriteAt(make([]byte, 5000), 0)
	require.NoError(t, err)
	require.NoError(t, os.Rename(filepath.Join(r.dir, fmt.Sprintf("%05d", files-2)), filepath.Join(r.dir, "moved")))
	seen := len(some)
	for len(some) > 0 { // as ls -l does, for which the kernel asks for attributes with the names
		var st unix.Stat_t
		unix.Lstat(filepath.Join(r.dir, some[0]), &st)
		some, _ = dir.Readdirnames(10)
		seen += len(some)
	}
	require.GreaterOrEqual(t, seen, files)

	var st unix.Stat_t
	require.NoError(t, unix.Stat(last, &st))
	require.Equal(t, int64(5000), st.Size)
	text, err := os.ReadFile(filepath.Join(r.dir, "moved"))
	require.NoError(t, err)
	require.Equal(t, "x", string(text))
	end, err := f.Seek(0, 2)
	require.NoError(t, err)
	require.Equal(t, int64(5000), end)
}

// TestARemovedTreeIsRemovedWhole removes while it lists, as rm -r does.
func TestARemovedTreeIsRemovedWhole(t *testing.T) {
	r := mounted(t)
	for i := range 1200 {
		require.NoError(t, os.MkdirAll(filepath.Join(r.dir, fmt.Sprint("d/", i)), 0o755))
	}
	require.NoError(t, os.RemoveAll(filepath.Join(r.dir, "d")))
	left, err := os.ReadDir(r.dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestOwnersAndModesAreEnforced gives a file to root alone: somebody else may not
// read it, and cannot keep a setuid bit by writing.
func TestOwnersAndModesAreEnforced(t *testing.T) {
	r := mounted(t)
	require.NoError(t, os.Chmod(r.dir, 0o777))
	require.NoError(t, os.Chmod(filepath.Dir(r.dir), 0o755))
	path := filepath.Join(r.dir, "f")
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	c := asNobody(t, "writer", path)
	require.Contains(t, c.line(), "permission denied")
	require.NoError(t, os.Chown(path, 65534, 65534))
	require.NoError(t, os.Chmod(path, os.ModeSetuid|0o755))
	c = asNobody(t, "writer", path)
	c.hears("open")
	c.goOn()
	c.hears("wrote <nil>")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o755), info.Mode())
	require.Equal(t, uint32(65534), info.Sys().(*syscall.Stat_t).Uid)
}
