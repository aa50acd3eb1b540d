package array_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/vol"
)

func (r *rig) scrub(name string) []array.Finding {
	r.Helper()
	found, err := r.Scrub(name)
	require.NoError(r, err)
	return found
}

// TestAScrubFindsWhatTheArrayDidNotMeanToStore does each kind of damage to a
// file of three blocks. What was altered after the array made its checksum is
// found; what is consistent in itself, however wrong, is not.
func TestAScrubFindsWhatTheArrayDidNotMeanToStore(t *testing.T) {
	for effect, finds := range map[string]bool{
		`{ops: [write], data: flip(1)}`:         true,
		`{ops: [write], data: zero}`:            true,
		`{ops: [write], persist: partial(512)}`: true,
		`{action: zero, bytes: 512}`:            true,
		`{action: zero}`:                        true,
		`{action: resize, size: 8192}`:          true,

		`{ops: [write], persist: partial(4096)}`: false, // torn between blocks: the rest is as before
		`{ops: [write], persist: no}`:            false,
		`{ops: [write], persist: elsewhere}`:     false,
		`{ops: [write], data: other}`:            false,
		`{ops: [read], data: flip(1)}`:           false, // on its way to the reader
		`{ops: [read], data: old(1)}`:            false,
		`{ops: [fsync], persist: no}`:            false,
		`{action: rollback}`:                     false,
		`{action: drop_entries, part: 1}`:        false,
		`{action: alias}`:                        false,
		`{action: wipe}`:                         false,
	} {
		r := newRig(t, 3)
		v := r.Volume("n1")
		writeSync(t, v, "beside", strings.Repeat("b", 12288))
		writeSync(t, v, "a", strings.Repeat("o", 12288))
		require.Empty(t, r.scrub("east"))
		trigger := "{match: {ops: [write, fsync, read]}}"
		if strings.Contains(effect, "action") {
			trigger = "{event: failover}"
		}
		r.arm(parse(t, "trigger: "+trigger+"\npersistence: once\neffect: "+effect), onN1)
		writeSync(t, v, "a", strings.Repeat("n", 12288))
		read(t, v, "a")
		require.NoError(t, r.Failover("east"))
		require.Positive(t, r.receipt().Fired, effect)
		require.Equal(t, finds, len(r.scrub("east")) > 0, effect)
		require.Empty(t, r.scrub("west"))
	}
}

// TestAScrubNamesTheBlock says where, by which bug, and that nothing is repaired
// but by writing anew.
func TestAScrubNamesTheBlock(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	must(t, v, vol.Op{Kind: vol.Mkdir, Path: "d"})
	f := write(t, v, "d/a", strings.Repeat("o", 12288))
	rule := r.arm(once(t, `{ops: [write], data: flip(1)}`), onN1)
	writeAt(t, v, f, 4096+100, "new")
	require.Empty(t, r.scrub("east"), "what is not flushed is not there")
	sync(t, v, f)
	want := []array.Finding{{Volume: "n1", Path: "d/a", Off: 4096, Rule: rule.ID}}
	require.Equal(t, want, r.scrub("east"))
	require.Equal(t, want, r.scrub("east"), "it stays")
	require.Equal(t, "n1:d/a block at 4096 by test#1", fmt.Sprint(want[0]))
	v.PowerLoss()
	cycle(r, "east")
	require.Equal(t, want, r.scrub("east"))
	f = create(t, v, "d/a")
	writeAt(t, v, f, 4096, "overwritten")
	sync(t, v, f)
	require.Empty(t, r.scrub("east"), "the node writes whole blocks, and what is wrong in them with the rest")
	require.Equal(t, []array.Alarm{{Array: "east", Text: "a scrub found blocks that are not what their checksums say: 1", Rule: rule.ID}},
		r.Alarms()[:1])
	require.Len(t, r.Alarms(), 3)
}

// TestAScrubIsAnEventBeforeItLooks shows the scrub that does the damage itself.
func TestAScrubIsAnEventBeforeItLooks(t *testing.T) {
	r := newRig(t, 1)
	writeSync(t, r.Volume("n1"), "a", strings.Repeat("a", 9000))
	r.arm(onEvent(t, "scrub", `{action: zero, bytes: 512}`), onN1)
	require.Len(t, r.scrub("east"), 1)
	r.wantFired(1, false)
	require.NoError(t, r.PowerLoss("east"))
	_, err := r.Scrub("east")
	require.Error(t, err)
	_, err = r.Scrub("none")
	require.Error(t, err)
}

