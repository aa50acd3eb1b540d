package background

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
)

func profile(t testing.TB, name string) Profile {
	t.Helper()
	p, ok := Get(name)
	require.True(t, ok, name)
	return p
}

func fleet(arrays, drives int) (f Fleet) {
	for i := range arrays {
		name := string(rune('a' + i))
		f.Arrays = append(f.Arrays, Array{Name: name, Drives: drives, Volumes: []string{name + "1", name + "2"}})
	}
	return f
}

// long is a draw of ten years of 200 drives on two arrays, a hundred times the
// field: as many episodes as 200,000 drive-years have.
func long(t testing.TB, name string) []Fault {
	if drawn[name] == nil {
		drawn[name] = Draw(profile(t, name).Accelerated(100), fleet(2, 100), 0, 10*Year, 1)
	}
	return drawn[name]
}

var drawn = map[string][]Fault{}

func of(faults []Fault, id string) (some []Fault) {
	for _, f := range faults {
		if f.Bug.ID == id {
			some = append(some, f)
		}
	}
	return some
}

// TestLongRunRatesAreTheProfiles compares what is drawn in the long run with
// what the profile says, within four standard deviations of a Poisson count.
func TestLongRunRatesAreTheProfiles(t *testing.T) {
	for _, p := range Profiles() {
		faults := long(t, p.Name)
		for _, ph := range p.Phenomena {
			want := 1000 * (200*ph.PerDriveYear + 2*ph.PerArrayYear)
			require.InDelta(t, want, len(of(faults, ph.ID())), 4*math.Sqrt(want), "%s %s", p.Name, ph.ID())
		}
	}
}

func TestSameSeedSameList(t *testing.T) {
	p, f := profile(t, "nearline-field"), fleet(3, 36)
	require.Equal(t, Draw(p, f, 0, 20*Year, 7), Draw(p, f, 0, 20*Year, 7))
	require.NotEqual(t, Draw(p, f, 0, 20*Year, 7), Draw(p, f, 0, 20*Year, 8))
}

// TestStreamsAreIndependent adds to a fleet, a profile and a time, and finds all
// that was there unchanged.
func TestStreamsAreIndependent(t *testing.T) {
	p := profile(t, "nearline-field").Accelerated(10)
	without := p
	without.Phenomena = slices.Clone(p.Phenomena)[1:]
	before := Draw(without, fleet(2, 20), 0, 10*Year, 3)
	more := Draw(p, fleet(3, 20), 0, 20*Year, 3)
	more = slices.DeleteFunc(more, func(f Fault) bool {
		return f.Array == "c" || f.At >= 10*Year || f.Bug.ID == p.Phenomena[0].ID()
	})
	require.NotEmpty(t, before)
	require.Equal(t, before, more)
	later := Draw(without, fleet(2, 20), 4*Year, 10*Year, 3)
	require.Equal(t, slices.DeleteFunc(before, func(f Fault) bool { return f.At < 4*Year }), later)

	drives := fleet(1, 20)
	drives.Arrays[0].Drives++
	episodes := func(faults []Fault) (at []time.Duration) {
		for _, f := range faults {
			if f.Drive != 20 && f.Bug.ID != "shelf-corruption" {
				at = append(at, f.At)
			}
		}
		return at
	}
	require.Equal(t, episodes(Draw(p, fleet(1, 20), 0, 10*Year, 3)), episodes(Draw(p, drives, 0, 10*Year, 3)))
}

// dispersion is the variance of counts over their mean: 1 for what comes one by
// one, more for what comes in bursts.
func dispersion(counts map[int]int, bins int) float64 {
	sum, squares := 0.0, 0.0
	for _, n := range counts {
		sum, squares = sum+float64(n), squares+float64(n*n)
	}
	mean := sum / float64(bins)
	return (squares/float64(bins) - mean*mean) / mean
}

// TestBurstsAreBursts counts blocks by drive and month: their number varies far
// more than that of drive failures, which are Poisson.
func TestBurstsAreBursts(t *testing.T) {
	months := 10 * 365 / 30
	counts := map[string]map[int]int{}
	for _, f := range Draw(profile(t, "nearline-field").Accelerated(10), fleet(2, 100), 0, 10*Year, 1) {
		if counts[f.Bug.ID] == nil {
			counts[f.Bug.ID] = map[int]int{}
		}
		for _, p := range f.Places {
			if m := int(p.At / (30 * day)); m < months {
				counts[f.Bug.ID][m*200+int(f.Array[0]-'a')*100+p.Drive]++
			}
		}
	}
	require.Greater(t, dispersion(counts["latent-sector-error"], months*200), 100.0)
	require.Greater(t, dispersion(counts["checksum-mismatch"], months*200), 100.0)
	require.InDelta(t, 1, dispersion(counts["drive-failure"], months*200), 0.05)
}

