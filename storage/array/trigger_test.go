package array_test

import (
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// failsRead arms a bug whose effect is that reads of n1 fail, once each time its
// trigger fires unless the persistence says otherwise.
func (r *rig) failsRead(trigger, persistence string) {
	r.Helper()
	r.arm(parse(r, "trigger: "+trigger+"\npersistence: "+persistence+"\neffect: {ops: [read], reply: EIO}"), onN1)
}

func readFails(t *testing.T, v vol.Volume, path string) bool {
	t.Helper()
	_, errno := read(t, v, path)
	require.Contains(t, []syscall.Errno{0, syscall.EIO}, errno)
	return errno != 0
}

func TestACountFiresAtItsNumberAndAgain(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.failsRead(`{count: files, at: 3, every: 2}`, "transient")
	var failed []int
	for i := 1; i <= 7; i++ {
		writeSync(t, v, "f"+time.Duration(i).String(), "x")
		if readFails(t, v, "f1ns") {
			failed = append(failed, i)
		}
	}
	require.Equal(t, []int{3, 5, 7}, failed)
}

func TestEachCounterCounts(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Counters, c.PowerOn = array.Counters{Ops: 100}, 7*time.Hour }))
	v := r.Volume("n1")
	writeSync(t, v, "a", "12345") // open, write, fsync, close
	r.clock.Advance(90 * time.Minute)
	cycle(r, "east")
	r.clock.Advance(40 * time.Minute)
	require.Equal(t, array.Counters{Ops: 104, Writes: 1, Flushes: 1, Files: 1, Bytes: 5, PowerOnHours: 9,
		PowerLosses: 1, PowerCycles: 1}, r.Counters("east"))
	require.Zero(t, r.Counters("none"))
	for trigger, fires := range map[string]bool{
		`{count: ops, at: 106}`: true, `{count: ops, at: 2000}`: false, `{count: writes, at: 1}`: true, `{count: writes, at: 2}`: false,
		`{count: flushes, at: 1}`: true, `{count: flushes, at: 2}`: false, `{count: files, at: 1}`: true, `{count: files, at: 2}`: false,
		`{count: bytes, at: 5}`: true, `{count: bytes, at: 6}`: false, `{count: uptime_s, at: 2400}`: true, `{count: uptime_s, at: 2401}`: false,
		`{count: power_on_hours, at: 9}`: true, `{count: power_on_hours, at: 10}`: false,
	} {
		r.failsRead(trigger, "until_fix")
		require.Equal(t, fires, readFails(t, v, "a"), trigger)
		require.NoError(t, r.Fix("test"))
	}
}

// TestACountBelongsToItsExtent shows the same number of operations counted by
// volume, by array and by the system.
func TestACountBelongsToItsExtent(t *testing.T) {
	for extent, fires := range map[bug.Extent]bool{bug.ExtentVolume: false, bug.ExtentArray: true, bug.ExtentSystem: true} {
		r := newRig(t, 1, func(c *array.Config) { c.Volumes["n4"] = array.VolumeConfig{Array: "east"} })
		r.arm(parse(t, "trigger: {count: writes, at: 2}\npersistence: until_fix\neffect: {ops: [stat], reply: EIO}"),
			bug.Scope{Extent: extent})
		writeSync(t, r.Volume("n1"), "a", "x")
		writeSync(t, r.Volume("n4"), "a", "x")
		require.Equal(t, fires, stat(t, r.Volume("n1")) != 0, extent)
		require.Equal(t, fires, stat(t, r.Volume("n4")) != 0, extent)
		require.Equal(t, extent == bug.ExtentSystem, stat(t, r.Volume("n3")) != 0, extent)
	}
}

func TestAMatchFiresOnItsOperationsOnly(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(parse(t, "trigger: {match: {ops: [write], path: \"*.mem\", min: 3, max: 4}}\npersistence: transient\neffect: {ops: [write], reply: ENOSPC}"), onN1)
	for _, c := range []struct {
		path, text string
		want       syscall.Errno
	}{{"a.mem", "12", 0}, {"a.mem", "123", syscall.ENOSPC}, {"a.mem", "1234", syscall.ENOSPC}, {"a.mem", "12345", 0}, {"a.log", "123", 0}} {
		f := create(t, v, c.path)
		require.Equal(t, c.want, do(t, v, vol.Op{Kind: vol.Write, File: f, Data: []byte(c.text)}).Errno, "%+v", c)
	}
}

func TestChanceIsAsOftenAsItSays(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.failsRead(`{chance: 0.1}`, "transient")
	failed := 0
	for range 2000 {
		if readFails(t, v, "a") {
			failed++
		}
	}
	require.InDelta(t, 200, failed, 60)
	require.Equal(t, failed, r.receipt().Fired)
}

