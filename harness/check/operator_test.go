package check

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
)

// taken is a message that was delivered into a mailbox of one life (UIDVALIDITY
// 10), and that by appends into its next life (20), where the last audit looks.
func taken(by string, appends bool) []*hist.Op {
	const ann, digest = "u0@libero.example", "digest of d1"
	seen := hist.Seen{Seq: 1, UID: 1, Message: "d1", Digest: digest, Stored: digest}
	in := func(validity uint32, seen ...hist.Seen) *hist.View {
		return &hist.View{UIDValidity: validity, UIDNext: uint32(len(seen)) + 1, Exists: uint32(len(seen)), Messages: seen}
	}
	ops := []*hist.Op{
		{Kind: hist.Deliver, By: "postfix", Node: "n1", Account: ann, Message: "d1", Digest: digest, Try: 1, Reply: "250 2.0.0 ok"},
		{Kind: hist.Read, By: "reader", Node: "n1", Account: ann, Mailbox: "INBOX", Bodies: true, View: in(10, seen)},
	}
	after := in(20)
	if appends {
		ops = append(ops, &hist.Op{Kind: hist.Append, By: by, Node: "n1", Account: ann, Mailbox: "INBOX", Message: "d1", Digest: digest, UIDValidity: 20, NewUIDs: []uint32{1}})
		after = in(20, seen)
	}
	ops = append(ops,
		&hist.Op{Kind: hist.Audit, By: "audit", Node: "n1", Account: ann, Mailbox: "INBOX", View: after},
		&hist.Op{Kind: hist.Audit, By: "audit", Node: "n1", Account: ann, Mailboxes: []string{"INBOX"}},
	)
	for i, op := range ops {
		at := int64(i+1) * 1_000_000
		op.ID, op.Outcome, op.IntendedUS, op.SentUS, op.AnsweredUS = int64(i+1), hist.OK, at, at, at+1000
	}
	return ops
}

// TestWhatAnOperatorTakesAlongStandsForWhatWasPromised: one copy is enough, and one
// is needed. What a user appends is another promise beside the first.
func TestWhatAnOperatorTakesAlongStandsForWhatWasPromised(t *testing.T) {
	in := Input{QueueKnown: true}
	r := judge(in, taken(hist.Operator, true))
	for _, c := range r.Checks {
		require.NotEqual(t, Fail, c.Verdict, "%s: %s", c.Name, c.Why)
	}
	require.Equal(t, Mail{Acknowledged: 1, Present: 1}, r.Mail)

	r = judge(in, taken(hist.Operator, false))
	require.Equal(t, 1, r.Mail.Lost, "what was not taken along is lost")

	r = judge(in, taken("changer", true))
	require.Equal(t, Fail, verdict(r, "D1"))
}

func verdict(r Report, name string) Verdict {
	for _, c := range r.Checks {
		if c.Name == name {
			return c.Verdict
		}
	}
	return ""
}
