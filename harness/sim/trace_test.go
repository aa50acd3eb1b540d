package sim

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pings is the trace of two machines that talk for ten seconds while one of
// them keeps files, with something done to the world in between.
func pings(t *testing.T, seed uint64, disturb func(*Sim)) (trace []string, digest string) {
	var out bytes.Buffer
	s, prog := newSim(t, seed, &out)
	start(t, s, prog, "b", "10.0.0.2", "echo", "10.0.0.2:7")
	_, err := s.Start(t.Context(), Spec{Name: "a", IP: "10.0.0.1", Program: prog, Args: []string{"ping", "10.0.0.2:7"}})
	require.NoError(t, err)
	_, err = s.Start(t.Context(), Spec{
		Name: "c", IP: "10.0.0.3", Program: prog, Args: []string{"heart"},
		Mounts: []Mount{{Path: "/data", Volume: newVolume(t, s)}},
	})
	require.NoError(t, err)
	s.At(3500*time.Millisecond, func() { disturb(s) })
	require.NoError(t, s.Run(t.Context(), 10*time.Second))
	require.EqualValues(t, len(s.Trace()), s.Events())
	return s.Trace(), s.Digest()
}

// TestDivergenceNamesTheFirstEventThatDiffers disturbs a run in the smallest
// ways: everything before is equal, and what is named is the disturbance or the
// first thing that it changed.
func TestDivergenceNamesTheFirstEventThatDiffers(t *testing.T) {
	t.Parallel()
	calm, digest := pings(t, 1, func(*Sim) {})
	again, digestAgain := pings(t, 1, func(*Sim) {})
	n, _, _ := Divergence(calm, again)
	require.Zero(t, n)
	require.Equal(t, digest, digestAgain)

	for name, c := range map[string]struct {
		disturb func(*Sim)
		want    string
	}{
		"a nanosecond more on the way": {func(s *Sim) { s.SetLink("a", "b", Link{Latency: time.Millisecond + 1}) }, ""},
		"a kill":                       {func(s *Sim) { s.Machine("b").Kill() }, "3.5s kill b"},
		"a leap":                       {func(s *Sim) { s.Leap(time.Second) }, "leap"},
	} {
		other, otherDigest := pings(t, 1, c.disturb)
		require.NotEqual(t, digest, otherDigest, name)
		n, inCalm, inOther := Divergence(calm, other)
		require.Positive(t, n, name)
		require.Equal(t, calm[:n-1], other[:n-1], name)
		require.NotEqual(t, inCalm, inOther)
		require.Equal(t, calm[n-1], inCalm)
		require.Contains(t, inOther, c.want, name)
		before, err := time.ParseDuration(strings.Fields(calm[n-2])[0])
		require.NoError(t, err)
		require.Greater(t, before, 3*time.Second, "%s: named too early", name)
	}

	n, inCalm, inShort := Divergence(calm, calm[:7])
	require.Equal(t, 8, n)
	require.Equal(t, calm[7], inCalm)
	require.Equal(t, "(the run is over)", inShort)
}
