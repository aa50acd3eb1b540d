package report

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/check"
	"fourdays/harness/hist"
	"fourdays/harness/scenario"
)

// blamed completes a run in which a check failed at 60 s, and returns its words.
func blamed(name string, change func(*check.Check), faults ...Fault) string {
	r := calm()
	c := check.Check{Name: name, Verdict: check.Fail, Why: "it is broken", First: &hist.Op{AnsweredUS: 60e6}}
	change(&c)
	r.Checks, r.Faults = []check.Check{c}, faults
	Complete(r, expecting(nothingLost()))
	return r.Checks[0].Why
}

func asIs(*check.Check) {}

func lying(firstMS int64) Fault {
	return Fault{Bug: "flush-lies", Scope: "os acme/*", Fired: 12, FirstAtMS: ms(firstMS), Where: "n1:state/000003.mem fsync", Can: []string{Loses}}
}

// TestAFailedCheckNamesTheFaultsThatCouldExplainIt: of those that can cause it,
// the ones that had fired when it was seen, and no others.
func TestAFailedCheckNamesTheFaultsThatCouldExplainIt(t *testing.T) {
	const named = "it is broken\ncould be explained by: flush-lies (12 times on n1:state/000003.mem fsync, first +31 s)"
	slow := Fault{Bug: "slow", Fired: 1, FirstAtMS: ms(1), Can: []string{Slows}}
	lost := Fault{Bug: "power_loss", Scope: "east", Fired: 1, FirstAtMS: ms(45_000), Can: []string{Loses, Refuses}}
	silent := Fault{Bug: "never", Can: []string{Loses}}
	require.Equal(t, named, blamed("D1", asIs, lying(31_000)))
	require.Equal(t, named, blamed("D1", asIs, lying(31_000), slow, silent), "one that cannot, and one that did not fire")
	require.Equal(t, named+"; power_loss (once on east, first +45 s)", blamed("D1", asIs, lying(31_000), lost))
	require.Equal(t, "it is broken", blamed("D1", asIs, lying(61_000)), "it fired afterwards")
	require.Equal(t, "it is broken", blamed("D5", asIs, lying(31_000)), "a flush that lies is no refusal")
	require.Equal(t, "it is broken", blamed("D1", asIs))
}

// TestAnAttemptIsNotWhenItsHarmWasSeen: D3 names the first attempt, and copies
// come with the later ones.
func TestAnAttemptIsNotWhenItsHarmWasSeen(t *testing.T) {
	early := func(c *check.Check) {
		c.First = &hist.Op{AnsweredUS: 1e6}
		c.Evidence = []*hist.Op{c.First, {AnsweredUS: 50e6}}
	}
	require.Contains(t, blamed("D3", early, lying(31_000)), explained)
	require.NotContains(t, blamed("D1", early, lying(31_000)), explained)
	require.NotContains(t, blamed("D1", func(c *check.Check) { c.First = nil }, lying(31_000)), explained)
}

// TestJudgingAgainExplainsOnce: what was said is not said twice.
func TestJudgingAgainExplainsOnce(t *testing.T) {
	r := calm()
	r.Checks = []check.Check{
		{Name: "D1", Verdict: check.Fail, Why: "gone", First: &hist.Op{AnsweredUS: 60e6}},
		{Name: "H1", Verdict: check.Fail, Why: "one never fired"},
	}
	r.Faults = []Fault{lying(31_000), {Bug: "late", Never: "a reason"}}
	Complete(r, expecting(nothingLost()))
	once := []string{r.Checks[0].Why, r.Checks[1].Why}
	Complete(r, expecting(nothingLost()))
	require.Equal(t, once, []string{r.Checks[0].Why, r.Checks[1].Why})
}

// TestWhatCannotFireIsInconclusiveWithItsReason: the run says why it shows
// nothing.
func TestWhatCannotFireIsInconclusiveWithItsReason(t *testing.T) {
	r := calm()
	r.Checks = append(r.Checks, check.Check{Name: "H1", Verdict: check.Fail, Why: "fault late on n3 never fired"})
	r.Faults = []Fault{{Bug: "late", As: "late-one", Never: "writes comes to 700 at most, not to 1000000"}}
	Complete(r, expecting(nothingLost()))
	require.Equal(t, Inconclusive, r.Verdict)
	require.Equal(t, "the harness did not do what the scenario says: fault late on n3 never fired; could not fire: late-one: writes comes to 700 at most, not to 1000000", r.Why)
}

// TestEveryCheckHasItsCauses: a check that nothing could explain has been
// forgotten.
func TestEveryCheckHasItsCauses(t *testing.T) {
	for _, name := range scenario.CheckNames() {
		if name != "H1" {
			require.NotEmpty(t, causes[name], name)
		}
	}
}

// TestWhatFiredCouldFire: an array that knows more than the script did is right.
func TestWhatFiredCouldFire(t *testing.T) {
	f := Fault{Bug: "late", Never: "a reason"}
	require.Equal(t, []string{"cannot fire: a reason"}, f.details())
	f.Fired = 1
	require.Empty(t, f.details())
}
