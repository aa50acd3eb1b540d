package report

import (
	"fmt"
	"strconv"

	"fourdays/harness/recovery"
)

// staysOpen judges whether what was reopened was never closed again.
func staysOpen(r *Run, want bool) Expectation {
	if r.Milestones.FirstReopenMS == nil {
		return Expectation{Name: "stays_open", Want: strconv.FormatBool(want), Got: "unknown", Verdict: Unknown, Why: "nothing was reopened"}
	}
	why := "it stayed open to the end"
	if n := len(r.Recovery.Reclosed); n > 0 {
		why = reclosure(r.Recovery.Reclosed[0])
	}
	return settled("stays_open", strconv.FormatBool(want), strconv.FormatBool(len(r.Recovery.Reclosed) == 0), why)
}

// reclosure says in one line how the service was closed again.
func reclosure(c recovery.Reclosed) string {
	length := "to the end"
	if c.ToMS != nil {
		length = "for " + Span(*c.ToMS-c.FromMS)
	}
	return fmt.Sprintf("closed again from %s on, %s: %s served of %s, %s in vain", At(c.FromMS), length,
		Count(int64(c.Served)), plural(int64(c.Asked), "question"), plural(int64(c.Accounts+0.5), "account"))
}
