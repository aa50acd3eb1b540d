package workload

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Rate is a rate that changes over time: each segment holds from its start to
// the start of the next. Before the first segment the rate is 0.
type Rate []Segment

// Segment is a rate from a moment on.
type Segment struct {
	From      time.Duration
	PerSecond float64
}

// Constant is a rate that never changes.
func Constant(perSecond float64) Rate { return Rate{{PerSecond: perSecond}} }

// Per returns the rate at time t.
func (r Rate) Per(t time.Duration) float64 {
	rate := 0.0
	for _, s := range r {
		if s.From > t {
			break
		}
		rate = s.PerSecond
	}
	return rate
}

func (r Rate) check() error {
	for i, s := range r {
		if s.PerSecond < 0 || math.IsNaN(s.PerSecond) || math.IsInf(s.PerSecond, 0) {
			return fmt.Errorf("workload: a rate of %v per second", s.PerSecond)
		}
		if i > 0 && s.From <= r[i-1].From {
			return fmt.Errorf("workload: the rates at %v and %v are not in order", r[i-1].From, s.From)
		}
	}
	return nil
}

// arrivals is a Poisson process of a rate.
type arrivals struct {
	rate Rate
	rng  *rand.Rand
	at   time.Duration
	end  time.Duration
}

// next is the time of the next arrival, or false when there is none before the
// end. It spends one exponential draw over the segments, so that a change of
// rate takes hold at its moment.
func (a *arrivals) next() (time.Duration, bool) {
	due := a.rng.ExpFloat64()
	for a.at < a.end {
		per, until := a.rate.Per(a.at), a.boundary()
		if per > 0 {
			step := due / per * float64(time.Second)
			if step < float64(until-a.at) {
				a.at += max(time.Duration(step), 1)
				return a.at, true
			}
			due -= per * (until - a.at).Seconds()
		}
		a.at = until
	}
	return 0, false
}

// boundary is where the segment that holds now ends.
func (a *arrivals) boundary() time.Duration {
	for _, s := range a.rate {
		if s.From > a.at {
			return min(s.From, a.end)
		}
	}
	return a.end
}
