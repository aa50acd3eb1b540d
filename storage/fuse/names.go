//go:build linux

package fuse

import (
	"os"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"fourdays/storage/vol"
)

// maxName is the longest name, in bytes.
const maxName = 255

// Lookup implements RawFileSystem. That a name is not there is believed as long as
// that it is.
func (d *door) Lookup(cancel <-chan struct{}, h *gofuse.InHeader, name string, out *gofuse.EntryOut) gofuse.Status {
	parent := d.table.get(h.NodeId)
	if parent == nil {
		return status(syscall.ESTALE)
	}
	if len(name) > maxName {
		return status(syscall.ENAMETOOLONG)
	}
	res := d.onPath(asker(cancel, h), parent, name, vol.Op{Kind: vol.Stat})
	if res.Errno == syscall.ENOENT {
		out.NodeId = 0
		out.SetEntryTimeout(believed)
		return gofuse.OK
	}
	return d.entry(parent, name, &res, out)
}

// entry tells the kernel of a file.
func (d *door) entry(parent *node, name string, res *vol.Result, out *gofuse.EntryOut) gofuse.Status {
	if res.Errno != 0 {
		return status(res.Errno)
	}
	n := d.table.enter(parent, name, res.Info)
	out.NodeId = n.id
	d.fill(&out.Attr, &res.Info, true)
	out.SetEntryTimeout(believed)
	out.SetAttrTimeout(believed)
	return gofuse.OK
}

// Forget implements RawFileSystem.
func (d *door) Forget(id, lookups uint64) { d.table.forget(id, lookups) }

// making is what all ways to make something have in common.
func (d *door) making(cancel <-chan struct{}, h *gofuse.InHeader, name string, op vol.Op) (*node, vol.Result) {
	parent := d.table.get(h.NodeId)
	if parent == nil {
		return nil, vol.Result{Errno: syscall.ESTALE}
	}
	return parent, d.onPath(asker(cancel, h), parent, name, op)
}

// Mkdir implements RawFileSystem.
func (d *door) Mkdir(cancel <-chan struct{}, in *gofuse.MkdirIn, name string, out *gofuse.EntryOut) gofuse.Status {
	attr := d.newAttr(&in.InHeader, in.Mode, true)
	parent, res := d.making(cancel, &in.InHeader, name, vol.Op{Kind: vol.Mkdir, Attr: attr})
	return d.entry(parent, name, &res, out)
}

// Symlink implements RawFileSystem.
func (d *door) Symlink(cancel <-chan struct{}, h *gofuse.InHeader, target, name string, out *gofuse.EntryOut) gofuse.Status {
	attr := d.newAttr(h, 0o777, false)
	parent, res := d.making(cancel, h, name, vol.Op{Kind: vol.Symlink, To: target, Attr: attr})
	return d.entry(parent, name, &res, out)
}

// Readlink implements RawFileSystem.
func (d *door) Readlink(cancel <-chan struct{}, h *gofuse.InHeader) ([]byte, gofuse.Status) {
	i, errno := d.describe(asker(cancel, h), d.table.get(h.NodeId))
	return []byte(i.To), status(errno)
}

// Mknod implements RawFileSystem, for plain files.
func (d *door) Mknod(cancel <-chan struct{}, in *gofuse.MknodIn, name string, out *gofuse.EntryOut) gofuse.Status {
	if in.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return status(syscall.EPERM)
	}
	attr := d.newAttr(&in.InHeader, in.Mode, false)
	parent, res := d.making(cancel, &in.InHeader, name, vol.Op{Kind: vol.Open, Flag: os.O_WRONLY | os.O_CREATE | os.O_EXCL, Attr: attr})
	if res.Errno == 0 {
		d.closeFile(asker(cancel, &in.InHeader), res.File)
	}
	return d.entry(parent, name, &res, out)
}

// Link implements RawFileSystem: a file has one name.
func (d *door) Link(<-chan struct{}, *gofuse.LinkIn, string, *gofuse.EntryOut) gofuse.Status {
	return status(syscall.EPERM)
}

// Unlink implements RawFileSystem.
func (d *door) Unlink(cancel <-chan struct{}, h *gofuse.InHeader, name string) gofuse.Status {
	return d.unname(cancel, h, name, vol.Unlink)
}

// Rmdir implements RawFileSystem.
func (d *door) Rmdir(cancel <-chan struct{}, h *gofuse.InHeader, name string) gofuse.Status {
	return d.unname(cancel, h, name, vol.Rmdir)
}

func (d *door) unname(cancel <-chan struct{}, h *gofuse.InHeader, name string, kind vol.Kind) gofuse.Status {
	parent, res := d.making(cancel, h, name, vol.Op{Kind: kind})
	if res.Errno == 0 {
		d.table.remove(parent, name)
	}
	return status(res.Errno)
}

// Rename implements RawFileSystem. The kernel itself sees to RENAME_NOREPLACE.
func (d *door) Rename(cancel <-chan struct{}, in *gofuse.RenameIn, name, newName string) gofuse.Status {
	from, to := d.table.get(in.NodeId), d.table.get(in.Newdir)
	if from == nil || to == nil {
		return status(syscall.ESTALE)
	}
	if in.Flags&^noReplace != 0 {
		return status(syscall.EINVAL)
	}
	w := asker(cancel, &in.InHeader)
	for {
		path, ok1 := d.table.path(from, name)
		target, ok2 := d.table.path(to, newName)
		if !ok1 || !ok2 {
			return status(syscall.ENOENT)
		}
		m := d.table.startMove(from, name, to, newName)
		res := d.ask(w, vol.Op{Kind: vol.Rename, Path: path, To: target})
		d.table.endMove(m, to, newName, res.Errno == 0)
		if !astray(res) || !d.moved(w, from, name, path) && !d.moved(w, to, newName, target) {
			return status(res.Errno)
		}
	}
}

// noReplace is RENAME_NOREPLACE.
const noReplace = 1
