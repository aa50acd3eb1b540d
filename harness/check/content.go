package check

import (
	"slices"
	"strings"

	"fourdays/harness/hist"
)

// This file judges what is stored: I8 and R2, and what R1 compares.

// readBack notes a message that a reader got with other bytes than were sent.
func (j *Judge) readBack(s *slot, m *hist.Seen, op *hist.Op) {
	if op.Kind != hist.Read || m.Digest == "" {
		return
	}
	if j.in.Outside { // no audit of replicas counts them
		j.count(checkI8, 1)
	}
	if text := differs(s, m); text != "" {
		j.violate(checkI8, s.msg, view(op, m), "UID %d of %s was read and %s", m.UID, s.box.title(), text)
		if s.msg != nil {
			s.msg.altered = true
		}
	}
}

// differs says how the bytes shown are not those that were sent, "" if they
// are, or nobody knows.
func differs(s *slot, m *hist.Seen) string {
	switch {
	case m.Message == "":
		return "is no message of this run"
	case s != nil && s.msg != nil && s.msg.digest != "" && s.msg.digest != m.Digest:
		return "does not have the digest that was sent"
	}
	return ""
}

// kept notes one message of an audit: its print, and harm to its body. s is nil
// when the audit contradicts what is known to be at that UID.
func (j *Judge) kept(p *picture, s *slot, m *hist.Seen, op *hist.Op) {
	p.prints = append(p.prints, print{m.UID, fingerprintSeen(m)})
	text := ""
	switch {
	case m.Damage != "":
		text = "is damaged: " + m.Damage
	case m.Stored != "" && m.Digest != "" && m.Stored != m.Digest:
		text = "does not match the digest stored beside it"
	case m.Digest != "":
		text = differs(s, m)
	}
	if text != "" {
		p.harm = append(p.harm, harm{s, m.Damage != "" && m.Digest == "", view(op, m), text})
	}
}

// judgeBodies judges I8 and R2 in the last audit of a mailbox on a replica.
func (j *Judge) judgeBodies(b *mailbox, node int, p *picture) {
	j.count(checkI8, len(p.prints))
	j.count(checkR2, len(p.prints))
	for i := range p.harm {
		h := &p.harm[i]
		m := h.op.View.Messages[0]
		var l *letter
		if h.slot != nil {
			l = h.slot.msg
			h.slot.damaged |= 1 << node
		}
		j.violate(checkI8, l, h.op, "UID %d of %s on %s %s", m.UID, b.title(), j.nodes[node], h.text)
		if h.bodiless {
			if h.slot != nil {
				h.slot.bodiless |= 1 << node
			}
			j.violate(checkR2, l, h.op, "UID %d of %s on %s has an index entry and no body: %s", m.UID, b.title(), j.nodes[node], m.Damage)
		}
	}
}

// judgeUnreadable judges I8 and R2 in the last look through IMAP: what is listed
// can be read.
func (j *Judge) judgeUnreadable(b *mailbox, p *picture) {
	for i := range p.harm {
		h := &p.harm[i]
		var l *letter
		if h.slot != nil {
			l = h.slot.msg
			h.slot.bodiless |= 1 << readBit
		}
		uid := h.op.View.Messages[0].UID
		j.count(checkI8, 1)
		j.violate(checkI8, l, h.op, "UID %d of %s %s", uid, b.title(), h.text)
		j.count(checkR2, 1)
		j.violate(checkR2, l, h.op, "UID %d of %s is listed and %s", uid, b.title(), h.text)
	}
}

// hasher is FNV-1a: the sums are compared within one judgement only, but must
// not depend on a random seed.
type hasher uint64

func newHasher() hasher { return 14695981039346656037 }

func (h *hasher) text(s string) {
	x := uint64(*h)
	for i := 0; i < len(s); i++ {
		x = (x ^ uint64(s[i])) * 1099511628211
	}
	*h = hasher((x ^ 0xff) * 1099511628211)
}

func (h *hasher) number(n uint64) {
	x := uint64(*h)
	for range 8 {
		x = (x ^ n&0xff) * 1099511628211
		n >>= 8
	}
	*h = hasher(x)
}

// fingerprint sums up everything in a view.
func fingerprint(v *hist.View) uint64 {
	h := newHasher()
	h.number(uint64(v.UIDValidity))
	h.number(uint64(v.UIDNext))
	h.number(uint64(v.Exists))
	h.number(v.ModSeq)
	for i := range v.Messages {
		h.number(fingerprintSeen(&v.Messages[i]))
	}
	return uint64(h)
}

func fingerprintSeen(m *hist.Seen) uint64 {
	h := newHasher()
	h.number(uint64(m.UID))
	h.number(uint64(m.InternalDate))
	h.number(uint64(m.Size))
	h.number(m.ModSeq)
	h.text(m.Message)
	h.text(m.Digest)
	h.text(m.Stored)
	h.text(m.Damage)
	flags := m.Flags
	if !slices.IsSorted(flags) {
		flags = slices.Sorted(slices.Values(flags))
	}
	for _, flag := range flags {
		h.text(strings.ToLower(flag))
	}
	return uint64(h)
}
