package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/storage/catalog"
)

var update = flag.Bool("update", false, "write the track record anew from what was recorded")

// TestTheTrackRecordIsUpToDate holds the published table to the bugs and pairs
// as they are. What a pair or its bug does may not change without it being
// played again: make record does that. Words alone need only -update.
func TestTheTrackRecordIsUpToDate(t *testing.T) {
	dir := filepath.Join("../../..", pairs)
	why, err := stale(dir)
	require.NoError(t, err)
	require.Empty(t, why, "make record, or make record BUG=id for one")
	if *update {
		require.NoError(t, writeRecord(dir))
	}
	want, err := recordOf(dir)
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(dir, recordFile))
	require.NoError(t, err)
	require.Equal(t, want, string(got), "go test ./harness/cmd/fourdays -run TrackRecord -update")
}

const paired = `name: flush-lies
title: A test
proves: flush-lies
storage: {arrays: {east: {os: acme/1.0}}, stores: {main: {n1: east}}}
mail: {domains: [libero.example], mailboxes: 10}
workload: {deliver: 1/s}
timeline: [{at: 1s, arm: flush-lies, on: {array: east}}]
duration: 1m
expect: {lost: ">=1"}
`

// recorded is a folder with one pair and its outcome.
func recorded(t *testing.T) string {
	dir := t.TempDir()
	path := filepath.Join(dir, "flush-lies.yaml")
	require.NoError(t, os.WriteFile(path, []byte(paired), 0o644))
	s, _, err := scenario.Load(path)
	require.NoError(t, err)
	require.NoError(t, keep(dir, []outcome{{
		File: "flush-lies.yaml", Bug: "flush-lies", Seed: 1, Apart: true, Armed: report.Pass, Seen: "1 lost | 2 found",
		Disarmed: report.Pass, ScenarioSum: scenarioSum(s), BugsSum: bugsSum(s),
	}}))
	return dir
}

// TestAStaleRecordIsSeen: each case changes one thing that the record is about.
func TestAStaleRecordIsSeen(t *testing.T) {
	dir := recorded(t)
	why, err := stale(dir)
	require.NoError(t, err)
	require.Empty(t, why)

	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	says := func(want string) {
		why, err := stale(dir)
		require.NoError(t, err)
		require.Len(t, why, 1)
		require.Contains(t, why[0], want)
	}
	write("flush-lies.yaml", "# a comment changes nothing\n"+paired)
	why, err = stale(dir)
	require.NoError(t, err)
	require.Empty(t, why)
	write("flush-lies.yaml", strings.Replace(paired, "at: 1s", "at: 2s", 1))
	says("has changed since")
	write("flush-lies.yaml", paired)
	write("another.yaml", strings.Replace(paired, "name: flush-lies", "name: another", 1))
	says("another.yaml was never recorded")
	require.NoError(t, os.Remove(filepath.Join(dir, "another.yaml")))

	all, err := outcomes(dir)
	require.NoError(t, err)
	for want, damage := range map[string]func(*outcome){
		"what its bug does has changed": func(o *outcome) { o.BugsSum = "x" },
		"was not told apart":            func(o *outcome) { o.Apart = false },
	} {
		broken := all[0]
		damage(&broken)
		require.NoError(t, keep(dir, []outcome{broken}))
		says(want)
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "flush-lies.yaml")))
	says("was recorded and is not there")
}

// TestTheTrackRecordNamesEveryBug, those with a pair in the table and the others
// below it; what stands in a cell does not end it.
func TestTheTrackRecordNamesEveryBug(t *testing.T) {
	text, err := recordOf(recorded(t))
	require.NoError(t, err)
	require.Contains(t, text, "| [`flush-lies`](flush-lies.yaml) | crash-loss | once armed | user | 1 lost \\| 2 found | pass | 1 | read, high |\n")
	for _, b := range catalog.All() {
		require.Contains(t, text, "`"+b.ID+"`")
	}
	pairs, endings, two := strings.Cut(text, "## What becomes of the store")
	require.True(t, two)
	require.Contains(t, endings, "| `flush-lies` | not recorded | no |  |  |\n")
	for part, cells := range map[string]int{pairs: 9, endings: 6} {
		for line := range strings.Lines(part) {
			if strings.HasPrefix(line, "|") {
				require.Equal(t, cells, strings.Count(strings.ReplaceAll(line, "\\|", ""), "|"), line)
			}
		}
	}
}

// TestSumsAreOfWhatABugDoes, not of what is said about it.
func TestSumsAreOfWhatABugDoes(t *testing.T) {
	parse := func(edit ...string) *scenario.Scenario {
		own := "bugs: [{id: own, title: Ours, trigger: {event: arm}, effect: {ops: [read], reply: EIO}, persistence: permanent}]\n"
		s, err := scenario.Parse("f", []byte(strings.NewReplacer(edit...).Replace(own+paired)))
		require.NoError(t, err)
		return s
	}
	require.Equal(t, bugsSum(parse()), bugsSum(parse("title: Ours", "title: Theirs")))
	require.NotEqual(t, bugsSum(parse()), bugsSum(parse("reply: EIO", "reply: never")))
}
