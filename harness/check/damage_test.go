package check

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
)

const (
	ann = "u0@libero.example"
	bob = "u1@libero.example"
)

// tale is a short history by hand, undamaged until a test damages it.
type tale struct {
	m   *model
	in  Input
	ops []*hist.Op
}

// do adds one operation that nothing else overlaps.
func (m *model) do(kind hist.Kind, user, box string, edit func(*hist.Op)) *hist.Op {
	m.at += 3 * jitter
	op := m.op(kind, user, box)
	edit(op)
	switch kind {
	case hist.Read, hist.Status, hist.Search:
		op.View = m.view(user, box, kind)
	case hist.List:
		op.Mailboxes = m.names(user)
	}
	return op
}

func (m *model) mail(key, user string, try int, outcome hist.Outcome, reply string, there bool) {
	m.do(hist.Deliver, user, "", func(op *hist.Op) {
		op.By, op.Message, op.Digest, op.Try, op.Outcome, op.Reply = "postfix", key, "digest of "+key, try, outcome, reply
		if there {
			m.boxes[user][inbox].add(hist.Seen{Message: key, Digest: op.Digest}, m.at)
		}
	})
}

func asIs(*hist.Op) {}

func newTale() *tale {
	m := newModel(7)
	m.users = []string{ann, bob}
	m.do(hist.Create, ann, "Work", func(*hist.Op) { m.boxes[ann]["Work"] = m.newBox() })
	work := m.boxes[ann]["Work"]
	in := m.boxes[ann][inbox]
	m.mail("d1", ann, 1, hist.OK, "250 2.0.0 ok", true)
	m.mail("d1", bob, 1, hist.OK, "250 2.0.0 ok", true)
	m.mail("d2", ann, 1, hist.OK, "250 2.0.0 ok", true)
	m.do(hist.Append, ann, "Work", func(op *hist.Op) {
		op.Message, op.Digest = "a1", "digest of a1"
		op.NewUIDs, op.UIDValidity = []uint32{work.add(hist.Seen{Message: "a1", Digest: op.Digest}, m.at)}, work.validity
	})
	m.do(hist.Read, ann, inbox, asIs)
	m.do(hist.Copy, ann, inbox, func(op *hist.Op) {
		op.UIDs, op.To = []uint32{2}, "Work"
		op.NewUIDs, op.UIDValidity = []uint32{work.add(hist.Seen{Message: "d2", Digest: "digest of d2"}, m.at)}, work.validity
	})
	m.do(hist.Store, ann, inbox, func(op *hist.Op) {
		op.UIDs, op.FlagsOp, op.Flags = []uint32{1}, "+", []string{`\Flagged`}
		in.messages[0].Flags = op.Flags
	})
	m.mail("d3", ann, 1, hist.OK, "250 2.0.0 ok", true)
	m.do(hist.Read, ann, inbox, asIs)
	m.do(hist.Expunge, ann, inbox, func(op *hist.Op) { op.UIDs = []uint32{3}; in.remove([]int{2}) })
	m.do(hist.Status, ann, inbox, asIs)
	m.do(hist.Search, ann, inbox, asIs)
	m.do(hist.List, ann, "", asIs)
	m.mail("d4", ann, 1, hist.No, "451 4.3.0 storage does not answer", false)
	m.mail("d4", ann, 2, hist.Unknown, "connection lost", false)
	m.mail("d4", ann, 3, hist.OK, "250 2.0.0 ok", true)
	m.mail("d5", bob, 1, hist.No, "451 4.3.0 storage does not answer", false)
	m.do(hist.Bounce, bob, "", func(op *hist.Op) { op.By, op.Message = "postfix", "d5" })
	m.mail("d6", ann, 1, hist.OK, "250 2.0.0 ok", true)
	m.mail("d7", ann, 1, hist.OK, "250 2.0.0 ok", true)
	m.do(hist.Read, ann, inbox, asIs)
	m.do(hist.Move, ann, inbox, func(op *hist.Op) {
		op.UIDs, op.To, op.Outcome, op.Reply = []uint32{6}, "Work", hist.No, "NO [UNAVAILABLE] storage does not answer"
	})
	m.at += 1e6
	m.audit()
	return &tale{m: m, ops: m.history(), in: Input{
		Replicas: []ReplicaState{{Node: "n1", Reachable: true}, {Node: "n2", Reachable: true}, {Node: "n3", Reachable: true}},
		Domains:  []string{"libero.example"}, QueueKnown: true,
		Faults: []FaultReceipt{{Bug: "hang", Scope: "east", Fired: 3, MustRevert: true, Reverted: true}}, FaultsPlanned: 1,
	}}
}

