package scenario

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
)

func read(t testing.TB, path string) []byte {
	t.Helper()
	src, err := os.ReadFile(path)
	require.NoError(t, err)
	return src
}

func mustParse(t testing.TB, src []byte) *Scenario {
	t.Helper()
	s, err := Parse("test.yaml", src)
	require.NoError(t, err, "%s", src)
	return placeless(s)
}

// placeless forgets where in its file a scenario has what: two files that mean
// the same are equal.
func placeless(s *Scenario) *Scenario {
	for i := range s.Timeline {
		s.Timeline[i].where = nil
	}
	for i := range s.Playbook {
		s.Playbook[i].where = nil
	}
	for i := range s.Stop {
		s.Stop[i].where = place{}
	}
	if s.External != nil {
		s.External.where = place{}
	}
	return s
}

// TestTheExampleMeansWhatItSays reads the example of the design notes, field by
// field, with the defaults it does not mention.
func TestTheExampleMeansWhatItSays(t *testing.T) {
	s := mustParse(t, read(t, "testdata/example.yaml"))

	within := time.Minute
	require.Equal(t, &Scenario{
		Name:  "lying-flush-shared-fate",
		Title: "Every replica's array runs the same OS, and its flush lies",
		Seed:  7,
		Storage: Storage{
			Arrays: []Array{
				{Name: "east", OS: "acme/1.0", Controllers: 2, Service: 500 * time.Microsecond, Bandwidth: 200e6, Capacity: 64e9},
				{Name: "west", OS: "acme/1.0", Controllers: 2, Service: 500 * time.Microsecond, Bandwidth: 200e6, Capacity: 64e9},
				{Name: "north", OS: "other/9.4", Controllers: 2, Service: 500 * time.Microsecond, Bandwidth: 200e6, Capacity: 64e9},
			},
			Stores:  []Store{{"main", []Replica{{"n1", "east"}, {"n2", "west"}, {"n3", "north"}}}},
			Profile: Ordered, Promise: true,
		},
		Mail: Mail{Domains: []string{"libero.example", "virgilio.example"}, Mailboxes: 200, Archive: 5, Population: 200},
		Workload: Workload{
			Deliver: Rate{20, time.Second}, Read: Rate{10, time.Second}, Change: Rate{0, time.Second},
			Senders: "consumer-2023", Until: 3 * time.Minute, MaxSize: 64_000,
		},
		Raft:     Raft{Timeout: 2 * time.Second},
		Watchdog: 10 * time.Second,
		Network:  Network{Latency: time.Millisecond},
		Timeline: []Step{
			{At: 30 * time.Second, Action: Arm{Bug: "flush-lies", On: Scope{OS: "acme/*"}, As: "flush-lies"}},
			{At: 60 * time.Second, Action: PowerLoss{[]string{"east", "west"}}},
			{At: 61 * time.Second, Action: PowerOn{[]string{"east", "west"}}},
		},
		Duration: 3 * time.Minute,
		Settle:   time.Minute,
		Expect: Expect{
			Counts:          []Count{{"lost", Cond{"=", 0}}, {"altered", Cond{"=", 0}}, {"misfiled", Cond{"=", 0}}},
			RecoveredWithin: &within,
		},
	}, s)
	require.Equal(t, []string{"n1", "n2", "n3"}, s.Nodes())
	require.Equal(t, "other/9.4", s.ArrayOf("n3").OS)
	require.Nil(t, s.ArrayOf("n9"))
}

