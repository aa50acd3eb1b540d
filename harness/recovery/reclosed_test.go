package recovery

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
)

// reopened is an hour in which ten accounts were closed, and half of them were
// opened again at ten minutes; asked says how each question is answered, one a
// minute for every account.
func reopened(asked func(minute int64, account int) (node string, outcome hist.Outcome)) Recovery {
	in := Input{EndUS: 60 * minute, FaultUS: At(0), Scale: 2}
	var ops []*hist.Op
	for i := range 10 {
		c := Closure{Account: fmt.Sprint(i), FromUS: minute, ToUS: -1}
		if i < 5 {
			c.ToUS = 10 * minute
		}
		in.Closed = append(in.Closed, c)
	}
	for m := range int64(60) {
		for i := range 10 {
			node, outcome := asked(m, i)
			us := m*minute + int64(i)
			ops = append(ops, &hist.Op{Kind: hist.Read, By: "client", Account: fmt.Sprint(i), Node: node, Outcome: outcome, IntendedUS: us, AnsweredUS: us + 1})
		}
	}
	return Compute(in, ops)
}

// during fails what is asked from one minute to another for the first accounts.
func during(from, to int64, accounts int) func(int64, int) (string, hist.Outcome) {
	return func(m int64, account int) (string, hist.Outcome) {
		if account >= 5 || m >= from && m < to && account < accounts {
			return "n1", hist.Unknown
		}
		return "n1", hist.OK
	}
}

// TestReopenedThenClosedAgainIsATimeWithItsAccounts: fewer than half served, for
// five minutes or longer, of what was asked for open accounts. The accounts that
// are still closed fail all the time and do not count.
func TestReopenedThenClosedAgainIsATimeWithItsAccounts(t *testing.T) {
	to := int64(27 * 60_000)
	require.Equal(t, []Reclosed{{FromMS: 20 * 60_000, ToMS: &to, Accounts: 6, Asked: 35, Served: 14}}, reopened(during(20, 27, 3)).Reclosed)
	require.Equal(t, []Reclosed{{FromMS: 50 * 60_000, Accounts: 10, Asked: 50}}, reopened(during(50, 60, 5)).Reclosed, "until the end")
	for name, asked := range map[string]func(int64, int) (string, hist.Outcome){
		"all served":                        during(0, 0, 0),
		"fewer than half in vain":           during(20, 40, 2),
		"four minutes":                      during(20, 24, 5),
		"before the first was open again":   during(0, 10, 5),
		"answered by the front doors alone": func(m int64, i int) (string, hist.Outcome) { return "", hist.No },
		"too few asked": func(m int64, i int) (string, hist.Outcome) {
			if i == 0 && m%2 == 0 && m >= 20 && m < 58 {
				return "n1", hist.Unknown
			}
			return "", hist.No
		},
	} {
		require.Empty(t, reopened(asked).Reclosed, name)
	}
}

// TestAQuietMinuteEndsNoReclosure: nobody asked, so nobody was served either.
func TestAQuietMinuteEndsNoReclosure(t *testing.T) {
	r := reopened(func(m int64, i int) (string, hist.Outcome) {
		if m == 22 || m == 23 || i >= 5 {
			return "", hist.No
		}
		return during(20, 30, 5)(m, i)
	})
	require.Len(t, r.Reclosed, 1)
	require.EqualValues(t, 20*60_000, r.Reclosed[0].FromMS)
	require.EqualValues(t, 30*60_000, *r.Reclosed[0].ToMS)
}

// TestNothingReopenedNothingReclosed: without a closed account there is no
// reopening that could fail.
func TestNothingReopenedNothingReclosed(t *testing.T) {
	ops := []*hist.Op{}
	for m := range int64(60) {
		ops = append(ops, &hist.Op{Kind: hist.Read, Account: "a", Node: "n1", Outcome: hist.Unknown, IntendedUS: m * minute, AnsweredUS: m * minute})
	}
	require.Empty(t, Compute(Input{EndUS: 60 * minute, FaultUS: At(0)}, ops).Reclosed)
}
