package recovery

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
)

// TestWhatAnExchangerKeepsWaitsForItsRecipient: its 250 ends no waiting and is no
// service of the store. The store's does, with the delay since the message was
// meant to be sent, and is the first write after the fault.
func TestWhatAnExchangerKeepsWaitsForItsRecipient(t *testing.T) {
	deliver := func(by, node, message string, at int64, outcome hist.Outcome) *hist.Op {
		return &hist.Op{Kind: hist.Deliver, By: by, Node: node, Account: "a", Message: message, Try: 1, IntendedUS: at, AnsweredUS: at + second, Outcome: outcome}
	}
	in := Input{EndUS: hour, FaultUS: At(minute), HealedUS: At(20 * minute)}
	ops := []*hist.Op{
		deliver("postfix/1", hist.Spool, "d1", 2*minute, hist.OK),
		deliver("postfix/1", hist.Spool, "d2", 3*minute, hist.OK),
		deliver("exim/1", hist.Spool, "d3", 4*minute, hist.No), // the queue is full: the sender keeps it
		deliver(hist.Spool, "n1", "d1", 10*minute, hist.No),
		deliver(hist.Spool, "n1", "d1", 22*minute, hist.OK),
		deliver(hist.Spool, "n1", "d1", 23*minute, hist.OK), // a second file of it: no second delivery
	}
	r := Compute(in, ops)
	require.Equal(t, 1, r.Delay.Delivered)
	require.Equal(t, 1, r.Delay.Spooled)
	require.Equal(t, 1, r.Delay.Waiting)
	require.Nil(t, r.Delay.P50MS, "two of three still wait")
	require.Equal(t, (4*minute)/1000, *r.ImpactMS, "what the exchangers accept is no failure")
	require.Equal(t, (22*minute+second)/1000, *r.AckMS)
	r = Compute(in, append(ops[:1:1], ops[3:]...))
	require.Equal(t, (20*minute+second)/1000, *r.Delay.P50MS)
}
