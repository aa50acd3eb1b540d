package array

import (
	"os"
	"slices"
	"strings"
	"syscall"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

func failed(errno syscall.Errno) vol.Result { return vol.Result{Errno: errno} }

// execute does the operation now, and then what follows from it inside the
// array.
func (v *Volume) execute(op *vol.Op, h *handle, dec *decision) vol.Result {
	res := v.perform(op, h, dec)
	v.unify()
	v.tellDiscard()
	return res
}

// tellDiscard lets the bugs on the volume know that room was given back.
func (v *Volume) tellDiscard() {
	if !v.discarded {
		return
	}
	v.discarded = false
	v.fleet.tellOf(v, bug.EventDiscard)
}

// perform does the operation itself. Faults of the decision that concern data
// and durability happen here; those that refuse or delay have had their turn.
func (v *Volume) perform(op *vol.Op, h *handle, dec *decision) vol.Result {
	switch op.Kind {
	case vol.Open:
		return v.open(op)
	case vol.Read:
		return v.read(op, h, dec)
	case vol.Write:
		return v.write(op, h, dec)
	case vol.Truncate:
		return v.truncate(op, h)
	case vol.Sync:
		return v.doSync(h, dec)
	case vol.SyncDir:
		return v.doSyncDir(op, dec)
	case vol.Close:
		return v.close(op, h)
	case vol.Stat:
		return v.stat(op, h)
	case vol.ReadDir:
		return v.readDir(op, dec)
	case vol.Mkdir:
		return v.mkdir(op)
	case vol.Rmdir:
		return v.rmdir(op)
	case vol.Unlink:
		return v.unlink(op)
	case vol.Rename:
		return v.rename(op)
	case vol.Statfs:
		return vol.Result{Space: v.reported(v.space())}
	case vol.SetAttr:
		return v.setAttr(op, h)
	case vol.Symlink:
		return v.symlink(op)
	}
	return failed(syscall.ENOSYS)
}

func writable(flag int) bool { return flag&(os.O_WRONLY|os.O_RDWR) != 0 }

func (v *Volume) open(op *vol.Op) vol.Result {
	at, errno := v.find(op.Path)
	if errno != 0 {
		return failed(errno)
	}
	n := at.node
	switch {
	case n == nil && op.Flag&os.O_CREATE == 0:
		return failed(syscall.ENOENT)
	case n == nil:
		if v.array.usedInodes >= v.array.cfg.Inodes {
			return failed(syscall.ENOSPC)
		}
		n = v.create(at, fileMode, op.Attr)
		v.add(slotFiles, 1)
	case op.Flag&os.O_CREATE != 0 && op.Flag&os.O_EXCL != 0:
		return failed(syscall.EEXIST)
	case n.isDir() && (writable(op.Flag) || op.Flag&os.O_CREATE != 0):
		return failed(syscall.EISDIR)
	case !n.isDir() && op.Flag&syscall.O_DIRECTORY != 0:
		return failed(syscall.ENOTDIR)
	case n.isLink():
		return failed(syscall.ELOOP)
	case op.Flag&os.O_CREATE != 0:
		v.adopt(at)
	}
	if op.Flag&os.O_TRUNC != 0 && writable(op.Flag) && n.real().seen.size > 0 {
		v.cutOff(n, op.Path, 0)
		v.setSize(n, 0)
	}
	v.lastFile++
	n.opens++
	v.files[v.lastFile] = &handle{node: n, dir: at.parent(), path: op.Path, flag: op.Flag}
	return vol.Result{File: v.lastFile, Info: n.info(at.label())}
}

func (at place) label() string {
	if at.dir == nil {
		return "."
	}
	return at.name
}

func (v *Volume) create(at place, mode os.FileMode, a *vol.Attr) *inode {
	n := v.newInode(mode)
	if a != nil {
		n.set(a)
	}
	v.log(entry{changes: []change{{at.dir, at.name, n}}})
	return n
}

// openFor returns the inode of a handle that may be used to read or to write.
func openFor(h *handle, write bool) (*inode, syscall.Errno) {
	switch {
	case h == nil:
		return nil, syscall.EBADF
	case write && !writable(h.flag):
		return nil, syscall.EBADF
	case !write && h.flag&os.O_WRONLY != 0:
		return nil, syscall.EBADF
	case h.node.isDir():
		return nil, syscall.EISDIR
	}
	return h.node, 0
}

func (v *Volume) read(op *vol.Op, h *handle, dec *decision) vol.Result {
	n, errno := openFor(h, false)
	if errno == 0 && op.Off < 0 {
		errno = syscall.EINVAL
	}
	if errno != 0 {
		return failed(errno)
	}
	if v.beyondReach(n, op.Off, int(min(int64(len(op.Data)), max(0, n.real().seen.size-op.Off)))) {
		return failed(syscall.EIO)
	}
	done := n.real().seen.readAt(op.Data, op.Off)
	if n.actual != nil && n.hurt != nil {
		n.noticeDamage(op.Data[:done], op.Off)
	}
	for _, g := range dec.hits {
		done = v.spoilRead(g, n, h, op, done)
	}
	h.moved(op.Off, done)
	return vol.Result{N: done}
}

func (v *Volume) write(op *vol.Op, h *handle, dec *decision) vol.Result {
	n, errno := openFor(h, true)
	if errno != 0 {
		return failed(errno)
	}
	off := op.Off
	if h.flag&os.O_APPEND != 0 {
		off = n.real().seen.size
	}
	if off < 0 {
		return failed(syscall.EINVAL)
	}
	if len(op.Data) == 0 {
		return vol.Result{}
	}
	if off+int64(len(op.Data)) > MaxFile {
		return failed(syscall.EFBIG)
	}
	if v.beyondReach(n, off, len(op.Data)) {
		return failed(syscall.EIO)
	}
	need, errno := v.need(n, off, len(op.Data))
	if errno != 0 {
		return failed(errno)
	}
	if len(dec.hits) == 0 {
		v.charge(need)
		n.both(func(i *image) { i.seen.writeAt(op.Data, off, v.epoch) })
		h.wrote(off, len(op.Data))
	} else {
		v.spoilWrite(dec.hits, n, h, op.Data, off)
	}
	v.overwritten(h, off, len(op.Data), dec)
	v.touch(n, int(off/BlockSize), blocksFor(off+int64(len(op.Data))))
	return vol.Result{N: len(op.Data)}
}

func (v *Volume) touch(n *inode, from, to int) {
	n.mtime, n.aged = v.fleet.clock.Now(), false
	v.dirtyBlocks += n.dirty.add(from, to)
	if !n.listed {
		n.listed = true
		v.dirty = append(v.dirty, n)
	}
}

func (v *Volume) truncate(op *vol.Op, h *handle) vol.Result {
	var n *inode
	path := op.Path
	if op.File != 0 {
		var errno syscall.Errno
		if n, errno = openFor(h, true); errno == syscall.EBADF && h != nil {
			errno = syscall.EINVAL // as ftruncate says of a file not open for writing
		}
		if errno != 0 {
			return failed(errno)
		}
		path = h.path
	} else {
		at, errno := v.existing(op.Path)
		if errno != 0 {
			return failed(errno)
		}
		n = at.node
	}
	switch {
	case n.isDir():
		return failed(syscall.EISDIR)
	case n.isLink():
		return failed(syscall.EINVAL)
	case op.Size < 0:
		return failed(syscall.EINVAL)
	case op.Size > MaxFile:
		return failed(syscall.EFBIG)
	}
	v.cutOff(n, path, op.Size)
	v.setSize(n, op.Size)
	return vol.Result{}
}

func (v *Volume) setSize(n *inode, size int64) {
	before := n.room()
	n.both(func(i *image) { i.seen.truncate(size, v.epoch) })
	v.charge(n.room() - before)
	v.discarded = v.discarded || n.room() < before
	n.beyond.drop(blocksFor(size))
	last := int(size / BlockSize)
	v.touch(n, last, last) // listed, with nothing dirty
	if size%BlockSize != 0 {
		v.touch(n, last, last+1)
	}
	v.log(entry{file: n, size: size})
}

func (v *Volume) close(op *vol.Op, h *handle) vol.Result {
	if h == nil {
		return failed(syscall.EBADF)
	}
	h.closed = true
	v.closeIdle(op.File, h)
	return vol.Result{}
}

func (v *Volume) stat(op *vol.Op, h *handle) vol.Result {
	if op.File != 0 {
		name := h.path[strings.LastIndexByte(h.path, '/')+1:]
		return vol.Result{Info: h.node.info(name)}
	}
	at, errno := v.existing(op.Path)
	if errno != 0 {
		return failed(errno)
	}
	return vol.Result{Info: at.node.info(at.label())}
}

func (v *Volume) readDir(op *vol.Op, dec *decision) vol.Result {
	at, errno := v.existing(op.Path)
	if errno != 0 {
		return failed(errno)
	}
	if !at.node.isDir() {
		return failed(syscall.ENOTDIR)
	}
	names := at.node.real().seen.names
	list := make([]vol.Info, 0, len(names))
	for name, n := range names {
		list = append(list, n.info(name))
	}
	slices.SortFunc(list, func(a, b vol.Info) int { return strings.Compare(a.Name, b.Name) })
	if n := at.node; n.actual != nil && n.hurt != nil && !sameNames(&n.truth.seen, &n.actual.seen) {
		n.hurt.observe()
	}
	return vol.Result{Entries: v.hideEntries(list, op.Path, dec)}
}

func (v *Volume) mkdir(op *vol.Op) vol.Result {
	at, errno := v.find(op.Path)
	switch {
	case errno != 0:
		return failed(errno)
	case at.node != nil:
		return failed(syscall.EEXIST)
	case v.array.usedInodes >= v.array.cfg.Inodes:
		return failed(syscall.ENOSPC)
	}
	n := v.create(at, dirMode, op.Attr)
	return vol.Result{Info: n.info(at.name)}
}

func (v *Volume) rmdir(op *vol.Op) vol.Result {
	at, errno := v.existing(op.Path)
	switch {
	case errno != 0:
		return failed(errno)
	case at.dir == nil:
		return failed(syscall.EBUSY)
	case !at.node.isDir():
		return failed(syscall.ENOTDIR)
	case len(at.node.real().seen.names) > 0:
		return failed(syscall.ENOTEMPTY)
	}
	v.remove(at)
	return vol.Result{}
}

func (v *Volume) unlink(op *vol.Op) vol.Result {
	at, errno := v.existing(op.Path)
	switch {
	case errno != 0:
		return failed(errno)
	case at.node.isDir():
		return failed(syscall.EISDIR)
	}
	v.remove(at)
	return vol.Result{}
}

func (v *Volume) remove(at place) {
	v.bury(at)
	v.log(entry{changes: []change{{at.dir, at.name, nil}}})
	at.node.linked = false
	v.release(at.node)
}

func (v *Volume) rename(op *vol.Op) vol.Result {
	from, errno := v.find(op.Path)
	if errno != 0 {
		return failed(errno)
	}
	to, errno := v.find(op.To)
	if errno == 0 && from.node == nil {
		errno = syscall.ENOENT
	}
	if errno != 0 {
		return failed(errno)
	}
	if errno := renamable(op, from, to); errno != 0 {
		return failed(errno)
	}
	if from.node == to.node {
		return vol.Result{}
	}
	v.log(entry{barrier: from.node.isDir(),
		changes: []change{{from.dir, from.name, nil}, {to.dir, to.name, from.node}}})
	if to.node != nil {
		to.node.linked = false
		v.release(to.node)
	}
	return vol.Result{}
}

func renamable(op *vol.Op, from, to place) syscall.Errno {
	switch {
	case from.dir == nil || to.dir == nil:
		return syscall.EBUSY
	case strings.HasPrefix(op.To, op.Path+"/"):
		return syscall.EINVAL
	case strings.HasPrefix(op.Path, op.To+"/"):
		return syscall.ENOTEMPTY
	case to.node == nil || from.node == to.node:
		return 0
	case from.node.isDir() && !to.node.isDir():
		return syscall.ENOTDIR
	case !from.node.isDir() && to.node.isDir():
		return syscall.EISDIR
	case to.node.isDir() && len(to.node.real().seen.names) > 0:
		return syscall.ENOTEMPTY
	}
	return 0
}
