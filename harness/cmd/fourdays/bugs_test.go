package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
	"fourdays/storage/catalog"
)

// TestPagesFitATerminal looks at every shipped bug, in the widths that people
// have. Addresses and paths cannot be broken.
func TestPagesFitATerminal(t *testing.T) {
	for _, b := range catalog.All() {
		for _, width := range []int{0, 60, 80, 200} {
			text := shown(b, folder{}, width)
			for line := range strings.Lines(text) {
				require.Equal(t, strings.TrimRight(line, " \n")+"\n", line, "blanks at the end")
				limit := min(max(width, 60), widest)
				if width == 0 {
					limit = usual
				}
				if !strings.Contains(line, "://") && !strings.Contains(line, ".yaml") {
					require.LessOrEqual(t, utf8.RuneCountInString(line), limit, "%s at %d: %s", b.ID, width, line)
				}
			}
		}
	}
}

// TestTheListFitsATerminal: in a narrow one the title has its own line.
func TestTheListFitsATerminal(t *testing.T) {
	bugs := catalog.All()
	for line := range strings.Lines(listed(bugs, 80)) {
		require.LessOrEqual(t, utf8.RuneCountInString(line), 81, line)
	}
	require.Equal(t, 2*len(bugs)+2, strings.Count(listed(bugs, 80), "\n"))
	require.Equal(t, len(bugs)+1, strings.Count(listed(bugs, 0), "\n"))
	require.Equal(t, listed(bugs, 0), listed(bugs, 500))
}

// TestEveryWordOfTheLanguageIsExplained finds words that a page would leave empty.
func TestEveryWordOfTheLanguageIsExplained(t *testing.T) {
	for _, b := range catalog.All() {
		require.NotEmpty(t, reboots[b.Shows.Reboot], b.ID)
		require.NotEmpty(t, correlations[b.Shows.Correlated], b.ID)
		require.NotEmpty(t, labels[b.Evidence.Label], b.ID)
	}
	for _, c := range catalog.Correlations {
		require.NotEmpty(t, correlations[c])
	}
}

// TestFiguresAreFoundWhereverTheyStand reads values as a printed bug has them.
func TestFiguresAreFoundWhereverTheyStand(t *testing.T) {
	const text = "trigger: {all: [{count: ops, at: 320, every: 256}, {chance: 0.5}]}\n" +
		"effect: {ops: [read, write], data: flip(3), delay: 20ms..2s}\n" +
		"scope: {extent: volume, population: {os: \"a, {b}\", array: x}}\npersistence: once\n"
	for key, want := range map[string]string{
		"at": "320", "every": "256", "chance": "0.5", "ops": "[read, write]", "data": "flip(3)", "delay": "20ms..2s",
		"os": `"a, {b}"`, "array": "x", "population": `{os: "a, {b}", array: x}`, "persistence": "once", "nothing": "",
	} {
		require.Equal(t, want, valueOf(text, key), key)
	}
	require.Equal(t, "1, 2", valueOf("a: {at: 1}\nb: {at: 2, c: {at: 1}}\n", "at"))
	require.Equal(t, "at 70000; gremlins", figures(mustBug(t, "netapp-70000"), []string{"at", "gremlins"}))
}

func mustBug(t *testing.T, id string) bug.Bug {
	b, ok := catalog.Get(id)
	require.True(t, ok)
	return b
}
