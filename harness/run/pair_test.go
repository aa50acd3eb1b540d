package run

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
	"fourdays/harness/recovery"
	"fourdays/harness/report"
	"fourdays/harness/scenario"
)

// TestDisarmedDiffersInTheBugAlone takes the rest of a scenario apart: every part
// is the same, and so is every step that is not the bug's. Where one was stands a
// note at the same moment, so that the harness looks at the nodes when it would
// have.
func TestDisarmedDiffersInTheBugAlone(t *testing.T) {
	s := load(t, "testdata/pair.yaml")
	s.Timeline = append(s.Timeline,
		scenario.Step{At: 7 * time.Second, Action: scenario.Arm{Bug: "lost-write", As: "another", On: scenario.Scope{Node: "n2"}}},
		scenario.Step{At: 8 * time.Second, Action: scenario.Fix{Name: "flush-lies"}, Note: "the fix"},
		scenario.Step{At: 9 * time.Second, Action: scenario.Disarm{Name: "another"}})
	before := *s
	d := Disarmed(s)
	require.Equal(t, &before, s, "the scenario itself is left alone")
	require.Empty(t, d.Proves)
	for i, step := range s.Timeline {
		switch i {
		case 0, 4:
			require.Nil(t, d.Timeline[i].Action)
			require.Equal(t, step.At, d.Timeline[i].At)
			require.Contains(t, d.Timeline[i].Note, "left out of this run")
		default:
			require.Equal(t, step, d.Timeline[i])
		}
	}
	same := *d
	same.Proves, same.Timeline, same.Expect = s.Proves, s.Timeline, s.Expect
	require.Equal(t, s, &same)
}

// TestDisarmedOfNoProofTakesEveryBugAway: a scenario that names no bug is about
// all of them.
func TestDisarmedOfNoProofTakesEveryBugAway(t *testing.T) {
	s := load(t, "../../scenarios/libero-2023.yaml")
	d := Disarmed(s)
	for _, step := range d.Timeline {
		if step.Action != nil {
			require.NotContains(t, []string{"arm", "disarm", "fix"}, step.Action.Verb())
		}
	}
	require.Len(t, d.Timeline, len(s.Timeline))
	_, err := scenario.Parse("printed.yaml", scenario.Print(d))
	require.NoError(t, err, "it is a scenario as any other")
}

// TestDisarmedExpectsAllToBeWell, but for what the script itself leaves broken.
func TestDisarmedExpectsAllToBeWell(t *testing.T) {
	s := load(t, "testdata/pair.yaml")
	no, yes, none := false, true, scenario.Cond{Op: "="}
	want := scenario.Expect{
		Grade:  scenario.MustSurvive,
		Counts: []scenario.Count{{Name: "lost", Cond: none}, {Name: "altered", Cond: none}, {Name: "duplicated", Cond: none}, {Name: "misfiled", Cond: none}, {Name: "resurrected", Cond: none}},
		Fenced: []string{}, Down: []string{}, Detected: &no, Alarms: []string{}, Available: &yes,
	}
	require.Equal(t, want, Disarmed(s).Expect)

	s.Timeline = append(s.Timeline,
		scenario.Step{At: 7 * time.Second, Action: scenario.Crash{Arrays: []string{"west", "east"}, For: time.Second}},
		scenario.Step{At: 7 * time.Second, Action: scenario.Scrub{Arrays: []string{"north"}}},
		scenario.Step{At: 8 * time.Second, Action: scenario.PowerLoss{Targets: []string{"north"}}})
	want.Down, want.Alarms = []string{"n3"}, []string{"east", "west"}
	want.Scrubs = []scenario.ScrubWant{{Array: "north", Cond: none}}
	require.Equal(t, want, Disarmed(s).Expect)

	s.Timeline = append(s.Timeline, scenario.Step{At: 9 * time.Second, Action: scenario.Partition{Groups: [][]string{{"n1"}, {"n2"}}}})
	require.Nil(t, Disarmed(s).Expect.Down, "who is cut off is down, too")
}

// TestAPairIsProved plays one: what is expected comes out with the bug and not
// without it, each record says so by itself, and until the bug fires the two runs
// are one.
func TestAPairIsProved(t *testing.T) {
	t.Parallel()
	s, source, err := scenario.Load("testdata/pair.yaml")
	require.NoError(t, err)
	sides := map[string]bool{}
	p, err := Pair(t.Context(), s, Options{Dir: t.TempDir(), Place: programs(t), Source: source, Progress: func(at Progress) { sides[at.Side] = true }})
	require.NoError(t, err)
	require.True(t, p.Proved, "%q", p.Why)
	require.Empty(t, p.Why)
	require.NotEmpty(t, p.Apart)
	require.Equal(t, map[string]bool{ArmedSide: true, DisarmedSide: true}, sides)

	f := p.Armed.Run.Faults[0]
	require.Equal(t, "flush-lies", f.Bug)
	require.Positive(t, f.Fired)
	require.Equal(t, int64(2000), *f.ArmedAtMS)
	require.Contains(t, f.Where, "n1:")
	require.Equal(t, []string{report.Loses}, f.Can)
	require.True(t, f.Detected)

	kept, err := os.ReadFile(filepath.Join(p.Armed.Dir, report.ScenarioFile))
	require.NoError(t, err)
	require.Equal(t, string(source), string(kept))
	for _, side := range []Side{p.Armed, p.Disarmed} {
		_, r, err := report.Open(side.Dir)
		require.NoError(t, err)
		again, err := Recorded(side.Dir)
		require.NoError(t, err)
		judged, err := Judge(again, side.Dir)
		require.NoError(t, err)
		require.Equal(t, report.Pass, judged.Verdict)
		require.Equal(t, r.Expectations, judged.Expectations)
	}
	require.FileExists(t, filepath.Join(p.Armed.Dir, bugsDir, "flush-lies.yaml"))
	requireOneUntil(t, p.Armed.Dir, p.Disarmed.Dir, *f.FirstAtMS*1000)
}

