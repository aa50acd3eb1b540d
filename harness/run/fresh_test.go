package run

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
)

// TestFreshMailboxesAreMergedIntoTheOldOnes: all volumes are offline, and until the
// vendor has mended them users have empty mailboxes and new mail. In the end
// everything is there. That mailboxes were shown empty is the price, and D9 says it.
func TestFreshMailboxesAreMergedIntoTheOldOnes(t *testing.T) {
	t.Parallel()
	s := playing(t, 4*time.Minute, []scenario.Play{
		awaits(scenario.Condition{Of: scenario.Unserved, Op: ">=", Time: 10 * time.Second}),
		{After: 5 * time.Second, Action: scenario.Fresh{On: []scenario.Replica{{Node: "n1", Array: "spare"}, {Node: "n2", Array: "spare"}, {Node: "n3", Array: "spare"}}}},
		awaits(scenario.Condition{Of: scenario.FixIn, Names: []string{"volume-offline"}}),
		{After: 5 * time.Second, Action: scenario.Merge{}},
		awaits(scenario.Condition{Of: scenario.ServeNow, Op: ">=", N: 3}),
	},
		scenario.Step{At: 5 * time.Second, Action: scenario.Arm{Bug: "volume-offline", As: "volume-offline", On: scenario.Scope{Array: "[enw]*", Store: "main"}}},
		scenario.Step{At: 90 * time.Second, Action: scenario.Fix{Name: "volume-offline"}})
	spare := scenario.DefaultArray()
	spare.Name, spare.OS = "spare", "other/9.4"
	s.Storage.Arrays = append(s.Storage.Arrays, spare)
	s.Expect = scenario.Expect{Grade: scenario.MustSurvive, Down: []string{}, Checks: []scenario.CheckWant{{Check: "D9", Want: "fail"}}}
	r, _ := rehearse(t, s)
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	require.Equal(t, []string{"wait done", "fresh done", "wait done", "merge done", "wait done"}, outcomes(r.Playbook))
	require.Positive(t, r.Mail.Acknowledged)
	require.Less(t, *r.UnavailableMS, int64(30_000), "mail was served while the archive was not")
	for _, n := range r.Nodes {
		require.Empty(t, n.Identity, "the old group is back")
	}
}
