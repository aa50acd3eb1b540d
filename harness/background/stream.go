package background

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"
)

// stream is the random stream of a name: the same for the same seed and name,
// whatever other streams are used for.
func stream(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(mix(seed), mix(h.Sum64())))
}

// mix spreads numbers that are close to each other (SplitMix64's finaliser).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// places draws how many places an episode hits.
func (b *Burst) places(rng *rand.Rand) int64 {
	switch {
	case b.Pareto > 0:
		n := math.Pow(1-rng.Float64(), -1/b.Pareto)
		return max(1, int64(min(n, b.Most)))
	case b.Again > 0:
		n := int64(1)
		for rng.Float64() < b.Again {
			n++
		}
		return n
	}
	return 1
}

// mean is how many places an episode hits on average.
func (b *Burst) mean() float64 {
	if b.Pareto == 0 {
		return 1 / (1 - b.Again)
	}
	sum := 0.0
	for n := 1.0; n <= b.Most; n++ {
		sum += math.Pow(n, -b.Pareto)
	}
	return sum
}

// delay draws when a place is hit: after the episode's start, given when the one
// before was.
func (b *Burst) delay(rng *rand.Rand, before time.Duration) time.Duration {
	if rng.Float64() < b.SoonShare {
		return before + share(rng, b.SoonMinutes, time.Minute)
	}
	return share(rng, b.EpisodeDays, day)
}

func share(rng *rand.Rand, of float64, unit time.Duration) time.Duration {
	return time.Duration(rng.Float64() * of * float64(unit))
}

// next draws the block that is hit after another one, of a drive of so many. A
// neighbourhood goes on at the other end of the drive, so that each block is as
// likely as any other.
func (b *Burst) next(rng *rand.Rand, last, blocks int64) int64 {
	at := rng.Int64N(blocks)
	near := int64(b.NearMB * 1e6 / BlockSize)
	switch adjacent := rng.Float64() < b.AdjacentShare; {
	case adjacent:
		at = last + 1
	case rng.Float64() < b.NearShare:
		at = last - near + rng.Int64N(2*near+1)
	}
	return ((at % blocks) + blocks) % blocks
}

// classes are the classes of Lasts, each from the end of the one before. That a
// moment within a class is drawn evenly on a logarithmic scale is picked.
var classes = []struct {
	of       func(*Lasts) float64
	from, to time.Duration
}{
	{func(l *Lasts) float64 { return l.Minutes }, time.Minute, time.Hour},
	{func(l *Lasts) float64 { return l.Hours }, time.Hour, day},
	{func(l *Lasts) float64 { return l.Days }, day, 7 * day},
	{func(l *Lasts) float64 { return l.Weeks }, 7 * day, 30 * day},
	{func(l *Lasts) float64 { return l.Months }, 30 * day, Year},
}

// draw is how long an episode lasts; 0 is for good.
func (l *Lasts) draw(rng *rand.Rand) time.Duration {
	known := 0.0
	for _, c := range classes {
		known += c.of(l)
	}
	x := rng.Float64() * known
	for _, c := range classes {
		if s := c.of(l); x < s {
			return time.Duration(float64(c.from) * math.Pow(float64(c.to)/float64(c.from), x/s))
		} else {
			x -= s
		}
	}
	return 0
}
