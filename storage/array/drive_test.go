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

// raid is a group of drives put into service over a time.
func raid(drives, tolerance int, rebuild, skew time.Duration) func(*array.Config) {
	return east(func(c *array.ArrayConfig) {
		c.Drives, c.Tolerance, c.Rebuild, c.Skew = drives, tolerance, rebuild, skew
	})
}

const deadDrive = `{ops: [read, write], reply: EIO}`

// dying is a bug by which each drive dies at its own hour.
func dying(t *testing.T, hours int) bug.Bug {
	return bugOf(t, fmt.Sprintf(`{count: power_on_hours, at: %d}`, hours), "permanent", deadDrive, `{extent: device}`)
}

// TestDrivesOfOneAgeDieTogether is a group without skew: more die at one moment
// than it tolerates, with no operation asking, and every volume of the array is
// gone with them.
func TestDrivesOfOneAgeDieTogether(t *testing.T) {
	r := newRig(t, 1, raid(8, 2, time.Hour, 0), func(c *array.Config) { c.Volumes["n4"] = array.VolumeConfig{Array: "east"} })
	for _, name := range []string{"n1", "n2", "n4"} {
		writeSync(t, r.Volume(name), "a", "x")
	}
	r.arm(dying(t, 10), onN1)
	r.clock.Advance(10*time.Hour - time.Second)
	require.False(t, readFails(t, r.Volume("n1"), "a"))
	r.clock.Advance(time.Second)
	require.True(t, readFails(t, r.Volume("n1"), "a"))
	require.True(t, readFails(t, r.Volume("n4"), "a"), "the array's other volumes lie on the same drives")
	require.False(t, readFails(t, r.Volume("n2"), "a"))
	r.clock.Advance(100 * time.Hour)
	require.True(t, readFails(t, r.Volume("n1"), "a"), "there is nothing to rebuild from")
	require.Zero(t, stat(t, r.Volume("n1")), "only what the bug names")
}

// TestSkewAndRebuildDecideWhoSurvives lets twelve drives die one after the other:
// whether the array lives depends on how long a rebuild takes against how far
// apart they were put into service.
func TestSkewAndRebuildDecideWhoSurvives(t *testing.T) {
	for _, c := range []struct {
		rebuild, skew time.Duration
		survives      bool
	}{{10 * time.Hour, 330 * time.Hour, true}, {10 * time.Hour, 48 * time.Hour, false}, {0, 330 * time.Hour, false}, {4 * time.Hour, 48 * time.Hour, true}} {
		r := newRig(t, 1, raid(12, 1, c.rebuild, c.skew))
		v := r.Volume("n1")
		writeSync(t, v, "a", "x")
		r.arm(dying(t, 400), onN1)
		r.clock.Advance(450 * time.Hour) // the youngest dies at 400
		require.Equal(t, c.survives, !readFails(t, v, "a"), "%+v", c)
		got := r.receipt()
		if c.survives {
			require.Zero(t, got.Fired)
			require.Equal(t, 12, got.Masked)
			require.False(t, got.Observed)
		}
		require.Equal(t, array.MaskedByRAID, got.MaskedBy)
	}
}

func TestTheOldestDriveIsOlderByTheSkew(t *testing.T) {
	r := newRig(t, 1, raid(4, 3, 0, 30*time.Hour))
	r.arm(dying(t, 100), onN1)
	var died []time.Duration
	for hour := range 110 {
		if got := r.receipt(); got.Masked+got.Fired > len(died) {
			died = append(died, time.Duration(hour))
		}
		r.clock.Advance(time.Hour)
	}
	require.Equal(t, []time.Duration{70, 80, 90}, died)
}

