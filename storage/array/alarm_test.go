package array_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// TestAnArrayRaisesAnAlarmOnce about a bug that callers feel, and none about one
// that they do not.
func TestAnArrayRaisesAnAlarmOnce(t *testing.T) {
	for effect, text := range map[string]string{
		`{ops: [stat], reply: EIO}`:       "operations fail: input/output error",
		`{ops: [stat], reply: never}`:     "operations are not answered",
		`{ops: [stat], delay: 1s}`:        "operations are slow",
		`{action: offline}`:               "a volume is offline",
		`{ops: [write], persist: no}`:     "",
		`{ops: [write], data: flip(1)}`:   "",
		`{ops: [read], data: zero}`:       "",
		`{action: rollback}`:              "",
		`{action: drop_entries, part: 1}`: "",
	} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		writeSync(t, v, "a", "x")
		rule := r.arm(always(t, effect), onN1)
		require.Empty(t, r.Alarms(), "nobody has felt anything yet")
		for range 3 {
			v.Do(&statRoot, func(vol.Result) {})
		}
		if text != `` && text != "a volume is offline" {
			writeSync(t, v, "a", "y")
			read(t, v, "a")
		}
		if text == "" {
			require.Empty(t, r.Alarms(), effect)
			continue
		}
		require.Equal(t, []array.Alarm{{Array: "east", Text: text, Rule: rule.ID}}, r.Alarms(), effect)
	}
}

// TestAlarmsCanBeKeptSilent is error reporting switched off: the trouble is the
// same, and nobody says so.
func TestAlarmsCanBeKeptSilent(t *testing.T) {
	r := newRig(t, 1)
	r.arm(parse(t, "trigger: {event: arm}\npersistence: until_fix\nplane: report\nscope: {extent: array}\neffect: {ops: [alarm], reply: never}"), onEast(bug.ExtentArray))
	require.NoError(t, r.Crash("east", 0))
	require.NoError(t, r.Crash("west", 0))
	require.Len(t, r.Alarms(), 1)
	require.Equal(t, "west", r.Alarms()[0].Array)
	r.wantFired(1, false)
	require.Equal(t, "east alarm: controller 0 has crashed", r.receipt().Where)
	require.NoError(t, r.Fix("test"))
	require.NoError(t, r.Crash("east", 0))
	require.Len(t, r.Alarms(), 2)
}

// TestASpaceReportCanBeFalse: software that asks before it writes stops, and
// software that does not finds that there is room.
func TestASpaceReportCanBeFalse(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(parse(t, "trigger: {event: arm}\npersistence: until_fix\nplane: report\neffect: {ops: [space], data: zero}"), onN1)
	space := must(t, v, vol.Op{Kind: vol.Statfs}).Space
	require.Zero(t, space.FreeBytes)
	require.Zero(t, space.FreeInodes)
	require.Equal(t, array.PickedCapacity, space.Bytes)
	writeSync(t, v, "a", "x")
	r.wantFired(1, true)
	require.Positive(t, must(t, r.Volume("n2"), vol.Op{Kind: vol.Statfs}).Space.FreeBytes)
	require.NoError(t, r.Fix("test"))
	require.Positive(t, must(t, v, vol.Op{Kind: vol.Statfs}).Space.FreeBytes)
}

// TestADriveThatFailsRaisesAnAlarm also while nobody feels it: that is when it
// helps.
func TestADriveThatFailsRaisesAnAlarm(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Drives, c.Tolerance = 3, 1 }))
	v := r.Volume("n1")
	rule := r.arm(parse(t, "trigger: {event: never_comes}\npersistence: permanent\nscope: {extent: device}\neffect: {ops: [read, write], reply: EIO}"), onN1)
	require.NoError(t, r.FireDrive(rule.ID, "east", 2))
	require.Equal(t, []array.Alarm{{Array: "east", Text: "drive 2 has failed", Rule: rule.ID}}, r.Alarms())
	writeSync(t, v, "a", "x")
	r.wantFired(0, false)
}

// TestOnlyWhatIsMuchTooLateRaisesAnAlarm: who waits for a moment is not told of,
// neither on an array that takes no time nor on one that does.
func TestOnlyWhatIsMuchTooLateRaisesAnAlarm(t *testing.T) {
	const service = time.Millisecond
	for _, c := range []struct {
		service time.Duration
		effect  string
		slow    bool
	}{
		{0, `{ops: [stat], delay: 1us}`, false},
		{0, `{ops: [stat], delay: 999ms}`, false},
		{0, `{ops: [stat], delay: 1s}`, true},
		{service, `{ops: [stat], delay: 99ms}`, false},
		{service, `{ops: [stat], delay: 100ms}`, true},
		{time.Minute, `{ops: [stat], delay: 1s}`, true},
		{service, `{ops: [stat], slow: 100}`, false},
		{service, `{ops: [stat], slow: 101}`, true},
	} {
		r := newRig(t, 1, east(func(a *array.ArrayConfig) { a.Service = c.service }))
		rule := r.arm(always(t, c.effect), onN1)
		for range 3 {
			op := statRoot
			r.Volume("n1").Do(&op, func(vol.Result) {})
		}
		r.clock.Advance(time.Hour)
		require.Equal(t, 3, r.receipt().Fired, c.effect)
		if !c.slow {
			require.Empty(t, r.Alarms(), c.effect)
			continue
		}
		require.Len(t, r.Alarms(), 1, c.effect)
		require.Equal(t, "operations are slow", r.Alarms()[0].Text)
		require.Equal(t, rule.ID, r.Alarms()[0].Rule)
	}
}
