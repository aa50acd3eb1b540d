package check

import "fourdays/harness/hist"

// This file judges what the provider's own mail exchangers promised. Their 250
// is a promise like the store's (RFC 5321 §2.1, §6.1), and not yet a copy in a
// mailbox: until they have passed the message on, it is kept in their spool.

// Kept is what became of one file of a spool.
type Kept string

// What a look at the spool found at the end.
const (
	Whole      Kept = "whole"
	Damaged    Kept = "damaged"    // it is there, and not what was accepted
	Unreadable Kept = "unreadable" // the volume does not answer
)

// Spooled is a message that a spool still has for a recipient, or should have.
type Spooled struct {
	Recipient
	State Kept
}

// better says which of two files of one message counts.
func better(a, b Kept) Kept {
	for _, k := range []Kept{Whole, Unreadable, Damaged} {
		if a == k || b == k {
			return k
		}
	}
	return a
}

// spool takes an exchanger's answer to a sender.
func (j *Judge) spool(l *letter, op *hist.Op) {
	l.offered++
	switch op.Outcome {
	case hist.OK:
		l.spooledUS = min(l.spooledUS, op.AnsweredUS)
	case hist.Unknown:
		l.unsure++
	}
}

// gatherSpool lists what the spool has at the end.
func (f *finale) gatherSpool() {
	f.kept = make(map[Recipient]Kept, len(f.in.Spool))
	for _, s := range f.in.Spool {
		f.kept[s.Recipient] = better(s.State, f.kept[s.Recipient])
	}
}

// stranded judges a message that a spool promised and no store ever acknowledged.
func (f *finale) stranded(l *letter) Ending {
	copied := false
	for s := range copiesOf(l) {
		copied = copied || s.on != 0
	}
	state, listed := f.kept[Recipient{l.acct.name, l.key}]
	switch {
	case copied:
		return Present
	case !f.in.SpoolKnown, state == Unreadable:
		return Unread
	case state == Damaged:
		f.count(checkI8, 1)
		f.violate(checkI8, l, f.lastOp(l), "the spool keeps message %s for %s, and not as it was accepted", l.key, l.acct.name)
		f.mail.Altered++
		return Held
	case listed:
		return Held
	}
	return Lost
}

// judgeStranded counts such a message among the mail. One that the exchangers
// could not deliver and whose author they told is bounced, and no promise is
// open.
func (f *finale) judgeStranded(l *letter) {
	if l.bounced {
		return
	}
	f.mail.Acknowledged++
	became := f.stranded(l)
	if f.in.End != nil {
		f.in.End(Recipient{Account: l.acct.name, Message: l.key}, became)
	}
	f.count(checkD1, 1)
	switch became {
	case Held:
		f.mail.Held++
		return
	case Present:
		f.mail.Present++
	case Unread:
		f.mail.Unread++
		f.message.Unread++
	default:
		f.mail.Lost++
		f.message.lose(l.spooledUS)
		f.violate(checkD1, l, f.lastOp(l), "message %s for %s was accepted into the spool at %s, and is neither delivered nor returned nor kept",
			l.key, l.acct.name, clock(l.spooledUS))
	}
	f.message.Acknowledged++
}
