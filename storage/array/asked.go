package array

import (
	"slices"

	"fourdays/storage/bug"
)

// asked lets the rules on a volume see an act of a plane other than data, at a
// place or, for the zero spot, anywhere. It returns the gates of those whose
// effect applies, in the order of arming; what is then done about it, and noted
// with mark, masked or observe, is the caller's. Each call uses up what was to
// happen once.
func (v *Volume) asked(act bug.Act, at spot) []*gate {
	if !slices.Contains(v.acts, act) {
		return nil
	}
	var hit []*gate
	for _, g := range v.gates {
		if g.asked(act, at) {
			hit = append(hit, g)
		}
	}
	return hit
}

// asked is the same for an act of the whole array: each rule is asked once.
func (d *device) asked(act bug.Act) []*gate {
	var hit []*gate
	met := map[*rule]bool{}
	for _, v := range d.volumes {
		if !slices.Contains(v.acts, act) {
			continue
		}
		for _, g := range v.gates {
			if !met[g.rule] && g.asked(act, spot{}) {
				hit = append(hit, g)
				met[g.rule] = true
			}
		}
	}
	return hit
}

func (g *gate) asked(act bug.Act, at spot) bool {
	u := g.unit
	if !slices.Contains(g.rule.bug.Effect.Acts, act) || u.resting || !bug.MatchPath(g.rule.scope.Path, at.path) {
		return false
	}
	m := moment{v: g.v, act: act, at: at, path: at.path, now: g.rule.clock.Now()}
	m.by(g)
	if !g.here(&m) {
		return false
	}
	if u.asking() && u.watch.sees(&m) {
		g.fire(&m)
	}
	_, on := g.reach(&m)
	if on {
		g.consume(&m)
	}
	if u.stirred {
		u.refresh()
	}
	return on
}
