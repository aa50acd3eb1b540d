package array_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/catalog"
	"fourdays/storage/vol"
)

// busy does the same random work each time: files written, truncated, synced,
// renamed and removed, and the node losing power.
func busy(t *testing.T, v *array.Volume, steps int) {
	rng := rand.New(rand.NewPCG(3, 3))
	name := func() string { return "f" + time.Duration(rng.IntN(12)).String() }
	for range steps {
		switch n := rng.IntN(20); {
		case n < 12:
			f := create(t, v, name())
			p := make([]byte, 1+rng.IntN(9000))
			for i := range p {
				p[i] = byte(rng.Uint32())
			}
			must(t, v, vol.Op{Kind: vol.Write, File: f, Off: rng.Int64N(20000), Data: p})
			if n < 4 {
				sync(t, v, f)
			}
			must(t, v, vol.Op{Kind: vol.Close, File: f})
		case n < 14:
			do(t, v, vol.Op{Kind: vol.Truncate, Path: name(), Size: rng.Int64N(20000)})
		case n < 16:
			do(t, v, vol.Op{Kind: vol.Rename, Path: name(), To: name()})
		case n < 18:
			do(t, v, vol.Op{Kind: vol.Unlink, Path: name()})
		case n == 18:
			read(t, v, name())
		default:
			v.PowerLoss()
		}
	}
}

// contents is every file of a volume.
func contents(t *testing.T, v vol.Volume) map[string]string {
	all := map[string]string{}
	for _, e := range must(t, v, vol.Op{Kind: vol.ReadDir, Path: "."}).Entries {
		all[e.Name], _ = read(t, v, e.Name)
	}
	return all
}

// TestTruthStaysPristine does the same work on a healthy array and on one with
// each fault of what is stored, or with all: what the second should hold is what
// the first does hold.
func TestTruthStaysPristine(t *testing.T) {
	faults := []string{`{ops: [write], persist: no}`, `{ops: [write], persist: partial(512)}`, `{ops: [write], persist: elsewhere}`,
		`{ops: [write], data: flip(5)}`, `{ops: [write], data: other}`, `{ops: [read], data: zero}`}
	for seed := range uint64(6) {
		healthy := newRig(t, seed)
		busy(t, healthy.Volume("n1"), 600)
		want := contents(t, healthy.Volume("n1"))
		require.NotEmpty(t, want)
		for n := range len(faults) + 1 {
			r := newRig(t, seed)
			for i, effect := range faults {
				if n == i || n == len(faults) {
					r.arm(parse(t, "trigger: {chance: 0.3}\npersistence: transient\neffect: "+effect), onN1)
				}
			}
			v := r.Volume("n1")
			busy(t, v, 600)
			require.Equal(t, want, contents(t, v.ClonePristine()), "seed %d faults %d", seed, n)
			require.Positive(t, r.Receipts()[0].Fired)
		}
	}
}

// TestADisarmedBugIsNoBug says that a rule that was armed and taken away leaves
// no trace in what happens later, not even in the choice of what survives.
func TestADisarmedBugIsNoBug(t *testing.T) {
	plain, r := newRig(t, 2), newRig(t, 2)
	for _, b := range catalog.All() {
		if b.Trigger.Event == bug.EventArm && b.Effect.Action != "" && !b.Effect.Action.Lasting() {
			continue
		}
		rule := r.arm(b, bug.Scope{Population: bug.Population{OS: "*/*"}})
		require.NoError(t, r.Disarm(rule.ID))
	}
	busy(t, plain.Volume("n1"), 600)
	busy(t, r.Volume("n1"), 600)
	require.Equal(t, contents(t, plain.Volume("n1")), contents(t, r.Volume("n1")))
	require.Empty(t, r.Volume("n1").Audit())
	for _, receipt := range r.Receipts() {
		require.Zero(t, receipt.Fired)
		require.True(t, receipt.Reverted)
	}
}

// TestWhatTheArrayForgotIsStillInTruth removes, under their old names, a file and a
// directory of which a lying flush has lost the new ones: a correct array would
// have had nothing to remove.
func TestWhatTheArrayForgotIsStillInTruth(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	must(t, v, vol.Op{Kind: vol.Mkdir, Path: "d"})
	writeSync(t, v, "b", "text")
	r.arm(shipped(t, "flush-lies"), onN1)
	must(t, v, vol.Op{Kind: vol.Rename, Path: "d", To: "e"})
	must(t, v, vol.Op{Kind: vol.Rename, Path: "b", To: "c"})
	writeSync(t, v, "e/a", "inside")
	cycle(r, "east")
	must(t, v, vol.Op{Kind: vol.Rmdir, Path: "d"})
	must(t, v, vol.Op{Kind: vol.Unlink, Path: "b"})
	wantPristine(t, v, "c", "text")
	wantPristine(t, v, "e/a", "inside")
	require.Len(t, v.Audit(), 2)
}
