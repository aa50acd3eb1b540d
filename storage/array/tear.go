package array

import (
	"bytes"
	"slices"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// storing is a write on its way to the array, as the rules leave it.
type storing struct {
	n       *inode
	h       *handle
	off     int64
	asked   []byte // what was written
	stored  []byte // what is stored of it, at the same places
	kept    []part // and which of those
	landed  int64  // where it went
	shorter bool   // the file does not become longer by it
	wrong   []wrong
}

// wrong is a part of a write of which only so many bytes, or other ones, went
// into blocks whose checksums say otherwise, and by which rule.
type wrong struct {
	part
	stored int
	by     *rule
}

// spoilWrite keeps in the truth what was written, and in the array what the
// rules leave of it.
func (v *Volume) spoilWrite(hits []hit, n *inode, h *handle, p []byte, off int64) {
	op := vol.Op{Kind: vol.Write}
	img := v.fork(n, nil)
	before := n.room()
	n.truth.seen.writeAt(p, off, v.epoch)
	w := &storing{n: n, h: h, off: off, asked: p, stored: slices.Clone(p), landed: off, kept: []part{{off, off + int64(len(p))}}}
	for _, x := range hits {
		if !v.spoilt(x, w) {
			x.masked(n, h.path)
			continue
		}
		n.hurt = x.g.rule
		x.g.note(&op, h, false)
	}
	if !w.shorter {
		img.seen.grow(max(img.seen.size, off+int64(len(p))))
	}
	for _, k := range w.kept {
		img.seen.writeAt(w.stored[k.from-off:k.to-off], k.from, v.epoch)
	}
	for _, s := range w.wrong {
		img.seen.scar(s.by, p[s.from-off:s.to-off], s.stored, s.from)
	}
	h.wrote(w.landed, len(p))
	v.charge(n.room() - before)
}

// spoilt lets one rule do to a write what it does, and reports whether that
// changed anything.
func (v *Volume) spoilt(x hit, w *storing) (done bool) {
	for _, s := range x.within(w.off, len(w.asked)) {
		for _, k := range slices.Clone(w.kept) {
			if k = k.and(s); !k.empty() {
				done = v.spoilPart(x.g, w, k) || done
			}
		}
	}
	return done
}

func (v *Volume) spoilPart(g *gate, w *storing, s part) (done bool) {
	p := w.stored[s.from-w.off : s.to-w.off]
	switch e := &g.rule.bug.Effect; e.Persist.Kind {
	case bug.No:
		w.lose(s)
		return true
	case bug.Partial:
		left := g.tear(int64(len(p)), s.from, e.Persist.Unit)
		if left == int64(len(p)) {
			return false
		}
		w.lose(part{s.from + left, s.to})
		w.blame(g.rule, s, func(from, to int) bool { return from < int(left) && int(left) < to }, int(left))
		return true
	case bug.Elsewhere:
		if !v.misdirect(g, w.n, p, s.from) {
			return false
		}
		w.lose(s)
		return true
	case bug.Behind:
		return v.putBehind(w, p, s)
	}
	before := slices.Clone(p)
	v.replace(g, w.n, p, s.from)
	w.blame(g.rule, s, func(from, to int) bool { return !bytes.Equal(before[from:to], p[from:to]) }, len(p))
	return !bytes.Equal(before, p)
}

// blame notes for those blocks of a part that a rule made wrong that it was it.
func (w *storing) blame(r *rule, s part, is func(from, to int) bool, stored int) {
	if !scars(&r.bug.Effect) {
		return
	}
	span(s.from, int(s.to-s.from), func(_, from, to, pos int) {
		if end := pos + to - from; is(pos, end) {
			w.wrong = append(w.wrong, wrong{part{s.from + int64(pos), s.from + int64(end)}, min(stored, end) - pos, r})
		}
	})
}

// lose takes a part out of what is kept.
func (w *storing) lose(s part) {
	var kept []part
	for _, k := range w.kept {
		kept = append(kept, k.minus(s)...)
	}
	w.kept = kept
}

// tear is how many bytes are kept from the beginning of a write: a number of
// whole units, at least one and not all. One within one unit does not tear.
func (g *gate) tear(n, off, unit int64) int64 {
	first := unit - off%unit
	if first >= n {
		return n
	}
	more := (n - first - 1) / unit // units that could also survive
	return first + unit*g.rng.Int64N(more+1)
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

// putBehind puts a write over the one before it, as if the position in the file
// had not moved on: the file does not become longer, and the next one that is
// hit lands there too.
func (v *Volume) putBehind(w *storing, p []byte, s part) bool {
	last, ok := w.h.last()
	if !ok || last == w.off {
		return false
	}
	img := v.fork(w.n, nil)
	at := last + s.from - w.off
	img.seen.writeAt(p, at, v.epoch)
	v.touch(w.n, int(at/BlockSize), blocksFor(at+int64(len(p))))
	w.landed, w.shorter = last, true
	w.lose(s)
	return true
}
