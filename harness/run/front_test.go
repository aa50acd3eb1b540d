package run

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
	"fourdays/harness/scenario"
)

// TestALeapAsksWhoMayStillAnswer: one node of three refuses mail. A leap answers for
// the store only when the others have refused too; who is fenced or was taken out
// need not be asked, a promise begins the count anew, and so does whatever an
// operator does that may help. A policy at the door needs no node to refuse.
func TestALeapAsksWhoMayStillAnswer(t *testing.T) {
	st := &stage{nodes: []*node{{name: "n1", wanted: true}, {name: "n2", wanted: true}, {name: "n3", wanted: true}}}
	st.front.init()
	said := func(node string, outcome hist.Outcome) {
		st.front.learn(&hist.Op{Kind: hist.Deliver, Node: node, Account: "a", Outcome: outcome, Reply: node})
	}
	open := func() bool {
		_, _, is := st.inLeap(true, "a")
		return is
	}
	require.True(t, open())
	said("n1", hist.No)
	require.True(t, open(), "n2 and n3 may take it")
	said("n2", hist.Unknown)
	require.True(t, open(), "n3 may")
	said("n3", hist.No)
	outcome, reply, is := st.inLeap(true, "a")
	require.Equal(t, []any{hist.No, "n3", false}, []any{outcome, reply, is})
	said("n2", hist.OK)
	require.True(t, open())
	said("n1", hist.No)
	said("n2", hist.No)
	st.nodes[2].wanted = false
	require.False(t, open(), "n3 was taken out")
	st.nodes[2].wanted, st.nodes[2].last.Fenced = true, true
	require.False(t, open(), "n3 is fenced")
	st.front.anew()
	require.True(t, open(), "something was done about it")
	st.front.policy = scenario.Unreachable
	require.False(t, open(), "whatever the nodes would say")
	_, _, is = st.inLeap(false, "a")
	require.True(t, is, "a reader does not come in by that door")
}
