package bug_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// rest completes a bug of which a test writes only the interesting part.
const rest = `
persistence: permanent
`

// valid is one bug for each thing that the language can say.
var valid = map[string]string{
	"count":    `{count: files, at: 1000}`,
	"every":    `{count: power_on_hours, at: 320, every: 256}`,
	"level":    `{level: fill, above: 0.9}`,
	"below":    `{level: inodes, below: 0.1}`,
	"event":    `{event: power_cycle}`,
	"match":    `{match: {ops: [write, fsync], path: "*.mem", min: 1, max: 4096}}`,
	"overlap":  `{overlap: [write, read], within: 5s}`,
	"chance":   `{chance: 0.001}`,
	"time":     `{time: 72h}`,
	"window":   `{time: 1h30m, until: 2h}`,
	"all":      `{all: [{event: failover}, {chance: 1}]}`,
	"any":      `{any: [{time: 1s}, {count: ops, at: 5}]}`,
	"arm fire": `{arm: {count: power_on_hours, at: 70000}, fire: {event: power_cycle}}`,
	"nested":   `{arm: {all: [{event: a}, {any: [{event: b}, {event: c}]}]}, fire: {chance: 0.5}}`,
}

var validEffects = map[string]string{
	"hang":      `{ops: [open, read, write, truncate, fsync, fsyncdir, close, stat, readdir, mkdir, rmdir, unlink, rename, statfs], reply: never}`,
	"errno":     `{ops: [read], reply: EIO}`,
	"lie":       `{ops: [fsync, fsyncdir], persist: no, lost_at: [power_loss, failover, node_power_loss]}`,
	"late":      `{ops: [fsync], persist: late(700ms)}`,
	"torn":      `{ops: [write], persist: partial(512)}`,
	"elsewhere": `{ops: [write], persist: elsewhere}`,
	"zero":      `{ops: [read], data: zero}`,
	"old":       `{ops: [read], data: old(1)}`,
	"other":     `{ops: [read], data: other}`,
	"flip":      `{ops: [read, write], data: flip(3)}`,
	"cut":       `{ops: [read], data: cut(512)}`,
	"slow":      `{ops: [read, write], delay: 20ms..2s}`,
	"slower":    `{ops: [read], delay: 1s, data: zero}`,
	"rollback":  `{action: rollback, to: 30s}`,
	"hide":      `{action: hide_entries, part: 0.9}`,
	"offline":   `{action: offline}`,
}

func withTrigger(t string) string {
	return "id: x\ntrigger: " + t + "\neffect: {ops: [read], reply: EIO}" + rest
}

func withEffect(e string) string {
	return "id: x\ntrigger: {event: arm}\neffect: " + e + rest
}

// TestWhatPrintsParsesBack says it of every part of the language.
func TestWhatPrintsParsesBack(t *testing.T) {
	for name, trigger := range valid {
		t.Run(name, func(t *testing.T) { roundTrip(t, withTrigger(trigger)) })
	}
	for name, effect := range validEffects {
		t.Run(name, func(t *testing.T) { roundTrip(t, withEffect(effect)) })
	}
	t.Run("everything else", func(t *testing.T) { roundTrip(t, full) })
}

const full = `
id: netapp-70000
title: "Drives: keep working # past 70,000 hours"
evidence: {label: read, url: lenovonetapp.com/su448.html, note: "a \"note\"\nof two lines", sourced: [at, event], picked: [extent]}
trigger:
  arm:  {count: power_on_hours, at: 70000}
  fire: {event: power_cycle}
effect: {ops: [read, write], reply: EIO}
plane: data
scope: {extent: array, population: {os: "<NA05", array: "e*", volume: n1, store: main, controller: 0}, path: "*.mem"}
persistence: permanent
shows: {silent: true, reboot_clears: true}
`

func roundTrip(t *testing.T, text string) {
	b, err := bug.Parse("x.yaml", []byte(text))
	require.NoError(t, err)
	again, err := bug.Parse("x.yaml", bug.Print(b))
	require.NoError(t, err, "%s", bug.Print(b))
	require.Equal(t, b, again)
	require.Equal(t, string(bug.Print(b)), string(bug.Print(again)))
}

func TestParseReadsEveryField(t *testing.T) {
	b, err := bug.Parse("x.yaml", []byte(full))
	require.NoError(t, err)
	zero := 0
	require.Equal(t, bug.Bug{
		ID: "netapp-70000", Title: "Drives: keep working # past 70,000 hours",
		Evidence: bug.Evidence{Label: bug.Read, URL: "lenovonetapp.com/su448.html", Note: "a \"note\"\nof two lines",
			Sourced: []string{"at", "event"}, Picked: []string{"extent"}},
		Trigger: bug.Trigger{
			Arm:  &bug.Trigger{Count: &bug.Count{Clock: bug.PowerOnHours, At: 70000}},
			Fire: &bug.Trigger{Event: bug.EventPowerCycle}},
		Effect: bug.Effect{Ops: []vol.Kind{vol.Read, vol.Write}, Reply: bug.Reply{Errno: syscall.EIO}},
		Plane:  bug.Data,
		Scope: bug.Scope{Extent: bug.ExtentArray, Path: "*.mem",
			Population: bug.Population{OS: "<NA05", Array: "e*", Volume: "n1", Store: "main", Controller: &zero}},
		Persistence: bug.Permanent,
		Shows:       bug.Shows{Silent: true, RebootClears: true},
	}, b)
}

func TestParseReadsTimes(t *testing.T) {
	b, err := bug.Parse("x.yaml", []byte(withEffect(`{ops: [read], delay: 20ms..2s}`)))
	require.NoError(t, err)
	require.Equal(t, bug.Delay{Min: 20 * time.Millisecond, Max: 2 * time.Second}, b.Effect.Delay)
}

