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

// TestAChancePerDriveHourNeedsNoOperation lets hours pass: the hits come by
// themselves, more with more drives, and none while the power is off.
func TestAChancePerDriveHourNeedsNoOperation(t *testing.T) {
	bad := func(drives int, off bool) int {
		r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Drives = drives }))
		v := r.Volume("n1")
		f := write(t, v, "a", strings.Repeat("x", 1<<20))
		sync(t, v, f)
		r.arm(bugOf(t, `{chance: 0.01, per: drive_hour}`, "until_fix", `{ops: [read], reply: EIO}`, `{extent: sector}`), onN1)
		if off {
			require.NoError(t, r.PowerLoss("east"))
		}
		r.clock.Advance(2000 * time.Hour)
		if off {
			require.NoError(t, r.PowerOn("east"))
		}
		return len(badSectors(t, v, f, 1<<20))
	}
	require.InDelta(t, 20, bad(0, false), 14)
	require.InDelta(t, 120, bad(6, false), 40)
	require.Zero(t, bad(6, true))
}

func TestAnActionMayComeByTheDriveHour(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.arm(bugOf(t, `{chance: 0.1, per: drive_hour}`, "permanent", `{action: wipe}`, ""), onN1)
	at, ok := r.Due()
	require.True(t, ok)
	require.Positive(t, at)
	r.clock.Advance(at - 1)
	wantRead(t, v, "a", "x")
	r.clock.Advance(1)
	wantGone(t, v, "a")
	require.Equal(t, at, r.receipt().FirstAt)
}

// leapt is a clock whose time can move on without its timers.
type leapt struct {
	*rig
	by time.Duration
}

func (c *leapt) Now() time.Duration { return c.clock.Now() + c.by }

func (c *leapt) After(d time.Duration, f func()) { c.clock.After(d, f) }

func newLeapt(t *testing.T) (*array.Fleet, *leapt) {
	return newLeaptFleet(t, &leapt{rig: newRig(t, 1)})
}

func (c *leapt) leap(f *array.Fleet, d time.Duration) { c.by += d; f.Tick() }

func newLeaptFleet(t *testing.T, c *leapt) (*array.Fleet, *leapt) {
	f, err := array.New(c, 1, array.Config{Arrays: map[string]array.ArrayConfig{"east": {}},
		Volumes: map[string]array.VolumeConfig{"n1": {Array: "east"}}})
	require.NoError(t, err)
	return f, c
}

// TestALeapOverTimeWakesWhatIsDue is the world that moves its clock on while its
// timers stand still: Due says how far it may go, Tick and any operation make up
// for it.
func TestALeapOverTimeWakesWhatIsDue(t *testing.T) {
	f, c := newLeapt(t)
	v := f.Volume("n1")
	writeSync(t, v, "a", "x")
	_, ok := f.Due()
	require.False(t, ok)
	_, err := f.Arm(bugOf(t, `{count: power_on_hours, at: 10}`, "permanent", `{action: wipe}`, ""), bug.Scope{})
	require.NoError(t, err)
	at, ok := f.Due()
	require.True(t, ok)
	require.Equal(t, 10*time.Hour, at)
	c.leap(f, 10*time.Hour-1)
	wantRead(t, v, "a", "x")
	c.leap(f, 1)
	require.Equal(t, 1, f.Receipts()[0].Fired)

	_, err = f.Arm(bugOf(t, `{time: 20h}`, "until_fix", `{ops: [stat], reply: EIO}`, ""), bug.Scope{})
	require.NoError(t, err)
	require.Zero(t, stat(t, v))
	c.by += 10 * time.Hour
	require.Equal(t, syscall.EIO, stat(t, v), "any operation makes up for it")
}

// TestTimeAloneFires lets each counter of time reach its number with nobody
// asking anything.
func TestTimeAloneFires(t *testing.T) {
	const before = 100 * time.Hour // it was powered, and up
	for trigger, at := range map[string]time.Duration{`{count: power_on_hours, at: 103}`: 3 * time.Hour, `{count: uptime_s, at: 360600}`: 10 * time.Minute,
		`{time: 90m}`: 90 * time.Minute, `{all: [{time: 1h}, {count: uptime_s, at: 60}]}`: time.Hour} {
		r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.PowerOn = before }))
		writeSync(t, r.Volume("n1"), "a", "x")
		r.arm(bugOf(t, trigger, "permanent", `{action: wipe}`, ""), onN1)
		r.clock.Advance(at - time.Second)
		require.Zero(t, r.receipt().Fired, trigger)
		r.clock.Advance(time.Second)
		require.Equal(t, 1, r.receipt().Fired, trigger)
		require.Equal(t, at, r.receipt().FirstAt, trigger)
	}
}

