package array

import (
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
	hits  []*gate // those that change data or durability
}

// judge asks every rule about an operation; plain says that it may go on at
// once.
func (v *Volume) judge(op *vol.Op, h *handle) (dec decision, plain bool) {
	for _, g := range v.gates {
		if g.rule.looks.has(op.Kind) {
			g.judge(op, h, &dec)
		}
	}
	return dec, dec.errno == 0 && dec.hang == nil && dec.delay == 0
}

func (g *gate) judge(op *vol.Op, h *handle, dec *decision) {
	u := g.unit
	if len(g.shots) > 0 && g.rule.bug.Effect.To > 0 {
		g.keepShots()
	}
	if u.spent || !g.here(u) {
		return
	}
	path := op.Path
	if h != nil {
		path = h.path
	}
	if !bug.MatchPath(g.rule.scope.Path, path) {
		return
	}
	if !u.on && !u.due {
		m := moment{unit: u, gate: g, op: op, path: path, now: g.rule.clock.Now()}
		if u.watch.sees(&m) {
			g.fire(path)
		}
	}
	if u.reaches(path) && g.rule.effect.has(op.Kind) {
		g.apply(op, h, dec)
	}
}

// here reports whether the controller that has the bug is the active one.
func (g *gate) here(u *unit) bool {
	active := g.v.array.active
	if c := g.rule.scope.Population.Controller; c != nil && *c != active {
		return false
	}
	return !u.on || g.rule.scope.Extent != bug.ExtentController || u.controller == active
}

// reaches reports whether the effect is on for a file.
func (u *unit) reaches(path string) bool {
	if u.spent || !u.on && !u.due {
		return false
	}
	return u.rule.scope.Extent != bug.ExtentFile || u.file == path
}

// fire is what follows when a trigger comes true.
func (g *gate) fire(path string) {
	u := g.unit
	u.file, u.controller = path, g.v.array.active
	b := &g.rule.bug
	if b.Effect.Action != "" && !b.Effect.Action.Lasting() {
		for _, each := range u.gates {
			each.act(b.Effect.Action)
		}
		u.spent = b.Persistence != bug.Transient
		return
	}
	switch b.Persistence {
	case bug.Once, bug.Transient:
		u.due = true
	default:
		u.on = true
	}
}

// use notes that the effect has been spent on an operation.
func (u *unit) use() {
	u.due = false
	if u.rule.bug.Persistence == bug.Once {
		u.spent = true
	}
}

// apply carries the effect out as far as it concerns the answer, and leaves
// what concerns data to the operation itself.
func (g *gate) apply(op *vol.Op, h *handle, dec *decision) {
	e := &g.rule.bug.Effect
	if op.NoWait && (e.Reply.Never || e.Delay.Max > 0) {
		return // not felt, so not spent
	}
	g.unit.use()
	if errno := g.refusal(op, h); errno != 0 {
		dec.errno = errno
		g.note(op, h, true)
		return
	}
	if e.Reply.Never {
		dec.hang = g
		g.note(op, h, true)
		return
	}
	if e.Delay.Max > 0 {
		dec.delay += g.draw(e.Delay)
		g.note(op, h, true)
	}
	if e.Data.Kind != bug.Same || e.Persist.Kind != bug.Yes || e.Action == bug.HideEntries {
		dec.hits = append(dec.hits, g)
	}
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
	default:
		return e.Reply.Errno
	}
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
