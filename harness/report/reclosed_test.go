package report

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/recovery"
	"fourdays/harness/scenario"
)

func reopenedAt(atMS int64) func(*Run) {
	return func(r *Run) { r.Milestones.FirstReopenMS = &atMS }
}

// closedAgain is a run that reopened at 1 h, and closed again ten minutes later
// for a quarter of an hour, and at 2 h to the end.
func closedAgain(r *Run) {
	reopenedAt(3_600_000)(r)
	to := int64(85 * 60_000)
	r.Recovery.Reclosed = []recovery.Reclosed{
		{FromMS: 70 * 60_000, ToMS: &to, Accounts: 12, Asked: 200, Served: 31}, {FromMS: 120 * 60_000, Accounts: 1, Asked: 20},
	}
}

// TestWhatClosedAgainIsNamed: in the text below the recovery times, as the reason
// of the expectation, and in the answer to the public's last question.
func TestWhatClosedAgainIsNamed(t *testing.T) {
	r := outage()
	closedAgain(r)
	Complete(r, expecting(scenario.Expect{StaysOpen: yes()}))
	require.Equal(t, Fail, r.Verdict)
	require.Contains(t, r.Why, "stays_open")
	again := "closed again from +1h10m on, for 15m: 31 served of 200 questions, 12 accounts in vain"
	require.Equal(t, again, r.Expectations[0].Why)
	last := r.Questions[len(r.Questions)-1]
	require.Equal(t, 12, last.N)
	require.Contains(t, last.Answer, "reopened and then closed again")
	require.Contains(t, last.Figures, Figure{"again", again})
	require.Contains(t, last.Figures, Figure{"again", "closed again from +2h on, to the end: 0 served of 20 questions, 1 account in vain"})
	var text bytes.Buffer
	require.NoError(t, Text(&text, r, ""))
	require.Contains(t, text.String(), "\n  "+again+"\n")
}
