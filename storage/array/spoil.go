package array

import (
	"bytes"
	"hash/fnv"
	"slices"
	"syscall"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// spoilRead changes what a read returns and says how much of it is left.
func (v *Volume) spoilRead(g *gate, n *inode, h *handle, op *vol.Op, done int) int {
	p := op.Data[:done]
	before := slices.Clone(p)
	switch c := g.rule.bug.Effect.Data; c.Kind {
	case bug.Zero:
		clear(p)
	case bug.Old:
		n.readOld(p, op.Off, int(c.N))
	case bug.Other:
		v.readOther(g, n, p, op.Off)
	case bug.Flip:
		g.flip(p, int(c.N))
	case bug.Cut:
		done -= min(done, max(1, done%int(c.N)))
		done -= done % int(c.N)
	}
	if done == len(p) && bytes.Equal(before, p) {
		g.masked()
		return done
	}
	g.note(op, h, true)
	return done
}

// readOld replaces those blocks of which an older version is kept.
func (n *inode) readOld(p []byte, off int64, versions int) {
	span(off, len(p), func(idx, from, to, pos int) {
		if kept := n.old[idx]; len(kept) >= versions {
			copy(p[pos:], kept[len(kept)-versions].data[from:to])
		}
	})
}

// readOther replaces everything by the bytes of another file.
func (v *Volume) readOther(g *gate, n *inode, p []byte, off int64) {
	if other := v.anotherFile(g, n); other != nil {
		s := &other.real().seen
		clear(p)
		s.readAt(p, off%s.size)
	}
}

// anotherFile picks a file that is not n and not empty.
func (v *Volume) anotherFile(g *gate, n *inode) *inode {
	start := g.rng.IntN(len(v.inodes))
	for i := range v.inodes {
		o := v.inodes[(start+i)%len(v.inodes)]
		if o != n && !o.isDir() && o.linked && o.real().seen.size > 0 {
			return o
		}
	}
	return nil
}

// flip inverts bits in n different places, or in as many as there are.
func (g *gate) flip(p []byte, n int) {
	if len(p) == 0 {
		return
	}
	places := map[int]bool{}
	for range min(n, 8*len(p)) {
		bit := g.rng.IntN(8 * len(p))
		for places[bit] {
			bit = (bit + 1) % (8 * len(p))
		}
		places[bit] = true
		p[bit/8] ^= 1 << (bit % 8)
	}
}

// spoilWrite keeps in the truth what was written, and in the array what the
// rules leave of it.
func (v *Volume) spoilWrite(hits []*gate, n *inode, h *handle, p []byte, off int64) {
	op := vol.Op{Kind: vol.Write}
	img := v.fork(n, nil)
	before := n.room()
	n.truth.seen.writeAt(p, off, v.epoch)
	img.seen.grow(max(img.seen.size, off+int64(len(p))))
	stored := slices.Clone(p)
	for _, g := range hits {
		left, done := v.spoilt(g, n, stored, off)
		if !done {
			g.masked()
			continue
		}
		stored = left
		n.hurt = g.rule
		g.note(&op, h, false)
	}
	img.seen.writeAt(stored, off, v.epoch)
	v.charge(n.room() - before)
}

// spoilt is what one rule leaves of a write, and whether it changed anything.
// What is left is always the beginning of it.
func (v *Volume) spoilt(g *gate, n *inode, p []byte, off int64) ([]byte, bool) {
	e := &g.rule.bug.Effect
	switch e.Persist.Kind {
	case bug.No:
		return nil, true
	case bug.Partial:
		return g.tear(p, off, e.Persist.Unit)
	case bug.Elsewhere:
		return nil, v.misdirect(g, n, p, off)
	}
	spoilt := slices.Clone(p)
	switch e.Data.Kind {
	case bug.Zero:
		clear(spoilt)
	case bug.Other:
		v.readOther(g, n, spoilt, off)
	case bug.Flip:
		g.flip(spoilt, int(e.Data.N))
	}
	return spoilt, !bytes.Equal(spoilt, p)
}

// tear keeps a number of whole units from the beginning of a write, at least
// one and not all; a write within one unit does not tear.
func (g *gate) tear(p []byte, off, unit int64) ([]byte, bool) {
	first := unit - off%unit
	if first >= int64(len(p)) {
		return p, false
	}
	more := (int64(len(p)) - first - 1) / unit // units that could also survive
	return p[:first+unit*g.rng.Int64N(more+1)], true
}

// misdirect puts a write where something else is: in another file or, if there
// is none, in another block of the same one.
func (v *Volume) misdirect(g *gate, n *inode, p []byte, off int64) bool {
	victim := v.anotherFile(g, n)
	var at int64
	if victim != nil {
		blocks := (victim.real().seen.size - 1) / BlockSize
		at = g.rng.Int64N(blocks+1) * BlockSize
	} else {
		victim = n
		last := (n.real().seen.size - 1) / BlockSize
		if last < 1 {
			return false
		}
		at = (off/BlockSize + 1 + g.rng.Int64N(last)) % (last + 1) * BlockSize
	}
	img := v.fork(victim, g.rule)
	before := victim.room()
	v.epoch++
	for _, s := range []*state{&img.seen, &img.acked} {
		if at < s.size {
			s.writeAt(p[:min(int64(len(p)), s.size-at)], at, v.epoch)
		}
	}
	if victim != n {
		v.charge(victim.room() - before)
	}
	return true
}

// doSync carries out an fsync, or pretends to.
func (v *Volume) doSync(h *handle, dec *decision) vol.Result {
	if h == nil {
		return failed(syscall.EBADF)
	}
	op := vol.Op{Kind: vol.Sync}
	return v.flush(&op, h, dec, func(l *lie) vol.Result { return v.sync(h.node, l) })
}

func (v *Volume) doSyncDir(op *vol.Op, dec *decision) vol.Result {
	at, errno := v.existing(op.Path)
	if errno != 0 {
		return failed(errno)
	}
	if !at.node.isDir() {
		return failed(syscall.ENOTDIR)
	}
	return v.flush(op, nil, dec, func(l *lie) vol.Result { return v.syncDir(at.node, l) })
}

func (v *Volume) flush(op *vol.Op, h *handle, dec *decision, do func(*lie) vol.Result) vol.Result {
	for _, g := range dec.hits {
		if p := g.rule.bug.Effect.Persist; p.Kind != bug.Yes {
			return v.pretend(g, op, h, do)
		}
	}
	return do(nil)
}

// pretend acknowledges a flush and leaves what it should have made durable in
// the array's volatile cache.
func (v *Volume) pretend(g *gate, op *vol.Op, h *handle, do func(*lie) vol.Result) vol.Result {
	p := g.rule.bug.Effect.Persist
	var l *lie
	if n := len(v.lies); n > 0 && v.lies[n-1].rule == g.rule && p.Kind == bug.No {
		l = v.lies[n-1]
	} else {
		l = newLie(g.rule)
		v.lies = append(v.lies, l)
	}
	entries, files := len(l.entries), l.taken
	res := do(l)
	if len(l.entries) == entries && l.taken == files {
		g.masked()
	} else {
		g.note(op, h, false)
	}
	switch p.Kind {
	case bug.Partial:
		l.leak(func() bool { return g.rng.IntN(2) == 0 })
	case bug.Late:
		v.fleet.later(p.Late, func() { v.destage(slices.Index(v.lies, l) + 1) })
	}
	return res
}

// hideEntries leaves out of a listing the share of names that a rule hides; the
// same ones each time.
func (v *Volume) hideEntries(list []vol.Info, dir string, dec *decision) []vol.Info {
	for _, g := range dec.hits {
		if g.rule.bug.Effect.Action != bug.HideEntries {
			continue
		}
		before := len(list)
		list = slices.DeleteFunc(list, func(i vol.Info) bool { return g.hides(dir, i.Name) })
		if len(list) == before {
			g.masked()
		} else {
			g.note(&vol.Op{Kind: vol.ReadDir, Path: dir}, nil, true)
		}
	}
	return list
}

func (g *gate) hides(dir, name string) bool {
	h := fnv.New64a()
	h.Write([]byte(g.rule.id + "/" + g.v.name + "/" + dir + "/" + name))
	const scale = 1 << 20
	return float64(h.Sum64()%scale)/scale < g.rule.bug.Effect.Part
}
