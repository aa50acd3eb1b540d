package array_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// waits is a bug whose trigger never comes by itself.
func waits(t testing.TB, extent, persistence, effect string) bug.Bug {
	return parse(t, "trigger: {event: background}\npersistence: "+persistence+"\nscope: {extent: "+extent+"}\neffect: "+effect)
}

// TestFireAtHitsTheBlockAtAnAddress counts through two files, in the order of
// their names and round again.
func TestFireAtHitsTheBlockAtAnAddress(t *testing.T) {
	for address, want := range map[int64]string{0: "a 0", 4095: "a 0", 4096: "a 4096", 8192: "b 0", 12288: "a 0", 5*12288 + 8191: "a 4096"} {
		r := newRig(t, 1)
		v := r.Volume("n1")
		writeSync(t, v, "a", strings.Repeat("x", 8192))
		writeSync(t, v, "b", "y")
		rule := r.arm(waits(t, "block", "permanent", "{ops: [read], reply: EIO}"), onN1)

		there, err := r.FireAt(rule.ID, "n1", address)
		require.NoError(t, err)
		require.True(t, there)

		for place, size := range map[string]int64{"a 0": 4096, "a 4096": 4096, "b 0": 1} {
			name, off, _ := strings.Cut(place, " ")
			f := must(t, v, vol.Op{Kind: vol.Open, Path: name}).File
			res := do(t, v, vol.Op{Kind: vol.Read, File: f, Off: int64(len(off)-1) / 3 * 4096, Data: make([]byte, size)})
			require.Equal(t, place == want, res.Errno == syscall.EIO, "address %d: %s", address, place)
		}
		r.wantFired(1, true)
	}
}

// TestFireAtEndsWhenTheBlockIsWritten is what a latent sector error does.
func TestFireAtEndsWhenTheBlockIsWritten(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	text := strings.Repeat("x", 4096)
	writeSync(t, v, "a", text)
	rule := r.arm(waits(t, "block", "permanent", "{ops: [read], reply: EIO}"), onN1)
	there, err := r.FireAt(rule.ID, "n1", 0)
	require.NoError(t, err)
	require.True(t, there)
	_, errno := read(t, v, "a")
	require.Equal(t, syscall.EIO, errno)

	writeSync(t, v, "a", text)

	wantRead(t, v, "a", text)
}

// TestFireAtIsHiddenAsLongAsRAIDCan: an unreadable block is there all the time,
// and felt while as many drives are missed as may be.
func TestFireAtIsHiddenAsLongAsRAIDCan(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Drives, c.Tolerance, c.Rebuild = 4, 1, time.Hour }))
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	block := r.arm(waits(t, "block", "permanent", "{ops: [read], reply: EIO}"), onN1)
	there, err := r.FireAt(block.ID, "n1", 0)
	require.NoError(t, err)
	require.True(t, there)
	wantRead(t, v, "a", "x")
	require.Equal(t, 1, r.receipt().Masked)
	require.Equal(t, array.MaskedByRAID, r.receipt().MaskedBy)

	drive := r.arm(waits(t, "device", "permanent", "{ops: [read, write], reply: EIO}"), onN1)
	require.NoError(t, r.FireDrive(drive.ID, "east", 2))
	_, errno := read(t, v, "a")
	require.Equal(t, syscall.EIO, errno)

	r.clock.Advance(2 * time.Hour)
	wantRead(t, v, "a", "x")
}

// TestFireAtOnAnEmptyVolumeHitsNothing, and says so.
func TestFireAtOnAnEmptyVolumeHitsNothing(t *testing.T) {
	r := newRig(t, 1)
	rule := r.arm(waits(t, "block", "permanent", "{ops: [read], reply: EIO}"), onN1)
	there, err := r.FireAt(rule.ID, "n1", 4096)
	require.NoError(t, err)
	require.False(t, there)
	r.wantFired(0, false)
}

