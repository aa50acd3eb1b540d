package array

import (
	"cmp"
	"math"
	"slices"

	"fourdays/storage/bug"
)

// wound is a place that a bug hit: a span of a file, or all of a file or
// directory. It belongs to the inode, wherever that is moved; what hits the same
// address everywhere belongs to the path.
type wound struct {
	gate *gate
	part
	due   bool // for one operation only
	spent bool // that was it
	era   int
}

// healed reports whether a wound is none any more.
func (w *wound) healed() bool { return w.gate.gone || w.gate.rule.ended || w.era != w.gate.unit.era }

// firePlace hits one place: something happens to it, or the effect is on there.
// What has been hit already is not hit again; false says that nothing was left.
func (g *gate) firePlace(at spot, happens bool) (hit bool) {
	for _, t := range g.targets() {
		list := t.v.woundsAt(t.rule, at)
		for _, s := range fresh(*list, t, at.part()) {
			hit = true
			w := wound{gate: t, part: s, era: t.unit.era, spent: happens}
			w.due = g.rule.bug.Persistence == bug.Once || g.rule.bug.Persistence == bug.Transient
			if !happens || g.rule.bug.Persistence != bug.Transient {
				*list = append(*list, w)
				t.unit.wounds++
				t.v.hurts |= g.rule.effect
			}
			if happens {
				t.act(g.rule.bug.Effect.Action, at.cut(s, t == g))
			}
		}
	}
	return hit
}

// targets is where a place that fires is hit.
func (g *gate) targets() []*gate {
	if !g.rule.scope.Population.SameAddress {
		return []*gate{g}
	}
	var all []*gate
	for _, v := range g.rule.fleet.order {
		all = append(all, g.rule.gates[v]...)
	}
	return all
}

// span is the bytes of a spot.
func (at spot) part() part {
	if at.n == 0 {
		return whole
	}
	return part{at.off, at.off + at.n}
}

// cut is a spot made smaller; on another volume it is known by its path only.
func (at spot) cut(s part, own bool) spot {
	if s != whole {
		at.off, at.n = s.from, s.to-s.from
	}
	if !own {
		at.node = nil
	}
	return at
}

// woundsAt is the list in which the wounds at a spot are kept.
func (v *Volume) woundsAt(r *rule, at spot) *[]wound {
	if at.node != nil && !r.scope.Population.SameAddress {
		return &at.node.wounds
	}
	if v.scars == nil {
		v.scars = map[string]*[]wound{}
	}
	if v.scars[at.path] == nil {
		v.scars[at.path] = new([]wound)
	}
	return v.scars[at.path]
}

// fresh is what of a span a gate has not hit yet.
func fresh(list []wound, g *gate, s part) []part {
	left := []part{s}
	for i := range list {
		if w := &list[i]; w.gate == g && !w.healed() {
			var still []part
			for _, p := range left {
				still = append(still, p.minus(w.part)...)
			}
			left = still
		}
	}
	return left
}

// lists calls f with the wounds that an operation may meet: those of its file,
// by inode and by path, and those of its directory.
func (m *moment) lists(f func(list *[]wound, directory bool)) {
	if n := m.inode(); n != nil && len(n.wounds) > 0 {
		f(&n.wounds, false)
	}
	if d := m.directory(); d != nil && d != m.node && len(d.wounds) > 0 {
		f(&d.wounds, true)
	}
	if len(m.v.scars) == 0 {
		return
	}
	if l := m.v.scars[m.path]; l != nil {
		f(l, false)
	}
	if l := m.v.scars[dirOf(m.path)]; l != nil && m.path != "." {
		f(l, true)
	}
}

// meets reports whether a wound concerns an operation on that span, found in the
// list of its directory or in its own.
func (w *wound) meets(s part, directory bool) bool {
	return !w.healed() && !w.spent && !w.part.and(s).empty() &&
		(!directory || w.gate.rule.scope.Extent == bug.ExtentDirectory)
}

// withWounded adds to a list the gates whose wounds an operation meets.
func (v *Volume) withWounded(list []*gate, m *moment) []*gate {
	out := list
	s := m.part()
	m.lists(func(ws *[]wound, directory bool) {
		for i := range *ws {
			w := &(*ws)[i]
			if !w.meets(s, directory) || !w.gate.rule.effect.has(m.op.Kind) || slices.Contains(out, w.gate) {
				continue
			}
			if len(out) == len(list) {
				out = slices.Clone(list)
			}
			out = append(out, w.gate)
		}
	})
	if len(out) > len(list) {
		slices.SortFunc(out, func(a, b *gate) int { return cmp.Compare(a.pos, b.pos) })
	}
	return out
}

