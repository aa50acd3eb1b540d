package docker

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/harness/world"
	"fourdays/storage/array"
	"fourdays/storage/bug"
)

const hungSync = `{ops: [fsync], reply: never}`

// rig is a world whose machines have volumes of an array each.
type rig struct {
	*stage
	fleet *array.Fleet
}

func newRig(t *testing.T, volumes ...string) *rig {
	t.Helper()
	need.FUSE(t)
	l := newBareLab(t)
	image, err := l.e.image(l.ctx, "toy", l.programs["toy"].Path, nil)
	require.NoError(t, err)
	r := &rig{stage: &stage{lab: l, place: &Place{engine: l.e, programs: l.programs, images: map[string]string{"toy": image}}}}
	r.open()
	cfg := array.Config{Arrays: map[string]array.ArrayConfig{}, Volumes: map[string]array.VolumeConfig{}}
	for _, v := range volumes {
		cfg.Arrays[v] = array.ArrayConfig{}
		cfg.Volumes[v] = array.VolumeConfig{Array: v, Store: "main"}
	}
	r.fleet, err = array.New(r.w, 1, cfg)
	require.NoError(t, err)
	return r
}

// toy is the toy on a machine that has the volume of its name.
func (r *rig) toy(name, act string) world.Spec {
	r.t.Helper()
	machine, err := strconv.Atoi(strings.TrimPrefix(name, "n"))
	require.NoError(r.t, err)
	return world.Spec{
		Name: name, IP: r.w.Address(machine), Program: "toy", Args: []string{act, "/data"},
		Mounts: []world.Mount{{Path: "/data", Volume: r.fleet.Volume(name)}},
	}
}

// start runs it.
func (r *rig) start(name, act string) {
	r.t.Helper()
	require.NoError(r.t, r.w.Start(r.ctx, r.toy(name, act)))
}

// found starts the toy that reads, and says what it found.
func (r *rig) found(name string) (lines []string) {
	r.t.Helper()
	before := len(r.log.String())
	r.start(name, "read")
	r.runs("all is read", func() bool { return strings.Contains(r.log.String()[before:], name+" done") })
	for line := range strings.Lines(r.log.String()[before:]) {
		if _, what, ok := strings.Cut(line, name+" has "); ok {
			lines = append(lines, strings.TrimSpace(what))
		}
	}
	return lines
}

// arm arms an effect on everything that an array has.
func (r *rig) arm(name, effect string) array.Rule {
	r.t.Helper()
	b, err := bug.Parse("test.yaml", []byte("id: test\ntrigger: {event: arm}\npersistence: until_fix\neffect: "+effect))
	require.NoError(r.t, err)
	rule, err := r.fleet.Arm(b, bug.Scope{Population: bug.Population{Volume: name}})
	require.NoError(r.t, err)
	return rule
}

// mounted are the kernel's mounts below a folder.
func mounted(t *testing.T, dir string) (found []string) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, " "+dir) {
			found = append(found, line)
		}
	}
	return found
}

// TestKilledContainerLosesNothing, whatever its program had mapped.
func TestKilledContainerLosesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, "n1")
	r.start("n1", "write")
	r.hears("n1 done")
	require.NoError(t, r.w.Kill("n1"))
	require.Equal(t, []string{"durable", "mapped", "msynced", "written"}, r.found("n1"))
}

// TestPowerLossKeepsWhatWasSynced, and what the kernel had not even shown to
// the volume is gone.
func TestPowerLossKeepsWhatWasSynced(t *testing.T) {
	t.Parallel()
	r := newRig(t, "n1")
	r.start("n1", "write")
	r.hears("n1 done")
	require.NoError(t, r.w.PowerLoss("n1"))
	found := r.found("n1")
	require.Subset(t, found, []string{"durable", "msynced"})
	require.NotContains(t, found, "mapped")
}

