package sim

import (
	"encoding/binary"
	"io"
	"syscall"

	"fourdays/storage/vol"
)

// iovecs gathers the buffers of a read or write.
func (g *process) iovecs(p, n uint64) (bufs [][]byte, total int) {
	list := g.mem(p, n*8)
	for ; len(list) > 0; list = list[8:] {
		b := g.mem(uint64(binary.LittleEndian.Uint32(list)), uint64(binary.LittleEndian.Uint32(list[4:])))
		bufs, total = append(bufs, b), total+len(b)
	}
	return bufs, total
}

func gather(bufs [][]byte, total int) []byte {
	data := make([]byte, 0, total)
	for _, b := range bufs {
		data = append(data, b...)
	}
	return data
}

func scatter(bufs [][]byte, data []byte) {
	for _, b := range bufs {
		data = data[copy(b, data):]
	}
}

func fdRead(g *process, a []uint64) syscall.Errno {
	f, errno := g.file(a[0])
	if errno != 0 {
		return errno
	}
	switch f.kind {
	case deviceFile:
		return g.readDevice(f, a)
	case volFile:
		return g.readFile(f, a)
	case stdioFile:
		g.put32(a[3], 0)
		return 0
	}
	return syscall.EISDIR
}

func (g *process) readFile(f *file, a []uint64) syscall.Errno {
	_, total := g.iovecs(a[1], a[2])
	res, data, wait := g.resume(f, vol.Op{Kind: vol.Read, File: f.id, Off: f.off, Data: make([]byte, total)})
	if wait {
		return syscall.EAGAIN
	}
	if res.Errno != 0 {
		return res.Errno
	}
	bufs, _ := g.iovecs(a[1], a[2]) // memory may have moved while it waited
	n := min(res.N, total)
	scatter(bufs, data[:n])
	f.off += int64(n)
	g.put32(a[3], uint32(n))
	return 0
}

func fdWrite(g *process, a []uint64) syscall.Errno {
	f, errno := g.file(a[0])
	if errno != 0 {
		return errno
	}
	bufs, total := g.iovecs(a[1], a[2])
	switch f.kind {
	case stdioFile:
		g.out.Write(gather(bufs, total))
		g.put32(a[3], uint32(total))
		return 0
	case volFile:
		return g.writeFile(f, gather(bufs, total), a[3])
	}
	return syscall.EBADF
}

func (g *process) writeFile(f *file, data []byte, out uint64) syscall.Errno {
	// Nobody asks again about a write of nothing, so it must not wait.
	res, _, wait := g.resume(f, vol.Op{Kind: vol.Write, File: f.id, Off: f.off, Data: data, NoWait: len(data) == 0})
	if wait {
		return syscall.EAGAIN
	}
	if res.Errno != 0 {
		return res.Errno
	}
	f.off += int64(res.N)
	g.put32(out, uint32(res.N))
	return 0
}

// resume gives the answer to a read or write: at once, after stopping the
// program if the descriptor is blocking, or when the program asks again.
func (g *process) resume(f *file, op vol.Op) (res vol.Result, data []byte, wait bool) {
	p := f.pending
	switch {
	case p != nil:
	case f.synced && op.Kind == vol.Write:
		p = g.beginSynced(f.vol, &op)
	default:
		p = g.begin(f.vol, &op)
	}
	for !p.done {
		if f.nonblock {
			f.pending = p
			return res, nil, true
		}
		g.park()
	}
	f.pending = nil
	return p.res, p.op.Data, false
}

func fdPread(g *process, a []uint64) syscall.Errno {
	f, errno := g.file(a[0], volFile, volDir)
	switch {
	case errno != 0:
		return errno
	case f.kind == volDir:
		return syscall.EISDIR
	}
	_, total := g.iovecs(a[1], a[2])
	op := vol.Op{Kind: vol.Read, File: f.id, Off: int64(a[3]), Data: make([]byte, total)}
	res := g.do(f.vol, &op)
	if res.Errno != 0 {
		return res.Errno
	}
	bufs, _ := g.iovecs(a[1], a[2])
	scatter(bufs, op.Data[:res.N])
	g.put32(a[4], uint32(res.N))
	return 0
}

func fdPwrite(g *process, a []uint64) syscall.Errno {
	f, errno := g.file(a[0], volFile)
	if errno != 0 {
		return errno
	}
	bufs, total := g.iovecs(a[1], a[2])
	res := g.do(f.vol, &vol.Op{Kind: vol.Write, File: f.id, Off: int64(a[3]), Data: gather(bufs, total)})
	if res.Errno == 0 {
		g.put32(a[4], uint32(res.N))
	}
	return res.Errno
}

func fdSeek(g *process, a []uint64) syscall.Errno {
	f, errno := g.file(a[0], volFile, volDir)
	if errno != 0 {
		return errno
	}
	off := int64(a[1])
	switch a[2] {
	case io.SeekCurrent:
		off += f.off
	case io.SeekEnd:
		if f.kind == volDir {
			return syscall.EINVAL
		}
		r := g.name(f.vol, vol.Op{Kind: vol.Stat, File: f.id})
		if r.Errno != 0 {
			return r.Errno
		}
		off += r.Info.Size
	}
	if off < 0 {
		return syscall.EINVAL
	}
	f.off = off
	g.put64(a[3], uint64(off))
	return 0
}

func fdFilestatSetSize(g *process, a []uint64) syscall.Errno {
	f, errno := g.file(a[0], volFile)
	if errno != 0 {
		return errno
	}
	return g.name(f.vol, vol.Op{Kind: vol.Truncate, File: f.id, Size: int64(a[1])}).Errno
}

// fdSync stops the whole program until the volume has answered: it is what a
// library gets that calls Sync by itself. Our own programs use disk_sync.
func fdSync(g *process, a []uint64) syscall.Errno {
	f, op, errno := g.syncOp(a[0])
	if errno != 0 {
		return errno
	}
	return g.do(f.vol, &op).Errno
}

func (g *process) syncOp(fd uint64) (*file, vol.Op, syscall.Errno) {
	f, errno := g.file(fd, volFile, volDir)
	if errno != 0 {
		return nil, vol.Op{}, errno
	}
	if f.kind == volDir {
		return f, vol.Op{Kind: vol.SyncDir, Path: f.path}, 0
	}
	return f, vol.Op{Kind: vol.Sync, File: f.id}, 0
}
