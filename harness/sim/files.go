package sim

import (
	"encoding/binary"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"fourdays/harness/sim/guest"
	"fourdays/storage/vol"
)

// file is an open descriptor of a program.
type file struct {
	kind     fileKind
	vol      vol.Volume
	id       vol.FileID
	path     string // on its volume, or from the root for a directory of the kernel's own
	off      int64
	appends  bool
	nonblock bool
	synced   bool       // O_SYNC: a write is answered when it is durable
	list     []vol.Info // a directory being read
	pending  *pending
}

type fileKind uint8

const (
	stdioFile fileKind = iota
	rootDir
	volDir
	volFile
	deviceFile
)

// pending is a read or write that was begun and answered EAGAIN; the program
// asks again when the poller says so.
type pending struct {
	op   vol.Op
	res  vol.Result
	done bool
}

// files is a program's table of descriptors and what is mounted where.
type files struct {
	mounts []Mount
	open   map[uint32]*file
}

// rootFD is the one directory a program finds open: everything is below it.
const rootFD = 3

func (t *files) init(mounts []Mount) {
	t.mounts = mounts
	t.open = map[uint32]*file{0: {}, 1: {}, 2: {}, rootFD: {kind: rootDir}}
}

func (t *files) add(f *file) uint32 {
	fd := uint32(rootFD + 1)
	for t.open[fd] != nil {
		fd++
	}
	t.open[fd] = f
	return fd
}

// resolve finds the volume that a path of the program lies on, and the path
// there. The volume is nil for the root and for the kernel's device.
func (t *files) resolve(p string) (vol.Volume, string) {
	p = path.Clean("/" + p)
	for _, m := range t.mounts {
		if p == m.Path {
			return m.Volume, "."
		}
		if rest, ok := strings.CutPrefix(p, m.Path+"/"); ok {
			return m.Volume, rest
		}
	}
	return nil, p
}

// at is the path argument of a path_* call.
func (g *process) at(fd, ptr, n uint64) (vol.Volume, string) {
	name := string(g.mem(ptr, n))
	if f := g.files.open[uint32(fd)]; f != nil && f.kind == volDir && !path.IsAbs(name) {
		return f.vol, path.Join(f.path, name)
	}
	return g.files.resolve(name)
}

// ready says whether a read or write of the descriptor would not wait.
func (t *files) ready(g *process, fd uint32, _ bool) bool {
	f := t.open[fd]
	switch {
	case f == nil || f.kind == stdioFile && fd != 0:
		return true
	case f.kind == deviceFile:
		return len(g.frames) > 0
	case f.kind == stdioFile:
		return false // nothing ever comes in
	}
	return f.pending == nil || f.pending.done
}

// do asks a volume and stops the whole program until it answers. Operations on
// names never wait (see NoWait), so only what cannot park a goroutine stops.
func (g *process) do(v vol.Volume, op *vol.Op) vol.Result {
	p := g.begin(v, op)
	if !p.done {
		g.m.sim.stops[op.Kind.String()]++
	}
	for !p.done {
		g.park()
	}
	return p.res
}

// begin asks a volume and goes on; the program is woken by the answer.
func (g *process) begin(v vol.Volume, op *vol.Op) *pending {
	p := &pending{op: *op}
	g.submit(v, &p.op, func(r vol.Result) { g.answer(p, r) })
	return p
}

func (g *process) answer(p *pending, r vol.Result) {
	p.res, p.done = r, true
	g.wake()
}

// beginSynced is begin for a write to a file opened with O_SYNC.
func (g *process) beginSynced(v vol.Volume, op *vol.Op) *pending {
	p := &pending{op: *op}
	g.submit(v, &p.op, func(r vol.Result) {
		if r.Errno != 0 {
			g.answer(p, r)
			return
		}
		g.submit(v, &vol.Op{Kind: vol.Sync, File: op.File}, func(s vol.Result) {
			r.Errno = s.Errno
			g.answer(p, r)
		})
	})
	return p
}

func (g *process) name(v vol.Volume, op vol.Op) vol.Result {
	if v == nil {
		return vol.Result{Errno: syscall.EACCES}
	}
	op.NoWait = true
	return g.do(v, &op)
}

func (g *process) file(fd uint64, kinds ...fileKind) (*file, syscall.Errno) {
	f := g.files.open[uint32(fd)]
	if f == nil {
		return nil, syscall.EBADF
	}
	for _, k := range kinds {
		if f.kind == k {
			return f, 0
		}
	}
	if len(kinds) > 0 {
		return nil, syscall.EINVAL
	}
	return f, 0
}

