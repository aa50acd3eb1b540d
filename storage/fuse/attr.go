//go:build linux

package fuse

import (
	"io/fs"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"fourdays/storage/vol"
)

// blockSize is what a program is told to write at once, sectorSize the unit in
// which stat counts room.
const (
	blockSize  = 4096
	sectorSize = 512
)

// GetAttr implements RawFileSystem.
func (d *door) GetAttr(cancel <-chan struct{}, in *gofuse.GetAttrIn, out *gofuse.AttrOut) gofuse.Status {
	n := d.table.get(in.NodeId)
	i, errno := d.describe(asker(cancel, &in.InHeader), n)
	if errno != 0 {
		return status(errno)
	}
	d.fill(&out.Attr, &i, d.table.linked(n))
	out.SetTimeout(believed)
	return gofuse.OK
}

// describe asks for a node's attributes, by an open file if there is one: that
// works whatever the file is called now.
func (d *door) describe(w who, n *node) (vol.Info, syscall.Errno) {
	if n == nil {
		return vol.Info{}, syscall.ESTALE
	}
	if f := d.table.file(n); f != 0 {
		if res := d.ask(w, vol.Op{Kind: vol.Stat, File: f}); res.Errno != syscall.EBADF {
			return res.Info, res.Errno
		}
	}
	if i, gone := d.table.remembered(n); gone { // a directory that is open still
		return i, 0
	}
	res := d.onNode(w, n, vol.Op{Kind: vol.Stat})
	return res.Info, res.Errno
}

// SetAttr implements RawFileSystem.
func (d *door) SetAttr(cancel <-chan struct{}, in *gofuse.SetAttrIn, out *gofuse.AttrOut) gofuse.Status {
	w, n := asker(cancel, &in.InHeader), d.table.get(in.NodeId)
	if n == nil {
		return status(syscall.ESTALE)
	}
	if size, ok := in.GetSize(); ok {
		if errno := d.truncate(w, n, in, int64(size)); errno != 0 {
			return status(errno)
		}
	}
	if errno := d.change(w, n, in); errno != 0 {
		return status(errno)
	}
	i, errno := d.describe(w, n)
	if errno != 0 {
		return status(errno)
	}
	d.table.seen(n, i)
	d.fill(&out.Attr, &i, d.table.linked(n))
	out.SetTimeout(believed)
	return gofuse.OK
}

// truncate sets a size. While it does, the kernel lets nobody rename the file.
func (d *door) truncate(w who, n *node, in *gofuse.SetAttrIn, size int64) syscall.Errno {
	op := vol.Op{Kind: vol.Truncate, Size: size}
	if f, ok := in.GetFh(); ok {
		op.File = vol.FileID(f)
		return d.ask(w, op).Errno
	}
	return d.onPath(w, n, "", op).Errno
}

// change sets what is neither a size nor a time of access: those are not kept.
func (d *door) change(w who, n *node, in *gofuse.SetAttrIn) syscall.Errno {
	a := &vol.Attr{}
	if mode, ok := in.GetMode(); ok {
		a.Has |= vol.HasPerm
		a.Perm = permOf(mode)
	} else if in.Valid&gofuse.FATTR_KILL_SUIDGID != 0 {
		return d.dropPrivileges(w, n, in)
	}
	d.changeOwner(a, in)
	if t, ok := in.GetMTime(); ok {
		a.Has |= vol.HasMTime
		a.MTime = t.Sub(d.zero)
	}
	return d.set(w, n, a)
}

func (d *door) changeOwner(a *vol.Attr, in *gofuse.SetAttrIn) {
	if uid, ok := in.GetUID(); ok {
		a.Has |= vol.HasUID
		a.UID = uid
	}
	if gid, ok := in.GetGID(); ok {
		a.Has |= vol.HasGID
		a.GID = gid
	}
}

