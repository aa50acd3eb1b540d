package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
)

func (r Report) check(name string) Check {
	return r.Checks[slices.IndexFunc(r.Checks, func(c Check) bool { return c.Name == name })]
}

// TestBlindedOracleDoesNotPass is the canary: with the final looks taken away,
// what they would show is unknown, never passed.
func TestBlindedOracleDoesNotPass(t *testing.T) {
	tale := newTale()
	tale.ops = slices.DeleteFunc(tale.ops, func(op *hist.Op) bool { return op.By == "audit" })
	tale.ops = slices.DeleteFunc(tale.ops, func(op *hist.Op) bool { return op.Kind == hist.Read })
	r := tale.judge()
	require.Empty(t, verdicts(r, Fail))
	require.Equal(t, "D1 D2 D3 D6 D8 I2 I8 R1 R2 R3", verdicts(r, Unknown))
	require.Equal(t, 8, r.Mail.Unread)
	require.Zero(t, r.Mail.Present)
	require.Zero(t, r.Classes[1].Acknowledged, "nobody named the message whose flag was set")
	require.Equal(t, 1, r.Classes[2].Unread)
}

func TestEmptyHistoryPassesNothingButTheHarness(t *testing.T) {
	r := judge(Input{}, nil)
	require.Equal(t, "H1", verdicts(r, Pass))
	require.Empty(t, verdicts(r, Fail))
}

func TestOneUnauditedReplicaLeavesEqualityUnknown(t *testing.T) {
	tale := newTale()
	tale.ops = slices.DeleteFunc(tale.ops, func(op *hist.Op) bool { return op.Kind == hist.Audit && op.Node == "n3" })
	r := tale.judge()
	require.Equal(t, Unknown, r.check("R1").Verdict)
	require.Contains(t, r.check("R1").Why, "not audited on every serving replica")
}

func TestUnknownQueueLeavesTheSendersUnknown(t *testing.T) {
	tale := newTale()
	tale.in.QueueKnown = false
	tale.ops = slices.DeleteFunc(tale.ops, func(op *hist.Op) bool { return op.Kind == hist.Bounce })
	require.Equal(t, Unknown, tale.judge().check("D4").Verdict)
	tale.in.QueueKnown, tale.in.Queued = true, []Recipient{{bob, "d5"}}
	require.Equal(t, Pass, tale.judge().check("D4").Verdict, "a sender still holds it")
}

// TestFencedReplicaIsNotBelieved shows that what a fenced replica lacks is no
// loss while another serves.
func TestFencedReplicaIsNotBelieved(t *testing.T) {
	tale := newTale()
	tale.in.Replicas[1].Fenced = true
	tale.each("n2", ann, inbox, without("d6"))
	tale.each("n2", bob, inbox, on("d1", func(s *hist.Seen) { s.Damage, s.Digest = "chunk 0 is missing", "" }))
	r := tale.judge()
	require.Empty(t, verdicts(r, Fail))
	require.Zero(t, r.Mail.Lost)
}

// TestWithoutServiceTheBestCopyCounts fences every replica: each lacks another
// message, and only what all lack is lost.
func TestWithoutServiceTheBestCopyCounts(t *testing.T) {
	tale := newTale()
	for i := range tale.in.Replicas {
		tale.in.Replicas[i].Fenced = true
	}
	tale.ops = slices.DeleteFunc(tale.ops, func(op *hist.Op) bool { return op.By == "audit" && op.Kind == hist.Read })
	tale.each("n1", ann, inbox, without("d4"))
	tale.each("n2", ann, inbox, without("d2"))
	tale.each("", ann, inbox, without("d7"))
	r := tale.judge()
	require.Equal(t, 1, r.Mail.Lost)
	require.Equal(t, Fail, r.check("D1").Verdict)
	require.Equal(t, Unknown, r.check("R1").Verdict)
	require.Contains(t, r.check("R1").Why, "no replica serves")
	require.Equal(t, 1, r.Classes[0].Lost)
	require.Positive(t, r.Classes[0].OldestLostUS)
}

func TestUnreachableReplicaIsNotWaitedFor(t *testing.T) {
	tale := newTale()
	tale.in.Replicas[2].Reachable = false
	tale.ops = slices.DeleteFunc(tale.ops, func(op *hist.Op) bool { return op.Kind == hist.Audit && op.Node == "n3" })
	r := tale.judge()
	require.Empty(t, verdicts(r, Fail))
	require.Equal(t, Pass, r.check("R1").Verdict)
}