// TestARebuildIsTwoEvents tells other bugs when it begins and ends, and gives the
// group its tolerance back.
func TestARebuildIsTwoEvents(t *testing.T) {
	r := newRig(t, 1, raid(4, 1, 5*time.Hour, 0))
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.arm(bugOf(t, `{event: fault}`, "until_fix", deadDrive, `{extent: device}`), onN1)
	_, err := r.Arm(bugOf(t, `{event: rebuild}`, "until_fix", `{ops: [stat], reply: EIO}`, ""), onN1)
	require.NoError(t, err)
	_, err = r.Arm(bugOf(t, `{event: rebuilt}`, "until_fix", `{ops: [readdir], reply: EIO}`, ""), onN1)
	require.NoError(t, err)
	list := func() syscall.Errno { return do(t, v, vol.Op{Kind: vol.ReadDir, Path: "."}).Errno }
	require.NoError(t, r.FireDrive("test#1", "east", 2))
	require.Equal(t, syscall.EIO, stat(t, v))
	require.Zero(t, list())
	r.clock.Advance(5*time.Hour - time.Second)
	require.Zero(t, list())
	r.clock.Advance(time.Second)
	require.Equal(t, syscall.EIO, list())
	require.False(t, readFails(t, v, "a"))
	require.NoError(t, r.FireDrive("test#1", "east", 1))
	require.False(t, readFails(t, v, "a"), "one may be lost again")
	require.NoError(t, r.FireDrive("test#1", "east", 0))
	require.True(t, readFails(t, v, "a"))
}

// TestASpareIsANewDrive shows a spare that reaches the fatal hour by its own
// clock, and not by that of the drive that it replaced.
func TestASpareIsANewDrive(t *testing.T) {
	r := newRig(t, 1, raid(2, 1, time.Hour, 100*time.Hour))
	r.arm(dying(t, 150), onN1)
	failed := func() int { return r.receipt().Masked }
	r.clock.Advance(50 * time.Hour) // the older one is at 150
	require.Equal(t, 1, failed())
	r.clock.Advance(100 * time.Hour) // the younger one
	require.Equal(t, 2, failed())
	r.clock.Advance(51 * time.Hour) // the first spare was put in at 51
	require.Equal(t, 3, failed())
	require.Zero(t, r.receipt().Fired)
}

func TestARebuildWaitsForPower(t *testing.T) {
	r := newRig(t, 1, raid(2, 1, 2*time.Hour, 0))
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.arm(bugOf(t, `{event: fault}`, "until_fix", deadDrive, `{extent: device}`), onN1)
	require.NoError(t, r.FireDrive("test#1", "east", 0))
	require.NoError(t, r.PowerLoss("east"))
	r.clock.Advance(3 * time.Hour)
	require.NoError(t, r.PowerOn("east"))
	require.NoError(t, r.FireDrive("test#1", "east", 1))
	require.True(t, readFails(t, v, "a"), "the first was not rebuilt in the dark")
}

// TestDeadDrivesAddUpOverBugs loses one drive to each of two bugs.
func TestDeadDrivesAddUpOverBugs(t *testing.T) {
	r := newRig(t, 1, raid(4, 1, 0, 0))
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.arm(bugOf(t, `{event: fault}`, "until_fix", deadDrive, `{extent: device}`), onN1)
	r.arm(bugOf(t, `{event: fault}`, "until_fix", `{action: wipe}`, `{extent: device}`), onN1)
	require.NoError(t, r.FireDrive("test#1", "east", 0))
	require.NoError(t, r.FireDrive("test#2", "east", 0))
	require.False(t, readFails(t, v, "a"), "it is the same drive")
	require.NoError(t, r.FireDrive("test#2", "east", 3))
	wantGone(t, v, "a")
	require.Equal(t, syscall.EIO, do(t, v, vol.Op{Kind: vol.Write, File: create(t, v, "b"), Data: []byte("x")}).Errno)
	require.NoError(t, r.Disarm("test#1"))
	writeSync(t, v, "b", "y")
	wantGone(t, v, "a")
}

