package run

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/world"
	"fourdays/storage/array"
	"fourdays/storage/vol"
)

// wallClock is a world's clock that a test sets.
type wallClock struct {
	world.Clock
	now time.Duration
}

func (c *wallClock) Now() time.Duration { return c.now }

// TestFilesHaveTheTimesOfTheirWorld writes a file before the leap of a run's
// clock and one after it: both are as old as the world's own clock says.
func TestFilesHaveTheTimesOfTheirWorld(t *testing.T) {
	wall := &wallClock{now: 3 * time.Second}
	c := &clock{Clock: wall}
	f, err := array.New(c, 1, array.Config{
		Arrays: map[string]array.ArrayConfig{"east": {OS: "a/1"}}, Volumes: map[string]array.VolumeConfig{"n1": {Array: "east"}},
	})
	require.NoError(t, err)
	v := &timed{f.Volume("n1"), c}
	do := func(op vol.Op) (r vol.Result) {
		v.Do(&op, func(got vol.Result) { r = got })
		require.Zero(t, r.Errno)
		return r
	}
	mtime := func(path string) time.Duration { return do(vol.Op{Kind: vol.Stat, Path: path}).Info.MTime }

	do(vol.Op{Kind: vol.Mkdir, Path: "early"})
	wall.now = 5 * time.Second
	c.leap(time.Hour)
	wall.now = 7 * time.Second
	do(vol.Op{Kind: vol.Mkdir, Path: "late"})

	require.Equal(t, 3*time.Second, mtime("early"))
	require.Equal(t, 7*time.Second, mtime("late"))
	require.Equal(t, time.Hour+7*time.Second, c.Now(), "the arrays live by the run's clock")

	set := vol.Attr{Has: vol.HasMTime, MTime: 6 * time.Second}
	do(vol.Op{Kind: vol.SetAttr, Path: "late", Attr: &set})
	require.Equal(t, 6*time.Second, mtime("late"))
	require.Equal(t, 6*time.Second, set.MTime, "the caller's own is left alone")
	for _, e := range do(vol.Op{Kind: vol.ReadDir, Path: "."}).Entries {
		require.Less(t, e.MTime, time.Minute)
	}
}
