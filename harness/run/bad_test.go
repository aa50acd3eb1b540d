package run

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/report"
)

// TestANodeThatCannotStartEndsTheRun gives the node a command line that it
// refuses: the run ends with an error that names the phase and the exit code, and
// the run directory is whole.
func TestANodeThatCannotStartEndsTheRun(t *testing.T) {
	t.Parallel()
	s := load(t, "testdata/small.yaml")
	s.Unsafe = []string{"nonsense"}
	dir := t.TempDir()
	r, err := Run(t.Context(), s, Options{Dir: dir, Programs: programs(t)})
	require.ErrorContains(t, err, "start the store")
	require.Equal(t, report.Error, r.Verdict)
	require.Contains(t, r.Why, "start the store")
	require.Contains(t, r.Why, "ended with code 2")
	require.FileExists(t, filepath.Join(dir, historyFile))
	log, err := os.ReadFile(filepath.Join(dir, "log", "programs.log"))
	require.NoError(t, err)
	require.Contains(t, string(log), `"nonsense" is none of no-sync`)
}
