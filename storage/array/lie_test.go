package array_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// TestALieAboutAFlushShowsOnlyAtPowerLoss shows why this class of bug is hard to
// see: write, sync and read-back all succeed, and only the power cut takes the
// bytes.
func TestALieAboutAFlushShowsOnlyAtPowerLoss(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "log", "old")
	r.arm(shipped(t, "flush-lies"), onN1)
	writeSync(t, v, "log", "new")
	wantRead(t, v, "log", "new")
	r.wantFired(1, false)
	require.Empty(t, v.Audit())

	require.NoError(t, r.PowerLoss("east"))
	require.NoError(t, r.PowerOn("east"))

	wantPristine(t, v, "log", "new") // the oracle still knows
	require.Equal(t, []array.Difference{{Path: "log", Kind: "altered", Bytes: 3, Rule: "flush-lies#1"}}, v.Audit())
	wantRead(t, v, "log", "old")
	r.wantFired(1, true)
}

func TestAForgottenFailoverIsSilentUntilThen(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "log", "old")
	r.arm(shipped(t, "failover-forgets"), onN1)
	writeSync(t, v, "log", "new")
	require.NoError(t, r.PowerLoss("east"))
	require.NoError(t, r.PowerOn("east"))
	wantRead(t, v, "log", "new") // the power cut is not what this bug waits for

	require.NoError(t, r.Failover("east"))

	wantRead(t, v, "log", "old")
	wantPristine(t, v, "log", "new")
}

// TestALieTakesWholeFilesAndNames shows the loss of what a lying flush promised
// about a directory: a new file, a rename and a removal.
func TestALieTakesWholeFilesAndNames(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "current", "old")
	writeSync(t, v, "gone", "x")
	r.arm(shipped(t, "flush-lies"), onN1)
	must(t, v, vol.Op{Kind: vol.Unlink, Path: "gone"})
	writeSync(t, v, "next", "new")
	must(t, v, vol.Op{Kind: vol.Rename, Path: "next", To: "current"})
	must(t, v, vol.Op{Kind: vol.SyncDir, Path: "."})
	wantRead(t, v, "current", "new")

	v.PowerLoss()

	wantRead(t, v, "current", "old")
	wantRead(t, v, "gone", "x")
	wantGone(t, v, "next")
	wantPristine(t, v, "current", "new")
	require.Equal(t, []array.Difference{
		{Path: "current", Kind: "altered", Bytes: 3, Rule: "flush-lies#1"},
		{Path: "gone", Kind: "extra", Rule: "flush-lies#1"},
	}, v.Audit())
	r.wantFired(2, true)
}

func TestAnHonestFlushMakesEarlierLiesTrue(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	rule := r.arm(shipped(t, "flush-lies"), onN1)
	writeSync(t, v, "a", "lied about")
	require.NoError(t, r.Disarm(rule.ID))
	writeSync(t, v, "b", "flushed")
	require.NoError(t, r.PowerLoss("east"))
	require.NoError(t, r.PowerOn("east"))
	wantRead(t, v, "a", "lied about")
}

func TestDestagingMakesLiesTrue(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(shipped(t, "flush-lies"), onN1)
	writeSync(t, v, "a", "one")
	require.NoError(t, r.Destage("east"))
	writeSync(t, v, "a", "two")
	require.NoError(t, r.Failover("east"))
	wantRead(t, v, "a", "one")
}

func TestALateFlushIsTrueAfterItsTime(t *testing.T) {
	late := `{ops: [fsync], persist: late(700ms)}`
	for _, c := range []struct {
		wait time.Duration
		want string
	}{{699 * time.Millisecond, "old"}, {700 * time.Millisecond, "new"}} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		writeSync(t, v, "a", "old")
		r.arm(always(t, late), onN1)
		writeSync(t, v, "a", "new")
		r.clock.Advance(c.wait)
		require.NoError(t, r.PowerLoss("east"))
		require.NoError(t, r.PowerOn("east"))
		wantRead(t, v, "a", c.want)
	}
}

func TestAPartialFlushKeepsSomeBlocks(t *testing.T) {
	r := newRig(t, 3)
	v := r.Volume("n1")
	writeSync(t, v, "a", strings.Repeat("o", 64*4096))
	r.arm(always(t, `{ops: [fsync], persist: partial(4096)}`), onN1)
	writeSync(t, v, "a", strings.Repeat("n", 64*4096))
	require.NoError(t, r.Failover("east"))
	got, _ := read(t, v, "a")
	kept := strings.Count(got, "n") / 4096
	require.Equal(t, 64*4096, strings.Count(got, "n")+strings.Count(got, "o"))
	require.Greater(t, kept, 8)
	require.Less(t, kept, 56)
}

// TestWhatTheNodeHasNotSyncedOutlivesTheArraysCache shows that a power cut of
// the array takes its own cache, and not the node's.
func TestWhatTheNodeHasNotSyncedOutlivesTheArraysCache(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(shipped(t, "flush-lies"), onN1)
	f := create(t, v, "a")
	writeAt(t, v, f, 0, strings.Repeat("1", 8192))
	sync(t, v, f)
	writeAt(t, v, f, 4096, strings.Repeat("2", 4096))
	write(t, v, "b", "new name")

	require.NoError(t, r.PowerLoss("east"))
	require.NoError(t, r.PowerOn("east"))

	wantRead(t, v, "b", "new name")
	p := make([]byte, 8192)
	got := must(t, v, vol.Op{Kind: vol.Read, File: f, Data: p})
	require.Equal(t, strings.Repeat("\x00", 4096)+strings.Repeat("2", 4096), string(p[:got.N]))
}

func TestAFlushOfNothingIsNoLie(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.arm(shipped(t, "flush-lies"), onN1)
	f := create(t, v, "a")
	sync(t, v, f)
	got := r.receipt()
	require.Equal(t, 0, got.Fired)
	require.Equal(t, 1, got.Masked)
}

// TestTenThousandLiesAreHeldOnce keeps an armed lying flush from taking memory
// for every version of a block.
func TestTenThousandLiesAreHeldOnce(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "first")
	r.arm(shipped(t, "flush-lies"), onN1)
	f := create(t, v, "a")
	for range 10000 {
		writeAt(t, v, f, 0, "again")
		sync(t, v, f)
	}
	require.Equal(t, 10000, r.receipt().Fired)
	require.NoError(t, r.Failover("east"))
	wantRead(t, v, "a", "first")
}

func TestALieIsToldToItsScopeOnly(t *testing.T) {
	r := newRig(t, 1)
	r.arm(shipped(t, "flush-lies"), bug.Scope{Population: bug.Population{OS: "acme/*"}, Path: "*.log"})
	for _, name := range []string{"n1", "n2", "n3"} {
		v := r.Volume(name)
		writeSync(t, v, "keep", "x")
		writeSync(t, v, "a.log", "x")
		v.PowerLoss()
		wantRead(t, v, "keep", "x")
		if name == "n3" {
			wantRead(t, v, "a.log", "x")
		} else {
			wantGone(t, v, "a.log")
		}
	}
}
