package background

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Topology is a replicated store on arrays: one copy on each.
type Topology struct {
	OS        []string      // of each array; its length is the number of copies
	Drives    int           // of each array
	Tolerance int           // drives that an array can miss at one time
	Rebuild   time.Duration // how long a drive is missed
	Repair    time.Duration // how long damage stays before somebody repairs it
	Range     int64         // bytes: two copies hit within one range of this size have lost it both
}

// PickedTopology is three arrays of one OS. All numbers are picked: a shelf and
// a half of drives with double parity, rebuilt in a day, scrubbed in two weeks;
// and a range as large as a mail with its neighbours.
func PickedTopology() Topology {
	return Topology{OS: []string{"acme/1.0", "acme/1.0", "acme/1.0"}, Drives: 36, Tolerance: 2,
		Rebuild: day, Repair: 14 * day, Range: 64 << 10}
}

// Quorum is how many copies are more than half.
func (t Topology) Quorum() int { return len(t.OS)/2 + 1 }

// Fleet is what to draw for.
func (t Topology) Fleet() (f Fleet) {
	for i := range t.OS {
		f.Arrays = append(f.Arrays, Array{Name: fmt.Sprintf("copy%d", i+1), Drives: t.Drives})
	}
	return f
}

func (t Topology) check() error {
	switch {
	case len(t.OS) < 1 || len(t.OS) > 99:
		return fmt.Errorf("a store has 1 to 99 copies, not %d", len(t.OS))
	case t.Drives < 1 || t.Drives > 10_000:
		return fmt.Errorf("an array has 1 to 10000 drives, not %d", t.Drives)
	case t.Tolerance < 0 || t.Tolerance >= t.Drives:
		return fmt.Errorf("%d of %d drives cannot fail unfelt", t.Tolerance, t.Drives)
	case t.Rebuild <= 0 || t.Repair <= 0 || t.Rebuild > Year || t.Repair > 10*Year:
		return fmt.Errorf("a rebuild takes up to a year, a repair up to ten")
	case t.Range < BlockSize:
		return fmt.Errorf("a range has at least %d bytes", BlockSize)
	}
	return nil
}

// meetings is how many times a year a quorum of copies is hit in one range
// within the time of a repair, on average, when each copy has so many blocks
// damaged: in so many ways can the copies be chosen and one of them be the last,
// times the chance that the others were hit in its range. Places of different
// arrays are independent, and each range is as likely as any other; in a burst
// there may be several meetings, so that years with one are at most as many.
func (t Topology) meetings(blocksPerYear float64, driveBytes int64) float64 {
	ranges := max(1, float64(driveBytes)*float64(t.Drives)/float64(t.Range))
	n, q := len(t.OS), t.Quorum()
	expected := float64(q) * blocksPerYear
	for i := range q {
		expected *= float64(n-i) / float64(i+1)
	}
	for range q - 1 {
		expected *= blocksPerYear * float64(t.Repair) / float64(Year) / ranges
	}
	return expected
}

// Trials say how much is drawn.
type Trials struct {
	Years      int // of one store each, in all
	Seed       uint64
	Accelerate float64             // what all rates are multiplied with; 0 and 1 are the field
	Progress   func(years, of int) // now and then; may be nil
	Stop       func() error        // asked now and then; what it returns ends the draw; may be nil
}

// Bounds on what is drawn at one time: so many blocks fit into a small machine's
// memory several times. Both are picked.
const (
	maxBlocks = 20_000_000 // in a year of a store
	runBlocks = 1_000_000  // in a run, if that is a year or more
	maxRun    = 100        // years, so that times fit
)

func (t Trials) check() error {
	switch {
	case t.Years < 1 || t.Years > 10_000_000:
		return fmt.Errorf("1 to ten million years can be drawn, not %d", t.Years)
	case !(t.Accelerate >= 0 && t.Accelerate <= 1e9):
		return fmt.Errorf("rates can be multiplied with up to 1e9, not %v", t.Accelerate)
	}
	return nil
}

// Estimate is what came out of a number of simulated years of one store.
type Estimate struct {
	Profile  Profile
	Topology Topology
	Trials   Trials
	Drawn    []Count

	OneCopy     Chance // some block of some copy was damaged, RAID hiding nothing
	ThroughRAID Chance // likewise, while its array could not reconstruct it
	Quorum      Chance // one range was damaged on a quorum of copies before repair, RAID hiding nothing
	ArrayDown   Chance // an array missed more drives than it tolerates
	QuorumDown  Chance // a quorum of arrays did, within the time of a repair
	Shared      []Shared
}

