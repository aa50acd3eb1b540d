package run

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/harness/sim"
	"fourdays/harness/workload"
	"fourdays/storage/bug"
)

// TestANodeThatCannotStartEndsTheRun gives the node a command line that it
// refuses: the run ends with an error that names the phase and the exit code, and
// the run directory is whole.
func TestANodeThatCannotStartEndsTheRun(t *testing.T) {
	t.Parallel()
	s := load(t, "testdata/small.yaml")
	s.Unsafe = []string{"nonsense"}
	dir := t.TempDir()
	r, err := Run(t.Context(), s, Options{Dir: dir, Place: programs(t)})
	require.ErrorContains(t, err, "start the store")
	require.Equal(t, report.Error, r.Verdict)
	require.Contains(t, r.Why, "start the store")
	require.Contains(t, r.Why, "ended with code 2")
	require.FileExists(t, filepath.Join(dir, historyFile))
	log, err := os.ReadFile(filepath.Join(dir, "log", "programs.log"))
	require.NoError(t, err)
	require.Contains(t, string(log), `"nonsense" is none of no-sync`)
}

// TestARecordThatIsNotWholeIsNotJudged takes away what the verdict rests on: the
// end of the history, and the evidence.
func TestARecordThatIsNotWholeIsNotJudged(t *testing.T) {
	t.Parallel()
	s := load(t, "testdata/small.yaml")
	dir := t.TempDir()
	_, err := Run(t.Context(), s, Options{Dir: dir, Place: programs(t)})
	require.NoError(t, err)
	_, err = Judge(s, dir)
	require.NoError(t, err)

	path := filepath.Join(dir, historyFile)
	history, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := bytes.SplitAfter(history, []byte("\n"))
	require.NoError(t, os.WriteFile(path, bytes.Join(lines[:len(lines)/2], nil), 0o644))
	_, err = Judge(s, dir)
	require.ErrorContains(t, err, "operations and the run wrote")

	require.NoError(t, os.WriteFile(path, history, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, evidenceFile), []byte("{}"), 0o644))
	_, err = Judge(s, dir)
	require.ErrorContains(t, err, "it does not say how the run ended")
}

func TestScenariosNameTheSendersThatThereAre(t *testing.T) {
	var names []string
	for name := range workload.Profiles {
		names = append(names, name)
	}
	slices.Sort(names)
	want, err := json.Marshal(names)
	require.NoError(t, err)
	require.Contains(t, strings.ReplaceAll(string(scenario.Schema()), `", "`, `","`), `"senders": {"enum": `+string(want))
}

// TestWhatCannotFireMakesARunInconclusive arms one bug on a node that is not
// there, and one that waits for more than the array can do: both are warnings
// before the run, and the run says why it shows nothing.
func TestWhatCannotFireMakesARunInconclusive(t *testing.T) {
	t.Parallel()
	s := load(t, "testdata/small.yaml")
	s.Timeline = []scenario.Step{
		{At: time.Second, Action: scenario.Arm{Bug: "lost-write", As: "lost-write", On: scenario.Scope{Node: "n7"}}},
		{At: time.Second, Action: scenario.Arm{Bug: "libero-2023", As: "limit", On: scenario.Scope{Array: "east"}, ReachedAt: 1 << 50}},
	}
	require.Len(t, scenario.Warnings(s), 2)
	r, _ := rehearse(t, s)
	require.Equal(t, report.Inconclusive, r.Verdict)
	require.Contains(t, r.Why, "lost-write: on chooses nothing that is there")
	require.Contains(t, r.Why, "limit: ops comes to")
	require.Nil(t, r.Faults[0].ArmedAtMS)
	require.NotNil(t, r.Faults[1].ArmedAtMS)
	require.Equal(t, []string{"reached_at 1125899906842624 instead of 60000, which is picked"}, r.Faults[1].Overrides)
}

// TestABugWaitsForTheUpgradeThatBringsIt: what is on nothing when it is armed
// comes with the OS.
func TestABugWaitsForTheUpgradeThatBringsIt(t *testing.T) {
	t.Parallel()
	s := load(t, "testdata/small.yaml")
	s.Timeline = []scenario.Step{
		{At: time.Second, Action: scenario.Arm{Bug: "fail-slow", As: "fail-slow", On: scenario.Scope{OS: "acme/2.*"}}},
		{At: 2 * time.Second, Action: scenario.Upgrade{To: []scenario.Upgraded{{Array: "east", OS: "acme/2.0"}}}},
	}
	require.Empty(t, scenario.Warnings(s))
	r, _ := rehearse(t, s)
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	require.Equal(t, int64(2000), *r.Faults[0].ArmedAtMS)
	require.Positive(t, r.Faults[0].Fired)
	require.Equal(t, "acme/2.0", r.Nodes[0].OS)
}

