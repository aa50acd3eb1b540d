package voltest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"fourdays/storage/vol"
)

// Dir is the door to a directory of this machine.
func Dir(root string) Door { return &dir{root: root, files: map[vol.FileID]*os.File{}} }

type dir struct {
	root  string
	last  vol.FileID
	files map[vol.FileID]*os.File
}

func (d *dir) path(p string) string { return filepath.Join(d.root, filepath.FromSlash(p)) }

func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &errno):
		return errno
	}
	return syscall.EIO
}

func answer(err error) vol.Result { return vol.Result{Errno: errnoOf(err)} }

// Do implements Door.
func (d *dir) Do(op vol.Op) vol.Result {
	if op.File != 0 {
		f := d.files[op.File]
		if f == nil {
			return vol.Result{Errno: syscall.EBADF}
		}
		return d.onFile(op, f)
	}
	switch op.Kind {
	case vol.Open:
		return d.open(op)
	case vol.Truncate:
		return answer(syscall.Truncate(d.path(op.Path), op.Size))
	case vol.SyncDir:
		return d.syncDir(op)
	case vol.Stat:
		info, err := os.Lstat(d.path(op.Path))
		if err != nil {
			return answer(err)
		}
		return vol.Result{Info: describe(info)}
	case vol.ReadDir:
		return d.readDir(op)
	case vol.Mkdir:
		return answer(syscall.Mkdir(d.path(op.Path), 0o755))
	case vol.Rmdir:
		return answer(syscall.Rmdir(d.path(op.Path)))
	case vol.Unlink:
		return answer(syscall.Unlink(d.path(op.Path)))
	case vol.Rename:
		return answer(syscall.Rename(d.path(op.Path), d.path(op.To)))
	case vol.Statfs:
		return d.statfs()
	}
	return vol.Result{Errno: syscall.EBADF}
}

func (d *dir) open(op vol.Op) vol.Result {
	fd, err := syscall.Open(d.path(op.Path), op.Flag|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return answer(err)
	}
	f := os.NewFile(uintptr(fd), op.Path)
	info, err := f.Stat()
	if err != nil {
		return answer(errors.Join(err, f.Close()))
	}
	d.last++
	d.files[d.last] = f
	return vol.Result{File: d.last, Info: describe(info)}
}

func (d *dir) onFile(op vol.Op, f *os.File) vol.Result {
	switch op.Kind {
	case vol.Read:
		return read(f, op)
	case vol.Write:
		n, err := syscall.Pwrite(int(f.Fd()), op.Data, op.Off)
		return vol.Result{N: max(n, 0), Errno: errnoOf(err)}
	case vol.Truncate:
		return answer(syscall.Ftruncate(int(f.Fd()), op.Size))
	case vol.Sync:
		return answer(f.Sync())
	case vol.Stat:
		info, err := f.Stat()
		if err != nil {
			return answer(err)
		}
		return vol.Result{Info: describe(info)}
	case vol.Close:
		delete(d.files, op.File)
		return answer(f.Close())
	}
	return vol.Result{Errno: syscall.ENOSYS}
}

func read(f *os.File, op vol.Op) vol.Result {
	done := 0
	for done < len(op.Data) {
		n, err := syscall.Pread(int(f.Fd()), op.Data[done:], op.Off+int64(done))
		if err != nil {
			return answer(err)
		}
		if n == 0 {
			break
		}
		done += n
	}
	return vol.Result{N: done}
}

func (d *dir) syncDir(op vol.Op) vol.Result {
	f, err := os.OpenFile(d.path(op.Path), os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return answer(err)
	}
	return answer(errors.Join(f.Sync(), f.Close()))
}

func (d *dir) readDir(op vol.Op) vol.Result {
	entries, err := os.ReadDir(d.path(op.Path))
	if err != nil {
		return answer(err)
	}
	res := vol.Result{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return answer(err)
		}
		res.Entries = append(res.Entries, describe(info))
	}
	return res
}

func (d *dir) statfs() vol.Result {
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.root, &st); err != nil {
		return answer(err)
	}
	size := int64(st.Bsize)
	return vol.Result{Space: vol.Space{Bytes: int64(st.Blocks) * size, FreeBytes: int64(st.Bavail) * size,
		Inodes: int64(st.Files), FreeInodes: int64(st.Ffree)}}
}

func describe(i fs.FileInfo) vol.Info {
	out := vol.Info{Name: i.Name(), Size: i.Size(), Mode: i.Mode()}
	if st, ok := i.Sys().(*syscall.Stat_t); ok {
		out.Ino = st.Ino
	}
	return out
}
