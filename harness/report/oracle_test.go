package report

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/check"
	"fourdays/harness/scenario"
)

// TestScenariosNameTheOraclesChecks: a scenario can name every check there is,
// and no other.
func TestScenariosNameTheOraclesChecks(t *testing.T) {
	var names []string
	for _, c := range check.New(check.Input{}).Verdicts().Checks {
		names = append(names, c.Name)
	}
	require.ElementsMatch(t, scenario.CheckNames(), names)
}
