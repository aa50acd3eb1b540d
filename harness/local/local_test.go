package local

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/harness/world"
)

const hungSync = `{ops: [fsync], reply: never}`

// found starts the toy that reads, and says what it found.
func (r *rig) found(name string) []string {
	before := len(r.log.says(name))
	r.start(name, "read", "/data")
	r.until("all is read", func() bool {
		lines := r.log.says(name)[before:]
		return len(lines) > 0 && lines[len(lines)-1] == "done"
	})
	lines := r.log.says(name)[before:]
	return lines[:len(lines)-1]
}

// TestAKilledProgramLosesNothing, whatever it had mapped.
func TestAKilledProgramLosesNothing(t *testing.T) {
	r := newRig(t, "n1")
	r.start("n1", "write", "/data")
	r.hears("n1", "done")
	require.NoError(t, r.w.Kill("n1"))
	require.False(t, r.w.Running("n1"))
	require.Equal(t, []string{"has durable", "has mapped", "has msynced", "has written"}, r.found("n1"))
}

// TestAPowerLossKeepsWhatWasSynced, and what the kernel had not even shown to
// the volume is gone.
func TestAPowerLossKeepsWhatWasSynced(t *testing.T) {
	r := newRig(t, "n1")
	r.start("n1", "write", "/data")
	r.hears("n1", "done")
	require.NoError(t, r.w.PowerLoss("n1"))
	require.False(t, r.w.Running("n1"))
	found := r.found("n1")
	require.Subset(t, found, []string{"has durable", "has msynced"})
	require.NotContains(t, found, "has mapped")
}

// TestAProgramThatEndsIsTold, with its code, but not one that is killed.
func TestAProgramThatEndsIsTold(t *testing.T) {
	r := newRig(t, "n1")
	var codes []uint32
	spec := world.Spec{Name: "n1", Program: "toy", Args: []string{"exit", ""}, OnExit: func(code uint32) { codes = append(codes, code) }}
	r.startSpec(spec)
	require.ErrorContains(t, r.w.Start(t.Context(), spec), "start n1: already running")
	r.until("the program ends", func() bool { return len(codes) > 0 })
	require.Equal(t, []uint32{3}, codes)
	require.False(t, r.w.Running("n1"))
	spec.Args = []string{"wait", ""}
	r.startSpec(spec)
	require.NoError(t, r.w.Kill("n1"))
	require.NoError(t, r.w.Kill("n1"), "twice is once")
	spec.Args = []string{"say", "back"}
	r.startSpec(spec)
	r.hears("n1", "back ")
	r.until("the program ends again", func() bool { return len(codes) > 1 })
	require.Equal(t, []uint32{3, 0}, codes)
}

// TestAHungProgramCanBeKilled though it sleeps where no signal wakes it, and
// started again; what it had written is there.
func TestAHungProgramCanBeKilled(t *testing.T) {
	for _, how := range []string{"sync", "msync"} {
		t.Run(how, func(t *testing.T) {
			r := newRig(t, "n1")
			r.start("n1", "write", "/data")
			r.hears("n1", "done")
			require.NoError(t, r.w.Kill("n1"))
			rule := r.arm("n1", hungSync)
			r.start("n1", how, "/data")
			r.hears("n1", "syncing")
			require.NoError(t, r.w.Kill("n1"))
			require.NoError(t, r.fleet.Disarm(rule.ID))
			require.Subset(t, r.found("n1"), []string{"has durable", "has written"})
			require.NotContains(t, r.log.says("n1"), "synced")
		})
	}
}

// TestAHungProgramLosesPower at once.
func TestAHungProgramLosesPower(t *testing.T) {
	r := newRig(t, "n1")
	rule := r.arm("n1", hungSync)
	r.start("n1", "sync", "/data")
	r.hears("n1", "syncing")
	began := time.Now()
	require.NoError(t, r.w.PowerLoss("n1"))
	require.Less(t, time.Since(began), goneWait)
	require.NoError(t, r.fleet.Disarm(rule.ID))
	r.start("n1", "sync", "/data")
	r.hears("n1", "synced")
}

// TestAHungWorldCanBeClosed: rig.close looks what is left.
func TestAHungWorldCanBeClosed(t *testing.T) {
	r := newRig(t, "n1", "n2")
	for _, name := range []string{"n1", "n2"} {
		r.arm(name, hungSync)
		r.start(name, "msync", "/data")
		r.hears(name, "syncing")
	}
	began := time.Now()
	r.close()
	require.Less(t, time.Since(began), goneWait)
}

