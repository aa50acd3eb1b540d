package array

import (
	"syscall"

	"fourdays/storage/vol"
)

// change gives a name in a directory to an inode, or to nobody.
type change struct {
	dir   *inode
	name  string
	child *inode
}

// entry is one metadata operation: up to two names that change together, or a
// new size. It is applied to what is seen at once, and to what is acknowledged
// when it becomes durable.
type entry struct {
	changes []change
	file    *inode // of a truncation
	size    int64
	barrier bool // moves a directory: nothing overtakes it
	truth   bool // concerns the truth only: the array has rolled back since
}

func (n *inode) setName(pick func(*image) *state, name string, child *inode, truthOnly bool) {
	set := func(i *image) {
		names := pick(i).names
		if names == nil {
			return
		}
		if child == nil {
			delete(names, name)
		} else {
			names[name] = child
		}
	}
	if truthOnly {
		set(&n.truth)
		return
	}
	n.both(set)
}

func seenOf(i *image) *state  { return &i.seen }
func ackedOf(i *image) *state { return &i.acked }

// log applies the entry to what is seen and keeps it until it is durable.
func (v *Volume) log(e entry) {
	for _, c := range e.changes {
		c.dir.setName(seenOf, c.name, c.child, false)
		c.dir.mtime = v.fleet.clock.Now()
	}
	v.journal = append(v.journal, e)
}

// commit makes an entry durable: in the truth always, in the array unless the
// flush lies.
func (v *Volume) commit(e *entry, lie *lie) {
	if lie != nil && !e.truth {
		v.forkFor(e, lie.rule)
		lie.note(*e)
	}
	truthOnly := e.truth || lie != nil
	for _, c := range e.changes {
		c.dir.setName(ackedOf, c.name, c.child, truthOnly)
	}
	if e.file == nil {
		return
	}
	e.file.truth.acked.truncate(e.size, v.epoch)
	if e.file.actual != nil && !truthOnly {
		e.file.actual.acked.truncate(e.size, v.epoch)
	}
}

func (v *Volume) forkFor(e *entry, r *rule) {
	for _, c := range e.changes {
		v.fork(c.dir, r)
	}
	if e.file != nil {
		v.fork(e.file, r)
	}
}

// commitAll makes the whole journal durable, as ext4 does on any fsync.
func (v *Volume) commitAll(lie *lie) {
	for i := range v.journal {
		v.commit(&v.journal[i], lie)
	}
	clear(v.journal)
	v.journal = v.journal[:0]
}

// commitChosen makes durable the chosen entries and keeps the others waiting.
func (v *Volume) commitChosen(chosen []bool, lie *lie) {
	kept := v.journal[:0]
	for i := range v.journal {
		if chosen[i] {
			v.commit(&v.journal[i], lie)
		} else {
			kept = append(kept, v.journal[i])
		}
	}
	clear(v.journal[len(kept):])
	v.journal = kept
}

// dependsOn reports whether e cannot be durable without the earlier entry.
func (e *entry) dependsOn(earlier *entry) bool {
	if e.barrier || earlier.barrier || e.file != nil && e.file == earlier.file {
		return true
	}
	for _, a := range e.changes {
		for _, b := range earlier.changes {
			if a.dir == b.dir && a.name == b.name {
				return true
			}
		}
	}
	return false
}

// closure adds to the chosen entries all that they depend on.
func (v *Volume) closure(chosen []bool) {
	for i := len(v.journal) - 1; i >= 0; i-- {
		if !chosen[i] {
			continue
		}
		for j := range i {
			chosen[j] = chosen[j] || v.journal[i].dependsOn(&v.journal[j])
		}
	}
}

// sync makes a file durable: its size and data, and in the ordered profile all
// metadata before it.
func (v *Volume) sync(n *inode, f *flushing) vol.Result {
	if n.isDir() {
		return v.syncDir(n, f)
	}
	if v.cannotFlush(n) {
		return failed(syscall.EIO)
	}
	if f == nil {
		v.destage(len(v.lies))
	}
	switch lie := f.names(); {
	case f != nil && f.failed:
	case v.strict:
		chosen := make([]bool, len(v.journal))
		for i := range v.journal {
			chosen[i] = v.journal[i].file == n
		}
		v.closure(chosen)
		v.commitChosen(chosen, lie)
	default:
		v.commitAll(lie)
	}
	v.syncData(n, f)
	return vol.Result{}
}

func (v *Volume) syncDir(dir *inode, f *flushing) vol.Result {
	if f == nil {
		v.destage(len(v.lies))
	} else if f.failed {
		return vol.Result{}
	}
	lie := f.names()
	if !v.strict {
		v.commitAll(lie)
		return vol.Result{}
	}
	chosen := make([]bool, len(v.journal))
	for i := range v.journal {
		for _, c := range v.journal[i].changes {
			chosen[i] = chosen[i] || c.dir == dir
		}
	}
	v.closure(chosen)
	v.commitChosen(chosen, lie)
	return vol.Result{}
}

// promise copies the dirty blocks from what is seen to what is acknowledged.
func (i *image) promise(dirty *bitmap) {
	i.acked.resize(i.seen.size)
	dirty.each(func(idx int) { i.acked.put(idx, i.seen.block(idx)) })
}

// resize sets the size and the number of blocks; blocks cut off are dropped.
func (s *state) resize(size int64) {
	s.size = size
	s.blocks.resize(blocksFor(size))
}

// keepOld keeps the promised version of each block about to be replaced, while
// an armed bug can return it.
func (v *Volume) keepOld(n *inode) {
	if v.history == 0 {
		return
	}
	if n.old == nil {
		n.old = map[int][]*block{}
	}
	n.dirty.each(func(idx int) {
		if b := n.truth.acked.block(idx); b != nil {
			b.share()
			versions := append(n.old[idx], b)
			n.old[idx] = versions[max(0, len(versions)-v.history):]
		}
	})
}
