package run

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
)

// playing is the small scenario with so long a script, a playbook, and a timeline.
func playing(t *testing.T, lasts time.Duration, book []scenario.Play, steps ...scenario.Step) *scenario.Scenario {
	t.Helper()
	s := load(t, "testdata/small.yaml")
	s.Duration, s.Workload.Until, s.Settle = lasts, lasts-2*time.Second, 10*time.Second
	s.Workload.Deliver.Count = 2
	s.Timeline, s.Playbook = steps, book
	return s
}

func play(a scenario.Action) scenario.Play { return scenario.Play{Action: a} }

func awaits(c scenario.Condition) scenario.Play { return play(scenario.Wait{For: c}) }

func outcomes(acts []report.Act) (all []string) {
	for _, a := range acts {
		all = append(all, a.Verb+" "+a.Outcome)
	}
	return all
}

// TestAReplacedNodeVotesOnANewVolume takes the power of n2's array for good: the
// operator puts a new replica on another array, under the node's old name and
// faces, and nothing is lost.
func TestAReplacedNodeVotesOnANewVolume(t *testing.T) {
	t.Parallel()
	s := playing(t, 3*time.Minute, []scenario.Play{
		awaits(scenario.Condition{Of: scenario.ServeNow, Names: []string{"n1", "n3"}}),
		{After: 20 * time.Second, Action: scenario.Replace{Node: "n2", On: "north"}},
		awaits(scenario.Condition{Of: scenario.ServeNow, Op: ">=", N: 3}),
		play(scenario.Restart{Nodes: []string{"n2"}}),
		awaits(scenario.Condition{Of: scenario.ServeNow, Op: ">=", N: 3}),
	}, scenario.Step{At: 5 * time.Second, Action: scenario.PowerLoss{Targets: []string{"west"}}})
	s.Expect = scenario.Expect{Grade: scenario.MustSurvive, Fenced: []string{}, Down: []string{}}
	r, _ := rehearse(t, s)
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	require.Equal(t, []string{"wait done", "replace done", "wait done", "restart done", "wait done"}, outcomes(r.Playbook))
	require.Greater(t, *r.Playbook[4].ToMS, *r.Playbook[4].FromMS, "what was known before the restart does not count")
	require.Equal(t, "n2.2", r.Nodes[1].Identity)
	require.Equal(t, "north", r.Nodes[1].Array)
	require.GreaterOrEqual(t, *r.Playbook[1].ToMS-*r.Playbook[1].FromMS, int64(20_000))
}

// TestAPlaybookThatWaitsInVainIsStuck: nothing is ever fenced, so the operator
// never comes to the restart, and the run cannot pass unless that is expected.
func TestAPlaybookThatWaitsInVainIsStuck(t *testing.T) {
	t.Parallel()
	wait := awaits(scenario.Condition{Of: scenario.FencedNow, Op: ">=", N: 1})
	wait.Within = 5 * time.Second
	s := playing(t, 20*time.Second, []scenario.Play{wait, play(scenario.Restart{Nodes: []string{"n1"}})})
	r, dir := rehearse(t, s)
	require.Equal(t, report.Fail, r.Verdict)
	require.Equal(t, "did not hold: playbook", r.Why)
	require.Equal(t, []string{"wait stuck", "restart skipped"}, outcomes(r.Playbook))
	require.EqualValues(t, 5000, *r.Playbook[0].ToMS)
	require.Nil(t, r.Playbook[1].FromMS)
	s.Expect.Playbook = scenario.Stuck
	again, err := Judge(s, dir)
	require.NoError(t, err)
	require.Equal(t, report.Pass, again.Verdict, again.Why)
	require.Equal(t, r.Playbook, again.Playbook)
}

