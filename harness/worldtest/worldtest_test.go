package worldtest

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/harness/check"
	"fourdays/harness/docker"
	"fourdays/harness/live"
	"fourdays/harness/local"
	"fourdays/harness/report"
	"fourdays/harness/run"
	"fourdays/harness/scenario"
	"fourdays/harness/sim"
	"fourdays/harness/world"
)

// atOnce is how many runs in real time there are at a time. Picked: they mostly
// wait, but programs that are late for want of a processor show faults that no
// script has.
var atOnce = min(8, 3*runtime.NumCPU())

var (
	room = make(chan struct{}, atOnce)
	door sync.Mutex // who waits for room for two must not wait for another who does
)

// enter waits for room for so many runs in real time.
func enter(t *testing.T, runs int) {
	door.Lock()
	defer door.Unlock()
	for range runs {
		room <- struct{}{}
	}
	t.Cleanup(func() {
		for range runs {
			<-room
		}
	})
}

// TestMain lets more tests wait side by side than there are processors.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// prepared is a place that is made once for all tests.
type prepared struct {
	once  sync.Once
	place world.Place
	err   error
}

var places = map[string]*prepared{"sim": {}, "local": {}, "docker": {}}

// place is where worlds of a kind come from. A kind that this machine has not is
// skipped, or fails in CI.
func place(t testing.TB, kind string) world.Place {
	t.Helper()
	if kind != "sim" {
		need.FUSE(t)
	}
	if kind == "docker" {
		need.Docker(t)
	}
	p := places[kind]
	p.once.Do(func() { p.place, p.err = prepare(kind, func(s string) { t.Log(s) }) })
	require.NoError(t, p.err)
	return p.place
}

func prepare(kind string, say func(string)) (world.Place, error) {
	ctx := context.Background()
	if kind == "sim" {
		return sim.Prepare(ctx, say, run.Programs()...)
	}
	root, err := sim.FindSource()
	if err != nil {
		return nil, err
	}
	cache, err := sim.CacheDir()
	if err != nil {
		return nil, err
	}
	if kind == "local" {
		return local.Prepare(ctx, root, cache, say, run.Programs()...)
	}
	return docker.Prepare(ctx, &live.Builder{Root: root, Cache: cache, Progress: say}, say, run.Programs()...)
}

func load(t testing.TB, file string) *scenario.Scenario {
	t.Helper()
	s, _, err := scenario.Load(file)
	require.NoError(t, err)
	return s
}

// play runs a scenario and wants what its file expects.
func play(t *testing.T, s *scenario.Scenario, kind string) Outcome {
	t.Helper()
	dir := t.TempDir()
	o, err := Play(t.Context(), s, place(t, kind), dir)
	if err == nil && o.Run.Verdict == report.Pass {
		return o
	}
	text, _ := os.ReadFile(filepath.Join(dir, "log", "programs.log"))
	require.NoError(t, err, "%s: %s", kind, tail(string(text)))
	var story strings.Builder
	require.NoError(t, report.Text(&story, o.Run, dir))
	t.Fatalf("%s: %s\n%s\n%s", kind, o.Run.Why, story.String(), tail(string(text)))
	return o
}

// simulated is what a scenario comes to in the simulator: one at a time, and once.
func simulated(t *testing.T, file string) Outcome {
	t.Helper()
	inSim.Lock()
	defer inSim.Unlock()
	if _, known := outcomes[file]; !known {
		outcomes[file] = play(t, load(t, file), "sim")
	}
	return outcomes[file]
}

var (
	inSim    sync.Mutex
	outcomes = map[string]Outcome{}
)

// tail is the end of a log.
func tail(text string) string { return text[max(0, len(text)-6000):] }

// TestOneMeaning plays each scenario in the simulator and in the other worlds:
// the same verdict, and the same end of each message.
func TestOneMeaning(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 6)
	for _, kind := range []string{"local", "docker"} {
		for _, file := range files {
			t.Run(kind+"/"+strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
				t.Parallel()
				place(t, kind)
				s := load(t, file)
				simulated := simulated(t, file)
				enter(t, 1)
				other := play(t, s, kind)
				all := Compare(s, simulated, other)
				require.Empty(t, Undeclared(all))
				t.Logf("%d messages, %d declared differences", len(other.Ends), len(all))
			})
		}
	}
}

// TestADifferenceIsSeen: an oracle that finds all worlds alike would say nothing.
func TestADifferenceIsSeen(t *testing.T) {
	s := load(t, "testdata/lying-flush.yaml")
	of := check.Recipient{Account: "u0001@libero.example", Message: "d1"}
	outcome := func(became check.Ending, at time.Duration) Outcome {
		return Outcome{&report.Run{Verdict: report.Pass}, map[check.Recipient]*run.End{of: {Became: became, Answered: at}}}
	}
	early, late := 500*time.Millisecond, 4*time.Second
	for name, c := range map[string]struct {
		one, two Outcome
		declared bool
	}{
		"lost in one":           {outcome(check.Present, late), outcome(check.Lost, late), false},
		"bounced in one":        {outcome(check.Present, late), outcome(run.Bounced, late), false},
		"refused without cause": {outcome(check.Present, early), outcome(run.Waiting, early), false},
		"refused in an outage":  {outcome(check.Present, late), outcome(run.Waiting, late), true},
	} {
		all := Compare(s, c.one, c.two)
		require.Len(t, all, 1, name)
		require.Equal(t, c.declared, all[0].Declared != "", name)
		require.Equal(t, !c.declared, len(Undeclared(all)) == 1, name)
		require.Contains(t, all[0].String(), "d1 for u0001@libero.example")
	}
	require.Empty(t, Compare(s, outcome(check.Present, late), outcome(check.Removed, late)), "what its owner does is his own")

	failed := outcome(check.Present, late)
	failed.Run.Verdict = report.Fail
	require.Len(t, Undeclared(Compare(s, outcome(check.Present, late), failed)), 1)
	elected := outcome(check.Present, early)
	elected.Ends[of].Reply = "451 4.3.0 storage: no leader [rcpt]"
	require.Empty(t, Undeclared(Compare(s, elected, outcome(check.Present, early))))
	elected.Ends[of].Became = run.Waiting
	require.Empty(t, Undeclared(Compare(s, outcome(check.Present, early), elected)))
	require.Len(t, Undeclared(Compare(s, outcome(check.Lost, early), elected)), 1, "no election loses mail")
	lies := load(t, "testdata/lying-flush-all.yaml")
	require.Empty(t, Undeclared(Compare(lies, outcome(check.Lost, early), elected)), "taken again when the flush lied")
	require.Len(t, Undeclared(Compare(lies, outcome(check.Lost, early), outcome(check.Present, early))), 1)

	missing := outcome(check.Present, late)
	delete(missing.Ends, of)
	require.Len(t, Undeclared(Compare(s, outcome(check.Present, late), missing)), 1)
}

// TestDeclarationsAreWrittenDown: what code excuses, readers are told.
func TestDeclarationsAreWrittenDown(t *testing.T) {
	text, err := os.ReadFile("../ASSUMPTIONS.md")
	require.NoError(t, err)
	for _, d := range Declarations {
		require.NotEmpty(t, d.Why)
		require.Contains(t, strings.ToLower(string(text)), strings.ToLower(d.Name))
	}
}