// TestFireDriveFailsOneDrive: two are hidden and rebuilt, the third at one time
// takes the array with it.
func TestFireDriveFailsOneDrive(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Drives, c.Tolerance, c.Rebuild = 4, 2, time.Hour }))
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	rule := r.arm(waits(t, "device", "permanent", "{ops: [read, write], reply: EIO}"), bug.Scope{Population: bug.Population{Array: "east"}})
	fail := func(drive int) { require.NoError(t, r.FireDrive(rule.ID, "east", drive)) }

	fail(0)
	fail(1)
	wantRead(t, v, "a", "x")
	r.clock.Advance(2 * time.Hour)
	fail(2)
	wantRead(t, v, "a", "x")
	require.Equal(t, 3, r.receipt().Masked)
	require.Equal(t, array.MaskedByRAID, r.receipt().MaskedBy)
	require.Zero(t, r.receipt().Fired)

	fail(3)
	fail(0)
	_, errno := read(t, v, "a")
	require.Equal(t, syscall.EIO, errno)
	r.wantFired(1, true)
}

// TestFireDriveSlowsWhatIsOnIt until the rule is disarmed.
func TestFireDriveSlowsWhatIsOnIt(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Drives, c.Service = 2, time.Millisecond }))
	v := r.Volume("n1")
	rule := r.arm(waits(t, "device", "until_fix", "{ops: [write], slow: 5}"), bug.Scope{Population: bug.Population{Array: "east"}})
	took := func() time.Duration {
		done := make([]time.Duration, 2)
		for i := range done {
			begun := r.clock.Now()
			var f vol.FileID
			v.Do(&vol.Op{Kind: vol.Open, Path: string(rune('a' + i)), Flag: syscall.O_CREAT | syscall.O_RDWR}, func(res vol.Result) {
				f, begun = res.File, r.clock.Now()
				v.Do(&vol.Op{Kind: vol.Write, File: f, Data: []byte("x")}, func(vol.Result) { done[i] = r.clock.Now() - begun })
			})
			r.clock.Advance(time.Second)
		}
		return max(done[0], done[1])
	}
	plain := took()
	require.NoError(t, r.FireDrive(rule.ID, "east", 0))
	require.Equal(t, 5*plain, took())
	require.NoError(t, r.Disarm(rule.ID))
	require.Equal(t, plain, took())
}

func TestFireRefusesWhatIsNotThere(t *testing.T) {
	r := newRig(t, 1)
	block := r.arm(waits(t, "block", "permanent", "{ops: [read], reply: EIO}"), onN1)
	file := r.arm(waits(t, "file", "permanent", "{ops: [read], reply: EIO}"), onN1)
	device := r.arm(waits(t, "device", "permanent", "{ops: [read, write], reply: EIO}"), onN1)
	for name, try := range map[string]func() error{
		"no rule":          func() error { _, err := r.FireAt("x", "n1", 0); return err },
		"no volume":        func() error { _, err := r.FireAt(block.ID, "n9", 0); return err },
		"not in scope":     func() error { _, err := r.FireAt(block.ID, "n2", 0); return err },
		"before the start": func() error { _, err := r.FireAt(block.ID, "n1", -1); return err },
		"no part":          func() error { _, err := r.FireAt(file.ID, "n1", 0); return err },
		"no drive":         func() error { return r.FireDrive(device.ID, "east", 1) },
		"no array":         func() error { return r.FireDrive(device.ID, "west", 0) },
		"no device":        func() error { return r.FireDrive(block.ID, "east", 0) },
		"no rule either":   func() error { return r.FireDrive("x", "east", 0) },
	} {
		require.ErrorContains(t, try(), "fire ", name)
	}
	require.NoError(t, r.Disarm(block.ID))
	_, err := r.FireAt(block.ID, "n1", 0)
	require.ErrorContains(t, err, "no such rule is armed")
}
