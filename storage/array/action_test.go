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

// onEvent is a bug that does an action each time that an event comes.
func onEvent(t testing.TB, event, effect string) bug.Bug {
	t.Helper()
	return parse(t, "trigger: {event: "+event+"}\npersistence: transient\neffect: "+effect)
}

// TestABadDiscardZeroesAnotherFile shows why deletion of one mail can damage
// another: room is given back at the wrong address. Both what is read and what
// is on the media have zeros there, and the node's power loss brings nothing
// back.
func TestABadDiscardZeroesAnotherFile(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	text := strings.Repeat("v", 50_000)
	writeSync(t, v, "victim", text)
	writeSync(t, v, "mail", strings.Repeat("m", 50_000))
	r.arm(onEvent(t, "discard", `{action: zero, bytes: 512..8192}`), onN1)
	writeSync(t, v, "empty", "")
	must(t, v, vol.Op{Kind: vol.Unlink, Path: "empty"})
	require.Zero(t, r.receipt().Fired, "no room was given back")

	must(t, v, vol.Op{Kind: vol.Unlink, Path: "mail"})

	r.wantFired(1, false)
	first, _ := read(t, v, "victim")
	zeros := strings.Count(first, "\x00")
	require.Positive(t, zeros)
	require.LessOrEqual(t, zeros, 8192)
	require.Zero(t, strings.Index(first, "\x00")%512, "it is whole sectors")
	require.Contains(t, first, strings.Repeat("\x00", zeros), "in one run")
	v.PowerLoss()
	wantRead(t, v, "victim", first)
	wantPristine(t, v, "victim", text)
	r.wantFired(1, true)
}

// TestRoomGivenBackIsAnEvent counts what discards are: removed files and files
// cut off, also when the room comes back only at the last close, and on this
// volume only.
func TestRoomGivenBackIsAnEvent(t *testing.T) {
	r := newRig(t, 1, func(c *array.Config) { c.Volumes["n4"] = array.VolumeConfig{Array: "east"} })
	v := r.Volume("n1")
	fired := func(want int, of string) {
		t.Helper()
		require.Equal(t, want, r.receipt().Fired, of)
	}
	writeSync(t, v, "rest", strings.Repeat("r", 1<<20))
	writeSync(t, v, "a", strings.Repeat("a", 9000))
	writeSync(t, r.Volume("n4"), "a", strings.Repeat("a", 9000))
	r.arm(onEvent(t, "discard", `{action: zero, bytes: 512}`), onN1)
	must(t, v, vol.Op{Kind: vol.Truncate, Path: "a", Size: 8500})
	fired(0, "a truncation within a block gives nothing back")
	must(t, v, vol.Op{Kind: vol.Truncate, Path: "a", Size: 5000})
	fired(1, "a truncation")
	must(t, r.Volume("n4"), vol.Op{Kind: vol.Unlink, Path: "a"})
	fired(1, "the other volume of the array")
	f := create(t, v, "a")
	must(t, v, vol.Op{Kind: vol.Unlink, Path: "a"})
	fired(1, "an open file keeps its room")
	must(t, v, vol.Op{Kind: vol.Close, File: f})
	fired(2, "the last close")
	writeSync(t, v, "b", "b")
	must(t, v, vol.Op{Kind: vol.Rename, Path: "rest", To: "b"})
	fired(3, "a name given to another file")
}

// TestZeroSparesWhatTheNodeHasNotFlushed is the page cache: the array cannot
// damage what it was not given yet.
func TestZeroSparesWhatTheNodeHasNotFlushed(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := write(t, v, "a", strings.Repeat("o", 8192))
	sync(t, v, f)
	writeAt(t, v, f, 0, strings.Repeat("n", 4096))
	r.arm(onEvent(t, "scrub", `{action: zero}`), onN1)
	require.NoError(t, r.Event("east", "scrub"))
	wantRead(t, v, "a", strings.Repeat("n", 4096)+strings.Repeat("\x00", 4096))
	sync(t, v, f)
	v.PowerLoss()
	wantRead(t, v, "a", strings.Repeat("n", 4096)+strings.Repeat("\x00", 4096))
}

