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

// bugOf is a bug made of the parts that tests differ in.
func bugOf(t testing.TB, trigger, persistence, effect, scope string) bug.Bug {
	t.Helper()
	text := "trigger: " + trigger + "\npersistence: " + persistence + "\neffect: " + effect
	if scope != "" {
		text += "\nscope: " + scope
	}
	return parse(t, text)
}

// readAt reads n bytes of an open file.
func readAt(t testing.TB, v vol.Volume, f vol.FileID, off int64, n int) (string, syscall.Errno) {
	t.Helper()
	p := make([]byte, n)
	res := do(t, v, vol.Op{Kind: vol.Read, File: f, Off: off, Data: p})
	return string(p[:res.N]), res.Errno
}

// badSectors lists the sectors of a file that cannot be read.
func badSectors(t testing.TB, v vol.Volume, f vol.FileID, size int) (bad []int) {
	t.Helper()
	for i := range size / 512 {
		if _, errno := readAt(t, v, f, int64(i)*512, 512); errno != 0 {
			require.Equal(t, syscall.EIO, errno)
			bad = append(bad, i)
		}
	}
	return bad
}

// TestALatentSectorErrorEndsWhenItIsWrittenOver shows one sector that cannot be
// read, and only that, over a power loss of the node, until it is overwritten.
func TestALatentSectorErrorEndsWhenItIsWrittenOver(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := write(t, v, "a", strings.Repeat("x", 16384))
	sync(t, v, f)
	r.arm(bugOf(t, `{event: scrub}`, "until_fix", `{ops: [read], reply: EIO}`, `{extent: sector}`), onN1)
	require.Empty(t, badSectors(t, v, f, 16384))
	require.NoError(t, r.Event("east", "scrub"))

	bad := badSectors(t, v, f, 16384)
	require.Len(t, bad, 1)
	at := int64(bad[0]) * 512
	writeAt(t, v, f, at+100, "half a sector is read before it is written")
	require.Equal(t, bad, badSectors(t, v, f, 16384))
	v.PowerLoss()
	f = create(t, v, "a")
	require.Equal(t, bad, badSectors(t, v, f, 16384))

	writeAt(t, v, f, at, strings.Repeat("y", 512))
	require.Empty(t, badSectors(t, v, f, 16384))
	require.NoError(t, r.Event("east", "scrub"))
	require.Len(t, badSectors(t, v, f, 16384), 1, "another scrub, another sector")
}

func TestASectorThatIsCutOffIsBadNoMore(t *testing.T) {
	for name, end := range map[string]func(v vol.Volume, f vol.FileID){
		"truncate": func(v vol.Volume, f vol.FileID) { must(t, v, vol.Op{Kind: vol.Truncate, File: f}) },
		"open": func(v vol.Volume, _ vol.FileID) {
			must(t, v, vol.Op{Kind: vol.Open, Path: "a", Flag: syscall.O_RDWR | syscall.O_TRUNC})
		},
	} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		f := write(t, v, "a", strings.Repeat("x", 4096))
		r.arm(bugOf(t, `{event: arm}`, "permanent", `{ops: [read], reply: EIO}`, `{extent: sector}`), onN1)
		require.Len(t, badSectors(t, v, f, 4096), 1, name)
		end(v, f)
		must(t, v, vol.Op{Kind: vol.Truncate, File: f, Size: 4096})
		require.Empty(t, badSectors(t, v, f, 4096), name)
	}
}

// TestEachExtentIsAsLargeAsItSays counts what one hit of each size takes.
func TestEachExtentIsAsLargeAsItSays(t *testing.T) {
	for extent, sectors := range map[bug.Extent]int{bug.ExtentSector: 1, bug.ExtentBlock: 8, bug.ExtentChunk: 128, bug.ExtentFile: 512} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		f := write(t, v, "a", strings.Repeat("x", 256<<10))
		r.arm(bugOf(t, `{event: arm}`, "until_fix", `{ops: [read], reply: EIO}`, ""), bug.Scope{Extent: extent, Population: onN1.Population})
		bad := badSectors(t, v, f, 256<<10)
		require.Len(t, bad, sectors, extent)
		require.Zero(t, bad[0]%sectors, "aligned: %s", extent)
		require.Equal(t, bad[0]+sectors-1, bad[sectors-1], "in one piece: %s", extent)
		require.NoError(t, r.Fix("test"))
		require.Empty(t, badSectors(t, v, f, 256<<10), extent)
	}
}

