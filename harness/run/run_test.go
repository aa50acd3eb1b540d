package run

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/harness/sim"
)

var shared struct {
	once  sync.Once
	place *sim.Place
	err   error
}

// programs are built once for all tests of the package.
func programs(t testing.TB) *sim.Place {
	t.Helper()
	shared.once.Do(func() {
		shared.place, shared.err = sim.Prepare(context.Background(), func(s string) { t.Log(s) }, Programs()...)
	})
	require.NoError(t, shared.err)
	return shared.place
}

func load(t testing.TB, file string) *scenario.Scenario {
	t.Helper()
	s, _, err := scenario.Load(file)
	require.NoError(t, err)
	return s
}

// loadAll reads a file with its variants.
func loadAll(t testing.TB, file string) []*scenario.Scenario {
	t.Helper()
	all, _, err := scenario.LoadAll(file)
	require.NoError(t, err)
	return all
}

// rehearse runs a scenario in a directory of its own.
func rehearse(t testing.TB, s *scenario.Scenario) (*report.Run, string) {
	t.Helper()
	dir := t.TempDir()
	r, err := Run(t.Context(), s, Options{Dir: dir, Place: programs(t)})
	require.NoError(t, err)
	return r, dir
}
