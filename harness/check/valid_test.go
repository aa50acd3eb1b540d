package check

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
)

func judge(in Input, ops []*hist.Op) Report {
	j := New(in)
	for _, op := range ops {
		j.Add(op)
	}
	return j.Verdicts()
}

// TestValidHistoriesFailNothing shows that the oracle does not cry wolf: a
// correct store with concurrent clients, refusals and lost answers passes.
func TestValidHistoriesFailNothing(t *testing.T) {
	for seed := range uint64(400) {
		m, in := generate(seed, 400)
		r := judge(in, m.history())
		for _, c := range r.Checks {
			require.NotEqualf(t, Fail, c.Verdict, "seed %d, %s: %s", seed, c.Name, c.Why)
		}
		require.Zero(t, r.Mail.Lost)
	}
}
