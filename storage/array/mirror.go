package array

import (
	"fmt"
	"maps"
	"slices"

	"fourdays/storage/bug"
)

// stray is a block that the other site has other than this one.
type stray struct {
	there *block // what the other site has
	here  *block // what was flushed; once this site has something else, so has the other
	rule  *rule
}

// mirrored is the block that the other site has.
func (v *Volume) mirrored(n *inode, idx int) *block {
	here := n.real().acked.block(idx)
	if s, ok := v.strays[n][idx]; ok && s.here == here {
		return s.there
	}
	return here
}

// linkBugs reports whether a bug may change what goes to the other site.
func (v *Volume) linkBugs() bool {
	return v.array.cfg.Mirrored && slices.Contains(v.acts, bug.Mirror)
}

// mirror sends what was flushed of a file to the other site, where was is what
// it had.
func (v *Volume) mirror(n *inode, was map[int]*block) {
	acked := &n.real().acked
	name := v.openedAs(n)
	n.dirty.each(func(idx int) {
		here := acked.block(idx)
		there, by, _ := v.pass(parcel{bug.Mirror, name, n, idx, acked.size}, here, was[idx])
		if by == nil {
			return
		}
		if v.strays[n] == nil {
			v.strays[n] = map[int]stray{}
		}
		v.strays[n][idx] = stray{there: there, here: here, rule: by}
	})
}

// mirroredBlocks is what the other site has of the dirty blocks of a file.
func (v *Volume) mirroredBlocks(n *inode) map[int]*block {
	was := map[int]*block{}
	n.dirty.each(func(idx int) {
		was[idx] = v.mirrored(n, idx)
		was[idx].share()
	})
	return was
}

// openedAs is the path under which a file was opened first.
func (v *Volume) openedAs(n *inode) string {
	for _, id := range slices.Sorted(maps.Keys(v.files)) {
		if h := v.files[id]; h.node == n {
			return h.path
		}
	}
	return ""
}

// Promote lets the other site of a mirrored array take over, after telling the
// bugs. What was not mirrored is gone, and so is what a lying flush kept in this
// site's cache; what the nodes have not synced yet is still in them, and what is
// in flight goes on when the other site serves. It is another machine: it has
// power, its controllers run, and what has befallen this site's volumes,
// controllers and drives and lasts, like being offline, stays behind. From then on
// there is no mirror.
func (f *Fleet) Promote(name string) error {
	var err error
	missing := f.on("promote", name, func(d *device) {
		if !d.cfg.Mirrored {
			err = fmt.Errorf("promote array %q: it has no mirror", name)
			return
		}
		f.event(d, "promote")
		d.cfg.Mirrored = false
		f.leaveBehind(d)
		for _, v := range d.volumes {
			v.promote()
		}
		d.loseCache(^lossEvents(0))
		f.moveTo(d)
	})
	if missing != nil {
		return missing
	}
	return err
}

// moveTo starts the other site.
func (f *Fleet) moveTo(d *device) {
	now := f.clock.Now()
	if d.on {
		d.halt()
		d.before += now - d.since
	}
	d.breakOff("the other site serves")
	d.powerUp(now)
	d.busy = now + d.cfg.Takeover
	d.release()
	for _, v := range d.volumes {
		for _, g := range slices.Clone(v.gates) {
			if len(g.held) > 0 && !g.unit.on {
				g.release()
			}
		}
	}
}

// promote makes a volume hold what the other site has of it.
func (v *Volume) promote() {
	for _, n := range slices.SortedFunc(maps.Keys(v.strays), byIno) {
		all := v.strays[n]
		for _, idx := range slices.Sorted(maps.Keys(all)) {
			s := all[idx]
			if n.real().acked.block(idx) != s.here {
				continue
			}
			img := v.fork(n, s.rule)
			img.acked.put(idx, s.there)
			if !n.dirty.has(idx) {
				img.seen.put(idx, s.there)
			}
		}
	}
	clear(v.strays)
	v.rebuild()
}

// leaveBehind ends what a bug does for as long as it lasts to a part of an array.
func (f *Fleet) leaveBehind(d *device) {
	for _, r := range f.rules {
		if r.ended {
			continue
		}
		for _, u := range r.order {
			if r.scope.Extent != bug.ExtentSystem && slices.ContainsFunc(u.gates, func(g *gate) bool { return g.v.array == d }) {
				u.stayBehind()
			}
		}
	}
}
