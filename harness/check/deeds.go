package check

import (
	"fourdays/harness/hist"
)

// This file follows the operations that change mailboxes. An operation without
// a definite answer may take effect at any time after it was sent.

func (j *Judge) asked(l *letter, op *hist.Op, uid, newUID uint32) {
	l.intendedUS = min(l.intendedUS, op.IntendedUS)
	if op.Kind == hist.Deliver || op.Kind == hist.Append {
		if l.digest == "" {
			l.digest = op.Digest
		}
		if op.Outcome != hist.No && op.Node != hist.Spool {
			l.sentUS = min(l.sentUS, op.SentUS)
		}
		if op.Outcome == hist.OK && op.Node != hist.Spool {
			l.ackedUS = min(l.ackedUS, op.AnsweredUS)
		}
	}
	j.remember(l, op, uid, newUID)
}

func (j *Judge) deliver(a *account, op *hist.Op) {
	l := j.letter(a, op.Message)
	j.asked(l, op, 0, 0)
	code := replyCode(op.Reply)
	j.storageTrouble(a, l, op, code)
	if op.Node == hist.Spool {
		j.spool(l, op)
		return
	}
	l.sentUS = min(l.sentUS, op.SentUS) // a refused delivery may be there all the same
	l.tries++
	switch {
	case op.Outcome == hist.OK:
		l.delivered++
		if op.By == hist.Spool {
			l.passedOn++
		}
		a.mailbox(inbox).exists(op)
		if l.delivered == 1 {
			j.promise(a.mailbox(op.Mailbox), l, delivered, op)
		}
	case op.Outcome == hist.Unknown:
		l.unsure++
	case code >= 500:
		l.refused5++
	default:
		l.refused4++
	}
}

// promise records that a copy of l is in b, at a place nobody was told. A copy
// that a view has shown already, and that nobody promised, is taken to be it.
func (j *Judge) promise(b *mailbox, l *letter, from origin, op *hist.Op) {
	for s := l.copies; s != nil; s = s.nextCopy {
		if s.box == b && s.origin == seen && s.uid != 0 {
			s.vow(from, op)
			return
		}
	}
	s := b.fresh(l)
	s.vow(from, op)
	s.bornUS = l.sentUS // an earlier try may have put it there
	b.unplaced = append(b.unplaced, s)
}

// vow makes s a promise.
func (s *slot) vow(from origin, op *hist.Op) {
	s.origin = from
	s.sinceUS = min(s.sinceUS, op.AnsweredUS)
	s.bornUS = min(s.bornUS, op.SentUS)
	if op.SentUS <= s.box.deletedUS {
		s.mayGo, s.maybeUS = true, 0 // the mailbox was deleted at the same time
		return
	}
	if s.box.maybeUS < op.SentUS && s.box.sinceUS == never {
		s.box.maybeUS = never // made again
	}
	s.box.exists(op)
}

func (j *Judge) bounce(a *account, op *hist.Op) {
	l := j.letter(a, op.Message)
	j.asked(l, op, 0, 0)
	l.bounced = l.bounced || op.Outcome == hist.OK
}

func (j *Judge) append(a *account, op *hist.Op) {
	l, b := j.letter(a, op.Message), a.mailbox(op.Mailbox)
	uid := uint32(0)
	if len(op.NewUIDs) == 1 {
		uid = op.NewUIDs[0]
	}
	j.asked(l, op, 0, uid)
	switch op.Outcome {
	case hist.Unknown:
		l.unsure++
		l.appended++
	case hist.No:
		l.declined++
		j.missed(b, op)
	default:
		if op.By == hist.Operator {
			l.standsFor(b, op)
			j.arrive(b, l, moved, op, uid)
		} else {
			l.appended++
			j.arrive(b, l, appended, op, uid)
		}
		j.startFlags(a, b, op, uid)
	}
}

// standsFor records that what an operator appends is no new message: it takes the
// place of a copy that the account was promised under an older UIDVALIDITY, in the
// same mailbox if there is one.
func (l *letter) standsFor(b *mailbox, op *hist.Op) {
	if l == nil {
		return
	}
	var old *slot
	for c := range copiesOf(l) {
		placed := c.uid != 0 && c.validity == op.UIDValidity
		if !c.gone() && !placed && (old == nil || c.box == b && old.box != b) {
			old = c
		}
	}
	if old != nil {
		old.leave(op, true, true)
	}
}

