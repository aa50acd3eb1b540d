package array_test

import (
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

// took is how long an operation takes that is alone on its array.
func (r *rig) took(v vol.Volume, op vol.Op) time.Duration {
	r.Helper()
	start := r.clock.Now()
	at := r.submit(v, op)
	for *at < 0 {
		require.True(r, r.clock.Step())
	}
	return *at - start
}

// TestSlowIsAFactorOfTheTimeThatItTakes measures reads of two sizes: the larger
// loses more, and what is not slow takes its ordinary time.
func TestSlowIsAFactorOfTheTimeThatItTakes(t *testing.T) {
	r := newRig(t, 1, east(timing))
	v := r.Volume("n1")
	f := must(t, v, vol.Op{Kind: vol.Open, Path: "a", Flag: os.O_RDWR | os.O_CREATE, NoWait: true}).File
	read := func(n int) time.Duration {
		return r.took(v, vol.Op{Kind: vol.Read, File: f, Data: make([]byte, n)})
	}
	require.Equal(t, 11*time.Millisecond, read(10_000))
	r.arm(always(t, `{ops: [read], slow: 5..10}`), onN1)
	lengths := map[time.Duration]bool{}
	for range 20 {
		d := read(10_000)
		require.GreaterOrEqual(t, d, 55*time.Millisecond)
		require.LessOrEqual(t, d, 110*time.Millisecond)
		lengths[d] = true
	}
	require.Greater(t, len(lengths), 10)
	require.LessOrEqual(t, read(0), 10*time.Millisecond)
	require.Equal(t, time.Millisecond, r.took(v, vol.Op{Kind: vol.Sync, File: f}))
	r.wantFired(21, true)
	require.NoError(t, r.Fix("test"))
	require.Equal(t, 11*time.Millisecond, read(10_000))
}

func TestSlowHoldsUpTheQueue(t *testing.T) {
	r := newRig(t, 1, east(timing))
	v := r.Volume("n1")
	r.arm(always(t, `{ops: [stat], slow: 100}`), onN1)
	slow := r.submit(v, vol.Op{Kind: vol.Stat, Path: "."})
	behind := r.submit(v, vol.Op{Kind: vol.ReadDir, Path: "."})
	r.clock.Advance(time.Second)
	require.Equal(t, 100*time.Millisecond, *slow)
	require.Equal(t, 101*time.Millisecond, *behind)
}

func TestNothingIsSlowOnAnArrayWithoutTime(t *testing.T) {
	r := newRig(t, 1)
	r.arm(always(t, `{ops: [stat], slow: 100}`), onN1)
	require.Zero(t, stat(t, r.Volume("n1")))
	got := r.receipt()
	require.Zero(t, got.Fired)
	require.Equal(t, array.MaskedBySame, got.MaskedBy)
}

func TestWhoCannotWaitIsSparedByACache(t *testing.T) {
	for _, effect := range []string{`{ops: [stat], slow: 100}`, `{ops: [stat], delay: 1h}`, `{ops: [stat], reply: never}`} {
		r := newRig(t, 1, east(timing))
		v := r.Volume("n1")
		r.arm(once(t, effect), onN1)
		must(t, v, vol.Op{Kind: vol.Stat, Path: ".", NoWait: true})
		got := r.receipt()
		require.Equal(t, 1, got.Masked, effect)
		require.Equal(t, array.MaskedByCache, got.MaskedBy)
		at := r.submit(v, vol.Op{Kind: vol.Stat, Path: "."})
		r.clock.Advance(50 * time.Millisecond)
		require.Negative(t, *at, "it waits for somebody who can feel it: %s", effect)
	}
}

// TestAWriteLandsOnTheOneBefore is a position in the file that is not moved on: of
// three records of a log the last is all that is left of two.
func TestAWriteLandsOnTheOneBefore(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := create(t, v, "log")
	writeAt(t, v, f, 0, "one.")
	writeAt(t, v, f, 4, "two.")
	r.arm(once(t, `{ops: [write], persist: behind}`), onN1)
	writeAt(t, v, f, 8, "THREE")
	wantRead(t, v, "log", "one.THREE")
	wantPristine(t, v, "log", "one.two.THREE")
	r.wantFired(1, true)
	sync(t, v, f)
	v.PowerLoss()
	wantRead(t, v, "log", "one.THREE")
}

// TestEachWriteLandsOnTheOneBefore shows a bug that stays: the position never
// moves, so only the last record is left.
func TestEachWriteLandsOnTheOneBefore(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(always(t, `{ops: [write], persist: behind}`), onN1)
	f := create(t, v, "log")
	for i, text := range []string{"one.", "two.", "six."} {
		writeAt(t, v, f, int64(4*i), text)
	}
	wantRead(t, v, "log", "six.")
	got := r.receipt()
	require.Equal(t, 2, got.Fired)
	require.Equal(t, 1, got.Masked, "there is nothing before the first")
}

// TestTheWriteBeforeMayBeAnothersOpen reaches across opens of one file, for a log
// that is opened for each record.
func TestTheWriteBeforeMayBeAnothersOpen(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "log", "one.")
	r.arm(once(t, `{ops: [write], persist: behind}`), onN1)
	f := create(t, v, "log")
	writeAt(t, v, f, 4, "TWO.")
	wantRead(t, v, "log", "TWO.")
}