// each edits the views of one mailbox: audits of a node ("" for all), the final
// looks through IMAP ("imap"), or all looks from the end ("end").
func (t *tale) each(where, user, box string, edit func(*hist.View)) {
	for _, op := range t.ops {
		if op.View == nil || op.By != "audit" || op.Account != user || op.Mailbox != box {
			continue
		}
		audit := op.Kind == hist.Audit
		if where == "end" || audit && (where == op.Node || where == "") || !audit && where == "imap" {
			edit(op.View)
		}
	}
}

func without(key string) func(*hist.View) {
	return func(v *hist.View) {
		v.Messages = slices.DeleteFunc(v.Messages, func(s hist.Seen) bool { return s.Message == key })
		v.Exists = uint32(len(v.Messages))
		for i := range v.Messages {
			if v.Messages[i].Seq != 0 {
				v.Messages[i].Seq = uint32(i + 1)
			}
		}
	}
}

func on(key string, edit func(*hist.Seen)) func(*hist.View) {
	return func(v *hist.View) {
		for i := range v.Messages {
			if v.Messages[i].Message == key {
				edit(&v.Messages[i])
			}
		}
	}
}

func with(s hist.Seen) func(*hist.View) {
	return func(v *hist.View) {
		m := s
		if len(v.Messages) > 0 && v.Messages[0].Seq == 0 {
			m.Stored = m.Digest
		} else {
			m.Seq = 1
		}
		v.Messages = append(v.Messages, m)
		slices.SortStableFunc(v.Messages, func(a, b hist.Seen) int { return int(a.UID) - int(b.UID) })
		for i := range v.Messages {
			if v.Messages[i].Seq != 0 {
				v.Messages[i].Seq = uint32(i + 1)
			}
		}
		v.Exists = uint32(len(v.Messages))
		v.UIDNext = max(v.UIDNext, s.UID+1)
	}
}

// op finds the n-th operation of a kind, negative from the end.
func (t *tale) op(kind hist.Kind, n int) *hist.Op {
	var found []*hist.Op
	for _, op := range t.ops {
		if op.Kind == kind && op.By != "audit" {
			found = append(found, op)
		}
	}
	if n < 0 {
		n += len(found)
	}
	return found[n]
}

// insert puts op before the final looks.
func (t *tale) insert(op hist.Op) {
	last := t.op(hist.Move, 0)
	op.SentUS, op.AnsweredUS, op.IntendedUS = last.AnsweredUS+1000, last.AnsweredUS+2000, last.AnsweredUS+1000
	at := slices.Index(t.ops, last) + 1
	t.ops = slices.Insert(t.ops, at, &op)
	for i, op := range t.ops {
		op.N = int64(i + 1)
	}
}

func (t *tale) judge() Report { return judge(t.in, t.ops) }

