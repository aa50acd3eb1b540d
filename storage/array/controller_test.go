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

var statRoot = vol.Op{Kind: vol.Stat, Path: "."}

// TestTheStandbyTakesOverFromACrashedController shows what a node sees of it:
// what was in flight and what comes meanwhile is answered after the takeover, in
// order, and nothing is lost or done twice.
func TestTheStandbyTakesOverFromACrashedController(t *testing.T) {
	r := newRig(t, 1, east(timing))
	v := r.Volume("n1")
	f := must(t, v, vol.Op{Kind: vol.Open, Path: "a", Flag: syscall.O_RDWR | syscall.O_CREAT | syscall.O_APPEND, NoWait: true}).File
	first := r.submit(v, vol.Op{Kind: vol.Write, File: f, Data: []byte("one")})
	second := r.submit(v, vol.Op{Kind: vol.Write, File: f, Data: []byte("two")})
	require.NoError(t, r.Crash("east", time.Hour))
	third := r.submit(v, vol.Op{Kind: vol.Write, File: f, Data: []byte("three")})
	r.clock.Advance(time.Minute)
	for i, at := range []*time.Duration{first, second, third} {
		require.InDelta(t, 5*time.Second+time.Duration(i+1)*time.Millisecond, *at, 1e5)
	}
	sync := r.submit(v, vol.Op{Kind: vol.Sync, File: f})
	r.clock.Advance(time.Minute)
	require.Positive(t, *sync)
	v.PowerLoss()
	got, err := v.Actual("a")
	require.NoError(t, err)
	require.Equal(t, "onetwothree", string(got))
	require.Empty(t, v.Audit())
}

// TestWithoutAControllerNothingIsAnswered is a host that queues: there is no
// error, only silence, until one of the controllers is back.
func TestWithoutAControllerNothingIsAnswered(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Takeover = time.Second }))
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	require.NoError(t, r.Crash("east", 10*time.Minute))
	r.clock.Advance(time.Minute)
	require.Zero(t, stat(t, v), "the standby has taken over")
	require.NoError(t, r.Crash("east", time.Hour))
	at := r.submit(v, statRoot)
	require.NoError(t, r.Failover("east"), "the operator can do nothing")
	require.NoError(t, r.Crash("east", time.Hour), "nor is there anything to crash")
	require.Zero(t, do(t, v, vol.Op{Kind: vol.Stat, Path: "a", NoWait: true}).Errno, "the node's kernel has its names")
	require.Zero(t, stat(t, r.Volume("n2")), "other arrays work")
	r.clock.Advance(9*time.Minute - time.Second)
	require.Negative(t, *at)
	r.clock.Advance(10 * time.Second)
	require.Equal(t, 10*time.Minute+time.Second, *at, "the first is back and takes over")
	wantRead(t, v, "a", "x")
	require.Error(t, r.Crash("east", -1))
	require.Error(t, r.Crash("none", 1))
}

func TestAControllerThatIsAloneComesBackItself(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Controllers = 1 }))
	v := r.Volume("n1")
	require.NoError(t, r.Crash("east", time.Minute))
	at, dead := r.submit(v, statRoot), r.submit(v, statRoot)
	v.Kill()
	late := r.submit(v, statRoot)
	r.clock.Advance(time.Hour)
	require.Negative(t, *at, "a dead process gets no answer")
	require.Negative(t, *dead)
	require.Equal(t, time.Minute, *late)

	require.NoError(t, r.Crash("east", 0))
	at = r.submit(v, statRoot)
	r.clock.Advance(1000 * time.Hour)
	require.Negative(t, *at, "away for good")
	cycle(r, "east")
	require.Negative(t, *at, "the power cut has dropped it")
	require.Zero(t, stat(t, v), "and brought the controller back")
}

// TestAPowerCycleEndsTheAbsence says that the return that was due is void: the
// controller that crashes again stays away for its own time.
func TestAPowerCycleEndsTheAbsence(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Controllers = 1 }))
	v := r.Volume("n1")
	require.NoError(t, r.Crash("east", time.Minute))
	cycle(r, "east")
	require.Zero(t, stat(t, v))
	require.NoError(t, r.Crash("east", time.Hour))
	at := r.submit(v, statRoot)
	r.clock.Advance(2 * time.Hour)
	require.Equal(t, time.Hour, *at)
}

// onEast is the scope of a bug of the array east.
func onEast(e bug.Extent) bug.Scope {
	return bug.Scope{Extent: e, Population: bug.Population{Array: "east"}}
}

