package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/harness/solo"
	"fourdays/harness/sweep"
)

// fourdays is a command of this program, with files of mounts that no other test has.
func fourdays(t *testing.T, args ...string) *exec.Cmd {
	need.FUSE(t)
	run := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", run)
	t.Cleanup(func() { unmountAll(run) })
	return exec.Command("fourdays", args...)
}

// TestAnInterruptedMountLeavesNothing at whatever moment it is interrupted: either
// there is a mount, or neither a mount nor a process nor a file.
func TestAnInterruptedMountLeavesNothing(t *testing.T) {
	interrupted := 0
	for i := range 20 {
		dir := t.TempDir()
		cmd := fourdays(t, "mount", dir)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		require.NoError(t, cmd.Start())
		time.Sleep(time.Duration(i) * 10 * time.Millisecond * time.Duration(1+rand.IntN(2)))
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		stuck := time.AfterFunc(mountWait, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		require.True(t, stuck.Stop(), "the command did not end; %s", &said)
		if cmd.ProcessState.ExitCode() == exitPass {
			require.NotEmpty(t, sweep.At(dir))
			require.NoError(t, exec.Command("fourdays", "umount", dir).Run())
		} else {
			interrupted++
		}
		require.Empty(t, sweep.At(dir), "%s", &said)
		left, _ := filepath.Glob(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "fourdays", "*"))
		require.Empty(t, left, "%s", &said)
	}
	require.Positive(t, interrupted)
}

// TestAServerThatDoesNotListenIsEnded with its mount, on which another process
// sleeps, and with its socket.
func TestAServerThatDoesNotListenIsEnded(t *testing.T) {
	dir := t.TempDir()
	cmd := fourdays(t, "mount", "--foreground", dir)
	socket, _, err := solo.Place(dir)
	require.NoError(t, err)
	s := &starting{dir: dir, socket: socket, before: sweep.At(dir), cmd: cmd}
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return solo.Answers(socket) }, mountWait, 10*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGSTOP))
	sleeper := exec.Command("ls", dir)
	require.NoError(t, sleeper.Start())

	require.NoError(t, s.end())

	require.Error(t, sleeper.Wait())
	require.Empty(t, sweep.At(dir))
	require.Empty(t, solo.Find(dir))
}

// TestAMountOfOthersStays when two were started at once and one has to be ended.
func TestAMountOfOthersStays(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, fourdays(t, "mount", dir).Run())
	other := exec.Command("sleep", "100")
	require.NoError(t, other.Start())
	socket, _, err := solo.Place(dir)
	require.NoError(t, err)
	s := &starting{dir: dir, socket: socket, cmd: other}
	s.kill()
	require.NoError(t, s.end())
	require.NotEmpty(t, sweep.At(dir))
	require.NoError(t, exec.Command("fourdays", "umount", dir).Run())
}