// reach is where the effect is on for an operation: at the parts of a file, or
// everywhere for nil.
func (g *gate) reach(m *moment) (at []part, on bool) {
	if g.feels() {
		return g.share(m)
	}
	if g.unit.wounds == 0 {
		return nil, false
	}
	s := m.part()
	m.lists(func(ws *[]wound, directory bool) {
		for i := range *ws {
			if w := &(*ws)[i]; w.gate == g && w.meets(s, directory) {
				at = append(at, w.part.and(s))
			}
		}
	})
	on = len(at) > 0
	if on && slices.Contains(at, whole) {
		at = nil
	}
	return at, on
}

// consume notes that the effect was carried out on an operation, and leaves what
// a retry would meet.
func (g *gate) consume(m *moment) {
	u := g.unit
	if g.feels() {
		again := u.due && g.again()
		u.use()
		if again {
			g.stick(m)
		}
		return
	}
	s := m.part()
	m.lists(func(ws *[]wound, directory bool) { g.consumeIn(ws, s, directory) })
}

// again draws whether the next try at a place meets the effect once more.
func (g *gate) again() bool {
	b := &g.rule.bug
	return b.Persistence == bug.Transient && b.RetryOK > 0 && g.rng.Float64() >= b.RetryOK
}

// stick keeps the effect due at the place of an operation.
func (g *gate) stick(m *moment) {
	n := m.inode()
	if n == nil {
		return
	}
	n.wounds = append(n.wounds, wound{gate: g, part: m.part(), due: true, era: g.unit.era})
	g.unit.wounds++
	g.v.hurts |= g.rule.effect
}

func (g *gate) consumeIn(ws *[]wound, s part, directory bool) {
	var kept []wound
	for _, w := range *ws {
		if w.gate != g || !w.due || !w.meets(s, directory) {
			kept = append(kept, w)
			continue
		}
		hit := w.part.and(s.round(max(1, unitOf(g.rule.scope.Extent))))
		if w.part == whole {
			hit = whole
		}
		for _, rest := range w.part.minus(hit) {
			kept = append(kept, w.with(rest))
		}
		if g.rule.bug.Persistence == bug.Once {
			w.spent = true
			kept = append(kept, w.with(hit))
		} else if g.again() {
			kept = append(kept, w.with(hit))
		}
	}
	*ws = kept
}

func (w wound) with(s part) wound {
	w.part = s
	return w
}

// wait makes due again what was to happen once and changed nothing.
func (g *gate) wait(n *inode, path string, at []part) {
	if g.unit.wounds == 0 {
		g.unit.spent, g.unit.due = false, true
		g.unit.refresh()
		return
	}
	lists := []*[]wound{g.v.scars[path]}
	if n != nil {
		lists = append(lists, &n.wounds)
	}
	for _, ws := range lists {
		if ws == nil {
			continue
		}
		for i := range *ws {
			w := &(*ws)[i]
			if w.gate == g && (at == nil || slices.ContainsFunc(at, func(s part) bool { return !s.and(w.part).empty() })) {
				w.spent = false
			}
		}
	}
}

// overwritten ends what was wrong with sectors, blocks and chunks that have been
// written over, but for the rules that had a hand in that write or that it fired.
// A sector that was only begun is not over.
func (v *Volume) overwritten(h *handle, off int64, n int, dec *decision) {
	if v.hurts == 0 {
		return
	}
	s := part{roundUp(off, SectorSize), off + int64(n)}
	if s.to >= h.node.real().seen.size {
		s.to = math.MaxInt64
	}
	s.to -= s.to % SectorSize
	v.heal(h.node, h.path, s, dec)
}

// cutOff ends it for what lies beyond the new end of a file.
func (v *Volume) cutOff(n *inode, path string, size int64) {
	if v.hurts != 0 {
		v.heal(n, path, part{roundUp(size, SectorSize), math.MaxInt64}, &decision{})
	}
}

func (v *Volume) heal(n *inode, path string, s part, dec *decision) {
	for _, ws := range []*[]wound{&n.wounds, v.scars[path]} {
		if ws == nil || len(*ws) == 0 || s.empty() {
			continue
		}
		var kept []wound
		for _, w := range *ws {
			if w.healed() {
				continue
			}
			if w.part == whole || dec.involves(w.gate) {
				kept = append(kept, w)
				continue
			}
			for _, rest := range w.part.minus(s) {
				kept = append(kept, w.with(rest))
			}
		}
		*ws = kept
	}
}
