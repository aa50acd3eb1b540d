//go:build linux

package fuse

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"fourdays/storage/vol"
)

// believed is how long the kernel believes a name or attributes before it asks
// again (picked: as go-fuse's loopback). Nobody else changes them but a fault.
const believed = time.Second

// door answers the kernel's requests with operations on a volume.
type door struct {
	gofuse.RawFileSystem // the rest: not implemented
	v                    vol.Volume
	canceler             vol.Canceler // nil if the volume cannot let go
	zero                 time.Time    // the start of the run
	table                *table
	lists                lists

	shut  atomic.Bool   // no operation reaches the volume any more
	fd    int           // of the connection, good while a request is served
	ended chan struct{} // closed when the connection has ended
	end   sync.Once

	dropMu sync.Mutex
	drop   chan struct{}
}

func newDoor(v vol.Volume, root vol.Info, zero time.Time) *door {
	d := &door{RawFileSystem: gofuse.NewDefaultRawFileSystem(), v: v, zero: zero, table: newTable(root),
		ended: make(chan struct{}), drop: make(chan struct{})}
	d.canceler, _ = v.(vol.Canceler)
	return d
}

// dropping is closed when those who wait now are to be let go.
func (d *door) dropping() <-chan struct{} {
	d.dropMu.Lock()
	defer d.dropMu.Unlock()
	return d.drop
}

func (d *door) dropAll() {
	d.dropMu.Lock()
	defer d.dropMu.Unlock()
	close(d.drop)
	d.drop = make(chan struct{})
}

// finish releases everybody for good.
func (d *door) finish() {
	d.shut.Store(true)
	d.end.Do(func() { close(d.ended) })
}

// cut reports whether the kernel has ended the connection. The library tells only
// when nothing is served any more, and what hangs would be served for ever.
func (d *door) cut() bool {
	p := []unix.PollFd{{Fd: int32(d.fd)}}
	n, err := unix.Poll(p, 0)
	return err == nil && n > 0 && p[0].Revents&unix.POLLERR != 0
}

// String implements RawFileSystem.
func (d *door) String() string { return "fourdays" }

// OnUnmount implements RawFileSystem: the connection has ended.
func (d *door) OnUnmount() { d.finish() }

func asker(cancel <-chan struct{}, h *gofuse.InHeader) who { return who{cancel, h.Pid} }

func status(e syscall.Errno) gofuse.Status { return gofuse.Status(e) }

// onPath carries out an operation on a node or, with a name, on what that is
// called in it. If it is not there it may be because its directory has just been
// renamed: then it is looked for again.
func (d *door) onPath(w who, n *node, name string, op vol.Op) vol.Result {
	for {
		path, ok := d.table.path(n, name)
		if !ok {
			return vol.Result{Errno: syscall.ENOENT}
		}
		op.Path = path
		res := d.ask(w, op)
		if !astray(res) || !d.moved(w, n, name, path) {
			return res
		}
	}
}

// onNode is onPath for an operation that says which inode it has met. If that is
// another, and n has not been moved, the volume has changed by itself.
func (d *door) onNode(w who, n *node, op vol.Op) vol.Result {
	for {
		path, ok := d.table.path(n, "")
		if !ok {
			return vol.Result{Errno: syscall.ENOENT}
		}
		op.Path = path
		res := d.ask(w, op)
		lost := astray(res)
		if res.Errno == 0 && res.Info.Ino != n.ino && n != d.table.root {
			lost = true
			d.closeFile(w, res.File)
			res = vol.Result{Errno: syscall.ESTALE}
		}
		if !lost || !d.moved(w, n, "", path) {
			return res
		}
	}
}

// astray says that a path led nowhere.
func astray(res vol.Result) bool { return res.Errno == syscall.ENOENT || res.Errno == syscall.ENOTDIR }

// moved waits for a rename that is under way and reports whether the path is
// another now.
func (d *door) moved(w who, n *node, name, path string) bool {
	if m := d.table.moving(n); m != nil {
		select {
		case <-m.done:
		case <-w.cancel:
		case <-d.ended:
		}
	}
	now, ok := d.table.path(n, name)
	return ok && now != path
}
