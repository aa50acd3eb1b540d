package bug_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// TestWhatPrintsParsesBack says it of every part of the language.
func TestWhatPrintsParsesBack(t *testing.T) {
	for name, text := range examples() {
		t.Run(name, func(t *testing.T) { roundTrip(t, text) })
	}
}

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
		Class:    bug.ClassLimit,
		Operator: bug.Operator{Sees: "Nothing, until a shelf is power-cycled.", Clears: "Nothing.", Worsens: "Any power cycle."},
		Evidence: bug.Evidence{Label: bug.Read, Confidence: bug.High, Product: "X, 2022", URL: "lenovonetapp.com/su448.html", Note: "a \"note\"\nof two lines",
			Sourced: []string{"at", "event"}, Picked: []string{"extent"}},
		Trigger: bug.Trigger{
			Arm:  &bug.Trigger{Count: &bug.Count{Clock: bug.PowerOnHours, At: 70000}},
			Fire: &bug.Trigger{Event: bug.EventPowerCycle}},
		Effect: bug.Effect{Ops: []vol.Kind{vol.Read, vol.Write}, Reply: bug.Reply{Errno: syscall.EIO}},
		Plane:  bug.Data,
		Scope: bug.Scope{Extent: bug.ExtentDevice, Path: "*.mem",
			Population: bug.Population{OS: "<NA05", Array: "e*", Volume: "n1", Store: "main", Controller: &zero}},
		Persistence: bug.Permanent,
		Shows:       bug.Shows{To: []bug.Observer{bug.Caller, bug.User}, Reboot: bug.Worsens, Correlated: bug.SameOS},
	}, b)
}

func TestParseReadsTimes(t *testing.T) {
	b, err := bug.Parse("x.yaml", []byte(withEffect(`{ops: [read], delay: 20ms..2s}`)))
	require.NoError(t, err)
	require.Equal(t, bug.Delay{Min: 20 * time.Millisecond, Max: 2 * time.Second}, b.Effect.Delay)
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

// TestWithTakesEachFieldFromWhoGivesIt goes through every field, so that a new one
// is not forgotten.
func TestWithTakesEachFieldFromWhoGivesIt(t *testing.T) {
	zero, one := 0, 1
	own := bug.Scope{Extent: bug.ExtentBlock, Path: "a", Population: bug.Population{OS: "a", Array: "a", Volume: "a", Store: "a", Controller: &zero, SameAddress: true}}
	other := bug.Scope{Extent: bug.ExtentArray, Path: "b", Population: bug.Population{OS: "b", Array: "b", Volume: "b", Store: "b", Controller: &one, SameAddress: true}}
	require.Equal(t, own, own.With(bug.Scope{}))
	require.Equal(t, other, own.With(other))
	require.Equal(t, own, bug.Scope{}.With(own))
	require.Equal(t, bug.ExtentVolume, bug.Scope{}.With(bug.Scope{}).Extent)
	require.Equal(t, 8, reflect.TypeFor[bug.Scope]().NumField()+reflect.TypeFor[bug.Population]().NumField()-1, "a field more: does With take it over?")
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

func TestAtMovesEveryCounterAndLeavesTheOriginal(t *testing.T) {
	b, err := bug.Parse("x", []byte(withTrigger(`{any: [{all: [{count: ops, at: 1}, {event: a}]}, {arm: {count: files, at: 2}, fire: {event: b}}]}`)))
	require.NoError(t, err)
	before := string(bug.Print(b))
	moved := string(bug.Print(b.At(99)))
	require.Contains(t, moved, "{count: ops, at: 99}")
	require.Contains(t, moved, "{count: files, at: 99}")
	require.Equal(t, before, string(bug.Print(b)))
}

// TestDesignKnowsEveryWord holds DESIGN.md to the language: its example parses,
// and each key and word that there is stands in it.
func TestDesignKnowsEveryWord(t *testing.T) {
	design, err := os.ReadFile("DESIGN.md")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(design), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	require.True(t, ok)
	_, err = bug.Parse("DESIGN.md", []byte(example))
	require.NoError(t, err)
	for _, enum := range regexp.MustCompile(`(?s)"enum": \[(.*?)\]`).FindAllStringSubmatch(string(bug.Schema()), -1) {
		for _, word := range regexp.MustCompile(`"(.*?)"`).FindAllStringSubmatch(enum[1], -1) {
			require.True(t, regexp.MustCompile(`\b`+word[1]+`\b`).Match(design), word[1])
		}
	}
	for _, key := range regexp.MustCompile(`(?m)^ +"([a-z_]+)": \{$`).FindAllStringSubmatch(string(bug.Schema()), -1) {
		if key[1] != "properties" && key[1] != "items" { // these are of the schema
			require.True(t, regexp.MustCompile(`\b`+key[1]+`\b`).Match(design), key[1])
		}
	}
}
