package run

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
)

var shared struct {
	once     sync.Once
	programs *Programs
	err      error
}

// programs are built once for all tests of the package.
func programs(t testing.TB) *Programs {
	t.Helper()
	shared.once.Do(func() {
		shared.programs, shared.err = Prepare(context.Background(), func(s string) { t.Log(s) })
	})
	require.NoError(t, shared.err)
	return shared.programs
}

func load(t testing.TB, file string) *scenario.Scenario {
	t.Helper()
	s, _, err := scenario.Load(file)
	require.NoError(t, err)
	return s
}

// rehearse runs a scenario in a directory of its own.
func rehearse(t testing.TB, s *scenario.Scenario) (*report.Run, string) {
	t.Helper()
	dir := t.TempDir()
	r, err := Run(t.Context(), s, Options{Dir: dir, Programs: programs(t)})
	require.NoError(t, err)
	return r, dir
}

// BenchmarkCluster is a three-node cluster under load, from start to audit.
func BenchmarkCluster(b *testing.B) {
	s := load(b, "testdata/quiet.yaml")
	programs(b)
	var virtual, ops float64
	for b.Loop() {
		r, dir := rehearse(b, s)
		require.Equal(b, report.Pass, r.Verdict, r.Why)
		virtual += float64(r.VirtualMS) / 1000
		info, err := os.Stat(dir + "/" + historyFile)
		require.NoError(b, err)
		ops += float64(info.Size())
	}
	b.ReportMetric(virtual/b.Elapsed().Seconds(), "virtual-s/s")
}