func TestAZeroNeedsSomethingToZero(t *testing.T) {
	r := newRig(t, 1)
	r.arm(onEvent(t, "scrub", `{action: zero, bytes: 512}`), onN1)
	require.NoError(t, r.Event("east", "scrub"))
	require.Equal(t, 1, r.receipt().Masked)
	require.Zero(t, r.receipt().Fired)
	writeSync(t, r.Volume("n1"), "a", strings.Repeat("a", 100))
	require.NoError(t, r.Event("east", "scrub"))
	wantRead(t, r.Volume("n1"), "a", strings.Repeat("\x00", 100))
	require.NoError(t, r.Event("east", "scrub"))
	require.Equal(t, 2, r.receipt().Masked, "zeros cannot be zeroed")
}

func TestAZeroIsOfWholeSectors(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", strings.Repeat("a", 1<<20))
	r.arm(onEvent(t, "scrub", `{action: zero, bytes: 700}`), onN1)
	require.NoError(t, r.Event("east", "scrub"))
	got, _ := read(t, v, "a")
	require.Equal(t, 512, strings.Count(got, "\x00"))
}

// TestDeletedMailComesBack shows names that were removed since arming, with what
// they held: those from before stay gone, and so do names in use again.
func TestDeletedMailComesBack(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	must(t, v, vol.Op{Kind: vol.Mkdir, Path: "d"})
	for _, name := range []string{"before", "a", "again", "d/b", "moved"} {
		writeSync(t, v, name, "old "+name)
	}
	must(t, v, vol.Op{Kind: vol.Unlink, Path: "before"})
	r.arm(onEvent(t, "upgrade", `{action: resurrect, part: 1}`), onN1)
	write(t, v, "never", "flushed")
	for _, name := range []string{"a", "again", "d/b", "never"} {
		must(t, v, vol.Op{Kind: vol.Unlink, Path: name})
	}
	must(t, v, vol.Op{Kind: vol.Rmdir, Path: "d"})
	must(t, v, vol.Op{Kind: vol.Rename, Path: "moved", To: "here"})
	writeSync(t, v, "again", "new")

	require.NoError(t, r.Upgrade("east", "acme/1.1"))

	wantRead(t, v, "a", "old a")
	wantRead(t, v, "d/b", "old d/b")
	wantRead(t, v, "again", "new")
	wantRead(t, v, "here", "old moved")
	for _, gone := range []string{"before", "moved", "never"} {
		wantGone(t, v, gone)
	}
	require.Len(t, v.Audit(), 2, "a and d are extra")
	r.wantFired(1, true)
	v.PowerLoss()
	wantRead(t, v, "d/b", "old d/b")
}

func TestOnlyAShareComesBack(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	manyFiles(t, v)
	r.arm(onEvent(t, "upgrade", `{action: resurrect, part: 0.3}`), onN1)
	for _, e := range must(t, v, vol.Op{Kind: vol.ReadDir, Path: "."}).Entries {
		must(t, v, vol.Op{Kind: vol.Unlink, Path: e.Name})
	}
	free := must(t, v, vol.Op{Kind: vol.Statfs}).Space.FreeInodes
	require.NoError(t, r.Upgrade("east", "acme/1.1"))
	back := must(t, v, vol.Op{Kind: vol.ReadDir, Path: "."}).Entries
	require.Greater(t, len(back), 15)
	require.Less(t, len(back), 45)
	require.Equal(t, free-int64(len(back)), must(t, v, vol.Op{Kind: vol.Statfs}).Space.FreeInodes)
	require.NoError(t, r.Upgrade("east", "acme/1.2"))
	require.Greater(t, len(must(t, v, vol.Op{Kind: vol.ReadDir, Path: "."}).Entries), len(back), "the others have their chance")
}

