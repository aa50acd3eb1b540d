package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/wire"
)

const asProgram = "FOURDAYS_TEST_VOLMOUNT"

// TestMain makes the test binary volmount itself when it is asked to be.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

type clock struct{ start time.Time }

func (c clock) Now() time.Duration              { return time.Since(c.start) }
func (c clock) After(d time.Duration, f func()) { time.AfterFunc(d, f) }

// server is a volmount with a volume that this process serves to it.
type server struct {
	fleet *array.Fleet
	wire  *wire.Server
	cmd   *exec.Cmd
	dir   string
	out   *bufio.Reader
	err   bytes.Buffer
}

func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func start(t *testing.T) *server {
	need.FUSE(t)
	s := &server{dir: t.TempDir()}
	c := clock{time.Now()}
	var err error
	s.fleet, err = array.New(c, 1, array.Config{Arrays: map[string]array.ArrayConfig{"a": {}},
		Volumes: map[string]array.VolumeConfig{"v": {Array: "a"}}})
	require.NoError(t, err)
	ours, theirs, err := wire.Pair()
	require.NoError(t, err)
	defer theirs.Close()
	s.wire = wire.NewServer(ours, s.fleet.Volume("v"))
	go s.wire.Serve()
	s.cmd = command("-name", "of-a-test", s.dir)
	s.cmd.ExtraFiles = []*os.File{theirs}
	s.cmd.Stderr = &s.err
	out, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		_ = syscall.Unmount(s.dir, syscall.MNT_DETACH)
	})
	s.out = bufio.NewReader(out)
	line, err := s.out.ReadString('\n')
	require.NoError(t, err, "%s", &s.err)
	require.Equal(t, "ready\n", line)
	return s
}

func (s *server) path(name string) string { return filepath.Join(s.dir, name) }

func (s *server) mounted(t *testing.T) bool {
	table, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	return strings.Contains(string(table), "of-a-test "+s.dir+" fuse.fourdays ")
}

// ended waits for the program and wants nothing of it to be left.
func (s *server) ended(t *testing.T) {
	_, err := io.Copy(io.Discard, s.out)
	require.NoError(t, err)
	require.NoError(t, s.cmd.Wait(), "%s", &s.err)
	require.False(t, s.mounted(t))
}

func TestAFileOfTheVolume(t *testing.T) {
	s := start(t)
	require.True(t, s.mounted(t))
	require.NoError(t, os.WriteFile(s.path("a"), []byte("hello"), 0o644))
	got, err := os.ReadFile(s.path("a"))
	require.NoError(t, err)
	require.Equal(t, "hello", string(got))
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGINT))
	_, err = os.Stat(s.path("a"))
	require.NoError(t, err, "Ctrl-C is not for it")
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	s.ended(t)
}

// TestWhenTheSocketEndsSoDoesTheMount is a harness that is gone.
func TestWhenTheSocketEndsSoDoesTheMount(t *testing.T) {
	s := start(t)
	require.NoError(t, s.wire.Close())
	s.ended(t)
}

// TestUnmountedByAnother ends it too.
func TestUnmountedByAnother(t *testing.T) {
	s := start(t)
	need.Root(t)
	require.NoError(t, syscall.Unmount(s.dir, 0))
	s.ended(t)
}

const readsFail = `
id: reads-fail
title: Every read fails
class: availability
operator: {sees: Nothing., clears: Nothing., worsens: Nothing.}
evidence: {label: generic}
trigger: {event: arm}
effect: {ops: [read], reply: EIO}
scope: {extent: volume}
persistence: until_fix
shows: {to: [caller], reboot: stays, correlated: none}
`

// TestAReadFaultShows though the kernel has the page.
func TestAReadFaultShows(t *testing.T) {
	s := start(t)
	require.NoError(t, os.WriteFile(s.path("a"), []byte("hello"), 0o644))
	_, err := os.ReadFile(s.path("a"))
	require.NoError(t, err)
	b, err := bug.Parse("reads-fail", []byte(readsFail))
	require.NoError(t, err)
	_, err = s.fleet.Arm(b, bug.Scope{})
	require.NoError(t, err)
	<-s.wire.Invalidate()
	_, err = os.ReadFile(s.path("a"))
	require.ErrorIs(t, err, syscall.EIO)
}

func TestWrongUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "usage: volmount"},
		{[]string{"-nam", "x", "/tmp"}, 2, "-nam"},
		{[]string{"/nowhere"}, 1, "file 3 is not the socket of a volume"},
	} {
		out, err := command(c.args...).CombinedOutput()
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, c.code, exit.ExitCode(), "%s", out)
		require.Contains(t, string(out), c.want)
	}
}

// TestNoSuchDirectory is said at once.
func TestNoSuchDirectory(t *testing.T) {
	need.FUSE(t)
	ours, theirs, err := wire.Pair()
	require.NoError(t, err)
	defer ours.Close()
	defer theirs.Close()
	cmd := command("/nowhere")
	cmd.ExtraFiles = []*os.File{theirs}
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "mount /nowhere: there is no such directory")
}
