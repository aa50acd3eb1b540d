package run

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
)

// ended is a run after which nodes were in these states.
func ended(states ...string) *report.Run {
	r := &report.Run{}
	for i, s := range states {
		r.Nodes = append(r.Nodes, report.Node{ID: []string{"n1", "n2", "n3"}[i], State: s})
	}
	return r
}

// TestTheWayBackIsNoLongerThanNeeded: nobody is repaired who serves; the fix and a
// restart come first; one of three that does not serve then is replaced, and if two
// do not, the best copy becomes a new group.
func TestTheWayBackIsNoLongerThanNeeded(t *testing.T) {
	s := load(t, "testdata/pair.yaml")
	well, bad := report.Serving, report.Fenced
	require.Nil(t, Fixed(s, ended(well, well, well)))
	require.Nil(t, Replaced(s, ended(bad, well, well), ended(well, well, well)))

	first := Fixed(s, ended(bad, report.Down, well))
	require.Equal(t, s.Timeline, first.Timeline, "up to its end the scenario is as it was")
	require.Greater(t, first.Duration, s.Duration)
	require.Equal(t, scenario.Wait{For: scenario.Condition{Of: scenario.Moment, Time: s.Duration}}, first.Playbook[0].Action)
	require.Equal(t, scenario.Restart{Nodes: []string{"n1", "n2"}}, first.Playbook[len(first.Playbook)-1].Action)

	last := func(fixed *report.Run) scenario.Action {
		p := Replaced(s, ended(bad, bad, well), fixed).Playbook
		return p[len(p)-1].Action
	}
	require.Equal(t, scenario.Replace{Node: "n2"}, last(ended(well, bad, well)))
	require.Equal(t, scenario.Recover{From: scenario.Best, Replace: true}, last(ended(well, bad, report.Down)))
	for _, b := range []*scenario.Scenario{first, Replaced(s, ended(bad, bad, bad), ended(bad, bad, bad))} {
		_, err := scenario.Parse("printed.yaml", scenario.Print(b))
		require.NoError(t, err, "it is a scenario as any other")
	}
}

// TestALyingFlushAndTheWayBack plays it: all fence themselves, the fix and a restart
// change nothing about that, and the best copy brings the service back with what it
// has.
func TestALyingFlushAndTheWayBack(t *testing.T) {
	t.Parallel()
	s := load(t, "../../scenarios/regress/flush-lies.yaml")
	play := func(s *scenario.Scenario) *report.Run {
		r, err := Run(t.Context(), s, Options{Dir: t.TempDir(), Place: programs(t)})
		require.NoError(t, err)
		return r
	}
	armed := play(s)
	require.Len(t, notServing(armed), 3)
	fixed := play(Fixed(s, armed))
	require.Len(t, notServing(fixed), 3, "what is gone is gone")
	back := play(Replaced(s, armed, fixed))
	require.Empty(t, notServing(back))
	require.True(t, *back.Available)
	require.Positive(t, back.Mail.Lost, "and it is counted")
	require.Zero(t, back.Mail.Unread)
}