// Count is what was drawn of one phenomenon.
type Count struct {
	Phenomenon Phenomenon
	Expected   float64 // episodes
	Drawn      int
	Places     int // that they damaged
}

// Chance is in how many fleet-years something happened.
type Chance struct {
	Hit, Of int
	// Expected is how many there are at most by arithmetic; 0 where it is not
	// computed.
	Expected float64
}

// String writes hits as they are and none as the bound that it gives: by the
// rule of three, with 95% confidence, the rate is at most 3/n.
func (c Chance) String() string {
	if c.Hit == 0 {
		return fmt.Sprintf("0 of %d, so <= 3/%d", c.Of, c.Of)
	}
	return fmt.Sprintf("%d of %d", c.Hit, c.Of)
}

// Shared is what one bug of one OS reaches when it comes, all at once.
type Shared struct {
	OS     string
	Copies int
	Quorum bool
}

// Odds draws the background of a store on its own: nothing is run. It tells in
// how many of the simulated years faults that know nothing of each other met.
func Odds(p Profile, t Topology, trials Trials) (Estimate, error) {
	if err := cmp.Or(t.check(), trials.check()); err != nil {
		return Estimate{}, fmt.Errorf("draw the background: %w", err)
	}
	if trials.Accelerate == 0 {
		trials.Accelerate = 1
	}
	e := Estimate{Profile: p.Accelerated(trials.Accelerate), Topology: t, Trials: trials, Shared: t.shared()}
	each := e.Profile.Damage(t.Drives)
	for _, ph := range e.Profile.Phenomena {
		e.Drawn = append(e.Drawn, Count{Phenomenon: ph, Expected: ph.PerYear(t.Drives) * float64(len(t.OS)*trials.Years)})
	}
	blocks := each * float64(len(t.OS))
	if blocks > maxBlocks {
		return Estimate{}, fmt.Errorf("draw the background: about %.2g faults in one year are too many; accelerate less", blocks)
	}
	for _, c := range e.chances() {
		c.Of = trials.Years
	}
	e.Quorum.Expected = t.meetings(each, p.blocks()*BlockSize) * float64(trials.Years)
	return e, e.draw(max(1, min(maxRun, int(runBlocks/max(1, blocks)))))
}

// draw draws all years, in runs of a few. Each run begins with sound arrays and
// has a seed of its own; as many as there are processors are drawn side by side
// and added in their order, so that the result does not depend on that.
func (e *Estimate) draw(years int) error {
	for from := 0; from < e.Trials.Years; {
		if e.Trials.Stop != nil {
			if err := e.Trials.Stop(); err != nil {
				return fmt.Errorf("draw the background: %w", err)
			}
		}
		if e.Trials.Progress != nil {
			e.Trials.Progress(from, e.Trials.Years)
		}
		runs := make([]*trial, 0, runtime.GOMAXPROCS(0))
		var wg sync.WaitGroup
		for ; from < e.Trials.Years && len(runs) < cap(runs); from += years {
			r, seed := newTrial(e.Topology, e.Profile, min(years, e.Trials.Years-from)), mix(e.Trials.Seed)+uint64(from)
			runs = append(runs, r)
			wg.Go(func() { r.play(e.Profile, seed) })
		}
		wg.Wait()
		for _, r := range runs {
			e.add(r)
		}
	}
	return nil
}

func (e *Estimate) chances() []*Chance {
	return []*Chance{&e.OneCopy, &e.ThroughRAID, &e.Quorum, &e.ArrayDown, &e.QuorumDown}
}

// shared says what one bug reaches, for each OS there is.
func (t Topology) shared() (all []Shared) {
	for i, os := range t.OS {
		if slices.Index(t.OS, os) < i {
			continue
		}
		n := 0
		for _, other := range t.OS {
			if other == os {
				n++
			}
		}
		all = append(all, Shared{os, n, n >= t.Quorum()})
	}
	return all
}

// add counts what came of one run.
func (e *Estimate) add(r *trial) {
	for i := range e.Drawn {
		e.Drawn[i].Drawn += r.drawn[i]
		e.Drawn[i].Places += r.places[i]
	}
	for i, years := range [][]bool{r.one, r.through, r.quorum, r.down, r.quorumDown} {
		for _, hit := range years {
			if hit {
				e.chances()[i].Hit++
			}
		}
	}
}
