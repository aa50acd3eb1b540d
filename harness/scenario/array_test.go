package scenario_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/scenario"
)

// TestAnArrayAlone has the keys, the defaults and the errors of one in a
// scenario.
func TestAnArrayAlone(t *testing.T) {
	a, err := scenario.ParseArray("a.yaml", []byte("os: acme/1.0\nservice: 1ms\ndrives: 4\ntolerance: 1\n"))
	require.NoError(t, err)
	require.Equal(t, time.Millisecond, a.Service)
	require.Equal(t, 4, a.Drives)
	require.Equal(t, scenario.DefaultArray().Capacity, a.Capacity)

	_, err = scenario.ParseArray("a.yaml", []byte("os: acme/1.0\nservise: 1ms\ndrives: 1\ntolerance: 1\n"))
	require.ErrorContains(t, err, `a.yaml:2:1: unknown key "servise"`)
	require.ErrorContains(t, err, "an array of 1 drives cannot do without 1")
	for _, bad := range []string{"", "- a", "os: [", "{}"} {
		_, err = scenario.ParseArray("a.yaml", []byte(bad))
		require.Error(t, err, bad)
	}
}