// TestARecordOfBeforeIsJudged takes away what older records do not have; what
// they cannot say is unknown, and the rest is judged as it was.
func TestARecordOfBeforeIsJudged(t *testing.T) {
	t.Parallel()
	s := load(t, "testdata/small.yaml")
	s.Timeline = []scenario.Step{{At: time.Second, Action: scenario.Arm{Bug: "fail-slow", As: "fail-slow", On: scenario.Scope{Array: "east"}}}}
	none := []string{}
	s.Expect.Down, s.Expect.Fenced = none, none
	dir := t.TempDir()
	r, err := Run(t.Context(), s, Options{Dir: dir, Place: programs(t)})
	require.NoError(t, err)
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	require.NoError(t, os.WriteFile(filepath.Join(dir, report.ScenarioFile), scenario.Print(s), 0o644))

	path := filepath.Join(dir, evidenceFile)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var ev map[string]any
	require.NoError(t, json.Unmarshal(text, &ev))
	delete(ev, "alarms")
	delete(ev, "scrubs")
	for _, n := range ev["nodes"].([]any) {
		delete(n.(map[string]any), "state")
	}
	for _, key := range []string{"armed_at_ms", "where", "can", "masked", "volumes"} {
		delete(ev["faults"].([]any)[0].(map[string]any), key)
	}
	text, err = json.Marshal(ev)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o644))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, bugsDir)))

	before, err := Recorded(dir)
	require.NoError(t, err)
	r, err = Judge(before, dir)
	require.NoError(t, err)
	require.Equal(t, "cannot tell: down", r.Why)
	for _, x := range r.Expectations {
		require.Equal(t, x.Name == "down", x.Verdict == report.Unknown, "%+v", x)
	}
}

// TestARecordKeepsItsBugs: what a bug was when the run was made goes before what
// the catalogue says of it now, and a record that says nothing sensible is refused.
func TestARecordKeepsItsBugs(t *testing.T) {
	dir := t.TempDir()
	s := load(t, "testdata/pair.yaml")
	require.NoError(t, newEvidence(s, 1, "sim").save(dir))
	_, err := Recorded(dir)
	require.ErrorContains(t, err, "it does not say how the run ended")

	ev := newEvidence(s, 1, "sim")
	ev.Ended = "completed"
	require.NoError(t, ev.save(dir))
	require.NoError(t, os.WriteFile(filepath.Join(dir, report.ScenarioFile), scenario.Print(s), 0o644))
	was := s.Used()[0]
	was.Title = "what it was called then"
	require.NoError(t, keepBugs(dir, []bug.Bug{was}))
	then, err := Recorded(dir)
	require.NoError(t, err)
	require.Equal(t, []bug.Bug{was}, then.Used())

	require.NoError(t, os.WriteFile(filepath.Join(dir, report.ScenarioFile), []byte("name: 7"), 0o644))
	_, err = Recorded(dir)
	require.ErrorContains(t, err, "this version does not read the scenario of the record:\n")
	var invalid *scenario.Error
	require.ErrorAs(t, err, &invalid)
}

// TestAVariantIsKnownByItsRecord: of the scenarios in a file, the one that was
// played is judged again.
func TestAVariantIsKnownByItsRecord(t *testing.T) {
	dir := t.TempDir()
	src, err := os.ReadFile("testdata/small.yaml")
	require.NoError(t, err)
	src = append(src, "variants:\n  one: {title: One}\n  two: {title: Two, seed: 2}\n"...)
	require.NoError(t, os.WriteFile(filepath.Join(dir, report.ScenarioFile), src, 0o644))
	ev := &Evidence{Scenario: "small-two", Ended: "completed"}
	require.NoError(t, ev.save(dir))
	s, err := Recorded(dir)
	require.NoError(t, err)
	require.Equal(t, uint64(2), s.Seed)
	ev.Scenario = "small-three"
	require.NoError(t, ev.save(dir))
	_, err = Recorded(dir)
	require.ErrorContains(t, err, "the record is of small-three, which it does not have")
}

// TestPowerIsGivenBackToItsNodeOnly: n1 is not n10.
func TestPowerIsGivenBackToItsNodeOnly(t *testing.T) {
	one, ten := &fault{Fault: report.Fault{Bug: "kill", Scope: "n2, n1", Fired: 1}}, &fault{Fault: report.Fault{Bug: "kill", Scope: "n10", Fired: 1}}
	w, err := sim.NewWorld(t.Context(), sim.Config{}, programs(t).Engine)
	require.NoError(t, err)
	defer w.Close(t.Context())
	st := &stage{w: w, clock: &clock{Clock: w}, ev: &Evidence{Faults: []*fault{one, ten}}}
	st.reverted("kill", "n1")
	require.NotNil(t, one.RevertedAtMS)
	require.Nil(t, ten.RevertedAtMS)
}
