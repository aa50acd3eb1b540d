package agenda_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/agenda"
)

// TestTheEarliestComesFirstAndTheFirstOfAMomentToo adds and takes at random, among
// few moments, cancels some, and compares with a list that is sorted stably.
func TestTheEarliestComesFirstAndTheFirstOfAMomentToo(t *testing.T) {
	type kept struct {
		at   time.Duration
		name int
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		var a agenda.Agenda
		var want []kept
		entries, called := map[int]*agenda.Entry{}, -1
		for i := range 300 {
			switch rng.IntN(5) {
			case 0, 1, 2:
				at := time.Duration(rng.IntN(10))
				entries[i] = a.Add(at, func() { called = i })
				want = append(want, kept{at, i})
				slices.SortStableFunc(want, func(x, y kept) int { return int(x.at - y.at) })
			case 3:
				if len(want) > 0 {
					k := rng.IntN(len(want))
					entries[want[k].name].Cancel()
					want = slices.Delete(want, k, k+1)
				}
			default:
				if len(want) == 0 {
					require.Nil(t, a.First())
					require.Nil(t, a.Take())
					continue
				}
				require.Equal(t, want[0].at, a.First().At())
				a.Take()()
				require.Equal(t, want[0].name, called)
				want = want[1:]
			}
		}
	}
}

// TestCancellingNothingIsNothing: what was taken is called nevertheless.
func TestCancellingNothingIsNothing(t *testing.T) {
	var a agenda.Agenda
	(*agenda.Entry)(nil).Cancel()
	e := a.Add(1, func() {})
	f := a.Take()
	e.Cancel()
	require.NotNil(t, f)
	require.Nil(t, a.First())
}
