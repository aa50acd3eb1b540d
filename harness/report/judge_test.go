package report

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/check"
	"fourdays/harness/recovery"
	"fourdays/harness/scenario"
)

// judged runs one expectation against a run that something happened to.
func judged(t *testing.T, name string, e scenario.Expect, change func(*Run)) Expectation {
	t.Helper()
	r := calm()
	change(r)
	Complete(r, expecting(e))
	for _, x := range r.Expectations {
		if x.Name == name {
			return x
		}
	}
	t.Fatalf("no expectation %q in %v", name, r.Expectations)
	return Expectation{}
}

func lost(op string, n int64) scenario.Expect {
	return scenario.Expect{Counts: []scenario.Count{{Name: "lost", Cond: scenario.Cond{Op: op, N: n}}}}
}

func within(d time.Duration) scenario.Expect { return scenario.Expect{RecoveredWithin: &d} }

// TestEachExpectationHoldsAndFailsForItsReason has one row per way to be judged.
func TestEachExpectationHoldsAndFailsForItsReason(t *testing.T) {
	no := false
	graded := func(g string) scenario.Expect { return scenario.Expect{Grade: g} }
	available := scenario.Expect{Available: yes()}
	notices, calmly := scenario.Expect{Detected: yes()}, scenario.Expect{Detected: &no}
	scrubs := scenario.Expect{Scrubs: []scenario.ScrubWant{{Array: "east", Cond: scenario.Cond{Op: ">=", N: 2}}}}
	stopped := scenario.Expect{UnavailableFor: &scenario.Length{Op: ">=", Time: 20 * time.Second}}
	quick := scenario.Expect{Latency: &scenario.Length{Op: "<", Time: time.Second}}
	d1 := scenario.Expect{Checks: []scenario.CheckWant{{Check: "D1", Want: "fail"}}}
	impact := func(rec recovery.Recovery) func(*Run) {
		rec.ImpactMS = ms(1000)
		return func(r *Run) { r.Recovery = rec }
	}
	same := func(*Run) {}
	for name, c := range map[string]struct {
		expectation string
		expect      scenario.Expect
		change      func(*Run)
		verdict     string
		got         string
	}{
		"nothing lost":           {"lost", lost("=", 0), same, Pass, "0"},
		"one lost":               {"lost", lost("=", 0), func(r *Run) { r.Mail.Lost = 1 }, Fail, "1"},
		"loss that was wanted":   {"lost", lost(">=", 1), func(r *Run) { r.Mail.Lost = 3 }, Pass, "3"},
		"loss that did not come": {"lost", lost(">=", 1), same, Fail, "0"},
		"unread may be lost":     {"lost", lost("=", 0), func(r *Run) { r.Mail.Unread = 2 }, Unknown, "0"},
		"unread does not matter": {"lost", lost("<=", 5), func(r *Run) { r.Mail.Unread = 2 }, Pass, "0"},
		"nothing promised":       {"lost", lost("=", 0), func(r *Run) { r.Mail = check.Mail{} }, Unknown, "0"},
		"no impact":              {"recovered_within", within(time.Minute), same, Pass, "no impact"},
		"in time":                {"recovered_within", within(time.Minute), impact(recovery.Recovery{RTAMS: ms(60_000)}), Pass, "1m"},
		"too late":               {"recovered_within", within(time.Minute), impact(recovery.Recovery{RTAMS: ms(61_000)}), Fail, "1m1s"},
		"never":                  {"recovered_within", within(time.Minute), impact(recovery.Recovery{Censored: []recovery.Censor{{Name: "rta_ms", OverMS: 96 * hour}}}), Fail, "> 96h"},
		"watched too briefly":    {"recovered_within", within(time.Hour), impact(recovery.Recovery{Censored: []recovery.Censor{{Name: "rta_ms", OverMS: 1000}}}), Unknown, "unknown"},
		"fenced as expected":     {"fenced", scenario.Expect{Fenced: []string{"n1"}}, func(r *Run) { r.Nodes[0].Fenced = true }, Pass, "n1"},
		"not fenced":             {"fenced", scenario.Expect{Fenced: []string{"n1"}}, same, Fail, "none"},
		"fenced against will":    {"fenced", scenario.Expect{Fenced: []string{}}, func(r *Run) { r.Nodes[0].Fenced = true }, Fail, "n1"},
		"noticed":                {"detected", notices, func(r *Run) { r.Nodes[0].Detected = []string{"a"} }, Pass, "true"},
		"noticed by its health":  {"detected", notices, impact(recovery.Recovery{HealthMS: ms(2000)}), Pass, "true"},
		"health is not enough":   {"grade", graded(scenario.LossDetected), impact(recovery.Recovery{HealthMS: ms(2000)}), Fail, "0 harmed, detected: false"},
		"not noticed":            {"detected", notices, same, Fail, "false"},
		"bug noticed":            {"detected rot", scenario.Expect{DetectedBugs: []string{"rot"}}, func(r *Run) { r.Faults = []Fault{{Bug: "rot", Detected: true}} }, Pass, "true"},
		"other bug noticed":      {"detected rot", scenario.Expect{DetectedBugs: []string{"rot"}}, func(r *Run) { r.Faults = []Fault{{Bug: "hang", Detected: true}} }, Fail, "false"},
		"nobody noticed":         {"detected", calmly, same, Pass, "false"},
		"calm needs no health":   {"detected", calmly, impact(recovery.Recovery{HealthMS: ms(2000)}), Pass, "false"},
		"a node noticed":         {"detected", calmly, func(r *Run) { r.Nodes[0].Detected = []string{"a"} }, Fail, "true"},
		"a node fenced itself":   {"detected", calmly, func(r *Run) { r.Nodes[0].Fenced = true }, Fail, "true"},
		"an array noticed":       {"detected", calmly, func(r *Run) { r.Alarms = []Alarm{{Array: "east"}} }, Fail, "true"},
		"the script's own crash": {"detected", calmly, func(r *Run) { r.Alarms = []Alarm{{Array: "east", Scripted: true}} }, Pass, "false"},
		"a scrub noticed":        {"detected", calmly, func(r *Run) { r.Scrubs = []Scrub{{Array: "east", Findings: 1}} }, Fail, "true"},
		"an empty scrub":         {"detected", calmly, func(r *Run) { r.Scrubs = []Scrub{{Array: "east"}} }, Pass, "false"},
		"alarms as expected":     {"alarms", scenario.Expect{Alarms: []string{"west", "east"}}, func(r *Run) { r.Alarms = []Alarm{{Array: "east"}, {Array: "west"}, {Array: "east"}} }, Pass, "east, west"},
		"no alarm":               {"alarms", scenario.Expect{Alarms: []string{"east"}}, same, Fail, "none"},
		"alarm against will":     {"alarms", scenario.Expect{Alarms: []string{}}, func(r *Run) { r.Alarms = []Alarm{{Array: "east"}} }, Fail, "east"},
		"down as expected":       {"down", scenario.Expect{Down: []string{"n1"}}, func(r *Run) { r.Nodes[0].State = Unavailable }, Pass, "n1"},
		"up against will":        {"down", scenario.Expect{Down: []string{"n1"}}, same, Fail, "none"},
		"down against will":      {"down", scenario.Expect{Down: []string{}}, func(r *Run) { r.Nodes[0].State = Down }, Fail, "n1"},
		"old record":             {"down", scenario.Expect{Down: []string{}}, func(r *Run) { r.Nodes[0].State = "" }, Unknown, "unknown"},
		"scrubs found enough":    {"scrub east", scrubs, func(r *Run) { r.Scrubs = []Scrub{{Array: "east", Findings: 1}, {Array: "east", Findings: 1}} }, Pass, "2"},
		"scrubs found too little": {"scrub east", scrubs, func(r *Run) {
			r.Scrubs = []Scrub{{Array: "east", Findings: 1}, {Array: "west", Findings: 1}}
		}, Fail, "1"},
		"nobody scrubbed":       {"scrub east", scrubs, same, Unknown, "unknown"},
		"stayed open":           {"stays_open", scenario.Expect{StaysOpen: yes()}, reopenedAt(1), Pass, "true"},
		"closed again":          {"stays_open", scenario.Expect{StaysOpen: yes()}, closedAgain, Fail, "false"},
		"meant to close again":  {"stays_open", scenario.Expect{StaysOpen: &no}, closedAgain, Pass, "false"},
		"and did not":           {"stays_open", scenario.Expect{StaysOpen: &no}, reopenedAt(1), Fail, "true"},
		"nothing was reopened":  {"stays_open", scenario.Expect{StaysOpen: yes()}, func(r *Run) { r.Milestones.FirstReopenMS = nil }, Unknown, "unknown"},
		"long enough":           {"unavailable_for", stopped, func(r *Run) { r.UnavailableMS = ms(20_000) }, Pass, "20 s"},
		"too short":             {"unavailable_for", stopped, func(r *Run) { r.UnavailableMS = ms(19_999) }, Fail, "20 s"},
		"nobody asked for mail": {"unavailable_for", stopped, same, Unknown, "unknown"},
		"quick":                 {"latency", quick, func(r *Run) { r.LatencyP99MS = ms(999) }, Pass, "999 ms"},
		"slow":                  {"latency", quick, func(r *Run) { r.LatencyP99MS = ms(1000) }, Fail, "1 s"},
		"nobody served":         {"latency", quick, same, Unknown, "unknown"},
		"bug noticed by its name": {"detected east-rot", scenario.Expect{DetectedBugs: []string{"east-rot"}}, func(r *Run) {
			r.Faults = []Fault{{Bug: "rot", Detected: true}, {Bug: "rot", As: "east-rot"}}
		}, Fail, "false"},
		"available":              {"available", available, same, Pass, "true"},
		"not available":          {"available", available, func(r *Run) { r.Available = &no }, Fail, "false"},
		"nobody asked":           {"available", available, func(r *Run) { r.Available = nil }, Unknown, "unknown"},
		"check wanted to fail":   {"check D1", d1, func(r *Run) { r.Checks[0].Verdict = check.Fail }, Pass, "fail"},
		"check passed instead":   {"check D1", d1, same, Fail, "pass"},
		"check did not run":      {"check D1", d1, func(r *Run) { r.Checks = nil }, Unknown, "unknown"},
		"other check fails":      {"other checks", within(time.Hour), func(r *Run) { r.Checks[0].Verdict = check.Fail }, Fail, "D1"},
		"loss permits D1":        {"other checks", lost(">=", 1), func(r *Run) { r.Mail.Lost, r.Checks[0].Verdict = 1, check.Fail }, Pass, "none of 0"},
		"survived":               {"grade", graded(scenario.MustSurvive), same, Pass, "nothing harmed"},
		"survived but silent":    {"grade", graded(scenario.MustSurvive), func(r *Run) { r.Available = &no }, Fail, "nothing harmed"},
		"stopped honestly":       {"grade", graded(scenario.MayStop), func(r *Run) { r.Available = &no }, Pass, "nothing harmed"},
		"stopped and lied":       {"grade", graded(scenario.MayStop), func(r *Run) { r.Mail.Misfiled = 1 }, Fail, "1 harmed"},
		"lost and told":          {"grade", graded(scenario.LossDetected), func(r *Run) { r.Mail.Lost = 4; r.Nodes[0].Fenced = true }, Pass, "4 harmed, detected: true"},
		"lost and silent":        {"grade", graded(scenario.LossDetected), func(r *Run) { r.Mail.Lost = 4 }, Fail, "4 harmed, detected: false"},
		"grade without an audit": {"grade", graded(scenario.MustSurvive), func(r *Run) { r.Mail.Unread = 1 }, Unknown, "1 never looked at"},
	} {
		t.Run(name, func(t *testing.T) {
			x := judged(t, c.expectation, c.expect, c.change)
			require.Equal(t, c.verdict, x.Verdict, "%+v", x)
			require.Equal(t, c.got, x.Got)
		})
	}
}

