package array

import (
	"math/rand/v2"
	"slices"

	"fourdays/storage/bug"
)

// unit is what shares one trigger: a volume, a drive, a controller, an array or
// the whole system. Places share the watch of their volume and are hit one by
// one.
type unit struct {
	rule  *rule
	index int // of the drive or controller
	watch *watch
	gates []*gate
	rng   *rand.Rand

	armed   bool // told that it is
	on      bool // fired, and still in effect
	due     bool // fired for the next operation only
	spent   bool // has had its once
	closed  bool // will not fire again, because of a fix
	resting bool // ended by a reboot, and not back yet
	acted   bool // a drive's action was carried out
	wounds  int  // places that it hit
	era     int  // reboots that healed them
	back    bool // comes back after its rest
	rests   int  // reboots after which it rested

	stirred bool      // something changed that refresh has to look at
	wired   []*Volume // where it waits for a count
	timer   *timer
}

// armUnits tells those units that are new that their bug is armed, and looks
// again at those that changed.
func (r *rule) armUnits() {
	for _, u := range r.order {
		if u.stirred {
			u.refresh()
		}
		if u.armed || len(u.gates) == 0 {
			continue
		}
		u.armed = true
		u.tell(u.gates[0], bug.EventArm)
	}
}

// start carries out what is due at the moment of arming.
func (r *rule) start() {
	for _, u := range r.order {
		u.wake()
	}
}

// asking reports whether the trigger is to be asked at all.
func (u *unit) asking() bool {
	return !u.rule.ended && !u.spent && !u.closed && !u.resting && !u.on && !u.due && len(u.gates) > 0
}

// feels reports whether the effect is on.
func (u *unit) feels() bool {
	return !u.rule.ended && (u.on || u.due) && (!u.fatal() || u.device().broken())
}

// feels reports whether the effect is on where the gate is.
func (g *gate) feels() bool { return g.unit.feels() && !g.calm }

// refresh works out anew which operations the unit has to see, and what else it
// waits for: counts, and the clock.
func (u *unit) refresh() {
	u.stirred = false
	u.unwire()
	asking := u.asking()
	if asking {
		u.watch.settle(u)
	}
	for _, g := range u.gates {
		g.relook(asking)
	}
	if asking {
		u.watch.wire(u)
	}
	u.setTimer(asking)
}

// relook notes which operations a gate has to see.
func (g *gate) relook(asking bool) {
	var asks, felt mask
	r := g.rule
	if asking {
		asks = g.unit.watch.looks(r)
	}
	if g.feels() {
		felt = r.effect
	}
	if g.ages() && !r.ended {
		asks |= flushes // that is when a snapshot would be another
	}
	if asks != g.asks || felt != g.felt {
		g.asks, g.felt = asks, felt
		g.v.stale = true
	}
}

// active reports whether the controller that has the bug is the active one.
func (g *gate) active() bool { return g.inCharge() && g.unit.attends(g) }

// inCharge reports whether a controller that the population names is the active
// one.
func (g *gate) inCharge() bool {
	c := g.rule.scope.Population.Controller
	return c == nil || *c == g.v.array.active
}

// here reports whether a moment may fire the bug: it concerns the controller and
// the drive that has it.
func (g *gate) here(m *moment) bool {
	return g.active() && (m.op == nil || g.rule.scope.Extent != bug.ExtentDevice || g.touches(m))
}

// tell lets a unit see an event.
func (u *unit) tell(g *gate, event string) {
	m := moment{v: g.v, event: event, now: u.rule.clock.Now()}
	m.by(g)
	if u.asking() && u.hears(g, event) && (u.acts() || slices.Contains(u.rule.events, event)) && u.watch.sees(&m) {
		g.fire(&m)
	}
	u.refresh()
}

// acts reports whether the effect is one that needs no operation to happen.
func (u *unit) acts() bool { return u.rule.bug.Effect.Action != "" || u.fatal() }

// hears reports whether the controller that has the bug is told of an event. That
// a bug is armed holds whoever is active, unless something would happen at once.
func (u *unit) hears(g *gate, event string) bool {
	a := u.rule.bug.Effect.Action
	waits := !u.fatal() && (a == "" || a.Lasting())
	return u.attends(g) && (g.inCharge() || event == bug.EventArm && waits)
}

// attends reports whether an event concerns the unit: of the controllers only
// the active one is told.
func (u *unit) attends(g *gate) bool {
	return u.rule.scope.Extent != bug.ExtentController || u.index == g.v.array.active
}