func TestATimeIsAWindow(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.failsRead(`{time: 10s, until: 20s}`, "transient")
	for _, want := range []bool{false, true, false} {
		require.Equal(t, want, readFails(t, v, "a"), r.clock.Now())
		r.clock.Advance(10 * time.Second)
	}
}

func TestALevelHoldsWhileItLasts(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Capacity = 100 * 4096 }))
	v := r.Volume("n1")
	r.failsRead(`{level: fill, above: 0.5}`, "transient")
	writeSync(t, v, "a", "x")
	require.False(t, readFails(t, v, "a"))
	f := write(t, v, "b", strings.Repeat("x", 60*4096))
	require.True(t, readFails(t, v, "a"))
	must(t, v, vol.Op{Kind: vol.Truncate, File: f, Size: 0})
	require.False(t, readFails(t, v, "a"))
}

func TestAnOverlapIsTwoOperationsOnOneFileInTime(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	writeSync(t, v, "b", "x")
	r.clock.Advance(time.Minute)
	r.failsRead(`{overlap: [write, read], within: 5s}`, "transient")
	require.False(t, readFails(t, v, "a"))
	writeSync(t, v, "a", "y")
	require.False(t, readFails(t, v, "b"))
	require.True(t, readFails(t, v, "a"))
	r.clock.Advance(6 * time.Second)
	require.False(t, readFails(t, v, "a"))
}

func TestAllNeedsEverythingAndRemembersEvents(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.failsRead(`{all: [{time: 10s}, {event: failover}, {match: {ops: [read], path: a}}]}`, "transient")
	require.NoError(t, r.Failover("east"))
	require.False(t, readFails(t, v, "a"))
	r.clock.Advance(10 * time.Second)
	require.True(t, readFails(t, v, "a"), "the failover before is remembered")
}

func TestAnyNeedsOne(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.failsRead(`{any: [{time: 10s}, {event: failover}]}`, "once")
	require.False(t, readFails(t, v, "a"))
	require.NoError(t, r.Failover("east"))
	require.True(t, readFails(t, v, "a"))
	r.clock.Advance(time.Minute)
	require.False(t, readFails(t, v, "a"), "once is once")
}

func TestArmingWaitsForItsFire(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.failsRead(`{arm: {match: {ops: [write], path: a}}, fire: {match: {ops: [read], path: a}}}`, "transient")
	writeSync(t, v, "b", "x")
	require.False(t, readFails(t, v, "b"))
	writeSync(t, v, "a", "x")
	require.False(t, readFails(t, v, "b"))
	require.True(t, readFails(t, v, "a"))
}

// TestEachFileThatFiresIsHitByItself shows two files hit by one rule, a third
// that is spared, and one that is hit whatever it is called.
func TestEachFileThatFiresIsHitByItself(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	for _, name := range []string{"a", "b", "c"} {
		writeSync(t, v, name, "x")
	}
	r.arm(parse(t, "trigger: {match: {ops: [write]}}\npersistence: until_fix\neffect: {ops: [read], reply: EIO}\nscope: {extent: file}"), onN1)
	writeSync(t, v, "a", "y")
	writeSync(t, v, "b", "y")
	require.True(t, readFails(t, v, "a"))
	require.True(t, readFails(t, v, "b"))
	require.False(t, readFails(t, v, "c"))
	must(t, v, vol.Op{Kind: vol.Rename, Path: "b", To: "moved"})
	require.True(t, readFails(t, v, "moved"))
	require.NoError(t, r.Fix("test"))
	require.False(t, readFails(t, v, "a"))
}

// TestAControllersBugIsNotToldOfOthersEvents shakes an array while another
// controller serves it: nothing happens, nor is anything remembered.
func TestAControllersBugIsNotToldOfOthersEvents(t *testing.T) {
	one := 1
	of1 := bug.Scope{Population: bug.Population{Array: "east", Controller: &one}}
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.arm(bugOf(t, `{event: shake}`, "permanent", `{action: wipe}`, ""), of1)
	r.arm(bugOf(t, `{event: arm}`, "permanent", `{action: wipe}`, ""), of1)
	r.arm(bugOf(t, `{event: arm}`, "permanent", deadDrive, `{extent: device}`), of1)
	r.arm(bugOf(t, `{all: [{event: shake}, {match: {ops: [read]}}]}`, "permanent", `{ops: [read], reply: EIO}`, ""), of1)
	require.NoError(t, r.Event("east", "shake"))
	wantRead(t, v, "a", "x")
	require.NoError(t, r.Failover("east"))
	wantRead(t, v, "a", "x")
	require.NoError(t, r.Event("east", "shake"))
	wantGone(t, v, "a")
}

