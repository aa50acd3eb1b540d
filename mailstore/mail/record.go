package mail

import (
	"crypto/sha256"
	"time"
)

// Digest is the SHA-256 of a message's bytes as they came in.
type Digest = [sha256.Size]byte

// Account is the record of an account.
type Account struct {
	Password Digest // see HashPassword
	Closed   bool   // "not yet available": exists, is not served
}

// HashPassword is what is kept of a password. It is one round of SHA-256: the
// store's accounts are made up, and a slow hash would only slow the rehearsal.
func HashPassword(address, password string) Digest {
	return sha256.Sum256([]byte(address + "\x00" + password))
}

// Mailbox is the record of a mailbox. Its UIDVALIDITY is unique in the store,
// never used twice, and also names the mailbox in the keys of its messages. In
// the record it is the one that the mailbox was made with; what clients see is
// higher by what recoveries have raised it.
type Mailbox struct {
	UIDValidity uint32
	UIDNext     uint32
	ModSeq      uint64 // the highest given to a message, or to an expunge
}

// Message is the index record of a message.
type Message struct {
	ModSeq uint64
	Date   int64 // INTERNALDATE, seconds since 1970
	Zone   int32 // its offset from UTC in seconds, as the client gave it
	Size   uint64
	Body   uint64 // names the stored body, which copies share
	Digest Digest
	Flags  Flags
}

// Time returns the INTERNALDATE.
func (m *Message) Time() time.Time {
	if m.Zone == 0 {
		return time.Unix(m.Date, 0).UTC()
	}
	return time.Unix(m.Date, 0).In(time.FixedZone("", int(m.Zone)))
}

// Body is the record of a stored body beside its chunks.
type Body struct {
	Refs uint32 // index records that point to it
	Size uint64
}

// Stage is the record of a body that is being stored ahead of the command that
// will point to it.
type Stage struct {
	Body  uint64
	Parts uint32 // stored so far
	Limit uint32 // above the number of the last of them
	At    int64  // when it was begun, seconds since 1970, by the sender's clock
}

// Encode returns the record's bytes.
func (a *Account) Encode() []byte {
	w := writer{make([]byte, 0, len(a.Password)+1)}
	w.fixed(a.Password[:])
	w.bool(a.Closed)
	return w.b
}

// DecodeAccount reads an Account.
func DecodeAccount(b []byte) (a Account, err error) {
	r := reader{b: b}
	r.fixed(a.Password[:])
	a.Closed = r.bool()
	return a, r.end()
}

// Encode returns the record's bytes.
func (m *Mailbox) Encode() []byte {
	w := writer{make([]byte, 0, 16)}
	w.uint(uint64(m.UIDValidity))
	w.uint(uint64(m.UIDNext))
	w.uint(m.ModSeq)
	return w.b
}

// DecodeMailbox reads a Mailbox.
func DecodeMailbox(b []byte) (m Mailbox, err error) {
	r := reader{b: b}
	m.UIDValidity = r.uint32()
	m.UIDNext = r.uint32()
	m.ModSeq = r.uint()
	return m, r.end()
}

// Encode returns the record's bytes.
func (m *Message) Encode() []byte {
	return m.Append(make([]byte, 0, 64))
}

// Append appends the record's bytes to b.
func (m *Message) Append(b []byte) []byte {
	w := writer{b}
	w.uint(m.ModSeq)
	w.int(m.Date)
	w.int(int64(m.Zone))
	w.uint(m.Size)
	w.uint(m.Body)
	w.fixed(m.Digest[:])
	w.flags(m.Flags)
	return w.b
}

// DecodeMessage reads a Message.
func DecodeMessage(b []byte) (m Message, err error) {
	r := reader{b: b}
	m.ModSeq = r.uint()
	m.Date = r.int()
	m.Zone = r.zone()
	m.Size = r.uint()
	m.Body = r.uint()
	r.fixed(m.Digest[:])
	m.Flags = r.flags()
	return m, r.end()
}

// zone refuses offsets of a day or more, which no clock on earth shows.
func (r *reader) zone() int32 {
	v := r.int()
	if v <= -86400 || v >= 86400 {
		r.fail()
	}
	return int32(v)
}

// Encode returns the record's bytes.
func (o *Body) Encode() []byte {
	w := writer{make([]byte, 0, 8)}
	w.uint(uint64(o.Refs))
	w.uint(o.Size)
	return w.b
}

// DecodeBody reads a Body.
func DecodeBody(b []byte) (o Body, err error) {
	r := reader{b: b}
	o.Refs = r.uint32()
	o.Size = r.uint()
	return o, r.end()
}

// Encode returns the record's bytes.
func (s *Stage) Encode() []byte {
	w := writer{make([]byte, 0, 24)}
	w.uint(s.Body)
	w.uint(uint64(s.Parts))
	w.uint(uint64(s.Limit))
	w.int(s.At)
	return w.b
}

// DecodeStage reads a Stage.
func DecodeStage(b []byte) (s Stage, err error) {
	r := reader{b: b}
	s.Body = r.uint()
	s.Parts = r.uint32()
	s.Limit = r.uint32()
	s.At = r.int()
	return s, r.end()
}
