package array

import (
	"maps"
	"slices"
	"time"

	"fourdays/storage/bug"
)

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

// keepShots takes a snapshot now and then, and forgets those too old to serve.
func (g *gate) keepShots() {
	now, age := g.rule.clock.Now(), g.rule.bug.Effect.To
	if now-g.shots[len(g.shots)-1].at < age/shotsPerAge {
		return
	}
	g.shots = append(g.shots, g.v.snapshot())
	for len(g.shots) > 1 && g.shots[1].at <= now-age {
		g.shots = g.shots[1:]
	}
}

// act does something to the whole volume, once.
func (g *gate) act(a bug.Action) {
	v := g.v
	switch a {
	case bug.Rollback:
		v.rollback(g.rule, g.shots[0])
	case bug.Wipe:
		v.rollback(g.rule, &snapshot{order: []*inode{v.root},
			states: map[*inode]state{v.root: {names: map[string]*inode{}}}})
	case bug.ZeroAll:
		v.zeroAll(g.rule)
	case bug.DropEntries:
		g.dropEntries()
	}
	g.rule.mark(v.name + " " + string(a))
}

// rollback makes the array hold what it held at a snapshot. The truth stays,
// and with it what was promised since.
func (v *Volume) rollback(r *rule, s *snapshot) {
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
	v.lies = nil
	v.epoch++
	v.rebuild()
}

func (v *Volume) zeroAll(r *rule) {
	for _, n := range v.inodes {
		if n.isDir() {
			continue
		}
		img := v.fork(n, r)
		clear(img.seen.blocks)
		clear(img.acked.blocks)
	}
	v.rebuild()
}

func (g *gate) dropEntries() {
	v := g.v
	for _, dir := range v.reachable(seenOf) {
		for _, name := range slices.Sorted(maps.Keys(dir.real().seen.names)) {
			if dir.real().seen.names[name].isDir() || g.rng.Float64() >= g.rule.bug.Effect.Part {
				continue
			}
			img := v.fork(dir, g.rule)
			delete(img.seen.names, name)
			delete(img.acked.names, name)
		}
	}
	v.rebuild()
}
