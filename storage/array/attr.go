package array

import (
	"io/fs"
	"syscall"

	"fourdays/storage/vol"
)

// attrBits is what of a mode can be set.
const attrBits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// MaxTarget is the longest target of a symbolic link, in bytes.
const MaxTarget = 4095

// set sets attributes. They are beside the images: durable at once, and no fault
// changes them.
func (n *inode) set(a *vol.Attr) {
	if a.Has&vol.HasPerm != 0 {
		n.mode = n.mode&^attrBits | a.Perm&attrBits
	}
	if a.Has&vol.HasUID != 0 {
		n.uid = a.UID
	}
	if a.Has&vol.HasGID != 0 {
		n.gid = a.GID
	}
	if a.Has&vol.HasMTime != 0 {
		n.mtime = a.MTime
	}
}

func (v *Volume) setAttr(op *vol.Op, h *handle) vol.Result {
	if op.Attr == nil {
		return failed(syscall.EINVAL)
	}
	if op.File != 0 {
		h.node.set(op.Attr)
		return vol.Result{}
	}
	at, errno := v.existing(op.Path)
	if errno != 0 {
		return failed(errno)
	}
	at.node.set(op.Attr)
	return vol.Result{}
}

func (v *Volume) symlink(op *vol.Op) vol.Result {
	at, errno := v.find(op.Path)
	switch {
	case errno != 0:
		return failed(errno)
	case at.node != nil:
		return failed(syscall.EEXIST)
	case op.To == "":
		return failed(syscall.ENOENT)
	case len(op.To) > MaxTarget:
		return failed(syscall.ENAMETOOLONG)
	case v.array.usedInodes >= v.array.cfg.Inodes:
		return failed(syscall.ENOSPC)
	}
	n := v.create(at, fs.ModeSymlink|0o777, op.Attr)
	n.to = op.To
	return vol.Result{Info: n.info(at.name)}
}
