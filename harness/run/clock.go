package run

import (
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"fourdays/harness/scenario"
	"fourdays/harness/world"
)

// clock is the time of a run, its arrays included: the world's, and what was
// leapt over of the lead where the world cannot leap. Programs live by the
// world's.
type clock struct {
	world.Clock
	ahead atomic.Int64 // nanoseconds
	once  atomic.Pointer[leapt]
}

// leap is called once.
func (c *clock) leap(d time.Duration) {
	c.once.Store(&leapt{from: c.Clock.Now(), by: d})
	c.ahead.Add(int64(d))
}

// inWorld translates a moment of the run into one of the world.
func (c *clock) inWorld(t time.Duration) time.Duration { return t - time.Duration(c.ahead.Load()) }

// Now implements vol.Clock.
func (c *clock) Now() time.Duration { return c.Clock.Now() + time.Duration(c.ahead.Load()) }

// At implements world.Clock.
func (c *clock) At(t time.Duration, f func()) { c.Clock.At(c.inWorld(t), f) }

// pace is how a run deals with the time of its world.
type pace struct {
	words string        // for the kind of time
	step  time.Duration // between two looks at a condition
	tell  time.Duration // between two words of progress
	// The most that each part beside the script may take. What goes beyond will
	// never end.
	start, fill, quiet, audit time.Duration
	// An audit asks so many questions at a time, and waits so long for each.
	window   int
	patience time.Duration
	// Senders wait no longer than users are watched: what they would hear later
	// changes nothing, and everybody would have to wait for it.
	hurried bool
}

// senders is how long they wait for an answer; 0 is the ten minutes of RFC 5321.
func (p pace) senders(s *scenario.Scenario) time.Duration {
	if watched := s.Duration + s.Settle; p.hurried && watched < 10*time.Minute {
		return watched
	}
	return 0
}

// Both are picked: virtual time costs nothing while nothing happens, and who
// waits for real time wants to know why before he goes away. A sender waits ten
// minutes for an answer, so nothing is quiet before.
var (
	virtualTime = pace{
		words: "virtual time", step: 250 * time.Millisecond, tell: time.Minute,
		start: 10 * time.Minute, fill: lead, quiet: 30 * time.Minute, audit: 12 * time.Hour, window: 3, patience: time.Minute,
	}
	realTime = pace{
		words: "real time", step: 20 * time.Millisecond, tell: time.Second,
		start: time.Minute, fill: 10 * time.Minute, quiet: 12 * time.Minute, audit: 20 * time.Minute, window: 12, patience: 10 * time.Second, hurried: true,
	}
)

// paceOf tells the two kinds of worlds apart.
func paceOf(w world.World) pace {
	if _, leaps := w.(world.Leaper); leaps {
		return virtualTime
	}
	return realTime
}

// ready is how long before the scenario's zero all is prepared, in real time.
// Picked: the driver is told of the zero in between.
const ready = 300 * time.Millisecond

// zero brings the scenario's zero near: what preparation has left of the lead is
// leapt over. A driver in real time does not see that, so it is told.
func (st *stage) zero() error {
	left := lead - st.clock.Now()
	if left <= 0 {
		return fmt.Errorf("prepare the store: it took %v, more than the %v before the scenario's start", st.clock.Now(), lead)
	}
	if l, ok := st.w.(world.Leaper); ok {
		st.prepared = left
		l.Leap(left)
		return nil
	}
	if err := st.until("wait for the driver", st.pace.start, func() bool { return st.drv.book.Open() == 0 }); err != nil {
		return err
	}
	st.clock.leap(lead - ready - st.clock.Now())
	connected := false
	if err := st.drv.reconnect(st.epoch(), func() { connected = true }); err != nil {
		return err
	}
	if err := st.until("connect to the load driver again", st.pace.start, func() bool { return connected }); err != nil {
		return err
	}
	return st.live(lead)
}

// epoch is what programs' clocks show at the scenario's zero, as far as is known
// now.
func (st *stage) epoch() time.Time { return st.w.Wall().Add(-st.Now()) }

// random is the run's stream of random numbers of that name.
func (st *stage) random(name string) *rand.Rand {
	h := fnv.New64a()
	io.WriteString(h, name)
	return rand.New(rand.NewPCG(st.seed, h.Sum64()))
}
