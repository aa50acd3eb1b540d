package array

import (
	"slices"
	"time"

	"fourdays/storage/bug"
)

// timer is something that happens at a moment of the run, operations or not.
type timer struct {
	at time.Duration
	do func()
}

// at does something at a moment, or at the first chance after it: a world may
// leap over time in which nothing else happens.
func (f *Fleet) at(t time.Duration, do func()) *timer {
	x := &timer{t, do}
	i, _ := slices.BinarySearchFunc(f.timers, t, func(x *timer, t time.Duration) int {
		if x.at <= t {
			return -1 // after those of the same moment
		}
		return 1
	})
	f.timers = slices.Insert(f.timers, i, x)
	f.clock.After(max(0, t-f.clock.Now()), f.Tick)
	return x
}

func (f *Fleet) cancel(x *timer) {
	f.timers = slices.DeleteFunc(f.timers, func(o *timer) bool { return o == x })
}

// tick does all that is due.
func (f *Fleet) tick() {
	for len(f.timers) > 0 && f.timers[0].at <= f.clock.Now() {
		x := f.timers[0]
		f.timers = f.timers[1:]
		x.do()
	}
}

// Tick lets everything happen that armed bugs and arrays do by themselves at a
// moment that has come. The clock does that; a world whose Now moves on without
// its timers calls Tick after such a leap. So does any operation.
func (f *Fleet) Tick() {
	f.mu.Lock()
	defer f.unlock()
	f.tick()
}

// Due is when Tick has something to do next; false if nothing is known of.
func (f *Fleet) Due() (time.Duration, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.timers) == 0 {
		return 0, false
	}
	return f.timers[0].at, true
}

// setTimer wakes the unit when time alone may change what its trigger says.
func (u *unit) setTimer(asking bool) {
	f := u.rule.fleet
	at, ok := time.Duration(0), false
	if asking {
		at, ok = u.watch.next(u, u.rule.clock.Now())
	}
	if u.timer != nil && ok && u.timer.at == at {
		return
	}
	if u.timer != nil {
		f.cancel(u.timer)
		u.timer = nil
	}
	if ok {
		u.timer = f.at(at, func() { u.timer = nil; u.wake() })
	}
}

// wake is what the clock does to a unit. Only what needs no operation happens
// then: an action, a dying drive, a chance per hour.
func (u *unit) wake() {
	if !u.asking() {
		u.refresh()
		return
	}
	m := moment{v: u.gates[0].v, now: u.rule.clock.Now()}
	m.by(u.gates[0])
	struck := u.watch.strike(u, m.now)
	if (struck || u.acts()) && (u.aside() || u.gates[0].here(&m)) && u.watch.sees(&m) {
		u.gates[0].fire(&m)
	}
	u.watch.calm()
	u.refresh()
}

// aside reports whether a controller crashes by its own clock also while another
// is the active one.
func (u *unit) aside() bool {
	return u.rule.scope.Extent == bug.ExtentController && u.rule.bug.Effect.Action == bug.Crash && u.rule.scope.Population.Controller == nil
}

// next is when time alone may change what the trigger says; false if never.
func (w *watch) next(u *unit, now time.Duration) (time.Duration, bool) {
	var best time.Duration
	found := false
	soonest := func(at time.Duration, ok bool) {
		if ok && (!found || at < best) {
			best, found = at, true
		}
	}
	switch t := w.trigger; {
	case t.Time != nil:
		soonest(t.Time.At, now < t.Time.At)
		soonest(t.Time.Until, now < t.Time.Until)
	case t.Count != nil && !w.reached:
		soonest(w.ripe(u, now))
	case w.perHour():
		soonest(w.nextHit(u, now))
	}
	for _, k := range w.kids {
		soonest(k.next(u, now))
	}
	return best, found
}

// ripe is when a counter of time reaches what it has to.
func (w *watch) ripe(u *unit, now time.Duration) (time.Duration, bool) {
	c := w.trigger.Count
	unit := time.Second
	if c.Clock == bug.PowerOnHours {
		unit = time.Hour
	} else if c.Clock != bug.Uptime {
		return 0, false
	}
	target := w.target()
	if target > int64(centuries/unit) {
		return 0, false
	}
	var best time.Duration
	for _, d := range u.devices() {
		left := time.Duration(target)*unit - u.clockOf(d, c.Clock, now)
		if d.on && left > 0 && (best == 0 || left < best) {
			best = left
		}
	}
	return now + best, best > 0
}

// clockOf is the time that a counter of an array, or of the unit's drive or
// controller, has run.
func (u *unit) clockOf(d *device, c bug.Counter, now time.Duration) time.Duration {
	e := u.rule.scope.Extent
	switch {
	case c == bug.PowerOnHours && e == bug.ExtentDevice:
		return d.driveAge(u.index, now)
	case c == bug.PowerOnHours:
		return d.cfg.PowerOn + d.powered(now)
	case e == bug.ExtentController:
		return d.controllerUptime(u.index, now)
	}
	return d.uptime(now)
}