// TestPowerLossOfAKilledMachine comes too late for what had reached the volume,
// but not for what only the kernel had.
func TestPowerLossOfAKilledMachine(t *testing.T) {
	t.Parallel()
	r := newRig(t, "n1")
	r.start("n1", "write")
	r.hears("n1 done")
	require.NoError(t, r.w.Kill("n1"))
	require.NoError(t, r.w.PowerLoss("n1"))
	require.NotContains(t, r.found("n1"), "mapped")
}

// TestHungContainerCanBeKilled though it sleeps in its storage, and
// started again; or lose its power, which takes no time.
func TestHungContainerCanBeKilled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		act string
		end func(*World) error
	}{
		"fsync killed":           {"sync", func(w *World) error { return w.Kill("n1") }},
		"msync killed":           {"msync", func(w *World) error { return w.Kill("n1") }},
		"msync and a power loss": {"msync", func(w *World) error { return w.PowerLoss("n1") }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "n1")
			rule := r.arm("n1", hungSync)
			r.start("n1", c.act)
			r.hears("n1 syncing")
			began := time.Now()
			require.NoError(t, c.end(r.w))
			require.Less(t, time.Since(began), killWait+time.Second, "the run goes on")
			require.NoError(t, r.fleet.Disarm(rule.ID))
			r.start("n1", c.act)
			r.hears("n1 synced")
			require.Equal(t, 1, strings.Count(r.log.String(), "n1 synced"))
		})
	}
}

// TestHungContainerStartsAgain while its disk still hangs, after which it hangs
// again. A page that is being written back cannot be left.
func TestHungContainerStartsAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, "n1")
	r.arm("n1", `{ops: [write], reply: never}`)
	for i := range 2 {
		r.start("n1", "msync")
		r.runs("it syncs", func() bool { return strings.Count(r.log.String(), "n1 syncing") == i+1 })
		r.idle("n1")
		r.runs("it sleeps", r.w.machines["n1"].life.body.stuck)
		require.NoError(t, r.w.Kill("n1"))
	}
	r.idle("n1")
	require.NotContains(t, r.log.String(), "synced")
}

// TestHungWorldCanBeClosed: newBareLab and this look for what is left.
func TestHungWorldCanBeClosed(t *testing.T) {
	t.Parallel()
	r := newRig(t, "n1", "n2")
	for _, name := range []string{"n1", "n2"} {
		r.arm(name, hungSync)
		r.start(name, "msync")
		r.hears(name + " syncing")
	}
	began := time.Now()
	require.NoError(t, r.w.Close(r.ctx))
	require.Less(t, time.Since(began), goneWait)
	require.Empty(t, mounted(t, r.w.dir))
	require.NoDirExists(t, r.w.dir)
}

// TestArmedReadFaultShowsInContainers only when the kernel has forgotten what
// it read.
func TestArmedReadFaultShowsInContainers(t *testing.T) {
	t.Parallel()
	r := newRig(t, "n1")
	r.start("n1", "write")
	r.hears("n1 done")
	require.NoError(t, r.w.Kill("n1"))
	require.Len(t, r.found("n1"), 4)
	require.NoError(t, r.w.Kill("n1"))
	r.arm("n1", `{ops: [read], reply: EIO}`)
	require.NoError(t, r.w.Invalidate("n1"))
	require.Empty(t, r.found("n1"))
}

// everything is what a volume does when its array is gone.
const everything = `ops: [open, read, write, fsync, stat, readdir, statfs], reply`

// TestVolumeThatIsGone keeps the program from starting, as it would keep a
// machine from booting, and the run goes on.
func TestVolumeThatIsGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, "n1")
	r.start("n1", "write")
	r.hears("n1 done")
	require.NoError(t, r.w.PowerLoss("n1"))
	rule := r.arm("n1", "{"+everything+": EIO}")
	var codes []uint32
	spec := r.toy("n1", "read")
	spec.OnExit = func(code uint32) { codes = append(codes, code) }
	require.NoError(t, r.w.Start(r.ctx, spec))
	r.runs("its end", func() bool { return len(codes) == 1 })
	require.EqualValues(t, mountFailed, codes[0])
	require.Contains(t, r.log.String(), "n1 not started: ")
	require.NoError(t, r.fleet.Disarm(rule.ID))
	require.Subset(t, r.found("n1"), []string{"durable", "msynced"})
}

