package run

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestARunSaysWhatItsArraysDid: each array of the scenario, and no promise device,
// is in run.json with what it counted from the first second to the last; what was
// stored while the store was prepared is not of the run.
func TestARunSaysWhatItsArraysDid(t *testing.T) {
	s := load(t, "../../scenarios/tour/quiet.yaml")
	s.Duration, s.Settle, s.Workload.Until = 10*time.Second, 10*time.Second, 10*time.Second
	r, dir := rehearse(t, s)
	require.Len(t, r.Arrays, 3)
	for _, a := range r.Arrays {
		up, ok := a.Did("uptime_s")
		require.True(t, ok)
		require.EqualValues(t, 20, up, "%s: from the start of the script until users are no longer watched", a.Name)
		for _, counter := range []string{"ops", "writes", "flushes", "bytes"} {
			n, ok := a.Did(counter)
			require.True(t, ok)
			require.Positive(t, n, "%s %s", a.Name, counter)
			require.Positive(t, a.Start[counter], "%s: the archive was stored before", a.Name)
		}
		require.Greater(t, a.EndUsed, a.StartUsed)
	}
	require.Equal(t, "other/9.4", r.Arrays[2].OS)
	again, err := Judge(s, dir)
	require.NoError(t, err)
	require.Equal(t, r.Arrays, again.Arrays, "they are evidence, and judged again the same")
}