// TestAFixMakesDrivesWorkThatItIsIn brings an array back to what it tolerates.
func TestAFixMakesDrivesWorkThatItIsIn(t *testing.T) {
	r := newRig(t, 1, raid(4, 1, 3*time.Hour, 0))
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	b := bugOf(t, `{event: fault}`, "until_fix", deadDrive, `{extent: device}`)
	r.arm(b, onN1)
	b.ID = "other"
	r.arm(b, onN1)
	require.NoError(t, r.FireDrive("test#1", "east", 0))
	require.NoError(t, r.FireDrive("other#2", "east", 1))
	require.True(t, readFails(t, v, "a"))
	require.NoError(t, r.Fix("test"))
	require.False(t, readFails(t, v, "a"))
	r.clock.Advance(3 * time.Hour) // the other one's drive is rebuilt
	require.NoError(t, r.FireDrive("other#2", "east", 2))
	require.False(t, readFails(t, v, "a"))
}

func TestADriveThatARebootHelpsWorksAgain(t *testing.T) {
	r := newRig(t, 1, raid(2, 0, 0, 0))
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.arm(bugOf(t, `{event: fault}`, "until_reboot", `{ops: [read, write], reply: never}`, `{extent: device}`), onN1)
	require.NoError(t, r.FireDrive("test#1", "east", 0))
	f := create(t, v, "a")
	_, answered := try(v, vol.Op{Kind: vol.Read, File: f, Data: make([]byte, 1)})
	require.False(t, answered)
	cycle(r, "east")
	wantRead(t, v, "a", "x")
}

// TestADriveThatTwoBugsFailedStaysFailed ends one of them: the other is on, whoever
// came first, also for an action, and a rebuild ends both.
func TestADriveThatTwoBugsFailedStaysFailed(t *testing.T) {
	for _, first := range []string{"test", "other"} {
		for _, effect := range []string{deadDrive, `{action: offline}`} {
			r := newRig(t, 1, raid(1, 0, 0, 0))
			v := r.Volume("n1")
			writeSync(t, v, "a", "x")
			f := create(t, v, "a")
			b := bugOf(t, `{event: arm}`, "until_fix", effect, `{extent: device}`)
			r.arm(b, onN1)
			b.ID = "other"
			r.arm(b, onN1)
			require.NoError(t, r.Fix(first))
			_, errno := readAt(t, v, f, 0, 1)
			require.Equal(t, syscall.EIO, errno, "%s %s", first, effect)
			require.NoError(t, r.Fix(map[string]string{"test": "other", "other": "test"}[first]))
			wantRead(t, v, "a", "x")
		}
	}
}

// TestADriveThatTwoBugsFailedIsRebuiltOnce: while the others stand in for it, the
// second bug takes the failure over from the first, and the spare has neither.
func TestADriveThatTwoBugsFailedIsRebuiltOnce(t *testing.T) {
	r := newRig(t, 1, raid(4, 1, time.Hour, 0))
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	b := bugOf(t, `{event: fault}`, "until_fix", deadDrive, `{extent: device}`)
	r.arm(b, onN1)
	b.ID = "other"
	r.arm(b, onN1)
	require.NoError(t, r.FireDrive("test#1", "east", 0))
	require.NoError(t, r.FireDrive("other#2", "east", 0))
	require.NoError(t, r.Fix("test"))
	require.NoError(t, r.FireDrive("other#2", "east", 1))
	require.True(t, readFails(t, v, "a"), "two are lost")
	require.NoError(t, r.Fix("other"))
	wantRead(t, v, "a", "x")
	r.arm(b, onN1)
	require.NoError(t, r.FireDrive("other#3", "east", 0))
	r.clock.Advance(2 * time.Hour)
	require.NoError(t, r.FireDrive("other#3", "east", 1))
	wantRead(t, v, "a", "x")
}