// TestWhatCameBackAndIsMadeAnewIsTrue says that a node that makes a file and
// finds the dead one is not held to have lost its own: a correct array would
// have given it an empty one.
func TestWhatCameBackAndIsMadeAnewIsTrue(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "long and old")
	r.arm(onEvent(t, "upgrade", `{action: resurrect, part: 1}`), onN1)
	must(t, v, vol.Op{Kind: vol.Unlink, Path: "a"})
	require.NoError(t, r.Upgrade("east", "acme/1.1"))
	writeSync(t, v, "a", "new")
	wantPristine(t, v, "a", "new")
	wantRead(t, v, "a", "newg and old")
	require.Equal(t, "size", v.Audit()[0].Kind)
	v.PowerLoss()
	wantPristine(t, v, "a", "new")
	wantRead(t, v, "a", "newg and old")
	must(t, v, vol.Op{Kind: vol.Truncate, Path: "a", Size: 3})
	require.Empty(t, v.Audit())
	must(t, v, vol.Op{Kind: vol.Unlink, Path: "a"})
	require.Empty(t, v.Audit())
}

// TestAnAliasIsOneBlockAtTwoAddresses: the second address reads what the first
// holds, and from then on a write to either shows in both.
func TestAnAliasIsOneBlockAtTwoAddresses(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	a, b := strings.Repeat("a", 4096), strings.Repeat("b", 4096)
	writeSync(t, v, "a", a)
	writeSync(t, v, "b", b)
	r.arm(onEvent(t, "dedupe", `{action: alias}`), onN1)
	require.NoError(t, r.Event("east", "dedupe"))
	one, _ := read(t, v, "a")
	wantRead(t, v, "b", one)
	wantPristine(t, v, "a", a)
	wantPristine(t, v, "b", b)
	r.wantFired(1, true)

	f, g := create(t, v, "a"), create(t, v, "b")
	writeAt(t, v, g, 100, "from b")
	got, _ := read(t, v, "a")
	require.Equal(t, "from b", got[100:106])
	writeAt(t, v, f, 200, "from a")
	sync(t, v, f)
	sync(t, v, g)
	v.PowerLoss()
	first, _ := read(t, v, "a")
	require.Equal(t, "from b", first[100:106])
	require.Equal(t, "from a", first[200:206])
	wantRead(t, v, "b", first)
	wantPristine(t, v, "b", b[:100]+"from b"+b[106:])

	must(t, v, vol.Op{Kind: vol.Unlink, Path: "b"})
	writeSync(t, v, "b", "alone")
	got, _ = read(t, v, "a")
	require.Equal(t, first, got, "the pair has ended with its file")
}

// TestAnAliasKeepsToTheEndOfItsFile: a block that is longer than what the other
// file has of it does not make that file longer, nor leave anything behind its end.
func TestAnAliasKeepsToTheEndOfItsFile(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "long", strings.Repeat("l", 4096))
	writeSync(t, v, "short", "s")
	r.arm(onEvent(t, "dedupe", `{action: alias}`), onN1)
	require.NoError(t, r.Event("east", "dedupe"))
	f, g := create(t, v, "long"), create(t, v, "short")
	writeAt(t, v, f, 0, strings.Repeat("x", 4096))
	wantRead(t, v, "short", "x")
	must(t, v, vol.Op{Kind: vol.Truncate, File: g, Size: 10})
	wantRead(t, v, "short", "x"+strings.Repeat("\x00", 9))
	writeAt(t, v, f, 0, "y")
	wantRead(t, v, "short", "y"+strings.Repeat("x", 9))
	writeAt(t, v, f, 0, "z")
	wantRead(t, v, "short", "z"+strings.Repeat("x", 9))
}

// TestAnAliasGivesAHoleNothing: a block that was given back is shared no more,
// and no room is made up.
func TestAnAliasGivesAHoleNothing(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	free := must(t, v, vol.Op{Kind: vol.Statfs}).Space.FreeBytes
	f, g := write(t, v, "a", blocks("a")), write(t, v, "b", blocks("b"))
	sync(t, v, f)
	sync(t, v, g)
	r.arm(onEvent(t, "dedupe", `{action: alias}`), onN1)
	require.NoError(t, r.Event("east", "dedupe"))
	must(t, v, vol.Op{Kind: vol.Truncate, File: g})
	must(t, v, vol.Op{Kind: vol.Truncate, File: g, Size: 4096})
	writeAt(t, v, f, 0, "new")
	wantRead(t, v, "b", blocks("\x00"))
	for _, name := range []string{"a", "b"} {
		must(t, v, vol.Op{Kind: vol.Unlink, Path: name})
	}
	v.Kill()
	require.Equal(t, free, must(t, v, vol.Op{Kind: vol.Statfs}).Space.FreeBytes)
}

