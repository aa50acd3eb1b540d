package check

import (
	"fmt"

	"fourdays/harness/hist"
)

// This file compares what views showed with what was promised. A view is a
// snapshot taken at some moment between sent and answered: what was promised
// before it was sent must show, unless a removal was sent before it was
// answered. Operations that were still in flight arrive after the view in the
// history, so an omission is kept aside, the earliest per copy, and dropped
// when a removal turns up that excuses it. A removal that excuses the earliest
// excuses all later ones, so one is enough.

// look judges an answer to STATUS, SEARCH or FETCH.
func (j *Judge) look(a *account, op *hist.Op) {
	b := a.mailbox(op.Mailbox)
	if op.Outcome != hist.OK || op.View == nil {
		j.missed(b, op)
		return
	}
	v := op.View
	if !j.era(b, v.UIDValidity, op) {
		return
	}
	b.exists(op)
	j.count(checkD9, 1)
	j.next(b, op)
	if op.Kind == hist.Status {
		j.tally(b, op)
		return
	}
	j.sequence(b, op)
	if op.Kind == hist.Read {
		b.reading = j.show(b, op, b.reading)
	} else {
		j.scratch = j.show(b, op, j.scratch)
	}
	if len(op.Flags) == 0 && op.Message == "" && len(op.UIDs) == 0 {
		j.omissions(b, op) // it was not a search for some of them
	}
}

// show goes through the messages of a view and returns its picture, made in
// the room of an earlier one.
func (j *Judge) show(b *mailbox, op *hist.Op, room *picture) *picture {
	if room == nil {
		room = &picture{}
	}
	p := &picture{op: room.op, sentUS: op.SentUS, validity: op.View.UIDValidity, slots: room.slots[:0], prints: room.prints[:0]}
	j.stamp++
	j.nameless = false
	hint, top := 0, uint32(0)
	for i := range op.View.Messages {
		m := &op.View.Messages[i]
		var s *slot
		s, hint = b.find(m.UID, hint)
		s = j.meet(b, s, m, op)
		hint++
		top = max(top, m.UID)
		if s != nil {
			j.nameless = j.nameless || s.msg == nil
			p.slots = append(p.slots, s)
		}
		switch {
		case op.Kind == hist.Audit:
			j.kept(p, s, m, op)
		case m.Damage != "":
			p.harm = append(p.harm, harm{s, true, view(op, m), "cannot be read: " + m.Damage})
		}
	}
	if op.Kind != hist.Audit && top > 0 {
		b.tops.rise(op.AnsweredUS, top)
	}
	return p
}

// meet takes note of one message shown at s, which may be nil. It returns the
// slot that it is the message of, nil if the view contradicts what is known.
func (j *Judge) meet(b *mailbox, s *slot, m *hist.Seen, op *hist.Op) *slot {
	var l *letter
	if m.Message != "" {
		l = j.letter(b.acct, m.Message)
		l.meetStranger(op, m)
	}
	if s != nil && s.msg != nil && l != nil && s.msg != l {
		if !s.gone() || s.goneUS >= op.SentUS {
			j.contradict(s, l, m, op)
			return nil
		}
		j.violate(checkI1, l, view(op, m), "UID %d of %s holds %s, and held %s until that was removed", m.UID, b.title(), l.key, s.msg.key)
		s = nil
	}
	switch {
	case s == nil:
		s = b.settle(l, m.UID, op)
	case s.msg == nil && l != nil:
		b.recognise(s, l)
	}
	s.stamp = j.stamp
	switch op.Kind {
	case hist.Read:
		j.risen(s, m, op)
		j.flagsShown(s, m, op)
	case hist.Search:
		j.risen(s, m, op)
	case hist.Audit:
		j.flagsKept(s, m, op)
	}
	j.immutable(s, m, op)
	j.readBack(s, m, op)
	return s
}

// meetStranger keeps the view that first showed a message nobody is known to
// have sent to this account.
func (l *letter) meetStranger(op *hist.Op, m *hist.Seen) {
	if l.first == 0 && l.stranger == nil {
		l.stranger = view(op, m)
	}
}

// recognise learns that s holds l. If a copy of l was promised without a place,
// s is that copy.
func (b *mailbox) recognise(s *slot, l *letter) {
	if c := l.unplacedIn(b); c != nil && s.origin == seen {
		s.origin, s.sinceUS, s.bornUS = c.origin, min(s.sinceUS, c.sinceUS), min(s.bornUS, c.bornUS)
		if c.missingUS < s.maybeUS {
			s.missing, s.missingUS = c.missing, c.missingUS
		}
		b.forget(c)
		l.drop(c)
	}
	s.is(l)
}

// unplacedIn is the oldest promised copy of l in b that has no place; one that
// may have been removed only if there is no other.
func (l *letter) unplacedIn(b *mailbox) *slot {
	var firm, loose *slot
	for c := range copiesOf(l) {
		switch {
		case c.box != b || c.uid != 0 || c.gone():
		case c.mayGo || c.mayMove:
			loose = c
		default:
			firm = c
		}
	}
	if firm != nil {
		return firm
	}
	return loose
}

