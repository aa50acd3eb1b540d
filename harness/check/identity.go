package check

import (
	"fourdays/harness/hist"
)

// This file judges what identifies a message: I1 to I4 and I6.

// era judges a UIDVALIDITY and turns to a new one. It tells whether what was
// shown under it can be compared with what is known.
func (j *Judge) era(b *mailbox, validity uint32, op *hist.Op) bool {
	if validity == 0 {
		return true
	}
	j.count(checkI3, 1)
	switch {
	case b.validity == 0 && !b.reborn:
		b.validity, b.validityUS = validity, op.AnsweredUS
		b.settleEra(op)
		return true
	case validity == b.validity:
		b.validityUS = min(b.validityUS, op.AnsweredUS)
		b.settleEra(op)
		return true
	case validity > b.validity: // or the first that was shown, after a deletion
		b.turn(validity, op)
		b.settledUS = never
		b.settleEra(op)
		return true
	case op.SentUS > b.validityUS:
		j.violate(checkI3, nil, op, "UIDVALIDITY of %s fell from %d to %d", b.title(), b.validity, validity)
	}
	return false
}

func (b *mailbox) settleEra(op *hist.Op) {
	if op.SentUS > b.deletedUS {
		b.settledUS = min(b.settledUS, op.AnsweredUS)
	}
}

// means tells whether the UIDs in op are certainly those of this era.
func (b *mailbox) means(op *hist.Op) bool {
	if op.Kind == hist.Store || op.Kind == hist.Expunge {
		if op.UIDValidity != 0 { // what was selected for it
			return op.UIDValidity == b.validity
		}
	}
	return op.SentUS > b.settledUS
}

// turn begins a new era: UIDs mean nothing any more, but every copy that was
// promised still has to be somewhere.
func (b *mailbox) turn(validity uint32, op *hist.Op) {
	b.validity, b.validityUS = validity, op.AnsweredUS
	for _, s := range b.live {
		if !s.gone() && s.msg != nil && s.promised() {
			s.uid = 0
			s.shown, s.size, s.date = false, -1, -1
			if s.mayGo || s.mayMove {
				s.flags = nil // what is found may be another copy
			}
			b.unplaced = append(b.unplaced, s)
		}
	}
	b.live, b.gone, b.dead = nil, nil, 0
	b.nexts, b.tops = nil, nil
}

// ascends judges the UID that an acknowledged arrival was given: above every
// UID known before it was asked for.
func (j *Judge) ascends(b *mailbox, l *letter, uid uint32, op *hist.Op) {
	j.count(checkI1, 1)
	if top := b.tops.before(op.SentUS); uid <= top {
		j.violate(checkI1, l, op, "new UID %d of %s is not above %d, which was known before", uid, b.title(), top)
	}
	j.count(checkI4, 1)
	if next := b.nexts.before(op.SentUS); uid < next {
		j.violate(checkI4, l, op, "new UID %d of %s is below UIDNEXT %d, which was shown before", uid, b.title(), next)
	}
}

// next judges the UIDNEXT of a view.
func (j *Judge) next(b *mailbox, op *hist.Op) {
	next := op.View.UIDNext
	if next == 0 {
		return
	}
	j.count(checkI4, 1)
	if before := b.nexts.before(op.SentUS); next < before {
		j.violate(checkI4, nil, op, "UIDNEXT of %s fell from %d to %d", b.title(), before, next)
	}
	b.nexts.rise(op.AnsweredUS, next)
}

// below judges that an audit's UIDs are below its UIDNEXT. Other views take more
// than a moment, so that a message may arrive between the two.
func (j *Judge) below(b *mailbox, op *hist.Op) {
	next, messages := op.View.UIDNext, op.View.Messages
	if next == 0 || len(messages) == 0 {
		return
	}
	j.count(checkI4, 1)
	if m := &messages[len(messages)-1]; m.UID >= next {
		j.violate(checkI4, nil, view(op, m), "UID %d of %s is not below UIDNEXT %d", m.UID, b.title(), next)
	}
}