func verdicts(r Report, want Verdict) string {
	var names []string
	for _, c := range r.Checks {
		if c.Verdict == want {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, " ")
}

func TestUndamagedTalePassesEverything(t *testing.T) {
	r := newTale().judge()
	require.Equal(t, "D1 D2 D3 D4 D5 D6 D8 D9 I1 I2 I3 I4 I6 I8 R1 R2 R3 H1", verdicts(r, Pass))
	require.Equal(t, Mail{Acknowledged: 8, Present: 7, Removed: 1, Bounced: 1, Ambiguous: 1}, r.Mail)
	require.Equal(t, []Class{{Name: "message", Acknowledged: 8}, {Name: "flag", Acknowledged: 1}, {Name: "mailbox", Acknowledged: 1}}, r.Classes)
}

// TestEachDamageIsNamed damages the same history in one way at a time, and
// demands exactly the checks that are for it.
func TestEachDamageIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(*tale)
		fails  string
		mail   func(*Mail)
	}{
		"a delivered message is gone everywhere": {func(t *tale) { t.each("end", ann, inbox, without("d6")) }, "D1", func(m *Mail) { m.Lost++; m.Present-- }},
		"a delivered message is gone from every replica and nobody looked through IMAP": {func(t *tale) {
			t.each("", ann, inbox, without("d6"))
			t.ops = slices.DeleteFunc(t.ops, func(op *hist.Op) bool { return op.Kind == hist.Read && op.By == "audit" })
		}, "D1", func(m *Mail) { m.Lost++; m.Present-- }},
		"a delivered message is gone from one replica":              {func(t *tale) { t.each("n2", ann, inbox, without("d6")) }, "D1 R1", nil},
		"a delivered message is not shown through IMAP and is kept": {func(t *tale) { t.each("imap", ann, inbox, without("d6")) }, "D9", nil},
		"one recipient of two lost a message":                       {func(t *tale) { t.each("end", bob, inbox, without("d1")) }, "D1 D2", func(m *Mail) { m.Lost++; m.Present-- }},
		"an appended message is gone":                               {func(t *tale) { t.each("end", ann, "Work", without("a1")) }, "D1 D6", func(m *Mail) { m.Lost++; m.Present-- }},
		"a copy is gone, the original is there":                     {func(t *tale) { t.each("end", ann, "Work", without("d2")) }, "D6", nil},
		"a refused MOVE removed its message":                        {func(t *tale) { t.each("end", ann, inbox, without("d7")) }, "D1 D6", func(m *Mail) { m.Lost++; m.Present-- }},
		"a refused MOVE made a copy": {func(t *tale) {
			t.each("end", ann, "Work", with(hist.Seen{UID: 3, Message: "d7", Digest: "digest of d7"}))
		}, "D6", func(m *Mail) { m.Duplicated++ }},
		"two copies of what was delivered once": {func(t *tale) {
			t.each("end", ann, inbox, with(hist.Seen{UID: 7, Message: "d6", Digest: "digest of d6"}))
		}, "D3", func(m *Mail) { m.Duplicated++ }},
		"two copies of what was tried three times are only counted": {func(t *tale) {
			t.each("end", ann, inbox, with(hist.Seen{UID: 7, Message: "d4", Digest: "digest of d4"}))
		}, "", func(m *Mail) { m.Duplicated++ }},
		"delivered and bounced": {func(t *tale) {
			t.insert(hist.Op{Kind: hist.Bounce, By: "postfix", Account: ann, Message: "d6", Outcome: hist.OK})
		}, "D4", func(m *Mail) { m.Bounced++ }},
		"neither delivered nor bounced": {func(t *tale) {
			t.ops = slices.DeleteFunc(t.ops, func(op *hist.Op) bool { return op.Kind == hist.Bounce })
		}, "D4", func(m *Mail) { m.Bounced-- }},
		"storage trouble answered 5yz": {func(t *tale) { t.op(hist.Deliver, -3).Reply = "554 5.3.0 input/output error" }, "D5", nil},
		"a known user is unknown":      {func(t *tale) { t.op(hist.Deliver, -3).Reply = "550 5.1.1 no such user" }, "D5", nil},
		"refused for ever and there": {func(t *tale) {
			t.op(hist.Deliver, -3).Reply = "552 5.2.2 mailbox full"
			t.each("end", bob, inbox, with(hist.Seen{UID: 2, Message: "d5", Digest: "digest of d5"}))
		}, "D2", nil},
		"a flag is gone":                {func(t *tale) { t.each("end", ann, inbox, on("d1", func(s *hist.Seen) { s.Flags = nil })) }, "D8", nil},
		"a flag is gone on one replica": {func(t *tale) { t.each("n3", ann, inbox, on("d1", func(s *hist.Seen) { s.Flags = nil })) }, "D8 R1", nil},
		"a mailbox looks empty for a while": {func(t *tale) {
			v := t.op(hist.Read, 2).View
			v.Messages, v.Exists = nil, 0
		}, "D9", nil},
		"a count is too low for a while":      {func(t *tale) { t.op(hist.Status, 0).View.Exists = 0 }, "D9", nil},
		"a mailbox is not listed for a while": {func(t *tale) { t.op(hist.List, 0).Mailboxes = []string{inbox} }, "D9", nil},
		"a mailbox is said not to exist": {func(t *tale) {
			t.insert(hist.Op{Kind: hist.Status, By: "reader", Account: ann, Mailbox: "Work", Outcome: hist.No, Reply: "NO [NONEXISTENT] no such mailbox"})
		}, "D9", nil},
		"a mailbox is gone with what was in it": {func(t *tale) {
			t.ops = slices.DeleteFunc(t.ops, func(op *hist.Op) bool { return op.By == "audit" && op.Mailbox == "Work" })
		}, "D1 D6 D9", func(m *Mail) { m.Lost++; m.Present-- }},
		"a removed message is back": {func(t *tale) {
			t.each("end", ann, inbox, with(hist.Seen{UID: 3, Message: "d3", Digest: "digest of d3"}))
		}, "I1", func(m *Mail) { m.Resurrected++ }},
		"a removed message is back on one replica": {func(t *tale) {
			t.each("n1", ann, inbox, with(hist.Seen{UID: 3, Message: "d3", Digest: "digest of d3"}))
		}, "I1 R1", func(m *Mail) { m.Resurrected++ }},
		"a removed message is back under a new UIDVALIDITY": {func(t *tale) {
			t.each("end", ann, inbox, with(hist.Seen{UID: 7, Message: "d3", Digest: "digest of d3"}))
			t.each("end", ann, inbox, func(v *hist.View) { v.UIDValidity += 5 })
		}, "I1", func(m *Mail) { m.Resurrected++; m.Present++; m.Removed-- }},
		"a UID is used twice": {func(t *tale) {
			for _, op := range t.ops {
				if op.View != nil && op.Account == ann && op.Mailbox == inbox {
					on("d6", func(s *hist.Seen) { s.UID = 3 })(op.View)
					slices.SortFunc(op.View.Messages, func(a, b hist.Seen) int { return int(a.UID) - int(b.UID) })
					for i := range op.View.Messages {
						if op.View.Messages[i].Seq != 0 {
							op.View.Messages[i].Seq = uint32(i + 1)
						}
					}
				}
			}
		}, "I1 I4", nil},
		"an APPEND is given an old UID": {func(t *tale) {
			t.insert(hist.Op{Kind: hist.Append, By: "reader", Account: ann, Mailbox: "Work", Message: "a2", Digest: "digest of a2", NewUIDs: []uint32{3}, UIDValidity: t.op(hist.Append, 0).UIDValidity, Outcome: hist.OK})
			t.insert(hist.Op{Kind: hist.Read, By: "reader", Account: ann, Mailbox: "Work", Outcome: hist.OK, View: &hist.View{UIDValidity: t.op(hist.Append, 0).UIDValidity, UIDNext: 9, Exists: 2, Messages: slices.Clone(t.m.view(ann, "Work", hist.Read).Messages)}})
			t.each("end", ann, "Work", with(hist.Seen{UID: 3, Message: "a2", Digest: "digest of a2"}))
			t.each("end", ann, "Work", func(v *hist.View) { v.UIDNext = 9 })
			t.ops[slices.Index(t.ops, t.op(hist.Append, 1))].SentUS += 1500
			t.ops[slices.Index(t.ops, t.op(hist.Append, 1))].AnsweredUS += 3000
		}, "I4", func(m *Mail) { m.Acknowledged++; m.Present++ }},
		"a UID becomes another message": {func(t *tale) {
			t.each("end", ann, inbox, on("d2", func(s *hist.Seen) {
				s.Message, s.Digest, s.Stored = "d1", "digest of d1", strings.Replace(s.Stored, "d2", "d1", 1)
			}))
		}, "D1 I2", nil},
		"a size changes":        {func(t *tale) { t.each("end", ann, inbox, on("d2", func(s *hist.Seen) { s.Size++ })) }, "I2", nil},
		"a date changes":        {func(t *tale) { t.each("end", ann, inbox, on("d2", func(s *hist.Seen) { s.InternalDate++ })) }, "I2", nil},
		"UIDVALIDITY falls":     {func(t *tale) { t.op(hist.Read, -1).View.UIDValidity-- }, "I3", nil},
		"UIDNEXT falls":         {func(t *tale) { t.op(hist.Read, -1).View.UIDNext = 2 }, "I4", nil},
		"UIDNEXT falls at last": {func(t *tale) { t.each("end", ann, "Work", func(v *hist.View) { v.UIDNext-- }) }, "I4", nil},
		"sequence is shuffled":  {func(t *tale) { m := t.op(hist.Read, -1).View.Messages; m[0].Seq, m[1].Seq = 2, 1 }, "I6", nil},
		"messages are shuffled": {func(t *tale) { m := t.op(hist.Read, -1).View.Messages; m[0], m[1] = m[1], m[0] }, "I6", nil},
		"bytes changed for all": {func(t *tale) { t.each("", ann, inbox, on("d2", func(s *hist.Seen) { s.Digest, s.Stored = "x", "x" })) }, "I8", func(m *Mail) { m.Altered++ }},
		"bytes changed on one": {func(t *tale) {
			t.each("n1", ann, inbox, on("d2", func(s *hist.Seen) { s.Digest, s.Stored = "x", "x" }))
		}, "I8 R1", nil},
		"a stored digest is off":   {func(t *tale) { t.each("n1", ann, inbox, on("d2", func(s *hist.Seen) { s.Stored = "x" })) }, "I8 R1", nil},
		"a reader got other bytes": {func(t *tale) { t.each("imap", ann, inbox, on("d2", func(s *hist.Seen) { s.Digest = "x" })) }, "I2 I8", func(m *Mail) { m.Altered++ }},
		"a body is gone on one replica": {func(t *tale) {
			t.each("n1", ann, inbox, on("d2", func(s *hist.Seen) { s.Digest, s.Stored, s.Damage = "", "", "chunk 0 is missing" }))
		}, "I8 R1 R2", nil},
		"a body is gone everywhere": {func(t *tale) {
			t.each("", ann, inbox, on("d6", func(s *hist.Seen) { s.Digest, s.Stored, s.Damage = "", "", "chunk 0 is missing" }))
			t.each("imap", ann, inbox, without("d6"))
		}, "D1 I8 R2", func(m *Mail) { m.Lost++; m.Present--; m.Altered++ }},
		"a replica has another MODSEQ": {func(t *tale) { t.each("n3", bob, inbox, func(v *hist.View) { v.ModSeq++ }) }, "R1", nil},
		"a replica lacks a mailbox": {func(t *tale) {
			t.ops = slices.DeleteFunc(t.ops, func(op *hist.Op) bool { return op.Kind == hist.Audit && op.Node == "n3" && op.Mailbox == "Work" })
		}, "D1 R1", nil},
		"a message is in another account": {func(t *tale) {
			t.each("end", bob, inbox, with(hist.Seen{UID: 2, Message: "d6", Digest: "digest of d6"}))
		}, "R3", func(m *Mail) { m.Misfiled++ }},
		"a message went to another account": {func(t *tale) {
			t.each("end", ann, inbox, without("d6"))
			t.each("end", bob, inbox, with(hist.Seen{UID: 2, Message: "d6", Digest: "digest of d6"}))
		}, "D1 R3", func(m *Mail) { m.Misfiled++; m.Lost++; m.Present-- }},
		"a fault never fired":       {func(t *tale) { t.in.Faults[0].Fired = 0 }, "H1", nil},
		"a fault was not reverted":  {func(t *tale) { t.in.Faults[0].Reverted = false }, "H1", nil},
		"a fault has no receipt":    {func(t *tale) { t.in.FaultsPlanned = 2 }, "H1", nil},
		"an unreverted fault stays": {func(t *tale) { t.in.Faults[0].Reverted, t.in.Faults[0].MustRevert = false, false }, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			tale := newTale()
			want := tale.judge().Mail
			c.damage(tale)
			r := tale.judge()
			for _, check := range r.Checks {
				if check.Verdict == Fail {
					t.Logf("%s: %s", check.Name, check.Why)
				}
			}
			require.Equal(t, c.fails, verdicts(r, Fail))
			if c.mail != nil {
				c.mail(&want)
			}
			require.Equal(t, want, r.Mail)
		})
	}
}