// TestVolumeThatHangsUnderItsMount keeps the engine waiting, which looks at what
// is mounted, and the program from starting. The run goes on.
func TestVolumeThatHangsUnderItsMount(t *testing.T) {
	t.Parallel()
	r := newRig(t, "n1")
	r.start("n1", "write")
	r.hears("n1 done")
	require.NoError(t, r.w.Kill("n1"))
	rule := r.arm("n1", "{"+everything+": never}")
	require.NoError(t, r.w.Invalidate("n1"))
	var codes []uint32
	spec := r.toy("n1", "read")
	spec.OnExit = func(code uint32) { codes = append(codes, code) }
	require.NoError(t, r.w.Start(r.ctx, spec))
	for end := r.w.Now() + startTimeout + 10*time.Second; len(codes) == 0 && r.w.Now() < end; {
		require.NoError(t, r.w.Run(r.ctx, r.w.Now()+100*time.Millisecond))
	}
	require.Equal(t, []uint32{mountFailed}, codes)
	require.NoError(t, r.fleet.Disarm(rule.ID))
	require.Len(t, r.found("n1"), 4)
}

// TestPowerLossWhileTheEngineWaits for a volume that hangs ends the waiting.
func TestPowerLossWhileTheEngineWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t, "n1")
	r.start("n1", "write")
	r.hears("n1 done")
	require.NoError(t, r.w.Kill("n1"))
	rule := r.arm("n1", "{"+everything+": never}")
	require.NoError(t, r.w.Invalidate("n1"))
	r.start("n1", "say")
	require.NoError(t, r.w.Run(r.ctx, r.w.Now()+2*time.Second))
	began := time.Now()
	require.NoError(t, r.w.PowerLoss("n1"))
	require.NoError(t, r.fleet.Disarm(rule.ID))
	r.idle("n1")
	require.Less(t, time.Since(began), startTimeout/2)
	require.Subset(t, r.found("n1"), []string{"durable", "msynced"})
}

// TestMountThatEndsByItself is nothing that a script asked for: the run fails.
func TestMountThatEndsByItself(t *testing.T) {
	t.Parallel()
	r := newRig(t, "n1")
	r.start("n1", "write")
	r.hears("n1 done")
	seat := r.w.machines["n1"].seats.list()[0]
	require.NoError(t, seat.mount.Abort())
	require.ErrorContains(t, r.w.Run(r.ctx, time.Hour), "serve mount n1-data: its server ended by itself")
}

// TestRoundsLeaveNothing makes worlds, breaks them in turn, and closes them.
func TestRoundsLeaveNothing(t *testing.T) {
	t.Parallel()
	ends := map[string]func(r *rig){
		"close":      func(r *rig) {},
		"kill":       func(r *rig) { require.NoError(t, r.w.Kill("n1")) },
		"power loss": func(r *rig) { require.NoError(t, r.w.PowerLoss("n1")) },
		"hang": func(r *rig) {
			r.arm("n1", hungSync)
			require.NoError(t, r.w.Kill("n1"))
			r.start("n1", "sync")
			r.hears("n1 syncing")
		},
		"pause":         func(r *rig) { require.NoError(t, r.w.Pause("n1")) },
		"start at once": func(r *rig) { require.NoError(t, r.w.Kill("n1")); r.start("n1", "read") },
	}
	names := slices.Sorted(maps.Keys(ends))
	for i := range rounds(t) {
		r := newRig(t, "n1")
		r.start("n1", "write")
		r.hears("n1 done")
		ends[names[i%len(names)]](r)
		require.NoError(t, r.w.Close(r.ctx), names[i%len(names)])
		require.Empty(t, r.left())
		require.Empty(t, mounted(t, r.w.dir))
		require.NoDirExists(t, r.w.dir)
	}
}

// rounds is how many there are: a few, or FOURDAYS_ROUNDS.
func rounds(t *testing.T) int {
	if text := os.Getenv("FOURDAYS_ROUNDS"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	return 6
}
