package imap

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-message/textproto"

	"fourdays/mailstore/mail"
	"fourdays/mailstore/store"
)

// fetchBytes is how much of bodies one read of the state brings before they are
// written to the client. Picked.
const fetchBytes = 4 << 20

// batch is what one read brings for FETCH.
type batch struct {
	contents store.Contents
	messages []fetched
	next     uint32 // the UID at which the next batch begins, 0 for none
	missing  bool
}

// fetched is a message to be written.
type fetched struct {
	located
	body    []byte
	damaged error
}

// Fetch implements imapserver.Session.
func (s *session) Fetch(w *imapserver.FetchWriter, set goimap.NumSet, options *goimap.FetchOptions) error {
	n, err := s.view.numbers(set)
	if err != nil {
		return err
	}
	var failed error
	var seen []mail.Range
	for next, more := uint32(1), true; more; {
		b, err := s.fetchBatch(n, next, needsBody(options))
		if err != nil {
			return s.withheld(err, options)
		}
		next, more = b.next, b.next != 0
		if err := s.follow(n, b.contents); err != nil {
			return err
		}
		for i := range b.messages {
			m := &b.messages[i]
			if m.damaged != nil {
				failed = m.damaged
				continue
			}
			m.index = s.view.index(m.UID)
			if err := writeMessage(w.CreateMessage(m.seq()), m, options); err != nil {
				return err
			}
			if m.Flags.System&mail.Seen == 0 {
				seen = append(seen, mail.Range{First: m.UID, Last: m.UID})
			}
		}
		if b.missing && failed == nil {
			failed = no("EXPUNGEISSUED", "some of the messages are gone")
		}
	}
	if marksSeen(options) && len(seen) > 0 && !s.view.readOnly {
		if err := s.markSeen(seen); err != nil {
			return err
		}
	}
	if failed != nil {
		return s.withheld(failed, options)
	}
	s.settled, s.holdExpunge = true, !n.uid
	return nil
}

// withheld ends a FETCH that did not give out all. When it is the storage that
// withholds what messages say, there is no NO but the end of the connection:
// mbsync takes NO for a message that cannot be had, and never asks again.
func (s *session) withheld(err error, options *goimap.FetchOptions) error {
	err = s.translate(err)
	answer := (*goimap.Error)(nil)
	if needsBody(options) && errors.As(err, &answer) && answer.Code == goimap.ResponseCodeUnavailable {
		_ = s.conn.Bye(answer.Text)
	}
	return err
}

// follow brings the view up to contents. To UID FETCH, unlike FETCH, expunges
// may be told, and are told first: so the numbers in what follows have no gaps.
// go-imap gives FETCH no way to say so; as it sends each response whole, a line
// of our own between two of them is in order.
func (s *session) follow(n numbers, contents store.Contents) error {
	s.view.sync(contents)
	if !n.uid {
		return nil
	}
	return s.view.dropGone(func(seq uint32) error {
		_, err := io.WriteString(s.conn.NetConn(), "* "+strconv.FormatUint(uint64(seq), 10)+" EXPUNGE\r\n")
		return err
	})
}

// fetchBatch reads messages of the view from a UID on, with their bodies if
// those are needed, up to fetchBytes of them.
func (s *session) fetchBatch(n numbers, from uint32, bodies bool) (batch, error) {
	entries := s.view.entries
	return look(s, func(c store.Contents, stored store.Bodies) (batch, error) {
		b := batch{contents: c}
		wanted, size := 0, 0
		for i := range entries {
			if entries[i].UID >= from && n.has(i, entries[i].UID) {
				wanted++
			}
		}
		for _, l := range current(entries, c) {
			if l.UID < from || !n.has(l.index, l.UID) {
				continue
			}
			if size > fetchBytes {
				b.next = l.UID
				return b, nil
			}
			m := fetched{located: l}
			if bodies {
				if m.body, m.damaged = stored.Body(&l.Message); !bearable(m.damaged) {
					return b, m.damaged
				}
				size += len(m.body)
			}
			b.messages = append(b.messages, m)
		}
		// A client by UID expects no answer for those that are not there.
		b.missing = !n.uid && len(b.messages) < wanted
		return b, nil
	})
}

// bearable says whether the other messages can be had in spite of an error.
func bearable(err error) bool { return err == nil || errors.Is(err, store.ErrDamaged) }

func needsBody(o *goimap.FetchOptions) bool {
	return o.Envelope || o.BodyStructure != nil || len(o.BodySection)+len(o.BinarySection)+len(o.BinarySectionSize) > 0
}