// TestAPowerLossHitsADriveInSome draws for each drive by itself.
func TestAPowerLossHitsADriveInSome(t *testing.T) {
	lost := 0
	for seed := range uint64(30) {
		r := newRig(t, seed, raid(20, 19, 0, 0))
		r.arm(bugOf(t, `{all: [{event: power_loss}, {chance: 0.1}]}`, "permanent", `{action: resize, size: 1000000}`, `{extent: device}`), onN1)
		cycle(r, "east")
		lost += r.receipt().Masked
		require.Zero(t, r.receipt().Fired)
	}
	require.InDelta(t, 60, lost, 20)
}

// TestAResizedDriveTakesTheArrayWithIt is one that nothing protects.
func TestAResizedDriveTakesTheArrayWithIt(t *testing.T) {
	r := newRig(t, 1)
	r.arm(bugOf(t, `{event: power_loss}`, "permanent", `{action: resize, size: 8000000}`, `{extent: device}`), onN1)
	cycle(r, "east")
	require.EqualValues(t, 8000000, must(t, r.Volume("n1"), vol.Op{Kind: vol.Statfs}).Space.Bytes)
	require.Equal(t, 1, r.receipt().Fired)
}

// TestABadDriveSpoilsItsStripes reads a file of which every fourth chunk lies on
// the drive that lies.
func TestABadDriveSpoilsItsStripes(t *testing.T) {
	r := newRig(t, 1, raid(4, 1, 0, 0))
	v := r.Volume("n1")
	const chunk = 64 << 10
	f := write(t, v, "a", strings.Repeat("x", 16*chunk))
	r.arm(bugOf(t, `{event: fault}`, "until_fix", `{ops: [read], data: zero}`, `{extent: device}`), onN1)
	require.NoError(t, r.FireDrive("test#1", "east", 3))
	got, errno := readAt(t, v, f, 0, 16*chunk)
	require.Zero(t, errno)
	var bad []int
	for i := range 16 {
		switch got[i*chunk : (i+1)*chunk] {
		case strings.Repeat("\x00", chunk):
			bad = append(bad, i)
		default:
			require.Equal(t, strings.Repeat("x", chunk), got[i*chunk:(i+1)*chunk])
		}
	}
	require.Len(t, bad, 4)
	require.Equal(t, 12, bad[3]-bad[0])
	good := int64((bad[0] + 1) * chunk)
	fired := r.receipt().Fired
	_, errno = readAt(t, v, f, good, chunk)
	require.Zero(t, errno)
	require.Equal(t, fired, r.receipt().Fired)
}

// TestReadsFailWhereTooManyDrivesRefuseThem: the others answer for as many drives as
// the level tolerates, whichever bugs they have, and for a path that only some of
// them refuse.
func TestReadsFailWhereTooManyDrivesRefuseThem(t *testing.T) {
	r := newRig(t, 1, raid(4, 1, 0, 0))
	v := r.Volume("n1")
	writeSync(t, v, "a", strings.Repeat("x", 1<<20))
	writeSync(t, v, "b", strings.Repeat("x", 1<<20))
	b := bugOf(t, `{event: fault}`, "until_fix", `{ops: [read], reply: EIO}`, `{extent: device}`)
	r.arm(b, onN1)
	require.NoError(t, r.FireDrive("test#1", "east", 0))
	require.False(t, readFails(t, v, "a"), "one of four")
	require.Positive(t, r.Receipts()[0].Masked)
	b.ID, b.Scope.Path = "other", "a"
	r.arm(b, onN1)
	require.NoError(t, r.FireDrive("other#2", "east", 0))
	require.False(t, readFails(t, v, "a"), "the same one")
	require.NoError(t, r.FireDrive("other#2", "east", 1))
	require.True(t, readFails(t, v, "a"), "two of four")
	require.False(t, readFails(t, v, "b"), "which the second answers for")
	require.NoError(t, r.Fix("other"))
	require.False(t, readFails(t, v, "a"))
}

