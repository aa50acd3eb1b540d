package run

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
	"fourdays/harness/report"
)

// TestANodesStateIsTheWorstThatItSays: silence goes before what it said last.
func TestANodesStateIsTheWorstThatItSays(t *testing.T) {
	for want, last := range map[string]healthAnswer{
		report.Serving:     {reachable: true},
		report.Unavailable: {reachable: true, Unavailable: "no leader"},
		report.Fenced:      {reachable: true, Unavailable: "less than promised", Fenced: true},
		report.Down:        {Unavailable: "less than promised", Fenced: true},
	} {
		require.Equal(t, want, (&node{last: last}).state())
	}
}

// TestAnAccountIsAnsweredWhenOneNodeShowsIt reads two accounts on two nodes, of
// which one is silent, and a third on the silent one only.
func TestAnAccountIsAnsweredWhenOneNodeShowsIt(t *testing.T) {
	end := newTail()
	for _, op := range []hist.Op{
		{Account: "a", Node: "n1", Outcome: hist.OK}, {Account: "a", Node: "n2", Outcome: hist.No},
		{Account: "b", Node: "n2", Outcome: hist.No}, {Account: "b", Node: "n1", Outcome: hist.OK},
		{Account: "c", Node: "n2", Outcome: hist.No},
	} {
		op.Kind, op.By = hist.Read, "audit"
		end.add(&op)
	}
	end.add(&hist.Op{Kind: hist.Read, By: "reader", Account: "d", Outcome: hist.OK})
	got := end.audit()
	require.EqualValues(t, 3, got.Asked)
	require.EqualValues(t, 2, got.Answered)
}

// TestWhoStillWaitsWhenMailIsServedWaitsForNobody: the last to ask is refused and
// would count until the end, were service not there when it was looked for.
func TestWhoStillWaitsWhenMailIsServedWaitsForNobody(t *testing.T) {
	s := &service{}
	for _, op := range []hist.Op{
		{IntendedUS: 1e6, AnsweredUS: 2e6, Outcome: hist.OK}, {IntendedUS: 3e6, AnsweredUS: 4e6, Outcome: hist.No},
	} {
		op.Kind, op.By = hist.Deliver, "sender"
		s.add(&op)
	}
	require.EqualValues(t, 4e6, s.until())
	require.EqualValues(t, 57_000, *s.longest(60e6))
	require.EqualValues(t, 1_000, *s.longest(min(60e6, s.until())))
}

// TestUsersAreWatchedUntilTheEndOfSettling, not until the harness has asked its
// last question; a record that does not say so is as long as its run.
func TestUsersAreWatchedUntilTheEndOfSettling(t *testing.T) {
	ev := &Evidence{VirtualMS: 9000}
	require.EqualValues(t, 9e6, ev.horizon())
	ev.WatchedUS = new(int64)
	*ev.WatchedUS = 5e6
	require.EqualValues(t, 5e6, ev.horizon())
}
