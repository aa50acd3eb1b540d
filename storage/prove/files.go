package prove

import (
	"os"
	"path"
	"syscall"

	"fourdays/storage/vol"
)

// The operations of the user: each is asked of both sides, and each side's
// ledger learns what that side answered.

// each calls f for every side that was asked.
func (h *host) each(all [sides]answer, f func(l *ledger, how outcome)) {
	for i, a := range all {
		if a.how != skipped {
			f(h.sides[i].ledger, a.how)
		}
	}
}

func (r *rig) open(h *host, p string, flag int) *file {
	all := r.do(h, vol.Op{Kind: vol.Open, Path: p, Flag: flag}, nil)
	f := &file{path: p, flag: flag}
	for i, a := range all {
		if a.how == done {
			f.ids[i] = a.res.File
		}
	}
	if flag&os.O_CREATE != 0 {
		for i, a := range all {
			if s := &h.sides[i]; a.how != skipped && (s.ledger.files[p] == nil || s.ledger.files[p].is != present) {
				s.ledger.created(p, a.how == done)
				s.counted.Files++
			}
		}
	}
	return f
}

func (r *rig) close(h *host, f *file) { r.do(h, vol.Op{Kind: vol.Close}, f) }

// write puts new versions of n blocks at an index, in one operation or in
// pieces of so many bytes.
func (r *rig) write(h *host, f *file, index, n, piece int) {
	data, versions := r.compose(h, f.path, index, n)
	if piece <= 0 || piece > len(data) {
		piece = len(data)
	}
	var how [sides]outcome
	for at := 0; at < len(data); at += piece {
		all := r.do(h, vol.Op{Kind: vol.Write, Off: int64(index*blockSize + at), Data: data[at:min(at+piece, len(data))]}, f)
		for i, a := range all {
			if how[i] != skipped && a.how == skipped {
				a.how = failed
			}
			how[i] = max(how[i], a.written(min(piece, len(data)-at)))
		}
	}
	for i := range how {
		if how[i] != skipped {
			h.sides[i].ledger.wrote(f.path, index, versions, how[i])
		}
		if how[i] > done && f.flag&os.O_APPEND != 0 {
			h.sides[i].ledger.lose(f.path)
		}
	}
}

// written is what came of a write: a short one has failed.
func (a *answer) written(n int) outcome {
	if a.how == done && a.res.N != n {
		return failed
	}
	return a.how
}

// compose makes the next versions of blocks. Both ledgers count versions alike.
func (r *rig) compose(h *host, p string, index, n int) ([]byte, []uint32) {
	data := make([]byte, n*blockSize)
	versions := make([]uint32, n)
	for i := range n {
		h.version++
		versions[i] = h.version
		stamp(data[i*blockSize:(i+1)*blockSize], ident{origin(h, p), uint32(index + i), h.version})
	}
	return data, versions
}

// origin is the path that stands in the blocks of a file.
func origin(h *host, p string) string {
	for i := range h.sides {
		if e := h.sides[i].ledger.files[p]; e != nil && e.is == present {
			return e.origin
		}
	}
	return p
}

// retries is how often an application tries what fails with an error.
const retries = 8

// sync makes a file durable; a flush that fails is tried again.
func (r *rig) sync(h *host, f *file) {
	for range retries {
		all := r.do(h, vol.Op{Kind: vol.Sync}, f)
		for i, a := range all {
			if f.ids[i] != 0 {
				h.sides[i].ledger.flushed(f.path, a.how == done)
			}
		}
		if all[sick].how != failed {
			return
		}
	}
}

// syncDir makes the names of a directory durable.
func (r *rig) syncDir(h *host, dir string) {
	for try := range retries {
		all := r.do(h, vol.Op{Kind: vol.SyncDir, Path: dir}, nil)
		if all[sick].how != failed || try == retries-1 {
			h.each(all, func(l *ledger, how outcome) {
				if how != done {
					l.doubt(dir)
				}
			})
			return
		}
	}
}

func (r *rig) mkdir(h *host, dir string) {
	all := r.do(h, vol.Op{Kind: vol.Mkdir, Path: dir}, nil)
	for i, a := range all {
		if a.how != skipped {
			h.sides[i].ledger.dirs[dir] = stateAfter(a, syscall.EEXIST, present)
		}
	}
}

func (r *rig) rmdir(h *host, dir string) {
	all := r.do(h, vol.Op{Kind: vol.Rmdir, Path: dir}, nil)
	for i, a := range all {
		if a.how != skipped {
			h.sides[i].ledger.dirs[dir] = stateAfter(a, syscall.ENOENT, absent)
		}
	}
}

// stateAfter is what an answer makes of a directory: an error that says that
// nothing was left to do is as good as success.
func stateAfter(a answer, already syscall.Errno, then presence) presence {
	if a.how == done || a.how == failed && a.res.Errno == already {
		return then
	}
	return maybe
}

func (r *rig) mkdirs(h *host, dir string) {
	if dir == "." || h.sides[well].ledger.dirs[dir] == present {
		return
	}
	r.mkdirs(h, path.Dir(dir))
	r.mkdir(h, dir)
}

func (r *rig) unlink(h *host, p string) {
	all := r.do(h, vol.Op{Kind: vol.Unlink, Path: p}, nil)
	h.each(all, func(l *ledger, how outcome) { l.removed(p, how) })
}

func (r *rig) rename(h *host, from, to string) {
	all := r.do(h, vol.Op{Kind: vol.Rename, Path: from, To: to}, nil)
	h.each(all, func(l *ledger, how outcome) { l.moved(from, to, how) })
}

func (r *rig) truncate(h *host, f *file, blocks int) {
	all := r.do(h, vol.Op{Kind: vol.Truncate, Size: int64(blocks) * blockSize}, f)
	h.each(all, func(l *ledger, how outcome) { l.cut(f.path, blocks, how) })
}

// put writes n blocks of a file, synced, making it if need be.
func (r *rig) put(h *host, p string, n int) {
	f := r.open(h, p, os.O_RDWR|os.O_CREATE)
	r.write(h, f, 0, n, 0)
	r.sync(h, f)
	r.close(h, f)
}
