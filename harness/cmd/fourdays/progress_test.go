package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/report"
	"fourdays/harness/run"
)

// watched is a progress into memory whose clock the test moves.
func watched(live bool) (*progress, *bytes.Buffer, *time.Time) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	p := &progress{
		out: &out, live: live, width: 40, total: 2, now: func() time.Time { return now },
		phase: map[string]string{}, lines: map[string]string{}, told: map[string]time.Time{},
	}
	return p, &out, &now
}

func step(phase string, at time.Duration, text string) run.Progress {
	return run.Progress{Phase: phase, At: at, Of: time.Minute, Text: text}
}

// TestAPipeHearsPhasesEventsAndASignOfLife counts the lines, not the calls.
func TestAPipeHearsPhasesEventsAndASignOfLife(t *testing.T) {
	p, out, now := watched(false)
	p.say("prepare", "building mailnode")
	p.at("a", step("archive", -time.Hour, ""))
	p.at("a", step("run", 1*time.Second, ""))
	p.at("a", step("run", 2*time.Second, ""))
	p.at("a", step("run", 3*time.Second, "power loss of east"))
	*now = now.Add(alive)
	p.at("a", step("run", 4*time.Second, ""))
	p.at("a", step("audit", time.Minute, ""))
	p.done("a", &report.Run{Verdict: report.Pass, WallMS: 1500})
	require.Equal(t, []string{
		"prepare: building mailnode",
		"a: archive",
		"a: run 1s/1m",
		"a: run 3s/1m  power loss of east",
		"a: run 4s/1m",
		"a: audit 1m/1m",
		"a: pass after 1.5 s (1 of 2)",
		"",
	}, strings.Split(out.String(), "\n"))
}

// TestATerminalHasOneLineThatChanges: it is redrawn at most every tenth of a
// second, cut to the width, shows all that run, and is gone at the end.
func TestATerminalHasOneLineThatChanges(t *testing.T) {
	p, out, now := watched(true)
	p.at("a", step("run", time.Second, ""))
	p.at("a", step("run", 2*time.Second, ""))
	require.Equal(t, "\r\x1b[Ka: run 1s/1m", out.String(), "too soon for another")
	*now = now.Add(redraw)
	p.at("b", step("run", time.Second, "a long story about what happened"))
	last := out.String()[strings.LastIndex(out.String(), "\x1b[K")+3:]
	require.Equal(t, "a: run 2s/1m | b: run 1s/1m  a long st…", last)
	require.NotContains(t, out.String(), "\n")
	p.done("a", &report.Run{Verdict: report.Fail})
	require.Contains(t, out.String(), "\r\x1b[Ka: fail after 0 s (1 of 2)\n")
	require.Equal(t, "b: run 1s/1m  a long story about what happened", p.status())
	p.close()
	require.True(t, strings.HasSuffix(out.String(), "\r\x1b[K"))
}