// TestTheHarnessIsJudgedFirst: without a receipt for its fault a run that would
// pass, or would fail for want of the damage, says nothing.
func TestTheHarnessIsJudgedFirst(t *testing.T) {
	for name, e := range map[string]scenario.Expect{"would pass": lost("=", 0), "would fail": lost(">=", 1)} {
		r := calm()
		r.Checks = append(r.Checks, check.Check{Name: "H1", Verdict: check.Fail, Why: "flush-lies did not fire"})
		Complete(r, expecting(e))
		require.Equal(t, Inconclusive, r.Verdict, name)
		require.Contains(t, r.Why, "flush-lies did not fire")
	}
}

// TestHarmOutweighsTheHarness: mail that is gone is gone, whatever did not fire.
func TestHarmOutweighsTheHarness(t *testing.T) {
	r := calm()
	r.Mail.Lost = 1
	r.Checks = append(r.Checks, check.Check{Name: "H1", Verdict: check.Fail})
	Complete(r, expecting(lost("=", 0)))
	require.Equal(t, Fail, r.Verdict)
}

func TestWhatCannotBeToldIsInconclusive(t *testing.T) {
	r := calm()
	r.Available = nil
	Complete(r, expecting(nothingLost()))
	require.Equal(t, Inconclusive, r.Verdict)
	require.Equal(t, "cannot tell: grade", r.Why)
}

