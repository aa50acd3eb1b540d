package run

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/harness/workload"
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

// TestARecordThatIsNotWholeIsNotJudged takes away what the verdict rests on: the
// end of the history, and the evidence.
func TestARecordThatIsNotWholeIsNotJudged(t *testing.T) {
	t.Parallel()
	s := load(t, "testdata/small.yaml")
	dir := t.TempDir()
	_, err := Run(t.Context(), s, Options{Dir: dir, Programs: programs(t)})
	require.NoError(t, err)
	_, err = Judge(s, dir)
	require.NoError(t, err)

	path := filepath.Join(dir, historyFile)
	history, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := bytes.SplitAfter(history, []byte("\n"))
	require.NoError(t, os.WriteFile(path, bytes.Join(lines[:len(lines)/2], nil), 0o644))
	_, err = Judge(s, dir)
	require.ErrorContains(t, err, "operations and the run wrote")

	require.NoError(t, os.WriteFile(path, history, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, evidenceFile), []byte("{}"), 0o644))
	_, err = Judge(s, dir)
	require.ErrorContains(t, err, "it does not say how the run ended")
}

func TestScenariosNameTheSendersThatThereAre(t *testing.T) {
	var names []string
	for name := range workload.Profiles {
		names = append(names, name)
	}
	slices.Sort(names)
	want, err := json.Marshal(names)
	require.NoError(t, err)
	require.Contains(t, strings.ReplaceAll(string(scenario.Schema()), `", "`, `","`), `"senders": {"enum": `+string(want))
}
