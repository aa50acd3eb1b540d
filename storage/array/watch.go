package array

import (
	"slices"
	"time"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// moment is what a trigger sees: an operation, or an event.
type moment struct {
	unit  *unit
	gate  *gate
	op    *vol.Op // nil for an event
	path  string
	event string
	now   time.Duration
}

// watch is a trigger with its memory.
type watch struct {
	trigger *bug.Trigger
	kids    []*watch
	latch   bool // an event stays true once seen
	seen    bool
	last    int64                    // count: how often it has fired
	firsts  map[string]time.Duration // overlap: when the first operation was
}

// newWatch prepares a trigger. Under all, an event counts from when it happened.
func newWatch(t *bug.Trigger, latch bool) *watch {
	w := &watch{trigger: t, latch: latch}
	for i := range t.All {
		w.kids = append(w.kids, newWatch(&t.All[i], true))
	}
	for i := range t.Any {
		w.kids = append(w.kids, newWatch(&t.Any[i], latch))
	}
	if t.Arm != nil {
		w.kids = []*watch{newWatch(t.Arm, false), newWatch(t.Fire, latch)}
	}
	return w
}

// sees reports whether the trigger is true at this moment.
func (w *watch) sees(m *moment) bool {
	t := w.trigger
	switch {
	case t.Count != nil:
		return w.counts(m)
	case t.Level != nil:
		return t.Level.Holds(m.gate.v.gauge(t.Level.Gauge))
	case t.Event != "":
		w.seen = w.latch && w.seen || m.is(t.Event)
		return w.seen
	case t.Match != nil:
		return m.op != nil && matches(t.Match, m)
	case t.Overlap != nil:
		return m.op != nil && w.overlaps(m)
	case t.Chance > 0:
		return m.op != nil && m.unit.rule.effect.has(m.op.Kind) && m.gate.rng.Float64() < t.Chance
	case t.Time != nil:
		return m.now >= t.Time.At && (t.Time.Until == 0 || m.now < t.Time.Until)
	case len(t.All) > 0:
		return w.all(m)
	case len(t.Any) > 0:
		return w.any(m)
	}
	return w.armThenFire(m)
}

func (m *moment) is(event string) bool {
	if event == bug.EventFlush && m.op != nil {
		return m.op.Kind == vol.Sync || m.op.Kind == vol.SyncDir
	}
	return m.event == event
}

// all asks in order and stops at the first that does not hold, so that chance
// is drawn only for what the triggers before it let through. Events are always
// shown to it, for they may be what is remembered.
func (w *watch) all(m *moment) bool {
	holds := true
	for _, k := range w.kids {
		if holds || m.op == nil {
			holds = k.sees(m) && holds
		}
	}
	return holds
}

func (w *watch) any(m *moment) bool {
	for _, k := range w.kids {
		if k.sees(m) {
			return true
		}
	}
	return false
}

// armThenFire goes through two triggers, one after the other. The same moment
// serves for both only if what arms is a condition and not an occurrence.
func (w *watch) armThenFire(m *moment) bool {
	if !w.seen {
		w.seen = w.kids[0].sees(m)
		if !w.seen || !w.kids[0].condition() {
			return false
		}
	}
	return w.kids[1].sees(m)
}

func (w *watch) condition() bool {
	t := w.trigger
	return t.Count != nil || t.Level != nil || t.Time != nil
}

func (w *watch) counts(m *moment) bool {
	c := w.trigger.Count
	value := m.unit.counter(c.Clock, m.now)
	if value < c.At {
		return false
	}
	if c.Every == 0 {
		return true
	}
	times := (value-c.At)/c.Every + 1
	fired := times > w.last
	w.last = times
	return fired
}

func matches(t *bug.Match, m *moment) bool {
	if !maskOf(t.Ops).has(m.op.Kind) || !bug.MatchPath(t.Path, m.path) {
		return false
	}
	n := int64(len(m.op.Data))
	return n >= t.Min && (t.Max == 0 || n <= t.Max)
}

func (w *watch) overlaps(m *moment) bool {
	o := w.trigger.Overlap
	at, ok := w.firsts[m.path]
	if m.op.Kind == o.First {
		if w.firsts == nil {
			w.firsts = map[string]time.Duration{}
		}
		w.firsts[m.path] = m.now
	}
	return ok && m.op.Kind == o.Second && m.now-at <= o.Within
}

// counter reads a hidden counter as the unit has it: of its volume, its array,
// or all arrays in scope.
func (u *unit) counter(c bug.Counter, now time.Duration) int64 {
	if e := u.rule.scope.Extent; e == bug.ExtentVolume || e == bug.ExtentFile {
		return u.gates[0].v.read1(c, now)
	}
	var sum, longest int64
	for i, g := range u.gates {
		if slices.ContainsFunc(u.gates[:i], func(o *gate) bool { return o.v.array == g.v.array }) {
			continue
		}
		n := pick(c, g.v.array.counters(now), g.v.array.uptime(now))
		sum += n
		longest = max(longest, n)
	}
	if c == bug.Uptime || c == bug.PowerOnHours {
		return longest
	}
	return sum
}

func (v *Volume) read1(c bug.Counter, now time.Duration) int64 {
	base := v.array.counters(now)
	own := v.counters.plus(v.array.cfg.Counters)
	own.PowerOnHours = base.PowerOnHours
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
	}
	return int64(uptime / time.Second)
}

func (v *Volume) gauge(g bug.Gauge) float64 {
	d := v.array
	if g == bug.Inodes {
		return float64(d.usedInodes) / float64(d.cfg.Inodes)
	}
	return float64(d.usedBlocks*BlockSize) / float64(d.cfg.Capacity)
}

// triggerMask is the operations that a trigger has to see. Conditions are asked
// when an operation comes that the effect concerns.
func triggerMask(t *bug.Trigger) mask {
	var m mask
	if t.Match != nil {
		m |= maskOf(t.Match.Ops)
	}
	if t.Overlap != nil {
		m |= maskOf([]vol.Kind{t.Overlap.First, t.Overlap.Second})
	}
	if t.Event == bug.EventFlush {
		m |= maskOf([]vol.Kind{vol.Sync, vol.SyncDir})
	}
	if t.Count != nil && t.Count.Every > 0 {
		m = allOps
	}
	for i := range t.All {
		m |= triggerMask(&t.All[i])
	}
	for i := range t.Any {
		m |= triggerMask(&t.Any[i])
	}
	if t.Arm != nil {
		m |= triggerMask(t.Arm) | triggerMask(t.Fire)
	}
	return m
}