// TestADirectoryIsHitWithWhatIsInIt shows a directory that fires by a read of a
// file in it, with the names in it and not those below or beside.
func TestADirectoryIsHitWithWhatIsInIt(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	for _, dir := range []string{"d", "d/sub", "e"} {
		must(t, v, vol.Op{Kind: vol.Mkdir, Path: dir})
		writeSync(t, v, dir+"/a", "x")
		writeSync(t, v, dir+"/b", "x")
	}
	r.arm(bugOf(t, `{match: {ops: [read], path: d/a}}`, "until_fix", `{ops: [read, readdir], reply: EIO}`, `{extent: directory}`), onN1)
	list := func(dir string) syscall.Errno { return do(t, v, vol.Op{Kind: vol.ReadDir, Path: dir}).Errno }
	require.Zero(t, list("d"))
	require.True(t, readFails(t, v, "d/a"))
	require.True(t, readFails(t, v, "d/b"))
	require.Equal(t, syscall.EIO, list("d"))
	require.False(t, readFails(t, v, "d/sub/a"))
	require.False(t, readFails(t, v, "e/a"))
	require.Zero(t, list("e"))
	must(t, v, vol.Op{Kind: vol.Rename, Path: "d", To: "moved"})
	require.True(t, readFails(t, v, "moved/b"), "it is the directory, whatever it is called")
}

// TestNamesAreHiddenInTheDirectoryThatFired counts the names made in each
// directory. The operation that fires is answered with an error, once; after that
// the listing lacks names that can be opened all the same.
func TestNamesAreHiddenInTheDirectoryThatFired(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(bugOf(t, `{count: names, at: 20}`, "until_fix", `{action: hide_entries, part: 0.5, ops: [open], reply: ENOSPC}`, `{extent: directory}`), onN1)
	fill := func(dir string, n int) (refused int) {
		must(t, v, vol.Op{Kind: vol.Mkdir, Path: dir})
		for i := range n {
			res := do(t, v, vol.Op{Kind: vol.Open, Path: fmt.Sprint(dir, "/f", i), Flag: syscall.O_RDWR | syscall.O_CREAT})
			if res.Errno != 0 {
				require.Equal(t, syscall.ENOSPC, res.Errno)
				refused++
			}
		}
		return refused
	}
	listed := func(dir string) int { return len(must(t, v, vol.Op{Kind: vol.ReadDir, Path: dir}).Entries) }
	require.Zero(t, fill("few", 19))
	require.Equal(t, 19, listed("few"))
	require.Equal(t, 1, fill("many", 22))
	require.InDelta(t, 10, listed("many"), 6)
	require.Equal(t, 19, listed("few"))
	for i := range 20 {
		wantRead(t, v, fmt.Sprint("many/f", i), "")
	}
}