// gate is the flush that fails once and after which the pages count as clean.
const fsyncgate = `{ops: [fsync], reply: EIO, persist: no, lost_at: [eviction, node_power_loss]}`

// TestAFailedFlushIsToldOnce shows the error, the flush after it that says all is
// well, and the data that is gone when the file leaves the node's cache.
func TestAFailedFlushIsToldOnce(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "old")
	r.arm(once(t, fsyncgate), onN1)
	f := write(t, v, "a", "new")
	require.Equal(t, syscall.EIO, do(t, v, vol.Op{Kind: vol.Sync, File: f}).Errno)
	r.wantFired(1, true)
	got, _ := readAt(t, v, f, 0, 3)
	require.Equal(t, "new", got, "the cache has it")
	sync(t, v, f)
	cycle(r, "east")
	other := create(t, v, "a")
	must(t, v, vol.Op{Kind: vol.Close, File: f})
	got, _ = readAt(t, v, other, 0, 3)
	require.Equal(t, "new", got, "somebody has it open")
	require.Empty(t, v.Audit())

	must(t, v, vol.Op{Kind: vol.Close, File: other})
	wantRead(t, v, "a", "old")
	wantPristine(t, v, "a", "new")
	require.Equal(t, []array.Difference{{Path: "a", Kind: "altered", Bytes: 3, Rule: "test#1"}}, v.Audit())
}

// TestAFailedFlushPromisesNothing says that the truth knows it too: without a
// flush that succeeds, a power loss of the node takes the bytes from both.
func TestAFailedFlushPromisesNothing(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "old")
	r.arm(once(t, fsyncgate), onN1)
	f := write(t, v, "a", "new")
	require.Equal(t, syscall.EIO, do(t, v, vol.Op{Kind: vol.Sync, File: f}).Errno)
	v.PowerLoss()
	wantRead(t, v, "a", "old")
	wantPristine(t, v, "a", "old")

	r = newRig(t, 1)
	v = r.Volume("n1")
	writeSync(t, v, "a", "old")
	r.arm(once(t, fsyncgate), onN1)
	f = write(t, v, "a", "new")
	require.Equal(t, syscall.EIO, do(t, v, vol.Op{Kind: vol.Sync, File: f}).Errno)
	sync(t, v, f) // this one promises
	v.PowerLoss()
	wantRead(t, v, "a", "old")
	wantPristine(t, v, "a", "new")
}

// TestAPageWrittenAgainIsSaved shows that the next write of a page makes all of it
// dirty, and the flush after that keeps it, while its neighbour is lost.
func TestAPageWrittenAgainIsSaved(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", strings.Repeat("o", 8192))
	r.arm(once(t, fsyncgate), onN1)
	f := write(t, v, "a", strings.Repeat("n", 8192))
	require.Equal(t, syscall.EIO, do(t, v, vol.Op{Kind: vol.Sync, File: f}).Errno)
	writeAt(t, v, f, 10, "!")
	sync(t, v, f)
	must(t, v, vol.Op{Kind: vol.Close, File: f})
	wantRead(t, v, "a", strings.Repeat("n", 10)+"!"+strings.Repeat("n", 4085)+strings.Repeat("o", 4096))
}

func TestAKilledProcessLosesWhatItsClosesEvict(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "old")
	r.arm(once(t, fsyncgate), onN1)
	f := write(t, v, "a", "new")
	require.Equal(t, syscall.EIO, do(t, v, vol.Op{Kind: vol.Sync, File: f}).Errno)
	v.Kill()
	wantRead(t, v, "a", "old")
}

