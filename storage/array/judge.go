package array

import (
	"slices"
	"syscall"
	"time"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// decision is what the rules make of one operation.
type decision struct {
	errno syscall.Errno
	hang  *gate
	delay time.Duration
	slow  float64 // how many times as long it takes; 0 is as long as ever
	hits  []hit   // those that change data or durability
	made  []*gate // those that hit a place because of it
}

// hit is a rule that changes data or durability: at the parts of a file, or
// everywhere for nil.
type hit struct {
	g     *gate
	parts []part
}

// involves reports whether a rule has a hand in an operation.
func (dec *decision) involves(g *gate) bool {
	return slices.Contains(dec.made, g) || slices.ContainsFunc(dec.hits, func(x hit) bool { return x.g == g })
}

// moment is what a trigger sees: an operation, an event, an act, or only that
// time has passed.
type moment struct {
	v     *Volume
	unit  *unit
	gate  *gate
	op    *vol.Op
	h     *handle
	path  string
	event string
	act   bug.Act // of a plane other than data
	at    spot    // of an act
	now   time.Duration

	known     bool // node and dir have been looked up
	node, dir *inode
	drawn     *watch  // the chance that came true
	places    []int64 // and the bytes at which, if it is counted by them
}

// by hands a moment to another gate.
func (m *moment) by(g *gate) {
	m.gate, m.unit, m.drawn, m.places = g, g.unit, nil, nil
}

// judge asks the rules that have to see an operation about it; plain says that
// it may go on at once.
func (v *Volume) judge(op *vol.Op, h *handle) (dec decision, plain bool) {
	list := v.concerned(op, h)
	wounded := v.hurts.has(op.Kind)
	if len(list) == 0 && !wounded {
		return dec, true
	}
	m := moment{v: v, op: op, h: h, path: op.Path, now: v.fleet.clock.Now()}
	if h != nil {
		m.path = h.path
	}
	if wounded {
		list = v.withWounded(list, &m)
	}
	for _, g := range list {
		m.by(g)
		g.judge(&m, &dec)
	}
	return dec, dec.errno == 0 && dec.hang == nil && dec.delay == 0 && dec.slow == 0
}

func (g *gate) judge(m *moment, dec *decision) {
	u := g.unit
	g.v.fleet.looks++
	if flushes.has(m.op.Kind) && g.ages() {
		g.keepShots()
	}
	if !g.active() {
		return
	}
	if u.asking() && g.here(m) && g.asks.has(m.op.Kind) && u.watch.sees(m) {
		if g.fire(m) {
			g.answer(m, dec)
			dec.made = append(dec.made, g)
		}
	}
	if !u.resting && g.rule.effect.has(m.op.Kind) && dec.errno == 0 && dec.hang == nil {
		g.strike(m, dec)
	}
	if u.stirred {
		u.refresh()
	}
}

// answer gives the operation that fired an action the answer that goes with it.
func (g *gate) answer(m *moment, dec *decision) {
	reply := g.rule.bug.Effect.Reply
	switch {
	case !g.rule.answers.has(m.op.Kind):
	case reply.Never && !m.op.NoWait:
		dec.hang = g
		g.note(m.op, m.h, true)
	case reply.Errno != 0:
		dec.errno = reply.Errno
		g.note(m.op, m.h, true)
	}
}

// fire is what follows when a trigger comes true; false says that all of it had
// been hit before.
func (g *gate) fire(m *moment) bool {
	u := g.unit
	u.stirred = true
	e := &g.rule.bug.Effect
	happens := e.Action != "" && !e.Action.Lasting()
	switch {
	case u.fatal():
		u.turnOn()
	case g.rule.scope.Extent.Place():
		hit := false
		for _, at := range g.spots(m) {
			hit = g.firePlace(at, happens) || hit
		}
		return hit
	case happens:
		u.spent = g.rule.bug.Persistence != bug.Transient
		u.actAt(m)
	default:
		u.turn(g.rule.bug.Persistence)
	}
	return true
}

// turn lets the effect be on for as long as the persistence says.
func (u *unit) turn(p bug.Persistence) {
	if p == bug.Once || p == bug.Transient {
		u.due = true
	} else {
		u.on = true
	}
}

// actAt does what happens at once to all that the unit reaches, but for arrays that
// another controller serves.
func (u *unit) actAt(m *moment) {
	for _, g := range u.gates {
		if !g.inCharge() {
			continue
		}
		var at spot
		if g.ages() {
			g.ageShots()
		}
		if g == m.gate && u.rule.bug.Effect.Action == bug.Alias {
			at = m.spotOfAct() // the block that fired
		}
		g.act(u.rule.bug.Effect.Action, at)
	}
}

// strike carries the effect out on an operation, if it is on where that is.
func (g *gate) strike(m *moment, dec *decision) {
	parts, on := g.reach(m)
	if !on {
		return
	}
	e := &g.rule.bug.Effect
	waits := e.Reply.Never || e.Delay.Max > 0 || e.Slow.Max > 0
	if m.op.NoWait && waits {
		g.hidden("cache") // not felt, so not spent
		return
	}
	if g.shielded(m) {
		g.hidden("raid")
		g.consume(m)
		return
	}
	g.consume(m)
	g.apply(m, parts, dec)
}

// apply carries the effect out as far as it concerns the answer, and leaves
// what concerns data to the operation itself.
func (g *gate) apply(m *moment, parts []part, dec *decision) {
	e := &g.rule.bug.Effect
	changes := e.Data.Kind != bug.Same || e.Persist.Kind != bug.Yes || e.Action == bug.HideEntries
	errno := g.refusal(m.op, m.h)
	pretends := flushes.has(m.op.Kind) && e.Persist.Kind != bug.Yes // to have failed, when it is carried out
	switch {
	case errno != 0 && !pretends:
		dec.errno = errno
		g.note(m.op, m.h, true)
		return
	case e.Reply.Never:
		dec.hang = g
		g.note(m.op, m.h, true)
		return
	}
	if e.Delay.Max > 0 {
		late := g.draw(e.Delay)
		dec.delay += late
		g.note(m.op, m.h, true)
		g.v.array.alarmLate(g.rule, late)
	}
	if e.Slow.Max > 0 {
		g.slowDown(m, dec)
	}
	if changes {
		dec.hits = append(dec.hits, hit{g, parts})
	}
}

// slowDown stretches the time that an operation takes. Where it takes none,
// nobody can feel that.
func (g *gate) slowDown(m *moment, dec *decision) {
	s := g.rule.bug.Effect.Slow
	cost := g.v.array.cost(len(m.op.Data))
	if cost == 0 {
		g.masked()
		return
	}
	factor := s.Min + g.rng.Float64()*(s.Max-s.Min)
	dec.slow = max(1, dec.slow) * factor
	g.note(m.op, m.h, true)
	g.v.array.alarmLate(g.rule, time.Duration(float64(cost)*(factor-1)))
}

// refusal is the error with which the rule answers an operation, or 0.
func (g *gate) refusal(op *vol.Op, h *handle) syscall.Errno {
	switch e := &g.rule.bug.Effect; e.Action {
	case bug.Offline:
		return syscall.EIO
	case bug.ReadOnly:
		if g.changes(op, h) {
			return syscall.EROFS
		}
		return 0
	case "":
		return e.Reply.Errno
	}
	return 0
}

// changes reports whether an operation would change the volume.
func (g *gate) changes(op *vol.Op, h *handle) bool {
	switch op.Kind {
	case vol.Open:
		return writable(op.Flag)
	case vol.Sync, vol.SyncDir:
		return len(g.v.journal) > 0 || h != nil && !h.node.dirty.empty()
	}
	return true
}

func (g *gate) draw(d bug.Delay) time.Duration {
	if d.Max <= d.Min {
		return d.Min
	}
	return d.Min + time.Duration(g.rng.Int64N(int64(d.Max-d.Min)+1))
}