// event tells every rule in scope of an array what happened to it.
func (f *Fleet) event(d *device, name string) {
	f.tell(func(v *Volume) bool { return v.array == d }, name)
}

// tell lets those units that wait for an event, and have one of those volumes,
// see it.
func (f *Fleet) tell(in func(*Volume) bool, event string) {
	for _, r := range f.hearing(event) {
		if r.ended {
			continue
		}
		for _, u := range r.order {
			if i := slices.IndexFunc(u.gates, func(g *gate) bool { return in(g.v) }); i >= 0 {
				u.tell(u.gates[i], event)
			}
		}
	}
}

// hearing is the rules that an event may mean something to, in the order of
// arming. What concerns power and controllers concerns every clock and counter.
func (f *Fleet) hearing(event string) []*rule {
	switch event {
	case bug.EventPowerLoss, bug.EventPowerCycle, bug.EventFailover:
		return slices.Clone(f.rules)
	}
	if f.ears == nil {
		f.ears = map[string][]*rule{}
		for _, r := range f.rules {
			for _, e := range r.events {
				f.ears[e] = append(f.ears[e], r)
			}
		}
	}
	return f.ears[event]
}

// eventsOf is the names of the events that a trigger waits for.
func eventsOf(t *bug.Trigger) []string {
	var all []string
	below(t, func(t *bug.Trigger) {
		if t.Event != "" {
			all = append(all, t.Event)
		}
		if o := t.Overlap; o != nil {
			all = append(all, o.First, o.Second)
		}
	})
	slices.Sort(all)
	return slices.Compact(all)
}

// use notes that the effect has been spent on an operation.
func (u *unit) use() {
	u.due = false
	if u.rule.bug.Persistence == bug.Once {
		u.spent = true
	}
	u.stirred = true
}

// reboot ends what a power cycle of an array ends.
func (f *Fleet) reboot(d *device) {
	for _, r := range slices.Clone(f.rules) {
		if r.bug.Persistence != bug.UntilReboot || r.ended {
			continue
		}
		for _, u := range r.order {
			on := func(g *gate) bool { return g.v.array == d }
			switch {
			case !slices.ContainsFunc(u.gates, on):
			case u.on && len(u.devices()) > 1:
				u.restOn(d)
			default:
				u.rest()
			}
		}
	}
}

// restOn ends the effect on the array that was rebooted, of several that share a
// trigger. The trigger is asked again when the effect has ended on all of them.
func (u *unit) restOn(d *device) {
	u.calm(d, true)
	awake := func(g *gate) bool { return !g.calm }
	if after := u.rule.bug.Returns; after > 0 {
		era, cycle := u.era, d.cycles
		u.rule.fleet.at(u.rule.clock.Now()+after, func() {
			if u.era == era && d.cycles == cycle {
				u.calm(d, false)
			}
		})
	} else if !slices.ContainsFunc(u.gates, awake) {
		for _, o := range u.devices() {
			u.calm(o, false)
		}
		u.rest()
	}
}

// calm notes whether a reboot keeps the effect from one array of several.
func (u *unit) calm(d *device, is bool) {
	for _, g := range u.gates {
		if g.v.array == d {
			g.calm = is
		}
	}
	u.refresh()
}

// rest ends the effect at a reboot: for good, or for the time after which the
// bug is back.
func (u *unit) rest() {
	if !u.on && !u.resting && !u.spent && u.wounds == 0 {
		return
	}
	u.back = u.back || u.on
	u.revive()
	u.spent, u.resting = false, false
	u.rests++
	if after := u.rule.bug.Returns; after > 0 {
		u.resting = true
		serial := u.rests
		u.rule.fleet.at(u.rule.clock.Now()+after, func() { u.comeBack(serial) })
	} else {
		u.era++
		u.wounds, u.back = 0, false
	}
	u.refresh()
	for _, g := range u.gates {
		g.release()
	}
}

// comeBack turns the effect on again, if no other reboot came between.
func (u *unit) comeBack(serial int) {
	if u.rule.ended || u.rests != serial {
		return
	}
	u.resting = false
	if u.back {
		u.back = false
		u.turnOn()
	}
	u.refresh()
}

// turnOn keeps the effect on from now.
func (u *unit) turnOn() {
	u.on = true
	if u.fatal() {
		u.fail()
	}
}

// stayBehind ends the effect for a site that another takes over from.
func (u *unit) stayBehind() {
	u.revive()
	u.era++
	u.wounds, u.resting, u.back = 0, false, false
	u.rests++
	u.refresh()
}
