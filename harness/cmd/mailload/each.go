package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"

	"fourdays/harness/hist"
)

// eachTries is how often a message is asked for that a server does not give.
// Picked: some servers mend what they stumble over, and hang up.
const eachTries = 2

// readEach looks at a mailbox message by message, after a look at the whole of it
// has failed: a server of others may hang up on one message that it cannot read,
// and has the rest. What cannot be had says why in Damage. The answer stays as it
// was if not even the list can be had.
func (d *driver) readEach(address string, op *hist.Op, deadline time.Time) {
	r := &eachReader{d: d, address: address, op: op, deadline: deadline}
	defer r.leave()
	seen, err := r.list()
	if err != nil {
		return
	}
	view := *r.view
	for _, m := range seen {
		if !time.Now().Before(deadline) {
			return
		}
		view.Messages = append(view.Messages, r.message(m))
	}
	op.View, op.Outcome, op.Reply = &view, hist.OK, "OK"
}

// eachReader has one connection after the other.
type eachReader struct {
	d        *driver
	address  string
	op       *hist.Op
	deadline time.Time
	c        *imapConn
	view     *hist.View
}

// enter connects, if it has to, and selects the mailbox.
func (r *eachReader) enter() error {
	if r.c != nil {
		return nil
	}
	asked := *r.op
	c := r.d.login(r.address, &asked, r.deadline)
	if c == nil {
		return errors.New(asked.Reply)
	}
	box, err := c.Select(r.op.Mailbox, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		c.hangUp()
		return err
	}
	r.c, r.view = c, view(box)
	return nil
}

func (r *eachReader) leave() {
	if r.c != nil {
		r.c.hangUp()
		r.c = nil
	}
}

// list is all that is known of the messages without reading one.
func (r *eachReader) list() ([]hist.Seen, error) {
	if err := r.enter(); err != nil || r.view.Exists == 0 {
		return nil, err
	}
	return r.fetch(imap.UIDSet{{Start: 1}}, &imap.FetchOptions{UID: true, Flags: true, InternalDate: true})
}

func (r *eachReader) fetch(set imap.UIDSet, options *imap.FetchOptions) (all []hist.Seen, err error) {
	cmd := r.c.Fetch(set, options)
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		seen, bad := take(msg, true)
		err = errors.Join(err, bad)
		if len(all) < most {
			all = append(all, seen)
		}
	}
	return all, errors.Join(cmd.Close(), err)
}

// message reads one message whole, or says in Damage why it cannot be had.
func (r *eachReader) message(m hist.Seen) hist.Seen {
	for range eachTries {
		err := r.enter()
		if err == nil {
			var got []hist.Seen
			got, err = r.fetch(imap.UIDSetNum(imap.UID(m.UID)), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}})
			if err == nil && len(got) == 1 && got[0].Digest != "" {
				m.Message, m.Digest, m.Damage = got[0].Message, got[0].Digest, ""
				return m
			}
		}
		if err == nil {
			err = fmt.Errorf("the server gives no text of UID %d", m.UID)
		}
		m.Damage = words(err, "fetch")
		r.leave()
	}
	return m
}
