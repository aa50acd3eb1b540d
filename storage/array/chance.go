package array

import (
	"math"
	"math/rand/v2"
	"time"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// gap is how far away the next hit of a chance is. It is drawn once, instead of
// a draw for each operation, and counted down; while it is long and nothing else
// has a say, the volume counts and the chance sleeps.
type gap struct {
	left   int64 // operations or bytes to the next hit, that included; 0 is not drawn
	asleep bool
	mark   int64         // what the volumes had counted when it fell asleep
	at     time.Duration // per drive hour: when the next hit is; 0 is not drawn
	struck bool          // and that it is now
}

// farAway is how long a gap has to be for a chance to fall asleep, and
// maxHits how many bytes of one operation can be hit. Both are picked.
const (
	farAway = 1024
	maxHits = 1024
)

// draws reports whether a chance comes true at this moment.
func (w *watch) draws(m *moment) bool {
	c := w.trigger.Chance
	switch {
	case c.Per == bug.PerDriveHour:
		hit := w.gap.struck
		w.gap.struck = false
		return hit && m.draw(w)
	case m.act != "" || m.event != "" && w.perEvent:
		return m.unit.rng.Float64() < c.P && m.draw(w)
	case m.op == nil || w.idle || w.gap.asleep || !w.bound && !m.unit.rule.asks.has(m.op.Kind):
		return false
	}
	steps := int64(1)
	if c.Per == bug.PerByte {
		steps = int64(len(m.op.Data))
	}
	hits := w.gap.advance(m.unit.rng, c.P, steps)
	if w.alone && w.gap.left >= farAway {
		m.unit.stirred = true // it may sleep
	}
	if len(hits) == 0 {
		return false
	}
	if c.Per == bug.PerByte {
		m.places = hits
	}
	return m.draw(w)
}

// draw notes which chance came true.
func (m *moment) draw(w *watch) bool {
	m.drawn = w
	return true
}

// advance goes so many steps and lists those that were hit, counted from 0.
func (g *gap) advance(rng *rand.Rand, p float64, steps int64) (hits []int64) {
	if g.left == 0 {
		g.left = drawGap(rng, p)
	}
	done := int64(0)
	for g.left <= steps-done && len(hits) < maxHits {
		done += g.left
		hits = append(hits, done-1)
		g.left = drawGap(rng, p)
	}
	g.left = max(1, g.left-(steps-done))
	return hits
}

// drawGap is how many steps there are to the next hit, that included.
func drawGap(rng *rand.Rand, p float64) int64 {
	if p >= 1 {
		return 1
	}
	const longest = 1 << 60
	return 1 + int64(min(math.Log1p(-rng.Float64())/math.Log1p(-p), longest))
}

// more is how many places follow the first of a burst.
func more(c *bug.Chance, rng *rand.Rand) int64 {
	if c.Burst == 0 {
		return 0
	}
	return drawGap(rng, 1/float64(c.Burst+1)) - 1
}

// strike notes which chances per drive hour have come.
func (w *watch) strike(u *unit, now time.Duration) (any bool) {
	if g := &w.gap; w.perHour() && g.at > 0 && g.at <= now {
		g.at, g.struck = 0, u.hazard() > 0
		any = g.struck
	}
	for _, k := range w.kids {
		any = k.strike(u, now) || any
	}
	return any
}

// calm forgets a hit that other triggers did not let through.
func (w *watch) calm() {
	w.gap.struck = false
	for _, k := range w.kids {
		k.calm()
	}
}

func (w *watch) perHour() bool {
	return w.trigger.Chance != nil && w.trigger.Chance.Per == bug.PerDriveHour
}

// nextHit is when a chance per drive hour comes; false if it is too far away to
// matter, or nothing is on.
func (w *watch) nextHit(u *unit, now time.Duration) (time.Duration, bool) {
	g := &w.gap
	if g.at == 0 {
		rate := w.trigger.Chance.P * u.hazard()
		if rate == 0 {
			return 0, false
		}
		wait := min(u.rng.ExpFloat64()/rate, centuries.Hours())
		g.at = now + max(1, time.Duration(wait*float64(time.Hour)))
	}
	return g.at, g.at < centuries
}

// centuries is past the end of any run.
const centuries = 100 * 365 * 24 * time.Hour

// hazard is how many drives there are to which something may happen in an hour.
// What happens to a drive concerns one of the volumes of its array.
func (u *unit) hazard() float64 {
	drives := 0.0
	var met []*device
	for _, g := range u.gates {
		d := g.v.array
		if seenBefore(met, d) || !d.on {
			continue
		}
		met = append(met, d)
		switch n := float64(max(1, d.cfg.Drives)); u.rule.scope.Extent {
		case bug.ExtentDevice:
			drives++
		case bug.ExtentSystem, bug.ExtentArray, bug.ExtentController:
			drives += n
		default:
			drives += n / float64(len(d.volumes))
		}
	}
	return drives
}

func seenBefore(met []*device, d *device) bool {
	for _, o := range met {
		if o == d {
			return true
		}
	}
	return false
}

// settle decides whether a chance may sleep and whether a count is reached, and
// lets time arm what it arms.
func (w *watch) settle(u *unit) {
	t := w.trigger
	switch {
	case t.Count != nil:
		w.reached = t.Count.Clock != bug.Names && u.counter(t.Count.Clock) >= w.target()
	case t.Chance != nil:
		w.doze(u)
	case t.Arm != nil:
		w.settleArm(u)
		return
	}
	for _, k := range w.kids {
		k.settle(u)
	}
}

func (w *watch) settleArm(u *unit) {
	arm := w.kids[0]
	if !w.seen {
		arm.settle(u)
		m := moment{v: u.gates[0].v, now: u.rule.clock.Now()}
		m.by(u.gates[0])
		if arm.condition() && arm.trigger.Level == nil && arm.sees(&m) {
			w.seen = true
		}
	}
	if w.seen || len(w.seenAt) > 0 {
		w.kids[1].settle(u)
	}
}

// doze puts a chance to sleep whose next hit is far away, and wakes one whose
// hit is near.
func (w *watch) doze(u *unit) {
	g := &w.gap
	if g.asleep {
		sum := u.counted(u.slotsOf(w.trigger.Chance))
		g.left -= sum - g.mark
		g.mark = sum
		if g.left > 0 {
			return
		}
		g.asleep = false
		g.left = max(1, g.left+u.step(w.trigger.Chance))
		return
	}
	if w.idle || !w.alone || !u.countable() || w.perHour() || len(u.slotsOf(w.trigger.Chance)) == 0 {
		return
	}
	if g.left == 0 {
		g.left = drawGap(u.rng, w.trigger.Chance.P)
	}
	if g.left >= farAway {
		g.asleep, g.mark = true, u.counted(u.slotsOf(w.trigger.Chance))
	}
}

// rouse ends the sleep of chances, so that the volumes of a unit may change.
func (w *watch) rouse(u *unit) {
	if g := &w.gap; g.asleep {
		g.left = max(1, g.left-(u.counted(u.slotsOf(w.trigger.Chance))-g.mark))
		g.asleep = false
	}
	for _, k := range w.kids {
		k.rouse(u)
	}
}

// countable reports whether every operation that a volume counts is one that the
// trigger would be asked at.
func (u *unit) countable() bool {
	s := u.rule.scope
	return s.Path == "" && s.Population.Controller == nil && s.Extent != bug.ExtentController && s.Extent != bug.ExtentDevice
}

// slotsOf is what a chance counts.
func (u *unit) slotsOf(c *bug.Chance) []slot {
	asks := u.rule.asks
	if c.Per == bug.PerByte {
		return byteSlots(asks)
	}
	if asks == allOps {
		return []slot{slotOps}
	}
	var all []slot
	for k := range vol.Kind(kinds) {
		if asks.has(k) {
			all = append(all, slot(k))
		}
	}
	return all
}

func byteSlots(asks mask) (all []slot) {
	if asks.has(vol.Read) {
		all = append(all, slotRead)
	}
	if asks.has(vol.Write) {
		all = append(all, slotWritten)
	}
	return all
}

// step is how far the operation that woke a chance went.
func (u *unit) step(c *bug.Chance) int64 {
	if c.Per == bug.PerByte {
		return u.rule.fleet.moved
	}
	return 1
}