func TestAStoppedRunKeepsItsVerdict(t *testing.T) {
	for _, verdict := range []string{Aborted, Error} {
		r := calm()
		r.Verdict, r.Why = verdict, "because"
		Complete(r, expecting(nothingLost()))
		require.Equal(t, verdict, r.Verdict)
		require.Equal(t, "because", r.Why)
		require.Equal(t, Unknown, r.Expectations[0].Verdict, "it did not reach its end")
	}
}

func TestEveryQuestionIsAnsweredOrSaysWhyNot(t *testing.T) {
	r := outage()
	Complete(r, expecting(nothingLost()))
	require.Equal(t, Pass, r.Verdict, "%s", r.Why)
	require.Len(t, r.Questions, 12)
	for i, q := range r.Questions {
		require.Equal(t, i+1, q.N)
		require.Equal(t, q.Rehearsed, q.Answer != "", q.Text)
		require.Equal(t, !q.Rehearsed, q.Why != "", q.Text)
	}
	for n, by := range map[int]string{8: "fourdays compare", 9: "fourdays compare", 10: "fourdays margin"} {
		require.False(t, r.Questions[n-1].Rehearsed)
		require.Contains(t, r.Questions[n-1].Why, by, "one run cannot answer it: who does is said")
	}
	require.Contains(t, r.elsewhere(), "fourdays margin "+r.File())
	r.Variant = &Variant{Name: "a", Of: "b"}
	require.Contains(t, r.elsewhere(), "fourdays compare "+r.File()+" --seeds 10")
}

