//go:build linux

package fuse

import (
	"sync"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"fourdays/storage/vol"
)

// lists is the open directories. Each has the entries it had when it was read from
// the start: what is removed meanwhile moves nothing.
type lists struct {
	mu   sync.Mutex
	last uint64
	open map[uint64]*list
}

type list struct {
	mu      sync.Mutex
	read    bool
	entries []vol.Info
}

func (l *lists) add() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[uint64]*list{}
	}
	l.last++
	l.open[l.last] = &list{}
	return l.last
}

func (l *lists) get(id uint64) *list {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open[id]
}

func (l *lists) remove(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, id)
}

// OpenDir implements RawFileSystem.
func (d *door) OpenDir(_ <-chan struct{}, _ *gofuse.OpenIn, out *gofuse.OpenOut) gofuse.Status {
	out.Fh = d.lists.add()
	return gofuse.OK
}

// ReleaseDir implements RawFileSystem.
func (d *door) ReleaseDir(in *gofuse.ReleaseIn) { d.lists.remove(in.Fh) }

// dots is how many entries of a listing come before the volume's: "." and "..".
const dots = 2

// ReadDir implements RawFileSystem.
func (d *door) ReadDir(cancel <-chan struct{}, in *gofuse.ReadIn, out *gofuse.DirEntryList) gofuse.Status {
	n, entries, _, errno := d.listing(asker(cancel, &in.InHeader), in)
	if errno != 0 {
		return status(errno)
	}
	for at := in.Offset; at < uint64(dots+len(entries)); at++ {
		if !out.AddDirEntry(direntry(n, entries, at)) {
			break
		}
	}
	return gofuse.OK
}

// ReadDirPlus implements RawFileSystem: each entry with what Lookup would say, if
// that was asked for just now. An older answer may hold a size or a name that is
// right no more, and the kernel would believe it.
func (d *door) ReadDirPlus(cancel <-chan struct{}, in *gofuse.ReadIn, out *gofuse.DirEntryList) gofuse.Status {
	n, entries, fresh, errno := d.listing(asker(cancel, &in.InHeader), in)
	if errno != 0 {
		return status(errno)
	}
	for at := in.Offset; at < uint64(dots+len(entries)); at++ {
		entry := out.AddDirLookupEntry(direntry(n, entries, at))
		if entry == nil {
			break
		}
		if fresh && at >= dots {
			i := &entries[at-dots]
			d.entry(n, i.Name, &vol.Result{Info: *i}, entry)
		}
	}
	return gofuse.OK
}

func direntry(n *node, entries []vol.Info, at uint64) gofuse.DirEntry {
	switch at {
	case 0:
		return gofuse.DirEntry{Name: ".", Mode: syscall.S_IFDIR, Ino: n.ino, Off: 1}
	case 1:
		return gofuse.DirEntry{Name: "..", Mode: syscall.S_IFDIR, Ino: n.ino, Off: dots}
	}
	i := &entries[at-dots]
	return gofuse.DirEntry{Name: i.Name, Mode: modeOf(i.Mode), Ino: i.Ino, Off: at + 1}
}

// listing is the entries of an open directory, read anew when it is rewound;
// fresh says that they are of just now.
func (d *door) listing(w who, in *gofuse.ReadIn) (n *node, entries []vol.Info, fresh bool, errno syscall.Errno) {
	n, l := d.table.get(in.NodeId), d.lists.get(in.Fh)
	if n == nil || l == nil {
		return nil, nil, false, syscall.EBADF
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.read && in.Offset > 0 {
		return n, l.entries, false, 0
	}
	res := d.onPath(w, n, "", vol.Op{Kind: vol.ReadDir})
	if res.Errno == 0 {
		l.read, l.entries = true, res.Entries
	}
	return n, l.entries, true, res.Errno
}

// FsyncDir implements RawFileSystem.
func (d *door) FsyncDir(cancel <-chan struct{}, in *gofuse.FsyncIn) gofuse.Status {
	n := d.table.get(in.NodeId)
	return status(d.onPath(asker(cancel, &in.InHeader), n, "", vol.Op{Kind: vol.SyncDir}).Errno)
}
