package store

import (
	"errors"
	"fmt"

	"fourdays/mailstore/mail"
	"fourdays/storage/replica"
)

// After a recovery the UIDs that clients remember may name other messages: the
// ones they name are lost, and the numbers are given out again. A mailbox whose
// UIDVALIDITY rises tells its clients so (RFC 9051, 2.3.1.1). Which mailboxes
// the lost entries were about nobody knows, so all rise, and at once: one record
// says by how much, and what clients see is always the sum.

// raised is that record.
type raised struct {
	by    uint64
	doubt bool // UIDs may be in use which their mailbox does not know of
}

func (r raised) shown(uidValidity uint32) uint32 { return uint32(r.by) + uidValidity }

func (r raised) encode() []byte {
	n := r.by << 1
	if r.doubt {
		n |= 1
	}
	return encodeCounter(n)
}

func decodeRaised(b []byte) (raised, error) {
	n := decodeCounter(b)
	r := raised{n >> 1, n&1 == 1}
	if r.by >= 1<<32 {
		return r, fmt.Errorf("what UIDVALIDITYs were raised by: %w", ErrDamaged)
	}
	return r, nil
}

// getRaised reads it from anything that has a Get.
func getRaised(get func(key []byte) ([]byte, error)) (raised, error) {
	value, err := get(keyCounter(raiseCounter))
	if errors.Is(err, replica.ErrNotFound) {
		return raised{}, nil
	}
	if err != nil {
		return raised{}, err
	}
	return decodeRaised(value)
}

// shownMailbox is a mailbox's record with the UIDVALIDITY that clients see.
func shownMailbox(v View, record mail.Mailbox) (mail.Mailbox, error) {
	r, err := getRaised(v.Get)
	record.UIDValidity = r.shown(record.UIDValidity)
	return record, err
}

// raisedBy reads it once for a command.
func (s *state) raisedBy() raised {
	if s.raised == nil {
		s.raised = new(raised)
		if value, found := s.get(keyCounter(raiseCounter)); found {
			r, err := decodeRaised(value)
			if *s.raised = r; err != nil {
				s.fail(err)
			}
		}
	}
	return *s.raised
}

// raise adds to every UIDVALIDITY what is above all that were ever shown: those
// that are known, and Jump more that may have been.
func (s *state) raise(c *mail.Raise) mail.Reply {
	now, last := s.raisedBy(), uint64(0)
	if value, found := s.get(keyCounter(uidValidityCounter)); found {
		last = decodeCounter(value)
	}
	last += min(c.Jump, maxUIDValidity)
	by := now.by + last
	if last > maxUIDValidity || by+last >= 1<<32 {
		return mail.Reply{Code: mail.Exhausted}
	}
	s.set(keyCounter(uidValidityCounter), encodeCounter(last))
	s.set(keyCounter(raiseCounter), raised{by, now.doubt || c.Doubt}.encode())
	return mail.Reply{}
}

// passTaken moves a mailbox's next UID behind those in use. Only where a
// recovery found records missing can there be such.
func (s *state) passTaken(m *mailbox) {
	for s.raisedBy().doubt && s.err == nil && m.UIDNext < 1<<32-1 {
		value, found := s.get(keyMessage(m.UIDValidity, m.UIDNext))
		lost := errors.Is(s.err, replica.ErrLost)
		if lost {
			s.err = nil
		}
		if !found && !lost {
			return
		}
		if message, err := mail.DecodeMessage(value); err == nil {
			m.ModSeq = max(m.ModSeq, message.ModSeq)
		}
		m.UIDNext++
	}
}

// mailboxesPerEntry is how many mailboxes one lost entry may have made.
const mailboxesPerEntry = accountsPerCommand

// unknownJump is taken where nobody knows how much was lost (picked: more
// mailboxes than are made between two looks of an operator, and a thousandth of
// what there is).
const unknownJump = 1 << 20

// Recovered implements replica.Recoverer: the first command of a recovered
// cluster, before anybody is served. Where nothing can be lost there is none.
func (m *Machine) Recovered(d *replica.Recovered) []byte {
	if d.Complete() {
		return nil
	}
	c := mail.Raise{Jump: unknownJump, Doubt: d.Missing > 0}
	if d.AtMost != nil && d.Missing == 0 {
		c.Jump = min(unknownJump, (*d.AtMost+1)*mailboxesPerEntry)
	}
	return mail.Encode(&c)
}
