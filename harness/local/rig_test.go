package local

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/harness/live"
	"fourdays/harness/sim"
	"fourdays/harness/world"
	"fourdays/storage/array"
	"fourdays/storage/bug"
)

const root = "../.."

var build = sync.OnceValues(func() (map[string]string, error) {
	cache, err := sim.CacheDir()
	if err != nil {
		return nil, err
	}
	b := live.Builder{Root: root, Cache: cache}
	built, err := b.Build(context.Background(), "harness/local/testdata/toy", mounterFolder, "mailstore/cmd/mailnode")
	paths := map[string]string{}
	for name, p := range built {
		paths[name] = p.Path
	}
	return paths, err
})

// programs builds what the tests run.
func programs(t testing.TB) map[string]string {
	need.FUSE(t)
	paths, err := build()
	require.NoError(t, err)
	return paths
}

// journal is a log that can be waited for.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// says returns what a machine has printed.
func (j *journal) says(name string) (lines []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.text.String()) {
		if _, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); strings.HasPrefix(rest, name+" ") {
			lines = append(lines, strings.TrimPrefix(rest, name+" "))
		}
	}
	return lines
}

// rig is a world with arrays of one volume each.
type rig struct {
	t     testing.TB
	w     *World
	fleet *array.Fleet
	log   *journal
	dir   string
}

func newRig(t testing.TB, volumes ...string) *rig { return newRigIn(t, t.TempDir(), volumes...) }

func newRigIn(t testing.TB, dir string, volumes ...string) *rig {
	r := &rig{t: t, log: &journal{}, dir: dir}
	var err error
	r.w, err = New(t.Context(), Config{Dir: r.dir, Log: r.log, Programs: programs(t), Seed: 1})
	require.NoError(t, err)
	t.Cleanup(r.close)
	cfg := array.Config{Arrays: map[string]array.ArrayConfig{}, Volumes: map[string]array.VolumeConfig{}}
	for _, v := range volumes {
		cfg.Arrays[v] = array.ArrayConfig{}
		cfg.Volumes[v] = array.VolumeConfig{Array: v, Store: "main"}
	}
	r.fleet, err = array.New(r.w, 1, cfg)
	require.NoError(t, err)
	return r
}

// close ends the world, and sees that nothing of it is left.
func (r *rig) close() {
	if r.w == nil {
		return
	}
	require.NoError(r.t, r.w.Close(context.Background()))
	r.w = nil
	left, err := os.ReadDir(r.dir)
	require.NoError(r.t, err)
	require.Empty(r.t, left)
	require.Empty(r.t, mountsBelow(r.t, r.dir))
}

func mountsBelow(t testing.TB, dir string) (found []string) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, " "+dir) {
			found = append(found, line)
		}
	}
	return found
}

// start runs the toy on a machine that has the volume of its name.
func (r *rig) start(name string, args ...string) {
	r.startSpec(world.Spec{
		Name: name, IP: r.w.Address(0), Program: "toy", Args: args,
		Mounts: []world.Mount{{Path: "/data", Volume: r.fleet.Volume(name)}},
	})
}

func (r *rig) startSpec(spec world.Spec) {
	require.NoError(r.t, r.w.Start(r.t.Context(), spec))
}

// until lets the world live until something holds.
func (r *rig) until(what string, holds func() bool) {
	for end := time.Now().Add(time.Minute); !holds(); {
		require.NoError(r.t, r.w.Run(r.t.Context(), r.w.Now()+5*time.Millisecond))
		require.True(r.t, time.Now().Before(end), "%s; the log:\n%s", what, &r.log.text)
	}
}

// hears waits for a line of a machine.
func (r *rig) hears(name, line string) {
	r.until(name+" says "+line, func() bool {
		for _, l := range r.log.says(name) {
			if l == line {
				return true
			}
		}
		return false
	})
}

// arm arms an effect on everything that an array has.
func (r *rig) arm(name, effect string) array.Rule {
	b, err := bug.Parse("test.yaml", []byte("id: test\ntrigger: {event: arm}\npersistence: until_fix\neffect: "+effect))
	require.NoError(r.t, err)
	rule, err := r.fleet.Arm(b, bug.Scope{Population: bug.Population{Volume: name}})
	require.NoError(r.t, err)
	return rule
}
