package check

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
)

// outside is the tale as it is told of a server that is not ours: nobody audits
// replicas, and every mailbox is read through IMAP at the end.
func outside() *tale {
	t := newTale()
	t.ops = slices.DeleteFunc(t.ops, func(op *hist.Op) bool { return op.Kind == hist.Audit })
	t.in.Replicas, t.in.Outside = nil, true
	return t
}

func (r Report) verdictOf(name string) Verdict {
	for _, c := range r.Checks {
		if c.Name == name {
			return c.Verdict
		}
	}
	return ""
}

func TestAServerOfOthersIsJudgedThroughIMAP(t *testing.T) {
	tale := outside()
	r := judge(tale.in, tale.ops)
	for _, c := range r.Checks {
		require.NotEqual(t, Fail, c.Verdict, "%s: %s", c.Name, c.Why)
	}
	require.Equal(t, Pass, r.verdictOf("D1"))
	require.Equal(t, Pass, r.verdictOf("I8"))
	require.Equal(t, Unknown, r.verdictOf("R1"))
	require.Equal(t, Unknown, r.verdictOf("R2"))
	require.Zero(t, r.Mail.Lost)
	require.Zero(t, r.Mail.Unread)
}

// TestWhatIsListedAndCannotBeReadIsLost takes the text of one message away.
func TestWhatIsListedAndCannotBeReadIsLost(t *testing.T) {
	tale := outside()
	tale.each("imap", ann, inbox, func(v *hist.View) {
		v.Messages[0].Digest, v.Messages[0].Damage = "", "it hung up [fetch]"
	})
	r := judge(tale.in, tale.ops)
	require.Equal(t, Fail, r.verdictOf("I8"))
	require.Equal(t, Fail, r.verdictOf("R2"))
	require.Equal(t, 1, r.Mail.Lost)
}

func TestWhatNobodyReadIsUnread(t *testing.T) {
	tale := outside()
	before := judge(tale.in, tale.ops).Mail
	for _, op := range tale.ops {
		if op.By == "audit" && op.Account == bob {
			op.Outcome, op.View = hist.Unknown, nil
		}
	}
	r := judge(tale.in, tale.ops)
	require.Zero(t, r.Mail.Lost)
	require.Greater(t, r.Mail.Unread, before.Unread)
	require.Equal(t, Unknown, r.verdictOf("D1"))
}