// TestFailureTellsTheStory demands the first violating operation and all that
// was done with its message.
func TestFailureTellsTheStory(t *testing.T) {
	tale := newTale()
	tale.each("end", ann, inbox, without("d4"))
	c := tale.judge().check("D1")
	require.Equal(t, "audit", c.First.By)
	require.Len(t, c.Evidence, 3, "three attempts")
	require.Contains(t, c.Why, "message d4 for u0@libero.example was acknowledged at")
	require.Contains(t, c.Why, `no "451 4.3.0 storage does not answer"`)
	require.Contains(t, c.Why, `unknown "connection lost"`)
	require.Contains(t, c.Why, `ok "250 2.0.0 ok"`)
}

func TestVerdictsCanBeAskedForTwice(t *testing.T) {
	tale := newTale()
	tale.each("end", ann, inbox, without("d4"))
	j := New(tale.in)
	for _, op := range tale.ops {
		j.Add(op)
	}
	require.Equal(t, j.Verdicts(), j.Verdicts())
}

// TestWindows moves a look at a mailbox across a delivery and a removal: only
// what was certain at every moment of the look is judged.
func TestWindows(t *testing.T) {
	see := func(n int64, sent, answered int64, uids ...uint32) *hist.Op {
		v := &hist.View{UIDValidity: 1, UIDNext: 9, Exists: uint32(len(uids))}
		for i, uid := range uids {
			v.Messages = append(v.Messages, hist.Seen{Seq: uint32(i + 1), UID: uid, Message: fmt.Sprint("m", uid), Digest: "x"})
		}
		return &hist.Op{N: n, Kind: hist.Read, By: "reader", Account: ann, Mailbox: inbox, SentUS: sent, AnsweredUS: answered, Outcome: hist.OK, View: v}
	}
	deliver := &hist.Op{Kind: hist.Deliver, Account: ann, Message: "m1", Digest: "x", SentUS: 100, AnsweredUS: 200, Outcome: hist.OK, Reply: "250 ok"}
	expunge := &hist.Op{Kind: hist.Expunge, Account: ann, Mailbox: inbox, UIDs: []uint32{1}, SentUS: 1000, AnsweredUS: 1100, Outcome: hist.OK}
	lost := &hist.Op{Kind: hist.Expunge, Account: ann, Mailbox: inbox, UIDs: []uint32{1}, SentUS: 1000, AnsweredUS: 1100, Outcome: hist.Unknown}
	named := see(0, 300, 310, 1)
	for name, c := range map[string]struct {
		ops   []*hist.Op
		fails string
	}{
		"seen before the promise was sent":                {[]*hist.Op{see(0, 10, 20, 1), deliver}, "I1 I4"},
		"seen while it was promised":                      {[]*hist.Op{see(0, 110, 120, 1), deliver}, ""},
		"not seen while it was promised":                  {[]*hist.Op{deliver, see(0, 150, 250)}, ""},
		"not seen after it was promised":                  {[]*hist.Op{deliver, see(0, 201, 250), named}, "D9"},
		"not seen though named":                           {[]*hist.Op{deliver, named, see(0, 400, 410), expunge}, "D9"},
		"not seen while it was being removed":             {[]*hist.Op{deliver, named, expunge, see(0, 1050, 1150)}, ""},
		"not seen by a look answered first":               {[]*hist.Op{deliver, named, see(0, 900, 1050), expunge}, ""},
		"seen while it was being removed":                 {[]*hist.Op{deliver, named, expunge, see(0, 1050, 1150, 1)}, ""},
		"seen after it was removed":                       {[]*hist.Op{deliver, named, expunge, see(0, 1101, 1150, 1)}, "I1"},
		"seen after its removal got no answer":            {[]*hist.Op{deliver, named, lost, see(0, 1200, 1250, 1)}, ""},
		"unseen long after its removal got none":          {[]*hist.Op{deliver, named, lost, see(0, 9200, 9250)}, ""},
		"unseen, then seen, though removal got no answer": {[]*hist.Op{deliver, named, lost, see(0, 9200, 9250), see(0, 9300, 9350, 1)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for i, op := range c.ops {
				op.N = int64(i + 1)
			}
			require.Equal(t, c.fails, verdicts(judge(Input{}, c.ops), Fail))
		})
	}
}