// arrive records an acknowledged arrival at uid, or at an unknown place.
func (j *Judge) arrive(b *mailbox, l *letter, from origin, op *hist.Op, uid uint32) {
	if uid == 0 {
		if l != nil {
			j.promise(b, l, from, op)
		}
		return
	}
	if op.UIDValidity != 0 && !j.era(b, op.UIDValidity, op) {
		return
	}
	j.ascends(b, l, uid, op)
	s := b.slot(uid)
	if s.gone() && s.goneUS < op.SentUS {
		j.violate(checkI1, l, op, "UID %d of %s was given to a new message after it had been removed", uid, b.title())
		s = b.fresh(l)
		s.uid = uid
		b.place(s)
	}
	if s.msg != nil && l != nil && s.msg != l {
		j.violate(checkD6, l, op, "UID %d of %s was promised for %s and holds %s", uid, b.title(), l.key, s.msg.key)
		return
	}
	s.is(l)
	s.vow(from, op)
	b.tops.rise(op.AnsweredUS, uid)
}

func (j *Judge) transfer(a *account, op *hist.Op) {
	from, to := a.mailbox(op.Mailbox), a.mailbox(op.To)
	if op.Outcome == hist.No {
		j.missed(from, op)
	}
	if !from.means(op) {
		j.transferLoose(from, to, op)
		return
	}
	told := len(op.NewUIDs) == len(op.UIDs)
	for i, uid := range op.UIDs {
		newUID := uint32(0)
		if told {
			newUID = op.NewUIDs[i]
		}
		j.transferOne(op, from.slot(uid), to, newUID, told)
	}
	if op.Kind == hist.Move && op.Outcome != hist.No {
		from.excuseShorts(op, len(op.UIDs))
	}
	if !told && op.Outcome == hist.OK {
		for _, uid := range op.NewUIDs {
			j.arrive(to, nil, moved, op, uid)
		}
	}
}

// transferLoose follows a copy or move of messages that nobody can name for
// certain, because the mailbox was deleted or has another UIDVALIDITY.
func (j *Judge) transferLoose(from, to *mailbox, op *hist.Op) {
	if op.Outcome == hist.No {
		return
	}
	if op.Kind == hist.Move {
		from.looseRemoval(op)
	} else {
		to.acct.blindCopies += len(op.UIDs)
	}
	if op.Outcome == hist.OK {
		for _, uid := range op.NewUIDs {
			j.arrive(to, nil, moved, op, uid)
		}
	}
}

// looseRemoval records that some messages were, or may have been, removed.
func (b *mailbox) looseRemoval(op *hist.Op) {
	b.loose += len(op.UIDs)
	b.leaveBlind(op)
	b.excuseShorts(op, len(op.UIDs))
	if b.looseUIDs == nil {
		b.looseUIDs = map[uint32]int64{}
	}
	for _, uid := range op.UIDs {
		if us, ok := b.looseUIDs[uid]; !ok || op.SentUS < us {
			b.looseUIDs[uid] = op.SentUS
		}
		if s, _ := b.find(uid, 0); s != nil {
			s.leave(op, false, op.Kind == hist.Move)
		}
	}
}

func (j *Judge) transferOne(op *hist.Op, s *slot, to *mailbox, newUID uint32, told bool) {
	l := s.msg
	if l != nil {
		j.remember(l, op, s.uid, newUID)
		l.transferred(op)
	} else if op.Kind == hist.Copy && op.Outcome != hist.No {
		s.copied++
		to.acct.blindCopies++
	}
	s.declined = s.declined || op.Outcome == hist.No
	// An OK that names no place did nothing if the message was gone, and a
	// server that tells places would have named one.
	there := !j.uidplus && len(op.NewUIDs) == 0 && s.maybeUS > op.AnsweredUS
	from := copied
	if op.Kind == hist.Move {
		from = moved
		s.leave(op, op.Outcome == hist.OK && (told || there), true)
	}
	if op.Outcome != hist.OK || !told && !there {
		return
	}
	j.arrive(to, l, from, op, newUID)
	if l == nil && newUID != 0 {
		to.slot(newUID).cameFrom(s)
	}
}

// cameFrom links two copies of a message that nobody may have named yet.
func (s *slot) cameFrom(source *slot) {
	s.source = source
	if s.msg != nil {
		source.box.recognise(source, s.msg)
	}
}

