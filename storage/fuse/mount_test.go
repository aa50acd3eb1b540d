//go:build linux

package fuse_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/storage/array"
	"fourdays/storage/fuse"
	"fourdays/storage/vol"
)

// TestRoundsOfMountingLeaveNothing mounts, uses and takes away, by unmounting and
// by cutting off in turn, and finds no mount, descriptor or goroutine more.
func TestRoundsOfMountingLeaveNothing(t *testing.T) {
	rounds := need.Rounds(t)
	r := mounted(t)
	require.NoError(t, r.m.Unmount())
	fds, routines := open(t), runtime.NumGoroutine()
	for i := range rounds {
		r.mount()
		require.NoError(t, os.WriteFile(filepath.Join(r.dir, "f"), []byte(fmt.Sprint(i)), 0o644))
		if i%2 == 0 {
			require.NoError(t, r.m.Unmount())
		} else {
			require.NoError(t, r.m.Abort())
		}
	}
	require.Empty(t, mountLines(r.dir))
	require.Eventually(t, func() bool { return open(t) <= fds && runtime.NumGoroutine() <= routines+2 }, bound, time.Millisecond,
		"%d descriptors and %d goroutines before", fds, routines)
}

func open(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(all)
}

// TestWhatCannotBeMountedAtIsSaid tries every kind of place that is none.
func TestWhatCannotBeMountedAtIsSaid(t *testing.T) {
	r := mounted(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(r.dir, link))
	for place, want := range map[string]string{
		filepath.Join(dir, "none"): "mount " + dir + "/none: there is no such directory",
		file:                       "it is not a directory",
		dir:                        "the directory is not empty: file would be hidden",
		r.dir:                      "busy: a fuse.fourdays named n1 is mounted there; umount " + r.dir,
		link:                       "busy: a fuse.fourdays named n1",
		"/proc":                    "busy: a proc",
	} {
		_, err := fuse.Serve(place, r.v, fuse.Options{})
		require.ErrorContains(t, err, want)
	}
	require.Len(t, mountLines(r.dir), 1)
}

// TestAMountThatWasTakenAwayCanBeCutOff unmounts behind its back, once while a
// program uses it: what that writes then reaches nobody.
func TestAMountThatWasTakenAwayCanBeCutOff(t *testing.T) {
	r := mounted(t)
	require.NoError(t, syscall.Unmount(r.dir, 0))
	r.m.Wait()
	require.NoError(t, r.m.Abort())
	r.mount()
	c := start(t, "writer", filepath.Join(r.dir, "f"))
	c.hears("open")
	require.NoError(t, syscall.Unmount(r.dir, syscall.MNT_DETACH))
	require.NoError(t, r.m.Abort())
	c.goOn()
	require.NotEqual(t, "wrote <nil>", c.line())
	require.True(t, c.dies(bound))
	r.m.Wait()
}

// TestADeadMountIsBusy kills a server: what it leaves is named, and is not waited
// for.
func TestADeadMountIsBusy(t *testing.T) {
	need.FUSE(t)
	dir := t.TempDir()
	c := start(t, "server", dir)
	c.hears("mounted")
	require.True(t, c.dies(bound))
	require.Len(t, mountLines(dir), 1)
	_, err := fuse.Serve(dir, &cancels{}, fuse.Options{})
	require.ErrorContains(t, err, "umount -l if it does not answer")
	require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH))
}

type cancels struct{ vol.Volume }

// plain is a volume on an array that is always well.
func plain() vol.Volume {
	f, err := array.New(realTime{time.Now()}, 1, array.Config{Arrays: map[string]array.ArrayConfig{"east": {}},
		Volumes: map[string]array.VolumeConfig{"n1": {Array: "east"}}})
	if err != nil {
		panic(err)
	}
	return f.Volume("n1")
}

func init() {
	clients["server"] = func(args []string) error {
		m, err := fuse.Serve(args[0], plain(), fuse.Options{AllowOther: os.Geteuid() == 0})
		if err != nil {
			return err
		}
		say("mounted")
		return m.Unmount()
	}
	clients["alone"] = alone
	clients["missing"] = func(args []string) error {
		os.Setenv("PATH", "")
		fmt.Println(fuse.Missing())
		os.Setenv("PATH", args[0])
		fmt.Println(fuse.Missing())
		return nil
	}
}

// alone mounts, makes a file and unmounts, all by itself; then it cuts a mount off.
func alone(args []string) error {
	m, err := fuse.Serve(args[0], plain(), fuse.Options{})
	if err != nil {
		return err
	}
	path := filepath.Join(args[0], "f")
	if err := os.WriteFile(path, []byte("x"), 0o640); err != nil {
		return err
	}
	for _, p := range []string{args[0], path} {
		info, err := os.Stat(p)
		if err != nil {
			return err
		}
		fmt.Print(info.Mode(), " ", info.Sys().(*syscall.Stat_t).Uid, ", ")
	}
	fmt.Println("unmounted:", m.Unmount())
	if m, err = fuse.Serve(args[0], plain(), fuse.Options{}); err != nil {
		return err
	}
	fmt.Println("cut off:", m.Abort())
	return nil
}

