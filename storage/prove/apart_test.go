package prove_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// silent is a bug that is said to be noticed by nobody.
func silent(effect, rest string) string {
	return "trigger: {event: shake}\neffect: " + effect + "\n" + rest + "\n"
}

// TestABugThatDoesNothingIsNoProof fires bugs whose effects change nothing: that
// nobody notices them is no wonder.
func TestABugThatDoesNothingIsNoProof(t *testing.T) {
	for _, text := range []string{
		silent("{ops: [read], delay: 1us}", "persistence: once\nshows: {to: [], reboot: clears, correlated: none}"),
		silent("{ops: [read], delay: 1ns}", "persistence: until_reboot\nshows: {to: [], reboot: clears, correlated: none}"),
		silent("{ops: [read, write], slow: 1.0001}", "persistence: until_reboot\nshows: {to: [], reboot: clears, correlated: none}"),
	} {
		b := parse(t, text)
		r := alone(t, b, 1)
		require.Positive(t, r.Fired, text)
		require.Empty(t, r.Apart, text)
		require.Contains(t, strings.Join(r.Differences(b), "\n"), "fired and changed nothing that can be told", text)
	}
}

// TestWhatNobodyNoticesHasToDiffer shows what a silent bug did: an alarm kept
// back, and answers that are later, but not so late that a caller minds.
func TestWhatNobodyNoticesHasToDiffer(t *testing.T) {
	for want, text := range map[string]string{
		"time: ": silent("{ops: [read], delay: 500us}", "persistence: until_reboot\nshows: {to: [], reboot: clears, correlated: none}"),
		"alarms: ": `trigger: {event: arm}
effect: {ops: [alarm], reply: never}
plane: report
scope: {extent: array}
persistence: until_fix
shows: {to: [], reboot: stays, correlated: none}`,
	} {
		b := parse(t, text)
		r := alone(t, b, 1)
		require.Empty(t, r.Differences(b), r)
		require.Len(t, r.Apart, 1)
		require.True(t, strings.HasPrefix(r.Apart[0], want), r.Apart)
		require.Contains(t, r.String(), "unlike the twin, and nobody noticed: "+want)
	}
	require.NotContains(t, alone(t, shipped(t, "bit-rot"), 1).String(), "unlike the twin")
}
