package array_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// everyKind is one operation of each kind that has no handle, on a volume that
// has the file "a".
var everyKind = []vol.Op{
	{Kind: vol.Open, Path: "a"}, {Kind: vol.Open, Path: "new", Flag: os.O_CREATE | os.O_RDWR},
	{Kind: vol.Truncate, Path: "a", Size: 1}, {Kind: vol.SyncDir, Path: "."}, {Kind: vol.Stat, Path: "a"},
	{Kind: vol.ReadDir, Path: "."}, {Kind: vol.Mkdir, Path: "d"}, {Kind: vol.Rmdir, Path: "d"},
	{Kind: vol.Unlink, Path: "a"}, {Kind: vol.Rename, Path: "a", To: "b"}, {Kind: vol.Statfs, Path: "."},
}

// TestAHiddenCounterHangsEverythingUntilTheFix is the outage in small: all
// arrays of one OS stop at one moment, a reboot does not help, the vendor's fix
// does, and what hung goes on.
func TestAHiddenCounterHangsEverythingUntilTheFix(t *testing.T) {
	r := newRig(t, 1)
	n1, n2, n3 := r.Volume("n1"), r.Volume("n2"), r.Volume("n3")
	writeSync(t, n1, "a", "x")
	used := r.Counters("east").Ops
	r.arm(shipped(t, "libero-2023").At(used+10), bug.Scope{Population: bug.Population{OS: "acme/*"}})
	for range 9 {
		stat(t, n2)
	}
	require.Zero(t, r.receipt().Fired)

	_, answered := try(n2, vol.Op{Kind: vol.Stat, Path: "."})
	require.False(t, answered, "the tenth operation, wherever it is, trips the system")
	for _, op := range everyKind {
		_, answered = try(n1, op)
		require.False(t, answered, "%s has to hang", op.Kind)
	}
	require.Zero(t, stat(t, n3), "the other vendor's array works")

	require.NoError(t, r.PowerLoss("west"))
	require.NoError(t, r.PowerOn("west"))
	require.NoError(t, r.Failover("west"))
	_, answered = try(n2, vol.Op{Kind: vol.Stat, Path: "."})
	require.False(t, answered, "a reboot does not clear it")

	var order []string
	for i := range 3 {
		n2.Do(&vol.Op{Kind: vol.Stat, Path: "."}, func(res vol.Result) { order = append(order, fmt.Sprint(i, res.Errno == 0)) })
	}
	require.Equal(t, len(everyKind)+4, r.receipt().Held)
	require.NoError(t, r.Fix("libero-2023"))
	require.Equal(t, []string{"0 true", "1 true", "2 true"}, order)
	require.Zero(t, stat(t, n1))
	got := r.receipt()
	require.True(t, got.Reverted)
	require.True(t, got.Observed)
	require.Zero(t, got.Held)
	require.Equal(t, "n2:. stat", got.Where)
	require.Error(t, r.Fix("libero-2023"), "there is nothing left to fix")
}

func TestAHiddenCounterCanFailEverything(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := write(t, v, "a", "x")
	r.arm(shipped(t, "libero-2023-eio").At(1), onN1)
	for _, op := range everyKind {
		require.Equal(t, syscall.EIO, do(t, v, op).Errno, op.Kind)
	}
	for _, k := range []vol.Kind{vol.Read, vol.Write, vol.Sync, vol.Truncate, vol.Stat, vol.Close} {
		require.Equal(t, syscall.EIO, do(t, v, vol.Op{Kind: k, File: f, Data: []byte("y")}).Errno, k)
	}
	require.NoError(t, r.Fix("libero-2023-eio"))
	wantRead(t, v, "a", "x")
}

func TestAHiddenCounterCanMakeVolumesReadOnly(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := write(t, v, "a", "x")
	r.arm(shipped(t, "libero-2023-readonly").At(1), onN1)
	wantRead(t, v, "a", "x")
	for _, op := range []vol.Op{{Kind: vol.Write, File: f, Data: []byte("y")}, {Kind: vol.Truncate, File: f}, {Kind: vol.Sync, File: f},
		{Kind: vol.Open, Path: "a", Flag: os.O_RDWR}, {Kind: vol.Mkdir, Path: "d"}, {Kind: vol.Unlink, Path: "a"},
		{Kind: vol.Rename, Path: "a", To: "b"}} {
		require.Equal(t, syscall.EROFS, do(t, v, op).Errno, op.Kind)
	}
	require.NoError(t, r.Fix("libero-2023-readonly"))
	sync(t, v, f)
}