// TestWhatSurvivesThePowerOfTheNodeIsInBothEnds, also when it was not flushed.
func TestWhatSurvivesThePowerOfTheNodeIsInBothEnds(t *testing.T) {
	survived := 0
	for seed := range uint64(20) {
		r := newRig(t, seed)
		v := r.Volume("n1")
		writeSync(t, v, "a", blocks("a"))
		writeSync(t, v, "b", blocks("b"))
		r.arm(onEvent(t, "dedupe", `{action: alias}`), onN1)
		require.NoError(t, r.Event("east", "dedupe"))
		writeAt(t, v, create(t, v, "a"), 0, blocks("n"))
		v.PowerLoss()
		got, err := v.Actual("a")
		require.NoError(t, err)
		other, err := v.Actual("b")
		require.NoError(t, err)
		require.Equal(t, string(got), string(other))
		survived += strings.Count(string(got), "n") / 4096
	}
	require.Positive(t, survived)
}

// TestTheBlockThatFiresIsTheOneThatIsShared: its write is the first that goes to
// both addresses.
func TestTheBlockThatFiresIsTheOneThatIsShared(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "b", blocks("b"))
	f := write(t, v, "a", blocks("xyz"))
	sync(t, v, f)
	r.arm(parse(t, "trigger: {match: {ops: [write]}}\npersistence: once\neffect: {action: alias}"), onN1)
	writeAt(t, v, f, 4096, blocks("n"))
	wantRead(t, v, "a", blocks("xnz"))
	wantRead(t, v, "b", blocks("n"))
	writeAt(t, v, f, 0, blocks("m"))
	wantRead(t, v, "b", blocks("n"))
}

func TestAnAliasNeedsTwoBlocks(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(onEvent(t, "dedupe", `{action: alias}`), onN1)
	require.NoError(t, r.Event("east", "dedupe"))
	writeSync(t, v, "a", "a")
	require.NoError(t, r.Event("east", "dedupe"))
	require.Equal(t, 2, r.receipt().Masked)
}

// TestAShrunkVolumeHasLostItsEnd: what was made first is still there, the rest
// answers EIO, and software that believes the size finds no room.
func TestAShrunkVolumeHasLostItsEnd(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Capacity = 1 << 20 }))
	v := r.Volume("n1")
	for i := range 4 {
		writeSync(t, v, fmt.Sprint("f", i), strings.Repeat("x", 8192))
	}
	f := create(t, v, "f3")
	writeAt(t, v, f, 0, "y")
	r.arm(onEvent(t, "power_loss", `{action: resize, size: 12288}`), onN1)
	cycle(r, "east")

	space := must(t, v, vol.Op{Kind: vol.Statfs}).Space
	require.Equal(t, int64(12288), space.Bytes)
	require.Zero(t, space.FreeBytes)
	wantRead(t, v, "f0", strings.Repeat("x", 8192))
	g := must(t, v, vol.Op{Kind: vol.Open, Path: "f1", Flag: syscall.O_RDWR}).File
	require.Zero(t, do(t, v, vol.Op{Kind: vol.Read, File: g, Data: make([]byte, 4096)}).Errno)
	r.wantFired(1, false)
	require.Equal(t, syscall.EIO, do(t, v, vol.Op{Kind: vol.Read, File: g, Off: 4096, Data: make([]byte, 1)}).Errno)
	r.wantFired(1, true)
	require.Equal(t, syscall.EIO, do(t, v, vol.Op{Kind: vol.Read, File: g, Data: make([]byte, 8192)}).Errno)
	require.Equal(t, syscall.EIO, do(t, v, vol.Op{Kind: vol.Write, File: g, Off: 4096, Data: []byte("z")}).Errno)
	require.Equal(t, syscall.EIO, do(t, v, vol.Op{Kind: vol.Sync, File: f}).Errno, "what the node still held has nowhere to go")
	_, errno := read(t, v, "f2")
	require.Equal(t, syscall.EIO, errno)
	n := create(t, v, "new")
	require.Equal(t, syscall.ENOSPC, do(t, v, vol.Op{Kind: vol.Write, File: n, Data: []byte("z")}).Errno)
	wantPristine(t, v, "f2", strings.Repeat("x", 8192))
	r.wantFired(1, true)

	must(t, v, vol.Op{Kind: vol.Truncate, Path: "f1", Size: 4096})
	for _, name := range []string{"f0", "f2", "f3"} {
		must(t, v, vol.Op{Kind: vol.Unlink, Path: name})
	}
	must(t, v, vol.Op{Kind: vol.Close, File: f})
	writeAt(t, v, g, 4096, "there is room again, within the size")
	must(t, v, vol.Op{Kind: vol.Close, File: g})
	writeSync(t, v, "new", "z")
	wantRead(t, v, "new", "z")
}