// TestTimeWithoutPowerDoesNotCount stops power-on hours and starts uptime anew.
func TestTimeWithoutPowerDoesNotCount(t *testing.T) {
	for trigger, left := range map[string]time.Duration{`{count: power_on_hours, at: 3}`: time.Hour, `{count: uptime_s, at: 10800}`: 3 * time.Hour} {
		r := newRig(t, 1)
		writeSync(t, r.Volume("n1"), "a", "x")
		r.arm(bugOf(t, trigger, "permanent", `{action: wipe}`, ""), onN1)
		r.clock.Advance(2 * time.Hour)
		require.NoError(t, r.PowerLoss("east"))
		r.clock.Advance(10 * time.Hour)
		require.NoError(t, r.PowerOn("east"))
		r.clock.Advance(left - time.Second)
		require.Zero(t, r.receipt().Fired, trigger)
		r.clock.Advance(time.Second)
		require.Equal(t, 1, r.receipt().Fired, trigger)
	}
}

// TestTimeArmsWithoutAnOperation is the uptime that was reached before the power
// cycle that ends it.
func TestTimeArmsWithoutAnOperation(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(bugOf(t, `{arm: {count: uptime_s, at: 100}, fire: {event: power_cycle}}`, "until_fix", `{ops: [stat], reply: EIO}`, ""), onN1)
	r.clock.Advance(99 * time.Second)
	cycle(r, "east")
	require.Zero(t, stat(t, v))
	r.clock.Advance(100 * time.Second)
	cycle(r, "east")
	require.Equal(t, syscall.EIO, stat(t, v))
}

func TestACountComesAgainByTheClock(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := write(t, v, "a", strings.Repeat("x", 64*4096))
	sync(t, v, f)
	r.arm(bugOf(t, `{count: power_on_hours, at: 2, every: 3}`, "transient", `{action: zero, bytes: 4096}`, ""), onN1)
	for hour := 1; hour <= 9; hour++ {
		r.clock.Advance(time.Hour)
		got := r.receipt()
		require.Equal(t, (hour+1)/3, got.Fired+got.Masked, hour)
	}
}

func TestPowerIsCounted(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Counters = array.Counters{PowerCycles: 318} }))
	v := r.Volume("n1")
	r.arm(bugOf(t, `{count: power_cycles, at: 320, every: 256}`, "until_reboot", `{ops: [stat], reply: EIO}`, ""), onN1)
	r.arm(bugOf(t, `{count: power_losses, at: 3}`, "until_fix", `{ops: [readdir], reply: EIO}`, ""), onN1)
	var got []string
	for range 4 {
		got = append(got, fmt.Sprint(stat(t, v) != 0, do(t, v, vol.Op{Kind: vol.ReadDir, Path: "."}).Errno != 0))
		cycle(r, "east")
	}
	require.Equal(t, []string{"false false", "false false", "true false", "false true"}, got)
}

// TestTheDrivesOfAnArrayAreSharedByItsVolumes counts what befalls two volumes of
// one array: together as much as one alone.
func TestTheDrivesOfAnArrayAreSharedByItsVolumes(t *testing.T) {
	r := newRig(t, 1, func(c *array.Config) { c.Volumes["n4"] = array.VolumeConfig{Array: "east"} })
	big := strings.Repeat("x", 1<<20)
	for _, name := range []string{"n1", "n4"} {
		writeSync(t, r.Volume(name), "a", big)
	}
	r.arm(bugOf(t, `{chance: 0.02, per: drive_hour}`, "until_fix", `{ops: [read], reply: EIO}`, `{extent: sector}`), bug.Scope{Population: bug.Population{Array: "east"}})
	r.clock.Advance(2000 * time.Hour)
	bad := 0
	for _, name := range []string{"n1", "n4"} {
		bad += len(badSectors(t, r.Volume(name), create(t, r.Volume(name), "a"), 1<<20))
	}
	require.InDelta(t, 40, bad, 17)
}

// TestAnHourlyHitThatIsNotLetThroughIsGone lets hours pass in which the other half
// of the trigger does not hold.
func TestAnHourlyHitThatIsNotLetThroughIsGone(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Capacity = 100 * 4096 }))
	v := r.Volume("n1")
	r.arm(bugOf(t, `{all: [{level: fill, above: 0.5}, {chance: 0.01, per: drive_hour}]}`, "once", `{action: wipe}`, ""), onN1)
	r.clock.Advance(3000 * time.Hour)
	writeSync(t, v, "a", strings.Repeat("x", 60*4096))
	for range 10 {
		stat(t, v)
		require.NoError(t, r.Event("east", "scrub"))
		require.NoError(t, r.Failover("east"))
	}
	require.Zero(t, r.receipt().Fired)
	r.clock.Advance(3000 * time.Hour)
	require.Equal(t, 1, r.receipt().Fired)
}
