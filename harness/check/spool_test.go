package check

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
)

// spooled is a tale in which the provider's exchangers accept p1 for ann while
// the store is away, and pass it on later if they are asked to.
func spooled(later func(t *tale)) *tale {
	t := newTale()
	t.in.SpoolKnown = true
	t.m.do(hist.Deliver, ann, "", func(op *hist.Op) {
		op.By, op.Node, op.Message, op.Digest, op.Try, op.Reply = "postfix", hist.Spool, "p1", "digest of p1", 1, "250 2.0.0 queued [dot]"
	})
	if later != nil {
		later(t)
	}
	t.m.at += 1e6
	t.m.audit()
	t.ops = t.m.history()
	return t
}

// onward is the exchangers passing p1 on to the store.
func onward(outcome hist.Outcome, there bool, digest string) func(*tale) {
	return func(t *tale) {
		t.m.do(hist.Deliver, ann, "", func(op *hist.Op) {
			op.By, op.Message, op.Digest, op.Try, op.Outcome, op.Reply = hist.Spool, "p1", digest, 1, outcome, "250 2.0.0 ok"
			if there {
				t.m.boxes[ann][inbox].add(hist.Seen{Message: "p1", Digest: digest}, t.m.at)
			}
		})
	}
}

func listed(state Kept) []Spooled {
	return []Spooled{{Recipient{ann, "p1"}, state}}
}

// TestWhatASpoolPromisedEndsInOneWay goes through every end of a message that
// the exchangers answered 250, and which check says so.
func TestWhatASpoolPromisedEndsInOneWay(t *testing.T) {
	ok := onward(hist.OK, true, "digest of p1")
	returned := func(t *tale) {
		t.m.do(hist.Bounce, ann, "", func(op *hist.Op) { op.By, op.Message = hist.Spool, "p1" })
	}
	plain := judge(newTale().in, newTale().ops).Mail
	for name, c := range map[string]struct {
		later func(*tale)
		kept  []Spooled
		blind bool // nobody looked at the spool
		fails []string
		want  func(*Mail)
	}{
		"passed on":                          {later: ok, want: func(m *Mail) { m.Present++ }},
		"passed on, and still kept":          {later: ok, kept: listed(Whole), want: func(m *Mail) { m.Present++ }},
		"passed on without an answer":        {later: onward(hist.Unknown, true, "digest of p1"), kept: listed(Whole), want: func(m *Mail) { m.Present++; m.Ambiguous++ }},
		"acknowledged by the store and gone": {later: onward(hist.OK, false, "digest of p1"), fails: []string{"D1"}, want: func(m *Mail) { m.Lost++ }},
		"passed on altered":                  {later: onward(hist.OK, true, "digest of rot"), fails: []string{"I8"}, want: func(m *Mail) { m.Present++; m.Altered++ }},
		"returned to its author":             {later: returned, want: func(m *Mail) { m.Acknowledged--; m.Bounced++ }},
		"still kept":                         {kept: listed(Whole), want: func(m *Mail) { m.Held++ }},
		"still kept, one of two whole":       {kept: append(listed(Damaged), listed(Whole)...), want: func(m *Mail) { m.Held++ }},
		"still kept, damaged":                {kept: listed(Damaged), fails: []string{"I8"}, want: func(m *Mail) { m.Held++; m.Altered++ }},
		"kept where nobody can look":         {kept: listed(Unreadable), want: func(m *Mail) { m.Unread++ }},
		"nobody looked":                      {blind: true, want: func(m *Mail) { m.Unread++ }},
		"gone":                               {fails: []string{"D1"}, want: func(m *Mail) { m.Lost++ }},
	} {
		tale := spooled(c.later)
		tale.in.Spool, tale.in.SpoolKnown = c.kept, !c.blind
		r := judge(tale.in, tale.ops)
		want := plain
		want.Acknowledged++
		want.Spooled++
		c.want(&want)
		require.Equal(t, want, r.Mail, name)
		require.Equal(t, r.Mail.Acknowledged, r.Mail.Present+r.Mail.Lost+r.Mail.Removed+r.Mail.Unread+r.Mail.Held, name)
		var fails []string
		for _, check := range r.Checks {
			if check.Verdict == Fail {
				fails = append(fails, check.Name)
			}
		}
		require.Equal(t, c.fails, fails, name)
		require.Equal(t, want.Unread > 0, r.verdictOf("D1") == Unknown, name)
	}
}

// TestAMessageThatCameAfterItsSenderGaveUp: the exchanger had not answered, so the
// sender could not know, and D4 holds. After a 250 nobody may give up.
func TestAMessageThatCameAfterItsSenderGaveUp(t *testing.T) {
	for outcome, want := range map[hist.Outcome]Verdict{hist.Unknown: Pass, hist.OK: Fail} {
		tale := spooled(func(t *tale) {
			t.m.do(hist.Bounce, ann, "", func(op *hist.Op) { op.By, op.Message = "postfix", "p1" })
			onward(hist.OK, true, "digest of p1")(t)
		})
		for _, op := range tale.ops {
			if op.Node == hist.Spool {
				op.Outcome = outcome
			}
		}
		r := judge(tale.in, tale.ops)
		require.Equal(t, want, r.verdictOf("D4"), outcome)
		require.Equal(t, 1, r.Mail.Bounced-judge(newTale().in, newTale().ops).Mail.Bounced)
	}
}

// TestARefusalOfASpoolIsNoStorageLie: an exchanger whose queue is full says 4yz.
// A 5yz would send mail back that could have been kept.
func TestARefusalOfASpoolIsNoStorageLie(t *testing.T) {
	for reply, want := range map[string]Verdict{"452 4.3.1 no room [dot]": Pass, "552 5.3.1 no room [dot]": Fail} {
		tale := spooled(nil)
		for _, op := range tale.ops {
			if op.Message == "p1" {
				op.Outcome, op.Reply = hist.No, reply
			}
		}
		tale.in.Queued = []Recipient{{ann, "p1"}}
		r := judge(tale.in, tale.ops)
		require.Equal(t, want, r.verdictOf("D5"), reply)
		require.Zero(t, r.Mail.Spooled)
		require.NotEqual(t, Fail, r.verdictOf("D4"))
		tale.in.Queued = nil
		require.Equal(t, Fail, judge(tale.in, tale.ops).verdictOf("D4"), "nobody has it")
	}
}
