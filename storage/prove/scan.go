package prove

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// comeBack is how long the user waits for what cannot be read before calling it
// lost, picked to outlast controllers that are away, one after the other.
const comeBack = 24 * time.Hour

// readSize is how much a scan reads in one operation.
const readSize = 16

// sparse is how few of the names in a crowd a scan opens: one in so many. It
// lists them all.
const sparse = 64

// scan lets every observer look at some hosts.
func (r *rig) scan(hosts []*host) {
	for _, h := range hosts {
		r.scanVolume(h)
	}
	for _, name := range arrays(hosts) {
		r.scrub(name)
	}
}

// scanVolume looks at everything that a volume should hold, and at what it
// should not hold any more.
func (r *rig) scanVolume(h *host) {
	r.space(h)
	var lost []string
	names := h.listings()
	for _, dir := range h.union((*ledger).folders) {
		r.listAgainst(h, dir, names)
	}
	for i, p := range h.union((*ledger).paths) {
		if strings.HasPrefix(p, crowd) && i%sparse != 0 {
			continue
		}
		if !r.look(h, p) {
			lost = append(lost, p)
		}
	}
	if len(lost) == 0 {
		return
	}
	r.clock.advance(comeBack)
	h.sides[sick].hangs, h.sides[well].hangs = 0, 0
	for _, p := range lost {
		if !r.look(h, p) {
			r.damage(h, sick, bug.User, p, "cannot be read")
		}
	}
}

// union is what either ledger lists, in order.
func (h *host) union(list func(*ledger) []string) []string {
	all := append(list(h.sides[sick].ledger), list(h.sides[well].ledger)...)
	slices.Sort(all)
	return slices.Compact(all)
}

// space compares what is said about the room there is. What damage does to the
// room that is used is no false word: only the size, and no room where there is
// plenty, are.
func (r *rig) space(h *host) {
	all := r.do(h, vol.Op{Kind: vol.Statfs}, nil)
	a, twin := all[sick].res.Space, all[well].res.Space
	if all[sick].how != done || all[well].how != done {
		return
	}
	if a.Bytes != twin.Bytes || a.Inodes != twin.Inodes || 2*a.FreeBytes < twin.FreeBytes || 2*a.FreeInodes < twin.FreeInodes {
		r.notice(h, bug.Caller, fmt.Sprintf("statfs says %d of %d bytes free, the twin %d of %d", a.FreeBytes, a.Bytes, twin.FreeBytes, twin.Bytes))
	}
}

func (h *host) listings() [sides]listing {
	return [sides]listing{h.sides[sick].ledger.listing(), h.sides[well].ledger.listing()}
}

// list compares the names in a directory with those that should be there.
func (r *rig) list(h *host, dir string) { r.listAgainst(h, dir, h.listings()) }

func (r *rig) listAgainst(h *host, dir string, names [sides]listing) {
	for i, a := range r.do(h, vol.Op{Kind: vol.ReadDir, Path: dir}, nil) {
		there := h.sides[i].ledger.dirs[dir] == present
		if a.how == failed && aboutNames(a.res.Errno) && there {
			r.damage(h, i, bug.User, dir, "the directory is missing")
		}
		if a.how == done && there {
			r.names(h, i, dir, a.res.Entries, names[i][dir])
		}
	}
}

// names holds a listing against what should and what may be in it.
func (r *rig) names(h *host, side int, dir string, entries []vol.Info, want map[string]bool) {
	got := map[string]bool{}
	for _, e := range entries {
		got[e.Name] = true
		if _, may := want[e.Name]; !may {
			r.damage(h, side, bug.User, path.Join(dir, e.Name), "listed, and should not be there")
		}
	}
	for _, name := range keys(want) {
		if want[name] && !got[name] {
			r.damage(h, side, bug.User, path.Join(dir, name), "not listed")
		}
	}
}

