package external

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
)

// TestWhatIsBehindAMountIsNotRemoved: a hook that builds a jail mounts folders of
// others into its own.
func TestWhatIsBehindAMountIsNotRemoved(t *testing.T) {
	need.Root(t)
	theirs := t.TempDir()
	precious := filepath.Join(theirs, "precious")
	require.NoError(t, os.WriteFile(precious, nil, 0o600))
	dir := filepath.Join(t.TempDir(), "server")
	jail := filepath.Join(dir, "run", "a jail")
	require.NoError(t, os.MkdirAll(jail, 0o755))
	if err := syscall.Mount(theirs, jail, "", syscall.MS_BIND, ""); err != nil {
		t.Skipf("this machine mounts nothing: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(jail, syscall.MNT_DETACH) })

	require.ErrorContains(t, Remove(dir), jail)
	require.FileExists(t, precious)
	require.NoError(t, syscall.Unmount(jail, 0))
	require.NoError(t, Remove(dir))
	require.NoDirExists(t, dir)
	require.FileExists(t, precious)
}
