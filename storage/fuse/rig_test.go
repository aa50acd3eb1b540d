//go:build linux

package fuse_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/catalog"
	"fourdays/storage/fuse"
)

// realTime is the clock of a live world.
type realTime struct{ start time.Time }

func (c realTime) Now() time.Duration { return time.Since(c.start) }

func (c realTime) After(d time.Duration, f func()) { time.AfterFunc(d, f) }

// rig is an array with one volume, n1, that is mounted.
type rig struct {
	testing.TB
	*array.Fleet
	v   *array.Volume
	m   *fuse.Mount
	dir string
}

// east changes the configuration of the array.
func east(change func(*array.ArrayConfig)) func(*array.Config) {
	return func(cfg *array.Config) {
		c := cfg.Arrays["east"]
		change(&c)
		cfg.Arrays["east"] = c
	}
}

// mounted is a volume on a fast array at a new directory until the test ends.
func mounted(t testing.TB, change ...func(*array.Config)) *rig {
	t.Helper()
	need.FUSE(t)
	cfg := array.Config{Arrays: map[string]array.ArrayConfig{"east": {}}, Volumes: map[string]array.VolumeConfig{"n1": {Array: "east"}}}
	for _, f := range change {
		f(&cfg)
	}
	f, err := array.New(realTime{time.Now()}, 1, cfg)
	require.NoError(t, err)
	r := &rig{TB: t, Fleet: f, v: f.Volume("n1"), dir: t.TempDir()}
	r.mount()
	t.Cleanup(func() { r.m.Abort() })
	return r
}

func (r *rig) mount() {
	r.Helper()
	m, err := fuse.Serve(r.dir, r.v, fuse.Options{Name: "n1", AllowOther: true})
	require.NoError(r, err)
	r.m = m
}

// arm arms a shipped bug, or one written here without id and persistence.
func (r *rig) arm(what string) array.Rule {
	r.Helper()
	b, ok := catalog.Get(what)
	if !ok {
		var err error
		b, err = bug.Parse("test.yaml", []byte("id: test\ntrigger: {event: arm}\npersistence: until_fix\n"+what))
		require.NoError(r, err)
	}
	rule, err := r.Arm(b, bug.Scope{})
	require.NoError(r, err)
	return rule
}
