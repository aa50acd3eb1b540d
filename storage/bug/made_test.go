package bug_test

import (
	"maps"
	"math"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

var (
	oddText   = []string{"", "no", "null", "~", "1.0", "a: b", "# x", "a\nb", " x ", "\x00", "\xff", "é\u2028\ufeff", "'", `"`, `\`, "[", "*", "&a", "!!binary x", "{", "- ", "%", "@", "`", "2020-01-01", "=", "<<", "<NA05", "acme/<1.2", "acme/<", "\U0001F600", "\ufffd", "\t", "..."}
	oddNumber = []int64{0, 1, -1, 512, 1 << 20, 1<<20 + 1, 1 << 30, 1<<30 + 1, 1 << 50, 1<<50 + 1, 1 << 60, 1<<60 + 1, math.MaxInt64, math.MinInt64}
	oddShare  = []float64{0, 1, 0.5, 1e-300, 5e-324, -0.5, 1.5, math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 1 - 1e-16}
	oddFactor = []float64{0, 1, 0.5, 2.5, 1e6, 1e6 + 1, 1e21, -1, math.NaN(), math.Inf(1)}
	oddTime   = []time.Duration{0, 1, -1, time.Hour, 1500 * time.Microsecond, 876000 * time.Hour, 876000*time.Hour + 1, math.MaxInt64, math.MinInt64}
	oddWord   = []string{"", "no", "read", "array", "system", "block", "device", "data", "control", "derived", "once", "transient", "until_reboot", "zero", "old", "late", "partial", "elsewhere", "behind", "crash", "resize", "copy", "high", "generic", "clears", "returns", "none", "address", "byte", "direct", "append", "eviction", "a b", "\xff"}
)

func pick[T any](t *rapid.T, of []T) T { return rapid.SampledFrom(of).Draw(t, "odd") }

func pickText(t *rapid.T) string {
	if rapid.Bool().Draw(t, "any text") {
		return rapid.String().Draw(t, "text")
	}
	return pick(t, oddText)
}

func pickWord[T ~string](t *rapid.T) T { return T(pick(t, oddWord)) }

func pickKinds(t *rapid.T) []vol.Kind {
	return rapid.SampledFrom([][]vol.Kind{nil, {vol.Read}, {vol.Write}, {vol.Sync}, {vol.Read, vol.Read}, {0}, {99}, {vol.Sync, vol.SyncDir}}).Draw(t, "kinds")
}

// texts are the places of a bug where any text may stand.
func texts(b *bug.Bug) []*string {
	p := &b.Scope.Population
	return []*string{&b.ID, &b.Title, &b.Operator.Sees, &b.Operator.Clears, &b.Operator.Worsens, &b.Evidence.Product, &b.Evidence.URL,
		&b.Evidence.Note, &b.Evidence.Sourced[0], &b.Evidence.Picked[0], &b.Scope.Path, &p.OS, &p.Array, &p.Volume, &p.Store,
		&b.Trigger.Any[0].Event, &b.Trigger.Any[1].Match.Path, &b.Trigger.Any[2].Overlap.First, &b.Trigger.Any[2].Overlap.Second}
}

const texty = `
id: x
evidence: {label: notes, sourced: [a], picked: [b]}
trigger: {any: [{event: a}, {match: {ops: [read], path: a}}, {overlap: [a, b], within: 1s}]}
effect: {ops: [read], reply: EIO}
persistence: once
`

// TestAnyTextParsesBackOrIsStopped puts every odd text into every place for one.
func TestAnyTextParsesBackOrIsStopped(t *testing.T) {
	for i := range 19 {
		passed := 0
		for _, odd := range oddText {
			b, err := bug.Parse("x", []byte(texty))
			require.NoError(t, err)
			require.Len(t, texts(&b), 19)
			*texts(&b)[i] = odd
			if b.Check() != nil {
				continue
			}
			passed++
			again, err := bug.Parse("x", bug.Print(b))
			require.NoError(t, err, "%s", bug.Print(b))
			require.Equal(t, b, again)
		}
		require.Positive(t, passed)
		require.Less(t, passed, len(oddText), "what is not UTF-8 is stopped everywhere")
	}
}

// changes are ways to spoil a bug: each sets one thing to a value that may or may
// not be one of the language.
var changes = []func(*rapid.T, *bug.Bug){
	func(t *rapid.T, b *bug.Bug) {
		b.Title, b.Operator.Sees, b.Evidence.Note = rapid.String().Draw(t, "title"), rapid.String().Draw(t, "sees"), rapid.String().Draw(t, "note")
	},
	func(t *rapid.T, b *bug.Bug) { b.Class = pickWord[bug.Class](t) },
	func(t *rapid.T, b *bug.Bug) {
		b.Evidence = bug.Evidence{Label: rapid.SampledFrom([]bug.Label{"", bug.Read, bug.Notes, bug.Generic}).Draw(t, "label"), Confidence: pickWord[bug.Confidence](t),
			Product: pickText(t), URL: pickText(t), Note: pickText(t)}
	},
	func(t *rapid.T, b *bug.Bug) { b.Evidence.Sourced = []string{pickText(t), pickText(t)} },
	func(t *rapid.T, b *bug.Bug) { b.Evidence.Picked = []string{pickText(t)} },
	func(t *rapid.T, b *bug.Bug) { b.Plane = pickWord[bug.Plane](t) },
	func(t *rapid.T, b *bug.Bug) { b.Persistence = pickWord[bug.Persistence](t) },
	func(t *rapid.T, b *bug.Bug) { b.RetryOK = pick(t, oddShare) },
	func(t *rapid.T, b *bug.Bug) { b.Returns = pick(t, oddTime) },
	func(t *rapid.T, b *bug.Bug) { b.Scope.Extent = pickWord[bug.Extent](t) },
	func(t *rapid.T, b *bug.Bug) { b.Scope.Population.SameAddress = !b.Scope.Population.SameAddress },
	func(t *rapid.T, b *bug.Bug) { n := int(pick(t, oddNumber)); b.Scope.Population.Controller = &n },
	func(t *rapid.T, b *bug.Bug) { b.Shows.To = []bug.Observer{pickWord[bug.Observer](t), bug.Caller} },
	func(t *rapid.T, b *bug.Bug) { b.Shows.Reboot = pickWord[bug.Reboot](t) },
	func(t *rapid.T, b *bug.Bug) { b.Shows.Correlated = pickWord[bug.Correlation](t) },
	func(t *rapid.T, b *bug.Bug) { b.Effect.Ops = pickKinds(t) },
	func(t *rapid.T, b *bug.Bug) { b.Effect.Acts = []bug.Act{pickWord[bug.Act](t)} },
	func(t *rapid.T, b *bug.Bug) {
		b.Effect.Reply = bug.Reply{Errno: syscall.Errno(pick(t, []int{0, 5, 7, 28})), Never: rapid.Bool().Draw(t, "never")}
	},
	func(t *rapid.T, b *bug.Bug) {
		b.Effect.Data = bug.Change{Kind: pickWord[bug.Corruption](t), N: pick(t, oddNumber)}
	},
	func(t *rapid.T, b *bug.Bug) { b.Effect.Data = bug.Change{Kind: pickWord[bug.Corruption](t)} },
	func(t *rapid.T, b *bug.Bug) {
		b.Effect.Persist = bug.Persist{Kind: pickWord[bug.Durability](t), Unit: pick(t, oddNumber), Late: pick(t, oddTime)}
	},
	func(t *rapid.T, b *bug.Bug) { b.Effect.Persist = bug.Persist{Kind: pickWord[bug.Durability](t)} },
	func(t *rapid.T, b *bug.Bug) { b.Effect.Delay = bug.Delay{Min: pick(t, oddTime), Max: pick(t, oddTime)} },
	func(t *rapid.T, b *bug.Bug) {
		b.Effect.Slow = bug.Slow{Min: pick(t, oddFactor), Max: pick(t, oddFactor)}
	},
	func(t *rapid.T, b *bug.Bug) { b.Effect.LostAt = []string{pickWord[string](t)} },
	func(t *rapid.T, b *bug.Bug) { b.Effect.Action = pickWord[bug.Action](t) },
	func(t *rapid.T, b *bug.Bug) { b.Effect.To = pick(t, oddTime) },
	func(t *rapid.T, b *bug.Bug) { b.Effect.Part = pick(t, oddShare) },
	func(t *rapid.T, b *bug.Bug) {
		b.Effect.Bytes = bug.Span{Min: pick(t, oddNumber), Max: pick(t, oddNumber)}
	},
	func(t *rapid.T, b *bug.Bug) { b.Effect.Size = pick(t, oddNumber) },
	func(t *rapid.T, b *bug.Bug) { b.Effect.For = bug.Delay{Min: pick(t, oddTime), Max: pick(t, oddTime)} },
	func(t *rapid.T, b *bug.Bug) { b.Trigger = oddTrigger(t, 3) },
}

func oddTrigger(t *rapid.T, depth int) bug.Trigger {
	kinds := 7
	if depth > 0 {
		kinds = 10
	}
	switch rapid.IntRange(0, kinds).Draw(t, "trigger") {
	case 0:
		return bug.Trigger{Count: &bug.Count{Clock: bug.Counter(pick(t, []string{"ops", "names", "", "x"})), At: pick(t, oddNumber), Every: pick(t, oddNumber)}}
	case 1:
		return bug.Trigger{Level: &bug.Level{Gauge: bug.Queue, Above: pick(t, oddShare), Below: pick(t, oddShare)}}
	case 2:
		return bug.Trigger{Event: pickText(t)}
	case 3:
		return bug.Trigger{Match: &bug.Match{Ops: pickKinds(t), Path: pickText(t), Min: pick(t, oddNumber), Max: pick(t, oddNumber)}}
	case 4:
		return bug.Trigger{Match: &bug.Match{Ops: []vol.Kind{vol.Write}, Flags: []bug.Flag{pickWord[bug.Flag](t)}, Aligned: pick(t, oddNumber), OlderThan: pick(t, oddTime)}}
	case 5:
		return bug.Trigger{Overlap: &bug.Overlap{First: pickWord[string](t), Second: pickText(t), Within: pick(t, oddTime)}}
	case 6:
		return bug.Trigger{Chance: &bug.Chance{P: pick(t, oddShare), Per: pickWord[bug.Hazard](t), Burst: pick(t, oddNumber), Near: pick(t, oddNumber)}}
	case 7:
		return bug.Trigger{Time: &bug.Time{At: pick(t, oddTime), Until: pick(t, oddTime)}, Event: pick(t, []string{"", "", "arm"})}
	case 8:
		return bug.Trigger{All: []bug.Trigger{oddTrigger(t, depth-1), {Event: "a"}}}
	case 9:
		arm := oddTrigger(t, depth-1)
		return bug.Trigger{Arm: &arm, Fire: &bug.Trigger{Event: pick(t, []string{"", "b"})}}
	}
	return bug.Trigger{Any: []bug.Trigger{oddTrigger(t, depth-1)}}
}

// TestWhatPassesCheckParsesBack takes examples, spoils them in Go, where the
// parser is not asked, and shows that what Check lets through prints as what
// parses back to it, and that what it stops does not slip through the parser.
func TestWhatPassesCheckParsesBack(t *testing.T) {
	all := examples()
	names := slices.Sorted(maps.Keys(all))
	passed, stopped := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "example")
		b, err := bug.Parse(name, []byte(all[name]))
		require.NoError(t, err)
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			rapid.SampledFrom(changes).Draw(t, "change")(t, &b)
		}
		text := bug.Print(b)
		again, err := bug.Parse(name, text)
		if wrong := b.Check(); wrong != nil {
			stopped++
			if err == nil {
				require.NotEqual(t, b.Defaults(), again, "Check says %v of what parses:\n%s", wrong, text)
			}
			return
		}
		passed++
		require.NoError(t, err, "%s", text)
		require.Equal(t, b.Defaults(), again, "%s", text)
	})
	require.Positive(t, passed)
	require.Positive(t, stopped)
	t.Log(passed, stopped)
}