// TestAMinorityCannotSayThatMailIsGone: one replica of three was read, and what
// it does not hold may be on the two that were not.
func TestAMinorityCannotSayThatMailIsGone(t *testing.T) {
	tale := newTale()
	tale.in.Replicas[1].Reachable, tale.in.Replicas[2].Reachable = false, false
	tale.ops = slices.DeleteFunc(tale.ops, func(op *hist.Op) bool {
		return op.By == "audit" && (op.Kind != hist.Audit || op.Node != "n1")
	})
	tale.each("n1", ann, inbox, func(v *hist.View) { v.Messages, v.Exists = nil, 0 })
	r := tale.judge()
	require.Zero(t, r.Mail.Lost)
	require.Positive(t, r.Mail.Unread)
	require.NotEqual(t, Fail, r.check("D1").Verdict, "what one replica lacks may be on the others")
}

// TestAReplicaAloneMayBeBehind: the service still showed a message when two of
// the three went away; the third had not heard of it yet, and never will.
func TestAReplicaAloneMayBeBehind(t *testing.T) {
	tale := newTale()
	tale.in.Replicas[1].Reachable = false // the third came back too late to be looked at
	tale.ops = slices.DeleteFunc(tale.ops, func(op *hist.Op) bool {
		return op.By == "audit" && op.Kind == hist.Audit && op.Node != "n1"
	})
	tale.each("n1", ann, inbox, func(v *hist.View) { v.Messages, v.Exists, v.UIDNext = nil, 0, 1 })
	r := tale.judge()
	require.Empty(t, verdicts(r, Fail))
}

