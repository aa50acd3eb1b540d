package array

import (
	"maps"
	"slices"
	"time"

	"fourdays/storage/bug"
)

// spot is the part of a volume that a bug hits by itself: a range of a file, a
// file, or a directory. The zero spot is the whole volume.
type spot struct {
	path   string // of the file or directory; "" is everything
	node   *inode // the same, where it is known
	off, n int64  // of a file; n 0 is all of it
}

// whole reports whether a spot is all of the volume.
func (at spot) whole() bool { return at.path == "" && at.node == nil }

// at finds the inode that a spot is about; nil if there is none.
func (v *Volume) at(at spot) *inode {
	if at.node != nil || at.path == "" {
		return at.node
	}
	found, _ := v.find(at.path)
	return found.node
}

// reach is the bytes of a file that a spot covers.
func (at spot) reach(size int64) (from, to int64) {
	if at.n == 0 {
		return 0, size
	}
	return min(at.off, size), min(at.off+at.n, size)
}

// act does something to a part of the volume or to all of it, once.
func (g *gate) act(a bug.Action, at spot) {
	if a == bug.Crash && !g.leads() {
		return
	}
	if !g.carryOut(a, at) {
		g.hidden(MaskedBySame)
		return
	}
	where := g.v.name
	if at.path != "" {
		where += ":" + at.path
	}
	g.rule.mark(where + " " + string(a))
}

// carryOut does it and reports whether anything changed.
func (g *gate) carryOut(a bug.Action, at spot) bool {
	switch a {
	case bug.Rollback:
		return g.v.rollback(g.rule, g.shots[0])
	case bug.Wipe:
		return g.v.wipe(g.rule)
	case bug.Resize:
		return g.v.shrink(g.rule.bug.Effect.Size, g.rule)
	case bug.Crash:
		return g.crashes()
	case bug.ZeroAll:
		return g.zero(at)
	case bug.DropEntries:
		return g.dropEntries(at)
	case bug.Resurrect:
		return g.resurrect()
	case bug.Alias:
		return g.alias(at)
	}
	return true
}

// snapshot is what was durable on a volume at one time; it shares all blocks.
type snapshot struct {
	at     time.Duration
	states map[*inode]state
	order  []*inode
}

func (v *Volume) snapshot() *snapshot {
	s := &snapshot{at: v.fleet.clock.Now(), states: map[*inode]state{}, order: v.reachable(ackedOf)}
	for _, n := range s.order {
		s.states[n] = n.real().acked.clone()
	}
	v.epoch++
	return s
}

// shotsPerAge is how many snapshots cover the age that a rollback goes back: it
// is exact to that fraction (picked).
const shotsPerAge = 4

// ages reports whether a gate keeps snapshots to go back by a time.
func (g *gate) ages() bool { return len(g.shots) > 0 && g.rule.bug.Effect.To > 0 }

// keepShots takes a snapshot now and then, before a flush makes another state
// durable. What it holds has been so since the flush before.
func (g *gate) keepShots() {
	now, age := g.rule.clock.Now(), g.rule.bug.Effect.To
	if now-g.shots[len(g.shots)-1].at >= age/shotsPerAge {
		s := g.v.snapshot()
		s.at = g.shown
		g.shots = append(g.shots, s)
		g.dropShots(now - age)
	}
	g.shown = now
}

// dropShots forgets those snapshots that are too old to serve.
func (g *gate) dropShots(before time.Duration) {
	for len(g.shots) > 1 && g.shots[1].at <= before {
		g.shots = g.shots[1:]
	}
}

// ageShots leaves the snapshot of what was durable the age ago.
func (g *gate) ageShots() {
	before := g.rule.clock.Now() - g.rule.bug.Effect.To
	if g.shown <= before {
		g.shots = []*snapshot{g.v.snapshot()}
	}
	g.dropShots(before)
}

// rollback makes the array hold what it held at a snapshot, and reports whether
// it held anything else. The truth stays, and with it what was promised since.
func (v *Volume) rollback(r *rule, s *snapshot) bool {
	if v.holds(s) {
		return false
	}
	for _, n := range v.inodes {
		v.fork(n, r)
	}
	for _, n := range s.order {
		st := s.states[n]
		*v.fork(n, r) = image{seen: st.clone(), acked: st.clone()}
	}
	for i := range v.journal {
		v.journal[i].truth = true
	}
	v.lies, v.aliases = nil, nil
	v.epoch++
	v.rebuild()
	return true
}

// holds reports whether what is seen and what is durable are as they were at a
// snapshot, with nothing that waits to become durable.
func (v *Volume) holds(s *snapshot) bool {
	return len(v.lies) == 0 && !slices.ContainsFunc(s.order, func(n *inode) bool {
		was, is := s.states[n], n.real()
		return !equal(&was, &is.seen) || !equal(&was, &is.acked)
	})
}

// equal reports whether two states have the same names, or the same bytes.
func equal(a, b *state) bool {
	if a.size != b.size || !sameNames(a, b) {
		return false
	}
	for i := range blocksFor(a.size) {
		if !sameBytes(a.block(i), b.block(i)) {
			return false
		}
	}
	return true
}

// sameBytes compares two blocks, or holes.
func sameBytes(a, b *block) bool {
	switch {
	case a == b:
		return true
	case a == nil:
		return isZero(b.data[:])
	case b == nil:
		return isZero(a.data[:])
	}
	return *a.data == *b.data
}

// wipe leaves no name on the volume, and reports whether there was one.
func (v *Volume) wipe(r *rule) bool {
	return v.rollback(r, &snapshot{order: []*inode{v.root}, states: map[*inode]state{v.root: {names: map[string]*inode{}}}})
}

// dropEntries takes a share of the names of files away: of all directories, of
// one, or of one file.
func (g *gate) dropEntries(at spot) bool {
	v, dropped := g.v, false
	only := v.at(at)
	for _, dir := range v.reachable(seenOf) {
		for _, name := range slices.Sorted(maps.Keys(dir.real().seen.names)) {
			child := dir.real().seen.names[name]
			if child.isDir() || !at.whole() && only != dir && only != child || g.rng.Float64() >= g.rule.bug.Effect.Part {
				continue
			}
			img := v.fork(dir, g.rule)
			delete(img.seen.names, name)
			delete(img.acked.names, name)
			dropped = true
		}
	}
	v.rebuild()
	return dropped
}
