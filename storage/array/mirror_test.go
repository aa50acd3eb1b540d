package array_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

func mirrored(c *array.ArrayConfig) { c.Mirrored = true }

// link is a bug of the mirror that is always on.
func link(t testing.TB, effect string) bug.Bug {
	t.Helper()
	return parse(t, "trigger: {event: arm}\npersistence: until_fix\nplane: link\neffect: "+effect)
}

// TestTheOtherSiteHasEverything is the healthy mirror: no acknowledged byte is
// lost, what the node has not flushed is still in the node, and what is in flight
// goes on after the takeover.
func TestTheOtherSiteHasEverything(t *testing.T) {
	r := newRig(t, 1, east(mirrored), east(func(c *array.ArrayConfig) { c.Takeover = time.Second }))
	v := r.Volume("n1")
	busy(t, v, 300)
	want := contents(t, v)
	require.NoError(t, r.Failover("east"))
	r.clock.Advance(time.Second / 2)
	flying := r.submit(v, statRoot)
	require.NoError(t, r.Promote("east"))
	at := r.submit(v, statRoot)
	r.clock.Advance(time.Minute)
	require.Equal(t, 3*time.Second/2, *flying)
	require.Equal(t, 3*time.Second/2, *at)
	require.Equal(t, want, contents(t, v))
	require.Empty(t, v.Audit())
	require.ErrorContains(t, r.Promote("east"), "no mirror", "there is only one other site")
	require.Error(t, r.Promote("west"))
	require.Error(t, r.Promote("none"))
}

// TestAWriteThatWasNotMirrored differs silently: the volume is right, its scrub
// is clean, and the older block is found only when the other site is promoted.
func TestAWriteThatWasNotMirrored(t *testing.T) {
	r := newRig(t, 1, east(mirrored))
	v := r.Volume("n1")
	writeSync(t, v, "a", blocks("abc"))
	r.arm(link(t, `{ops: [mirror], persist: no}`), bug.Scope{Population: onN1.Population, Path: "a"})
	f := create(t, v, "a")
	writeAt(t, v, f, 4096, blocks("BC"))
	writeSync(t, v, "b", blocks("b"))
	require.Zero(t, r.receipt().Fired, "what is not flushed is not to be mirrored")
	sync(t, v, f)
	require.Equal(t, 2, r.receipt().Fired)
	wantRead(t, v, "a", blocks("aBC"))
	require.Empty(t, v.Audit())
	require.Empty(t, r.scrub("east"))
	r.wantFired(2, false)

	require.NoError(t, r.Promote("east"))

	wantRead(t, v, "a", blocks("abc"))
	wantRead(t, v, "b", blocks("b"))
	wantPristine(t, v, "a", blocks("aBC"))
	require.Equal(t, "test#1", v.Audit()[0].Rule)
	require.Empty(t, r.scrub("east"))
	r.wantFired(2, true)
	v.PowerLoss()
	wantRead(t, v, "a", blocks("abc"))
}

// TestALaterFlushMendsTheMirror, of that block and of no other.
func TestALaterFlushMendsTheMirror(t *testing.T) {
	r := newRig(t, 1, east(mirrored))
	v := r.Volume("n1")
	f := write(t, v, "a", blocks("abc"))
	sync(t, v, f)
	r.arm(link(t, `{ops: [mirror], persist: no}`), onN1)
	for _, text := range []string{"ABC", "xyz"} {
		writeAt(t, v, f, 0, blocks(text))
		sync(t, v, f)
	}
	require.NoError(t, r.Fix("test"))
	writeAt(t, v, f, 4096, blocks("m"))
	sync(t, v, f)
	writeAt(t, v, f, 2*4096, blocks("u"))
	require.NoError(t, r.Promote("east"))
	wantRead(t, v, "a", blocks("amu"))
	wantPristine(t, v, "a", blocks("xmu"))
	sync(t, v, f)
	v.PowerLoss()
	wantRead(t, v, "a", blocks("amu"))
}

func TestAMirrorCanHoldOtherThanItShould(t *testing.T) {
	for data, want := range map[string]string{"zero": blocks("\x00"), "old(1)": blocks("a"), "other": blocks("o"), "flip(7)": ""} {
		r := newRig(t, 1, east(mirrored))
		v := r.Volume("n1")
		r.arm(link(t, "{ops: [mirror], data: "+data+"}"), bug.Scope{Population: onN1.Population, Path: "a"})
		writeSync(t, v, "other", blocks("oo"))
		writeSync(t, v, "a", blocks("a"))
		writeSync(t, v, "a", blocks("b"))
		require.Empty(t, v.Audit())
		require.NoError(t, r.Promote("east"))
		got, _ := read(t, v, "a")
		if want != "" {
			require.Equal(t, want, got, data)
		} else {
			require.Equal(t, 7, differingBits(got, blocks("b")))
		}
		wantRead(t, v, "other", blocks("oo"))
	}
}

// TestAnArrayWithoutAMirrorMirrorsNothing: there the bug has nothing to act on.
func TestAnArrayWithoutAMirrorMirrorsNothing(t *testing.T) {
	r := newRig(t, 1)
	r.arm(link(t, `{ops: [mirror], persist: no}`), onN1)
	writeSync(t, r.Volume("n1"), "a", "x")
	require.Zero(t, r.receipt().Fired)
}

