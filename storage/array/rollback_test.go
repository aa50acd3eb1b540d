package array_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

func cycle(r *rig, name string) {
	r.Helper()
	require.NoError(r, r.PowerLoss(name))
	require.NoError(r, r.PowerOn(name))
}

// TestARolledBackVolumeIsAsItWasAtArming shows bytes, sizes, names, renames,
// removals and directories going back together.
func TestARolledBackVolumeIsAsItWasAtArming(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	must(t, v, vol.Op{Kind: vol.Mkdir, Path: "d"})
	writeSync(t, v, "d/a", "old")
	writeSync(t, v, "moved", "m")
	writeSync(t, v, "removed", "r")
	r.arm(shipped(t, "volume-rollback"), onN1)
	writeSync(t, v, "d/a", "newer")
	must(t, v, vol.Op{Kind: vol.Rename, Path: "moved", To: "d/moved"})
	must(t, v, vol.Op{Kind: vol.Unlink, Path: "removed"})
	must(t, v, vol.Op{Kind: vol.Mkdir, Path: "e"})
	writeSync(t, v, "e/new", "n")
	write(t, v, "unsynced", "u")

	cycle(r, "east")

	wantPristine(t, v, "d/a", "newer")
	wantPristine(t, v, "e/new", "n")
	require.Len(t, v.Audit(), 6)
	wantRead(t, v, "d/a", "old")
	wantRead(t, v, "moved", "m")
	wantRead(t, v, "removed", "r")
	for _, gone := range []string{"e/new", "unsynced", "d/moved"} {
		wantGone(t, v, gone)
	}
	r.wantFired(1, true)
	v.PowerLoss()
	wantRead(t, v, "d/a", "old")
	wantRead(t, v, "removed", "r")
	wantGone(t, v, "unsynced")
	cycle(r, "east")
	r.wantFired(1, true)
}

func TestLifeGoesOnAfterARollback(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "old")
	r.arm(shipped(t, "volume-rollback"), onN1)
	writeSync(t, v, "a", "new")
	writeSync(t, v, "b", "lost")
	require.NoError(t, r.Failover("east"))
	wantRead(t, v, "a", "old")
	writeSync(t, v, "a", "next")
	writeSync(t, v, "b", "again")
	v.PowerLoss()
	wantRead(t, v, "a", "next")
	wantRead(t, v, "b", "again")
	require.Empty(t, v.Audit(), "all that was lost has been written anew")
}

func TestARollbackKeepsItsTime(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(parse(t, "trigger: {event: failover}\npersistence: once\neffect: {action: rollback, to: 20s}"), onN1)
	for range 60 {
		r.clock.Advance(time.Second)
		writeSync(t, v, "a", r.clock.Now().String())
	}
	require.NoError(t, r.Failover("east"))
	got, _ := read(t, v, "a")
	at, err := time.ParseDuration(got)
	require.NoError(t, err)
	require.LessOrEqual(t, at, 40*time.Second)
	require.GreaterOrEqual(t, at, 34*time.Second, "it is exact to a quarter")
}

func TestARollbackCanComeByTheClock(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "old")
	r.arm(parse(t, "trigger: {time: 30s}\npersistence: once\neffect: {action: rollback}"), bug.Scope{})
	writeSync(t, v, "a", "new")
	r.clock.Advance(29 * time.Second)
	wantRead(t, v, "a", "new")
	r.clock.Advance(time.Second)
	wantRead(t, v, "a", "old")
}

// TestARollbackOfAllReplicasIsOneEvent shows the system extent: the event on one
// array takes every volume in scope back.
func TestARollbackOfAllReplicasIsOneEvent(t *testing.T) {
	r := newRig(t, 1)
	for _, name := range r.Volumes() {
		writeSync(t, r.Volume(name), "a", "old")
	}
	r.arm(shipped(t, "volume-rollback"), bug.Scope{Extent: bug.ExtentSystem})
	for _, name := range r.Volumes() {
		writeSync(t, r.Volume(name), "a", "new")
	}
	cycle(r, "west")
	for _, name := range r.Volumes() {
		wantRead(t, r.Volume(name), "a", "old")
	}
	r.wantFired(3, true)
}

func TestAnOpenFileSurvivesTheRollbackThatRemovesIt(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(shipped(t, "volume-rollback"), onN1)
	f := write(t, v, "a", "x")
	sync(t, v, f)
	require.NoError(t, r.Failover("east"))
	wantGone(t, v, "a")
	writeAt(t, v, f, 0, "y")
	sync(t, v, f)
	must(t, v, vol.Op{Kind: vol.Close, File: f})
	wantGone(t, v, "a")
}

