package workload

import (
	"fmt"
	"math"
	"math/rand/v2"

	"fourdays/harness/letter"
)

// Sizes is the distribution of message sizes.
//
// Its shape is a measurement of 2002 (freebsd-net, edges at powers of two):
// P(<2 K) .24, <4 K .49, <8 K .68, <16 K .80, <32 K .85, <64 K .90, <128 K .93,
// <512 K .97, <1 M .985, and above that up to 4 M (picked). Inside a class sizes
// are log-uniform. Mail has grown since then, most of all in HTML: Scale
// multiplies every size. Cap cuts the tail, because each byte is paid for by a
// guest processor; what it does to the mean is Mean.
type Sizes struct {
	Scale float64 // 0 means 1
	Cap   int     // bytes; 0 means 64 KiB (picked)
}

// classes are the upper edges in bytes and the cumulative shares.
var classes = []struct {
	below float64
	share float64
}{
	{2 << 10, .24}, {4 << 10, .49}, {8 << 10, .68}, {16 << 10, .80}, {32 << 10, .85},
	{64 << 10, .90}, {128 << 10, .93}, {512 << 10, .97}, {1 << 20, .985}, {4 << 20, 1},
}

const smallest = 512 // picked: the lower edge of the first class

func (s *Sizes) fill() error {
	if s.Scale == 0 {
		s.Scale = 1
	}
	if s.Cap == 0 {
		s.Cap = 64 << 10
	}
	if s.Scale < 0 || math.IsNaN(s.Scale) || math.IsInf(s.Scale, 0) || s.Cap < letter.MinSize {
		return fmt.Errorf("workload: sizes scaled by %v and capped at %d bytes", s.Scale, s.Cap)
	}
	return nil
}

func (s Sizes) draw(rng *rand.Rand) int {
	x, low := rng.Float64(), float64(smallest)
	for _, c := range classes {
		if x < c.share || c.share == 1 {
			size := low * math.Pow(c.below/low, rng.Float64())
			return s.fit(size)
		}
		low = c.below
	}
	return s.fit(low)
}

func (s Sizes) fit(size float64) int {
	return int(min(max(size*s.Scale, letter.MinSize), float64(s.Cap)))
}

// Mean is the mean size in bytes, by numerical integration, so that a report
// can say what Cap left out.
func (s Sizes) Mean() float64 {
	if s.fill() != nil {
		return 0
	}
	const steps = 1000
	mean, low, before := 0.0, float64(smallest), 0.0
	for _, c := range classes {
		for i := range steps {
			size := low * math.Pow(c.below/low, (float64(i)+0.5)/steps)
			mean += (c.share - before) / steps * float64(s.fit(size))
		}
		low, before = c.below, c.share
	}
	return mean
}
