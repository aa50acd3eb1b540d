package prove

import (
	"fmt"
	"math"
	"time"

	"fourdays/storage/array"
	"fourdays/storage/bug"
)

// Odds is how often a bug fired at a chance, of so many times that it could.
type Odds struct {
	Bug       string
	Chance    float64 // of one time
	Tried     int
	Fired     int
	Low, High int // what the binomial distribution lets pass, but for two runs in a million
}

// Within reports whether the bug fired as often as its chance lets expect.
func (o Odds) Within() bool { return o.Low <= o.Fired && o.Fired <= o.High }

// String is the odds as one line.
func (o Odds) String() string {
	return fmt.Sprintf("%s: fired %d of %d times at a chance of %g; expected %d to %d", o.Bug, o.Fired, o.Tried, o.Chance, o.Low, o.High)
}

// How often a rate is tried, picked: as often as takes a moment, and as often as
// is needed to see a difference at all.
const (
	enough = 4_000
	plain  = 100 // firings to expect
)

// Rate counts how often a bug with a chance fires at the chance that it
// declares. If that is too rare to tell it from nothing, it counts once more at
// a greater one. It measures the trigger: the effect is replaced by one that
// changes nothing for what comes after. A bug without a chance has no rate.
func Rate(b bug.Bug, seed uint64) ([]Odds, error) {
	chances := leaves(&b.Trigger, func(t *bug.Trigger) *bug.Chance { return t.Chance })
	if len(chances) == 0 || chances[0].Per == bug.PerDriveHour {
		return nil, nil
	}
	p := chances[0].P
	if chances[0].Per == bug.PerByte {
		p = 1 - math.Pow(1-p, blockSize)
	}
	b = harmless(scaled(b).bug)
	sure, rounds, err := fireUntil(b.Sure(1), seed, 0)
	if err != nil {
		return nil, err
	}
	var all []Odds
	count := func(b bug.Bug, chance float64) error {
		fired, _, err := fireUntil(b, seed, rounds)
		low, high := binomial(sure, chance)
		all = append(all, Odds{Bug: b.ID, Chance: chance, Tried: sure, Fired: fired, Low: low, High: high})
		return err
	}
	err = count(b, p)
	if greater := plain / float64(sure); err == nil && p < greater {
		err = count(b.Sure(greater), greater)
	}
	return all, err
}

// fireUntil provokes a bug so many rounds or, for none given, until it has fired
// often enough. It returns how often it fired, and in how many rounds.
func fireUntil(b bug.Bug, seed uint64, rounds int) (fired, done int, err error) {
	p, err := ready(b, seed, false)
	if err != nil {
		return 0, 0, err
	}
	if err := p.arm(p.bug); err != nil {
		return 0, 0, err
	}
	t := alternatives(p.bug.Trigger)[0]
	for done = 0; rounds == 0 && p.chosen() < enough || done < rounds; done++ {
		if rounds == 0 && (done > enough || done > 4 && p.chosen() == 0) {
			return 0, 0, fmt.Errorf("prove %s: provoked %d times, and it did not fire", b.ID, done)
		}
		p.begin("rate")
		if err := p.provoke(p.hosts[0], &t, shape{path: p.bug.Scope.Path}); err != nil {
			return 0, 0, err
		}
		if err := p.acted(); err != nil {
			return 0, 0, err
		}
		p.stages = nil
	}
	return p.chosen(), done, nil
}

// acted brings about the acts that a chance may be about, as alike each time as
// can be.
func (p *proof) acted() error {
	one := p.hosts[:1]
	for _, act := range p.bug.Effect.Acts {
		var err error
		switch act {
		case bug.Copy:
			p.workAll(one)
			err = p.backup(one)
		case bug.Mirror:
			p.workAll(one)
		case bug.Restore:
			err = p.restore(one)
		case bug.Space:
			p.space(one[0])
		default:
			err = p.crash(one)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// chosen is how often the trigger came true, whether or not that changed
// anything.
func (p *proof) chosen() int {
	n := 0
	for _, r := range p.fleets[sick].Receipts() {
		n += r.Fired + r.Masked
	}
	return n
}

// harmless is a bug that fires as its trigger says, again and again, and after
// which everything goes on as before.
func harmless(b bug.Bug) bug.Bug {
	b.Persistence, b.RetryOK, b.Returns = bug.Transient, 0, 0
	switch e := b.Effect; {
	case len(e.Ops) > 0:
		b.Effect = bug.Effect{Ops: e.Ops, Delay: bug.Delay{Min: time.Microsecond, Max: time.Microsecond}}
	case e.Action != "":
		b.Effect = bug.Effect{Action: bug.ZeroAll, Bytes: bug.Span{Min: array.SectorSize, Max: array.SectorSize}}
	case b.Plane == bug.Derived || b.Plane == bug.Link:
		b.Effect = bug.Effect{Acts: e.Acts, Data: bug.Change{Kind: bug.Flip, N: 1}}
	}
	return b
}

// tail is the probability of fewer than low, and of more than high.
const tail = 1e-6

// binomial is between what bounds the number of successes lies, of n at p each.
func binomial(n int, p float64) (low, high int) {
	if p >= 1 {
		return n, n
	}
	low, high = -1, n
	sum := 0.0
	for k := range n + 1 {
		sum += math.Exp(choose(n, k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
		if low < 0 && sum > tail {
			low = k
		}
		if sum > 1-tail {
			return low, k
		}
	}
	return max(low, 0), high
}

// choose is the logarithm of the binomial coefficient.
func choose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}
