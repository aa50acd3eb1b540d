package report

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBackgroundIsNamedWhereverResultsAre: whoever reads one has to see that the
// rates were not the field's.
func TestBackgroundIsNamedWhereverResultsAre(t *testing.T) {
	const loud = "background nearline-field: 57 faults drawn, ACCELERATED 100 TIMES: not the field"
	r := outage()
	Complete(r, expecting(nothingLost()))
	text := func() string {
		var b bytes.Buffer
		require.NoError(t, Text(&b, r, ""))
		return b.String()
	}
	require.NotContains(t, text(), "background")
	r.Background = &Background{Profile: "nearline-field", Accelerate: 100, Drawn: 57}
	require.Contains(t, text(), "  "+loud+"\n")
	xml, err := JUnit(r)
	require.NoError(t, err)
	require.Contains(t, string(xml), loud)
	data, err := Encode(r)
	require.NoError(t, err)
	require.Contains(t, string(data), `"accelerate": 100`)

	r.Background = &Background{Profile: "flash-field", Accelerate: 1}
	require.Contains(t, text(), "  background flash-field: 0 faults drawn\n")
}
