package compare

import (
	"cmp"

	"golang.org/x/perf/benchmath"
)

// The statistics, both picked as is usual: how sure an interval is, and how
// rarely a difference is called one where there is none.
const (
	confidence = 0.95
	alpha      = 0.05
)

// enough is the least number of runs that benchmath gives a median an interval
// for at this confidence, and apart the least of each of two variants in which
// its test can tell them apart.
const (
	enough = 6
	apart  = 4
)

// beyond stands for no upper bound: it takes part in medians, which infinity
// does not.
const beyond = 1e200

// value is what one run says of a figure: something from Lo to Hi. The two are
// the same where it is known; Hi is beyond where it was watched as long as Lo
// and was not over.
type value struct{ lo, hi float64 }

func exactly(v float64) *value { return &value{v, v} }

func over(v float64) *value { return &value{v, beyond} }

// Interval is a median over runs: at Median, with the interval From to To around
// it. Each of the three is a range where some runs say no more.
type Interval struct {
	Median Range `json:"median"`
	// From and To are nil with too few runs for an interval.
	From *Range `json:"from"`
	To   *Range `json:"to"`
}

// Range is from Least to Most; Most is nil where nobody watched long enough to
// say.
type Range struct {
	Least float64  `json:"least"`
	Most  *float64 `json:"most"`
}

func rangeOf(lo, hi float64) Range {
	if hi >= beyond/2 {
		return Range{Least: lo}
	}
	return Range{lo, &hi}
}

// exact says that a range is one value.
func (r Range) exact() bool { return r.Most != nil && *r.Most == r.Least }

// interval is the median of some runs, without a guess: it is taken twice, with
// all values as small and as large as they may be.
func interval(values []value) *Interval {
	if len(values) == 0 {
		return nil
	}
	low, high := summary(values, lower), summary(values, upper)
	i := &Interval{Median: rangeOf(low.Center, high.Center)}
	if len(values) >= enough {
		from, to := rangeOf(low.Lo, high.Lo), rangeOf(low.Hi, high.Hi)
		i.From, i.To = &from, &to
	}
	return i
}

func lower(v value) float64 { return v.lo }

func upper(v value) float64 { return v.hi }

func summary(values []value, of func(value) float64) benchmath.Summary {
	return benchmath.AssumeNothing.Summary(sample(values, of), confidence)
}

func sample(values []value, of func(value) float64) *benchmath.Sample {
	var numbers []float64
	for _, v := range values {
		numbers = append(numbers, of(v))
	}
	return benchmath.NewSample(numbers, &benchmath.Thresholds{CompareAlpha: alpha})
}

// chance is how likely two variants would be so different if they were not: the
// p of a Mann-Whitney U test. Where values are not known it is the likelier of
// the two ends, all of one variant small and all of the other large; 1 if the
// ends are on different sides. Nil without values.
func chance(a, b []value) *float64 {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	p := 1.0
	least, most := above(a, b, lower, upper), above(a, b, upper, lower)
	if least > 0 || most < 0 {
		p = max(test(a, b, lower, upper), test(a, b, upper, lower))
	}
	return &p
}

// test asks benchmath both ways round. With ties, and samples that are not of one
// size, what it answers depends on the order, and one of the two answers is of
// the wrong tail: 0 where it should be 0.2, or more than 1. The larger is never
// too small.
func test(a, b []value, ofA, ofB func(value) float64) float64 {
	x, y := sample(a, ofA), sample(b, ofB)
	return min(1, max(benchmath.AssumeNothing.Compare(x, y).P, benchmath.AssumeNothing.Compare(y, x).P))
}

// above is in how many more pairs the first is larger than in how many it is
// smaller.
func above(a, b []value, ofA, ofB func(value) float64) (n int) {
	for _, x := range a {
		for _, y := range b {
			n += cmp.Compare(ofA(x), ofB(y))
		}
	}
	return n
}

// known are the values of runs that say something.
func known(values []*value) (all []value) {
	for _, v := range values {
		if v != nil {
			all = append(all, *v)
		}
	}
	return all
}
