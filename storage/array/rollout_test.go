package array_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
)

// story keeps what an array says of a rollout.
type story struct {
	lines []string
	over  bool
}

func (s *story) tell(text string, over bool) { s.lines, s.over = append(s.lines, text), over }

// rolling is an upgrade of east that changes a controller in five minutes and
// begins the next after ten.
func (s *story) rolling(os string) array.Rollout {
	return array.Rollout{OS: os, How: array.Rolling, Takes: 5 * time.Minute, Step: 10 * time.Minute, Tell: s.tell}
}

func takeover(c *array.ArrayConfig) { c.Takeover = 5 * time.Second }

// TestARollingUpgradeIsOnePause: the standby gets the new OS while the old one
// serves, then takes over, and the only thing that a node feels is the takeover.
func TestARollingUpgradeIsOnePause(t *testing.T) {
	r := newRig(t, 1, east(takeover))
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	var s story
	require.NoError(t, r.Install("east", s.rolling("acme/1.1")))
	require.Zero(t, stat(t, v))
	r.clock.Advance(6 * time.Minute)
	require.Equal(t, []string{"acme/1.0", "acme/1.1"}, r.Systems("east"), "mixed versions")
	require.Equal(t, "acme/1.0", r.OS("east"), "the old one serves")
	require.Zero(t, stat(t, v))
	r.clock.Advance(4 * time.Minute)
	at, asked := r.submit(v, statRoot), r.clock.Now()
	require.Equal(t, "acme/1.1", r.OS("east"))
	r.clock.Advance(10 * time.Second)
	require.Equal(t, asked+5*time.Second, *at)
	r.clock.Advance(5 * time.Minute)
	require.Equal(t, []string{"acme/1.1", "acme/1.1"}, r.Systems("east"))
	require.True(t, s.over)
	require.Equal(t, []string{"east: controller 1 has acme/1.1", "east: acme/1.1 serves, on controller 1",
		"east: controller 0 has acme/1.1", "east: acme/1.1 is on every controller"}, s.lines)
	require.Empty(t, r.Alarms(), "this is what the operator asked for")
	wantRead(t, v, "a", "x")
	require.Empty(t, v.Audit())
}

// TestABugIsThatOfTheControllerThatServes follows a bug of the old OS and one of
// the new through mixed versions: each is felt while its own controller serves,
// also when a crash makes the old one serve again.
func TestABugIsThatOfTheControllerThatServes(t *testing.T) {
	r := newRig(t, 1, east(takeover))
	v := r.Volume("n1")
	r.arm(always(t, `{ops: [stat], reply: EIO}`), bug.Scope{Population: bug.Population{OS: "acme/1.0", Array: "east"}})
	require.NotZero(t, stat(t, v))
	s := &story{}
	up := s.rolling("acme/1.1")
	up.Step = 24 * time.Hour
	require.NoError(t, r.Install("east", up))
	r.clock.Advance(time.Hour)
	require.NotZero(t, stat(t, v), "the old one serves")
	require.NoError(t, r.Failover("east"))
	require.Equal(t, "acme/1.1", r.OS("east"))
	r.clock.Advance(time.Minute)
	require.Zero(t, stat(t, v), "the new one has not that bug")
	worse := always(t, `{ops: [stat], reply: ENOSPC}`)
	worse.ID = "worse"
	r.arm(worse, bug.Scope{Population: bug.Population{OS: "acme/1.1", Array: "east"}})
	require.NotZero(t, stat(t, v))
	require.Equal(t, 1, r.Receipts()[1].Fired, "the new one is worse")
	require.NoError(t, r.Crash("east", time.Hour))
	require.Equal(t, "acme/1.0", r.OS("east"))
	r.clock.Advance(time.Minute)
	require.NotZero(t, stat(t, v))
	require.Equal(t, 3, r.Receipts()[0].Fired, "the old one serves again")
}

