package array

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"fourdays/storage/bug"
)

// controller is one of those that an array has.
type controller struct {
	os    string        // its version: one of the array's two while an upgrade rolls over it
	up    bool          // has not crashed
	since time.Duration // of its last start
	boots int           // a return that was due before the last start is void
}

// start makes a controller run, from now on.
func (c *controller) start(now time.Duration) { c.up, c.since, c.boots = true, now, c.boots+1 }

// controllerUptime is how long one controller has been running.
func (d *device) controllerUptime(i int, now time.Duration) time.Duration {
	if c := d.controllers[i]; d.on && c.up {
		return now - c.since
	}
	return 0
}

// Crash takes away the active controller of an array, for so long or, if away is
// 0, until the array's power is next turned on. The next controller takes over,
// which needs its time, unless a bug of the control plane prevents it. While no
// controller serves, operations wait and are not answered: hosts with several
// paths queue. Nothing that was acknowledged is lost unless a flush lied. If none
// is running it does nothing.
func (f *Fleet) Crash(name string, away time.Duration) error {
	if away < 0 {
		return fmt.Errorf("crash controller of array %q: it cannot be away for %v", name, away)
	}
	return f.on("crash controller of", name, func(d *device) { f.crash(d, d.active, away, nil) })
}

// crash takes a controller away, because of a rule or of none, and reports
// whether it was there.
func (f *Fleet) crash(d *device, i int, away time.Duration, r *rule) bool {
	c := &d.controllers[i]
	if !d.on || !c.up {
		return false
	}
	c.up = false
	if boot := c.boots; away > 0 {
		f.at(f.clock.Now()+away, func() {
			if c.boots == boot && d.on {
				f.comeBack(d, i)
			}
		})
	}
	d.alarm(fmt.Sprintf("controller %d has crashed", i), r)
	if i == d.active && d.serving {
		d.halt()
		d.loseCache(lostAtFailover)
		f.takeOver(d, d.standby())
	}
	return true
}

// halt makes everything in flight wait, in the order in which it came.
func (d *device) halt() {
	d.serving, d.busy = false, 0
	d.turn++
	flying := slices.SortedFunc(maps.Keys(d.flying), func(a, b *request) int { return cmp.Compare(a.seq, b.seq) })
	clear(d.flying)
	d.waiting = append(flying, d.waiting...)
}

// standby is the next controller after the active one that is up, or -1.
func (d *device) standby() int {
	for k := range d.controllers {
		if i := (d.active + 1 + k) % len(d.controllers); d.controllers[i].up {
			return i
		}
	}
	return -1
}

// takeOver makes controller i the active one, unless a bug of the control plane
// prevents or delays it.
func (f *Fleet) takeOver(d *device, i int) {
	if i < 0 {
		return // everything waits until one is back
	}
	f.unless(d, bug.Takeover, func() {
		if !d.serving && d.controllers[i].up {
			f.activate(d, i, true)
		}
	})
}

// takeOverAtLast lets those arrays have their takeover that a bug prevented which
// is gone.
func (f *Fleet) takeOverAtLast() {
	for _, name := range f.Arrays() {
		if d := f.arrays[name]; d.on && !d.serving {
			f.takeOver(d, d.standby())
		}
	}
}

// unless does what an array is about to do by itself, later or not at all if a
// bug says so.
func (f *Fleet) unless(d *device, act bug.Act, do func()) {
	var delay time.Duration
	for _, g := range d.asked(act) {
		e := &g.rule.bug.Effect
		g.rule.mark(d.name + " " + string(act))
		g.rule.observe()
		if e.Reply.Never {
			return
		}
		delay += g.draw(e.Delay)
	}
	if delay == 0 {
		do()
		return
	}
	turn := d.turn
	f.at(f.clock.Now()+delay, func() {
		if d.turn == turn {
			do()
		}
	})
}

// comeBack is a crashed controller that runs again. It serves if nobody else
// does: the one that was active goes on, another has to take over.
func (f *Fleet) comeBack(d *device, i int) {
	d.controllers[i].start(f.clock.Now())
	switch {
	case d.serving:
	case i == d.active:
		f.activate(d, i, false)
	default:
		f.takeOver(d, i)
	}
}

// activate hands the work to a controller, which needs its time to begin.
func (f *Fleet) activate(d *device, i int, failover bool) {
	d.active, d.serving = i, true
	d.busy = max(d.busy, f.clock.Now()+d.cfg.Takeover)
	f.adopt(d)
	if failover {
		f.event(d, bug.EventFailover)
	}
	d.release()
}

// release lets those operations go on that waited for a controller, or for one
// that has a bug which the active one has not.
func (d *device) release() {
	waiting := d.waiting
	d.waiting = nil
	for _, r := range waiting {
		r.v.resume(r)
	}
	for _, v := range d.volumes {
		for _, g := range slices.Clone(v.gates) {
			if len(g.held) > 0 && !g.active() {
				g.release()
			}
		}
	}
}

// resume goes on with an operation that waited.
func (v *Volume) resume(r *request) {
	if v.array.serving && !r.judged {
		r.judged = true
		r.dec, _ = v.judge(&r.op, r.file)
	}
	v.start(r)
}

// Failover hands an array's work to its next controller that is running: the
// operator's own, which no bug of the control plane prevents. Nothing that was
// acknowledged is lost unless a flush lied, and nothing moves for the time that
// taking over needs. An array with one controller starts it again. If there is no
// other that is running it does nothing.
func (f *Fleet) Failover(name string) error {
	return f.on("fail over", name, func(d *device) {
		next := d.standby()
		if !d.on || next < 0 || next == d.active && len(d.controllers) > 1 {
			return
		}
		if len(d.controllers) == 1 {
			d.controllers[0].start(f.clock.Now())
		}
		d.loseCache(lostAtFailover)
		f.activate(d, next, true)
	})
}

// crashes is the action: each array of those that a trigger serves for loses the
// controller that fired, or its active one, once.
func (g *gate) crashes() bool {
	d, i := g.v.array, g.v.array.active
	if g.rule.scope.Extent == bug.ExtentController {
		i = g.unit.index
	}
	return g.v.fleet.crash(d, i, g.draw(g.rule.bug.Effect.For), g.rule)
}

// leads reports whether a gate is the first of its unit on its array: what is
// done to an array is done once for all its volumes.
func (g *gate) leads() bool {
	i := slices.IndexFunc(g.unit.gates, func(o *gate) bool { return o.v.array == g.v.array })
	return i >= 0 && g.unit.gates[i] == g
}