// TestThePartnerReadsTheSameAndPanicsToo is the poisoned takeover: one crash
// takes both controllers, again and again, until the vendor's fix.
func TestThePartnerReadsTheSameAndPanicsToo(t *testing.T) {
	r := newRig(t, 1, func(c *array.Config) { c.Volumes["n4"] = array.VolumeConfig{Array: "east"} })
	v := r.Volume("n1")
	b := parse(t, "trigger: {event: failover}\npersistence: transient\nscope: {extent: array}\neffect: {action: crash, for: 5m}")
	r.arm(b, onEast(bug.ExtentArray))
	require.Zero(t, stat(t, v))
	require.NoError(t, r.Crash("east", time.Hour))
	at := r.submit(v, statRoot)
	r.clock.Advance(4 * time.Minute)
	require.Negative(t, *at)
	require.Equal(t, 1, r.receipt().Fired, "once for all volumes of the array")
	r.clock.Advance(2 * time.Minute)
	require.Equal(t, 5*time.Minute, *at, "the second is back: it was the active one, so this is no takeover")
	require.NoError(t, r.Failover("east"))
	require.Equal(t, 1, r.receipt().Fired, "there is no other to hand over to")
	r.clock.Advance(time.Hour)
	require.NoError(t, r.Failover("east"))
	require.Equal(t, 3, r.receipt().Fired, "now there is, it panics, and so does the one that had handed over")
	at = r.submit(v, statRoot)
	require.NoError(t, r.Fix("test"))
	r.clock.Advance(time.Hour)
	require.Positive(t, *at)
	require.NoError(t, r.Failover("east"))
	require.Equal(t, 3, r.receipt().Fired)
	require.Zero(t, stat(t, v))
	require.Equal(t, []string{"controller 0 has crashed", "controller 1 has crashed", "controller 0 has crashed",
		"controller 1 has crashed"}, texts(r))
}

func texts(r *rig) []string {
	var all []string
	for _, a := range r.Alarms() {
		all = append(all, a.Text)
	}
	return all
}

// TestATakeoverThatIsSwitchedOff is the setting that meant the opposite of what
// its manual said: the standby is well and does nothing, until somebody forces it
// or the controller is back.
func TestATakeoverThatIsSwitchedOff(t *testing.T) {
	b := parse(t, "trigger: {event: arm}\npersistence: until_fix\nplane: control\nscope: {extent: array}\neffect: {ops: [takeover], reply: never}")
	for _, forced := range []bool{true, false} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		r.arm(b, onEast(bug.ExtentArray))
		require.NoError(t, r.Failover("east"), "while all is well it does not show")
		require.Zero(t, stat(t, v))
		require.Zero(t, r.receipt().Fired)
		require.NoError(t, r.Crash("east", time.Hour))
		at := r.submit(v, statRoot)
		r.clock.Advance(30 * time.Minute)
		require.Negative(t, *at)
		want := time.Hour
		if forced {
			require.NoError(t, r.Failover("east"))
			want = 30 * time.Minute
		}
		r.clock.Advance(time.Hour)
		require.Equal(t, want, *at)
		r.wantFired(1, true)
	}
}

func TestATakeoverCanComeLate(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Takeover = time.Second }))
	v := r.Volume("n1")
	r.arm(parse(t, "trigger: {event: arm}\npersistence: until_fix\nplane: control\nscope: {extent: array}\neffect: {ops: [takeover], delay: 10m}"), onEast(bug.ExtentArray))
	require.NoError(t, r.Crash("east", time.Hour))
	at := r.submit(v, statRoot)
	r.clock.Advance(2 * time.Hour)
	require.Equal(t, 10*time.Minute+time.Second, *at)

	require.NoError(t, r.Crash("east", time.Minute))
	at = r.submit(v, statRoot)
	r.clock.Advance(time.Hour)
	require.Equal(t, 2*time.Hour+time.Minute+time.Second, *at, "the controller was back before")
}

// TestAnArrayThatDoesNotStart is a bug that waits for the power cycle that
// somebody hopes will help.
func TestAnArrayThatDoesNotStart(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.arm(parse(t, "trigger: {event: power_loss}\npersistence: once\nplane: control\nscope: {extent: array}\neffect: {ops: [power_on], reply: never}"), onEast(bug.ExtentArray))
	cycle(r, "east")
	require.Equal(t, syscall.EIO, stat(t, v))
	require.Zero(t, r.Counters("east").PowerCycles)
	require.NoError(t, r.PowerOn("east"))
	wantRead(t, v, "a", "x")
	require.Equal(t, int64(1), r.Counters("east").PowerCycles)
	r.wantFired(1, true)
}

func TestAnArrayThatStartsLate(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(parse(t, "trigger: {event: arm}\npersistence: until_fix\nplane: control\nscope: {extent: array}\neffect: {ops: [power_on], delay: 1h}"), onEast(bug.ExtentArray))
	cycle(r, "east")
	r.clock.Advance(59 * time.Minute)
	require.Equal(t, syscall.EIO, stat(t, v))
	r.clock.Advance(time.Minute)
	require.Zero(t, stat(t, v))
	require.Equal(t, int64(1), r.Counters("east").PowerCycles)
}

