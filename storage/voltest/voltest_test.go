package voltest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/vol"
	"fourdays/storage/voltest"
)

func TestArrayDirectly(t *testing.T) {
	for _, profile := range []array.Profile{array.Ordered, array.Strict} {
		t.Run(string(profile), func(t *testing.T) {
			voltest.Run(t, func(t *testing.T) voltest.Harness { return open(t, array.ArrayConfig{}, profile) })
		})
	}
}

// TestArrayThatTakesTime shows that a queue changes nothing but when.
func TestArrayThatTakesTime(t *testing.T) {
	voltest.Run(t, func(t *testing.T) voltest.Harness { return open(t, array.Picked(), array.Ordered) })
}

func open(t *testing.T, cfg array.ArrayConfig, profile array.Profile) voltest.Harness {
	v, clock := volume(t, cfg, profile)
	return voltest.Harness{Door: voltest.Direct(v, clock), Machine: v, Strict: profile == array.Strict,
		Small: func() voltest.Door {
			cfg.Capacity = 1 << 20
			return voltest.Direct(volume(t, cfg, profile))
		}}
}

func volume(t *testing.T, cfg array.ArrayConfig, profile array.Profile) (*array.Volume, *voltest.Clock) {
	clock := &voltest.Clock{}
	f, err := array.New(clock, 7, array.Config{Arrays: map[string]array.ArrayConfig{"a": cfg},
		Volumes: map[string]array.VolumeConfig{"v": {Array: "a", Profile: profile}}})
	require.NoError(t, err)
	return f.Volume("v"), clock
}

func TestClockCallsInOrder(t *testing.T) {
	c := &voltest.Clock{}
	var got []string
	c.After(2*time.Second, func() { got = append(got, "c") })
	c.After(time.Second, func() {
		got = append(got, "a")
		c.After(0, func() { got = append(got, "b") })
	})
	c.After(time.Hour, func() { got = append(got, "late") })
	c.Advance(2 * time.Second)
	require.Equal(t, []string{"a", "b", "c"}, got)
	require.Equal(t, 2*time.Second, c.Now())
}

func TestDirectPanicsOnAnOperationThatHangs(t *testing.T) {
	require.Panics(t, func() { voltest.Direct(silent{}, &voltest.Clock{}).Do(vol.Op{Kind: vol.Stat, Path: "."}) })
}

type silent struct{}

func (silent) Do(*vol.Op, func(vol.Result)) {}