// TestDrivesKnowNothingOfEachOther adds the episodes of all drives month by
// month: if two streams went together, the sum would vary more than a Poisson
// count.
func TestDrivesKnowNothingOfEachOther(t *testing.T) {
	counts, months := map[int]int{}, 10*365/30
	for _, f := range of(long(t, "nearline-field"), "latent-sector-error") {
		if m := int(f.At / (30 * day)); m < months {
			counts[m]++
		}
	}
	require.InDelta(t, 1, dispersion(counts, months), 4*math.Sqrt(2/float64(months)))
}

func sizes(faults []Fault) (all []int) {
	for _, f := range faults {
		all = append(all, len(f.Places))
	}
	slices.Sort(all)
	return all
}

func shareOf[T any](all []T, holds func(T) bool) float64 {
	n := 0
	for _, x := range all {
		if holds(x) {
			n++
		}
	}
	return float64(n) / float64(len(all))
}

// TestSectorErrorsClusterAsInTheField checks the draw against figures of the
// study that the profile's numbers were derived from, not given.
func TestSectorErrorsClusterAsInTheField(t *testing.T) {
	faults := of(long(t, "nearline-field"), "latent-sector-error")
	n := sizes(faults)
	require.InDelta(t, 0.80, shareOf(n, func(n int) bool { return n < 50 }), 0.02, "more than 80% had fewer than 50")
	require.InDelta(t, 0.058, shareOf(n, func(n int) bool { return n > 1000 }), 0.01, "0.2% of all drives, of which 3.45% had any")
	var gaps []time.Duration
	for _, f := range faults[:1000] {
		require.LessOrEqual(t, f.Places[len(f.Places)-1].At-f.At, 15*day)
		for i := 1; i < len(f.Places); i++ {
			gaps = append(gaps, f.Places[i].At-f.Places[i-1].At)
		}
	}
	soon := shareOf(gaps, func(d time.Duration) bool { return d <= time.Minute })
	require.True(t, soon > 0.4 && soon < 0.8, "within a minute of the last: %v", soon)
}

func TestMismatchesRunAsInTheField(t *testing.T) {
	b, rng := profile(t, "nearline-field").Phenomena[1].Burst, stream(1, "test")
	n, sum := make([]int64, 400_000), 0.0
	for i := range n {
		n[i] = b.places(rng)
		sum += float64(n[i])
	}
	slices.Sort(n)
	require.Equal(t, int64(3), n[len(n)/2], "the median")
	require.InDelta(t, 104, sum/float64(len(n)), 5, "the mean")
	require.Equal(t, int64(b.Most), n[len(n)-1])
}

// TestNeighboursAreNear draws blocks one after the other: half of those that are
// not adjacent lie within 10 MB, and runs are as long as in the field.
func TestNeighboursAreNear(t *testing.T) {
	p := profile(t, "nearline-field")
	b, rng := p.Phenomena[1].Burst, stream(1, "test")
	blocks, last := p.blocks(), int64(0)
	runs, near, far := 0, 0, 0
	const draws = 100_000
	for range draws {
		next := b.next(rng, last, blocks)
		switch d := (next - last + blocks) % blocks; {
		case d == 1:
			runs++
		case min(d, blocks-d)*BlockSize <= 10e6:
			near++
		default:
			far++
		}
		last = next
	}
	require.InDelta(t, 3.4, draws/float64(draws-runs), 0.2, "blocks to a run")
	require.InDelta(t, 0.5, float64(near)/float64(near+far), 0.01)
}

func TestFlashErrorsComeBackInThreeOfTenMonths(t *testing.T) {
	faults := of(long(t, "flash-field"), "flash-uncorrectable")
	require.InDelta(t, 0.3, shareOf(faults, func(f Fault) bool { return len(f.Places) > 1 }), 0.02)
	for _, f := range faults {
		for i := 1; i < len(f.Places); i++ {
			require.LessOrEqual(t, f.Places[i].At-f.Places[i-1].At, 30*day)
		}
	}
}