// TestWhatHangsAtOneControllerGoesOnAtTheOther is the reason why hosts have two
// paths.
func TestWhatHangsAtOneControllerGoesOnAtTheOther(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	first := 0
	r.arm(always(t, `{ops: [stat], reply: never}`), bug.Scope{Population: bug.Population{Volume: "n1", Controller: &first}})
	at := r.submit(v, statRoot)
	r.clock.Advance(time.Minute)
	require.Negative(t, *at)
	require.NoError(t, r.Failover("east"))
	require.Equal(t, time.Minute, *at)
	require.Zero(t, stat(t, v))
	require.Zero(t, r.receipt().Held)
}

// TestControllersStartedTogetherCrashTogether is the clock that overflows after
// 208 days of uptime, here after an hour: both controllers of an array that were
// switched on at one moment reboot at one moment, and nothing is left to take
// over. Those of the other array, whose controllers were restarted one after the
// other, reboot one at a time, and hosts hardly notice. A controller that waits
// reboots at its own time like one that serves.
func TestControllersStartedTogetherCrashTogether(t *testing.T) {
	r := newRig(t, 1)
	b := parse(t, "trigger: {count: uptime_s, at: 3600}\npersistence: transient\nscope: {extent: controller}\neffect: {action: crash, for: 5m..10m}")
	r.arm(b, bug.Scope{Population: bug.Population{OS: "acme/*"}})
	r.clock.Advance(30 * time.Minute)
	require.NoError(t, r.Crash("west", time.Minute)) // the first one restarts, the second serves

	r.clock.Advance(30 * time.Minute)
	at, beside := r.submit(r.Volume("n1"), statRoot), r.submit(r.Volume("n2"), statRoot)
	require.Equal(t, time.Hour, *beside, "the restarted one serves")
	require.Negative(t, *at)
	r.clock.Advance(5*time.Minute - time.Second)
	require.Negative(t, *at)
	r.clock.Advance(5 * time.Minute)
	require.GreaterOrEqual(t, *at, 65*time.Minute, "until the first of both is back")
	require.Equal(t, 3, r.receipt().Fired)

	r.clock.Advance(25 * time.Minute)
	require.Equal(t, 4, r.receipt().Fired, "the restarted one has its own hour")
	require.Zero(t, stat(t, r.Volume("n2")), "and by now the other is back")
	require.NoError(t, r.Failover("west"))
	n := r.receipt().Fired
	r.clock.Advance(3 * time.Hour)
	require.Greater(t, r.receipt().Fired, n+4, "again and again, until the fix")
}

// byUptime lets controllers crash after an hour, each by its own clock.
func byUptime(t testing.TB) bug.Bug {
	t.Helper()
	return parse(t, "trigger: {count: uptime_s, at: 3600}\npersistence: transient\nscope: {extent: controller}\neffect: {action: crash, for: 5m}")
}

// TestAControllerThatWaitsCrashesUnnoticed: it has the longer uptime, the one that
// serves was restarted.
func TestAControllerThatWaitsCrashesUnnoticed(t *testing.T) {
	r := newRig(t, 1)
	r.arm(byUptime(t), onN1)
	r.clock.Advance(30 * time.Minute)
	require.NoError(t, r.Crash("east", time.Minute))
	r.clock.Advance(2 * time.Minute)
	require.NoError(t, r.Failover("east"))
	r.clock.Advance(28 * time.Minute)
	require.Equal(t, []string{"controller 0 has crashed", "controller 1 has crashed"}, texts(r))
	require.Zero(t, stat(t, r.Volume("n1")))
}

func TestAFailoverRestartsAControllerThatIsAlone(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Controllers = 1 }))
	r.arm(byUptime(t), onN1)
	r.clock.Advance(30 * time.Minute)
	require.NoError(t, r.Failover("east"))
	r.clock.Advance(59 * time.Minute)
	require.Empty(t, r.Alarms())
	r.clock.Advance(time.Minute)
	require.Len(t, r.Alarms(), 1)
}

// TestAnArrayThatHadPowerWasUp: the time before the run counts as uptime of the
// array and of its controllers, and once only as hours of power.
func TestAnArrayThatHadPowerWasUp(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.PowerOn = 10 * time.Hour }))
	r.arm(parse(t, "trigger: {count: uptime_s, at: 39600}\npersistence: transient\neffect: {action: crash, for: 5m}\nscope: {extent: controller}"), onN1)
	r.clock.Advance(59 * time.Minute)
	require.Zero(t, r.receipt().Fired)
	require.EqualValues(t, 10, r.Counters("east").PowerOnHours)
	r.clock.Advance(2 * time.Minute)
	require.Positive(t, r.receipt().Fired)
	cycle(r, "east")
	require.EqualValues(t, 11, r.Counters("east").PowerOnHours)
}