// TestAtOnceIsAReboot: nobody is answered while the array installs, what a lying
// flush left in the cache is gone, what a reboot ends has ended, and a clock that
// counts since the last start begins anew.
func TestAtOnceIsAReboot(t *testing.T) {
	r := newRig(t, 1, east(takeover))
	v := r.Volume("n1")
	b := parse(t, "trigger: {event: arm}\npersistence: until_reboot\neffect: {ops: [stat], reply: EIO}")
	r.arm(b, onN1)
	require.NotZero(t, stat(t, v))
	old := parse(t, "trigger: {count: uptime_s, at: 3600}\npersistence: until_fix\nscope: {extent: array}\neffect: {ops: [stat], reply: never}")
	old.ID = "uptime"
	r.arm(old, onEast(bug.ExtentArray))
	r.clock.Advance(59 * time.Minute)
	var s story
	require.NoError(t, r.Install("east", array.Rollout{OS: "acme/1.1", How: array.AtOnce, Takes: 10 * time.Minute, Tell: s.tell}))
	at, asked := r.submit(v, statRoot), r.clock.Now()
	require.ErrorContains(t, r.Install("east", array.Rollout{OS: "acme/1.0"}), "the upgrade to acme/1.1 is under way")
	require.NoError(t, r.Failover("east"), "there is nobody to fail over to")
	require.NoError(t, r.Crash("east", time.Second), "nor to crash")
	require.Equal(t, "acme/1.0", r.OS("east"))
	r.clock.Advance(10*time.Minute - time.Second)
	require.Negative(t, *at)
	r.clock.Advance(time.Minute)
	require.Equal(t, asked+10*time.Minute+5*time.Second, *at)
	require.Equal(t, []string{"acme/1.1", "acme/1.1"}, r.Systems("east"))
	require.Equal(t, []string{"east: acme/1.1 serves, on controller 0", "east: acme/1.1 is on every controller"}, s.lines)
	require.Equal(t, int64(1), r.Counters("east").PowerOnHours, "its drives had power all the time")
	r.clock.Advance(50 * time.Minute)
	require.Zero(t, stat(t, v), "59 minutes since the reboot at the most")
	r.clock.Advance(10 * time.Minute)
	at = r.submit(v, statRoot)
	r.clock.Advance(time.Hour)
	require.Negative(t, *at, "and an hour after it")
}

// TestAnUpgradeForgetsWhatTheCacheLiedAbout: both ways take the active controller
// away, and with it what a lying flush had put there.
func TestAnUpgradeForgetsWhatTheCacheLiedAbout(t *testing.T) {
	for _, how := range []array.How{array.Rolling, array.AtOnce, array.Hot} {
		r := newRig(t, 1, east(takeover))
		v := r.Volume("n1")
		writeSync(t, v, "a", "old")
		r.arm(shipped(t, "flush-lies"), onN1)
		writeSync(t, v, "a", "new")
		up := array.Rollout{OS: "acme/1.1", How: how, Takes: time.Minute, Step: time.Minute}
		if how == array.Hot {
			up.Takes, up.Step = 0, 0
		}
		require.NoError(t, r.Install("east", up))
		r.clock.Advance(time.Hour)
		wantRead(t, v, "a", map[array.How]string{array.Rolling: "old", array.AtOnce: "old", array.Hot: "new"}[how])
	}
}

// TestTheWayBackMeetsTheOldBug: the counter is past its limit, so the version that
// has the limit stops as soon as it serves again.
func TestTheWayBackMeetsTheOldBug(t *testing.T) {
	for _, extent := range []bug.Extent{bug.ExtentSystem, bug.ExtentArray, bug.ExtentVolume} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		b := parse(t, "trigger: {count: ops, at: 3}\npersistence: until_fix\neffect: {ops: [stat], reply: never}\nscope: {extent: "+string(extent)+"}")
		r.arm(b, bug.Scope{Population: bug.Population{OS: "acme/1.0", Array: "east"}})
		var last *time.Duration
		for range 4 {
			last = r.submit(v, statRoot)
		}
		require.Negative(t, *last)
		s := &story{}
		require.NoError(t, r.Install("east", s.rolling("acme/1.1")))
		r.clock.Advance(time.Hour)
		require.Positive(t, *last, "the new OS has answered what hung")
		require.Zero(t, stat(t, v))
		require.NoError(t, r.Install("east", s.rolling("acme/1.0")))
		r.clock.Advance(time.Hour)
		require.Equal(t, "acme/1.0", r.OS("east"))
		at := r.submit(v, statRoot)
		r.clock.Advance(time.Hour)
		require.Negative(t, *at, "%s", extent)
	}
}

// TestAFormatThatTheOldOneCannotRead closes the way back once all controllers
// have the new OS, and not before.
func TestAFormatThatTheOldOneCannotRead(t *testing.T) {
	r := newRig(t, 1)
	s := &story{}
	up := s.rolling("acme/1.10")
	up.OneWay = true
	require.NoError(t, r.Install("east", up))
	r.clock.Advance(6 * time.Minute)
	require.NoError(t, r.Install("east", s.rolling("acme/1.0")), "mixed: nothing is written that the old one cannot read")
	r.clock.Advance(time.Hour)
	require.Equal(t, []string{"acme/1.0", "acme/1.0"}, r.Systems("east"))

	require.NoError(t, r.Install("east", up))
	r.clock.Advance(time.Hour)
	for _, os := range []string{"acme/1.9", "other/2.0", "acme"} {
		require.ErrorContains(t, r.Install("east", s.rolling(os)), "to "+os+": it cannot read what acme/1.10 has written")
		require.Error(t, r.Upgrade("east", os))
	}
	require.Equal(t, []string{"acme/1.10", "acme/1.10"}, r.Systems("east"))
	require.NoError(t, r.Upgrade("east", "acme/2.0"), "ahead there is a way")
}

