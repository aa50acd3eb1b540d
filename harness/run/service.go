package run

import (
	"cmp"
	"math"
	"slices"

	"fourdays/harness/hist"
)

// service measures what users had, all of them together.
type service struct{ asks []ask }

// ask is one operation of a user: when it was meant to be made and when it was
// answered, in microseconds, and whether with what was asked for.
type ask struct {
	intended, answered int64
	served             bool
}

// add takes the next operation. What the harness asks for itself is no user's.
func (s *service) add(op *hist.Op) {
	if op.OfUser() {
		s.asks = append(s.asks, ask{op.IntendedUS, op.AnsweredUS, op.Outcome == hist.OK})
	}
}

// longest is the longest time, in milliseconds, in which somebody waited and
// nobody was served; nil if nobody asked. Who is never served waits until the
// end.
func (s *service) longest(endUS int64) *int64 {
	if len(s.asks) == 0 {
		return nil
	}
	ends := []int64{}
	for _, a := range s.asks {
		if a.served {
			ends = append(ends, a.answered)
		}
	}
	slices.Sort(ends)
	slices.SortFunc(s.asks, func(a, b ask) int { return cmp.Compare(a.intended, b.intended) })
	most, last, waits, next := int64(0), int64(math.MinInt64), int64(math.MinInt64), 0
	for _, end := range append(ends, endUS) {
		for next < len(s.asks) && s.asks[next].intended <= last {
			waits = max(waits, s.asks[next].answered)
			next++
		}
		switch {
		case waits > last: // somebody who had asked before goes on waiting
			most = max(most, end-last)
		case next < len(s.asks):
			most = max(most, end-s.asks[next].intended)
		}
		last = max(last, end)
	}
	ms := most / 1000
	return &ms
}

// until is when the last user was answered.
func (s *service) until() (us int64) {
	for _, a := range s.asks {
		us = max(us, a.answered)
	}
	return us
}

// p99 is the 99th percentile of the time until users had what they asked for, in
// milliseconds; nil if nobody had.
func (s *service) p99() *int64 {
	var latencies []int64
	for _, a := range s.asks {
		if a.served {
			latencies = append(latencies, a.answered-a.intended)
		}
	}
	if len(latencies) == 0 {
		return nil
	}
	slices.Sort(latencies)
	ms := latencies[(len(latencies)*99+99)/100-1] / 1000
	return &ms
}
