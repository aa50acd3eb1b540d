package run

import (
	"time"

	"fourdays/harness/scenario"
	"fourdays/harness/world"
)

// leaping is a scripted leap that is under way.
type leaping struct{ until time.Duration }

// Between two jumps of a leap the world runs in full for at least breath, and
// jumps shorter than worth are not made. Both are picked.
const (
	breath = time.Second
	worth  = 5 * time.Second
)

// leapUntil moves the clocks to a moment while programs, network and disks
// stand still, and the population of senders goes on. It stops at everything
// that needs a program, lets that happen in full, and goes on.
func (st *stage) leapUntil(until time.Duration) {
	st.leap = leaping{until: until}
	st.tell("leap", "the clocks are moved to %s; what needs a program is simulated in full", scenario.Duration(until))
	st.jump()
}

func (st *stage) jump() {
	now := st.Now()
	if now >= st.leap.until {
		return
	}
	st.fleet.Tick()
	target := st.leap.until
	if len(st.due) > 0 {
		target = min(target, st.due[0])
	}
	if at, ok := st.fleet.Due(); ok {
		target = min(target, at-lead)
	}
	if st.drv.book.Open() == 0 && st.engine.InFlight() == 0 && target-now >= worth {
		stopped := st.engine.Leap(target, st.inLeap)
		if d := stopped - now; d > 0 {
			st.w.(world.Leaper).Leap(d) // others are refused before the run
		}
	}
	st.At(st.Now()+breath, st.jump)
}