// TestAFlushThatLiesAboutTheNodesCache succeeds and leaves everything in the node:
// no later flush, and nothing that happens to the array, makes a difference.
func TestAFlushThatLiesAboutTheNodesCache(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "old")
	r.arm(once(t, `{ops: [fsync], persist: no, lost_at: [eviction]}`), onN1)
	f := write(t, v, "a", "new")
	sync(t, v, f)
	writeSync(t, v, "b", "flushed")
	require.NoError(t, r.Destage("east"))
	require.NoError(t, r.Failover("east"))
	got, _ := readAt(t, v, f, 0, 3)
	require.Equal(t, "new", got)
	must(t, v, vol.Op{Kind: vol.Close, File: f})
	wantRead(t, v, "a", "old")
	wantPristine(t, v, "a", "new")
	wantRead(t, v, "b", "flushed")
}

// TestAFailedFlushOfAPartKeepsTheRest shows a flush that fails for one block of a
// file, the others being durable.
func TestAFailedFlushOfAPartKeepsTheRest(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", strings.Repeat("o", 4*4096))
	r.arm(bugOf(t, `{event: scrub}`, "until_fix", `{ops: [fsync], persist: no}`, `{extent: block}`), onN1)
	require.NoError(t, r.Event("east", "scrub"))
	writeSync(t, v, "a", strings.Repeat("n", 4*4096))
	require.NoError(t, r.Failover("east"))
	got, _ := read(t, v, "a")
	require.Equal(t, 4*4096, strings.Count(got, "n"), "written over, so what was wrong there has ended")

	f := create(t, v, "a")
	require.NoError(t, r.Event("east", "scrub"))
	for i := range 4 {
		writeAt(t, v, f, int64(i)*4096, strings.Repeat("z", 100))
	}
	sync(t, v, f)
	require.NoError(t, r.Failover("east"))
	got, _ = read(t, v, "a")
	require.Equal(t, 300, strings.Count(got, "z"))
}

// TestTheNextTryIsRightMostOfTheTime retries reads that came out wrong, on a bug
// for the whole volume and on one for places.
func TestTheNextTryIsRightMostOfTheTime(t *testing.T) {
	for _, extent := range []bug.Extent{bug.ExtentVolume, bug.ExtentBlock} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		f := write(t, v, "a", strings.Repeat("x", 8192))
		r.arm(bugOf(t, `{match: {ops: [read], min: 4096}}`, "transient(0.7)", `{ops: [read], reply: EIO}`, ""),
			bug.Scope{Extent: extent, Population: onN1.Population})
		wrong, tries := 0, 500
		for range tries {
			_, errno := readAt(t, v, f, 0, 4096) // fires
			require.Equal(t, syscall.EIO, errno)
			_, errno = readAt(t, v, f, 4096, 100)
			require.Zero(t, errno, "another place is right")
			for {
				if _, errno = readAt(t, v, f, 0, 100); errno == 0 {
					break
				}
				wrong++
			}
		}
		require.InDelta(t, float64(tries)*0.3/0.7, wrong, 70, extent)
	}
}

// TestAnActionAnswersTheOperationThatFiresIt shows the answer and the action of
// one bug.
func TestAnActionAnswersTheOperationThatFiresIt(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := write(t, v, "a", strings.Repeat("x", 8192))
	sync(t, v, f)
	r.arm(bugOf(t, `{match: {ops: [write], min: 100}}`, "once", `{action: zero, ops: [write], reply: ENOSPC}`, ""), onN1)
	writeAt(t, v, f, 0, "short")
	require.Equal(t, syscall.ENOSPC, do(t, v, vol.Op{Kind: vol.Write, File: f, Data: make([]byte, 100)}).Errno)
	wantPristine(t, v, "a", "short"+strings.Repeat("x", 8187))
	got, _ := read(t, v, "a")
	require.Equal(t, 4096, strings.Count(got, "\x00"), "the block that waits in the node is not on the array")
	writeAt(t, v, f, 0, strings.Repeat("y", 100))
}

// TestARefusedOperationSpendsNothingElse shows two bugs on one write: the one that
// refuses it leaves the other's once for the next.
func TestARefusedOperationSpendsNothingElse(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "old")
	r.arm(once(t, `{ops: [write], reply: EIO}`), onN1)
	r.arm(once(t, `{ops: [write], persist: no}`), onN1)
	f := create(t, v, "a")
	require.Equal(t, syscall.EIO, do(t, v, vol.Op{Kind: vol.Write, File: f, Data: []byte("one")}).Errno)
	require.Zero(t, r.Receipts()[1].Fired)
	writeAt(t, v, f, 0, "two")
	wantRead(t, v, "a", "old")
	require.Equal(t, 1, r.Receipts()[1].Fired)
}