// TestQuestionsOfAnEmptyRunDoNotPanic: a run may stop before anything is known.
func TestQuestionsOfAnEmptyRunDoNotPanic(t *testing.T) {
	r := &Run{Faults: []Fault{{Bug: "b"}}, Verdict: Aborted}
	Complete(r, expecting(nothingLost()))
	require.Len(t, r.Questions, 12)
	require.Contains(t, r.Questions[0].Answer, "Nobody can tell")
}

// TestWhyItTookSoLong names the longest part, and does not call it most of an outage
// that the run did not see the end of.
func TestWhyItTookSoLong(t *testing.T) {
	at := func(ms int64) *int64 { return &ms }
	r := &Run{}
	said := func() string { answer, _ := whySoLong(r); return answer }
	require.Contains(t, said(), "nothing to wait for")
	r.Recovery.ImpactMS, r.Recovery.DetectMS = at(1000), at(1000)
	require.Equal(t, "It was not over when the run ended.", said())
	r.Recovery.DetectMS = at(5000)
	require.Contains(t, said(), "not over when the run ended. The longest part that was, 4 s, was noticing")
	r.Recovery.SteadyMS = at(7000)
	require.Equal(t, "Most of it, 4 s, was noticing.", said())
}

// TestOthersMayFailWhereNobodyKnowsBeforehand has a check fail that the scenario
// does not name: without the word for it that is a failure.
func TestOthersMayFailWhereNobodyKnowsBeforehand(t *testing.T) {
	r := calm()
	r.Checks = append(r.Checks, check.Check{Name: "I4", Verdict: check.Fail, Why: "it fell"})
	e := &scenario.Expect{}
	require.Equal(t, Fail, expectations(r, e)[0].Verdict)
	e.AnyOthers = true
	require.Empty(t, expectations(r, e))
}