// TestAPlaceFailsWhereTheOtherDrivesRefuse is an unreadable sector that the others
// would have made good.
func TestAPlaceFailsWhereTheOtherDrivesRefuse(t *testing.T) {
	for _, drives := range []int{0, 1} {
		r := newRig(t, 1, raid(4, 1, 0, 0))
		v := r.Volume("n1")
		writeSync(t, v, "a", "x")
		place := bugOf(t, `{event: fault}`, "permanent", `{ops: [read], reply: EIO}`, `{extent: sector}`)
		r.arm(place, onN1)
		_, err := r.FireAt("test#1", "n1", 0)
		require.NoError(t, err)
		whole := bugOf(t, `{event: fault}`, "until_fix", `{ops: [read], reply: EIO}`, `{extent: device}`)
		whole.ID = "whole"
		r.arm(whole, onN1)
		for i := range drives {
			require.NoError(t, r.FireDrive("whole#2", "east", i))
		}
		require.Equal(t, drives > 0, readFails(t, v, "a"), drives)
	}
}

// TestALyingDriveLosesItsStripes is a flush that one drive of four lies about.
func TestALyingDriveLosesItsStripes(t *testing.T) {
	r := newRig(t, 1, raid(4, 1, 0, 0))
	v := r.Volume("n1")
	const chunk = 64 << 10
	writeSync(t, v, "a", strings.Repeat("o", 8*chunk))
	r.arm(bugOf(t, `{event: fault}`, "until_fix", `{ops: [fsync], persist: no}`, `{extent: device}`), onN1)
	require.NoError(t, r.FireDrive("test#1", "east", 0))
	writeSync(t, v, "a", strings.Repeat("n", 8*chunk))
	require.NoError(t, r.Failover("east"))
	got, _ := read(t, v, "a")
	require.Equal(t, 2*chunk, strings.Count(got, "o"))
	require.Equal(t, 6*chunk, strings.Count(got, "n"))
}

// TestOtherDrivesAnswerForOneThatDoesNotRead shows a drive whose reads fail: while
// the group has redundancy left nobody feels it.
func TestOtherDrivesAnswerForOneThatDoesNotRead(t *testing.T) {
	r := newRig(t, 1, raid(4, 1, 0, 0))
	v := r.Volume("n1")
	f := write(t, v, "a", strings.Repeat("x", 1<<20))
	r.arm(bugOf(t, `{event: fault}`, "until_fix", `{ops: [read], reply: EIO}`, `{extent: device}`), onN1)
	r.arm(bugOf(t, `{event: fault}`, "until_fix", deadDrive, `{extent: device}`), onN1)
	require.NoError(t, r.FireDrive("test#1", "east", 1))
	_, errno := readAt(t, v, f, 0, 1<<20)
	require.Zero(t, errno)
	require.Equal(t, array.MaskedByRAID, r.Receipts()[0].MaskedBy)
	require.NoError(t, r.FireDrive("test#2", "east", 2))
	_, errno = readAt(t, v, f, 0, 1<<20)
	require.Equal(t, syscall.EIO, errno)
}

// TestADrivesChanceIsItsOwn counts draws: an operation draws for the drive that it
// touches and not for all twelve.
func TestADrivesChanceIsItsOwn(t *testing.T) {
	r := newRig(t, 1, raid(12, 2, 0, 0))
	v := r.Volume("n1")
	f := write(t, v, "a", strings.Repeat("x", 1<<20))
	r.arm(bugOf(t, `{chance: 0.05}`, "transient", `{ops: [read], data: zero}`, `{extent: device}`), onN1)
	for i := range 4000 {
		readAt(t, v, f, int64(i%256)*4096, 4096)
	}
	require.InDelta(t, 200, r.receipt().Fired, 50)
}

