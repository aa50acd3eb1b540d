package run

import (
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
)

// The benchmarks of this package rehearse whole scenarios. None runs with the
// tests; each is run by its name:
//
//	go test ./harness/run -run '^$' -bench Cluster  -benchtime 3x
//	go test ./harness/run -run '^$' -bench Flagship -benchtime 1x
//	go test ./harness/run -run '^$' -bench Tour     -benchtime 1x -timeout 20m
//
// The first of them on a machine builds the programs before it measures.

// BenchmarkCluster is three nodes under load, from start to audit.
func BenchmarkCluster(b *testing.B) { virtualSeconds(b, "testdata/quiet.yaml") }

// BenchmarkFlagship is the four days.
func BenchmarkFlagship(b *testing.B) { virtualSeconds(b, "../../scenarios/libero-2023.yaml") }

// virtualSeconds measures how much of a scenario's time goes by in a second.
// What is leapt over counts for the first figure only.
func virtualSeconds(b *testing.B, file string) {
	s := load(b, file)
	programs(b)
	var virtual, full float64
	for b.Loop() {
		r, _ := rehearse(b, s)
		require.Equal(b, report.Pass, r.Verdict, r.Why)
		virtual += float64(r.VirtualMS) / 1000
		full += float64(r.FullMS) / 1000
	}
	b.ReportMetric(virtual/b.Elapsed().Seconds(), "virtual-s/s")
	b.ReportMetric(full/b.Elapsed().Seconds(), "full-s/s")
}

// BenchmarkTour is the tour with a new seed each time, as many scenarios at once
// as there are cores. Expectations are written for the scenarios' own seeds, so
// only the harness must not fail.
func BenchmarkTour(b *testing.B) {
	files, err := filepath.Glob("../../scenarios/tour/*.yaml")
	require.NoError(b, err)
	require.NotEmpty(b, files)
	var scenarios []*scenario.Scenario
	for _, file := range files {
		scenarios = append(scenarios, loadAll(b, file)...)
	}
	opt := Options{Place: programs(b)}
	done, seed := 0, uint64(0)
	for b.Loop() {
		seed++
		room := make(chan struct{}, runtime.GOMAXPROCS(0))
		var all sync.WaitGroup
		for _, s := range scenarios {
			one := opt
			one.Seed, one.Dir = &seed, b.TempDir()
			room <- struct{}{}
			all.Go(func() {
				defer func() { <-room }()
				if _, err := Run(b.Context(), s, one); err != nil {
					b.Errorf("%s, seed %d: %v", s.Name, *one.Seed, err)
				}
			})
		}
		all.Wait()
		done += len(scenarios)
	}
	b.ReportMetric(float64(done)/b.Elapsed().Minutes(), "scenarios/min")
}