// TestALyingFlushIsLostWithItsController: the crash is what takes the cache, and
// a takeover that follows takes no more.
func TestALyingFlushIsLostWithItsController(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Controllers = 1 }))
	v := r.Volume("n1")
	writeSync(t, v, "a", "old")
	r.arm(shipped(t, "failover-forgets"), onN1)
	writeSync(t, v, "a", "new")
	require.NoError(t, r.Crash("east", time.Minute))
	r.clock.Advance(time.Minute)
	wantRead(t, v, "a", "old")
	wantPristine(t, v, "a", "new")
}

// TestWhatWaitsMeetsTheBugsOfWhoeverServesIt, and of nobody before.
func TestWhatWaitsMeetsTheBugsOfWhoeverServesIt(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Controllers = 1 }))
	v := r.Volume("n1")
	r.arm(always(t, `{ops: [stat], reply: EIO}`), onN1)
	require.NoError(t, r.Crash("east", time.Minute))
	errno := syscall.Errno(0)
	v.Do(&statRoot, func(res vol.Result) { errno = res.Errno })
	require.Zero(t, errno, "there is nobody to refuse it")
	require.Zero(t, r.receipt().Fired)
	r.clock.Advance(time.Minute)
	require.Equal(t, syscall.EIO, errno)
}

// TestTheOperationThatCrashesAControllerWaitsToo: it has not happened.
func TestTheOperationThatCrashesAControllerWaitsToo(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Controllers = 1 }))
	v := r.Volume("n1")
	r.arm(parse(t, "trigger: {match: {ops: [mkdir]}}\npersistence: once\nscope: {extent: array}\neffect: {action: crash, for: 5m}"), onN1)
	at := r.submit(v, vol.Op{Kind: vol.Mkdir, Path: "d"})
	require.Equal(t, syscall.ENOENT, do(t, v, vol.Op{Kind: vol.Stat, Path: "d", NoWait: true}).Errno)
	r.clock.Advance(time.Hour)
	require.Equal(t, 5*time.Minute, *at)
	must(t, v, vol.Op{Kind: vol.Stat, Path: "d"})
}

// TestNobodyTakesOverAnArrayWithoutPower: the takeover that was due is void.
func TestNobodyTakesOverAnArrayWithoutPower(t *testing.T) {
	r := newRig(t, 1)
	r.arm(parse(t, "trigger: {event: arm}\npersistence: until_fix\nplane: control\nscope: {extent: array}\neffect: {ops: [takeover], delay: 10m}"), onEast(bug.ExtentArray))
	require.NoError(t, r.Crash("east", time.Hour))
	require.NoError(t, r.PowerLoss("east"))
	r.clock.Advance(20 * time.Minute)
	require.ErrorContains(t, r.Copy("n1", "x"), "no controller serves")
	require.NoError(t, r.PowerOn("east"))
	require.NoError(t, r.Crash("east", time.Hour))
	at := r.submit(r.Volume("n1"), statRoot)
	r.clock.Advance(time.Hour)
	require.Equal(t, 30*time.Minute, *at)
}

// TestATriggerCrashesOneControllerOfAnArray, however many volumes are in scope.
func TestATriggerCrashesOneControllerOfAnArray(t *testing.T) {
	r := newRig(t, 1, func(c *array.Config) { c.Volumes["n4"] = array.VolumeConfig{Array: "east"} })
	r.arm(parse(t, "trigger: {event: scrub}\npersistence: once\nscope: {extent: system}\neffect: {action: crash, for: 5m}"), bug.Scope{Population: bug.Population{OS: "acme/*"}})
	require.NoError(t, r.Event("east", "scrub"))
	require.Equal(t, []string{"controller 0 has crashed", "controller 0 has crashed"}, texts(r), "east and west")
	require.Zero(t, stat(t, r.Volume("n4")))
	require.Zero(t, r.receipt().Masked)
}

// TestATakeoverComesWithTheFix: a bug kept the standby from taking over; when it is
// gone the standby does, and who waited is answered.
func TestATakeoverComesWithTheFix(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(shipped(t, "tse-failover-off"), onEast(bug.ExtentArray))
	require.NoError(t, r.Crash("east", 0))
	at := r.submit(v, statRoot)
	r.clock.Advance(time.Hour)
	require.Negative(t, *at)
	require.NoError(t, r.Fix("tse-failover-off"))
	r.clock.Advance(time.Minute)
	require.Positive(t, *at)
	require.Zero(t, stat(t, v))
}