// TestDamageKeepsToThePlace writes a whole file while each kind of damage is done
// to one block of it; everything else has to be right.
func TestDamageKeepsToThePlace(t *testing.T) {
	for _, effect := range []string{`{ops: [write], persist: no}`, `{ops: [write], persist: partial(512)}`, `{ops: [write], persist: elsewhere}`,
		`{ops: [write], data: zero}`, `{ops: [write], data: other}`, `{ops: [write], data: flip(3)}`,
		`{ops: [read], data: zero}`, `{ops: [read], data: other}`, `{ops: [read], data: flip(3)}`, `{ops: [read], data: old(1)}`} {
		r := newRig(t, 2)
		v := r.Volume("n1")
		writeSync(t, v, "beside", strings.Repeat("b", 8192))
		writeSync(t, v, "a", strings.Repeat("o", 5*4096))
		r.arm(bugOf(t, `{event: scrub}`, "until_fix", effect, `{extent: block, path: a}`), onN1)
		writeSync(t, v, "a", strings.Repeat("p", 5*4096))
		reads := strings.Contains(effect, "[read]")
		if reads { // what is written over is right again
			writeSync(t, v, "a", strings.Repeat("n", 5*4096))
		}
		require.NoError(t, r.Event("east", "scrub"))
		if !reads {
			writeSync(t, v, "a", strings.Repeat("n", 5*4096))
		}
		got, errno := read(t, v, "a")
		require.Zero(t, errno)
		blocks := 0
		for i := range 5 {
			if got[i*4096:(i+1)*4096] != strings.Repeat("n", 4096) {
				blocks++
			}
		}
		require.Equal(t, 1, blocks, effect)
	}
}

// TestReadDamageAtAPlaceEndsWhenItIsWrittenOver shows that it stays until then,
// and not longer.
func TestReadDamageAtAPlaceEndsWhenItIsWrittenOver(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", strings.Repeat("x", 3*4096))
	r.arm(bugOf(t, `{event: arm}`, "until_fix", `{ops: [read], data: zero}`, `{extent: block}`), onN1)
	for range 2 {
		got, _ := read(t, v, "a")
		require.Equal(t, 4096, strings.Count(got, "\x00"))
		require.Equal(t, 2*4096, strings.Count(got, "x"))
	}
	writeSync(t, v, "a", strings.Repeat("y", 3*4096))
	wantRead(t, v, "a", strings.Repeat("y", 3*4096))
}

// TestAPlaceThatStoresNothingGoesOn shows a block whose writes are lost: writing
// over it again does not help, because that write is lost as well.
func TestAPlaceThatStoresNothingGoesOn(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", strings.Repeat("o", 4096))
	r.arm(bugOf(t, `{event: arm}`, "until_fix", `{ops: [write], persist: no}`, `{extent: block}`), onN1)
	for range 3 {
		writeSync(t, v, "a", strings.Repeat("n", 4096))
		wantRead(t, v, "a", strings.Repeat("o", 4096))
	}
	r.wantFired(3, true)
}

// TestTheSameAddressIsHitOnEveryReplica shows a place that fires on one volume
// and is bad on all that have the bug, also where the file is made later.
func TestTheSameAddressIsHitOnEveryReplica(t *testing.T) {
	r := newRig(t, 1)
	n1, n2, n3 := r.Volume("n1"), r.Volume("n2"), r.Volume("n3")
	big := strings.Repeat("x", 16384)
	writeSync(t, n1, "a", big)
	writeSync(t, n3, "a", big)
	r.arm(bugOf(t, `{match: {ops: [read], min: 4096, max: 4096}}`, "until_fix", `{ops: [read], reply: EIO}`,
		`{extent: block, population: {os: acme/*, same_address: true}}`), bug.Scope{})
	f := create(t, n1, "a")
	_, errno := readAt(t, n1, f, 8192, 4096)
	require.Equal(t, syscall.EIO, errno)

	f2 := create(t, n2, "a")
	must(t, n2, vol.Op{Kind: vol.Truncate, File: f2, Size: 16384})
	_, errno = readAt(t, n2, f2, 9000, 10)
	require.Equal(t, syscall.EIO, errno, "n2 has read nothing before")
	_, errno = readAt(t, n2, f2, 8000, 10)
	require.Zero(t, errno)
	must(t, n1, vol.Op{Kind: vol.Rename, Path: "a", To: "b"})
	require.False(t, readFails(t, n1, "b"), "an address is not moved with a file")
	writeSync(t, n1, "c", big)
	must(t, n1, vol.Op{Kind: vol.Rename, Path: "c", To: "a"})
	require.True(t, readFails(t, n1, "a"), "what comes there is hit")
	require.False(t, readFails(t, n3, "a"), "the other OS has not got the bug")
	writeAt(t, n2, f2, 8192, big[:4096])
	_, errno = readAt(t, n2, f2, 9000, 10)
	require.Zero(t, errno, "written over, on this volume")
	require.True(t, readFails(t, n1, "a"))
}

