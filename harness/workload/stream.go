package workload

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"sort"
)

// stream is the random stream of a name: the same for the same seed and name,
// whatever other streams are used for.
func stream(seed uint64, name string) *rand.Rand {
	return rand.New(rand.NewPCG(seed, hash(name)))
}

func hash(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// mix turns a seed and two numbers into a number, for choices that must not
// depend on the order in which they are made (SplitMix64's finaliser).
func mix(seed, a, b uint64) uint64 {
	x := seed ^ a*0x9e3779b97f4a7c15 ^ b*0xbf58476d1ce4e5b9
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// spread is the sigma of the lognormal weights of mailboxes. With a mean of 10
// messages a day half of the mailboxes get fewer than 6 (research: ReturnPath,
// 2014), so sigma² = 2 ln(10/6).
const spread = 1.01

// weights draws from 0..n-1 with fixed weights.
type weights struct{ cumulative []float64 }

// lognormal gives n mailboxes their weights.
func lognormal(rng *rand.Rand, n int) weights {
	each := make([]float64, n)
	for i := range each {
		each[i] = math.Exp(spread * rng.NormFloat64())
	}
	return weigh(each)
}

func weigh(each []float64) weights {
	sum, w := 0.0, weights{make([]float64, len(each))}
	for i, v := range each {
		sum += v
		w.cumulative[i] = sum
	}
	return w
}

func (w weights) draw(rng *rand.Rand) int {
	last := len(w.cumulative) - 1
	x := rng.Float64() * w.cumulative[last]
	return min(sort.SearchFloat64s(w.cumulative, math.Nextafter(x, math.Inf(1))), last)
}
