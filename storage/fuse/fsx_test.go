//go:build linux

package fuse_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The sizes of the random comparison (picked).
const (
	fsxSteps = 3000
	fsxNames = 6
	fsxMax   = 256 << 10 // bytes of a file
	fsxOpen  = 4
)

// TestAMountIsLikeTheDirectoryBelow does the same at random to a mount and to a
// plain directory, from one program: each answer, byte and size must be the same.
// Mappings that are shared and written to are among it.
func TestAMountIsLikeTheDirectoryBelow(t *testing.T) {
	seeds := 4
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := mounted(t)
			run(t, "fsx", r.dir, t.TempDir(), fmt.Sprint(seed))
			require.NoError(t, r.m.Unmount())
		})
	}
}

func init() {
	clients["fsx"] = func(args []string) error {
		seed, err := strconv.ParseUint(args[2], 10, 64)
		if err != nil {
			return err
		}
		x := &fsx{rng: rand.New(rand.NewPCG(seed, 0x667378))}
		x.sides[0], x.sides[1] = newSide(args[0]), newSide(args[1])
		for i := range fsxSteps {
			if err := x.step(); err != nil {
				return fmt.Errorf("seed %d step %d: %w", seed, i, err)
			}
		}
		return x.same("the whole tree", func(s *side) (any, error) { return s.tree() })
	}
}

// fsx does each step on both sides.
type fsx struct {
	rng   *rand.Rand
	sides [2]*side
}

// side is one directory with what is open and mapped there.
type side struct {
	dir   string
	files [fsxOpen]*os.File
	maps  [fsxOpen][]byte
}

func newSide(dir string) *side { return &side{dir: dir} }

func (s *side) path(i int) string { return filepath.Join(s.dir, fmt.Sprint("f", i)) }