// TestFlagsOnAReplicaAloneMayBeBehind: the same for changes of flags.
func TestFlagsOnAReplicaAloneMayBeBehind(t *testing.T) {
	tale := newTale()
	plain := func(v *hist.View) {
		for i := range v.Messages {
			v.Messages[i].Flags = nil
		}
	}
	tale.each("n1", ann, inbox, plain)
	require.Contains(t, verdicts(tale.judge(), Fail), "D8", "two others can bring it up to date")

	tale.in.Replicas[1].Reachable = false
	tale.ops = slices.DeleteFunc(tale.ops, func(op *hist.Op) bool {
		return op.By == "audit" && (op.Kind != hist.Audit || op.Node != "n1")
	})
	r := tale.judge()
	require.Empty(t, verdicts(r, Fail))
	require.Zero(t, r.Classes[1].Lost)
	require.Positive(t, r.Classes[1].Unread)
}

// TestAMailboxThatAReplicaAloneLacksMayBeElsewhere: it was made when that one was
// behind already.
func TestAMailboxThatAReplicaAloneLacksMayBeElsewhere(t *testing.T) {
	tale := newTale()
	tale.ops = slices.DeleteFunc(tale.ops, func(op *hist.Op) bool { return op.By == "audit" && op.Mailbox == "Work" })
	require.Contains(t, verdicts(tale.judge(), Fail), "D9")

	tale.in.Replicas[1].Reachable, tale.in.Replicas[2].Reachable = false, false
	tale.ops = slices.DeleteFunc(tale.ops, func(op *hist.Op) bool {
		return op.By == "audit" && (op.Kind != hist.Audit || op.Node != "n1")
	})
	r := tale.judge()
	require.NotContains(t, verdicts(r, Fail), "D9")
	require.Positive(t, r.Classes[2].Unread)
}
