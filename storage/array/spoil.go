package array

import (
	"bytes"
	"hash/fnv"
	"slices"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// within is those parts of [off, off+n) that a hit concerns.
func (x hit) within(off int64, n int) []part {
	all := part{off, off + int64(n)}
	if x.parts == nil {
		return []part{all}
	}
	var some []part
	for _, p := range x.parts {
		if p = p.and(all); !p.empty() {
			some = append(some, p)
		}
	}
	return some
}

// spoilRead changes what a read returns and says how much of it is left.
func (v *Volume) spoilRead(x hit, n *inode, h *handle, op *vol.Op, done int) int {
	p := op.Data[:done]
	before := slices.Clone(p)
	for _, at := range x.within(op.Off, done) {
		if x.g.rule.bug.Effect.Data.Kind == bug.Cut {
			done = min(done, cutTo(int(at.to-op.Off), int(x.g.rule.bug.Effect.Data.N)))
			continue
		}
		v.replace(x.g, n, p[at.from-op.Off:at.to-op.Off], at.from)
	}
	if done == len(p) && bytes.Equal(before, p) {
		x.masked(n, h.path)
		return done
	}
	x.g.note(op, h, true)
	return done
}

// cutTo is the last multiple of unit below n.
func cutTo(n, unit int) int { return (n - 1) / unit * unit }

// replace gives bytes at an offset of a file what the effect makes of them.
func (v *Volume) replace(g *gate, n *inode, p []byte, off int64) {
	switch c := g.rule.bug.Effect.Data; c.Kind {
	case bug.Zero:
		clear(p)
	case bug.Old:
		n.readOld(p, off, int(c.N))
	case bug.Other:
		v.readOther(g, n, p, off)
	case bug.Flip:
		g.flip(p, int(c.N))
	}
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

// hideEntries leaves out of a listing the share of names that a rule hides; the
// same ones each time.
func (v *Volume) hideEntries(list []vol.Info, dir string, dec *decision) []vol.Info {
	for _, x := range dec.hits {
		if x.g.rule.bug.Effect.Action != bug.HideEntries {
			continue
		}
		before := len(list)
		list = slices.DeleteFunc(list, func(i vol.Info) bool { return x.g.hides(dir, i.Name) })
		if len(list) == before {
			x.masked(nil, dir)
		} else {
			x.g.note(&vol.Op{Kind: vol.ReadDir, Path: dir}, nil, true)
		}
	}
	return list
}

func (g *gate) hides(dir, name string) bool {
	h := fnv.New64a()
	h.Write([]byte(g.rule.dice + "/" + g.v.name + "/" + dir + "/" + name))
	x := h.Sum64() // names that differ in one letter have sums that differ little
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	const scale = 1 << 20
	return float64((x^x>>33)%scale)/scale < g.rule.bug.Effect.Part
}
