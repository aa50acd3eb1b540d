package array_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// TestNamesAreCountedPerDirectory shows the count of the directory that an
// operation is in, and no other.
func TestNamesAreCountedPerDirectory(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	must(t, v, vol.Op{Kind: vol.Mkdir, Path: "d"})
	r.arm(bugOf(t, `{count: names, at: 3}`, "transient", `{ops: [open], reply: ENOSPC}`, ""), onN1)
	for i := range 5 {
		want := syscall.Errno(0)
		if i >= 3 {
			want = syscall.ENOSPC
		}
		require.Equal(t, want, do(t, v, vol.Op{Kind: vol.Open, Path: fmt.Sprint("d/", i), Flag: os.O_CREATE}).Errno, i)
	}
	writeSync(t, v, "beside", "x")
	must(t, v, vol.Op{Kind: vol.Unlink, Path: "d/0"})
	must(t, v, vol.Op{Kind: vol.Open, Path: "d/new", Flag: os.O_CREATE})
}

// TestFlagsSayHowAnOperationIsMade tries each flag with what it is and what it is
// not.
func TestFlagsSayHowAnOperationIsMade(t *testing.T) {
	for flag, want := range map[bug.Flag]string{bug.Direct: "direct", bug.Append: "append grow", bug.Sequential: "append grow again",
		bug.Create: "create", bug.Overwrite: "inside direct again"} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		open := func(name string, flag int) vol.FileID {
			f := must(t, v, vol.Op{Kind: vol.Open, Path: name, Flag: os.O_RDWR | os.O_CREATE | flag}).File
			writeAt(t, v, f, 0, "0123456789")
			return f
		}
		plain, direct, app := open("plain", 0), open("direct", vol.Direct), open("append", os.O_APPEND)
		r.arm(bugOf(t, fmt.Sprintf(`{match: {ops: [write, open], flags: [%s]}}`, flag), "transient", `{ops: [write, open], reply: EIO}`, ""), onN1)
		var got []string
		for _, c := range []struct {
			name string
			op   vol.Op
		}{
			{"hole", vol.Op{File: plain, Off: 50}}, {"inside", vol.Op{File: plain, Off: 3}}, {"direct", vol.Op{File: direct, Off: 5}},
			{"append", vol.Op{File: app, Off: 2}}, {"far", vol.Op{File: plain, Off: 90}}, {"grow", vol.Op{File: plain, Off: 91}},
			{"again", vol.Op{File: plain, Off: 4}}, {"create", vol.Op{Kind: vol.Open, Path: "new", Flag: os.O_CREATE}},
			{"open", vol.Op{Kind: vol.Open, Path: "plain", Flag: os.O_CREATE}},
		} {
			if c.op.Kind == 0 {
				c.op.Kind, c.op.Data = vol.Write, []byte("x")
			}
			if c.name == "again" { // after what was just written inside
				do(t, v, vol.Op{Kind: vol.Read, File: plain, Off: 0, Data: make([]byte, 4)})
			}
			if do(t, v, c.op).Errno != 0 {
				got = append(got, c.name)
			}
		}
		require.Equal(t, want, strings.Join(got, " "), flag)
	}
}

func TestAlignedIsBothEnds(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := create(t, v, "a")
	r.arm(bugOf(t, `{match: {ops: [write], aligned: 512}}`, "transient", `{ops: [write], reply: EIO}`, ""), onN1)
	for _, c := range []struct {
		off, n int
		want   bool
	}{{0, 512, true}, {512, 1024, true}, {0, 100, false}, {100, 412, false}, {100, 512, false}} {
		require.Equal(t, c.want, do(t, v, vol.Op{Kind: vol.Write, File: f, Off: int64(c.off), Data: make([]byte, c.n)}).Errno != 0, "%+v", c)
	}
}