// same does something on both sides and compares what comes of it.
func (x *fsx) same(what string, do func(s *side) (any, error)) error {
	var got [2]string
	for i, s := range x.sides {
		v, err := do(s)
		var errno syscall.Errno
		errors.As(err, &errno)
		got[i] = fmt.Sprintf("%v, error %d", v, int(errno))
		if err != nil && errno == 0 {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if got[0] != got[1] {
		return fmt.Errorf("%s: %.200q on the mount, %.200q below", what, got[0], got[1])
	}
	return nil
}

func (x *fsx) step() error {
	slot, name, other := x.rng.IntN(fsxOpen), x.rng.IntN(fsxNames), x.rng.IntN(fsxNames)
	off, size := x.rng.Int64N(fsxMax), x.rng.IntN(20000)
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(x.rng.Uint32())
	}
	switch n := x.rng.IntN(100); {
	case n < 15:
		flag := []int{os.O_RDWR, os.O_RDWR | os.O_CREATE, os.O_RDWR | os.O_CREATE | os.O_TRUNC, os.O_RDWR | os.O_CREATE | os.O_EXCL,
			os.O_RDONLY, os.O_RDWR | os.O_APPEND, os.O_RDWR | os.O_CREATE}[x.rng.IntN(7)]
		return x.same(fmt.Sprintf("open f%d %#x", name, flag), func(s *side) (any, error) { return s.open(slot, name, flag) })
	case n < 40:
		return x.same(fmt.Sprint("write ", slot, off, size), func(s *side) (any, error) { return s.write(slot, off, data) })
	case n < 55:
		return x.same(fmt.Sprint("read ", slot, off, size), func(s *side) (any, error) { return s.read(slot, off, size) })
	case n < 62:
		return x.same(fmt.Sprint("truncate ", slot, off), func(s *side) (any, error) { return s.truncate(slot, name, off) })
	case n < 65:
		return x.same(fmt.Sprint("rename ", name, other), func(s *side) (any, error) { return nil, os.Rename(s.path(name), s.path(other)) })
	case n < 68:
		return x.same(fmt.Sprint("unlink ", name), func(s *side) (any, error) { return nil, syscall.Unlink(s.path(name)) })
	case n < 72:
		return x.same(fmt.Sprint("map ", slot), func(s *side) (any, error) { return s.mmap(slot) })
	case n < 84:
		return x.same(fmt.Sprint("write to mapping ", slot, off, size), func(s *side) (any, error) { return s.poke(slot, off, data) })
	case n < 88:
		return x.same(fmt.Sprint("sync ", slot), func(s *side) (any, error) { return s.sync(slot, size%2 == 0) })
	case n < 90:
		return x.same(fmt.Sprint("close ", slot), func(s *side) (any, error) { return s.close(slot, size%2 == 0) })
	case n < 94:
		return x.same("stat", func(s *side) (any, error) { return s.stat(slot, name) })
	}
	return x.same(fmt.Sprint("read f", name), func(s *side) (any, error) { return os.ReadFile(s.path(name)) })
}

func (s *side) open(slot, name, flag int) (any, error) {
	f, err := os.OpenFile(s.path(name), flag, 0o640)
	if err != nil {
		return nil, err
	}
	if old := s.files[slot]; old != nil {
		old.Close()
	}
	s.files[slot] = f
	return nil, nil
}

func (s *side) write(slot int, off int64, data []byte) (any, error) {
	f := s.files[slot]
	if f == nil {
		return nil, nil
	}
	n, err := syscall.Pwrite(int(f.Fd()), data, off) // with O_APPEND it goes to the end
	return n, err
}

func (s *side) read(slot int, off int64, size int) (any, error) {
	f := s.files[slot]
	if f == nil {
		return nil, nil
	}
	p := make([]byte, size)
	n, err := syscall.Pread(int(f.Fd()), p, off)
	return p[:max(0, n)], err
}

func (s *side) truncate(slot, name int, size int64) (any, error) {
	if f := s.files[slot]; f != nil && size%2 == 0 {
		return nil, syscall.Ftruncate(int(f.Fd()), size)
	}
	return nil, syscall.Truncate(s.path(name), size)
}

func (s *side) mmap(slot int) (any, error) {
	f := s.files[slot]
	if f == nil || s.maps[slot] != nil {
		return nil, nil
	}
	info, err := f.Stat()
	if err != nil || info.Size() < 4096 {
		return nil, err
	}
	m, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	s.maps[slot] = m
	return len(m), err
}

// poke writes to a mapping. What lies beyond the end of the file by now is SIGBUS,
// on any file system.
func (s *side) poke(slot int, off int64, data []byte) (got any, err error) {
	m := s.maps[slot]
	if m == nil {
		return nil, nil
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			got = "SIGBUS"
		}
	}()
	off %= int64(len(m))
	was := bytes.Clone(m[off:min(int64(len(m)), off+int64(len(data)))])
	copy(m[off:], data)
	return was, nil
}

func (s *side) sync(slot int, mapping bool) (any, error) {
	if m := s.maps[slot]; m != nil && mapping {
		return nil, msync(m)
	}
	if f := s.files[slot]; f != nil {
		return nil, f.Sync()
	}
	return nil, nil
}

func (s *side) close(slot int, mapping bool) (any, error) {
	if m := s.maps[slot]; m != nil && mapping {
		s.maps[slot] = nil
		return nil, syscall.Munmap(m)
	}
	f := s.files[slot]
	s.files[slot] = nil
	if f == nil {
		return nil, nil
	}
	return nil, f.Close()
}

func (s *side) stat(slot, name int) (any, error) {
	var st syscall.Stat_t
	if f := s.files[slot]; f != nil {
		if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
			return nil, err
		}
	} else if err := syscall.Lstat(s.path(name), &st); err != nil {
		return nil, err
	}
	return fmt.Sprint(st.Size, st.Mode, st.Nlink, st.Uid), nil
}

func (s *side) tree() (any, error) {
	all := map[string]string{}
	err := filepath.WalkDir(s.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[filepath.Base(path)] = string(text)
		return err
	})
	return all, err
}
