package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"fourdays/harness/hist"
)

// imapConn is a connection to an IMAP face, logged in.
type imapConn struct {
	*imapclient.Client
	wire   wire
	reused bool
	broken bool
	others bool // the server is not ours
}

func (c *imapConn) rest() bool {
	c.reused = true
	return !c.broken && c.wire.limit(time.Time{}) == nil
}

func (c *imapConn) alive() bool {
	select {
	case <-c.Closed():
		return false
	default:
		return true
	}
}

// hangUp does not wait for the client's reader, which may itself be waiting for
// somebody to take what it read.
func (c *imapConn) hangUp() { _ = c.wire.Close() }

// verb is what an op does on a connection. Reads and changes of a mailbox come
// after its EXAMINE or SELECT.
type verb struct {
	selects  bool
	readOnly bool
	do       func(c *imapConn, op *hist.Op, box *imap.SelectData) error
}

var verbs = map[hist.Kind]verb{
	hist.Append:  {do: appendTo},
	hist.Create:  {do: create},
	hist.Delete:  {do: remove},
	hist.List:    {do: list},
	hist.Status:  {do: status},
	hist.Read:    {selects: true, readOnly: true, do: fetch},
	hist.Search:  {selects: true, readOnly: true, do: search},
	hist.Copy:    {selects: true, readOnly: true, do: copyTo},
	hist.Move:    {selects: true, do: moveTo},
	hist.Store:   {selects: true, do: store},
	hist.Expunge: {selects: true, do: expunge},
}

// read asks one IMAP op. Until its own command is on the way every failure is
// definite, except that a look at a mailbox begins with its EXAMINE.
func (d *driver) read(address string, op *hist.Op, deadline time.Time) {
	v := verbs[op.Kind]
	if v.do == nil {
		op.Outcome, op.Reply = hist.No, words(errAsked, "command")
		return
	}
	key := address + " " + op.Account
	c, box := d.prepare(address, key, op, v, deadline)
	if c == nil {
		return
	}
	err := v.do(c, op, box)
	conclude(op, err)
	if op.Outcome != hist.OK {
		op.View = nil // a part of a look is no look
	}
	c.broken = op.Outcome == hist.Unknown
	d.imap.put(key, c)
}

// conclude says what the end of a command means.
func conclude(op *hist.Op, err error) {
	var said *imap.Error
	switch {
	case err == nil:
		op.Outcome, op.Reply = hist.OK, "OK"
	case errors.Is(err, errAsked):
		op.Outcome, op.Reply = hist.No, words(err, "command")
	case errors.As(err, &said) && !errors.Is(err, errHalf):
		op.Outcome, op.Reply = hist.No, worded(err, "command")
	default:
		op.Outcome, op.Reply = hist.Unknown, words(err, "command")
	}
}

// prepare finds or makes a connection and selects the op's mailbox if it has
// to. A reused connection that turns out to be dead is replaced.
func (d *driver) prepare(address, key string, op *hist.Op, v verb, deadline time.Time) (*imapConn, *imap.SelectData) {
	for {
		c := d.imap.take(key)
		if c == nil {
			if c = d.login(address, op, deadline); c == nil {
				return nil, nil
			}
		}
		box, err := c.enter(op, v, deadline)
		if err == nil {
			return c, box
		}
		var said *imap.Error
		if errors.As(err, &said) {
			op.Outcome, op.Reply = hist.No, worded(err, "select")
			d.imap.put(key, c)
			return nil, nil
		}
		c.hangUp()
		if c.reused && time.Now().Before(deadline) {
			continue
		}
		op.Outcome, op.Reply = hist.No, words(err, "select")
		if op.Kind == hist.Read || op.Kind == hist.Search {
			op.Outcome = hist.Unknown
		}
		return nil, nil
	}
}

// enter readies a connection for an op: its deadline is set, its mailbox
// selected if it has to be.
func (c *imapConn) enter(op *hist.Op, v verb, deadline time.Time) (*imap.SelectData, error) {
	if !v.selects {
		return nil, c.wire.limit(deadline)
	}
	until := deadline
	if c.reused {
		until = soon(deadline)
	}
	if err := c.wire.limit(until); err != nil {
		return nil, err
	}
	box, err := c.Select(op.Mailbox, &imap.SelectOptions{ReadOnly: v.readOnly}).Wait()
	if err == nil {
		err = c.wire.limit(deadline)
	}
	return box, err
}

// login opens a connection for an op, or answers the op and returns nil.
func (d *driver) login(address string, op *hist.Op, deadline time.Time) *imapConn {
	w, err := connect(address, deadline)
	if err != nil {
		op.Outcome, op.Reply = hist.No, words(err, "connect")
		return nil
	}
	c := &imapConn{Client: imapclient.New(w, nil), wire: w, others: d.logins != nil}
	stage := "greeting"
	if err = c.WaitGreeting(); err == nil {
		stage = "login"
		user, password := d.logins.of(op.Account)
		err = c.Login(user, password).Wait()
	}
	if err != nil {
		c.hangUp()
		op.Outcome, op.Reply = hist.No, worded(err, stage)
		return nil
	}
	return c
}

// worded is the reply of a failure: the server's words, or the error's.
func worded(err error, stage string) string {
	var said *imap.Error
	if !errors.As(err, &said) {
		return words(err, stage)
	}
	text := string(said.Type)
	if said.Code != "" {
		text += " [" + string(said.Code) + "]"
	}
	return words(errors.New(text+" "+said.Text), stage)
}

// most bounds how many messages of one answer are believed.
const most = 1 << 20

// numbers lists a set, in its order.
func numbers(set imap.NumSet) ([]uint32, error) {
	uids, _ := set.(imap.UIDSet)
	var list []uint32
	for _, r := range uids {
		if r.Start == 0 || r.Stop < r.Start || int64(r.Stop-r.Start) >= int64(most-len(list)) {
			return nil, fmt.Errorf("read UIDs: %s is no finite set", uids)
		}
		for uid := uint64(r.Start); uid <= uint64(r.Stop); uid++ {
			list = append(list, uint32(uid))
		}
	}
	return list, nil
}

// asked is the set of an op's UIDs, if they are still those of the mailbox.
func asked(op *hist.Op, box *imap.SelectData) (imap.UIDSet, error) {
	if op.Under != 0 && box.UIDValidity != op.Under {
		op.UIDValidity = box.UIDValidity
		return nil, fmt.Errorf("%w: UIDs under UIDVALIDITY %d, the mailbox has %d now", errAsked, op.Under, box.UIDValidity)
	}
	var set imap.UIDSet
	for _, uid := range op.UIDs {
		if uid == 0 {
			return nil, fmt.Errorf("%w: UID 0", errAsked)
		}
		set.AddNum(imap.UID(uid))
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("%w: no UIDs", errAsked)
	}
	return set, nil
}
