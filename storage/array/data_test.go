package array_test

import (
	"bytes"
	"math/bits"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

func TestALostWriteIsAcknowledgedAndNotThere(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "old")
	r.arm(once(t, `{ops: [write], persist: no}`), onN1)
	writeSync(t, v, "a", "new")
	r.wantFired(1, false)
	wantPristine(t, v, "a", "new")
	wantRead(t, v, "a", "old")
	r.wantFired(1, true)
	v.PowerLoss()
	wantRead(t, v, "a", "old")
	writeSync(t, v, "a", "now") // only one was lost
	wantRead(t, v, "a", "now")
	require.Empty(t, v.Audit())
}

func TestALostAppendLeavesZeros(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(once(t, `{ops: [write], persist: no}`), onN1)
	f := write(t, v, "a", "lost")
	writeAt(t, v, f, 4, "kept")
	wantRead(t, v, "a", "\x00\x00\x00\x00kept")
	require.Equal(t, []array.Difference{{Path: "a", Kind: "altered", Bytes: 4, Rule: "test#1"}}, v.Audit())
}

func TestATornWriteKeepsItsFirstSectors(t *testing.T) {
	kept := map[int]bool{}
	for seed := range uint64(20) {
		r := newRig(t, seed)
		v := r.Volume("n1")
		writeSync(t, v, "a", strings.Repeat("o", 4096))
		r.arm(once(t, `{ops: [write], persist: partial(512)}`), onN1)
		f := create(t, v, "a")
		writeAt(t, v, f, 100, strings.Repeat("n", 3000))
		got, _ := read(t, v, "a")
		n := strings.Count(got, "n")
		require.Equal(t, strings.Repeat("o", 100)+strings.Repeat("n", n)+strings.Repeat("o", 3996-n), got)
		require.Zero(t, (100+n)%512, "it tears between sectors")
		require.Less(t, n, 3000)
		kept[n] = true
		r.wantFired(1, true)
	}
	require.Greater(t, len(kept), 2, "where it tears is a matter of the seed")
}

func TestAWriteWithinOneSectorDoesNotTear(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(always(t, `{ops: [write], persist: partial(512)}`), onN1)
	writeSync(t, v, "a", strings.Repeat("n", 512))
	wantRead(t, v, "a", strings.Repeat("n", 512))
	got := r.receipt()
	require.Equal(t, 1, got.Masked)
	require.Zero(t, got.Fired)
}

func TestAMisdirectedWriteDestroysAnotherFile(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "victim", strings.Repeat("v", 5000))
	writeSync(t, v, "a", "old")
	r.arm(once(t, `{ops: [write], persist: elsewhere}`), onN1)
	f := create(t, v, "a")
	writeAt(t, v, f, 0, "new")
	wantRead(t, v, "a", "old")
	got, _ := read(t, v, "victim")
	require.Equal(t, 1, strings.Count(got, "new"))
	require.Len(t, got, 5000)
	wantPristine(t, v, "a", "new")
	wantPristine(t, v, "victim", strings.Repeat("v", 5000))
	v.PowerLoss()
	got, _ = read(t, v, "victim")
	require.Equal(t, 1, strings.Count(got, "new"), "the damage is on the media")
}

func TestAMisdirectedWriteMayHitTheSameFile(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", strings.Repeat("o", 3*4096))
	r.arm(once(t, `{ops: [write], persist: elsewhere}`), onN1)
	f := create(t, v, "a")
	writeAt(t, v, f, 4096, strings.Repeat("n", 4096))
	got, _ := read(t, v, "a")
	require.Equal(t, strings.Repeat("o", 4096), got[4096:8192])
	require.Equal(t, 4096, strings.Count(got, "n"))
}

func TestAMisdirectedWriteNeedsAVictim(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(always(t, `{ops: [write], persist: elsewhere}`), onN1)
	writeSync(t, v, "a", "alone")
	wantRead(t, v, "a", "alone")
	require.Equal(t, 1, r.receipt().Masked)
}

func TestRotIsStoredAndReadsAlike(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	text := strings.Repeat("x", 10000)
	r.arm(once(t, `{ops: [write], data: flip(3)}`), onN1)
	writeSync(t, v, "a", text)
	first, _ := read(t, v, "a")
	require.Equal(t, 3, differingBits(first, text))
	second, _ := read(t, v, "a")
	require.Equal(t, first, second)
	wantPristine(t, v, "a", text)
	actual, err := v.Actual("a")
	require.NoError(t, err)
	require.Equal(t, first, string(actual))
}

