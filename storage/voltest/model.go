package voltest

import (
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"fourdays/storage/vol"
)

// model is a volume as simply as it can be said: what the random comparison
// compares with.
type model struct {
	root    *node
	files   map[vol.FileID]*open
	seq     int // counts changes of names
	synced  int // the last of them that is durable
	movedAt int // the last move of a directory
}

type node struct {
	dir   map[string]*node // nil for a file
	data  []byte
	dirty bool
	named int // seq of the last change of its name
}

type open struct {
	n    *node
	flag int
}

func newModel() *model {
	return &model{root: &node{dir: map[string]*node{}}, files: map[vol.FileID]*open{}}
}

func (m *model) find(p string) (dir *node, name string, n *node, errno syscall.Errno) {
	if p == "." {
		return nil, ".", m.root, 0
	}
	n = m.root
	for part := range strings.SplitSeq(p, "/") {
		if n == nil {
			return nil, "", nil, syscall.ENOENT
		}
		if n.dir == nil {
			return nil, "", nil, syscall.ENOTDIR
		}
		dir, name, n = n, part, n.dir[part]
	}
	return dir, name, n, 0
}

// do is what the model answers; id is the handle that the door gave an open.
func (m *model) do(op vol.Op, id vol.FileID) vol.Result {
	fail := func(e syscall.Errno) vol.Result { return vol.Result{Errno: e} }
	if op.File != 0 {
		return m.onFile(op)
	}
	dir, name, n, errno := m.find(op.Path)
	if errno != 0 {
		return fail(errno)
	}
	if n == nil && op.Kind != vol.Mkdir && op.Kind != vol.Open && op.Kind != vol.Rename {
		return fail(syscall.ENOENT)
	}
	switch op.Kind {
	case vol.Open:
		return m.open(op, id, dir, name, n)
	case vol.Mkdir:
		if n != nil {
			return fail(syscall.EEXIST)
		}
		m.name(dir, name, &node{dir: map[string]*node{}})
	case vol.Rmdir:
		if n.dir == nil {
			return fail(syscall.ENOTDIR)
		}
		if len(n.dir) > 0 {
			return fail(syscall.ENOTEMPTY)
		}
		m.name(dir, name, nil)
	case vol.Unlink:
		if n.dir != nil {
			return fail(syscall.EISDIR)
		}
		m.name(dir, name, nil)
	case vol.Rename:
		return m.rename(op, dir, name, n)
	case vol.ReadDir:
		if n.dir == nil {
			return fail(syscall.ENOTDIR)
		}
		res := vol.Result{}
		for _, name := range slices.Sorted(maps.Keys(n.dir)) {
			res.Entries = append(res.Entries, vol.Info{Name: name})
		}
		return res
	}
	return vol.Result{}
}

func (m *model) name(dir *node, name string, n *node) {
	m.seq++
	if n == nil {
		delete(dir.dir, name)
		return
	}
	n.named = m.seq
	dir.dir[name] = n
}

func (m *model) open(op vol.Op, id vol.FileID, dir *node, name string, n *node) vol.Result {
	write := op.Flag&(os.O_WRONLY|os.O_RDWR) != 0
	switch {
	case n == nil && op.Flag&os.O_CREATE == 0:
		return vol.Result{Errno: syscall.ENOENT}
	case n == nil:
		n = &node{}
		m.name(dir, name, n)
	case op.Flag&os.O_EXCL != 0:
		return vol.Result{Errno: syscall.EEXIST}
	case n.dir != nil && (write || op.Flag&os.O_CREATE != 0):
		return vol.Result{Errno: syscall.EISDIR}
	}
	if op.Flag&os.O_TRUNC != 0 && write && len(n.data) > 0 {
		n.data, n.dirty = nil, true
	}
	m.files[id] = &open{n, op.Flag}
	return vol.Result{File: id, Info: vol.Info{Size: int64(len(n.data))}}
}