func TestAPlaceOnOneVolumeIsNotHitOnOthers(t *testing.T) {
	r := newRig(t, 1)
	for _, name := range r.Volumes() {
		writeSync(t, r.Volume(name), "a", "x")
	}
	r.arm(bugOf(t, `{match: {ops: [write]}}`, "until_fix", `{ops: [read], reply: EIO}`, `{extent: file}`), bug.Scope{})
	writeSync(t, r.Volume("n1"), "a", "y")
	require.True(t, readFails(t, r.Volume("n1"), "a"))
	require.False(t, readFails(t, r.Volume("n2"), "a"))
}

// TestEachPlaceHasItsOwnOnce shows that each place that fires has its own once,
// and its own transient.
func TestEachPlaceHasItsOwnOnce(t *testing.T) {
	for persistence, want := range map[string]string{"once": "10 10", "transient": "11 11", "until_fix": "11 11"} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		writeSync(t, v, "a", "x")
		writeSync(t, v, "b", "x")
		r.arm(bugOf(t, `{match: {ops: [read]}}`, persistence, `{ops: [read], reply: EIO}`, `{extent: file}`), onN1)
		var got []string
		for _, name := range []string{"a", "b"} {
			line := ""
			for range 2 {
				line += map[bool]string{true: "1", false: "0"}[readFails(t, v, name)]
			}
			got = append(got, line)
		}
		require.Equal(t, want, strings.Join(got, " "), persistence)
	}
}

// TestATransientPlaceWaitsForItsOperation shows a block that fires by a write and
// fails the next read of it, once, wherever else is read meanwhile.
func TestATransientPlaceWaitsForItsOperation(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := write(t, v, "a", strings.Repeat("x", 16384))
	r.arm(bugOf(t, `{match: {ops: [write], min: 4096}}`, "transient", `{ops: [read], reply: EIO}`, `{extent: block}`), onN1)
	writeAt(t, v, f, 4096, strings.Repeat("y", 4096))
	for _, c := range []struct {
		off  int64
		want syscall.Errno
	}{{0, 0}, {8192, 0}, {5000, syscall.EIO}, {5000, 0}, {4096, 0}} {
		_, errno := readAt(t, v, f, c.off, 100)
		require.Equal(t, c.want, errno, c.off)
	}
}

func TestPlacesEndWithTheirReboot(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.arm(bugOf(t, `{event: scrub}`, "until_reboot", `{ops: [read], reply: EIO}`, `{extent: sector}`), onN1)
	require.NoError(t, r.Event("east", "scrub"))
	require.True(t, readFails(t, v, "a"))
	require.NoError(t, r.Failover("east"))
	require.True(t, readFails(t, v, "a"), "a failover is no reboot")
	cycle(r, "east")
	require.False(t, readFails(t, v, "a"))
	require.NoError(t, r.Event("east", "scrub"))
	require.True(t, readFails(t, v, "a"), "and it may fire again")
}

// TestABugComesBackAfterItsReboot is the drive that hangs, works for an hour after
// each power cycle, and hangs again.
func TestABugComesBackAfterItsReboot(t *testing.T) {
	for _, extent := range []bug.Extent{bug.ExtentVolume, bug.ExtentSector, bug.ExtentDevice} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		writeSync(t, v, "a", "x")
		r.arm(bugOf(t, `{event: scrub}`, "until_reboot(1h)", `{ops: [read, write], reply: EIO}`, ""), bug.Scope{Extent: extent, Population: onN1.Population})
		require.NoError(t, r.Event("east", "scrub"))
		for range 3 {
			require.True(t, readFails(t, v, "a"), extent)
			cycle(r, "east")
			require.False(t, readFails(t, v, "a"), extent)
			r.clock.Advance(30 * time.Minute)
			cycle(r, "east") // in between: the hour begins anew
			r.clock.Advance(59 * time.Minute)
			require.False(t, readFails(t, v, "a"), extent)
			r.clock.Advance(time.Minute)
		}
		require.NoError(t, r.Fix("test"))
		r.clock.Advance(2 * time.Hour)
		require.False(t, readFails(t, v, "a"), extent)
	}
}

