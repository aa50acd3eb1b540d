package array

import (
	"maps"
	"slices"
)

// A lie is what a flush that did not happen left in the volatile part of the
// array: acknowledged, not yet on the media, gone if power or controller goes.
type lie struct {
	rule    *rule
	lostAt  lossEvents
	entries []entry
	files   []*heldFile
	taken   int // how often a file was taken
	held    map[*inode]*heldFile
}

type heldFile struct {
	node   *inode
	size   int64
	blocks map[int]*block
}

func newLie(r *rule) *lie {
	return &lie{rule: r, lostAt: r.lostAt, held: map[*inode]*heldFile{}}
}

// take puts the dirty blocks of n in the volatile cache.
func (l *lie) take(n *inode) {
	h := l.held[n]
	if h == nil {
		h = &heldFile{node: n, blocks: map[int]*block{}}
		l.held[n] = h
		l.files = append(l.files, h)
	}
	l.taken++
	h.size = n.actual.seen.size
	n.dirty.each(func(idx int) { h.blocks[idx] = n.actual.seen.block(idx) })
}

// note keeps a metadata operation; what a truncation cuts off is not held.
func (l *lie) note(e entry) {
	l.entries = append(l.entries, e)
	h := l.held[e.file]
	if h == nil {
		return
	}
	for idx := range h.blocks {
		if idx >= blocksFor(e.size) {
			delete(h.blocks, idx)
		}
	}
}

// leak lets about half of the blocks held reach the media after all.
func (l *lie) leak(coin func() bool) {
	for _, h := range l.files {
		acked := &h.node.real().acked
		acked.grow(max(acked.size, h.size))
		for _, idx := range slices.Sorted(maps.Keys(h.blocks)) {
			if coin() {
				acked.put(idx, h.blocks[idx])
				delete(h.blocks, idx)
			}
		}
	}
}

// settle applies what the cache holds to the image of each inode that pick
// chooses.
func (l *lie) settle(pick func(*image) *state, epoch uint64) {
	for _, e := range l.entries {
		for _, c := range e.changes {
			if names := pick(c.dir.real()).names; names != nil && c.child == nil {
				delete(names, c.name)
			} else if names != nil {
				names[c.name] = c.child
			}
		}
		if e.file != nil {
			pick(e.file.real()).truncate(e.size, epoch)
		}
	}
	for _, h := range l.files {
		s := pick(h.node.real())
		s.resize(h.size)
		for idx, b := range h.blocks {
			s.put(idx, b)
		}
	}
}

// destage writes the first n lies to the media: from now on they are true.
func (v *Volume) destage(n int) {
	if n == 0 {
		return
	}
	for _, l := range v.lies[:n] {
		l.settle(ackedOf, v.epoch)
	}
	v.epoch++
	v.lies = slices.Clone(v.lies[n:])
}

// dropLies forgets what the event e takes away and reports whether there was
// anything.
func (v *Volume) dropLies(e lossEvents) bool {
	kept := v.lies[:0]
	for _, l := range v.lies {
		if l.lostAt&e == 0 {
			kept = append(kept, l)
		}
	}
	lost := len(kept) < len(v.lies)
	clear(v.lies[len(kept):])
	v.lies = kept
	return lost
}