func TestAWipedVolumeIsEmptyAndUsable(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	free := must(t, r.Volume("n1"), vol.Op{Kind: vol.Statfs}).Space
	r.arm(parse(t, "trigger: {event: scrub}\npersistence: permanent\neffect: {action: wipe}"), onN1)
	require.NoError(t, r.Event("east", "scrub"))
	require.Empty(t, must(t, v, vol.Op{Kind: vol.ReadDir, Path: "."}).Entries)
	require.Greater(t, must(t, v, vol.Op{Kind: vol.Statfs}).Space.FreeBytes, free.FreeBytes)
	writeSync(t, v, "b", "y")
	wantRead(t, v, "b", "y")
}

func TestAZeroedVolumeKeepsItsNames(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "xyz")
	r.arm(parse(t, "trigger: {event: arm}\npersistence: once\neffect: {action: zero}"), onN1)
	wantRead(t, v, "a", "\x00\x00\x00")
	v.PowerLoss()
	wantRead(t, v, "a", "\x00\x00\x00")
	wantPristine(t, v, "a", "xyz")
}

func manyFiles(t *testing.T, v *array.Volume) {
	for i := range 100 {
		writeSync(t, v, "f"+time.Duration(i).String(), "x")
	}
}

func TestDroppedEntriesAreGoneAndCounted(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	manyFiles(t, v)
	r.arm(parse(t, "trigger: {event: upgrade}\npersistence: once\neffect: {action: drop_entries, part: 0.2}"), onN1)
	require.NoError(t, r.Upgrade("east", "acme/1.1"))
	left := len(must(t, v, vol.Op{Kind: vol.ReadDir, Path: "."}).Entries)
	require.Greater(t, left, 60)
	require.Less(t, left, 95)
	require.Len(t, v.Audit(), 100-left)
	v.PowerLoss()
	require.Len(t, must(t, v, vol.Op{Kind: vol.ReadDir, Path: "."}).Entries, left)
}

func TestHiddenEntriesCanStillBeOpened(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	manyFiles(t, v)
	rule := r.arm(parse(t, "trigger: {event: arm}\npersistence: until_fix\neffect: {action: hide_entries, part: 0.5}"), onN1)
	list := func() []vol.Info { return must(t, v, vol.Op{Kind: vol.ReadDir, Path: "."}).Entries }
	first := list()
	require.Greater(t, len(first), 30)
	require.Less(t, len(first), 70)
	require.Equal(t, first, list(), "it is the same names each time")
	for i := range 100 {
		wantRead(t, v, "f"+time.Duration(i).String(), "x")
	}
	require.NoError(t, r.Disarm(rule.ID))
	require.Len(t, list(), 100)
}

func TestAnActionThatLastsEndsWithItsReboot(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(parse(t, "trigger: {count: ops, at: 1}\npersistence: until_reboot\neffect: {ops: [mkdir], reply: EIO}"), onN1)
	mkdir := vol.Op{Kind: vol.Mkdir, Path: "d"}
	require.Equal(t, syscall.EIO, do(t, v, mkdir).Errno)
	require.NoError(t, r.Failover("east"))
	require.Equal(t, syscall.EIO, do(t, v, mkdir).Errno, "a failover is no reboot")
	require.NoError(t, r.Disarm("test#1"))

	r.arm(parse(t, "trigger: {event: arm}\npersistence: until_reboot\neffect: {ops: [mkdir], reply: EIO}"), onN1)
	require.Equal(t, syscall.EIO, do(t, v, mkdir).Errno)
	cycle(r, "east")
	must(t, v, mkdir)
}

// TestWhatARollbackBroughtBackAndIsMadeAnewIsTrue: the node asks for a file that
// it had removed, and is given the old one. What it writes there is no loss.
func TestWhatARollbackBroughtBackAndIsMadeAnewIsTrue(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "old and long")
	r.arm(shipped(t, "volume-rollback"), onN1)
	f := create(t, v, "a")
	must(t, v, vol.Op{Kind: vol.Unlink, Path: "a"})
	require.NoError(t, r.Failover("east"))
	writeSync(t, v, "a", "new")
	wantPristine(t, v, "a", "new")
	wantRead(t, v, "a", "new and long")
	must(t, v, vol.Op{Kind: vol.Close, File: f})
}
