package margin

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"fourdays/storage/bug"
)

// Limit is a value of a counter at which something is known to happen, or at which
// a number of some width is full.
type Limit struct {
	At int64 `json:"at"` // in the counter's own unit
	// What says what is full, or the title of the bug.
	What string `json:"what"`
	// Bug, Product and Source say of what it is documented and where; empty for a
	// width.
	Bug     string `json:"bug,omitempty"`
	Product string `json:"product,omitempty"`
	Source  string `json:"source,omitempty"`
	// Days is how long until it is reached at this rate; nil if it is not.
	Days *float64 `json:"days"`
}

// Documented are the limits of a counter that some bug of a list documents and
// that lie ahead of a value, the nearest first. A bug whose limit we picked
// documents none.
func Documented(bugs []bug.Bug, c bug.Counter, now int64) (all []Limit) {
	for _, b := range bugs {
		for _, count := range counts(&b.Trigger) {
			if count.Clock != c || !sourced(&b) {
				continue
			}
			if at, ahead := next(count, now); ahead {
				all = append(all, Limit{At: at, What: b.Title, Bug: b.ID, Product: b.Evidence.Product, Source: b.Evidence.URL})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Limit) int { return cmp.Compare(a.At, b.At) })
	return all
}

// sourced says that the number of a bug's trigger is not ours.
func sourced(b *bug.Bug) bool {
	e := &b.Evidence
	return slices.Contains(e.Sourced, "at") && !slices.Contains(e.Picked, "at")
}

// counts are the counters that a trigger waits for, wherever in it.
func counts(t *bug.Trigger) (all []bug.Count) {
	if t.Count != nil {
		all = append(all, *t.Count)
	}
	for _, kids := range [][]bug.Trigger{t.All, t.Any} {
		for i := range kids {
			all = append(all, counts(&kids[i])...)
		}
	}
	for _, kid := range []*bug.Trigger{t.Arm, t.Fire} {
		if kid != nil {
			all = append(all, counts(kid)...)
		}
	}
	return all
}

// next is the first time after a value that a count comes true.
func next(c bug.Count, now int64) (at int64, ahead bool) {
	if c.At > now {
		return c.At, true
	}
	if c.Every == 0 {
		return 0, false
	}
	times := (now-c.At)/c.Every + 1
	if times > (math.MaxInt64-c.At)/c.Every {
		return 0, false
	}
	return c.At + times*c.Every, true
}

// width is a number that a program may count with: of so many bits, in units of
// which the counter's own has some.
type width struct {
	bits int
	per  int64 // of its units in one of the counter's
	of   int64 // or of the counter's units in one of its
	what string
}

// widths are those that such a counter has been kept in somewhere: small counts in
// 15 or 16 bits and others in 31 or 32, uptimes in ticks of a millisecond and of a
// hundredth of a second, bytes in sectors. Picked.
func widths(c bug.Counter) []width {
	switch c {
	case bug.Uptime:
		return []width{{31, 1000, 1, "milliseconds"}, {32, 1000, 1, "milliseconds"}, {31, 100, 1, "hundredths of a second"},
			{32, 100, 1, "hundredths of a second"}, {31, 1, 1, "seconds"}, {32, 1, 1, "seconds"}}
	case bug.PowerOnHours:
		return []width{{15, 1, 1, "hours"}, {16, 1, 1, "hours"}, {31, 3600, 1, "seconds"}, {32, 3600, 1, "seconds"}}
	case bug.Bytes:
		return []width{{31, 1, 512, "sectors of 512 bytes"}, {32, 1, 512, "sectors of 512 bytes"}}
	case bug.PowerCycles, bug.PowerLosses, bug.Names:
		return []width{{15, 1, 1, string(c)}, {16, 1, 1, string(c)}, {31, 1, 1, string(c)}, {32, 1, 1, string(c)}}
	}
	return []width{{31, 1, 1, string(c)}, {32, 1, 1, string(c)}}
}

// Widths are the widths of a counter that are full ahead of a value, the nearest
// first.
func Widths(c bug.Counter, now int64) (all []Limit) {
	for _, w := range widths(c) {
		full := int64(1) << w.bits * w.of
		if at := (full + w.per - 1) / w.per; at > now {
			all = append(all, Limit{At: at, What: fmt.Sprintf("2^%d %s", w.bits, w.what)})
		}
	}
	slices.SortStableFunc(all, func(a, b Limit) int { return cmp.Compare(a.At, b.At) })
	return all
}