// TestAnArmedReadFaultShows only when the kernel has forgotten what it read.
func TestAnArmedReadFaultShows(t *testing.T) {
	r := newRig(t, "n1")
	r.start("n1", "write", "/data")
	r.hears("n1", "done")
	require.NoError(t, r.w.Kill("n1"))
	require.Len(t, r.found("n1"), 4)
	require.NoError(t, r.w.Kill("n1"))
	r.arm("n1", `{ops: [read], reply: EIO}`)
	require.NoError(t, r.w.Invalidate("n1"))
	require.Empty(t, r.found("n1"))
}

// TestPlacesStandForMounts in arguments and in the environment.
func TestPlacesStandForMounts(t *testing.T) {
	r := newRig(t, "n1")
	r.startSpec(world.Spec{
		Name: "n1", Program: r.w.cfg.Programs["toy"], Args: []string{"say", "/data"}, Env: []string{"PLACE=/data"},
		Mounts: []world.Mount{{Path: "/data", Volume: r.fleet.Volume("n1")}},
	})
	at := filepath.Join(r.w.dir, "n1-data")
	r.hears("n1", at+" "+at)
}

// TestErrandsAreAnswered: what they print, how they fail, and when they are late.
func TestErrandsAreAnswered(t *testing.T) {
	r := newRig(t, "n1")
	r.start("n1", "write", "/data")
	r.hears("n1", "done")
	run := func(within time.Duration, args ...string) (out string, failed error) {
		done := false
		r.w.Exec("n1", world.Errand{Args: args, Env: []string{"DATA=/data"}, Within: within}, func(printed string, err error) {
			out, failed, done = printed, err, true
		})
		r.until("the errand is over", func() bool { return done })
		return out, failed
	}
	out, err := run(time.Minute, "/bin/sh", "-c", "cat $DATA/durable; pwd")
	require.NoError(t, err)
	require.Equal(t, "durable/\n", out)
	_, err = run(time.Minute, "/bin/sh", "-c", "exit 4")
	require.ErrorContains(t, err, "exit code 4")
	_, err = run(50*time.Millisecond, "/bin/sleep", "3600")
	require.ErrorContains(t, err, "not over within 50ms")
	_, err = run(time.Minute, "/no/such/hook")
	require.ErrorContains(t, err, "/no/such/hook")
	r.w.At(r.w.Now()+50*time.Millisecond, func() { require.NoError(t, r.w.Kill("n1")) })
	_, err = run(time.Minute, "/bin/sleep", "3600")
	require.ErrorContains(t, err, "exit code 137")
}

// TestAKillTakesWhatRunsBesideAProgram that has ended already.
func TestAKillTakesWhatRunsBesideAProgram(t *testing.T) {
	for name, end := range map[string]func(*World) error{
		"kill":  func(w *World) error { return w.Kill("n1") },
		"power": func(w *World) error { return w.PowerLoss("n1") },
		"close": func(w *World) error { return w.Close(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "n1")
			r.start("n1", "exit", "/data")
			r.until("it has ended", func() bool { return !r.w.Running("n1") })
			r.w.Exec("n1", world.Errand{Args: []string{"/bin/sleep", "3600"}, Within: time.Hour}, func(string, error) {})
			require.Len(t, r.w.machines["n1"].runs, 1)
			for p := range r.w.machines["n1"].runs {
				require.NoError(t, end(r.w))
				require.True(t, p.EndsWithin(10*time.Second))
			}
			if name == "close" {
				r.w = nil
			}
		})
	}
}

// TestAnEmptyFolderMayBeTidiedAway: while no machine has power nothing says that
// it is in use.
func TestAnEmptyFolderMayBeTidiedAway(t *testing.T) {
	r := newRig(t, "n1")
	require.NoError(t, os.Remove(r.w.dir))
	r.start("n1", "write", "/data")
	r.hears("n1", "done")
}

// TestAMountInUseIsNotTakenAwaySilently: what somebody wrote may not have reached
// the volume.
func TestAMountInUseIsNotTakenAwaySilently(t *testing.T) {
	r := newRig(t, "n1")
	r.start("n1", "write", "/data")
	r.hears("n1", "done")
	user := exec.Command("/bin/sleep", "60")
	user.Dir = filepath.Join(r.w.dir, "n1-data")
	require.NoError(t, user.Start())
	defer func() {
		_ = user.Process.Kill()
		_ = user.Wait()
	}()
	require.NoError(t, r.w.Kill("n1"))
	err := r.w.Start(t.Context(), world.Spec{Name: "n1", IP: r.w.Address(0), Program: "toy", Args: []string{"wait", "/"}})
	require.ErrorContains(t, err, "unmount n1-data: device or resource busy: what was not synced may be lost")
}

