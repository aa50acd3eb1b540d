package report

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCreateRefusesADirectoryThatIsNotEmpty(t *testing.T) {
	path := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(path, "mine"), []byte("x"), 0o644))
	_, err := Create(path)
	require.ErrorIs(t, err, ErrNotEmpty)
	require.ErrorContains(t, err, path)
	require.Equal(t, []string{"mine"}, listed(t, path))
}

func TestCreateRefusesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	_, err := Create(path)
	require.ErrorContains(t, err, "not a directory")
}

func TestRunsNeverOverwriteEachOther(t *testing.T) {
	root := filepath.Join(t.TempDir(), "runs")
	for _, want := range []string{"calm-seed1", "calm-seed1-2", "calm-seed1-3"} {
		d, err := CreateUnder(root, "calm", 1)
		require.NoError(t, err)
		require.Equal(t, filepath.Join(root, want), d.Path)
		require.DirExists(t, d.Log())
	}
}

func TestFinishLeavesTheWholeContract(t *testing.T) {
	d, err := Create(filepath.Join(t.TempDir(), "new", "dir"))
	require.NoError(t, err)
	s, err := d.Stream(HistoryFile)
	require.NoError(t, err)
	_, err = s.Write([]byte("{}\n"))
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(d.Path, HistoryFile), "not before it is whole")
	require.NoError(t, s.Commit())
	require.NoError(t, d.Finish(calm(), []byte("name: calm\n")))
	require.Equal(t, []string{"history.jsonl", "junit.xml", "log", "run.json", "scenario.yaml"}, listed(t, d.Path))

	again, r, err := Open(d.Path)
	require.NoError(t, err)
	require.Equal(t, "calm", r.Scenario)
	r.Verdict = Fail
	require.NoError(t, again.Rewrite(r))
	_, r, err = Open(d.Path)
	require.NoError(t, err)
	require.Equal(t, Fail, r.Verdict)
}

// TestAFullDiskLeavesNothingHalfWritten lets the disk fill up in each of the
// files, at each of the steps.
func TestAFullDiskLeavesNothingHalfWritten(t *testing.T) {
	for _, victim := range []string{ScenarioFile, JUnitFile, RunFile} {
		for _, step := range []string{"open", "write", "sync"} {
			d, err := Create(filepath.Join(t.TempDir(), "d"))
			require.NoError(t, err)
			d.open = fullAt(victim, step)
			err = d.Finish(calm(), []byte("name: calm\n"))
			require.ErrorIs(t, err, syscall.ENOSPC, "%s %s", victim, step)
			require.ErrorContains(t, err, victim)
			require.NotContains(t, listed(t, d.Path), RunFile)
			for _, name := range listed(t, d.Path) {
				require.NotContains(t, name, ".part")
				require.NotEqual(t, victim, name)
			}
		}
	}
}

type fullFile struct {
	file
	step string
}

func fullAt(victim, step string) func(string) (file, error) {
	return func(path string) (file, error) {
		hit := filepath.Base(path) == "."+victim+".part"
		if hit && step == "open" {
			return nil, &os.PathError{Op: "open", Path: path, Err: syscall.ENOSPC}
		}
		f, err := openNew(path)
		if hit && err == nil {
			f = &fullFile{f, step}
		}
		return f, err
	}
}

func (f *fullFile) Write(p []byte) (int, error) {
	if f.step == "write" {
		n, _ := f.file.Write(p[:len(p)/2])
		return n, syscall.ENOSPC
	}
	return f.file.Write(p)
}

func (f *fullFile) Sync() error {
	if f.step == "sync" {
		return syscall.ENOSPC
	}
	return f.file.Sync()
}

func TestAbortDropsAStream(t *testing.T) {
	d, err := Create(filepath.Join(t.TempDir(), "d"))
	require.NoError(t, err)
	s, err := d.Stream("x")
	require.NoError(t, err)
	s.Abort()
	require.Equal(t, []string{"log"}, listed(t, d.Path))
}

func TestEncodeIsStableAndHasNoNullLists(t *testing.T) {
	a, err := Encode(&Run{})
	require.NoError(t, err)
	b, err := Encode(&Run{})
	require.NoError(t, err)
	require.Equal(t, string(a), string(b))
	for _, key := range []string{"expectations", "checks", "faults", "timeline", "questions", "reopened"} {
		require.Contains(t, string(a), `"`+key+`": []`)
	}
	require.True(t, bytes.HasSuffix(a, []byte("}\n")))
}

func TestDecodeRefusesWhatItDoesNotKnow(t *testing.T) {
	for text, want := range map[string]string{
		`{"schema": "fourdays/run/9"}`:                `schema is "fourdays/run/9"; this program reads "fourdays/run/1"`,
		`{"schema": "fourdays/run/1", "extra": true}`: `unknown field "extra"`,
		`{`: "read run.json",
	} {
		_, err := Decode([]byte(text))
		require.ErrorContains(t, err, want)
	}
	_, _, err := Open(t.TempDir())
	require.ErrorContains(t, err, "it has no run.json: not a run, or one that did not finish")
	require.False(t, errors.Is(err, ErrNotEmpty))
}

func listed(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(path)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
