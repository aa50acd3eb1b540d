package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/report"
	"fourdays/harness/run"
	"fourdays/harness/scenario"
)

func judgedBy(list ...report.Expectation) *report.Run { return &report.Run{Expectations: list} }

func came(name, got, verdict string) report.Expectation {
	return report.Expectation{Name: name, Got: got, Verdict: verdict}
}

// TestWhatWasSeenIsWhatTellsTheRunsApart: what both runs show is not named, and
// neither is what follows from something else that is.
func TestWhatWasSeenIsWhatTellsTheRunsApart(t *testing.T) {
	p := run.PairResult{
		Armed: run.Side{
			Run: judgedBy(came("lost", "24", report.Pass), came("latency", "30.8 s", report.Pass), came("altered", "0", report.Pass)),
			Crossed: judgedBy(came("grade", "24 harmed", report.Fail), came("lost", "24", report.Fail), came("fenced", "n1, n2", report.Fail),
				came("down", "n1, n2", report.Fail), came("available", "false", report.Fail), came("altered", "0", report.Pass),
				came("detected", "true", report.Fail), came("detected flush-lies", "true", report.Fail), came("other checks", "D1", report.Fail)),
		},
		Disarmed: run.Side{Crossed: judgedBy(came("latency", "12 ms", report.Fail), came("lost", "0", report.Fail))},
	}
	require.Equal(t, "24 lost; n1, n2 fenced; no mail served at the end; noticed; 99% served within 30.8 s", seen(p))

	p = run.PairResult{Armed: run.Side{Crossed: judgedBy(came("other checks", "I8", report.Fail))}}
	require.Equal(t, "I8 violated", seen(p))
	require.Equal(t, "nothing that the other did not", seen(run.PairResult{}))
	require.Equal(t, "more was lost", well(&report.Run{Verdict: report.Fail, Why: "more was lost"}))
}

// TestEveryExpectationHasItsWords goes through what a scenario can expect.
func TestEveryExpectationHasItsWords(t *testing.T) {
	for name, want := range map[string]string{
		"alarms": "alarm of east", "detected flush-lies": "not noticed", "unavailable_for": "nobody served for east",
		"recovered_within": "served again after east", "scrub west": "scrub of west finds east", "check D1": "D1: east",
		"down": "east out of service", "grade": "",
	} {
		require.Equal(t, want, phraseOf(report.Expectation{Name: name, Got: "east"}), name)
	}
	for _, name := range scenario.CountNames() {
		require.Equal(t, "3 "+name, phraseOf(report.Expectation{Name: name, Got: "3"}))
	}
	require.Equal(t, "no alarm", phraseOf(report.Expectation{Name: "alarms", Got: "none"}))
	require.Equal(t, "noticed", phraseOf(report.Expectation{Name: "detected", Got: "true"}))
	require.Equal(t, "mail served at the end", phraseOf(report.Expectation{Name: "available", Got: "true"}))
}
