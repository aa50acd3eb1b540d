//go:build linux

package fuse

import (
	"os"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"fourdays/storage/vol"
)

// openFlags is what of a program's flags concerns the volume. O_APPEND does not:
// the kernel knows where the end is, and writes pages of a mapping through any
// open of the file.
const openFlags = syscall.O_ACCMODE | os.O_TRUNC | os.O_EXCL | os.O_CREATE | vol.Direct

// keep is how the kernel treats an open file: what is in its cache is still right,
// and close has nothing to say.
const keep = gofuse.FOPEN_KEEP_CACHE | gofuse.FOPEN_NOFLUSH

// Open implements RawFileSystem.
func (d *door) Open(cancel <-chan struct{}, in *gofuse.OpenIn, out *gofuse.OpenOut) gofuse.Status {
	w, n := asker(cancel, &in.InHeader), d.table.get(in.NodeId)
	if n == nil {
		return status(syscall.ESTALE)
	}
	res := d.onNode(w, n, vol.Op{Kind: vol.Open, Flag: int(in.Flags) & openFlags})
	if res.Errno != 0 {
		return status(res.Errno)
	}
	if in.Mode&gofuse.OPEN_KILL_SUIDGID != 0 {
		d.dropPrivileges(w, n, nil)
	}
	d.opened(n, &res, out)
	return gofuse.OK
}

func (d *door) opened(n *node, res *vol.Result, out *gofuse.OpenOut) {
	d.table.opened(n, res.File)
	out.Fh = uint64(res.File)
	out.OpenFlags = keep
}

// Create implements RawFileSystem.
func (d *door) Create(cancel <-chan struct{}, in *gofuse.CreateIn, name string, out *gofuse.CreateOut) gofuse.Status {
	parent, res := d.making(cancel, &in.InHeader, name, vol.Op{Kind: vol.Open,
		Flag: int(in.Flags)&openFlags | os.O_CREATE, Attr: d.newAttr(&in.InHeader, in.Mode, false)})
	if code := d.entry(parent, name, &res, &out.EntryOut); code != gofuse.OK {
		return code
	}
	d.opened(d.table.get(out.NodeId), &res, &out.OpenOut)
	return gofuse.OK
}

// Read implements RawFileSystem.
func (d *door) Read(cancel <-chan struct{}, in *gofuse.ReadIn, buf []byte) (gofuse.ReadResult, gofuse.Status) {
	res := d.ask(asker(cancel, &in.InHeader), vol.Op{Kind: vol.Read, File: vol.FileID(in.Fh), Off: int64(in.Offset), Data: buf})
	if res.Errno != 0 {
		return nil, status(res.Errno)
	}
	return gofuse.ReadResultData(buf[:res.N]), gofuse.OK
}

// Write implements RawFileSystem.
func (d *door) Write(cancel <-chan struct{}, in *gofuse.WriteIn, data []byte) (uint32, gofuse.Status) {
	w := asker(cancel, &in.InHeader)
	if in.WriteFlags&gofuse.WRITE_KILL_SUIDGID != 0 {
		d.dropPrivileges(w, d.table.get(in.NodeId), nil)
	}
	res := d.ask(w, vol.Op{Kind: vol.Write, File: vol.FileID(in.Fh), Off: int64(in.Offset), Data: data})
	return uint32(res.N), status(res.Errno)
}

// Fsync implements RawFileSystem. The kernel has written its dirty pages before.
func (d *door) Fsync(cancel <-chan struct{}, in *gofuse.FsyncIn) gofuse.Status {
	return status(d.ask(asker(cancel, &in.InHeader), vol.Op{Kind: vol.Sync, File: vol.FileID(in.Fh)}).Errno)
}

// Fallocate implements RawFileSystem: nothing can be reserved, and programs know
// what to do then.
func (d *door) Fallocate(<-chan struct{}, *gofuse.FallocateIn) gofuse.Status {
	return status(syscall.EOPNOTSUPP)
}

// Release implements RawFileSystem. Nobody waits for it.
func (d *door) Release(_ <-chan struct{}, in *gofuse.ReleaseIn) {
	d.table.closed(in.NodeId, vol.FileID(in.Fh))
	d.closeFile(who{}, vol.FileID(in.Fh))
}

func (d *door) closeFile(w who, f vol.FileID) {
	if f != 0 {
		d.ask(w, vol.Op{Kind: vol.Close, File: f})
	}
}
