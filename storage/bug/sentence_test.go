package bug_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
)

// TestABugSaysItselfInOneLine holds the sentence of every example to
// testdata/sentences.txt, so that each is read by somebody who changes it.
func TestABugSaysItselfInOneLine(t *testing.T) {
	all := examples()
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b, err := bug.Parse(name, []byte(all[name]))
		require.NoError(t, err)
		s := b.Sentence()
		require.NotContains(t, s, "\n")
		require.NotContains(t, s, "  ")
		lines = append(lines, name+": "+s)
	}
	got := strings.Join(lines, "\n") + "\n"
	if *rewrite {
		require.NoError(t, os.WriteFile("testdata/sentences.txt", []byte(got), 0o644))
	}
	want, err := os.ReadFile("testdata/sentences.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// TestNoTwoExamplesSayTheSame shows that what tells two bugs apart is said: each
// key of the language is in the sentence.
func TestNoTwoExamplesSayTheSame(t *testing.T) {
	said := map[string]string{}
	for name, text := range examples() {
		b, err := bug.Parse(name, []byte(text))
		require.NoError(t, err)
		b.Evidence, b.Shows, b.Title, b.Class, b.Operator = bug.Evidence{}, bug.Shows{}, "", "", bug.Operator{}
		s, printed := b.Sentence(), string(bug.Print(b))
		if other, seen := said[s]; seen {
			require.Equal(t, other, printed, "%s says the same", name)
		}
		said[s] = printed
	}
}

func TestTheSentenceOfAFamousBug(t *testing.T) {
	b := bug.Bug{Trigger: bug.Trigger{Arm: &bug.Trigger{Count: &bug.Count{Clock: bug.PowerOnHours, At: 70000}}, Fire: &bug.Trigger{Event: bug.EventPowerCycle}},
		Effect: effect(t, "{ops: [read, write], reply: EIO}"), Persistence: bug.Permanent,
		Scope: bug.Scope{Extent: bug.ExtentDevice, Population: bug.Population{OS: "<NA05"}}}
	require.Equal(t, "power_on_hours reaches 70000, then power_cycle → read, write answer EIO, for good, on each drive with <NA05", b.Sentence())
	require.NotEmpty(t, (&bug.Bug{}).Sentence(), "what is no bug at all says something too")
}

func effect(t *testing.T, text string) bug.Effect {
	t.Helper()
	b, err := bug.Parse("effect", []byte(withEffect(text)))
	require.NoError(t, err)
	return b.Effect
}