// TestOldDataIsOldUntilItIsWritten reads what was stored long before the run, what
// was written in it and what has become old since.
func TestOldDataIsOldUntilItIsWritten(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Age = 50 * 24 * time.Hour }))
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	writeSync(t, v, "b", "x")
	r.arm(bugOf(t, `{match: {ops: [read], older_than: 1000h}}`, "transient", `{ops: [read], reply: EIO}`, ""), onN1)
	writeSync(t, v, "new", "x")
	require.True(t, readFails(t, v, "a"))
	require.False(t, readFails(t, v, "new"))
	writeSync(t, v, "a", "y")
	require.False(t, readFails(t, v, "a"), "rewriting clears it")
	require.True(t, readFails(t, v, "b"))
	r.clock.Advance(1000 * time.Hour)
	require.True(t, readFails(t, v, "a"))
}

// TestWhatIsOldDoesNotDependOnOtherBugs: age counts from the end of the preparation,
// whether or not a bug that never fires was armed before, and when.
func TestWhatIsOldDoesNotDependOnOtherBugs(t *testing.T) {
	for _, armed := range []int{0, 1, 2} { // not at all, while it is prepared, afterwards
		r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Age = 1000 * time.Hour }),
			func(c *array.Config) { c.Prepared = time.Hour })
		v := r.Volume("n1")
		idle := bugOf(t, `{event: nothing}`, "permanent", `{ops: [read], reply: EIO}`, "")
		idle.ID = "idle"
		if armed == 1 {
			r.arm(idle, onN1)
		}
		writeSync(t, v, "prepared", "x")
		writeSync(t, v, "again", "x")
		r.clock.Advance(time.Hour)
		writeSync(t, v, "new", "x")
		writeSync(t, v, "again", "y")
		if armed == 2 {
			r.arm(idle, onN1)
		}
		r.arm(bugOf(t, `{match: {ops: [read], older_than: 1001h}}`, "transient", `{ops: [read], reply: EIO}`, ""), onN1)
		require.False(t, readFails(t, v, "prepared"), "%d: not yet", armed)
		r.clock.Advance(time.Hour)
		require.True(t, readFails(t, v, "prepared"), armed)
		require.False(t, readFails(t, v, "new"), armed)
		require.False(t, readFails(t, v, "again"), armed)
	}
}

// TestAnOverlapFollowsAFileThroughItsMaking opens files that are not there yet: what
// was done by the path counts for the file that it made, and for no other.
func TestAnOverlapFollowsAFileThroughItsMaking(t *testing.T) {
	r := newRig(t, 1, func(c *array.Config) { c.Volumes["n4"] = array.VolumeConfig{Array: "east"} })
	v, other := r.Volume("n1"), r.Volume("n4")
	fails := func(v vol.Volume, f vol.FileID) bool {
		return do(t, v, vol.Op{Kind: vol.Write, File: f, Data: []byte("x")}).Errno != 0
	}
	old := create(t, v, "old")
	foreign := create(t, other, "foreign")
	r.arm(bugOf(t, `{overlap: [open, write], within: 5s}`, "transient", `{ops: [write], reply: EIO}`, `{extent: array}`), bug.Scope{Population: bug.Population{Array: "east"}})
	require.False(t, fails(v, old))
	f := create(t, v, "new")
	require.True(t, fails(v, f))
	r.clock.Advance(6 * time.Second)
	require.False(t, fails(v, f))
	create(t, v, "foreign")
	require.False(t, fails(other, foreign), "it is on another volume")
}

// TestAPathIsNotTheFileThatComesToHaveIt asks for two names that are not there, of
// which one is then made and the other given to a file that there was.
func TestAPathIsNotTheFileThatComesToHaveIt(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "old", "x")
	r.arm(bugOf(t, `{overlap: [stat, unlink], within: 5s}`, "transient", `{ops: [unlink], reply: EIO}`, ""), onN1)
	for _, path := range []string{"made", "given"} {
		require.Equal(t, syscall.ENOENT, do(t, v, vol.Op{Kind: vol.Stat, Path: path}).Errno)
	}
	create(t, v, "made")
	must(t, v, vol.Op{Kind: vol.Rename, Path: "old", To: "given"})
	require.Equal(t, syscall.EIO, do(t, v, vol.Op{Kind: vol.Unlink, Path: "made"}).Errno)
	must(t, v, vol.Op{Kind: vol.Unlink, Path: "given"})
}

