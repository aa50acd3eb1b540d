package array_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/vol"
)

// clock is a virtual clock that tests move.
type clock struct {
	now   time.Duration
	queue []timer
}

type timer struct {
	at time.Duration
	f  func()
}

func (c *clock) Now() time.Duration { return c.now }

func (c *clock) After(d time.Duration, f func()) { c.queue = append(c.queue, timer{c.now + d, f}) }

// advance moves time and runs what falls due, in order of time and then of
// asking.
func (c *clock) advance(d time.Duration) {
	end := c.now + d
	for {
		next := -1
		for i, t := range c.queue {
			if t.at <= end && (next < 0 || t.at < c.queue[next].at) {
				next = i
			}
		}
		if next < 0 {
			break
		}
		t := c.queue[next]
		c.queue = append(c.queue[:next], c.queue[next+1:]...)
		c.now = t.at
		t.f()
	}
	c.now = end
}

// rig is three instant arrays, east, west and north, with the volumes n1, n2
// and n3; north runs another OS.
type rig struct {
	t     testing.TB
	clock *clock
	*array.Fleet
}

func newRig(t testing.TB, seed uint64, change ...func(*array.Config)) *rig {
	cfg := array.Config{
		Arrays: map[string]array.ArrayConfig{"east": {}, "west": {}, "north": {OS: "other/9.4"}},
		Volumes: map[string]array.VolumeConfig{
			"n1": {Array: "east", Store: "main"}, "n2": {Array: "west", Store: "main"}, "n3": {Array: "north", Store: "main"}},
	}
	for _, f := range change {
		f(&cfg)
	}
	c := &clock{}
	f, err := array.New(c, seed, cfg)
	require.NoError(t, err)
	return &rig{t: t, clock: c, Fleet: f}
}

// do is an operation whose answer must come at once.
func do(t testing.TB, v vol.Volume, op vol.Op) vol.Result {
	t.Helper()
	res, ok := try(v, op)
	require.True(t, ok, "%s %s is not answered", op.Kind, op.Path)
	return res
}

func try(v vol.Volume, op vol.Op) (res vol.Result, answered bool) {
	v.Do(&op, func(r vol.Result) { res, answered = r, true })
	return res, answered
}

func must(t testing.TB, v vol.Volume, op vol.Op) vol.Result {
	t.Helper()
	res := do(t, v, op)
	require.Zero(t, res.Errno, "%s %s: %v", op.Kind, op.Path, res.Errno)
	return res
}

func write(t testing.TB, v vol.Volume, path, text string) vol.FileID {
	t.Helper()
	f := must(t, v, vol.Op{Kind: vol.Open, Path: path, Flag: os.O_RDWR | os.O_CREATE}).File
	must(t, v, vol.Op{Kind: vol.Write, File: f, Data: []byte(text)})
	return f
}

func writeSync(t testing.TB, v vol.Volume, path, text string) {
	t.Helper()
	f := write(t, v, path, text)
	must(t, v, vol.Op{Kind: vol.Sync, File: f})
	must(t, v, vol.Op{Kind: vol.Close, File: f})
}

func read(t testing.TB, v vol.Volume, path string) (string, syscall.Errno) {
	t.Helper()
	res := do(t, v, vol.Op{Kind: vol.Open, Path: path})
	if res.Errno != 0 {
		return "", res.Errno
	}
	defer must(t, v, vol.Op{Kind: vol.Close, File: res.File})
	p := make([]byte, res.Info.Size)
	got := do(t, v, vol.Op{Kind: vol.Read, File: res.File, Data: p})
	return string(p[:got.N]), got.Errno
}

func wantRead(t testing.TB, v vol.Volume, path, text string) {
	t.Helper()
	got, errno := read(t, v, path)
	require.Zero(t, errno, "read %s: %v", path, errno)
	require.Equal(t, text, got)
}

func TestFsyncedFileSurvivesPowerLoss(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "log", "promised")
	v.PowerLoss()
	wantRead(t, v, "log", "promised")
	require.NoError(t, r.PowerLoss("east"))
	require.Equal(t, syscall.EIO, do(t, v, vol.Op{Kind: vol.Stat, Path: "log"}).Errno)
	require.NoError(t, r.PowerOn("east"))
	wantRead(t, v, "log", "promised")
}

func TestKillLosesNothingButTheOpens(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := write(t, v, "log", "written")
	v.Kill()
	require.Equal(t, syscall.EBADF, do(t, v, vol.Op{Kind: vol.Sync, File: f}).Errno)
	wantRead(t, v, "log", "written")
}