// asNobody runs a client as a user with no rights, in a namespace of its own in
// which everybody may open /dev/fuse and fusermount3 is setuid, as on most machines.
func asNobody(t *testing.T, name string, args ...string) *client {
	t.Helper()
	need.FUSE(t)
	need.Root(t)
	need.Command(t, "fusermount3", "fuse3")
	dir, err := os.MkdirTemp("", "public") // that of the test is not
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	binary := filepath.Join(dir, "client")
	require.NoError(t, os.Link(os.Args[0], binary))
	cmd := command(name, append([]string{"-m", "sh", "-c", `cd "$1" && shift &&
mknod device c 10 229 && chmod 666 device && mount --bind device /dev/fuse &&
cp "$(command -v fusermount3)" . && chmod 4755 fusermount3 && PATH=$PWD:$PATH &&
exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"`, "sh", dir, binary}, args...)...)
	cmd.Path, err = exec.LookPath("unshare")
	require.NoError(t, err)
	return startCommand(t, cmd)
}

// TestAnyUserMountsThroughFusermount mounts as a user with no rights, who owns
// what is there.
func TestAnyUserMountsThroughFusermount(t *testing.T) {
	dir, err := os.MkdirTemp("", "nobodys")
	require.NoError(t, err)
	defer os.Remove(dir)
	require.NoError(t, os.Chown(dir, 65534, 65534))
	c := asNobody(t, "alone", dir)
	c.hears("drwxr-xr-x 65534, -rw-r----- 65534, unmounted: <nil>")
	c.hears("cut off: <nil>")
}

// TestWhatIsMissingIsSaid takes from a user the only way to mount.
func TestWhatIsMissingIsSaid(t *testing.T) {
	need.FUSE(t)
	require.NoError(t, fuse.Missing())
	dir, err := os.MkdirTemp("", "unable")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Chmod(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "fusermount3"), nil, 0o755))
	c := asNobody(t, "missing", dir)
	c.hears("only root can mount without fusermount3: install the package fuse3")
	c.hears(dir + "/fusermount3 is not setuid root: install the package fuse3 anew, or run as root")
}

// TestAVolumeThatDoesNotAnswerIsNotMounted is one that refuses to say what its
// root is.
func TestAVolumeThatDoesNotAnswerIsNotMounted(t *testing.T) {
	r := mounted(t)
	dir := t.TempDir()
	require.NoError(t, r.PowerLoss("east"))
	_, err := fuse.Serve(dir, r.v, fuse.Options{})
	require.ErrorContains(t, err, "stat the volume's root: input/output error")
	require.Empty(t, mountLines(dir))
}

// TestAVolumeIsMountedAnyway mounts one whose array is off, and one that hangs:
// programs meet what it does, and when it is well again so are they.
func TestAVolumeIsMountedAnyway(t *testing.T) {
	r := mounted(t)
	path := filepath.Join(r.dir, "f")
	require.NoError(t, os.WriteFile(path, []byte("text"), 0o644))
	again := func() {
		require.NoError(t, r.m.Abort())
		m, err := fuse.Serve(r.dir, r.v, fuse.Options{Anyway: true})
		require.NoError(t, err)
		r.m = m
	}
	require.NoError(t, r.PowerLoss("east"))
	again()
	_, err := os.ReadFile(path)
	require.ErrorIs(t, err, syscall.EIO)
	require.NoError(t, r.PowerOn("east"))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "text", string(text))

	rule := r.arm("effect: {ops: [stat, open, read], reply: never}")
	begin := time.Now()
	again()
	require.Less(t, time.Since(begin), time.Second)
	c := start(t, "reader", path)
	require.Eventually(t, func() bool { return r.Receipts()[0].Fired > 0 }, bound, time.Millisecond)
	require.NoError(t, r.Disarm(rule.ID))
	c.hears(`"text" false`)
}

// TestTimesAreThoseOfTheRun gives a mount the moment at which the run began.
func TestTimesAreThoseOfTheRun(t *testing.T) {
	need.FUSE(t)
	zero := time.Date(2023, 1, 23, 0, 0, 0, 0, time.UTC)
	v, dir := plain(), t.TempDir()
	m, err := fuse.Serve(dir, v, fuse.Options{Zero: zero})
	require.NoError(t, err)
	defer m.Abort()
	path := filepath.Join(dir, "f")
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.WithinDuration(t, zero, info.ModTime(), bound)
	old := time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC)
	require.NoError(t, os.Chtimes(path, old, old))
	info, err = os.Stat(path)
	require.NoError(t, err)
	require.True(t, old.Equal(info.ModTime()), "%v", info.ModTime())
}