// TestARunStopsWhenAConditionHolds: with all nodes killed for good nobody is
// served, and after ten seconds of that there is nothing more to see.
func TestARunStopsWhenAConditionHolds(t *testing.T) {
	t.Parallel()
	s := playing(t, 10*time.Minute, nil, scenario.Step{At: 5 * time.Second, Action: scenario.Kill{Nodes: []string{"n1", "n2", "n3"}}})
	s.Stop = []scenario.Halt{{When: scenario.Condition{Of: scenario.Unserved, Op: ">", Time: 10 * time.Second}, Note: "enough"}}
	r, dir := rehearse(t, s)
	require.Equal(t, report.Aborted, r.Verdict)
	require.Contains(t, r.Why, "the script says to stop when unserved > 10s")
	require.Equal(t, &report.Stopped{When: "unserved > 10s", Note: "enough", Value: r.Stopped.Value, AtMS: r.Stopped.AtMS}, r.Stopped)
	require.InDelta(t, 15_500, r.Stopped.AtMS, 1500)
	require.Equal(t, r.Stopped.AtMS, r.VirtualMS)
	require.Positive(t, r.Mail.Acknowledged)
	again, err := Judge(s, dir)
	require.NoError(t, err)
	require.Equal(t, r.Stopped, again.Stopped)
	require.Equal(t, report.Aborted, again.Verdict)
}

// rolledBack takes the power of all arrays, which come back as they were before.
func rolledBack() []scenario.Step {
	names := []string{"east", "west", "north"}
	return []scenario.Step{
		{At: 5 * time.Second, Action: scenario.Arm{Bug: "volume-rollback", As: "volume-rollback", On: scenario.Scope{Store: "main"}}},
		{At: 25 * time.Second, Action: scenario.PowerLoss{Targets: names}},
		{At: 30 * time.Second, Action: scenario.PowerOn{Targets: names}},
	}
}

// TestLossStopsARunAtTheVerification: nodes that do not fence themselves serve what
// a rolled-back volume holds. The oracle sees it when the operator verifies.
func TestLossStopsARunAtTheVerification(t *testing.T) {
	t.Parallel()
	s := playing(t, 10*time.Minute, []scenario.Play{{After: 2 * time.Minute, Action: scenario.Verify{}}, play(scenario.Restart{Nodes: []string{"n1"}})}, rolledBack()...)
	s.Unsafe, s.Workload.Until = []string{"no-fence"}, 30*time.Second
	s.Stop = []scenario.Halt{{When: scenario.Condition{Of: scenario.Lost, Op: ">"}}}
	r, _ := rehearse(t, s)
	require.Equal(t, report.Aborted, r.Verdict, r.Why)
	require.Equal(t, "lost > 0", r.Stopped.When)
	require.Positive(t, r.Mail.Lost)
	require.InDelta(t, 125_000, r.Stopped.AtMS, 10_000)
	require.Equal(t, []string{"verify stuck", "restart skipped"}, outcomes(r.Playbook))
}

// TestNothingIsRecoveredWhileAQuorumLives: it would throw away what the quorum
// holds. The step is refused, the run goes on, and nothing has changed.
func TestNothingIsRecoveredWhileAQuorumLives(t *testing.T) {
	t.Parallel()
	s := playing(t, 30*time.Second, nil,
		scenario.Step{At: 5 * time.Second, Action: scenario.Kill{Nodes: []string{"n3"}}},
		scenario.Step{At: 10 * time.Second, Action: scenario.Recover{From: scenario.Best}},
	)
	s.Expect = scenario.Expect{Grade: scenario.MustSurvive, Down: []string{"n3"}, Refused: &scenario.Cond{Op: "=", N: 1}}
	r, dir := rehearse(t, s)
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	require.Equal(t, []string{"recover refused"}, outcomes(r.Steps))
	require.Contains(t, r.Steps[0].Why, "a quorum lives")
	s.Expect.Refused = nil
	again, err := Judge(s, dir)
	require.NoError(t, err)
	require.Equal(t, "did not hold: steps", again.Why)
}

// TestAReplacementThatWouldLoseTheQuorumIsRefused: with n3 down, n2 is half of all
// that votes. The group says no, and n2 goes on as before.
func TestAReplacementThatWouldLoseTheQuorumIsRefused(t *testing.T) {
	t.Parallel()
	s := playing(t, time.Minute, []scenario.Play{{After: 15 * time.Second, Action: scenario.Replace{Node: "n2"}}},
		scenario.Step{At: 5 * time.Second, Action: scenario.Kill{Nodes: []string{"n3"}}})
	s.Expect = scenario.Expect{Grade: scenario.MustSurvive, Down: []string{"n3"}, Playbook: scenario.RefusedOne}
	r, _ := rehearse(t, s)
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	require.Equal(t, []string{"replace refused"}, outcomes(r.Playbook))
	require.Empty(t, r.Nodes[1].Identity)
	require.Contains(t, r.Playbook[0].Why, "2 are needed")
}