// TestOverlapsTakeEvents shows a write during a pass of the array's own, a pass
// after a write, and two events.
func TestOverlapsTakeEvents(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := create(t, v, "a")
	try := func() bool { return do(t, v, vol.Op{Kind: vol.Write, File: f, Data: []byte("x")}).Errno != 0 }
	r.arm(bugOf(t, `{overlap: [dedupe, write], within: 5s}`, "transient", `{ops: [write], reply: EIO}`, ""), onN1)
	require.False(t, try())
	require.NoError(t, r.Event("east", "dedupe"))
	require.True(t, try())
	r.clock.Advance(6 * time.Second)
	require.False(t, try())
	require.NoError(t, r.Fix("test"))

	for trigger, fires := range map[string]bool{`{overlap: [write, dedupe], within: 5s}`: true, `{overlap: [scrub, dedupe], within: 5s}`: false,
		`{overlap: [dedupe, scrub], within: 5s}`: true} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		f := create(t, v, "a")
		r.arm(bugOf(t, trigger, "until_fix", `{ops: [stat], reply: EIO}`, ""), onN1)
		must(t, v, vol.Op{Kind: vol.Write, File: f, Data: []byte("x")})
		require.NoError(t, r.Event("east", "dedupe"))
		require.NoError(t, r.Event("east", "scrub"))
		require.Equal(t, fires, stat(t, v) != 0, trigger)
	}
}

func TestAnOverlapFollowsItsFile(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.failsRead(`{overlap: [write, read], within: 5s}`, "transient")
	writeSync(t, v, "a", "y")
	must(t, v, vol.Op{Kind: vol.Rename, Path: "a", To: "b"})
	require.True(t, readFails(t, v, "b"))
	for i := range 3000 { // more files than an overlap remembers
		r.clock.Advance(time.Second)
		writeSync(t, v, fmt.Sprint("f", i%1500), "x")
	}
	require.False(t, readFails(t, v, "f1480"))
	require.True(t, readFails(t, v, "f1499"))
}

// TestTheCacheAndTheQueueHaveLevels fills the cache with what is not flushed, and
// the queue with what is in flight.
func TestTheCacheAndTheQueueHaveLevels(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Cache = 10 * 4096 }))
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.failsRead(`{level: dirty, above: 0.5}`, "transient")
	f := write(t, v, "b", strings.Repeat("x", 4*4096))
	require.False(t, readFails(t, v, "a"))
	writeAt(t, v, f, 0, strings.Repeat("y", 4096)) // the same block again
	require.False(t, readFails(t, v, "a"))
	writeAt(t, v, f, 4*4096, "x")
	require.True(t, readFails(t, v, "a"))
	sync(t, v, f)
	require.False(t, readFails(t, v, "a"))
	writeAt(t, v, f, 0, strings.Repeat("y", 6*4096))
	require.True(t, readFails(t, v, "a"))
	v.PowerLoss()
	require.False(t, readFails(t, v, "a"))

	r = newRig(t, 1, east(func(c *array.ArrayConfig) { c.Service, c.QueueDepth = time.Millisecond, 10 }))
	v = r.Volume("n1")
	r.arm(bugOf(t, `{level: queue, above: 0.5}`, "until_fix", `{ops: [statfs], reply: EIO}`, ""), onN1)
	full := func() bool { return do(t, v, vol.Op{Kind: vol.Statfs, NoWait: true}).Errno != 0 }
	for range 4 {
		r.submit(v, vol.Op{Kind: vol.Stat, Path: "."})
	}
	require.False(t, full())
	r.submit(v, vol.Op{Kind: vol.Stat, Path: "."})
	require.True(t, full())
}