// TestOneDirectoryCanLoseItsNames is the extent directory: only there.
func TestOneDirectoryCanLoseItsNames(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	for _, dir := range []string{"d", "e", "d/sub"} {
		must(t, v, vol.Op{Kind: vol.Mkdir, Path: dir})
		writeSync(t, v, dir+"/a", "x")
	}
	b := parse(t, "trigger: {match: {ops: [mkdir], path: 'd/*'}}\npersistence: once\neffect: {action: drop_entries, part: 1}")
	r.arm(b, bug.Scope{Extent: bug.ExtentDirectory, Population: onN1.Population})
	must(t, v, vol.Op{Kind: vol.Mkdir, Path: "e/new"})
	must(t, v, vol.Op{Kind: vol.Mkdir, Path: "d/new"})
	wantGone(t, v, "d/a")
	wantRead(t, v, "e/a", "x")
	wantRead(t, v, "d/sub/a", "x")
	must(t, v, vol.Op{Kind: vol.Stat, Path: "d/sub"})
	require.Len(t, v.Audit(), 1)
}

// TestAnActionThatChangesNothingIsMasked: on a volume that is as the action would
// leave it nothing has fired, and no caller could tell.
func TestAnActionThatChangesNothingIsMasked(t *testing.T) {
	for action, dirty := range map[string]string{
		`{action: wipe}`:                      "",
		`{action: rollback}`:                  "",
		`{action: rollback, to: 30s}`:         "",
		`{action: resize, size: 68719476736}`: "never", // what there is
		`{action: zero}`:                      "",
		`{action: drop_entries, part: 1}`:     "",
	} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		r.arm(bugOf(t, `{event: shake}`, "transient", action, ""), onN1)
		r.clock.Advance(time.Minute)
		require.NoError(t, r.Event("east", "shake"))
		r.wantFired(0, false)
		require.Equal(t, 1, r.receipt().Masked, action)
		require.Equal(t, array.MaskedBySame, r.receipt().MaskedBy, action)
		require.Empty(t, v.Audit(), action)
		if dirty == "never" {
			continue
		}
		writeSync(t, v, "a", "x")
		require.NoError(t, r.Event("east", "shake"))
		r.wantFired(1, false)
		require.NotEmpty(t, v.Audit(), action)
	}
}

// TestARollbackChangesBytesNamesAndLies: each by itself is something to go back
// from, and the same bytes written again are not.
func TestARollbackChangesBytesNamesAndLies(t *testing.T) {
	for name, c := range map[string]struct {
		change func(v vol.Volume)
		fired  int
	}{
		"nothing":         {func(vol.Volume) {}, 0},
		"the same bytes":  {func(v vol.Volume) { writeSync(t, v, "a", "old") }, 0},
		"other bytes":     {func(v vol.Volume) { writeSync(t, v, "a", "new") }, 1},
		"unflushed bytes": {func(v vol.Volume) { write(t, v, "a", "new") }, 1},
		"a new name":      {func(v vol.Volume) { writeSync(t, v, "b", "") }, 1},
		"a name less":     {func(v vol.Volume) { must(t, v, vol.Op{Kind: vol.Unlink, Path: "a"}) }, 1},
	} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		writeSync(t, v, "a", "old")
		r.arm(bugOf(t, `{event: shake}`, "permanent", `{action: rollback}`, ""), onN1)
		c.change(v)
		require.NoError(t, r.Event("east", "shake"))
		require.Equal(t, c.fired, r.receipt().Fired, name)
		require.Equal(t, 1-c.fired, r.receipt().Masked, name)
	}
}
