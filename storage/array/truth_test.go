package array_test

import (
	"math/rand/v2"
	"strings"
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
		rule := r.arm(b, bug.Scope{})
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

// TestEveryShippedBugShowsAsItSays arms each bug of the catalogue so that it
// fires at once, works on the volume, reboots the array, looks, and works again
// after another reboot. Whether a reply told of it, and whether the reboot
// cleared it, is what its file says.
func TestEveryShippedBugShowsAsItSays(t *testing.T) {
	for _, b := range catalog.All() {
		t.Run(b.ID, func(t *testing.T) {
			r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Counters.PowerOnHours = 1 }))
			v := r.Volume("n1")
			writeSync(t, v, "before", strings.Repeat("old", 3000))
			writeSync(t, v, "beside", strings.Repeat("other", 2000))
			if b.Trigger.Chance > 0 {
				b.Trigger.Chance = 1
			}
			r.arm(b.At(1), onN1)

			told := r.work(v, true)
			cycle(r, "east")
			require.NoError(t, r.Failover("east"))
			told = r.work(v, false) || told
			fired := r.receipt().Fired
			require.Positive(t, fired, "it has to fire at all")
			require.Equal(t, b.Shows.Silent, !told, "silent")

			cycle(r, "east")
			require.NoError(t, r.Failover("east"))
			damaged := len(v.Audit()) > 0
			r.work(v, true)
			still := damaged || r.receipt().Fired > fired
			require.Equal(t, b.Shows.RebootClears, !still, "reboot clears")
			require.True(t, r.receipt().Observed)
		})
	}
}

// work reads a file and, if it is to change it, overwrites a part with something
// new, syncs it and reads it again; it reports whether an answer told of trouble: an error, a delay, or none.
func (r *rig) work(v *array.Volume, change bool) (told bool) {
	open := vol.Op{Kind: vol.Open, Path: "before", Flag: 2}
	res, answered := r.wait(v, open)
	if told = !answered || res.Errno != 0; told {
		return true
	}
	fresh := []byte(strings.Repeat(r.clock.Now().String()+time.Duration(r.Counters("east").Ops).String(), 200))
	for _, op := range []vol.Op{{Kind: vol.Read, Data: make([]byte, 9000)}, {Kind: vol.Write, Data: fresh}, {Kind: vol.Sync},
		{Kind: vol.Read, Data: make([]byte, 9000)}, {Kind: vol.Close}} {
		if (op.Kind == vol.Write || op.Kind == vol.Sync) && !change {
			continue
		}
		op.File = res.File
		start := r.clock.Now()
		res, answered := r.wait(v, op)
		told = told || !answered || res.Errno != 0 || r.clock.Now() > start
	}
	return told
}

// wait gives an operation ten seconds.
func (r *rig) wait(v vol.Volume, op vol.Op) (res vol.Result, answered bool) {
	v.Do(&op, func(got vol.Result) { res, answered = got, true })
	if !answered {
		r.clock.Advance(10 * time.Second)
	}
	return res, answered
}
