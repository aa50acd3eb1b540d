package run

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/margin"
	"fourdays/harness/report"
	"fourdays/storage/bug"
	"fourdays/storage/catalog"
)

// TestAHiddenLimitIsMetWhereTheSweepPutsIt plays two cases of a sweep: a limit on
// one array is survived, and the same on both arrays of one OS leaves no majority
// that could take mail. Nothing is lost by either.
func TestAHiddenLimitIsMetWhereTheSweepPutsIt(t *testing.T) {
	s := load(t, "../../scenarios/tour/quiet.yaml")
	base, _ := rehearse(t, s)
	table := margin.Of(s, base, catalog.All())
	require.NotNil(t, table)
	got := map[string]margin.Outcome{}
	for _, c := range margin.Plan(s, base) {
		if c.Counter != bug.PowerOnHours || c.Array != "east" && c.OS != "acme/1.0" {
			continue
		}
		r, dir := rehearse(t, c.Scenario)
		f, err := os.Open(filepath.Join(dir, report.HistoryFile))
		require.NoError(t, err)
		defer f.Close()
		o, err := margin.Judge(c, base, r, f)
		require.NoError(t, err)
		got[c.On()] = o
		require.NotNil(t, o.HeldMS, "%s: the limit was met", c.On())
		require.InDelta(t, (2 * s.Duration / 3).Milliseconds(), *o.HeldMS, float64((5 * time.Second).Milliseconds()), "an hour is full a third into the script")
		require.False(t, o.Warned)
	}
	require.Equal(t, margin.Survives, got["array east"].Result)
	require.Contains(t, []string{margin.Halves, margin.Stops}, got["all of acme/1.0"].Result)
	require.Zero(t, got["all of acme/1.0"].In.Served)
}
