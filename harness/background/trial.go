package background

import (
	"cmp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// trial is one simulated fleet: what hit which copy when, and in which of its
// years it mattered.
type trial struct {
	t      Topology
	kinds  []Phenomenon
	drawn  []int // by phenomenon
	places []int
	years  int
	hits   []hit
	failed [][]time.Duration // by copy: when a drive failed
	weak   [][]span          // by copy: when its RAID could reconstruct nothing

	one, through, quorum, down, quorumDown []bool // by year
}

// hit is a damaged place: the range of the copy that it is in.
type hit struct {
	at   time.Duration
	copy int
	in   int64
}

type span struct{ from, to time.Duration }

func newTrial(t Topology, p Profile, years int) *trial {
	n := len(p.Phenomena)
	r := &trial{t: t, kinds: p.Phenomena, drawn: make([]int, n), places: make([]int, n), years: years, failed: make([][]time.Duration, len(t.OS)), weak: make([][]span, len(t.OS))}
	for _, flags := range []*[]bool{&r.one, &r.through, &r.quorum, &r.down, &r.quorumDown} {
		*flags = make([]bool, years)
	}
	return r
}

// play draws the trial's faults and works out what came of them.
func (r *trial) play(p Profile, seed uint64) {
	faults := Draw(p, r.t.Fleet(), 0, time.Duration(r.years)*Year, seed)
	for i := range faults {
		r.take(&faults[i])
	}
	r.close()
}

// mark notes that something happened, unless the time drawn for was over.
func (r *trial) mark(flags []bool, at time.Duration) {
	if year := int(at / Year); year < r.years {
		flags[year] = true
	}
}

func copyOf(f *Fault) int {
	n, err := strconv.Atoi(strings.TrimPrefix(f.Array, "copy"))
	if err != nil {
		panic("background: a copy is called " + f.Array)
	}
	return n - 1
}

// take notes what one fault does by itself.
func (r *trial) take(f *Fault) {
	i := slices.IndexFunc(r.kinds, func(ph Phenomenon) bool { return ph.ID() == f.Bug.ID })
	r.drawn[i]++
	switch ph := &r.kinds[i]; {
	case ph.Damages():
		r.places[i] += len(f.Places)
		r.damage(f)
	case ph.FailsDrive():
		r.fail(f)
	}
}

func (r *trial) damage(f *Fault) {
	for _, p := range f.Places {
		r.hits = append(r.hits, hit{p.At, copyOf(f), p.Offset / r.t.Range})
		r.mark(r.one, p.At)
	}
}

func (r *trial) fail(f *Fault) { r.failed[copyOf(f)] = append(r.failed[copyOf(f)], f.At) }

// close works out what the faults of the trial did together.
func (r *trial) close() {
	var lost []hit
	for i := range r.failed {
		lost = append(lost, r.raid(i)...)
	}
	for _, h := range lost {
		r.mark(r.down, h.at)
	}
	r.meet(lost, r.quorumDown)
	for _, h := range r.hits {
		if r.exposed(h) {
			r.mark(r.through, h.at)
		}
	}
	r.meet(r.hits, r.quorum)
}

// raid goes through the failures of one copy's drives, which are in order of
// time: when it could miss no other drive, and when it lost more.
func (r *trial) raid(copy int) (lost []hit) {
	var until []time.Duration // of the drives missed now, in order
	for _, at := range r.failed[copy] {
		for len(until) > 0 && until[0] <= at {
			until = until[1:]
		}
		until = append(until, at+r.t.Rebuild)
		if n := len(until); n > r.t.Tolerance {
			lost = append(lost, hit{at: at, copy: copy})
		}
		if i := len(until) - r.t.Tolerance; i >= 0 && r.t.Tolerance > 0 {
			// At least so many are missed until all but Tolerance-1 are back.
			r.weak[copy] = append(r.weak[copy], span{at, until[i]})
		}
	}
	return lost
}

// exposed reports whether damage was there while nothing was left to
// reconstruct it from.
func (r *trial) exposed(h hit) bool {
	if r.t.Tolerance == 0 {
		return true
	}
	weak := r.weak[h.copy]
	i := sort.Search(len(weak), func(i int) bool { return weak[i].to > h.at })
	return i < len(weak) && weak[i].from < h.at+r.t.Repair
}

// meet marks the years in which one range was hit on a quorum of copies within
// the time of a repair.
func (r *trial) meet(hits []hit, flags []bool) {
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.in, b.in), cmp.Compare(a.at, b.at), cmp.Compare(a.copy, b.copy))
	})
	last := make([]time.Duration, len(r.t.OS)) // when each copy was hit in this range
	for i, h := range hits {
		if i == 0 || hits[i-1].in != h.in {
			for c := range last {
				last[c] = -r.t.Repair - 1
			}
		}
		last[h.copy] = h.at
		n := 0
		for _, at := range last {
			if h.at-at <= r.t.Repair {
				n++
			}
		}
		if n >= r.t.Quorum() {
			r.mark(flags, h.at)
		}
	}
}