func (d *door) set(w who, n *node, a *vol.Attr) syscall.Errno {
	if a.Has == 0 {
		return 0
	}
	op := vol.Op{Kind: vol.SetAttr, Attr: a}
	if f := d.table.file(n); f != 0 {
		op.File = f
		if res := d.ask(w, op); res.Errno != syscall.EBADF {
			return res.Errno
		}
		op.File = 0
	}
	return d.onPath(w, n, "", op).Errno
}

// dropPrivileges takes setuid and setgid from a file that somebody else changes;
// the kernel leaves that to whoever keeps the attributes.
func (d *door) dropPrivileges(w who, n *node, in *gofuse.SetAttrIn) syscall.Errno {
	a := &vol.Attr{}
	if in != nil {
		d.changeOwner(a, in)
	}
	i, errno := d.describe(w, n)
	if errno != 0 {
		return errno
	}
	left := i.Mode &^ fs.ModeSetuid
	if i.Mode&0o010 != 0 {
		left &^= fs.ModeSetgid // without group execution it means mandatory locking
	}
	if left != i.Mode && !i.Mode.IsDir() {
		a.Has |= vol.HasPerm
		a.Perm = left
	}
	return d.set(w, n, a)
}

// fill makes the kernel's attributes of the volume's.
func (d *door) fill(out *gofuse.Attr, i *vol.Info, linked bool) {
	*out = gofuse.Attr{Ino: i.Ino, Size: uint64(i.Size), Blocks: uint64(i.Size+sectorSize-1) / sectorSize,
		Mode: modeOf(i.Mode), Blksize: blockSize, Owner: gofuse.Owner{Uid: i.UID, Gid: i.GID}}
	if linked {
		out.Nlink = 1
	}
	t := d.zero.Add(i.MTime)
	out.SetTimes(&t, &t, &t)
}

var special = []struct {
	go_  fs.FileMode
	unix uint32
}{{fs.ModeSetuid, syscall.S_ISUID}, {fs.ModeSetgid, syscall.S_ISGID}, {fs.ModeSticky, syscall.S_ISVTX}}

func modeOf(m fs.FileMode) uint32 {
	out := uint32(m.Perm())
	for _, s := range special {
		if m&s.go_ != 0 {
			out |= s.unix
		}
	}
	switch m.Type() {
	case fs.ModeDir:
		return out | syscall.S_IFDIR
	case fs.ModeSymlink:
		return out | syscall.S_IFLNK
	}
	return out | syscall.S_IFREG
}

func permOf(mode uint32) fs.FileMode {
	out := fs.FileMode(mode & 0o777)
	for _, s := range special {
		if mode&s.unix != 0 {
			out |= s.go_
		}
	}
	return out
}

// newAttr is what a new file begins with: its maker's, but for what a directory
// with setgid hands down.
func (d *door) newAttr(h *gofuse.InHeader, mode uint32, isDir bool) *vol.Attr {
	a := &vol.Attr{Has: vol.HasPerm | vol.HasUID | vol.HasGID, Perm: permOf(mode), UID: h.Uid, GID: h.Gid}
	if parent, gid := d.table.inherits(h.NodeId); parent&fs.ModeSetgid != 0 {
		a.GID = gid
		if isDir {
			a.Perm |= fs.ModeSetgid
		}
	}
	return a
}

// StatFs implements RawFileSystem.
func (d *door) StatFs(cancel <-chan struct{}, in *gofuse.InHeader, out *gofuse.StatfsOut) gofuse.Status {
	res := d.ask(asker(cancel, in), vol.Op{Kind: vol.Statfs, Path: "."})
	if res.Errno != 0 {
		return status(res.Errno)
	}
	s := res.Space
	*out = gofuse.StatfsOut{Blocks: uint64(s.Bytes / blockSize), Bfree: uint64(s.FreeBytes / blockSize),
		Bavail: uint64(s.FreeBytes / blockSize), Files: uint64(s.Inodes), Ffree: uint64(s.FreeInodes),
		Bsize: blockSize, Frsize: blockSize, NameLen: maxName}
	return gofuse.OK
}