func fdClose(g *process, a []uint64) syscall.Errno {
	f, errno := g.file(a[0])
	if errno != 0 {
		return errno
	}
	delete(g.files.open, uint32(a[0]))
	if f.kind == volFile {
		return g.name(f.vol, vol.Op{Kind: vol.Close, File: f.id}).Errno
	}
	return 0
}

// WASI's names for what a descriptor is.
const (
	typeChar, typeDir, typeFile = 2, 3, 4
	flagAppend, flagNonblock    = 1, 4
	flagsSync                   = 2 | 16 // DSYNC, SYNC
	allRights                   = 1<<29 - 1
)

func (f *file) wasiType() byte {
	switch f.kind {
	case rootDir, volDir:
		return typeDir
	case volFile:
		return typeFile
	}
	return typeChar
}

func fdFdstatGet(g *process, a []uint64) syscall.Errno {
	f, errno := g.file(a[0])
	if errno != 0 {
		return errno
	}
	b := g.mem(a[1], 24)
	clear(b)
	b[0] = f.wasiType()
	if f.appends {
		b[2] |= flagAppend
	}
	if f.nonblock {
		b[2] |= flagNonblock
	}
	binary.LittleEndian.PutUint64(b[8:], allRights)
	binary.LittleEndian.PutUint64(b[16:], allRights)
	return 0
}

func fdFdstatSetFlags(g *process, a []uint64) syscall.Errno {
	f, errno := g.file(a[0])
	if errno == 0 {
		f.nonblock = a[1]&flagNonblock != 0
		f.appends = a[1]&flagAppend != 0
	}
	return errno
}

func fdPrestatGet(g *process, a []uint64) syscall.Errno {
	if a[0] != rootFD {
		return syscall.EBADF
	}
	g.put32(a[1], 0)
	g.put32(a[1]+4, 1)
	return 0
}

func fdPrestatDirName(g *process, a []uint64) syscall.Errno {
	if a[0] != rootFD {
		return syscall.EBADF
	}
	copy(g.mem(a[1], a[2]), "/")
	return 0
}

// WASI's open flags and the two rights that say read and write.
const (
	openCreate, openDirectory, openExcl, openTrunc = 1, 2, 4, 8
	rightRead, rightWrite                          = 1 << 1, 1 << 6
)

func pathOpen(g *process, a []uint64) syscall.Errno {
	oflags, rights, fdflags := a[4], a[5], a[7]
	v, p := g.at(a[0], a[2], a[3])
	f := &file{vol: v, path: p, appends: fdflags&flagAppend != 0, nonblock: fdflags&flagNonblock != 0, synced: fdflags&flagsSync != 0}
	errno := g.openFile(f, openFlags(oflags, rights, fdflags), oflags&openDirectory != 0)
	if errno == 0 {
		g.put32(a[8], g.files.add(f))
	}
	return errno
}

func openFlags(oflags, rights, fdflags uint64) int {
	flag := os.O_RDONLY
	switch {
	case rights&rightWrite != 0 && rights&rightRead != 0:
		flag = os.O_RDWR
	case rights&rightWrite != 0:
		flag = os.O_WRONLY
	}
	for bit, f := range map[uint64]int{openCreate: os.O_CREATE, openExcl: os.O_EXCL, openTrunc: os.O_TRUNC} {
		if oflags&bit != 0 {
			flag |= f
		}
	}
	if fdflags&flagAppend != 0 {
		flag |= os.O_APPEND
	}
	return flag
}

func (g *process) openFile(f *file, flag int, wantDir bool) syscall.Errno {
	switch {
	case f.vol == nil && f.path == guest.Device:
		f.kind = deviceFile
		return 0
	case f.vol == nil && f.path == "/":
		f.kind = rootDir
		return 0
	case f.vol == nil:
		return syscall.ENOENT
	}
	st := g.name(f.vol, vol.Op{Kind: vol.Stat, Path: f.path})
	switch {
	case st.Errno == 0 && st.Info.Mode.IsDir():
		f.kind = volDir
		return openDirErrno(flag)
	case wantDir && st.Errno == 0:
		return syscall.ENOTDIR
	case wantDir:
		return st.Errno
	}
	r := g.name(f.vol, vol.Op{Kind: vol.Open, Path: f.path, Flag: flag})
	f.kind, f.id = volFile, r.File
	return r.Errno
}

// openDirErrno says how the flags of a file go with a directory.
func openDirErrno(flag int) syscall.Errno {
	switch {
	case flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0:
		return syscall.EEXIST
	case flag&(os.O_WRONLY|os.O_RDWR|os.O_CREATE|os.O_TRUNC) != 0:
		return syscall.EISDIR
	}
	return 0
}