// TestAFixLeavesPermanentPlaces shows that a permanent bug's fix stops it from
// firing, while what was hit stays hit.
func TestAFixLeavesPermanentPlaces(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	writeSync(t, v, "b", "x")
	r.arm(bugOf(t, `{match: {ops: [write]}}`, "permanent", `{ops: [read], reply: EIO}`, `{extent: file}`), onN1)
	writeSync(t, v, "a", "y")
	require.NoError(t, r.Fix("test"))
	writeSync(t, v, "b", "y")
	require.True(t, readFails(t, v, "a"))
	require.False(t, readFails(t, v, "b"))
}

// TestABurstIsNearItsFirst draws bursts of sectors: as many as the bug says on
// average, and all within the distance that it says.
func TestABurstIsNearItsFirst(t *testing.T) {
	total, bursts := 0, 60
	for seed := range uint64(bursts) {
		r := newRig(t, seed)
		v := r.Volume("n1")
		f := write(t, v, "a", strings.Repeat("x", 1<<20))
		r.arm(bugOf(t, `{all: [{match: {ops: [read], min: 1000000}}, {chance: 1, burst: 5, near: 20000}]}`, "until_fix",
			`{ops: [read], reply: EIO}`, `{extent: sector}`), onN1)
		_, errno := readAt(t, v, f, 0, 1<<20)
		require.Equal(t, syscall.EIO, errno)
		bad := badSectors(t, v, f, 1<<20) // too short to match, so they fire nothing
		require.NotEmpty(t, bad)
		require.LessOrEqual(t, bad[len(bad)-1]-bad[0], 2*20000/512+2)
		total += len(bad)
	}
	require.InDelta(t, 6, float64(total)/float64(bursts), 2, "the first and five more")
}

// TestAnActionOnAPlaceIsDoneThere zeroes the blocks that a chance drew.
func TestAnActionOnAPlaceIsDoneThere(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := write(t, v, "a", strings.Repeat("x", 16*4096))
	sync(t, v, f)
	r.arm(bugOf(t, `{all: [{event: scrub}, {chance: 1}]}`, "until_fix", `{action: zero}`, `{extent: block}`), onN1)
	for range 40 {
		require.NoError(t, r.Event("east", "scrub"))
	}
	fired := r.receipt().Fired
	require.Greater(t, fired, 10)
	require.LessOrEqual(t, fired, 16, "each block once")
	got, _ := read(t, v, "a")
	require.Equal(t, fired*4096, strings.Count(got, "\x00"))
}

func TestWhereAndWhenIsOnTheReceipt(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.clock.Advance(time.Minute)
	r.arm(bugOf(t, `{match: {ops: [read]}}`, "until_fix", `{ops: [read], reply: EIO}`, `{extent: sector}`), onN1)
	r.clock.Advance(time.Minute)
	readFails(t, v, "a")
	r.clock.Advance(time.Minute)
	readFails(t, v, "a")
	require.Equal(t, array.Receipt{ID: "test#1", Bug: "test", Scope: "volume=n1 extent=sector", ArmedAt: time.Minute, Fired: 2,
		FirstAt: 2 * time.Minute, LastAt: 3 * time.Minute, Where: "n1:a read", Observed: true, ObservedAt: 2 * time.Minute}, r.receipt())
}

func TestNothingStoredIsNoPlace(t *testing.T) {
	r := newRig(t, 1)
	r.arm(bugOf(t, `{event: arm}`, "until_fix", `{ops: [read], reply: EIO}`, `{extent: sector}`), onN1)
	writeSync(t, r.Volume("n1"), "a", "x")
	require.False(t, readFails(t, r.Volume("n1"), "a"))
	require.Zero(t, r.receipt().Fired)
}

