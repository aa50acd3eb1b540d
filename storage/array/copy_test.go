package array_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

func (r *rig) copy(volume string) {
	r.Helper()
	require.NoError(r, r.Copy(volume, "nightly"))
}

func (r *rig) restore(volume string) {
	r.Helper()
	require.NoError(r, r.Restore(volume, "nightly"))
}

// derived is a bug of copies that is always on.
func derived(t testing.TB, effect string) bug.Bug {
	t.Helper()
	return parse(t, "trigger: {event: arm}\npersistence: until_fix\nplane: derived\neffect: "+effect)
}

// blocks is a text of one letter for each block.
func blocks(letters string) string {
	var b strings.Builder
	for _, c := range letters {
		b.WriteString(strings.Repeat(string(c), 4096))
	}
	return b.String()
}

// TestARestoreBringsBackWhatWasCopied, names and bytes, and takes away what came
// since; what was not synced was never copied.
func TestARestoreBringsBackWhatWasCopied(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	must(t, v, vol.Op{Kind: vol.Mkdir, Path: "d"})
	writeSync(t, v, "d/a", "old")
	writeSync(t, v, "removed", "r")
	write(t, v, "unsynced", "u")
	r.copy("n1")
	free := must(t, v, vol.Op{Kind: vol.Statfs}).Space.FreeBytes
	writeSync(t, v, "d/a", "newer")
	must(t, v, vol.Op{Kind: vol.Unlink, Path: "removed"})
	must(t, v, vol.Op{Kind: vol.Mkdir, Path: "e"})
	writeSync(t, v, "e/new", "n")
	f := write(t, v, "open", "o")

	for range 2 {
		r.restore("n1")
		wantRead(t, v, "d/a", "old")
		wantRead(t, v, "removed", "r")
		for _, gone := range []string{"e/new", "unsynced", "open"} {
			wantGone(t, v, gone)
		}
		require.Empty(t, v.Audit(), "this is what should be there now")
		require.Equal(t, syscall.EBADF, do(t, v, vol.Op{Kind: vol.Sync, File: f}).Errno)
		require.Equal(t, free+4096, must(t, v, vol.Op{Kind: vol.Statfs}).Space.FreeBytes, "all but what was not synced")
		v.PowerLoss()
		wantRead(t, v, "d/a", "old")
		writeSync(t, v, "d/a", "after")
	}
}

// TestAnIncrementalCopyTakesWhatChanged is the healthy array: each copy holds
// the volume as it was, through overwriting, truncation and removal.
func TestAnIncrementalCopyTakesWhatChanged(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", blocks("abc"))
	r.copy("n1")
	f := create(t, v, "a")
	writeAt(t, v, f, 4096, blocks("B"))
	must(t, v, vol.Op{Kind: vol.Truncate, File: f, Size: 2*4096 + 10})
	sync(t, v, f)
	writeSync(t, v, "b", "new")
	r.copy("n1")
	busy(t, v, 200)
	r.restore("n1")
	wantRead(t, v, "a", blocks("aB")+"cccccccccc")
	wantRead(t, v, "b", "new")
	require.Empty(t, v.Audit())
}

// TestABlockIsLeftOutOfTheIncremental is the backup that lies: the full copy is
// right, each incremental since misses what changed, and nobody can tell before
// the restore. The volume itself is never touched.
func TestABlockIsLeftOutOfTheIncremental(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", blocks("abc"))
	r.copy("n1")
	r.arm(derived(t, `{ops: [copy], persist: no}`), onN1)
	f := create(t, v, "a")
	writeAt(t, v, f, 4096, blocks("B"))
	sync(t, v, f)
	r.copy("n1")
	wantRead(t, v, "a", blocks("aBc"))
	require.Empty(t, v.Audit())
	require.Empty(t, r.scrub("east"))
	r.wantFired(1, false)
	require.Equal(t, "n1:a copy", r.receipt().Where)

	require.NoError(t, r.Fix("test"))
	writeAt(t, v, f, 0, blocks("A"))
	sync(t, v, f)
	r.copy("n1")
	r.restore("n1")
	wantPristine(t, v, "a", blocks("ABc"))
	wantRead(t, v, "a", blocks("Abc"))
	require.Equal(t, []array.Difference{{Path: "a", Kind: "altered", First: 4096, Bytes: 4096, Rule: "test#1"}}, v.Audit())
	r.wantFired(1, true)

	f = create(t, v, "a")
	writeAt(t, v, f, 4096, blocks("B"))
	sync(t, v, f)
	require.Empty(t, v.Audit(), "written anew")
	r.copy("n1")
	r.restore("n1")
	wantRead(t, v, "a", blocks("ABc"))
}