// TestDamageIsMirroredLikeAnythingElse: what this site has stored wrongly is
// wrong there too.
func TestDamageIsMirroredLikeAnythingElse(t *testing.T) {
	r := newRig(t, 1, east(mirrored))
	v := r.Volume("n1")
	writeSync(t, v, "a", blocks("ab"))
	r.arm(once(t, `{ops: [write], persist: partial(4096)}`), onN1)
	writeSync(t, v, "a", blocks("AB"))
	require.NoError(t, r.Promote("east"))
	wantRead(t, v, "a", blocks("Ab"))
	wantPristine(t, v, "a", blocks("AB"))
}

// TestALyingFlushIsNotMirrored: what it kept in this site's cache stays there,
// whatever events else would lose it.
func TestALyingFlushIsNotMirrored(t *testing.T) {
	r := newRig(t, 1, east(mirrored))
	v := r.Volume("n1")
	writeSync(t, v, "a", "old")
	r.arm(always(t, `{ops: [fsync], persist: no, lost_at: [node_power_loss]}`), onN1)
	writeSync(t, v, "a", "new")
	require.NoError(t, r.Failover("east"))
	wantRead(t, v, "a", "new")
	require.NoError(t, r.Promote("east"))
	wantRead(t, v, "a", "old")
}

// TestTheOtherSiteIsAnotherMachine: it serves while the first one has no power,
// no controller or a volume offline; a bug of the whole system is there too.
func TestTheOtherSiteIsAnotherMachine(t *testing.T) {
	r := newRig(t, 1, east(mirrored))
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	require.NoError(t, r.PowerLoss("east"))
	require.NoError(t, r.Promote("east"))
	wantRead(t, v, "a", "x")

	r = newRig(t, 1, east(mirrored))
	v = r.Volume("n1")
	require.NoError(t, r.Crash("east", 0))
	require.NoError(t, r.Crash("east", 0))
	at := r.submit(v, statRoot)
	require.NoError(t, r.Promote("east"))
	require.Zero(t, *at)

	for scope, want := range map[bug.Extent]syscall.Errno{bug.ExtentVolume: 0, bug.ExtentArray: 0, bug.ExtentSystem: syscall.EIO} {
		r = newRig(t, 1, east(mirrored))
		v = r.Volume("n1")
		r.arm(always(t, `{action: offline}`), onEast(scope))
		require.Equal(t, syscall.EIO, stat(t, v))
		require.NoError(t, r.Promote("east"))
		require.Equal(t, want, stat(t, v), scope)
	}

	r = newRig(t, 1, east(mirrored))
	v = r.Volume("n1")
	r.arm(always(t, `{ops: [stat], reply: never}`), onN1)
	at = r.submit(v, statRoot)
	require.Negative(t, *at)
	require.NoError(t, r.Promote("east"))
	require.Zero(t, *at, "what hung goes on")
}

// TestPromotionIsAnEvent, seen before anything moves.
func TestPromotionIsAnEvent(t *testing.T) {
	r := newRig(t, 1, east(mirrored))
	v := r.Volume("n1")
	writeSync(t, v, "a", strings.Repeat("x", 100))
	r.arm(onEvent(t, "promote", `{action: zero}`), onN1)
	require.NoError(t, r.Promote("east"))
	wantRead(t, v, "a", strings.Repeat("\x00", 100))
	must(t, v, vol.Op{Kind: vol.Unlink, Path: "a"})
}

// TestTheOtherSiteIsAsOld as this one, in hours powered.
func TestTheOtherSiteIsAsOld(t *testing.T) {
	r := newRig(t, 1, east(mirrored))
	r.clock.Advance(2 * time.Hour)
	require.NoError(t, r.Promote("east"))
	r.clock.Advance(time.Hour)
	require.Equal(t, int64(3), r.Counters("east").PowerOnHours)
}

// TestAMirrorKeepsWhatItHadLast: a block that was mended is what stays when the
// next one is not mirrored.
func TestAMirrorKeepsWhatItHadLast(t *testing.T) {
	r := newRig(t, 1, east(mirrored))
	v := r.Volume("n1")
	f := create(t, v, "a")
	put := func(text string) {
		writeAt(t, v, f, 0, text)
		sync(t, v, f)
	}
	put("one")
	for _, text := range []string{"two", "six"} {
		rule := r.arm(link(t, `{ops: [mirror], persist: no}`), onN1)
		put(text)
		require.NoError(t, r.Disarm(rule.ID))
		put("yes")
	}
	r.arm(link(t, `{ops: [mirror], persist: no}`), onN1)
	put("not")
	require.NoError(t, r.Promote("east"))
	wantRead(t, v, "a", "yes")
}

// TestARestoreMendsTheMirror: all that is restored is written, and mirrored.
func TestARestoreMendsTheMirror(t *testing.T) {
	r := newRig(t, 1, east(mirrored))
	v := r.Volume("n1")
	writeSync(t, v, "a", "old")
	rule := r.arm(link(t, `{ops: [mirror], persist: no}`), onN1)
	writeSync(t, v, "a", "new")
	r.copy("n1")
	require.NoError(t, r.Disarm(rule.ID))
	r.restore("n1")
	require.NoError(t, r.Promote("east"))
	wantRead(t, v, "a", "new")
}