// TestTroubleIsNamed: what is missing or taken, at once.
func TestTroubleIsNamed(t *testing.T) {
	r := newRig(t, "n1")
	require.ErrorContains(t, r.w.Start(t.Context(), world.Spec{Name: "n1", Program: "nosuch"}), `start n1: no program "nosuch"`)
	require.ErrorContains(t, r.w.Kill("n9"), "kill n9: no such machine")
	require.ErrorContains(t, r.w.PowerLoss("n9"), "cut power of n9: no such machine")
	_, err := New(t.Context(), Config{Programs: map[string]string{Mounter: "/no/such/program"}})
	require.ErrorContains(t, err, "find the program that mounts")

	taken, err := net.Listen("tcp", r.w.Address(0)+":20024")
	require.NoError(t, err)
	defer taken.Close()
	var code uint32
	r.startSpec(world.Spec{Name: "n2", Program: "toy", Args: []string{"listen", taken.Addr().String()}, OnExit: func(c uint32) { code = c }})
	r.until("the program fails", func() bool { return code == 1 })
	require.Contains(t, r.log.says("n2")[0], "address already in use")
}

// TestAMountThatCannotBeIsNamed: its server says why, and nothing is left.
func TestAMountThatCannotBeIsNamed(t *testing.T) {
	r := newRig(t, "n1")
	broken := filepath.Join(t.TempDir(), "broken")
	require.NoError(t, os.WriteFile(broken, []byte("#!/bin/sh\necho no /dev/fuse here >&2\nexit 1\n"), 0o755))
	r.w.mounter.Program = broken
	err := r.w.Start(t.Context(), world.Spec{Name: "n1", Program: "toy", Args: []string{"wait", ""},
		Mounts: []world.Mount{{Path: "/data", Volume: r.fleet.Volume("n1")}}})
	require.ErrorContains(t, err, "start n1: mount n1-data at")
	require.ErrorContains(t, err, "no /dev/fuse here")
	require.False(t, r.w.Running("n1"))
}

// TestALostMountServerFailsTheWorld: nobody may go on and judge what a program
// did without its storage.
func TestALostMountServerFailsTheWorld(t *testing.T) {
	r := newRig(t, "n1")
	r.start("n1", "write", "/data")
	r.hears("n1", "done")
	p, err := os.FindProcess(r.w.machines["n1"].seats[0].mount.ID())
	require.NoError(t, err)
	require.NoError(t, p.Kill())
	require.ErrorContains(t, r.w.Run(t.Context(), time.Minute), "serve mount n1-data: its server ended by itself with code 137")
}

// TestWorldsBesideEachOther have other addresses.
func TestWorldsBesideEachOther(t *testing.T) {
	a, b := newRig(t, "n1"), newRig(t, "n1")
	seen := map[string]bool{}
	for _, r := range []*rig{a, b} {
		for _, machine := range []int{world.Driver, 0, 1, 249} {
			address := fmt.Sprintf("%s:%d", r.w.Address(machine), r.w.Port(143))
			require.False(t, seen[address])
			seen[address] = true
			l, err := net.Listen("tcp", address)
			require.NoError(t, err)
			require.NoError(t, l.Close())
		}
	}
}

// TestRoundsLeaveNothing starts, breaks and stops a world many times.
func TestRoundsLeaveNothing(t *testing.T) {
	rounds := need.Rounds(t)
	programs(t)
	before := openFiles(t)
	for i := range rounds {
		r := newRig(t, "n1")
		switch r.start("n1", "write", "/data"); i % 4 {
		case 0:
			require.NoError(t, r.w.PowerLoss("n1"))
		case 1:
			require.NoError(t, r.w.Kill("n1"))
		case 2:
			r.arm("n1", hungSync)
		case 3:
			r.hears("n1", "done")
			r.restart("n1")
		}
		r.close()
	}
	require.Eventually(t, func() bool { return openFiles(t) <= before+4 }, 10*time.Second, 50*time.Millisecond)
	require.Empty(t, children(t))
}

// restart kills the program and starts it again at once.
func (r *rig) restart(name string) {
	require.NoError(r.t, r.w.Kill(name))
	r.start(name, "read", "/data")
}

func openFiles(t testing.TB) int {
	fds, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(fds)
}

// children are the processes that this one has not taken leave of.
func children(t testing.TB) (found []string) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, name := range stats {
		var pid, parent int
		var comm, state string
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		if _, err := fmt.Sscan(string(text), &pid, &comm, &state, &parent); err == nil && parent == os.Getpid() {
			found = append(found, string(text))
		}
	}
	return found
}