// TestACopyCanHoldOtherThanItShould shows each way in which a block goes wrong on
// its way into a copy, or out of it.
func TestACopyCanHoldOtherThanItShould(t *testing.T) {
	for _, op := range []string{"copy", "restore"} {
		for data, want := range map[string]string{"zero": blocks("\x00"), "old(1)": blocks("a"), "other": blocks("o"), "flip(7)": ""} {
			r := newRig(t, 1)
			v := r.Volume("n1")
			r.arm(derived(t, "{ops: ["+op+"], data: "+data+"}"), bug.Scope{Population: onN1.Population, Path: "a"})
			writeSync(t, v, "other", blocks("oo"))
			writeSync(t, v, "a", blocks("a"))
			writeSync(t, v, "a", blocks("b"))
			r.copy("n1")
			require.Empty(t, v.Audit())
			r.restore("n1")
			got, _ := read(t, v, "a")
			if want != "" {
				require.Equal(t, want, got, op+data)
			} else {
				require.Equal(t, 7, differingBits(got, blocks("b")))
			}
			wantPristine(t, v, "a", blocks("b"))
			wantRead(t, v, "other", blocks("oo"))
			require.Empty(t, r.scrub("east"), "the array stored it as it got it")
			r.wantFired(1, true)
		}
	}
}

// TestEachBlockHasItsOwnLuck: a chance is drawn for each block that is copied,
// and only for those that changed.
func TestEachBlockHasItsOwnLuck(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(parse(t, "trigger: {chance: 0.1}\npersistence: transient\nplane: derived\neffect: {ops: [copy], data: zero}"), onN1)
	f := write(t, v, "a", strings.Repeat("a", 1000*4096))
	sync(t, v, f)
	r.copy("n1")
	first := r.receipt().Fired
	require.Greater(t, first, 70)
	require.Less(t, first, 130)
	writeAt(t, v, f, 0, blocks("b"))
	sync(t, v, f)
	r.copy("n1")
	require.LessOrEqual(t, r.receipt().Fired, first+1)
	r.restore("n1")
	got, _ := read(t, v, "a")
	require.InDelta(t, first, strings.Count(got, "\x00")/4096, 1)
}

func TestCopiesAndRestoresCanFail(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "old")
	r.copy("n1")
	writeSync(t, v, "a", "new")
	r.arm(derived(t, `{ops: [copy], reply: EIO}`), onN1)
	require.ErrorIs(t, r.Copy("n1", "nightly"), syscall.EIO)
	r.wantFired(1, true)
	require.NoError(t, r.Fix("test"))
	rule := r.arm(derived(t, `{ops: [restore], reply: EIO}`), onN1)
	require.ErrorIs(t, r.Restore("n1", "nightly"), syscall.EIO)
	wantRead(t, v, "a", "new")
	require.NoError(t, r.Disarm(rule.ID))
	r.restore("n1")
	wantRead(t, v, "a", "old")

	require.ErrorContains(t, r.Restore("n1", "weekly"), `there is no copy "weekly"`)
	require.ErrorContains(t, r.Copy("none", "x"), "there is no such volume")
	require.NoError(t, r.PowerLoss("east"))
	require.ErrorContains(t, r.Copy("n1", "nightly"), "no controller serves")
}

// TestCopiesMadeAfterTheBugAreCopiesOfTheBug: what is damaged on the volume is
// damaged in its copies, and a restore brings the damage back.
func TestCopiesMadeAfterTheBugAreCopiesOfTheBug(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(once(t, `{ops: [write], data: other}`), bug.Scope{Population: onN1.Population, Path: "a"})
	writeSync(t, v, "other", blocks("o"))
	writeSync(t, v, "a", blocks("a"))
	r.copy("n1")
	writeSync(t, v, "a", blocks("b"))
	require.Empty(t, v.Audit())
	r.restore("n1")
	wantRead(t, v, "a", blocks("o"))
	wantPristine(t, v, "a", blocks("a"))
	require.Equal(t, "test#1", v.Audit()[0].Rule)
}

