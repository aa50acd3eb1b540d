package background

import (
	"bytes"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
)

// only is a profile of one phenomenon of the field, at another rate.
func only(t testing.TB, id string, perDriveYear float64) Profile {
	p := profile(t, "nearline-field")
	for _, ph := range p.Phenomena {
		if ph.ID() == id {
			ph.PerDriveYear, ph.Burst = perDriveYear, Burst{}
			p.Phenomena = []Phenomenon{ph}
		}
	}
	require.Len(t, p.Phenomena, 1)
	return p
}

func odds(t testing.TB, p Profile, top Topology, years int) Estimate {
	e, err := Odds(p, top, Trials{Years: years, Seed: 1})
	require.NoError(t, err)
	return e
}

// TestTheFieldAloneNeverMakesALibero is what the package is for.
func TestTheFieldAloneNeverMakesALibero(t *testing.T) {
	for _, p := range Profiles() {
		e := odds(t, p, PickedTopology(), 500)
		require.Equal(t, 500, e.OneCopy.Of)
		require.Greater(t, e.OneCopy.Hit, 250, "the background is there")
		require.Zero(t, e.Quorum.Hit)
		require.Less(t, e.Quorum.Expected/500, 1e-4)
		require.Positive(t, e.Quorum.Expected)
		require.Zero(t, e.QuorumDown.Hit)
		require.Equal(t, []Shared{{"acme/1.0", 3, true}}, e.Shared)
	}
}

// TestArithmeticAgreesWithWhatMet makes meetings likely, so that both can be
// compared: one small drive, and the whole of a copy in a few ranges. It would
// fail if hits were looked for in the wrong window, range or copy.
func TestArithmeticAgreesWithWhatMet(t *testing.T) {
	p := only(t, "latent-sector-error", 0.4)
	p.DriveTB = 0.001
	top := PickedTopology()
	top.Drives, top.Tolerance, top.Range, top.Repair = 1, 0, 1e8, 30*day
	e := odds(t, p, top, 200_000)
	require.Greater(t, e.Quorum.Hit, 500)
	require.InDelta(t, e.Quorum.Expected, e.Quorum.Hit, 4*math.Sqrt(e.Quorum.Expected))

	top.OS = make([]string, 5)
	top.Range, top.Repair = 333e6, 60*day
	e = odds(t, p, top, 50_000)
	require.Greater(t, e.Quorum.Hit, 200)
	require.InDelta(t, e.Quorum.Expected, e.Quorum.Hit, 4*math.Sqrt(e.Quorum.Expected)+0.1*e.Quorum.Expected)

	p.Phenomena[0].Burst = Burst{Again: 0.9}
	e = odds(t, p, top, 2000)
	require.LessOrEqual(t, float64(e.Quorum.Hit), e.Quorum.Expected, "bursts meet several times in a year")
}

// TestRAIDFailsAsOften compares with arithmetic: a second drive of ten fails
// within a day of the first.
func TestRAIDFailsAsOften(t *testing.T) {
	top := Topology{OS: []string{"a/1"}, Drives: 10, Tolerance: 1, Rebuild: day, Repair: day, Range: 4096}
	e := odds(t, only(t, "drive-failure", 0.5), top, 20_000)
	perYear := 10 * 0.5 * (10 * 0.5 / 365)
	require.InDelta(t, (1-math.Exp(-perYear))*20_000, e.ArrayDown.Hit, 4*math.Sqrt(perYear*20_000))
	require.Equal(t, e.ArrayDown, e.QuorumDown, "one copy is its own quorum")
	top.Tolerance = 2
	require.Less(t, odds(t, only(t, "drive-failure", 0.5), top, 20_000).ArrayDown.Hit, e.ArrayDown.Hit/10)
}

