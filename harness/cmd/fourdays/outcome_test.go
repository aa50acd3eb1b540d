package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/check"
	"fourdays/harness/hist"
	"fourdays/harness/report"
)

// TestNoBugEndsInSilence holds the record to what the store is for: whatever a bug
// of the catalogue does, no client is answered wrongly and no mail is lost without
// anybody noticing. What was not played since outcomes are recorded says so.
func TestNoBugEndsInSilence(t *testing.T) {
	all, err := outcomes(filepath.Join("../../..", pairs))
	require.NoError(t, err)
	known := 0
	for _, o := range all {
		if o.Outcome == "" {
			continue
		}
		known++
		require.NotContains(t, []string{silentAnswer, silentLoss}, o.Outcome, o.Bug)
		require.Contains(t, []string{survives, stopsSafely, detectedLoss}, o.Outcome, o.Bug)
		require.NotEmpty(t, o.WayBack, o.Bug)
		require.NotEmpty(t, o.After, o.Bug)
	}
	require.Positive(t, known)
}

// TestAnEndingIsWhatARunShows has a run for each outcome.
func TestAnEndingIsWhatARunShows(t *testing.T) {
	yes, no := true, false
	wrong := func(by string, outcome hist.Outcome) []check.Check {
		return []check.Check{
			{Name: "D1", Verdict: check.Fail, First: &hist.Op{By: "reader", Outcome: hist.OK}},
			{Name: "I2", Verdict: check.Fail, First: &hist.Op{By: by, Outcome: outcome}},
			{Name: "D9", Verdict: check.Pass},
		}
	}
	fenced := []report.Node{{ID: "n1", Fenced: true, Reason: "less than promised"}}
	for _, c := range []struct {
		want string
		run  report.Run
	}{
		{survives, report.Run{Available: &yes}},
		{stopsSafely, report.Run{Available: &no}},
		{stopsSafely, report.Run{}},
		{detectedLoss, report.Run{Available: &no, Nodes: fenced, Mail: check.Mail{Lost: 1}}},
		{silentLoss, report.Run{Available: &yes, Mail: check.Mail{Lost: 1}}},
		{silentAnswer, report.Run{Available: &yes, Checks: wrong("reader", hist.OK)}},
		{survives, report.Run{Available: &yes, Nodes: fenced, Checks: wrong("reader", hist.OK)}},
		{survives, report.Run{Available: &yes, Checks: wrong("audit", hist.OK)}},
		{survives, report.Run{Available: &yes, Checks: wrong("reader", hist.No)}},
	} {
		require.Equal(t, c.want, endingOf(&c.run).Outcome, "%+v", c.run)
	}
	require.Equal(t, []string{"I2"}, endingOf(&report.Run{Checks: wrong("reader", hist.OK), Nodes: fenced}).Wrong, "noticed, and wrong all the same")
}