// transferred counts a copy or move of l.
func (l *letter) transferred(op *hist.Op) {
	switch {
	case op.Outcome == hist.No:
		l.declined++
	case op.Kind == hist.Copy:
		l.copied++
	}
}

// leave records that s was, or may have been, removed from its mailbox.
func (s *slot) leave(op *hist.Op, certain, move bool) {
	if op.Outcome == hist.No {
		return
	}
	s.maybeUS = min(s.maybeUS, op.SentUS)
	if s.msg == nil {
		s.box.leaveBlind(op)
	}
	s.excuse(op)
	for c := range copiesOf(s.msg) {
		c.excuse(op) // a move in flight may have been shown by either end
	}
	if !certain {
		s.mayMove = s.mayMove || move
		s.mayGo = s.mayGo || !move
		return
	}
	was := s.gone()
	s.movedOut = s.movedOut || move
	s.expunged = s.expunged || !move
	s.goneUS = min(s.goneUS, op.AnsweredUS)
	if !was {
		s.box.bury(s)
	}
}

// leaveBlind records that something without a name was, or may have been,
// removed: it may have been any promised message without a place, and if it was
// moved, any copy of the account may have come from there until now. This is
// rare, since a client that knows a UID has usually been told what it is.
func (b *mailbox) leaveBlind(op *hist.Op) {
	b.blindUS = min(b.blindUS, op.SentUS)
	b.acct.blindUS = min(b.acct.blindUS, op.SentUS)
	for _, s := range b.unplaced {
		s.excuse(op)
	}
	if op.Kind != hist.Move {
		return
	}
	for _, to := range b.acct.order {
		for _, s := range to.live {
			s.excuse(op)
			if s.promised() {
				s.sinceUS = max(s.sinceUS, op.AnsweredUS)
			}
		}
	}
}

// excuse drops an omission that a removal sent before the view was answered may
// explain.
func (s *slot) excuse(op *hist.Op) {
	if s.missing != nil && op.SentUS <= s.missingUS {
		s.missing = nil
	}
}

func (j *Judge) expunge(a *account, op *hist.Op) {
	b := a.mailbox(op.Mailbox)
	j.missed(b, op)
	if !b.means(op) {
		if op.Outcome != hist.No {
			b.looseRemoval(op)
		}
		return
	}
	for _, uid := range op.UIDs {
		s := b.slot(uid)
		if s.msg != nil {
			j.remember(s.msg, op, uid, 0)
		}
		s.leave(op, op.Outcome == hist.OK, false)
		if op.Outcome != hist.OK {
			j.mayFlag(s, `\deleted`, true, op) // it may have been marked before it failed
		}
	}
	if op.Outcome != hist.No {
		b.excuseShorts(op, len(op.UIDs))
	}
}

func (j *Judge) mailbox(a *account, op *hist.Op) {
	b := a.mailbox(op.Mailbox)
	switch {
	case op.Outcome == hist.No:
		j.missed(b, op)
	case op.Kind == hist.Create && op.Outcome == hist.OK:
		if op.SentUS <= b.removalUS {
			return // made and deleted at the same time
		}
		b.created, b.createdOp = true, brief(op)
		b.sinceUS, b.maybeUS = op.AnsweredUS, never
	case op.Kind == hist.Delete:
		j.remove(b, op)
	}
}

// remove takes everything out of a mailbox that was, or may have been, deleted.
func (j *Judge) remove(b *mailbox, op *hist.Op) {
	certain := op.Outcome == hist.OK
	b.maybeUS, b.settledUS, b.reborn = min(b.maybeUS, op.SentUS), never, true
	b.removalUS = max(b.removalUS, op.AnsweredUS)
	if b.hidden != nil && op.SentUS <= b.hideUS {
		b.hidden = nil
	}
	all := append(append([]*slot(nil), b.live...), b.unplaced...)
	for _, s := range all {
		if s.gone() {
			continue
		}
		if s.msg != nil {
			j.remember(s.msg, op, s.uid, 0)
		}
		s.leave(op, certain, false)
	}
	b.excuseShorts(op, len(all))
	if certain {
		b.unplaced, b.created, b.sinceUS, b.deletedUS = nil, false, never, op.AnsweredUS
	}
}

func (b *mailbox) excuseShorts(op *hist.Op, n int) {
	kept := b.shorts[:0]
	for _, s := range b.shorts {
		if op.SentUS <= s.answeredUS {
			s.n -= n
		}
		if s.n > 0 {
			kept = append(kept, s)
		}
	}
	b.shorts = kept
}