// TestARollbackByATimeGoesBackToWhatWasSoThen leaves the volume alone for long
// before it is rolled back, and once more with a flush shortly before.
func TestARollbackByATimeGoesBackToWhatWasSoThen(t *testing.T) {
	for _, late := range []bool{false, true} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		writeSync(t, v, "a", "first")
		r.arm(bugOf(t, `{event: failover}`, "once", `{action: rollback, to: 30s}`, ""), onN1)
		r.clock.Advance(10 * time.Second)
		writeSync(t, v, "a", "tenth")
		r.clock.Advance(90 * time.Second)
		if late {
			writeSync(t, v, "a", "later")
		}
		r.clock.Advance(time.Second)
		require.NoError(t, r.Failover("east"))
		wantRead(t, v, "a", "tenth")
	}
}

// TestWhatIsToHappenOnceWaitsUntilItChangesSomething writes less than a sector
// first, which cannot tear, on a bug for the volume and on one for a file.
func TestWhatIsToHappenOnceWaitsUntilItChangesSomething(t *testing.T) {
	for _, extent := range []bug.Extent{bug.ExtentVolume, bug.ExtentFile} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		writeSync(t, v, "a", strings.Repeat("o", 4096))
		r.arm(bugOf(t, `{match: {ops: [write]}}`, "once", `{ops: [write], persist: partial(512)}`, ""), bug.Scope{Extent: extent, Population: onN1.Population})
		f := create(t, v, "a")
		writeAt(t, v, f, 0, "short")
		require.Zero(t, r.receipt().Fired)
		for range 2 {
			writeAt(t, v, f, 0, strings.Repeat("n", 4096))
		}
		require.Equal(t, 1, r.receipt().Fired, extent)
		require.Equal(t, 1, r.receipt().Masked, extent)
	}
}

// TestARebootOfOneArrayFreesNothingOnAnother is a bug of the whole system that a
// reboot ends, array by array; the vendor's fix frees the rest.
func TestARebootOfOneArrayFreesNothingOnAnother(t *testing.T) {
	r := newRig(t, 1)
	r.arm(bugOf(t, `{event: fault}`, "until_reboot", `{ops: [stat], reply: never}`, `{extent: system}`), bug.Scope{})
	require.NoError(t, r.Event("east", "fault"))
	answered := false
	r.Volume("n2").Do(&vol.Op{Kind: vol.Stat, Path: "."}, func(vol.Result) { answered = true })
	require.False(t, answered)
	cycle(r, "east")
	require.False(t, answered)
	require.Zero(t, stat(t, r.Volume("n1")))
	require.NoError(t, r.Fix("test"))
	require.True(t, answered)
}

// TestALieAboutPagesIsNotOneAboutNames makes a file whose flush leaves its pages in
// the node: its name is durable all the same.
func TestALieAboutPagesIsNotOneAboutNames(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(always(t, `{ops: [fsync], persist: no, lost_at: [eviction]}`), onN1)
	f := write(t, v, "new", "text")
	sync(t, v, f)
	v.PowerLoss()
	wantRead(t, v, "new", "")
	wantPristine(t, v, "new", "text")
}

// TestSeveralLiesDoNotGetInEachOthersWay drops what one bug lied about and looks at
// what others left: newer data of the node, written again or not flushed yet.
func TestSeveralLiesDoNotGetInEachOthersWay(t *testing.T) {
	lie := func(r *rig, lostAt, path string) {
		r.arm(parse(t, "trigger: {event: arm}\npersistence: once\nscope: {path: "+path+"}\neffect: {ops: [fsync], persist: no, lost_at: ["+lostAt+"]}"), onN1)
	}
	for lostAt, again := range map[string]bool{"eviction": true, "node_power_loss": false} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		f := write(t, v, "a", "old")
		sync(t, v, f)
		lie(r, lostAt, "a")
		writeAt(t, v, f, 0, "one")
		sync(t, v, f)
		writeAt(t, v, f, 0, "two")
		if again {
			sync(t, v, f)
		}
		lie(r, "failover", "b")
		writeSync(t, v, "b", "gone")
		require.NoError(t, r.Failover("east"))
		wantGone(t, v, "b")
		got, _ := readAt(t, v, f, 0, 3)
		require.Equal(t, "two", got, lostAt)
	}

	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "old")
	lie(r, "eviction", "a")
	f := write(t, v, "a", "new")
	sync(t, v, f)
	v.PowerLoss()
	lie(r, "failover", "b")
	writeSync(t, v, "b", "gone")
	require.NoError(t, r.Failover("east"))
	wantRead(t, v, "a", "old")
}