// TestWhenAllHaveFencedThemselvesTheBestCopyGoesOn: every volume came back older
// than what its node promised, so none votes. The operator makes a new group of
// the most recent copy and replaces the others into it.
func TestWhenAllHaveFencedThemselvesTheBestCopyGoesOn(t *testing.T) {
	t.Parallel()
	s := playing(t, 6*time.Minute, []scenario.Play{
		awaits(scenario.Condition{Of: scenario.FencedNow, Op: ">=", N: 3}),
		{After: 30 * time.Second, Action: scenario.Recover{From: scenario.Best, Replace: true}},
		awaits(scenario.Condition{Of: scenario.ServeNow, Op: ">=", N: 3}),
	}, rolledBack()...)
	s.Expect = scenario.Expect{Grade: scenario.LossDetected, Fenced: []string{}, Down: []string{}}
	r, _ := rehearse(t, s)
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	require.Equal(t, []string{"wait done", "recover done", "wait done"}, outcomes(r.Playbook))
	for _, n := range r.Nodes {
		require.Equal(t, n.ID+".2", n.Identity)
	}
	require.Positive(t, r.Mail.Lost)
}

// TestALeapStopsAtWhatThePlaybookHasToDo: half an hour of the operator's hands ends
// in the middle of a leap, and a wait's time in another.
func TestALeapStopsAtWhatThePlaybookHasToDo(t *testing.T) {
	t.Parallel()
	wait := awaits(scenario.Condition{Of: scenario.FencedNow, Op: ">=", N: 1})
	wait.Within = time.Hour
	s := playing(t, 4*time.Hour, []scenario.Play{
		{After: 30 * time.Minute, Action: scenario.Inbound{Policy: scenario.TempFail}},
		awaits(scenario.Condition{Of: scenario.Moment, Time: 100 * time.Minute}), wait,
	}, scenario.Step{At: 10 * time.Second, Action: scenario.CloseAccounts{Share: 100}}, scenario.Step{At: 20 * time.Second, Action: scenario.Leap{Until: 3 * time.Hour}})
	s.Workload.Until, s.Expect.Playbook, s.Expect.Grade = 10*time.Second, scenario.Stuck, scenario.MayStop
	r, _ := rehearse(t, s)
	require.Greater(t, r.LeaptMS, int64(2*3600_000))
	require.EqualValues(t, 30*60_000, *r.Playbook[0].ToMS)
	require.EqualValues(t, 100*60_000, *r.Playbook[1].ToMS)
	require.EqualValues(t, 160*60_000, *r.Playbook[2].ToMS)
}

// TestNodesAreScrubbedOneAfterTheOther, beside arrays: each says what it found. A
// node that is down says nothing, and the step is refused.
func TestNodesAreScrubbedOneAfterTheOther(t *testing.T) {
	t.Parallel()
	s := playing(t, 60*time.Second, []scenario.Play{
		{After: 10 * time.Second, Action: scenario.Scrub{Arrays: []string{"east"}, Nodes: []string{"n1", "n2"}}},
		play(scenario.Kill{Nodes: []string{"n3"}}), play(scenario.Scrub{Nodes: []string{"n3"}}), play(scenario.Start{Nodes: []string{"n3"}}),
	})
	s.Expect = scenario.Expect{Grade: scenario.MustSurvive, Down: []string{}, Playbook: scenario.RefusedOne, Refused: &scenario.Cond{Op: "=", N: 1}}
	r, _ := rehearse(t, s)
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	require.Equal(t, []string{"scrub done", "kill done", "scrub refused", "start done"}, outcomes(r.Playbook))
	var of []string
	for _, s := range r.Scrubs {
		require.Zero(t, s.Findings)
		of = append(of, s.Array+" "+s.Node)
	}
	require.Equal(t, []string{"east ", "east n1", "west n2"}, of)
	again, _ := rehearse(t, s)
	require.Equal(t, r.Digest, again.Digest, "what an operator does is the seed's")
}