// TestSlowEpisodesAreFoundAsInTheField leaves the unknown out, as the draw does.
func TestSlowEpisodesAreFoundAsInTheField(t *testing.T) {
	faults := of(long(t, "nearline-field"), "drive-slow")
	for _, c := range []struct {
		within time.Duration
		share  float64
	}{{time.Hour, 0.01}, {day, 0.14}, {7 * day, 0.27}, {30 * day, 0.38}, {Year, 0.55}} {
		got := shareOf(faults, func(f Fault) bool { return f.Lasts > 0 && f.Lasts <= c.within })
		require.InDelta(t, c.share/0.55, got, 0.03, "%v", c.within)
	}
	for _, f := range of(long(t, "nearline-field"), "drive-failure") {
		require.Zero(t, f.Lasts)
		require.Empty(t, f.Volume())
	}
}

// TestPlacesAreOnTheirDrive maps each block of a small array to its volume: no
// two share an address, and the volumes share the room.
func TestPlacesAreOnTheirDrive(t *testing.T) {
	a := Array{Name: "a", Drives: 5, Volumes: []string{"x", "y", "z"}}
	const blocks = 160
	seen, each := map[Place]bool{}, map[string]int{}
	for drive := range a.Drives {
		for block := range int64(blocks) {
			p := a.place(0, drive, block, blocks)
			require.GreaterOrEqual(t, p.Offset, int64(0))
			require.LessOrEqual(t, p.Offset, int64((blocks+stripe)*5*BlockSize/3))
			each[p.Volume]++
			p.Drive = 0
			require.False(t, seen[p])
			seen[p] = true
		}
	}
	for _, v := range a.Volumes {
		require.InDelta(t, 5*blocks/3, each[v], 5*stripe)
	}
}

// TestAShelfHitsManyDrives is the burst that is not of one drive: one study's
// system had 92 corrupt drives.
func TestAShelfHitsManyDrives(t *testing.T) {
	p := profile(t, "nearline-field")
	p.Phenomena = slices.DeleteFunc(slices.Clone(p.Phenomena), func(ph Phenomenon) bool { return !ph.Burst.Across })
	faults := Draw(p.Accelerated(1000), fleet(1, 200), 0, 100*Year, 1)
	require.Len(t, p.Phenomena, 1)
	require.NotEmpty(t, faults)
	total := 0
	for _, f := range faults {
		drives := map[int]bool{}
		for _, p := range f.Places {
			drives[p.Drive] = true
		}
		total += len(drives)
	}
	require.InDelta(t, 70, total/len(faults), 50)
}

func TestFaultsAreInOrderAndInTime(t *testing.T) {
	faults := Draw(profile(t, "nearline-field"), fleet(3, 36), Year, 30*Year, 5)
	require.True(t, slices.IsSortedFunc(faults, func(a, b Fault) int { return int(a.At - b.At) }))
	for _, f := range faults {
		require.True(t, f.At >= Year && f.At < 30*Year)
		require.NotEmpty(t, f.Places)
		require.Equal(t, f.At, f.Places[0].At)
		require.Equal(t, f.Drive, f.Places[0].Drive)
		require.NoError(t, f.Bug.Check())
		require.True(t, slices.IsSortedFunc(f.Places, func(a, b Place) int { return int(a.At - b.At) }))
		require.Equal(t, f.Bug.Scope.Extent != bug.ExtentDevice, f.Volume() != "")
	}
}

func TestNothingHappensInNoTime(t *testing.T) {
	require.Empty(t, Draw(profile(t, "nearline-field"), fleet(3, 36), 0, time.Minute, 1))
	require.Empty(t, Draw(profile(t, "nearline-field"), Fleet{}, 0, 100*Year, 1))
}

func BenchmarkDraw(b *testing.B) {
	p := profile(b, "nearline-field")
	for b.Loop() {
		Draw(p, fleet(3, 36), 0, 10*Year, 1)
	}
}

func TestTheMeanIsThatOfTheDraws(t *testing.T) {
	for _, b := range []Burst{{}, {Again: 0.3}, {Again: 0.99}, {Pareto: 0.5, Most: 100}, {Pareto: 1, Most: 100}, {Pareto: 2, Most: 100.5}} {
		rng, sum := stream(1, "mean"), 0.0
		for range 100_000 {
			sum += float64(b.places(rng))
		}
		require.InEpsilon(t, sum/100_000, b.mean(), 0.03, "%+v", b)
	}
}
