package sweep

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/external"
	"fourdays/harness/live"
)

// TestFoldersOfServersAreLeftOverWithoutTheirHarness keeps that of a living one,
// and one of which nobody knows whose it is.
func TestFoldersOfServersAreLeftOverWithoutTheirHarness(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	folder := func(name, owner string) string {
		path := filepath.Join(tmp, external.FolderPrefix+name)
		require.NoError(t, os.MkdirAll(filepath.Join(path, "run"), 0o755))
		if owner != "" {
			require.NoError(t, os.WriteFile(filepath.Join(path, external.OwnerFile), []byte(owner), 0o644))
		}
		return path
	}
	dead, alive, whose, other := folder("1", nobody), folder("2", live.Mark()), folder("3", ""), folder("4", somewhere)

	found, err := targets(t.Context())
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Nil(t, found[1].remove, "nobody here can tell")
	require.NoError(t, found[0].remove(t.Context()))
	require.NoDirExists(t, dead)
	require.DirExists(t, alive)
	require.DirExists(t, whose)
	require.DirExists(t, other)
}