// sequence judges I6 in one view. Readers may be shown gaps: a message that
// another session removed between the choice of the mailbox and the fetch has
// its number and no data (RFC 9051 §7.5.1; RFC 2180 §4.1).
func (j *Judge) sequence(b *mailbox, op *hist.Op) {
	messages := op.View.Messages
	if len(messages) > 0 {
		j.count(checkI6, 1)
	}
	last := uint32(0)
	for i := range messages {
		m := &messages[i]
		if m.Seq != 0 && (m.Seq <= last || m.Seq > max(op.View.Exists, uint32(len(messages))) || op.Kind == hist.Audit && m.Seq != last+1) {
			j.violate(checkI6, nil, view(op, m), "message %d of %s has the sequence number %d", i+1, b.title(), m.Seq)
			return
		}
		last = m.Seq
		if i > 0 && messages[i-1].UID >= m.UID {
			j.violate(checkI6, nil, view(op, m), "UID %d of %s follows UID %d", m.UID, b.title(), messages[i-1].UID)
			return
		}
	}
	if op.Kind == hist.Audit && int(op.View.Exists) != len(messages) {
		j.violate(checkI6, nil, op, "%s has %d messages and says %d", b.title(), len(messages), op.View.Exists)
	}
}

// contradict judges a message shown at a UID that was another's and still is.
func (j *Judge) contradict(s *slot, l *letter, m *hist.Seen, op *hist.Op) {
	if !s.shown {
		j.violate(checkD6, s.msg, view(op, m), "UID %d of %s was promised for %s and holds %s", m.UID, s.box.title(), s.msg.key, l.key)
		return
	}
	j.violate(checkI2, s.msg, view(op, m), "UID %d of %s was %s and is %s", m.UID, s.box.title(), s.msg.key, l.key)
}

// immutable judges I2: what was shown once of a message is shown for ever.
func (j *Judge) immutable(s *slot, m *hist.Seen, op *hist.Op) {
	if op.Kind == hist.Search {
		return
	}
	if s.shown {
		j.count(checkI2, 1)
	}
	s.shown = true
	switch {
	case m.Size != 0 && s.size >= 0 && s.size != m.Size:
		j.violate(checkI2, s.msg, view(op, m), "the size of UID %d of %s changed from %d to %d", m.UID, s.box.title(), s.size, m.Size)
	case m.InternalDate != 0 && s.date >= 0 && s.date != m.InternalDate:
		j.violate(checkI2, s.msg, view(op, m), "the date of UID %d of %s changed from %d to %d", m.UID, s.box.title(), s.date, m.InternalDate)
	case op.Kind == hist.Read && m.Digest != "" && s.digest != "" && s.digest != m.Digest:
		j.violate(checkI2, s.msg, view(op, m), "the text of UID %d of %s changed from digest %.12s to %.12s", m.UID, s.box.title(), s.digest, m.Digest)
	}
	if m.Size != 0 && s.size < 0 {
		s.size = m.Size
	}
	if m.InternalDate != 0 && s.date < 0 {
		s.date = m.InternalDate
	}
	if op.Kind == hist.Read && m.Digest != "" && s.digest == "" {
		s.digest = s.sameDigest(m.Digest)
	}
}

// sameDigest returns the digest of what was sent if it is the same string, so
// that only one is kept.
func (s *slot) sameDigest(digest string) string {
	if s.msg != nil && s.msg.digest == digest {
		return s.msg.digest
	}
	return digest
}

// numbered judges, when everything is known, the UID of a message against what
// had been shown before it was sent.
func (j *Judge) numbered(s *slot, l *letter) {
	if s.uid == 0 || !s.shown || s.validity != s.box.validity || s.origin == appended || s.origin == copied || s.origin == moved {
		return
	}
	born := min(l.sentUS, s.bornUS)
	if born == never {
		return
	}
	j.count(checkI1, 1)
	j.count(checkI4, 1)
	first := j.firstOp(l)
	if top := s.box.tops.before(born); s.uid <= top {
		j.violate(checkI1, l, first, "UID %d of %s is not above %d, which was known before its message was sent", s.uid, s.box.title(), top)
	}
	if next := s.box.nexts.before(born); s.uid < next {
		j.violate(checkI4, l, first, "UID %d of %s is below UIDNEXT %d, which was shown before its message was sent", s.uid, s.box.title(), next)
	}
}