// TestInvalidBugsSayWhereAndWhatWouldBeRight reads testdata/invalid: each file
// is a bug whose first line is a comment with the error it has to give.
func TestInvalidBugsSayWhereAndWhatWouldBeRight(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid/*.yaml")
	require.NoError(t, err)
	require.Greater(t, len(files), 20)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			first, _, _ := strings.Cut(string(text), "\n")
			_, err = bug.Parse(filepath.Base(file), text)
			require.Error(t, err)
			require.Equal(t, strings.TrimPrefix(first, "# "), strings.ReplaceAll(err.Error(), "\n", " | "))
			var at *bug.Error
			require.ErrorAs(t, err, &at)
		})
	}
}

func TestHugeAndEmptyFilesAreRefused(t *testing.T) {
	_, err := bug.Parse("big.yaml", make([]byte, bug.MaxFile+1))
	require.ErrorContains(t, err, "big.yaml:1:1: 1048577 bytes are too many")
	_, err = bug.Parse("empty.yaml", nil)
	require.EqualError(t, err, "empty.yaml:1:1: the file is empty; a bug starts with its id")
}

func TestCheckFindsWhatParseWould(t *testing.T) {
	b := bug.Bug{ID: "x", Trigger: bug.Trigger{Event: "arm"}, Persistence: bug.Once,
		Effect: bug.Effect{Ops: []vol.Kind{vol.Read}, Reply: bug.Reply{Errno: syscall.EIO}}}
	require.NoError(t, b.Check())
	b.Effect.Reply.Errno = syscall.E2BIG
	require.ErrorContains(t, b.Check(), "effect.reply")
	b.Effect = bug.Effect{}
	b.Persistence = "for ever"
	require.ErrorContains(t, b.Check(), "effect: an effect needs the ops")
	require.ErrorContains(t, b.Check(), "persistence: a persistence is needed: once, transient")
}

func TestMatchOS(t *testing.T) {
	for _, c := range []struct {
		pattern, tag string
		want         bool
	}{
		{"", "acme/1.0", true},
		{"acme/*", "acme/1.0", true},
		{"acme/*", "other/1.0", false},
		{"acme/1.?", "acme/1.0", true},
		{"acme/<1.2", "acme/1.0", true},
		{"acme/<1.2", "acme/1.2", false},
		{"acme/<1.10", "acme/1.9", true},
		{"acme/<=1.2", "acme/1.2", true},
		{"acme/>=1.2", "acme/1.10", true},
		{"acme/>1.2", "acme/1.2", false},
		{"acme/=1.2", "acme/1.2", true},
		{"acme/<2", "other/1.0", false},
		{"*/<2", "other/1.0", true},
		{"<NA05", "NA04", true},
		{"<NA05", "NA05", false},
		{"<NA5", "NA0004", true},
		{"acme/<1.2", "acme", false},
		{"acme/<1.2", "acme/1", true},
	} {
		require.Equal(t, c.want, bug.MatchOS(c.pattern, c.tag), "%s on %s", c.pattern, c.tag)
	}
}

func TestPopulationRestrictsByEachField(t *testing.T) {
	h := bug.Host{OS: "acme/1.0", Array: "east", Volume: "n1", Store: "main"}
	require.True(t, bug.Population{}.Has(h))
	require.True(t, bug.Population{OS: "acme/*", Array: "e*", Volume: "n1", Store: "main"}.Has(h))
	for _, p := range []bug.Population{{OS: "other/*"}, {Array: "west"}, {Volume: "n2"}, {Store: "old"}} {
		require.False(t, p.Has(h), "%+v", p)
	}
}

func TestMatchPathTakesTheLastElementUnlessItHasASlash(t *testing.T) {
	require.True(t, bug.MatchPath("*.mem", "store/00001.mem"))
	require.True(t, bug.MatchPath("store/*.mem", "store/00001.mem"))
	require.False(t, bug.MatchPath("other/*.mem", "store/00001.mem"))
	require.True(t, bug.MatchPath("", "anything"))
	require.False(t, bug.MatchPath("[", "x"))
}

func TestScopeSaysItselfInOneLine(t *testing.T) {
	one := 1
	s := bug.Scope{Extent: bug.ExtentArray, Path: "*.mem", Population: bug.Population{OS: "acme/*", Controller: &one}}
	require.Equal(t, "os=acme/* path=*.mem extent=array controller=1", s.String())
}

func FuzzParse(f *testing.F) {
	for _, trigger := range valid {
		f.Add([]byte(withTrigger(trigger)))
	}
	for _, effect := range validEffects {
		f.Add([]byte(withEffect(effect)))
	}
	f.Add([]byte(full))
	f.Add([]byte("a: &a [*a, *a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := bug.Parse("f.yaml", text)
		if err != nil {
			var at *bug.Error
			require.True(t, errors.As(err, &at))
			require.Positive(t, at.Line)
			return
		}
		again, err := bug.Parse("f.yaml", bug.Print(b))
		require.NoError(t, err, "%s", bug.Print(b))
		require.Equal(t, b, again)
	})
}

func TestAtMovesEveryCounterAndLeavesTheOriginal(t *testing.T) {
	b, err := bug.Parse("x", []byte(withTrigger(`{any: [{all: [{count: ops, at: 1}, {event: a}]}, {arm: {count: files, at: 2}, fire: {event: b}}]}`)))
	require.NoError(t, err)
	before := string(bug.Print(b))
	moved := string(bug.Print(b.At(99)))
	require.Contains(t, moved, "{count: ops, at: 99}")
	require.Contains(t, moved, "{count: files, at: 99}")
	require.Equal(t, before, string(bug.Print(b)))
}