// TestFlagsInDoubtAreNotJudged overlaps changes of one flag.
func TestFlagsInDoubtAreNotJudged(t *testing.T) {
	deliver := &hist.Op{Kind: hist.Deliver, Account: ann, Message: "m1", Digest: "x", SentUS: 100, AnsweredUS: 200, Outcome: hist.OK}
	see := func(sent int64, flags ...string) *hist.Op {
		return &hist.Op{Kind: hist.Read, Account: ann, Mailbox: inbox, SentUS: sent, AnsweredUS: sent + 10, Outcome: hist.OK, View: &hist.View{
			UIDValidity: 1, UIDNext: 2, Exists: 1, Messages: []hist.Seen{{Seq: 1, UID: 1, Message: "m1", Flags: flags}},
		}}
	}
	store := func(how string, sent, answered int64, outcome hist.Outcome) *hist.Op {
		return &hist.Op{Kind: hist.Store, Account: ann, Mailbox: inbox, UIDs: []uint32{1}, FlagsOp: how, Flags: []string{`\Seen`}, SentUS: sent, AnsweredUS: answered, Outcome: outcome}
	}
	for name, c := range map[string]struct {
		ops   []*hist.Op
		fails string
	}{
		"set and shown in another case":  {[]*hist.Op{store("+", 400, 500, hist.OK), see(600, `\SEEN`)}, ""},
		"set and not shown":              {[]*hist.Op{store("+", 400, 500, hist.OK), see(600)}, "D8"},
		"cleared and shown":              {[]*hist.Op{store("-", 400, 500, hist.OK), see(600, `\Seen`)}, "D8"},
		"refused and not shown":          {[]*hist.Op{store("+", 400, 500, hist.No), see(600)}, ""},
		"in flight and not shown":        {[]*hist.Op{store("+", 400, 500, hist.OK), see(495)}, ""},
		"set and cleared at once":        {[]*hist.Op{store("+", 400, 500, hist.OK), store("-", 450, 550, hist.OK), see(600)}, ""},
		"set, then cleared":              {[]*hist.Op{store("+", 400, 500, hist.OK), store("-", 510, 550, hist.OK), see(600, `\Seen`)}, "D8"},
		"cleared while it was looked at": {[]*hist.Op{store("+", 400, 500, hist.OK), see(600), store("-", 605, 700, hist.OK)}, ""},
		"lost, then cleared":             {[]*hist.Op{store("+", 400, 500, hist.OK), see(600), store("-", 705, 800, hist.OK)}, "D8"},
		"perhaps cleared":                {[]*hist.Op{store("+", 400, 500, hist.OK), store("-", 510, 550, hist.Unknown), see(600)}, ""},
		"perhaps set again":              {[]*hist.Op{store("+", 400, 500, hist.OK), store("+", 510, 550, hist.Unknown), see(600)}, "D8"},
		"others cleared":                 {[]*hist.Op{store("+", 400, 500, hist.OK), {Kind: hist.Store, Account: ann, Mailbox: inbox, UIDs: []uint32{1}, FlagsOp: "=", SentUS: 510, AnsweredUS: 520, Outcome: hist.OK}, see(600, `\Seen`)}, "D8"},
	} {
		t.Run(name, func(t *testing.T) {
			ops := append([]*hist.Op{deliver, see(300)}, c.ops...)
			for i, op := range ops {
				op.N = int64(i + 1)
			}
			require.Equal(t, c.fails, verdicts(judge(Input{}, ops), Fail))
		})
	}
}

// TestTimesBeforeTheStart moves everything to negative times, as preparations
// have them: nothing else may change.
func TestTimesBeforeTheStart(t *testing.T) {
	early := func(tale *tale) *tale {
		for _, op := range tale.ops {
			op.SentUS, op.AnsweredUS, op.IntendedUS = op.SentUS-3600e6, op.AnsweredUS-3600e6, op.IntendedUS-3600e6
		}
		return tale
	}
	r := early(newTale()).judge()
	require.Equal(t, newTale().judge().Mail, r.Mail)
	require.Len(t, strings.Fields(verdicts(r, Pass)), len(invariants))

	damaged := early(newTale())
	damaged.each("end", ann, "Work", without("a1"))
	r = damaged.judge()
	require.Equal(t, "D1 D6", verdicts(r, Fail))
	require.Contains(t, r.check("D1").Why, "sent -3598.9")
}

func TestReplyCodes(t *testing.T) {
	for reply, want := range map[string]int{
		"451 4.3.0 later": 451, "SMTP error 554: 5.3.0 no": 554, "550-5.1.1 no": 550, "250": 250,
		"dial tcp 10.0.0.1:24: connection refused": 0, "": 0, "NO [UNAVAILABLE]": 0, "read 300 bytes": 300,
	} {
		require.Equal(t, want, replyCode(reply), reply)
	}
}