// TestControllersHaveTheirOwnClock restarts two controllers that were started
// together, at one moment; what was done to them at different times happens apart.
func TestControllersHaveTheirOwnClock(t *testing.T) {
	for _, together := range []bool{true, false} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		if !together {
			require.NoError(t, r.Crash("east", time.Second)) // controller 0 starts anew
			r.clock.Advance(time.Minute)
		}
		r.arm(bugOf(t, `{count: uptime_s, at: 3600}`, "transient", `{action: crash, for: 1s}`, `{extent: controller}`), onN1)
		r.clock.Advance(time.Hour - time.Minute)
		_, answered := try(v, vol.Op{Kind: vol.Stat, Path: "."})
		require.True(t, answered)
		r.clock.Advance(time.Minute)
		got := r.receipt()
		require.Equal(t, 2, got.Fired)
		require.Equal(t, together, got.LastAt == got.FirstAt)
	}
}

// TestAnUpgradeMendsNoDeadDrives installs the OS without the bug too late for one
// array and in time for the other.
func TestAnUpgradeMendsNoDeadDrives(t *testing.T) {
	for persistence, mended := range map[string]bool{"permanent": false, "until_fix": true} {
		r := newRig(t, 1, raid(4, 1, 0, 3*time.Hour))
		v := r.Volume("n1")
		writeSync(t, v, "a", "x")
		r.arm(bugOf(t, `{count: power_on_hours, at: 10}`, persistence, deadDrive, `{extent: device, population: {os: "acme/<2"}}`), onN1)
		r.clock.Advance(8*time.Hour + time.Minute) // two of four
		require.True(t, readFails(t, v, "a"))
		require.NoError(t, r.Upgrade("east", "acme/2.0"))
		require.Equal(t, mended, !readFails(t, v, "a"), persistence)

		r = newRig(t, 1, raid(4, 1, 0, 3*time.Hour))
		v = r.Volume("n1")
		writeSync(t, v, "a", "x")
		r.arm(bugOf(t, `{count: power_on_hours, at: 10}`, persistence, deadDrive, `{extent: device, population: {os: "acme/<2"}}`), onN1)
		r.clock.Advance(7*time.Hour + time.Minute) // one of four
		require.NoError(t, r.Upgrade("east", "acme/2.0"))
		r.clock.Advance(100 * time.Hour)
		require.False(t, readFails(t, v, "a"), persistence)
	}
}

// TestThereIsNothingToRebuildFromPastTheTolerance loses one drive more than that
// before the first is rebuilt.
func TestThereIsNothingToRebuildFromPastTheTolerance(t *testing.T) {
	r := newRig(t, 1, raid(6, 2, time.Hour, 0))
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.arm(bugOf(t, `{event: fault}`, "until_fix", deadDrive, `{extent: device}`), onN1)
	for i := range 3 {
		require.False(t, readFails(t, v, "a"), i)
		require.NoError(t, r.FireDrive("test#1", "east", i))
	}
	r.clock.Advance(10 * time.Hour)
	require.True(t, readFails(t, v, "a"))
}

// TestASpareThatComesAfterTheFixIsSafe fixes a bug while the drive that it took is
// rebuilt, and lets the spare grow old.
func TestASpareThatComesAfterTheFixIsSafe(t *testing.T) {
	for name, end := range map[string]func(*rig) error{
		"fix":     func(r *rig) error { return r.Fix("test") },
		"upgrade": func(r *rig) error { return r.Upgrade("east", "acme/2.0") },
	} {
		r := newRig(t, 1, raid(3, 2, 10*time.Hour, 0))
		v := r.Volume("n1")
		writeSync(t, v, "a", "x")
		r.arm(bugOf(t, `{any: [{event: fault}, {count: power_on_hours, at: 100}]}`, "permanent", deadDrive, `{extent: device, population: {os: "acme/<2"}}`), onN1)
		require.NoError(t, r.FireDrive("test#1", "east", 0))
		require.NoError(t, end(r))
		r.clock.Advance(200 * time.Hour)
		require.Equal(t, 1, r.receipt().Masked, name)
		require.False(t, readFails(t, v, "a"), name)
	}
}
