// Command toyfs does to the files under its second argument what it is asked to
// over a connection to its first: operations of package vol, one after the
// other, by the calls that any Go program has. Some files are opened by package
// os, whose reads and writes wait for the poller, and some by their system call;
// half of the reads, writes and syncs say where and half follow a seek.
package main

import (
	"encoding/gob"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"syscall"
	"time"

	"fourdays/storage/vol"
)

// Answer is what goes back; Data is what was read.
type Answer struct {
	Result vol.Result
	Data   []byte
}

// Directory is what O_DIRECTORY is called on the way here.
const Directory = 1 << 30

type files struct {
	root  string
	last  vol.FileID // of this life: no life uses an ID of another
	open  map[vol.FileID]*file
	count int
}

type file struct {
	*os.File
	fd      int // -1: it is package os's alone
	appends bool
}

func main() {
	l, err := listen("tcp", os.Args[1])
	check(err)
	first, err := strconv.ParseUint(os.Args[3], 10, 64)
	check(err)
	d := files{root: os.Args[2], last: vol.FileID(first), open: map[vol.FileID]*file{}}
	c, err := l.Accept()
	check(err)
	in, out := gob.NewDecoder(c), gob.NewEncoder(c)
	for {
		var op vol.Op
		check(in.Decode(&op))
		check(out.Encode(d.do(op)))
	}
}

func (d *files) path(p string) string { return path.Join(d.root, p) }

func errno(err error) (e syscall.Errno) {
	if err != nil && !errors.As(err, &e) {
		return syscall.EINVAL // package os noticed before the system did
	}
	return e
}

func answer(err error) Answer { return Answer{Result: vol.Result{Errno: errno(err)}} }

func (d *files) do(op vol.Op) Answer {
	d.count++
	if op.File != 0 {
		f := d.open[op.File]
		if f == nil {
			return answer(syscall.EBADF)
		}
		return d.onFile(op, f)
	}
	switch op.Kind {
	case vol.Open:
		return d.openFile(op)
	case vol.Truncate:
		return answer(syscall.Truncate(d.path(op.Path), op.Size))
	case vol.SyncDir:
		return d.syncDir(op)
	case vol.Stat:
		info, err := os.Lstat(d.path(op.Path))
		return described(info, err)
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
	}
	return answer(syscall.EBADF)
}

func (d *files) openFile(op vol.Op) Answer {
	flag := op.Flag &^ Directory
	if op.Flag&Directory != 0 {
		flag |= syscall.O_DIRECTORY
	}
	f := &file{fd: -1, appends: flag&os.O_APPEND != 0}
	var err error
	if d.count%2 == 0 {
		f.File, err = os.OpenFile(d.path(op.Path), flag, 0o644)
	} else if f.fd, err = syscall.Open(d.path(op.Path), flag, 0o644); err == nil {
		f.File = os.NewFile(uintptr(f.fd), op.Path)
	}
	if err != nil {
		return answer(err)
	}
	info, err := f.Stat()
	a := described(info, err)
	d.last++
	d.open[d.last] = f
	a.Result.File = d.last
	return a
}

func (d *files) onFile(op vol.Op, f *file) Answer {
	plain := d.count%2 == 0
	switch op.Kind {
	case vol.Read:
		return f.read(op, plain)
	case vol.Write:
		return f.write(op, plain)
	case vol.Truncate:
		return answer(f.File.Truncate(op.Size))
	case vol.Sync:
		if plain {
			return answer(f.Sync())
		}
		return answer(fsync(f.File))
	case vol.Stat:
		info, err := f.Stat()
		return described(info, err)
	case vol.Close:
		delete(d.open, op.File)
		return answer(f.Close())
	}
	return answer(syscall.ENOSYS)
}

func (f *file) read(op vol.Op, plain bool) Answer {
	buf := make([]byte, op.Size)
	n, err := 0, error(nil)
	switch {
	case f.fd < 0 && plain:
		n, err = f.ReadAt(buf, op.Off)
	case f.fd < 0:
		if _, err = f.Seek(op.Off, io.SeekStart); err == nil {
			n, err = io.ReadFull(f.File, buf)
		}
	default:
		n, err = f.readRaw(buf, op.Off, plain)
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return Answer{vol.Result{N: n, Errno: errno(err)}, buf[:n]}
}

func (f *file) readRaw(buf []byte, off int64, plain bool) (n int, err error) {
	if !plain {
		if _, err := syscall.Seek(f.fd, off, io.SeekStart); err != nil {
			return 0, err
		}
	}
	for n < len(buf) {
		var k int
		if plain {
			k, err = syscall.Pread(f.fd, buf[n:], off+int64(n))
		} else {
			k, err = syscall.Read(f.fd, buf[n:])
		}
		if k <= 0 || err != nil {
			break
		}
		n += k
	}
	return n, err
}

func (f *file) write(op vol.Op, plain bool) Answer {
	n, err := 0, error(nil)
	switch {
	case f.fd < 0 && f.appends:
		n, err = f.Write(op.Data)
	case f.fd < 0 && plain:
		n, err = f.WriteAt(op.Data, op.Off)
	case plain || f.appends:
		n, err = syscall.Pwrite(f.fd, op.Data, op.Off)
	default:
		if _, err = f.Seek(op.Off, io.SeekStart); err == nil {
			n, err = f.Write(op.Data)
		}
	}
	return Answer{Result: vol.Result{N: max(n, 0), Errno: errno(err)}}
}

func (d *files) syncDir(op vol.Op) Answer {
	f, err := os.OpenFile(d.path(op.Path), os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return answer(err)
	}
	return answer(errors.Join(fsync(f), f.Close()))
}

func (d *files) readDir(op vol.Op) Answer {
	entries, err := os.ReadDir(d.path(op.Path))
	if err != nil {
		return answer(err)
	}
	var a Answer
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return answer(err)
		}
		a.Result.Entries = append(a.Result.Entries, describe(info))
	}
	return a
}

func described(i fs.FileInfo, err error) Answer {
	if err != nil {
		return answer(err)
	}
	return Answer{Result: vol.Result{Info: describe(i)}}
}

func describe(i fs.FileInfo) vol.Info {
	return vol.Info{
		Name: i.Name(), Size: i.Size(), Mode: i.Mode(), Ino: i.Sys().(*syscall.Stat_t).Ino,
		MTime: time.Duration(i.ModTime().UnixNano()),
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