// drop takes s off the list of copies of l.
func (l *letter) drop(s *slot) {
	for at := &l.copies; *at != nil; at = &(*at).nextCopy {
		if *at == s {
			*at = s.nextCopy
			return
		}
	}
}

// settle gives uid to a promised copy of l without a place, or to a new slot.
func (b *mailbox) settle(l *letter, uid uint32, op *hist.Op) *slot {
	var s *slot
	if l != nil {
		s = l.unplacedIn(b)
	}
	if s == nil {
		s = b.fresh(l)
	} else {
		b.forget(s)
		if b.acct.blindUS != never {
			// It may have been delivered elsewhere and moved here unseen.
			s.sinceUS = max(s.sinceUS, op.AnsweredUS)
		}
	}
	s.uid = uid
	b.place(s)
	return s
}

func copiesOf(l *letter) func(yield func(*slot) bool) {
	return func(yield func(*slot) bool) {
		if l == nil {
			return
		}
		for s := l.copies; s != nil && yield(s); s = s.nextCopy {
		}
	}
}

// forget takes s off the list of promises without a place.
func (b *mailbox) forget(s *slot) {
	for i, u := range b.unplaced {
		if u == s {
			last := len(b.unplaced) - 1
			b.unplaced[i] = b.unplaced[last]
			b.unplaced = b.unplaced[:last]
			return
		}
	}
}

// risen judges a message that is shown after its removal was acknowledged.
func (j *Judge) risen(s *slot, m *hist.Seen, op *hist.Op) {
	if s.gone() && s.goneUS < op.SentUS {
		j.resurrect(s, view(op, m))
	}
}

// omissions notes the copies that the view just gone through should have shown.
func (j *Judge) omissions(b *mailbox, op *hist.Op) {
	for _, s := range b.live {
		j.omitted(s, op)
	}
	if j.nameless || b.blindUS <= op.AnsweredUS {
		return // what has no name, and is shown or was removed, may be the one
	}
	for _, s := range b.unplaced {
		j.omitted(s, op)
	}
}

func (j *Judge) omitted(s *slot, op *hist.Op) {
	if s.stamp != j.stamp && s.missing == nil && s.due(op.SentUS, op.AnsweredUS) {
		s.missing, s.missingUS = j.brief(op), op.AnsweredUS
	}
}

// tally judges a count: fewer than what must be there.
func (j *Judge) tally(b *mailbox, op *hist.Op) {
	exists := int(op.View.Exists)
	if exists >= len(b.live)-b.dead+len(b.unplaced) || len(b.shorts) >= 64 {
		return
	}
	due := countDue(b.live, op)
	if b.blindUS > op.AnsweredUS {
		due += countDue(b.unplaced, op)
	}
	if due > exists {
		b.shorts = append(b.shorts, short{j.brief(op), op.AnsweredUS, due - exists})
	}
}

func countDue(slots []*slot, op *hist.Op) int {
	n := 0
	for _, s := range slots {
		if s.due(op.SentUS, op.AnsweredUS) {
			n++
		}
	}
	return n
}

// list judges an answer to LIST.
func (j *Judge) list(a *account, op *hist.Op) {
	if op.Outcome != hist.OK {
		return
	}
	j.count(checkD9, 1)
	named := make(map[string]bool, len(op.Mailboxes))
	for _, name := range op.Mailboxes {
		b := a.mailbox(name)
		named[b.name] = true
		b.exists(op)
	}
	for _, b := range a.order {
		if !named[b.name] && b.mustExist(op) {
			j.hide(b, op)
		}
	}
}

// audit judges one mailbox as one replica keeps it.
func (j *Judge) audit(a *account, op *hist.Op) {
	if len(j.in.Replicas) == 0 {
		j.believe(op.Node)
	}
	node, ok := j.believed[op.Node]
	if !ok {
		j.countOutside(op)
		return
	}
	if op.Outcome != hist.OK {
		return
	}
	for len(a.looks) <= node {
		a.looks = append(a.looks, before)
	}
	a.looks[node] = max(a.looks[node], op.SentUS)
	if op.View == nil {
		return
	}
	b := a.mailbox(op.Mailbox)
	for len(b.audits) <= node {
		b.audits = append(b.audits, nil)
	}
	if !j.era(b, op.View.UIDValidity, op) {
		b.audits[node] = j.faded(op)
		return
	}
	j.sequence(b, op)
	j.below(b, op)
	p := j.show(b, op, b.audits[node])
	p.op = j.brief(op)
	p.sum = fingerprint(op.View)
	b.audits[node] = p
}

// faded is the picture of a mailbox under a UIDVALIDITY that is no longer
// valid: it differs from every other, and shows nothing that can be placed.
func (j *Judge) faded(op *hist.Op) *picture {
	p := &picture{op: j.brief(op), sentUS: op.SentUS, validity: op.View.UIDValidity}
	p.sum = fingerprint(op.View)
	return p
}

func (j *Judge) countOutside(op *hist.Op) {
	if op.View == nil {
		return
	}
	for i := range op.View.Messages {
		if op.View.Messages[i].Damage != "" {
			j.outside++
		}
	}
}

func (b *mailbox) title() string {
	return fmt.Sprintf("%s of %s", b.name, b.acct.name)
}
