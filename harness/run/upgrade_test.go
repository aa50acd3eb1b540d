package run

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
)

// TestAnUpgradeRollsUnderLoad: the bug of the new OS waits until a controller with
// it serves; the pause of the takeover is a fault of the script with its receipt,
// which ends with the last controller; the way back is refused, and that is an
// alarm; nothing is lost by any of it.
func TestAnUpgradeRollsUnderLoad(t *testing.T) {
	t.Parallel()
	s := load(t, "testdata/small.yaml")
	s.Duration = 15 * time.Second
	up := func(os string) scenario.Upgrade {
		return scenario.Upgrade{To: []scenario.Upgraded{{Array: "east", OS: os}}, How: scenario.Rolling, Takes: time.Second, Step: 2 * time.Second, OneWay: true}
	}
	s.Timeline = []scenario.Step{
		{At: time.Second, Action: scenario.Arm{Bug: "fail-slow", As: "fail-slow", On: scenario.Scope{OS: "acme/2.*"}}},
		{At: time.Second, Action: up("acme/2.0")},
		{At: 10 * time.Second, Action: up("acme/1.0")},
	}
	require.Empty(t, scenario.Warnings(s))
	s.Expect = scenario.Expect{Grade: scenario.MustSurvive, Alarms: []string{"east"}}
	r, _ := rehearse(t, s)
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	require.Equal(t, int64(3000), *r.Faults[0].ArmedAtMS, "when the standby takes over")
	require.Equal(t, []int64{1000, 4000}, []int64{*r.Faults[1].FirstAtMS, *r.Faults[1].RevertedAtMS})
	require.Equal(t, "acme/2.0", r.Nodes[0].OS)
	for _, text := range []string{"east: controller 1 has acme/2.0", "east: acme/2.0 serves, on controller 1", "east: acme/2.0 is on every controller"} {
		require.Contains(t, texts(r), text)
	}
	i := len(r.Alarms) - 1
	require.Equal(t, "upgrade array \"east\" to acme/1.0: it cannot read what acme/2.0 has written", r.Alarms[i].Text)
	require.Zero(t, r.Mail.Lost)
}

func texts(r *report.Run) (all []string) {
	for _, e := range r.Timeline {
		all = append(all, e.Text)
	}
	return all
}