func TestALevelOfWhatHasNoSizeNeverHolds(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	for _, trigger := range []string{`{level: dirty, above: 0.1}`, `{level: queue, below: 0.9}`, `{level: dirty, below: 0.9}`} {
		r.failsRead(trigger, "transient")
	}
	writeSync(t, v, "a", "x")
	write(t, v, "b", "x")
	require.False(t, readFails(t, v, "a"))
}

// TestARememberedEventNeedsItsCondition is a migration that stalls the array when
// it meets a full cache, and only then.
func TestARememberedEventNeedsItsCondition(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Cache = 10 * 4096 }))
	v := r.Volume("n1")
	f := create(t, v, "a")
	r.arm(bugOf(t, `{all: [{event: migrate}, {level: dirty, above: 0.5}]}`, "until_reboot", `{ops: [stat], reply: EIO}`, `{extent: array}`), onN1)
	writeAt(t, v, f, 0, strings.Repeat("x", 6*4096))
	require.Zero(t, stat(t, v))
	sync(t, v, f)
	require.NoError(t, r.Event("east", "migrate"))
	require.Zero(t, stat(t, v))
	writeAt(t, v, f, 0, strings.Repeat("x", 6*4096))
	require.Equal(t, syscall.EIO, stat(t, v))
	cycle(r, "east")
	sync(t, v, f)
	require.Zero(t, stat(t, v))
}

// TestAnArraysCounterCountsAllOfIt shows operations of a volume that has not got
// the bug, on the array that has.
func TestAnArraysCounterCountsAllOfIt(t *testing.T) {
	for extent, fires := range map[bug.Extent]bool{bug.ExtentVolume: false, bug.ExtentFile: false, bug.ExtentArray: true, bug.ExtentSystem: true,
		bug.ExtentController: true, bug.ExtentDevice: true} {
		r := newRig(t, 1, func(c *array.Config) { c.Volumes["n4"] = array.VolumeConfig{Array: "east"} })
		r.arm(bugOf(t, `{count: ops, at: 5000}`, "until_fix", `{ops: [stat], reply: EIO}`, ""), bug.Scope{Extent: extent, Population: onN1.Population})
		for range 5000 {
			do(t, r.Volume("n4"), vol.Op{Kind: vol.Statfs})
		}
		require.Equal(t, fires, stat(t, r.Volume("n1")) != 0, extent)
	}
}

// TestAllMayHoldSeveralKindsOfOperations lets each part of an all choose: what is
// left is what all of them have.
func TestAllMayHoldSeveralKindsOfOperations(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.arm(bugOf(t, `{all: [{match: {ops: [read, write]}}, {overlap: [stat, write], within: 5s}]}`, "transient", `{ops: [write], reply: EIO}`, ""), onN1)
	f := create(t, v, "a")
	write := func() bool { return do(t, v, vol.Op{Kind: vol.Write, File: f, Data: []byte("x")}).Errno != 0 }
	require.False(t, write())
	must(t, v, vol.Op{Kind: vol.Stat, File: f})
	readAt(t, v, f, 0, 1)
	require.False(t, write(), "in an all, an operation is shown only to what those before let through")

	r = newRig(t, 1)
	v = r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.arm(bugOf(t, `{all: [{overlap: [stat, write], within: 5s}, {match: {ops: [read, write]}}]}`, "transient", `{ops: [write], reply: EIO}`, ""), onN1)
	f = create(t, v, "a")
	must(t, v, vol.Op{Kind: vol.Stat, File: f})
	require.True(t, write())
}

func TestAnOverlapForgetsOnlyWhatIsTooLate(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	for i := range 1500 {
		writeSync(t, v, fmt.Sprint("f", i), "x")
	}
	r.failsRead(`{overlap: [write, read], within: 5s}`, "transient")
	for i := range 1500 { // more than it remembers without looking
		writeSync(t, v, fmt.Sprint("f", i), "y")
	}
	for _, i := range []int{0, 1000, 1100, 1499} {
		require.True(t, readFails(t, v, fmt.Sprint("f", i)), i)
	}
}
