package array

import (
	"slices"
	"time"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// slot is something that a volume counts: operations by their kind, and more.
type slot int

const (
	slotOps     slot = kinds + iota // of any kind
	slotRead                        // bytes asked for
	slotWritten                     // bytes given
	slotFiles                       // made
	slots
)

// tally is what a volume has counted, and who wants to know when a count is
// reached: so nobody has to look at each operation until then.
type tally struct {
	n     [slots]int64
	next  [slots]int64 // the least that anybody waits for; 0 is nobody
	wires []wire
}

type wire struct {
	s  slot
	at int64
	u  *unit
}

func (v *Volume) add(s slot, k int64) {
	v.tally.n[s] += k
	if at := v.tally.next[s]; at != 0 && v.tally.n[s] >= at {
		v.trip(s)
	}
}

// count counts an operation that reaches the array.
func (v *Volume) count(op *vol.Op) {
	v.fleet.moved = int64(len(op.Data))
	v.add(slotOps, 1)
	v.add(slot(op.Kind)%kinds, 1)
	switch op.Kind {
	case vol.Read:
		v.add(slotRead, int64(len(op.Data)))
	case vol.Write:
		v.add(slotWritten, int64(len(op.Data)))
	}
}

func (v *Volume) counters() Counters {
	n := &v.tally.n
	return Counters{Ops: n[slotOps], Writes: n[vol.Write], Flushes: n[vol.Sync] + n[vol.SyncDir],
		Files: n[slotFiles], Bytes: n[slotWritten]}
}

// trip lets those look again who wait for a count that is reached.
func (v *Volume) trip(s slot) {
	var reached []*unit
	for _, w := range v.tally.wires {
		if w.s == s && w.at <= v.tally.n[s] && !slices.Contains(reached, w.u) {
			reached = append(reached, w.u)
		}
	}
	for _, u := range reached {
		u.refresh()
	}
	v.tally.aim(s)
}

// aim finds the least count that anybody waits for.
func (t *tally) aim(s slot) {
	t.next[s] = 0
	for _, w := range t.wires {
		if w.s == s && (t.next[s] == 0 || w.at < t.next[s]) {
			t.next[s] = w.at
		}
	}
}

// wireTo wakes a unit when what some slots of its volumes count together may
// have grown by left. Each gets an equal share of that; the first to use its
// share up makes the unit look again.
func (u *unit) wireTo(vs []*Volume, ss []slot, left int64) {
	share := max(1, (left+int64(len(vs)*len(ss))-1)/int64(len(vs)*len(ss)))
	for _, v := range vs {
		for _, s := range ss {
			t := &v.tally
			at := t.n[s] + share
			t.wires = append(t.wires, wire{s, at, u})
			if t.next[s] == 0 || at < t.next[s] {
				t.next[s] = at
			}
		}
		if !slices.Contains(u.wired, v) {
			u.wired = append(u.wired, v)
		}
	}
}

func (u *unit) unwire() {
	for _, v := range u.wired {
		v.tally.wires = slices.DeleteFunc(v.tally.wires, func(w wire) bool { return w.u == u })
	}
	u.wired = nil
}

// wire waits for the counts that a trigger needs.
func (w *watch) wire(u *unit) {
	switch t := w.trigger; {
	case t.Count != nil:
		if ss := countSlots(t.Count.Clock); ss != nil && !w.reached {
			u.wireTo(u.counting(), ss, w.target()-u.counter(t.Count.Clock))
		}
	case t.Chance != nil && w.gap.asleep:
		u.wireTo(u.watched(), u.slotsOf(t.Chance), w.gap.left)
	}
	for _, k := range w.kids {
		k.wire(u)
	}
}

func countSlots(c bug.Counter) []slot {
	switch c {
	case bug.Ops:
		return []slot{slotOps}
	case bug.Writes:
		return []slot{slot(vol.Write)}
	case bug.Flushes:
		return []slot{slot(vol.Sync), slot(vol.SyncDir)}
	case bug.Files:
		return []slot{slotFiles}
	case bug.Bytes:
		return []slot{slotWritten}
	}
	return nil
}

// counting is the volumes whose operations a counter of the unit counts: its
// own, or all of its arrays.
func (u *unit) counting() []*Volume {
	switch u.rule.scope.Extent {
	case bug.ExtentSystem, bug.ExtentArray, bug.ExtentController, bug.ExtentDevice:
		var all []*Volume
		for _, d := range u.devices() {
			all = append(all, d.volumes...)
		}
		return all
	}
	return u.watched()
}

// watched is the volumes in scope.
func (u *unit) watched() []*Volume {
	var all []*Volume
	for _, g := range u.gates {
		all = append(all, g.v)
	}
	return all
}

func (u *unit) devices() []*device {
	var all []*device
	for _, g := range u.gates {
		if !slices.Contains(all, g.v.array) {
			all = append(all, g.v.array)
		}
	}
	return all
}

// device is the array of a unit that has only one.
func (u *unit) device() *device { return u.gates[0].v.array }

// counted is what some slots of the volumes in scope have counted together.
func (u *unit) counted(ss []slot) int64 {
	var sum int64
	for _, g := range u.gates {
		for _, s := range ss {
			sum += g.v.tally.n[s]
		}
	}
	return sum
}

// counts reports whether a counter is where the trigger wants it.
func (w *watch) counts(m *moment) bool {
	c := w.trigger.Count
	if c.Clock == bug.Names {
		return w.countsNames(m)
	}
	value := m.unit.counter(c.Clock)
	if value < c.At {
		return false
	}
	if c.Every == 0 {
		return true
	}
	times := (value-c.At)/c.Every + 1
	fired := times > w.times
	if fired {
		w.times, m.unit.stirred = times, true
	}
	return fired
}

// countsNames is counts for the names in the directory of an operation.
func (w *watch) countsNames(m *moment) bool {
	c := w.trigger.Count
	dir := m.directory()
	if m.op == nil || dir == nil || int64(len(dir.real().seen.names)) < c.At {
		return false
	}
	if c.Every == 0 {
		return true
	}
	times := (int64(len(dir.real().seen.names))-c.At)/c.Every + 1
	fired := times > w.timesIn[dir]
	if w.timesIn == nil {
		w.timesIn = map[*inode]int64{}
	}
	w.timesIn[dir] = times
	return fired
}

// target is what a counter has to reach next.
func (w *watch) target() int64 {
	c := w.trigger.Count
	return c.At + c.Every*w.times
}

// counter reads a hidden counter as the unit has it: of its volume, its drive or
// controller, its array, or all arrays in scope.
func (u *unit) counter(c bug.Counter) int64 {
	now := u.rule.clock.Now()
	switch e := u.rule.scope.Extent; {
	case c == bug.PowerOnHours && e == bug.ExtentDevice:
		return int64(u.device().driveAge(u.index, now) / time.Hour)
	case c == bug.Uptime && e == bug.ExtentController:
		return int64(u.device().controllerUptime(u.index, now) / time.Second)
	case e == bug.ExtentVolume || e.Place():
		return u.gates[0].v.counter(c, now)
	}
	var sum, longest int64
	for _, d := range u.devices() {
		n := pick(c, d.counters(now), d.uptime(now))
		sum += n
		longest = max(longest, n)
	}
	if c == bug.Uptime || c == bug.PowerOnHours {
		return longest
	}
	return sum
}

func (v *Volume) counter(c bug.Counter, now time.Duration) int64 {
	base := v.array.counters(now)
	own := v.counters().plus(v.array.cfg.Counters)
	own.PowerOnHours, own.PowerLosses, own.PowerCycles = base.PowerOnHours, base.PowerLosses, base.PowerCycles
	return pick(c, own, v.array.uptime(now))
}

func pick(c bug.Counter, n Counters, uptime time.Duration) int64 {
	switch c {
	case bug.Ops:
		return n.Ops
	case bug.Writes:
		return n.Writes
	case bug.Flushes:
		return n.Flushes
	case bug.Files:
		return n.Files
	case bug.Bytes:
		return n.Bytes
	case bug.PowerOnHours:
		return n.PowerOnHours
	case bug.PowerLosses:
		return n.PowerLosses
	case bug.PowerCycles:
		return n.PowerCycles
	}
	return int64(uptime / time.Second)
}