// TestASnapshotIsAnEvent of the volume that it is of, and of none beside it.
func TestASnapshotIsAnEvent(t *testing.T) {
	r := newRig(t, 1, func(c *array.Config) { c.Volumes["n4"] = array.VolumeConfig{Array: "east"} })
	for _, name := range []string{"n1", "n4"} {
		writeSync(t, r.Volume(name), "a", blocks("a"))
	}
	r.arm(onEvent(t, "snapshot", `{action: zero}`), bug.Scope{Population: bug.Population{Array: "east"}})
	r.copy("n1")
	require.Len(t, r.Volume("n1").Audit(), 1)
	require.Empty(t, r.Volume("n4").Audit())
	require.NoError(t, r.Fix("test"))
	rule := r.arm(onEvent(t, "restore", `{action: zero}`), onN1)
	r.restore("n1")
	require.Equal(t, rule.ID, r.Receipts()[1].ID)
	require.Equal(t, 1, r.Receipts()[1].Masked, "all is zeros already")
}

// TestTruthStaysPristineThroughCopies does random work, copies and restores
// under every bug of copies, and compares with an array that has none.
func TestTruthStaysPristineThroughCopies(t *testing.T) {
	run := func(seed uint64, effects ...string) (*rig, map[string]string) {
		r := newRig(t, seed)
		for _, e := range effects {
			r.arm(parse(t, "trigger: {chance: 0.2}\npersistence: transient\nplane: derived\neffect: "+e), onN1)
		}
		v := r.Volume("n1")
		for i := range 12 {
			busy(t, v, 200)
			r.copy("n1")
			if i%3 == 2 {
				busy(t, v, 30)
				r.restore("n1")
			}
			r.clock.Advance(time.Second)
		}
		return r, contents(t, v.ClonePristine())
	}
	for seed := range uint64(4) {
		_, want := run(seed)
		require.NotEmpty(t, want)
		r, got := run(seed, `{ops: [copy], persist: no}`, `{ops: [copy, restore], data: flip(3)}`, `{ops: [copy], data: old(1)}`, `{ops: [restore], data: zero}`)
		require.Equal(t, want, got, fmt.Sprint(seed))
		require.Positive(t, r.Receipts()[0].Fired)
		require.Positive(t, r.Receipts()[2].Fired)
		require.NotEqual(t, want, contents(t, r.Volume("n1").Clone()))
	}
}

// TestWhatWasNotFlushedBeforeARestoreIsGone: neither names nor bytes of it come
// up later, and the node's cache is empty.
func TestWhatWasNotFlushedBeforeARestoreIsGone(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Cache = 4 * 4096 }))
	v := r.Volume("n1")
	writeSync(t, v, "a", "old")
	r.copy("n1")
	must(t, v, vol.Op{Kind: vol.Unlink, Path: "a"})
	write(t, v, "b", blocks("bbbb"))
	r.restore("n1")
	r.arm(parse(t, "trigger: {level: dirty, above: 0.5}\npersistence: until_fix\neffect: {ops: [stat], reply: EIO}"), onN1)
	must(t, v, vol.Op{Kind: vol.Stat, Path: "a"})
	writeSync(t, v, "c", "new")
	v.PowerLoss()
	wantRead(t, v, "a", "old")
	wantGone(t, v, "b")
	require.Empty(t, v.Audit())
}

// TestACopySharesNoBlockThatIsWritten: a truncation that is made durable changes
// the last block in place, and not that of the copy.
func TestACopySharesNoBlockThatIsWritten(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", blocks("a"))
	cut := func(size int64) {
		must(t, v, vol.Op{Kind: vol.Truncate, Path: "a", Size: size})
		must(t, v, vol.Op{Kind: vol.SyncDir, Path: "."})
	}
	cut(100)
	r.copy("n1")
	cut(50)
	r.restore("n1")
	wantRead(t, v, "a", strings.Repeat("a", 100))
	writeAt(t, v, create(t, v, "a"), 0, "b")
	r.restore("n1")
	wantRead(t, v, "a", strings.Repeat("a", 100))
}

func TestARestoreNeedsTheRoom(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", blocks("abc"))
	r.copy("n1")
	r.arm(onEvent(t, "power_loss", `{action: resize, size: 8192}`), onN1)
	cycle(r, "east")
	require.ErrorIs(t, r.Restore("n1", "nightly"), syscall.ENOSPC)
}

// TestACopyThatIsNoWorseIsMasked: zeros cannot be zeroed.
func TestACopyThatIsNoWorseIsMasked(t *testing.T) {
	r := newRig(t, 1)
	writeSync(t, r.Volume("n1"), "a", blocks("\x00a"))
	r.arm(derived(t, `{ops: [copy], data: zero}`), onN1)
	r.copy("n1")
	require.Equal(t, 1, r.receipt().Masked)
	require.Equal(t, 1, r.receipt().Fired)
}