// look reads a file and checks it, and reports whether the sick side gave it. It
// tries again what fails with an error, until there is no hope for the volume.
func (r *rig) look(h *host, p string) bool {
	s := &h.sides[sick]
	for range retries {
		if r.lookOnce(h, p) {
			s.refused = 0
			return true
		}
		if s.hangs > 0 || s.refused >= stuck {
			break
		}
	}
	s.refused++
	return false
}

func (r *rig) lookOnce(h *host, p string) bool {
	f, size, ok := r.openToLook(h, p)
	for at := 0; at < size && ok; at += readSize {
		all := r.do(h, vol.Op{Kind: vol.Read, Off: int64(at) * blockSize, Size: int64(min(readSize, size-at)) * blockSize}, f)
		for i, a := range all {
			if a.how == done {
				r.check(h, i, p, at, readSize, a.data[:a.res.N])
			}
		}
		ok = all[sick].how == done || all[sick].how == skipped && f.ids[sick] == 0
	}
	r.close(h, f)
	return ok
}

// openToLook opens a file and holds its name and size against the ledgers. Its
// size is how many blocks there are to look at.
func (r *rig) openToLook(h *host, p string) (f *file, size int, ok bool) {
	f, ok = &file{path: p}, true
	for i, a := range r.do(h, vol.Op{Kind: vol.Open, Path: p}, nil) {
		e := h.sides[i].ledger.files[p]
		switch {
		case a.how == done:
			f.ids[i] = a.res.File
			size = max(size, r.found(h, i, p, e, a.res.Info.Size))
		case e == nil || !e.sure():
		case a.how == failed && aboutNames(a.res.Errno):
			r.damage(h, i, bug.User, p, "missing")
		case i == well:
			r.doubt(h, p+" cannot be opened on the healthy twin")
		default:
			ok = false
		}
	}
	return f, size, ok
}

// found holds a file that is there against the ledger.
func (r *rig) found(h *host, side int, p string, e *entry, bytes int64) int {
	switch {
	case e == nil || e.is == absent:
		r.damage(h, side, bug.User, p, "is there, and should not be")
		return 0
	case e.open:
		return 0
	case e.is == present && (bytes%blockSize != 0 || !e.long(int(bytes/blockSize))):
		r.damage(h, side, bug.User, p, fmt.Sprintf("has %d bytes and should have %d", bytes, e.size()*blockSize))
	}
	return e.size()
}

// check holds the n blocks of a read against the ledger.
func (r *rig) check(h *host, side int, p string, first, n int, data []byte) {
	e := h.sides[side].ledger.files[p]
	if e == nil || e.open || e.shaky || e.is == absent {
		return
	}
	for i := first; i < min(first+n, e.size()); i++ {
		at := (i - first) * blockSize
		place := fmt.Sprintf("%s block %d", p, i)
		if at+blockSize > len(data) {
			r.damage(h, side, bug.User, place, "the read ends before it")
			return
		}
		id, whole := inspect(data[at : at+blockSize])
		switch {
		case !whole:
			r.damage(h, side, bug.Checksum, place, "its checksum is wrong")
			r.damage(h, side, bug.User, place, "is not what was written")
		case !e.accepts(i, id):
			r.damage(h, side, bug.User, place, fmt.Sprintf("is block %d of %s, version %d", id.index, id.path, id.version))
		}
	}
}

// scrub lets an array look at itself, unless that is what the bug waits for and
// it is not to come now.
func (r *rig) scrub(name string) {
	if r.quiet && awaits(&r.bug.Trigger, eventScrub) {
		return
	}
	for i, f := range r.fleets {
		found, _ := f.Scrub(name) // without a controller there is nothing to find
		for _, one := range found {
			for _, h := range r.hosts {
				if h.volume == one.Volume {
					r.damage(h, i, bug.Scrub, fmt.Sprintf("%s at %d", one.Path, one.Off), "the array found it wrong")
				}
			}
		}
	}
}