// requireOneUntil compares two histories up to a time.
func requireOneUntil(t *testing.T, a, b string, us int64) {
	x, y := until(t, a, us), until(t, b, us)
	require.Equal(t, x, y)
	require.NotEmpty(t, x)
}

func until(t *testing.T, dir string, us int64) (lines []string) {
	data, err := os.ReadFile(filepath.Join(dir, historyFile))
	require.NoError(t, err)
	for in := bufio.NewScanner(bytes.NewReader(data)); in.Scan(); {
		op := hist.Op{}
		require.NoError(t, json.Unmarshal(in.Bytes(), &op))
		if op.AnsweredUS >= us {
			return lines
		}
		lines = append(lines, in.Text())
	}
	return lines
}

// TestAPairThatTellsNothingApartIsNoProof has one row for each way to fail.
func TestAPairThatTellsNothingApartIsNoProof(t *testing.T) {
	s := load(t, "testdata/pair.yaml")
	ran := func(verdict string, fired int64) *report.Run {
		r := &report.Run{Verdict: verdict, Why: "a reason\nand more", Faults: []report.Fault{{Bug: "power_loss", Fired: 1}, {Bug: "flush-lies", Fired: fired}}}
		if verdict == report.Fail {
			r.Expectations = []report.Expectation{{Name: "fenced", Want: "n1", Got: "none", Verdict: report.Fail}}
		}
		return r
	}
	for name, c := range map[string]struct {
		change func(*PairResult)
		why    string
	}{
		"proved":             {func(*PairResult) {}, ""},
		"armed fails":        {func(p *PairResult) { p.Armed.Run = ran(report.Fail, 1) }, "the armed run: fail: a reason"},
		"armed cannot tell":  {func(p *PairResult) { p.Armed.Run = ran(report.Inconclusive, 1) }, "the armed run: inconclusive: a reason"},
		"never fired":        {func(p *PairResult) { p.Armed.Run = ran(report.Pass, 0) }, "what is to be proved never fired in the armed run"},
		"disarmed fails":     {func(p *PairResult) { p.Disarmed.Run = ran(report.Fail, 0) }, "the disarmed run: fail: a reason"},
		"not played":         {func(p *PairResult) { p.Disarmed.Run = nil }, "the disarmed run was not played"},
		"harmless":           {func(p *PairResult) { p.Armed.Crossed = ran(report.Pass, 1) }, "the armed run does all that is expected without the bug: nothing tells the two apart"},
		"expects too little": {func(p *PairResult) { p.Disarmed.Crossed = ran(report.Pass, 0) }, "the disarmed run does all that is expected with the bug: nothing tells the two apart"},
		"no telling":         {func(p *PairResult) { p.Disarmed.Crossed = ran(report.Inconclusive, 0) }, "whether the disarmed run does what is expected with the bug cannot be told: a reason"},
	} {
		p := PairResult{
			Armed:    Side{Run: ran(report.Pass, 1), Crossed: ran(report.Fail, 1)},
			Disarmed: Side{Run: ran(report.Pass, 0), Crossed: ran(report.Fail, 0)},
		}
		c.change(&p)
		p.judge(s)
		require.Equal(t, c.why == "", p.Proved, name)
		if c.why != "" {
			require.Equal(t, []string{c.why}, p.Why, name)
		} else {
			require.Equal(t, []string{
				"the armed run: fenced is none, and n1 expected without the bug",
				"the disarmed run: fenced is none, and n1 expected with the bug",
			}, p.Apart)
		}
	}
}

// TestAnArrayThatOnlyConfessesIsNoProof: alarms, and what was detected by alarms
// alone, tell the halves apart only where the bug is in what arrays say.
func TestAnArrayThatOnlyConfessesIsNoProof(t *testing.T) {
	const why = "all that tells the two apart is what the arrays say of themselves: nobody above them felt it"
	differs := func(names ...string) *report.Run {
		r := &report.Run{Verdict: report.Fail}
		for _, name := range names {
			r.Expectations = append(r.Expectations, report.Expectation{Name: name, Verdict: report.Fail})
		}
		return r
	}
	judged := func(s *scenario.Scenario, armed *report.Run, apart ...string) PairResult {
		armed.Verdict, armed.Faults = report.Pass, []report.Fault{{Bug: s.Proves, Fired: 1}}
		p := PairResult{
			Armed:    Side{Run: armed, Crossed: differs(apart...)},
			Disarmed: Side{Run: &report.Run{Verdict: report.Pass}, Crossed: differs("alarms")},
		}
		p.judge(s)
		return p
	}
	s, at := load(t, "testdata/pair.yaml"), int64(1)
	require.Equal(t, []string{why}, judged(s, &report.Run{Recovery: recovery.Recovery{HealthMS: &at}}, "alarms", "detected").Why)
	require.Equal(t, []string{why}, judged(s, &report.Run{}, "alarms", "detected", "detected flush-lies").Why)
	require.True(t, judged(s, &report.Run{}, "alarms", "fenced").Proved)
	for _, noticed := range []*report.Run{
		{Nodes: []report.Node{{Detected: []string{"a bad checksum"}}}},
		{Scrubs: []report.Scrub{{Findings: 1}}},
	} {
		require.True(t, judged(s, noticed, "alarms", "detected").Proved)
		require.False(t, judged(s, noticed, "alarms").Proved)
	}
	silent := load(t, "../../scenarios/regress/ato-3par.yaml")
	require.True(t, judged(silent, &report.Run{}, "alarms").Proved)
}