func (m *model) rename(op vol.Op, dir *node, name string, n *node) vol.Result {
	toDir, toName, to, errno := m.find(op.To)
	switch {
	case errno != 0:
	case n == nil:
		errno = syscall.ENOENT
	case strings.HasPrefix(op.To, op.Path+"/"):
		errno = syscall.EINVAL
	case strings.HasPrefix(op.Path, op.To+"/"):
		errno = syscall.ENOTEMPTY
	case to == nil:
	case to == n:
		return vol.Result{}
	case n.dir != nil && to.dir == nil:
		errno = syscall.ENOTDIR
	case n.dir == nil && to.dir != nil:
		errno = syscall.EISDIR
	case len(to.dir) > 0:
		errno = syscall.ENOTEMPTY
	}
	if errno != 0 {
		return vol.Result{Errno: errno}
	}
	m.name(dir, name, nil)
	m.name(toDir, toName, n)
	if n.dir != nil {
		m.movedAt = m.seq
	}
	return vol.Result{}
}

func (m *model) onFile(op vol.Op) vol.Result {
	f := m.files[op.File]
	if f == nil {
		return vol.Result{Errno: syscall.EBADF}
	}
	n := f.n
	switch op.Kind {
	case vol.Close:
		delete(m.files, op.File)
	case vol.Sync:
		n.dirty, m.synced = false, m.seq
	case vol.Read:
		if op.Off >= int64(len(n.data)) {
			return vol.Result{}
		}
		return vol.Result{N: copy(op.Data, n.data[op.Off:])}
	case vol.Write:
		off := op.Off
		if f.flag&os.O_APPEND != 0 {
			off = int64(len(n.data))
		}
		n.resize(max(int64(len(n.data)), off+int64(len(op.Data))))
		copy(n.data[off:], op.Data)
		return vol.Result{N: len(op.Data)}
	case vol.Truncate:
		n.resize(op.Size)
	}
	return vol.Result{}
}

func (n *node) resize(size int64) {
	n.dirty = true
	if size <= int64(len(n.data)) {
		n.data = n.data[:size:size]
		return
	}
	n.data = append(n.data, make([]byte, size-int64(len(n.data)))...)
}

// each visits every file and directory below the root by path.
func (m *model) each(f func(p string, n *node)) { m.root.each(".", f) }

func (n *node) each(at string, f func(p string, n *node)) {
	for _, name := range slices.Sorted(maps.Keys(n.dir)) {
		p := path.Join(at, name)
		f(p, n.dir[name])
		n.dir[name].each(p, f)
	}
}

// randomOp makes an operation that often works and sometimes cannot.
func (m *model) randomOp(rng *rand.Rand) vol.Op {
	names := []string{"a", "b", "c", "d", "a/a", "a/b", "b/a", "b/c", "a/a/a", "c/d/e"}
	pick := func() string { return names[rng.IntN(len(names))] }
	flags := []int{os.O_RDWR, os.O_RDWR | os.O_CREATE, os.O_RDWR | os.O_CREATE,
		os.O_RDWR | os.O_CREATE | os.O_TRUNC, os.O_RDWR | os.O_CREATE | os.O_EXCL, os.O_RDWR | os.O_APPEND}
	switch n := rng.IntN(100); {
	case n < 15 || len(m.files) == 0:
		return vol.Op{Kind: vol.Open, Path: pick(), Flag: flags[rng.IntN(len(flags))]}
	case n < 23:
		return vol.Op{Kind: vol.Mkdir, Path: pick()}
	case n < 26:
		return vol.Op{Kind: vol.Rmdir, Path: pick()}
	case n < 31:
		return vol.Op{Kind: vol.Unlink, Path: pick()}
	case n < 38:
		return vol.Op{Kind: vol.Rename, Path: pick(), To: pick()}
	case n < 43:
		return vol.Op{Kind: vol.ReadDir, Path: pick()}
	default:
		return m.randomFileOp(rng, n)
	}
}

func (m *model) randomFileOp(rng *rand.Rand, n int) vol.Op {
	ids := slices.Sorted(maps.Keys(m.files))
	op := vol.Op{File: ids[rng.IntN(len(ids))], Off: rng.Int64N(20000)}
	switch {
	case n < 48:
		op.Kind = vol.Close
	case n < 55:
		op.Kind = vol.Sync
	case n < 60:
		op.Kind, op.Size = vol.Truncate, rng.Int64N(20000)
	case n < 80:
		op.Kind, op.Data = vol.Read, make([]byte, rng.IntN(9000))
	default:
		op.Kind, op.Data = vol.Write, make([]byte, rng.IntN(9000))
		for i := range op.Data {
			op.Data[i] = byte(rng.Uint32())
		}
	}
	return op
}