func TestWhatHangsIsDroppedWithTheMachine(t *testing.T) {
	for name, die := range map[string]func(*rig){
		"kill":       func(r *rig) { r.Volume("n1").Kill() },
		"power loss": func(r *rig) { r.Volume("n1").PowerLoss() },
		"array off":  func(r *rig) { require.NoError(r, r.PowerLoss("east")); require.NoError(r, r.PowerOn("east")) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1)
			v := r.Volume("n1")
			rule := r.arm(always(t, `{ops: [mkdir], reply: never}`), onN1)
			v.Do(&vol.Op{Kind: vol.Mkdir, Path: "d"}, func(vol.Result) { t.Error("answered after its machine died") })
			die(r)
			require.NoError(t, r.Disarm(rule.ID))
			require.Equal(t, syscall.ENOENT, do(t, v, vol.Op{Kind: vol.Stat, Path: "d"}).Errno)
		})
	}
}

// TestWhoCannotWaitDoesNotHang is what the simulator's kernel relies on: what it
// answers from its caches neither hangs nor waits, but can fail.
func TestWhoCannotWaitDoesNotHang(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { *c = array.Picked() }))
	v := r.Volume("n1")
	noWait := vol.Op{Kind: vol.Mkdir, Path: "d", NoWait: true}
	must(t, v, noWait)
	rule := r.arm(always(t, `{ops: [mkdir, stat], reply: never}`), onN1)
	require.Equal(t, syscall.EEXIST, do(t, v, noWait).Errno)
	require.NoError(t, r.Disarm(rule.ID))
	r.arm(always(t, `{ops: [stat], delay: 1h}`), onN1)
	must(t, v, vol.Op{Kind: vol.Stat, Path: "d", NoWait: true})
	r.arm(always(t, `{ops: [mkdir], reply: ENOSPC}`), onN1)
	require.Equal(t, syscall.ENOSPC, do(t, v, noWait).Errno)
	for _, receipt := range r.Receipts()[:2] {
		require.Zero(t, receipt.Fired, "what nobody felt did not fire")
	}
}

func TestAnOfflineVolumeFailsUntilTheFix(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.arm(shipped(t, "volume-offline"), onN1)
	for _, op := range everyKind {
		require.Equal(t, syscall.EIO, do(t, v, op).Errno, op.Kind)
	}
	require.Zero(t, stat(t, r.Volume("n2")))
	require.NoError(t, r.Fix("volume-offline"))
	wantRead(t, v, "a", "x")
}

func TestSlowOperationsTakeTheirTimeAndNoMore(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := write(t, v, "a", "x")
	r.arm(shipped(t, "fail-slow"), onN1)
	var took []time.Duration
	for range 50 {
		start := r.clock.Now()
		answered := false
		v.Do(&vol.Op{Kind: vol.Sync, File: f}, func(vol.Result) { answered = true })
		require.False(t, answered)
		for !answered {
			require.True(t, r.clock.Step())
		}
		took = append(took, r.clock.Now()-start)
	}
	for _, d := range took {
		require.GreaterOrEqual(t, d, 50*time.Millisecond)
		require.LessOrEqual(t, d, 500*time.Millisecond)
	}
	require.NotEqual(t, took[0], took[1])
	require.Zero(t, stat(t, v), "only what the bug names is slow")
	r.wantFired(50, true)
}

func TestDrivesDieAtThePowerCycleAfterTheirHours(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.OS, c.PowerOn = "NA04", 69_999*time.Hour }))
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.arm(shipped(t, "netapp-70000"), onN1)
	cycle := func() {
		require.NoError(t, r.PowerLoss("east"))
		require.NoError(t, r.PowerOn("east"))
	}
	cycle()
	wantRead(t, v, "a", "x")
	r.clock.Advance(time.Hour)
	wantRead(t, v, "a", "x") // past the hour, and all is well
	cycle()
	require.True(t, readFails(t, v, "a"))
	cycle()
	require.NoError(t, r.Fix("netapp-70000"))
	require.True(t, readFails(t, v, "a"), "no firmware brings them back")
	require.NoError(t, r.Disarm("netapp-70000#1"))
	wantRead(t, v, "a", "x")
}