func TestRotOnTheWayIsGoneAtTheNextRead(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "text")
	r.arm(once(t, `{ops: [read], data: flip(1)}`), onN1)
	got, _ := read(t, v, "a")
	require.Equal(t, 1, differingBits(got, "text"))
	wantRead(t, v, "a", "text")
	require.Empty(t, v.Audit())
	r.wantFired(1, true)
}

func differingBits(a, b string) int {
	n := 0
	for i := range a {
		n += bits.OnesCount8(a[i] ^ b[i])
	}
	return n
}

func TestAStaleReadIsTheVersionBefore(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(always(t, `{ops: [read], data: old(2)}`), onN1)
	for _, text := range []string{"one", "two", "six"} {
		writeSync(t, v, "a", text)
	}
	wantRead(t, v, "a", "one")
	wantPristine(t, v, "a", "six")
	r.wantFired(1, true)
	writeSync(t, v, "b", "only")
	wantRead(t, v, "b", "only")
	require.Equal(t, 1, r.receipt().Masked, "what has no older version cannot be stale")
}

func TestAForeignReadIsAnotherFile(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "mine")
	r.arm(always(t, `{ops: [read], data: other}`), bug.Scope{Population: onN1.Population, Path: "a"})
	wantRead(t, v, "a", "mine")
	require.Equal(t, 1, r.receipt().Masked)
	writeSync(t, v, "b", "another")
	wantRead(t, v, "a", "anot")
	wantRead(t, v, "b", "another")
	r.wantFired(1, true)
}

func TestAZeroedReadIsZeros(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "text")
	r.arm(once(t, `{ops: [read], data: zero}`), onN1)
	wantRead(t, v, "a", "\x00\x00\x00\x00")
	wantRead(t, v, "a", "text")
}

func TestACutReadEndsEarly(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	text := strings.Repeat("x", 1000)
	writeSync(t, v, "a", text)
	r.arm(always(t, `{ops: [read], data: cut(512)}`), onN1)
	wantRead(t, v, "a", text[:512])
	writeSync(t, v, "b", text[:512])
	wantRead(t, v, "b", "")
}

// TestDamageSpreadsToNothingElse writes many files under each kind of damage to
// one of them, and compares all others byte by byte.
func TestDamageSpreadsToNothingElse(t *testing.T) {
	for _, effect := range []string{`{ops: [write], persist: no}`, `{ops: [write], persist: partial(512)}`,
		`{ops: [write], data: flip(9)}`, `{ops: [write], data: zero}`, `{ops: [write], data: other}`} {
		r := newRig(t, 5)
		v := r.Volume("n1")
		r.arm(always(t, effect), bug.Scope{Population: onN1.Population, Path: "target"})
		for i := range 10 {
			name := "f" + string(rune('0'+i))
			writeSync(t, v, name, strings.Repeat(name, 3000))
		}
		writeSync(t, v, "target", strings.Repeat("t", 9000))
		diffs := v.Audit()
		require.Len(t, diffs, 1, effect)
		require.Equal(t, "target", diffs[0].Path)
		require.Equal(t, "test#1", diffs[0].Rule)
	}
}

func TestAnAuditOpensClones(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	must(t, v, vol.Op{Kind: vol.Mkdir, Path: "d"})
	writeSync(t, v, "d/a", "old")
	r.arm(once(t, `{ops: [write], persist: no}`), onN1)
	writeSync(t, v, "d/a", "new")
	held, want := v.Clone(), v.ClonePristine()
	writeSync(t, v, "d/a", "later")
	wantRead(t, held, "d/a", "old")
	wantRead(t, want, "d/a", "new")
	writeSync(t, held, "d/a", "changed in the clone")
	wantRead(t, v, "d/a", "later")
	held.PowerLoss()
	wantRead(t, held, "d/a", "changed in the clone")
	_, err := v.Pristine("d")
	require.Error(t, err)
	_, err = v.Pristine("none/a")
	require.Error(t, err)
}

func TestClonesShareNoBlockTheyWrite(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	big := bytes.Repeat([]byte("x"), 20000)
	f := write(t, v, "a", string(big))
	c := v.Clone()
	writeAt(t, v, f, 5000, "changed")
	wantRead(t, c, "a", string(big))
}