// TestARebootHelpsTheArrayThatWasRebooted: a bug of the whole system goes from one
// array after the other, and its trigger is asked again when it is gone from all.
func TestARebootHelpsTheArrayThatWasRebooted(t *testing.T) {
	r := newRig(t, 1)
	all := []vol.Volume{r.Volume("n1"), r.Volume("n2"), r.Volume("n3")}
	failing := func() (n int) {
		for _, v := range all {
			if stat(t, v) != 0 {
				n++
			}
		}
		return n
	}
	r.arm(bugOf(t, `{event: shake}`, "until_reboot", `{ops: [stat], reply: EIO}`, `{extent: system}`), bug.Scope{})
	require.NoError(t, r.Event("east", "shake"))
	for i, name := range []string{"east", "west", "north"} {
		require.Equal(t, 3-i, failing())
		cycle(r, name)
		require.Equal(t, 2-i, failing(), name)
		require.Zero(t, stat(t, all[i]), name)
	}
	require.NoError(t, r.Event("west", "shake"))
	require.Equal(t, 3, failing())
}

// TestASystemsBugComesBackWhereItWent an hour after each reboot, on that array.
func TestASystemsBugComesBackWhereItWent(t *testing.T) {
	r := newRig(t, 1)
	r.arm(bugOf(t, `{event: arm}`, "until_reboot(1h)", `{ops: [stat], reply: EIO}`, `{extent: system}`), bug.Scope{})
	fails := func(name string) bool { return stat(t, r.Volume(name)) != 0 }
	for _, name := range []string{"east", "west", "north"} {
		cycle(r, name)
	}
	require.False(t, fails("n1") || fails("n2") || fails("n3"))
	r.clock.Advance(30 * time.Minute)
	cycle(r, "east")
	r.clock.Advance(30 * time.Minute)
	require.False(t, fails("n1"))
	require.True(t, fails("n2") && fails("n3"))
	r.clock.Advance(30 * time.Minute)
	require.True(t, fails("n1"))
}

// TestAControllersBugActsWhereItServes: of two arrays that share a trigger only the
// one that the controller serves is hit.
func TestAControllersBugActsWhereItServes(t *testing.T) {
	one := 1
	r := newRig(t, 1)
	writeSync(t, r.Volume("n1"), "a", "x")
	writeSync(t, r.Volume("n2"), "a", "x")
	r.arm(bugOf(t, `{event: shake}`, "permanent", `{action: wipe}`, ""), bug.Scope{Extent: bug.ExtentSystem, Population: bug.Population{Controller: &one}})
	require.NoError(t, r.Failover("east"))
	require.NoError(t, r.Event("east", "shake"))
	wantGone(t, r.Volume("n1"), "a")
	wantRead(t, r.Volume("n2"), "a", "x")
}

func TestAControllersBugLeavesWithIt(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	one := 1
	r.arm(always(t, `{ops: [stat], reply: EIO}`), bug.Scope{Population: bug.Population{Array: "east", Controller: &one}})
	require.Zero(t, stat(t, v))
	require.NoError(t, r.Failover("east"))
	require.Equal(t, syscall.EIO, stat(t, v))
	require.NoError(t, r.Failover("east"))
	require.Zero(t, stat(t, v))
	require.NoError(t, r.Fix("test"))

	r.arm(always(t, `{ops: [stat], reply: EIO}`), bug.Scope{Extent: bug.ExtentController, Population: bug.Population{Array: "east"}})
	require.Equal(t, syscall.EIO, stat(t, v))
	require.NoError(t, r.Failover("east"))
	require.Zero(t, stat(t, v))
}

func TestAScopeWithoutAVolumeIsAnError(t *testing.T) {
	r := newRig(t, 1)
	_, err := r.Arm(shipped(t, "flush-lies"), bug.Scope{Population: bug.Population{OS: "acme/>2"}})
	require.EqualError(t, err, `arm flush-lies: no volume in scope "os=acme/>2 extent=volume"; there are n1 on east (acme/1.0), n2 on west (acme/1.0), n3 on north (other/9.4)`)
	require.Empty(t, r.Receipts())
	_, err = r.Arm(bug.Bug{ID: "x"}, bug.Scope{})
	require.ErrorContains(t, err, "arm x: persistence: a persistence is needed")
	require.ErrorContains(t, r.Disarm("none#1"), `disarm "none#1": no such rule is armed`)
	require.ErrorContains(t, r.Fix("none"), `fix "none": no such bug is armed`)
}

func TestARuleSaysWhatItIs(t *testing.T) {
	r := newRig(t, 1)
	rule := r.arm(shipped(t, "flush-lies"), bug.Scope{Population: bug.Population{OS: "acme/*"}})
	require.Equal(t, array.Rule{ID: "flush-lies#1", Bug: "flush-lies", Scope: "os=acme/* extent=volume", Volumes: []string{"n1", "n2"}}, rule)
	r.clock.Advance(time.Minute)
	second := r.arm(shipped(t, "flush-lies"), bug.Scope{Population: bug.Population{Volume: "n3"}})
	require.Equal(t, "flush-lies#2", second.ID)
	require.Equal(t, time.Minute, r.Receipts()[1].ArmedAt)
}

