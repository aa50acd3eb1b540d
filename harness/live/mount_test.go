//go:build linux

package live

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/harness/sim"
	"fourdays/storage/array"
	"fourdays/storage/bug"
)

// mapperEnv makes the test binary a program that maps a file.
const mapperEnv = "FOURDAYS_LIVE_MAPPER"

func TestMain(m *testing.M) {
	if path := os.Getenv(mapperEnv); path != "" {
		if err := mapAndWait(path); err != nil {
			fmt.Println(err)
		}
		return
	}
	os.Exit(m.Run())
}

// mapAndWait leaves pages of a mapped file dirty, and sleeps until it is killed.
func mapAndWait(path string) error {
	const size = 64 * 4096
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := f.Truncate(size); err != nil {
		return err
	}
	p, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	for i := range p {
		p[i] = 'x'
	}
	fmt.Println("dirty")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// mapper is a process with dirty pages of a file on a mount.
func mapper(t *testing.T, path string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), mapperEnv+"="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	_, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "dirty\n", line)
	return cmd
}

// hanging is a mount of an array that answers no write from now on, and a process
// that has dirty pages on it.
func hanging(t *testing.T) (*Mount, *exec.Cmd) {
	need.FUSE(t)
	cache, err := sim.CacheDir()
	require.NoError(t, err)
	b := Builder{Root: "../..", Cache: cache}
	built, err := b.Build(t.Context(), "storage/cmd/volmount")
	require.NoError(t, err)
	loop := NewLoop()
	t.Cleanup(loop.Close)
	fleet, err := array.New(loop, 1, array.Config{Arrays: map[string]array.ArrayConfig{"east": {}}, Volumes: map[string]array.VolumeConfig{"n1": {Array: "east"}}})
	require.NoError(t, err)
	mounter := &Mounter{Program: built["volmount"].Path, Log: NewLog(loop.Now, io.Discard)}
	m, err := mounter.Mount(t.Context(), "n1", fleet.Volume("n1"), filepath.Join(t.TempDir(), "n1"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.Abort() })
	c := mapper(t, filepath.Join(m.Dir(), "mapped"))
	hang, err := bug.Parse("test.yaml", []byte("id: test\ntrigger: {event: arm}\npersistence: until_fix\neffect: {ops: [write, fsync], reply: never}"))
	require.NoError(t, err)
	_, err = fleet.Arm(hang, bug.Scope{})
	require.NoError(t, err)
	return m, c
}

// ends waits for a process.
func ends(t *testing.T, c *exec.Cmd) {
	gone := make(chan struct{})
	go func() {
		_ = c.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(releaseWait):
		t.Fatal("the process that had mapped the file is still there")
	}
}

// TestCloseIsBoundedWhenDirtyPagesCannotBeWritten closes a mount on an array that
// hangs, while a program has dirty pages on it, and again while one that was killed
// sleeps in the kernel because its pages cannot be written: each time the mount is
// gone within its bounds, nothing of it is left, and the program can end.
func TestCloseIsBoundedWhenDirtyPagesCannotBeWritten(t *testing.T) {
	for name, killed := range map[string]bool{"in use": false, "killed before": true} {
		t.Run(name, func(t *testing.T) {
			m, c := hanging(t)
			if killed {
				require.NoError(t, c.Process.Kill())
			}
			began := time.Now()
			err := m.Close()
			require.Less(t, time.Since(began), flushWait+2*releaseWait)
			if err != nil {
				require.ErrorContains(t, err, "what was not synced may be lost")
			}
			require.NoDirExists(t, m.Dir())
			select {
			case <-m.Ended():
			default:
				t.Fatal("the mount's server is still there")
			}
			if !killed {
				require.NoError(t, c.Process.Kill())
			}
			ends(t, c)
		})
	}
}