// TestARolloutStopsWhereNothingCanBeSpared leaves each controller with what it
// has: at a power cut, and when the partner is not there.
func TestARolloutStopsWhereNothingCanBeSpared(t *testing.T) {
	r := newRig(t, 1)
	s := &story{}
	require.NoError(t, r.Install("east", s.rolling("acme/1.1")))
	r.clock.Advance(7 * time.Minute)
	cycle(r, "east")
	r.clock.Advance(time.Hour)
	require.Equal(t, []string{"acme/1.0", "acme/1.1"}, r.Systems("east"))
	require.Equal(t, "acme/1.0", r.OS("east"))
	require.True(t, s.over)
	require.Equal(t, []string{"the upgrade to acme/1.1 stopped: its power was lost"}, texts(r))

	require.NoError(t, r.Failover("east"))
	require.Equal(t, "acme/1.1", r.OS("east"))
	require.NoError(t, r.Crash("east", time.Hour))
	require.NoError(t, r.Install("east", s.rolling("acme/1.2")))
	require.Equal(t, []string{"acme/1.0", "acme/1.1"}, r.Systems("east"), "the other one is not running")
	require.Equal(t, "the upgrade to acme/1.2 stopped: a controller is not running", texts(r)[2])

	r.clock.Advance(2 * time.Hour)
	require.NoError(t, r.Install("east", s.rolling("acme/1.2")))
	require.NoError(t, r.PowerLoss("east"))
	require.ErrorContains(t, r.Install("east", s.rolling("acme/1.2")), "it has no power")
	require.NoError(t, r.PowerOn("east"))
	r.clock.Advance(time.Hour)
	require.Equal(t, []string{"acme/1.0", "acme/1.1"}, r.Systems("east"), "who is away when the power goes has not got it")
	require.Zero(t, stat(t, r.Volume("n1")))
}

// TestARolloutNeedsTheTakeover: with a bug that prevents it nobody serves until
// the controller that went away is back.
func TestARolloutNeedsTheTakeover(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(shipped(t, "tse-failover-off"), onEast(bug.ExtentArray))
	s := &story{}
	require.NoError(t, r.Install("east", s.rolling("acme/1.1")))
	r.clock.Advance(10 * time.Minute)
	at, asked := r.submit(v, statRoot), r.clock.Now()
	r.clock.Advance(time.Hour)
	require.Equal(t, asked+5*time.Minute, *at)
	require.Equal(t, []string{"acme/1.1", "acme/1.1"}, r.Systems("east"))
}

// TestAnUpgradeIsToldOnce: what waits for one happens when the new OS first
// serves, and not again when a failover comes back to it.
func TestAnUpgradeIsToldOnce(t *testing.T) {
	r := newRig(t, 1)
	b := parse(t, "trigger: {event: upgrade}\npersistence: transient\nscope: {extent: array}\neffect: {action: crash, for: 1m}")
	r.arm(b, onEast(bug.ExtentArray))
	s := &story{}
	up := s.rolling("acme/1.1")
	up.Step = 24 * time.Hour
	require.NoError(t, r.Install("east", up))
	r.clock.Advance(time.Hour)
	require.Zero(t, r.receipt().Fired, "the standby has it, and does not serve")
	for range 4 {
		require.NoError(t, r.Failover("east"))
		r.clock.Advance(time.Hour)
	}
	require.Equal(t, 1, r.receipt().Fired)
}

// TestARolloutThatMakesNoSenseIsRefused names what is wrong with it.
func TestARolloutThatMakesNoSenseIsRefused(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Controllers = 1 }))
	for want, up := range map[string]array.Rollout{
		"no OS is named":                        {},
		`"sideways" is neither`:                 {OS: "a", How: "sideways"},
		"cannot be away for 0s":                 {OS: "a", How: array.AtOnce},
		"after 1m0s, and each is away for 2m0s": {OS: "a", How: array.Rolling, Takes: 2 * time.Minute, Step: time.Minute},
		"nothing to roll over":                  {OS: "a", How: array.Rolling, Takes: 1, Step: 1},
	} {
		require.ErrorContains(t, r.Install("east", up), want)
	}
	require.ErrorContains(t, r.Install("none", array.Rollout{OS: "a"}), "no such array")
	require.Equal(t, []string{"acme/1.0"}, r.Systems("east"))
	require.Zero(t, stat(t, r.Volume("n1")))
}