func pathCreateDirectory(g *process, a []uint64) syscall.Errno {
	v, p := g.at(a[0], a[1], a[2])
	if v == nil {
		return syscall.EEXIST // the root and the mount points are there
	}
	return g.name(v, vol.Op{Kind: vol.Mkdir, Path: p}).Errno
}

func pathRemoveDirectory(g *process, a []uint64) syscall.Errno {
	v, p := g.at(a[0], a[1], a[2])
	return g.name(v, vol.Op{Kind: vol.Rmdir, Path: p}).Errno
}

func pathUnlinkFile(g *process, a []uint64) syscall.Errno {
	v, p := g.at(a[0], a[1], a[2])
	return g.name(v, vol.Op{Kind: vol.Unlink, Path: p}).Errno
}

func pathRename(g *process, a []uint64) syscall.Errno {
	v, from := g.at(a[0], a[1], a[2])
	w, to := g.at(a[3], a[4], a[5])
	if v != w {
		return syscall.EXDEV
	}
	return g.name(v, vol.Op{Kind: vol.Rename, Path: from, To: to}).Errno
}

func pathFilestatGet(g *process, a []uint64) syscall.Errno {
	v, p := g.at(a[0], a[2], a[3])
	if v == nil && p == "/" {
		return g.putStat(a[4], vol.Info{Mode: fs.ModeDir | 0o755, Ino: 1}, typeDir)
	}
	if v == nil {
		return syscall.ENOENT
	}
	return g.putVolStat(a[4], g.name(v, vol.Op{Kind: vol.Stat, Path: p}))
}

func fdFilestatGet(g *process, a []uint64) syscall.Errno {
	f, errno := g.file(a[0])
	switch {
	case errno != 0:
		return errno
	case f.kind == volFile:
		return g.putVolStat(a[1], g.name(f.vol, vol.Op{Kind: vol.Stat, File: f.id}))
	case f.kind == volDir:
		return g.putVolStat(a[1], g.name(f.vol, vol.Op{Kind: vol.Stat, Path: f.path}))
	}
	return g.putStat(a[1], vol.Info{Ino: 1}, f.wasiType())
}

func (g *process) putVolStat(p uint64, r vol.Result) syscall.Errno {
	if r.Errno != 0 {
		return r.Errno
	}
	kind := byte(typeFile)
	if r.Info.Mode.IsDir() {
		kind = typeDir
	}
	return g.putStat(p, r.Info, kind)
}

func (g *process) putStat(p uint64, i vol.Info, kind byte) syscall.Errno {
	b := g.mem(p, 64)
	clear(b)
	mtime := uint64(g.m.sim.cfg.Epoch.Add(i.MTime).UnixNano())
	binary.LittleEndian.PutUint64(b, 1)
	binary.LittleEndian.PutUint64(b[8:], i.Ino)
	b[16] = kind
	binary.LittleEndian.PutUint64(b[24:], 1)
	binary.LittleEndian.PutUint64(b[32:], uint64(i.Size))
	for _, at := range []int{40, 48, 56} {
		binary.LittleEndian.PutUint64(b[at:], mtime)
	}
	return 0
}

func fdReaddir(g *process, a []uint64) syscall.Errno {
	f, errno := g.file(a[0], rootDir, volDir)
	if errno != 0 {
		return errno
	}
	cookie := a[3]
	if cookie == 0 {
		if errno := g.list(f); errno != 0 {
			return errno
		}
	}
	out := g.mem(a[1], a[2])
	n := 0
	for i := cookie; i < uint64(len(f.list)) && n < len(out); i++ {
		n += copy(out[n:], dirent(f.list[i], i+1))
	}
	g.put32(a[4], uint32(n))
	return 0
}

func (g *process) list(f *file) syscall.Errno {
	f.list = nil
	if f.kind == rootDir {
		for _, m := range g.files.mounts {
			f.list = append(f.list, vol.Info{Name: m.Path[1:], Mode: fs.ModeDir})
		}
		return 0
	}
	r := g.name(f.vol, vol.Op{Kind: vol.ReadDir, Path: f.path})
	f.list = r.Entries
	return r.Errno
}

func dirent(i vol.Info, next uint64) []byte {
	b := make([]byte, 24, 24+len(i.Name))
	binary.LittleEndian.PutUint64(b, next)
	binary.LittleEndian.PutUint64(b[8:], i.Ino)
	binary.LittleEndian.PutUint32(b[16:], uint32(len(i.Name)))
	b[20] = typeFile
	if i.Mode.IsDir() {
		b[20] = typeDir
	}
	return append(b, i.Name...)
}