// TestAWriteOfTheSameBytesLeavesNoScar: what was torn off was there already.
func TestAWriteOfTheSameBytesLeavesNoScar(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", strings.Repeat("o", 4096))
	r.arm(always(t, `{ops: [write], persist: partial(512)}`), onN1)
	writeSync(t, v, "a", strings.Repeat("o", 4096))
	require.Empty(t, r.scrub("east"))
	writeSync(t, v, "a", strings.Repeat("n", 4096))
	require.Len(t, r.scrub("east"), 1)
}

// TestAScrubFindsWhatCannotBeRead is the latent sector error: it is there before
// anybody asks for those bytes, and gone when they are written anew.
func TestAScrubFindsWhatCannotBeRead(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := write(t, v, "a", blocks("abc"))
	sync(t, v, f)
	b := parse(t, "trigger: {match: {ops: [read], min: 10}}\npersistence: until_fix\nscope: {extent: sector}\neffect: {ops: [read], reply: EIO}")
	rule := r.arm(b, onN1)
	require.Empty(t, r.scrub("east"))
	require.Equal(t, syscall.EIO, do(t, v, vol.Op{Kind: vol.Read, File: f, Off: 5000, Data: make([]byte, 10)}).Errno)
	want := []array.Finding{{Volume: "n1", Path: "a", Off: 4096, Rule: rule.ID}}
	require.Equal(t, want, r.scrub("east"))
	writeAt(t, v, f, 4096, blocks("B"))
	require.Empty(t, r.scrub("east"))
}

// TestASectorThatFailedOnceIsReadByTheScrub: what the next try gets right is no
// finding.
func TestASectorThatFailedOnceIsReadByTheScrub(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", blocks("a"))
	r.arm(parse(t, "trigger: {match: {ops: [stat]}}\npersistence: transient\nscope: {extent: file}\neffect: {ops: [read], reply: EIO}"), onN1)
	must(t, v, vol.Op{Kind: vol.Stat, Path: "a"})
	require.Empty(t, r.scrub("east"))
	_, errno := read(t, v, "a")
	require.Equal(t, syscall.EIO, errno)
}

// TestWhatTheNodeWroteOverBeforeItFlushedLeavesNoScar: the array never had it.
func TestWhatTheNodeWroteOverBeforeItFlushedLeavesNoScar(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(once(t, `{ops: [write], data: flip(1)}`), onN1)
	f := write(t, v, "a", blocks("a"))
	writeAt(t, v, f, 0, blocks("b"))
	sync(t, v, f)
	r.wantFired(1, false)
	require.Empty(t, r.scrub("east"))
}

// TestAScarSurvivesThePowerOfTheNode: a damaged block that the array had when the
// node died is damaged still.
func TestAScarSurvivesThePowerOfTheNode(t *testing.T) {
	survived := 0
	for seed := range uint64(30) {
		r := newRig(t, seed)
		v := r.Volume("n1")
		r.arm(once(t, `{ops: [write], data: zero}`), onN1)
		write(t, v, "a", blocks("a"))
		v.PowerLoss()
		if _, err := v.Actual("a"); err != nil {
			continue
		}
		if got, _ := read(t, v, "a"); len(got) > 0 {
			survived++
			require.Len(t, r.scrub("east"), 1, seed)
		}
	}
	require.Positive(t, survived)
}

// TestAScrubNamesWhoMadeEachBlockWrong lets two bugs spoil one write, one block each:
// zeros where there were none, and a tear in the middle of the second.
func TestAScrubNamesWhoMadeEachBlockWrong(t *testing.T) {
	effects := map[string]string{"zero": `{ops: [write], data: zero}`, "tear": `{ops: [write], persist: partial(6144)}`}
	for _, order := range [][]string{{"zero", "tear"}, {"tear", "zero"}} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		writeSync(t, v, "a", strings.Repeat("o", 3*array.BlockSize))
		for _, id := range order {
			b := once(t, effects[id])
			b.ID = id
			r.arm(b, onN1)
		}
		writeSync(t, v, "a", strings.Repeat("n", array.BlockSize)+strings.Repeat("\x00", 2*array.BlockSize))
		found, err := r.Scrub("east")
		require.NoError(t, err)
		by := map[int64]string{}
		for _, x := range found {
			by[x.Off/array.BlockSize], _, _ = strings.Cut(x.Rule, "#")
		}
		require.Equal(t, map[int64]string{0: "zero", 1: "tear"}, by, order)
	}
}