// TestAnUpgradeChangesWhoHasTheBug shows both ways: an array that leaves the
// affected versions goes on, and one that joins them stops.
func TestAnUpgradeChangesWhoHasTheBug(t *testing.T) {
	r := newRig(t, 1)
	r.arm(always(t, `{ops: [stat], reply: never}`), bug.Scope{Population: bug.Population{OS: "acme/<1.1"}})
	answered := false
	r.Volume("n1").Do(&vol.Op{Kind: vol.Stat, Path: "."}, func(vol.Result) { answered = true })
	require.False(t, answered)
	require.NoError(t, r.Upgrade("east", "acme/1.1"))
	require.True(t, answered)
	require.Equal(t, "acme/1.1", r.OS("east"))
	require.NoError(t, r.Upgrade("north", "acme/1.0"))
	_, ok := try(r.Volume("n3"), vol.Op{Kind: vol.Stat, Path: "."})
	require.False(t, ok)
}

// TestOneSeedIsOneHistory runs the same random work under random faults twice
// and compares every answer, every receipt and every difference.
func TestOneSeedIsOneHistory(t *testing.T) {
	history := func(seed uint64) (answers []vol.Result, receipts []array.Receipt, diffs []array.Difference) {
		r := newRig(t, seed)
		for _, id := range []string{"lost-write", "torn-write", "bit-rot", "misdirected-write", "stale-read", "foreign-read", "flush-lies"} {
			b := shipped(t, id)
			r.arm(b.Sure(0.2), bug.Scope{})
		}
		rng := rand.New(rand.NewPCG(9, 9))
		v := r.Volume("n1")
		for i := range 400 {
			name := "f" + time.Duration(rng.IntN(9)).String()
			f := create(t, v, name)
			p := []byte(strings.Repeat(name, 1+rng.IntN(3000)))
			answers = append(answers, do(t, v, vol.Op{Kind: vol.Write, File: f, Off: rng.Int64N(9000), Data: p}))
			answers = append(answers, do(t, v, vol.Op{Kind: vol.Read, File: f, Data: p}), vol.Result{N: int(p[0])})
			if i%3 == 0 {
				sync(t, v, f)
			}
			if i%50 == 0 {
				v.PowerLoss()
			}
		}
		return answers, r.Receipts(), v.Audit()
	}
	a1, r1, d1 := history(4)
	a2, r2, d2 := history(4)
	require.Equal(t, a1, a2)
	require.Equal(t, r1, r2)
	require.Equal(t, d1, d2)
	require.NotEmpty(t, d1)
	_, r3, _ := history(5)
	require.NotEqual(t, r1, r3)
}

// TestAScopeFillsInWhatTheBugLeavesOpen says that a scope restricts a bug and
// does not widen it, unless it says so field by field.
func TestAScopeFillsInWhatTheBugLeavesOpen(t *testing.T) {
	r := newRig(t, 1)
	b := parse(t, "trigger: {event: arm}\npersistence: until_fix\neffect: {ops: [stat], reply: EIO}\n"+
		"scope: {extent: system, population: {os: acme/*}, path: \"*.x\"}")
	rule := r.arm(b, bug.Scope{Population: bug.Population{Store: "main"}})
	require.Equal(t, []string{"n1", "n2"}, rule.Volumes)
	require.Equal(t, "os=acme/* store=main path=*.x extent=system", rule.Scope)
	rule = r.arm(b, bug.Scope{Population: bug.Population{OS: "*/*"}, Extent: bug.ExtentArray, Path: "*"})
	require.Equal(t, []string{"n1", "n2", "n3"}, rule.Volumes)
	require.Equal(t, "os=*/* path=* extent=array", rule.Scope)
}

// TestAVolumeOfDirectIOIsDirect: a host whose file system is mounted so makes
// every operation a direct one, whatever the program asked for.
func TestAVolumeOfDirectIOIsDirect(t *testing.T) {
	for _, direct := range []bool{false, true} {
		r := newRig(t, 1, func(cfg *array.Config) { cfg.Volumes["n1"] = array.VolumeConfig{Array: "east", Direct: direct} })
		r.arm(parse(t, "trigger: {match: {ops: [write], flags: [direct]}}\npersistence: transient\neffect: {ops: [write], persist: \"no\"}"), onN1)
		writeSync(t, r.Volume("n1"), "f", "x")
		require.Equal(t, direct, r.receipt().Fired > 0)
	}
}
