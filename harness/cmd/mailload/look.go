package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"fourdays/harness/hist"
	"fourdays/harness/letter"
)

// largest bounds a message that is read.
const largest = 64 << 20

// marker is the header field that has a letter's key.
const marker = "X-Fourdays-Key"

func view(box *imap.SelectData) *hist.View {
	return &hist.View{UIDValidity: box.UIDValidity, UIDNext: uint32(box.UIDNext), Exists: box.NumMessages}
}

// fetch reads every message of the mailbox: its key from one header field, or
// key and digest from the whole of it.
func fetch(c *imapConn, op *hist.Op, box *imap.SelectData) error {
	op.View = view(box)
	if box.NumMessages == 0 {
		return nil
	}
	section := &imap.FetchItemBodySection{Peek: true}
	if !op.Bodies {
		section.Specifier, section.HeaderFields = imap.PartSpecifierHeader, []string{marker}
	}
	cmd := c.Fetch(imap.UIDSet{{Start: 1}}, &imap.FetchOptions{
		UID: true, Flags: true, InternalDate: true, RFC822Size: true, BodySection: []*imap.FetchItemBodySection{section},
	})
	var bad error
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		seen, err := take(msg, op.Bodies)
		if bad = errors.Join(bad, err); bad == nil && len(op.View.Messages) < most {
			op.View.Messages = append(op.View.Messages, seen)
		}
	}
	slices.SortStableFunc(op.View.Messages, func(a, b hist.Seen) int { return cmp.Compare(a.Seq, b.Seq) })
	return errors.Join(cmd.Close(), bad)
}

// take reads one message of an answer to FETCH.
func take(msg *imapclient.FetchMessageData, bodies bool) (hist.Seen, error) {
	seen := hist.Seen{Seq: msg.SeqNum}
	var bad error
	for item := msg.Next(); item != nil; item = msg.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			seen.UID = uint32(item.UID)
		case imapclient.FetchItemDataFlags:
			seen.Flags = sorted(item.Flags)
		case imapclient.FetchItemDataInternalDate:
			seen.InternalDate = item.Time.Unix()
		case imapclient.FetchItemDataRFC822Size:
			seen.Size = item.Size
		case imapclient.FetchItemDataBodySection:
			bad = errors.Join(bad, text(&seen, item.Literal, bodies))
		}
	}
	return seen, bad
}

func text(seen *hist.Seen, body imap.LiteralReader, whole bool) error {
	if body == nil { // NIL: the server has no such text
		return nil
	}
	if body.Size() > largest {
		return fmt.Errorf("read message %d: %d bytes, more than are believed", seen.UID, body.Size())
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("read message %d: %w", seen.UID, err)
	}
	key, digest := letter.Read(raw)
	if seen.Message = key; whole {
		seen.Digest = digest
	}
	return nil
}

// sorted lists flags in one order, without \Recent, which is of the session and
// not of the message.
func sorted(list []imap.Flag) []string {
	var names []string
	for _, f := range list {
		if f != `\Recent` {
			names = append(names, string(f))
		}
	}
	slices.Sort(names)
	return names
}

// search asks for the messages with the op's flags and key, of those it names.
func search(c *imapConn, op *hist.Op, box *imap.SelectData) error {
	op.View = view(box)
	criteria := &imap.SearchCriteria{Flag: flags(op.Flags)}
	if op.Message != "" {
		criteria.Header = []imap.SearchCriteriaHeaderField{{Key: marker, Value: op.Message}}
	}
	data, err := c.UIDSearch(criteria, nil).Wait()
	if err != nil || data.All == nil {
		return err
	}
	uids, err := numbers(data.All)
	for _, uid := range uids {
		op.View.Messages = append(op.View.Messages, hist.Seen{UID: uid})
	}
	return err
}

// leave ends the selection of a mailbox. Of the one that a connection has
// selected, STATUS may tell what the connection has seen of it and not what is
// there (RFC 9051 §6.3.11); our own store looks in any case.
func (c *imapConn) leave(mailbox string) error {
	if at := c.Mailbox(); !c.others || at == nil || at.Name != mailbox {
		return nil
	}
	if !c.Caps().Has(imap.CapUnselect) {
		return fmt.Errorf("%w: the server does not offer UNSELECT", errAsked)
	}
	return c.Unselect().Wait()
}

func status(c *imapConn, op *hist.Op, _ *imap.SelectData) error {
	if err := c.leave(op.Mailbox); err != nil {
		return err
	}
	data, err := c.Status(op.Mailbox, &imap.StatusOptions{NumMessages: true, UIDNext: true, UIDValidity: true}).Wait()
	if err != nil {
		return err
	}
	if data.NumMessages == nil {
		return errors.New("read STATUS: the answer has no MESSAGES")
	}
	op.View = &hist.View{UIDValidity: data.UIDValidity, UIDNext: uint32(data.UIDNext), Exists: *data.NumMessages}
	return nil
}

func list(c *imapConn, op *hist.Op, _ *imap.SelectData) error {
	boxes, err := c.List("", "*", nil).Collect()
	if err != nil {
		return err
	}
	for _, b := range boxes {
		op.Mailboxes = append(op.Mailboxes, b.Mailbox)
	}
	slices.Sort(op.Mailboxes)
	return nil
}
