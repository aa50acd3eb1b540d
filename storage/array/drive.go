package array

import (
	"fmt"
	"time"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// drive is one drive of an array's RAID group.
type drive struct {
	older time.Duration // how much longer it has been in service than the array was powered; less than 0 for a spare
	dead  *unit         // who failed it
}

// drives is the RAID group, made when somebody first asks. An array whose drives
// are not modelled is one drive that nothing protects.
func (d *device) drives() []drive {
	if d.group == nil {
		d.group = make([]drive, max(1, d.cfg.Drives))
		for i := range d.group {
			if n := len(d.group) - 1; n > 0 {
				d.group[i].older = d.cfg.Skew * time.Duration(i) / time.Duration(n)
			}
		}
	}
	return d.group
}

// powered is how long the array has been on in this run.
func (d *device) powered(now time.Duration) time.Duration { return d.before + d.uptime(now) }

// driveAge is how long a drive has been powered in its life.
func (d *device) driveAge(i int, now time.Duration) time.Duration {
	return d.cfg.PowerOn + d.powered(now) + d.drives()[i].older
}

// lost is how many drives have failed and are not rebuilt.
func (d *device) lost() int {
	n := 0
	for _, x := range d.drives() {
		if x.dead != nil {
			n++
		}
	}
	return n
}

// broken reports whether more drives are lost than the RAID level tolerates.
func (d *device) broken() bool { return d.lost() > d.cfg.Tolerance }

// fatal reports whether the effect is one that a drive does not survive.
func (u *unit) fatal() bool {
	if u.rule.scope.Extent != bug.ExtentDevice {
		return false
	}
	e := &u.rule.bug.Effect
	switch e.Action {
	case bug.Wipe, bug.Resize, bug.Offline:
		return true
	}
	ops := maskOf(e.Ops)
	return e.Action == "" && e.Reply != (bug.Reply{}) && ops.has(vol.Read) && ops.has(vol.Write)
}

// fail takes the unit's drive out of service. As long as the others can stand in
// for it nobody feels that; past that the effect reaches every volume.
func (u *unit) fail() {
	d := u.device()
	x := &d.drives()[u.index]
	if x.dead != nil {
		return
	}
	x.dead = u
	d.alarm(fmt.Sprintf("drive %d has failed", u.index), u.rule)
	if d.broken() {
		d.collapse()
		return
	}
	u.gates[0].hidden(MaskedByRAID)
	d.rebuild(u.index)
}

// collapse lets what the failed drives do reach the volumes.
func (d *device) collapse() {
	met := map[*rule]bool{}
	for _, x := range d.drives() {
		u := x.dead
		if u == nil {
			continue
		}
		a := u.rule.bug.Effect.Action
		if a != "" && !a.Lasting() && !u.acted && !met[u.rule] {
			for _, g := range u.gates {
				g.act(a, spot{})
			}
		}
		met[u.rule], u.acted = true, true
		u.refresh()
	}
}

// rebuild begins to restore a failed drive onto a spare, if there is one.
func (d *device) rebuild(i int) {
	if d.cfg.Rebuild == 0 {
		return
	}
	u := d.drives()[i].dead
	f := u.rule.fleet
	f.at(f.clock.Now()+d.cfg.Rebuild, func() { d.rebuilt(i, u) })
	f.event(d, "rebuild")
}

// rebuilt puts a spare in the place of a failed drive. Where too many are lost
// there is nothing to rebuild from.
func (d *device) rebuilt(i int, u *unit) {
	f := u.rule.fleet
	switch {
	case d.drives()[i].dead != u || d.broken():
		return
	case !d.on:
		f.at(f.clock.Now()+d.cfg.Rebuild, func() { d.rebuilt(i, u) })
		return
	}
	d.drives()[i] = drive{older: -d.cfg.PowerOn - d.powered(f.clock.Now())}
	for _, r := range f.rules {
		for _, u := range r.order {
			if r.scope.Extent == bug.ExtentDevice && len(u.gates) > 0 && u.device() == d && u.index == i {
				u.replace()
			}
		}
	}
	f.event(d, "rebuilt")
}

// replace makes a unit that of a new drive: it has the bug and no past.
func (u *unit) replace() {
	u.unwire()
	u.on, u.due, u.spent, u.acted, u.resting, u.back = false, false, false, false, false, false
	u.era++
	u.rests++
	u.watch = newWatch(u.rule)
	u.refresh()
}

// revive ends the effect. A drive that was failed by it works again; if that is
// enough for the array, the others can be rebuilt.
func (u *unit) revive() {
	was := u.on
	u.on, u.due = false, false
	if !was || !u.fatal() || len(u.gates) == 0 {
		return
	}
	d := u.device()
	broken := d.broken()
	if x := &d.drives()[u.index]; x.dead == u {
		x.dead, u.acted = d.killer(u.index), false
		if x.dead != nil {
			d.inherit(x.dead)
		}
	}
	if !broken || d.broken() {
		return
	}
	for i, x := range d.drives() {
		if x.dead != nil {
			x.dead.refresh()
			d.rebuild(i)
		}
	}
}

// killer is a unit by which a drive would have failed, had it not failed already;
// nil if there is none.
func (d *device) killer(i int) *unit {
	for _, r := range d.fleet.rules {
		for _, u := range r.order {
			if !r.ended && u.on && u.fatal() && u.index == i && len(u.gates) > 0 && u.device() == d {
				return u
			}
		}
	}
	return nil
}

// inherit lets a drive be as failed by another rule as it was by the one that
// ended: for the volumes, or for the rebuild.
func (d *device) inherit(u *unit) {
	if d.broken() {
		d.collapse()
		return
	}
	u.gates[0].hidden(MaskedByRAID)
	d.rebuild(u.index)
}

// stripeOf is which drive holds a part of a file: chunks go to the drives in
// turn, and each file begins at another one.
func (d *device) stripeOf(n *inode, off int64) int {
	return int((n.ino + uint64(off/chunkSize)) % uint64(len(d.drives())))
}

// touches reports whether an operation concerns the drive of a gate.
func (g *gate) touches(m *moment) bool {
	d := g.v.array
	if len(d.drives()) == 1 {
		return true
	}
	n := m.inode()
	if n == nil {
		n = g.v.root
	}
	s := m.part()
	if s == whole {
		return d.stripeOf(n, 0) == g.unit.index || m.op != nil && flushes.has(m.op.Kind)
	}
	for off := s.from - s.from%chunkSize; off < s.to; off += chunkSize {
		if d.stripeOf(n, off) == g.unit.index {
			return true
		}
	}
	return false
}

// share is the parts of an operation that the effect of a unit concerns: those
// on its drive, or everything for nil.
func (g *gate) share(m *moment) ([]part, bool) {
	d := g.v.array
	if g.rule.scope.Extent != bug.ExtentDevice || g.unit.fatal() || len(d.drives()) == 1 {
		return nil, true
	}
	n, s := m.inode(), m.part()
	if n == nil || n.isDir() || s == whole && (m.op == nil || !flushes.has(m.op.Kind)) {
		return nil, g.touches(m)
	}
	if s == whole {
		s.to = max(1, m.size())
	}
	var at []part
	for off := s.from - s.from%chunkSize; off < s.to; off += chunkSize {
		if d.stripeOf(n, off) == g.unit.index {
			at = append(at, part{off, off + chunkSize}.and(s))
		}
	}
	return at, len(at) > 0
}

// shielded reports whether the other drives can stand in for one that does not
// answer a read.
func (g *gate) shielded(m *moment) bool {
	u := g.unit
	beneath := g.rule.scope.Extent == bug.ExtentDevice && !u.fatal() || g.rule.beneath
	return beneath && g.rule.bug.Effect.Reply != (bug.Reply{}) &&
		m.op.Kind == vol.Read && g.missing(m) <= g.v.array.cfg.Tolerance
}

// missing is how many drives have nothing to offer for a stripe that one of them
// does not answer for: that one, the failed ones, and those that a rule which is
// on keeps from being read.
func (g *gate) missing(m *moment) (n int) {
	d := g.v.array
	gone := make([]bool, len(d.drives()))
	for i, x := range d.drives() {
		gone[i] = x.dead != nil
	}
	if g.rule.scope.Extent == bug.ExtentDevice {
		gone[g.unit.index] = true
	} else {
		n = 1 // a place is one of a drive that is left
	}
	for _, o := range g.v.gates {
		if o.refusesReads() && bug.MatchPath(o.rule.scope.Path, m.path) {
			gone[o.unit.index] = true
		}
	}
	for _, is := range gone {
		if is {
			n++
		}
	}
	return n
}

// refusesReads reports whether a drive does not answer reads now.
func (g *gate) refusesReads() bool {
	r := g.rule
	return r.scope.Extent == bug.ExtentDevice && r.bug.Effect.Reply != (bug.Reply{}) && r.effect.has(vol.Read) &&
		g.active() && g.feels()
}