// TestEachFileIsArmedByItself shows arm and fire kept per place: a write to one
// file does not arm the flush of another.
func TestEachFileIsArmedByItself(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	a, b := create(t, v, "a"), create(t, v, "b")
	r.arm(bugOf(t, `{arm: {match: {ops: [write]}}, fire: {event: flush}}`, "transient", `{ops: [fsync], reply: EIO}`, `{extent: file}`), onN1)
	writeAt(t, v, a, 0, "x")
	flush := func(f vol.FileID) syscall.Errno { return do(t, v, vol.Op{Kind: vol.Sync, File: f}).Errno }
	require.Zero(t, flush(b))
	require.Equal(t, syscall.EIO, flush(a))
	writeAt(t, v, b, 0, "x")
	require.Equal(t, syscall.EIO, flush(b))
}

// TestPlacesSurviveOtherFiles keeps what is wrong with a file while many others
// come and go.
func TestPlacesSurviveOtherFiles(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.arm(bugOf(t, `{event: arm}`, "until_fix", `{ops: [read], reply: EIO}`, `{extent: file}`), onN1)
	for i := range 300 {
		name := fmt.Sprint("f", i)
		writeSync(t, v, name, "x")
		must(t, v, vol.Op{Kind: vol.Unlink, Path: name})
	}
	require.True(t, readFails(t, v, "a"))
}

// TestADirectoryThatFiresAsAFileIsHitAlone says that the extent file means the
// directory itself, and not what is in it.
func TestADirectoryThatFiresAsAFileIsHitAlone(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	must(t, v, vol.Op{Kind: vol.Mkdir, Path: "d"})
	writeSync(t, v, "d/a", "x")
	r.arm(bugOf(t, `{match: {ops: [readdir]}}`, "until_fix", `{ops: [readdir, read], reply: EIO}`, `{extent: file}`), onN1)
	require.Equal(t, syscall.EIO, do(t, v, vol.Op{Kind: vol.ReadDir, Path: "d"}).Errno)
	require.False(t, readFails(t, v, "d/a"))
}

// TestTheEndOfAFileIsWrittenOverWhole writes over a file that is shorter than the
// sector that it is in.
func TestTheEndOfAFileIsWrittenOverWhole(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := write(t, v, "a", strings.Repeat("x", 300))
	r.arm(bugOf(t, `{event: arm}`, "until_fix", `{ops: [read], reply: EIO}`, `{extent: sector}`), onN1)
	require.True(t, readFails(t, v, "a"))
	writeAt(t, v, f, 0, strings.Repeat("y", 200))
	require.True(t, readFails(t, v, "a"))
	writeAt(t, v, f, 0, strings.Repeat("y", 300))
	require.False(t, readFails(t, v, "a"))
}

// TestAnotherSiteHasOtherSectors promotes the mirror of an array with a sector
// that cannot be read.
func TestAnotherSiteHasOtherSectors(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Mirrored = true }))
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.arm(bugOf(t, `{event: arm}`, "permanent", `{ops: [read], reply: EIO}`, `{extent: sector}`), onN1)
	require.True(t, readFails(t, v, "a"))
	require.NoError(t, r.Promote("east"))
	r.clock.Advance(time.Minute)
	require.False(t, readFails(t, v, "a"))
}

// TestTheBlockThatFiresIsAliased finds the block that was written a second time,
// in another file.
func TestTheBlockThatFiresIsAliased(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "other", strings.Repeat("o", 4*4096))
	f := write(t, v, "a", strings.Repeat("x", 4*4096))
	sync(t, v, f)
	r.arm(bugOf(t, `{match: {ops: [write], path: a}}`, "once", `{action: alias}`, ""), onN1)
	writeAt(t, v, f, 2*4096, strings.Repeat("n", 4096))
	sync(t, v, f)
	got, _ := read(t, v, "other")
	require.Equal(t, 4096, strings.Count(got, "n"))
	require.Equal(t, 3*4096, strings.Count(got, "o"))
}