func marksSeen(o *goimap.FetchOptions) bool {
	for _, section := range o.BodySection {
		if !section.Peek {
			return true
		}
	}
	for _, section := range o.BinarySection {
		if !section.Peek {
			return true
		}
	}
	return false
}

// markSeen sets \Seen on messages whose bodies were read. That it cannot be
// stored just now does not spoil what was read.
func (s *session) markSeen(uids []mail.Range) error {
	t := mail.Target{Account: s.view.known.Account, Mailbox: s.view.known.Mailbox, UIDValidity: s.view.known.UIDValidity, UIDs: merge(uids)}
	reply, err := s.store.SetFlags(context.Background(), t, mail.AddFlags, mail.Flags{System: mail.Seen})
	if errors.Is(err, store.ErrUnknown) {
		return s.drop()
	}
	if err != nil {
		return nil
	}
	s.view.changedBy(reply)
	for _, changed := range reply.Changed {
		if e := s.view.find(changed.UID); e != nil {
			e.changed = e.changed || !e.Flags.Equal(changed.Flags)
			e.Flags = changed.Flags
		}
	}
	return nil
}

// writeMessage writes what a client asked of one message.
func writeMessage(w *imapserver.FetchResponseWriter, m *fetched, o *goimap.FetchOptions) error {
	if o.UID {
		w.WriteUID(goimap.UID(m.UID))
	}
	if o.Flags {
		w.WriteFlags(flagNames(m.Flags))
	}
	if o.InternalDate {
		w.WriteInternalDate(m.Time())
	}
	if o.RFC822Size {
		w.WriteRFC822Size(int64(m.Size))
	}
	if o.Envelope {
		w.WriteEnvelope(envelope(m.body))
	}
	if o.BodyStructure != nil {
		w.WriteBodyStructure(imapserver.ExtractBodyStructure(bytes.NewReader(m.body)))
	}
	if err := writeSections(w, m.body, o); err != nil {
		return err
	}
	return w.Close()
}

func writeSections(w *imapserver.FetchResponseWriter, body []byte, o *goimap.FetchOptions) error {
	for _, section := range o.BodySection {
		data := bodySection(body, section)
		literal := w.WriteBodySection(section, int64(len(data)))
		if _, err := literal.Write(data); err != nil {
			return err
		}
		if err := literal.Close(); err != nil {
			return err
		}
	}
	for _, section := range o.BinarySection {
		data := imapserver.ExtractBinarySection(bytes.NewReader(body), section)
		literal := w.WriteBinarySection(section, int64(len(data)))
		if _, err := literal.Write(data); err != nil {
			return err
		}
		if err := literal.Close(); err != nil {
			return err
		}
	}
	for _, section := range o.BinarySectionSize {
		w.WriteBinarySectionSize(section, imapserver.ExtractBinarySectionSize(bytes.NewReader(body), section))
	}
	return nil
}

// bodySection cuts a section out of a message. The whole, its header and its
// text are cut from the bytes themselves: to parse and write them again could
// change them.
func bodySection(body []byte, section *goimap.FetchItemBodySection) []byte {
	if len(section.Part) > 0 || len(section.HeaderFields)+len(section.HeaderFieldsNot) > 0 || section.Specifier == goimap.PartSpecifierMIME {
		return imapserver.ExtractBodySection(bytes.NewReader(body), section)
	}
	switch end := headerEnd(body); section.Specifier {
	case goimap.PartSpecifierHeader:
		body = body[:end]
	case goimap.PartSpecifierText:
		body = body[end:]
	}
	return partial(body, section.Partial)
}

// headerEnd is where the text of a message begins.
func headerEnd(body []byte) int {
	if bytes.HasPrefix(body, []byte("\r\n")) {
		return 2
	}
	if i := bytes.Index(body, []byte("\r\n\r\n")); i >= 0 {
		return i + 4
	}
	return len(body)
}

func partial(data []byte, p *goimap.SectionPartial) []byte {
	if p == nil {
		return data
	}
	size := int64(len(data))
	from := min(p.Offset, size)
	return data[from : from+min(p.Size, size-from)]
}

func envelope(body []byte) *goimap.Envelope {
	header, err := textproto.ReadHeader(bufio.NewReader(bytes.NewReader(body)))
	if err != nil {
		return nil
	}
	return imapserver.ExtractEnvelope(header)
}