// TestRAIDHidesWhatItCanReconstruct puts a damaged block before, into and after
// the time in which a drive is missed.
func TestRAIDHidesWhatItCanReconstruct(t *testing.T) {
	p := profile(t, "nearline-field")
	block, drive := p.Phenomena[0].Bug, p.Phenomena[5].Bug
	require.Equal(t, bug.ExtentDevice, drive.Scope.Extent)
	fault := func(b bug.Bug, at time.Duration) Fault {
		return Fault{Bug: b, Array: "copy1", At: at, Places: []Place{{At: at}}}
	}
	for _, c := range []struct {
		name      string
		tolerance int
		at        time.Duration
		hit       bool
	}{
		{"repaired before", 1, 10 * day, false},
		{"not yet repaired", 1, 90 * day, true},
		{"while it is missed", 1, 100*day + time.Hour, true},
		{"after the rebuild", 1, 102 * day, false},
		{"double parity", 2, 100*day + time.Hour, false},
		{"no RAID", 0, 10 * day, true},
	} {
		top := PickedTopology()
		top.Tolerance = c.tolerance
		r := newTrial(top, p, 1)
		for _, f := range []Fault{fault(block, c.at), fault(drive, 100*day)} {
			r.take(&f)
		}
		r.close()
		require.Equal(t, []bool{true}, r.one, c.name)
		require.Equal(t, []bool{c.hit}, r.through, c.name)
	}
}

func TestOneOSIsAQuorumAndThreeAreNot(t *testing.T) {
	top := PickedTopology()
	top.OS = []string{"a/1", "b/1", "a/1"}
	require.Equal(t, []Shared{{"a/1", 2, true}, {"b/1", 1, false}}, top.shared())
	top.OS = []string{"a/1", "b/1", "c/1"}
	for _, s := range top.shared() {
		require.False(t, s.Quorum)
	}
}

func TestNoneIsABound(t *testing.T) {
	require.Equal(t, "0 of 3000, so <= 3/3000", Chance{Of: 3000}.String())
	require.Equal(t, "2 of 3000", Chance{Hit: 2, Of: 3000}.String())
}

func TestOddsRefuseWhatTheyCannotDraw(t *testing.T) {
	p, good := profile(t, "nearline-field"), PickedTopology()
	for name, spoil := range map[string]func(*Topology, *Trials){
		"no copies":       func(t *Topology, _ *Trials) { t.OS = nil },
		"no drives":       func(t *Topology, _ *Trials) { t.Drives = 0 },
		"all may fail":    func(t *Topology, _ *Trials) { t.Tolerance = 36 },
		"never rebuilt":   func(t *Topology, _ *Trials) { t.Rebuild = 0 },
		"never repaired":  func(t *Topology, _ *Trials) { t.Repair = 0 },
		"half a block":    func(t *Topology, _ *Trials) { t.Range = 2048 },
		"no years":        func(_ *Topology, n *Trials) { n.Years = 0 },
		"too many years":  func(_ *Topology, n *Trials) { n.Years = 1e8 },
		"too many faults": func(_ *Topology, n *Trials) { n.Accelerate = 1e6 },
		"less than never": func(_ *Topology, n *Trials) { n.Accelerate = -1 },
	} {
		top, n := good, Trials{Years: 1}
		spoil(&top, &n)
		_, err := Odds(p, top, n)
		require.ErrorContains(t, err, "draw the background: ", name)
	}
}

// TestTheTextSaysThatItIsNotTheField wherever rates were multiplied.
func TestTheTextSaysThatItIsNotTheField(t *testing.T) {
	text := func(by float64) string {
		e, err := Odds(profile(t, "nearline-field"), PickedTopology(), Trials{Years: 1, Accelerate: by})
		require.NoError(t, err)
		var b bytes.Buffer
		require.NoError(t, e.Text(&b))
		return b.String()
	}
	require.NotContains(t, text(1), "ACCELERATED")
	fast := text(1000)
	require.Contains(t, fast, "ACCELERATED 1000 TIMES: this is not the field")
	require.Contains(t, fast, "At 1000 times the field's rates")
	for _, ph := range profile(t, "nearline-field").Phenomena {
		require.Contains(t, fast, ph.ID())
		require.Contains(t, fast, ph.Bug.Evidence.URL)
	}
}

// TestHowManyAreDrawnAtATimeDoesNotMatter compares one processor with several.
func TestHowManyAreDrawnAtATimeDoesNotMatter(t *testing.T) {
	draw := func() string {
		e, err := Odds(profile(t, "nearline-field"), PickedTopology(), Trials{Years: 30, Accelerate: 50, Seed: 3})
		require.NoError(t, err)
		var b bytes.Buffer
		require.NoError(t, e.Text(&b))
		return b.String()
	}
	several := draw()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	require.Equal(t, several, draw())
}
