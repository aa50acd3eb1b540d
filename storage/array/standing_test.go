package array_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
)

// TestAnArrayStandsWhereItsCountersAre: every counter of the language is read, as
// a bug on the whole array would, with what it started from.
func TestAnArrayStandsWhereItsCountersAre(t *testing.T) {
	r := newRig(t, 1, east(func(a *array.ArrayConfig) {
		a.PowerOn, a.Counters.Writes, a.Counters.PowerCycles = 10*time.Hour, 1000, 7
	}))
	before := r.Standing("east")
	for _, c := range bug.Counters() {
		require.Contains(t, before.Counters, c)
	}
	require.EqualValues(t, 1000, before.Counters[bug.Writes])
	require.EqualValues(t, 10, before.Counters[bug.PowerOnHours])
	require.EqualValues(t, 36000, before.Counters[bug.Uptime])

	writeSync(t, r.Volume("n1"), "log", "some bytes")
	r.clock.Advance(time.Hour)
	after := r.Standing("east")
	require.EqualValues(t, 1001, after.Counters[bug.Writes])
	require.EqualValues(t, 10, after.Counters[bug.Bytes])
	require.EqualValues(t, 11, after.Counters[bug.PowerOnHours])
	require.EqualValues(t, 1, after.Counters[bug.Names]-before.Counters[bug.Names])
	require.EqualValues(t, 4096, after.Used-before.Used)
	require.Equal(t, before.Used, r.Standing("west").Used, "another array is not touched")

	require.NoError(t, r.PowerLoss("east"))
	require.NoError(t, r.PowerOn("east"))
	require.EqualValues(t, 0, r.Standing("east").Counters[bug.Uptime])
	require.EqualValues(t, 8, r.Standing("east").Counters[bug.PowerCycles])
	require.Empty(t, r.Standing("nowhere").Counters)
}
