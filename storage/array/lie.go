package array

import (
	"maps"
	"slices"
)

// A lie is what a flush that did not happen left in the volatile part of the
// array: acknowledged, not yet on the media, gone if power or controller goes.
// Or it is in the node's own cache, whose pages count as clean: then no later
// flush makes it true, and it is gone when the file leaves the cache.
type lie struct {
	rule    *rule
	lostAt  lossEvents
	stuck   bool // in the node
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

func newLie(r *rule, stuck bool) *lie {
	return &lie{rule: r, lostAt: r.lostAt, stuck: stuck, held: map[*inode]*heldFile{}}
}

// take puts those dirty blocks of n that the rule concerns in the volatile
// cache.
func (l *lie) take(n *inode, on func(idx int) bool) {
	h := l.held[n]
	if h == nil {
		h = &heldFile{node: n, blocks: map[int]*block{}}
		l.held[n] = h
		l.files = append(l.files, h)
	}
	h.size = n.actual.seen.size
	l.taken++
	n.dirty.each(func(idx int) {
		if on(idx) {
			b := n.actual.seen.block(idx)
			b.share()
			h.blocks[idx] = b
		}
	})
}

// note keeps a metadata operation; what a truncation cuts off is not held.
func (l *lie) note(e entry) {
	l.entries = append(l.entries, e)
	l.cut(e.file, e.size)
}

// cut forgets what is held of a file beyond its size.
func (l *lie) cut(n *inode, size int64) {
	h := l.held[n]
	if h == nil {
		return
	}
	maps.DeleteFunc(h.blocks, func(idx int, _ *block) bool { return idx >= blocksFor(size) })
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

// settle makes durable what the cache holds.
func (l *lie) settle(epoch uint64) {
	l.change(ackedOf, epoch)
	for _, h := range l.files {
		s := ackedOf(h.node.real())
		s.resize(h.size)
		for idx, b := range h.blocks {
			s.put(idx, b)
		}
	}
}

// show lets the nodes see what the cache holds, under what they have not synced
// yet themselves.
func (l *lie) show(epoch uint64) {
	l.change(seenOf, epoch)
	for _, h := range l.files {
		l.showFile(h.node)
	}
}

func (l *lie) showFile(n *inode) {
	h := l.held[n]
	if h == nil {
		return
	}
	s := seenOf(n.real())
	if n.dirty.empty() || h.size > s.size {
		s.resize(h.size)
	}
	for idx, b := range h.blocks {
		if !n.dirty.has(idx) {
			s.put(idx, b)
		}
	}
}

// change applies the metadata operations that the cache holds.
func (l *lie) change(pick func(*image) *state, epoch uint64) {
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
}

// destage writes the first n lies to the media, but for those in the node: from
// now on they are true.
func (v *Volume) destage(n int) {
	var kept []*lie
	for i, l := range v.lies {
		if i >= n || l.stuck {
			kept = append(kept, l)
		} else {
			l.settle(v.epoch)
		}
	}
	if len(kept) < len(v.lies) {
		v.epoch++
		v.lies = kept
	}
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