// TestEveryActionIsRead names each verb once, in the file's order.
func TestEveryActionIsRead(t *testing.T) {
	s := mustParse(t, read(t, "testdata/everything.yaml"))

	seen := map[string]bool{}
	external := mustParse(t, read(t, "testdata/external.yaml"))
	for _, step := range slices.Concat(s.Timeline, external.Timeline) {
		if step.Action != nil {
			seen[step.Action.Verb()] = true
		}
	}
	for _, verb := range Verbs() {
		require.True(t, seen[verb], "no file of testdata has %s", verb)
	}
	require.Equal(t, Array{
		Name: "east", OS: "acme/1.0", Controllers: 1, Service: 250 * time.Microsecond, Bandwidth: 150 << 20, Capacity: 2 << 40,
		PowerOn: 32767 * time.Hour, Age: 42 * day, Drives: 12, Tolerance: 2, Rebuild: 6 * time.Hour, Skew: 8760 * time.Hour,
		Cache: 64 << 10, Queue: 64, Inodes: 10_000, Mirrored: true,
		Counters: []Counter{{bug.Writes, 1_000_000}, {bug.Files, 65_000}},
	}, s.Storage.Arrays[0])
	require.Equal(t, Arm{Bug: "own-bug", On: Scope{Node: "n3"}, As: "own-bug", ReachedAt: 612, Chance: 0.5}, s.Timeline[2].Action)
	require.Equal(t, Upgrade{To: []Upgraded{{"west", "acme/1.2"}, {"north", "9.5"}}}, step(s, "upgrade"))
	require.Equal(t, Tell{"node_replace", []string{"east", "west"}}, step(s, "tell"))
	require.Equal(t, Scrub{[]string{"east"}, []string{"n1"}}, step(s, "scrub"))
	require.Equal(t, Crash{[]string{"west"}, 5 * time.Minute}, step(s, "crash"))
	require.Equal(t, Copy{"nightly", []string{"n1", "n2"}}, step(s, "copy"))
	require.Equal(t, Restore{"nightly", []string{"n1"}}, step(s, "restore"))
	require.Equal(t, Promote{[]string{"east"}}, step(s, "promote"))
	require.Equal(t, "own-bug", s.Proves)
	require.Equal(t, []ScrubWant{{"east", Cond{">=", 1}}}, s.Expect.Scrubs)
	require.Equal(t, &Length{">=", 20 * time.Second}, s.Expect.UnavailableFor)
	require.Equal(t, &Length{"<", time.Second}, s.Expect.Latency)
	require.Equal(t, [][]string{{"n2"}, {}}, [][]string{s.Expect.Down, s.Expect.Alarms})
	require.Equal(t, Reopen{To: 100, Over: 55 * time.Hour, Steps: 11}, s.Timeline[len(s.Timeline)-1].Action)
	require.Equal(t, Step{At: 4 * time.Second, Action: Fix{"first"}, Note: "the vendor's fix arrives"}, s.Timeline[4])
	require.Equal(t, []Number{
		{"mailboxes", "9000000", "https://example.org/faq"}, {"closed at", "18h", Picked},
	}, s.Numbers)
}

// step is the first action of that name.
func step(s *Scenario, verb string) Action {
	for _, step := range s.Timeline {
		if step.Action != nil && step.Action.Verb() == verb {
			return step.Action
		}
	}
	return nil
}

func TestStepsAreSortedAndKeepTheFilesOrderWithinAMoment(t *testing.T) {
	src := strings.Replace(string(read(t, "testdata/example.yaml")), "duration: 3m",
		"  - {at: 1s, note: a}\n  - {at: 1s, note: b}\n  - {at: 0, note: c}\nduration: 3m", 1)
	s := mustParse(t, []byte(src))
	require.Equal(t, []string{"c", "a", "b"}, []string{s.Timeline[0].Note, s.Timeline[1].Note, s.Timeline[2].Note})
}

// TestShippedScenariosAreValid also holds each file's name to what it calls
// itself, so that run directories can be found.
func TestShippedScenariosAreValid(t *testing.T) {
	for _, path := range shipped(t) {
		all, _, err := LoadAll(path)
		require.NoError(t, err)
		for _, s := range all {
			require.Equal(t, ScenarioName(path), cmp.Or(s.Variant.Of, s.Name), path)
		}
	}
}

// TestTheReadmesExampleIsValid keeps the first scenario that anyone copies alive.
func TestTheReadmesExampleIsValid(t *testing.T) {
	_, rest, found := strings.Cut(string(read(t, "../../README.md")), "```yaml\n")
	require.True(t, found)
	src, _, _ := strings.Cut(rest, "```")
	mustParse(t, []byte(src))
}

func shipped(t testing.TB) []string {
	var paths []string
	err := filepath.WalkDir("../../scenarios", func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if filepath.Ext(path) == ".yaml" {
			paths = append(paths, path)
		}
		return err
	})
	require.NoError(t, err)
	return paths
}

func TestMatchesNeedsEveryPatternOfAScope(t *testing.T) {
	volume := Scope{OS: "acme/1.0", Array: "east", Volume: "east/n1", Node: "n1", Store: "main"}
	require.True(t, Scope{}.Matches(volume))
	require.True(t, Scope{OS: "acme/*"}.Matches(volume))
	require.True(t, Scope{OS: "acme/*", Node: "n[12]"}.Matches(volume))
	require.False(t, Scope{OS: "acme/*", Node: "n2"}.Matches(volume))
	require.False(t, Scope{OS: "acme"}.Matches(volume))
}

func TestConditionsHold(t *testing.T) {
	for text, holds := range map[string][3]bool{ // for 0, 1, 2
		"1": {false, true, false}, ">=1": {false, true, true}, "<=1": {true, true, false},
		"> 1": {false, false, true}, "<1": {true, false, false},
	} {
		c, err := parseCond(text)
		require.NoError(t, err)
		for got, want := range holds {
			require.Equal(t, want, c.Holds(int64(got)), "%d %s", got, text)
		}
	}
}
