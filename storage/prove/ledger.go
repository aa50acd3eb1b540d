package prove

import (
	"maps"
	"path"
	"slices"
)

// ledger is what the user of one volume knows: what was answered, and so what
// should be there. What was refused or never answered may or may not have
// happened, and is not held against the volume.
type ledger struct {
	files map[string]*entry
	dirs  map[string]presence
}

type presence uint8

const (
	absent presence = iota
	present
	maybe
)

// entry is what is known of one name.
type entry struct {
	is     presence
	origin string // the path that stands in its blocks
	sizes  []int  // lengths that it may have, in blocks
	synced []int  // likewise, as of the last good flush
	cells  []cell
	shaky  bool // its last flush failed: what was promised before may be there instead
	open   bool // anything may be there: a rename of it, or an append to it, was not answered well
}

// cell is which versions of a block may be there.
type cell struct {
	now      []uint32 // what a read should return
	promised []uint32 // likewise, as of the last good flush
	pending  []uint32 // written, never answered: may still come
}

func newLedger() *ledger {
	return &ledger{files: map[string]*entry{}, dirs: map[string]presence{".": present}}
}

func (l *ledger) clone() *ledger {
	c := &ledger{files: map[string]*entry{}, dirs: maps.Clone(l.dirs)}
	for name, e := range l.files {
		d := *e
		d.sizes, d.cells = slices.Clone(e.sizes), slices.Clone(e.cells)
		c.files[name] = &d
	}
	return c
}

// paths lists every name that ever was, in order.
func (l *ledger) paths() []string { return slices.Sorted(maps.Keys(l.files)) }

// folders lists every directory that should be there, in order.
func (l *ledger) folders() []string {
	var all []string
	for _, d := range slices.Sorted(maps.Keys(l.dirs)) {
		if l.dirs[d] == present {
			all = append(all, d)
		}
	}
	return all
}

// listing is what directories should list (true) and may (false).
type listing map[string]map[string]bool

func (l *ledger) listing() listing {
	all := listing{}
	add := func(p string, is presence, sure bool) {
		if p == "." || is == absent {
			return
		}
		dir := path.Dir(p)
		if all[dir] == nil {
			all[dir] = map[string]bool{}
		}
		all[dir][path.Base(p)] = sure
	}
	for p, e := range l.files {
		add(p, e.is, e.sure())
	}
	for p, is := range l.dirs {
		add(p, is, is == present)
	}
	return all
}

// size is how many blocks a file has for certain.
func (e *entry) size() int {
	if len(e.sizes) == 0 {
		return 0
	}
	return slices.Min(e.sizes)
}

// created notes the answer to a create.
func (l *ledger) created(p string, ok bool) {
	e := l.files[p]
	switch {
	case e != nil && e.is == present:
	case e == nil || e.is == absent:
		e = &entry{origin: p, sizes: []int{0}, is: maybe}
		l.files[p] = e
		fallthrough
	default:
		if ok {
			e.is = present
		}
	}
}

// wrote notes the answer to a write of blocks.
func (l *ledger) wrote(p string, index int, versions []uint32, how outcome) {
	e := l.files[p]
	if e == nil {
		return
	}
	for len(e.cells) < index+len(versions) {
		e.cells = append(e.cells, cell{})
	}
	for i, v := range versions {
		e.cells[index+i].wrote(v, how)
	}
	e.grew(index+len(versions), how)
}

func (c *cell) wrote(v uint32, how outcome) {
	switch how {
	case done:
		c.now = append([]uint32{v}, c.pending...)
	case hung:
		c.pending = append(slices.Clip(c.pending), v)
		fallthrough
	default:
		c.now = append(slices.Clip(c.now), v)
	}
}

func (e *entry) grew(to int, how outcome) {
	sizes := slices.Clone(e.sizes)
	for i := range sizes {
		sizes[i] = max(sizes[i], to)
	}
	if how != done {
		sizes = append(sizes, e.sizes...)
	}
	slices.Sort(sizes)
	e.sizes = slices.Compact(sizes)
}

// lose notes that nobody can say where the next append to a file will be.
func (l *ledger) lose(p string) {
	if e := l.files[p]; e != nil {
		e.open = true
	}
}

// cut notes the answer to a truncation.
func (l *ledger) cut(p string, to int, how outcome) {
	if e := l.files[p]; e == nil {
		return
	} else if how == done {
		e.sizes = []int{to}
	} else {
		e.sizes = append(slices.Clip(e.sizes), to)
	}
}

// flushed notes what came of a flush after every try.
func (l *ledger) flushed(p string, ok bool) {
	e := l.files[p]
	if e == nil {
		return
	}
	e.shaky = !ok
	if !ok {
		return
	}
	e.synced = e.sizes
	for i := range e.cells {
		e.cells[i].promised = e.cells[i].now
	}
}

// long reports whether a file may have so many blocks.
func (e *entry) long(blocks int) bool {
	return slices.Contains(e.sizes, blocks) || e.shaky && slices.Contains(e.synced, blocks)
}

// removed notes the answer to an unlink.
func (l *ledger) removed(p string, how outcome) {
	if e := l.files[p]; e == nil || e.is == absent {
		return
	} else if how == done {
		l.files[p] = &entry{origin: p}
	} else {
		e.is = maybe
	}
}

// moved notes the answer to a rename.
func (l *ledger) moved(from, to string, how outcome) {
	e := l.files[from]
	if e == nil || e.is == absent {
		return
	}
	if how == done {
		l.files[to], l.files[from] = e, &entry{origin: from}
		return
	}
	e.is, e.open = maybe, true
	l.files[to] = &entry{origin: to, is: maybe, open: true}
}

// doubt makes everything directly in a directory uncertain, after a flush of it
// that never succeeded.
func (l *ledger) doubt(dir string) {
	for p, e := range l.files {
		if path.Dir(p) == dir {
			e.is, e.open = maybe, true
		}
	}
	for d := range l.dirs {
		if path.Dir(d) == dir && d != "." {
			l.dirs[d] = maybe
		}
	}
}

// sure reports whether a name has to be there: it was made, and its file was
// flushed or nobody tried in vain.
func (e *entry) sure() bool { return e.is == present && (!e.shaky || e.synced != nil) }

// accepts reports whether a block may be what it says it is.
func (e *entry) accepts(index int, id ident) bool {
	if e.open || index >= len(e.cells) {
		return true
	}
	c := &e.cells[index]
	return id.path == e.origin && int(id.index) == index &&
		(slices.Contains(c.now, id.version) || e.shaky && slices.Contains(c.promised, id.version))
}
