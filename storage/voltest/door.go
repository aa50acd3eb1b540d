package voltest

import (
	"time"

	"fourdays/storage/vol"
)

// Clock is a virtual clock that a test moves. It calls back in order of time
// and then of asking. The zero value is the start of a run.
type Clock struct {
	now   time.Duration
	queue []timer
}

type timer struct {
	at time.Duration
	f  func()
}

// Now implements vol.Clock.
func (c *Clock) Now() time.Duration { return c.now }

// After implements vol.Clock.
func (c *Clock) After(d time.Duration, f func()) {
	c.queue = append(c.queue, timer{c.now + d, f})
}

// Step moves to the next thing due and does it; false if there is none.
func (c *Clock) Step() bool {
	if len(c.queue) == 0 {
		return false
	}
	next := 0
	for i, t := range c.queue {
		if t.at < c.queue[next].at {
			next = i
		}
	}
	t := c.queue[next]
	c.queue = append(c.queue[:next], c.queue[next+1:]...)
	c.now = max(c.now, t.at)
	t.f()
	return true
}

// Advance moves by d and does all that falls due.
func (c *Clock) Advance(d time.Duration) {
	end := c.now + d
	c.After(d, func() {})
	for c.now < end || c.due(end) {
		c.Step()
	}
}

func (c *Clock) due(end time.Duration) bool {
	for _, t := range c.queue {
		if t.at <= end {
			return true
		}
	}
	return false
}

// Direct is the door to a volume whose time clock moves: it waits by stepping
// the clock until the answer is there, and panics if it never can be.
func Direct(v vol.Volume, clock *Clock) Door { return direct{v, clock} }

type direct struct {
	v     vol.Volume
	clock *Clock
}

// Do implements Door.
func (d direct) Do(op vol.Op) vol.Result {
	var res vol.Result
	answered := false
	d.v.Do(&op, func(r vol.Result) { res, answered = r, true })
	for !answered {
		if !d.clock.Step() {
			panic("voltest: " + op.Kind.String() + " " + op.Path + " is never answered")
		}
	}
	return res
}
