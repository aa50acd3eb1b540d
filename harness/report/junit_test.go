package report

import (
	"encoding/xml"
	"testing"

	"github.com/jstemmer/go-junit-report/v2/junit"
	"github.com/stretchr/testify/require"

	"fourdays/harness/check"
	"fourdays/harness/scenario"
)

// parsed reads our JUnit file with somebody else's structs.
func parsed(t *testing.T, r *Run, e scenario.Expect) junit.Testsuite {
	t.Helper()
	Complete(r, expecting(e))
	data, err := JUnit(r)
	require.NoError(t, err)
	var suites junit.Testsuites
	require.NoError(t, xml.Unmarshal(data, &suites))
	require.Len(t, suites.Suites, 1)
	s := suites.Suites[0]
	require.Equal(t, []int{suites.Tests, suites.Failures, suites.Errors, suites.Skipped}, []int{s.Tests, s.Failures, s.Errors, s.Skipped})
	require.Len(t, s.Testcases, s.Tests)
	return s
}

func TestJUnitNamesEveryCaseOnce(t *testing.T) {
	s := parsed(t, outage(), nothingLost())
	require.Equal(t, "fourdays.four-days", s.Name)
	seen := map[string]bool{}
	for _, c := range s.Testcases {
		require.Equal(t, s.Name, c.Classname)
		require.False(t, seen[c.Name], c.Name)
		seen[c.Name] = true
	}
	require.True(t, seen["expect lost"])
	require.True(t, seen["check D1 what was acknowledged is there"])
	require.Zero(t, s.Failures+s.Errors)
	require.Equal(t, 1, s.Skipped, "I6 is unknown")
	require.Contains(t, s.SystemOut.Data, "fourdays run scenarios/four-days.yaml --seed 7")
}

func TestJUnitFailsForViolationsAndErrsForTheHarness(t *testing.T) {
	lostOne := calm()
	lostOne.Mail.Lost = 1
	lostOne.Checks[0].Verdict, lostOne.Checks[0].Why = check.Fail, "<m-7> & \x01 is gone"
	s := parsed(t, lostOne, nothingLost())
	require.Equal(t, 4, s.Failures, "grade, lost, other checks, D1")
	require.Zero(t, s.Errors)

	for verdict, want := range map[string]string{Error: "the harness failed: guest crashed", Aborted: "stopped: guest crashed"} {
		r := calm()
		r.Verdict, r.Why = verdict, "guest crashed"
		s = parsed(t, r, nothingLost())
		require.Equal(t, 1, s.Errors)
		require.Equal(t, want, s.Testcases[0].Error.Message)
	}
}

// TestJUnitStaysGreenWhereLossIsExpected: the check that sees the loss is right
// to fail, and the suite is not red for it.
func TestJUnitStaysGreenWhereLossIsExpected(t *testing.T) {
	r := calm()
	r.Mail.Lost, r.Nodes[0].Fenced = 1, true
	r.Checks[0].Verdict = check.Fail
	s := parsed(t, r, scenario.Expect{Grade: scenario.LossDetected})
	require.Equal(t, Pass, r.Verdict)
	require.Zero(t, s.Failures+s.Errors)
	require.Equal(t, 1, s.Skipped)
}
