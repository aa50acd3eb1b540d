package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"fourdays/harness/hist"
	"fourdays/harness/letter"
)

// author is the return path of every message; letters say the same.
const author = "sender@elsewhere.example"

// lmtpConn is a connection to an LMTP face, or an SMTP server, that has been
// greeted.
type lmtpConn struct {
	*smtp.Client
	wire   wire
	smtp   bool // one answer after the dot is for all recipients
	reused bool
	broken bool
}

func (c *lmtpConn) rest() bool {
	c.reused = true
	return !c.broken && c.wire.limit(time.Time{}) == nil
}

func (c *lmtpConn) alive() bool { return true } // MAIL will tell
func (c *lmtpConn) hangUp()     { _ = c.wire.Close() }

// deliver makes one transaction. Before the final dot every failure is
// definite; after it, only the server's own word is.
func (d *driver) deliver(at target, group []*hist.Op, deadline time.Time) {
	raw, err := bytesOf(group[0])
	if err != nil {
		settle(group, hist.No, words(err, "connect"))
		return
	}
	digest := letter.Digest(raw)
	for _, op := range group {
		op.Digest, op.Text = digest, ""
	}
	c, reply := d.open(at, deadline)
	if c == nil {
		settle(group, hist.No, reply)
		return
	}
	c.transact(group, raw)
	d.lmtp.put(at.lmtp, c)
}

// bytesOf is what a delivery sends: its letter, unless the request brings what
// the letter has become somewhere on its way.
func bytesOf(op *hist.Op) ([]byte, error) {
	if op.Text == "" {
		return letter.Make(op.Message, op.Size), nil
	}
	return base64.StdEncoding.DecodeString(op.Text)
}

// open begins a transaction on a connection: MAIL is accepted. A reused
// connection that turns out to be dead is replaced; nothing was asked of it.
func (d *driver) open(at target, deadline time.Time) (*lmtpConn, string) {
	for c := d.lmtp.take(at.lmtp); c != nil; c = d.lmtp.take(at.lmtp) {
		if c.wire.limit(soon(deadline)) == nil {
			err := c.Mail(author, nil)
			if err == nil && c.wire.limit(deadline) == nil {
				return c, ""
			}
			if said, ok := refusal(err); ok && !strings.HasPrefix(said, "421") {
				d.lmtp.put(at.lmtp, c)
				return nil, said + " [mail]"
			}
		}
		c.hangUp()
		if !time.Now().Before(deadline) {
			return nil, "no answer in time [mail]"
		}
	}
	return greet(at, deadline)
}

func greet(at target, deadline time.Time) (*lmtpConn, string) {
	w, err := connect(at.lmtp, deadline)
	if err != nil {
		return nil, words(err, "connect")
	}
	c := &lmtpConn{Client: smtp.NewClientLMTP(w), wire: w}
	if at.smtp {
		c = &lmtpConn{Client: smtp.NewClient(w), wire: w, smtp: true}
	}
	stage := "greeting"
	if err = c.Hello("mailload.example"); err == nil {
		stage = "mail"
		err = c.Mail(author, nil)
	}
	if err != nil {
		c.hangUp()
		return nil, said(err, stage)
	}
	return c, ""
}

// transact goes on from an accepted MAIL.
func (c *lmtpConn) transact(group []*hist.Op, raw []byte) {
	accepted := c.recipients(group)
	if len(accepted) == 0 {
		c.broken = c.broken || c.Reset() != nil
		return
	}
	data, err := c.Data()
	if err != nil {
		settle(accepted, hist.No, said(err, "data"))
		_, worded := refusal(err)
		c.broken = !worded || c.Reset() != nil
		return
	}
	if _, err := data.Write(raw); err != nil {
		c.broken = true
		settle(accepted, hist.No, words(err, "data"))
		return
	}
	if c.smtp {
		c.finishAll(accepted, data)
		return
	}
	c.finish(accepted, data)
}

// finishAll sends the final dot over SMTP and takes the one answer for all.
func (c *lmtpConn) finishAll(accepted []*hist.Op, data *smtp.DataCommand) {
	taken, err := data.CloseWithResponse()
	var e *smtp.SMTPError
	switch {
	case err == nil:
		settle(accepted, hist.OK, "250 "+taken.StatusText)
	case errors.As(err, &e) && definite(e.Code):
		settle(accepted, hist.No, said(err, "dot"))
	default:
		c.broken = true
		settle(accepted, hist.Unknown, words(err, "dot"))
	}
}

// recipients names the recipients and returns those that were accepted.
func (c *lmtpConn) recipients(group []*hist.Op) []*hist.Op {
	var accepted []*hist.Op
	for i, op := range group {
		err := c.Rcpt(op.Account, nil)
		if err == nil {
			accepted = append(accepted, op)
			continue
		}
		op.Outcome, op.Reply = hist.No, said(err, "rcpt")
		if _, worded := refusal(err); !worded {
			c.broken = true
			settle(append(accepted, group[i+1:]...), hist.No, op.Reply)
			return nil
		}
	}
	return accepted
}

// finish sends the final dot and takes one answer for each recipient.
func (c *lmtpConn) finish(accepted []*hist.Op, data *smtp.DataCommand) {
	taken, err := data.CloseWithLMTPResponse()
	var refused smtp.LMTPDataError
	errors.As(err, &refused)
	for _, op := range accepted {
		if r := taken[op.Account]; r != nil {
			op.Outcome, op.Reply = hist.OK, "250 "+r.StatusText
			continue
		}
		if e := refused[op.Account]; e != nil && definite(e.Code) {
			op.Outcome, op.Reply = hist.No, said(e, "dot")
			continue
		}
		c.broken = true
		if err == nil {
			err = errors.New("no answer for the recipient")
		}
		op.Outcome, op.Reply = hist.Unknown, words(err, "dot")
	}
}

// definite says whether a code after the dot means that nothing was taken.
func definite(code int) bool { return code >= 400 && code < 600 }

// refusal is the server's own words, if it said any.
func refusal(err error) (string, bool) {
	var e *smtp.SMTPError
	if !errors.As(err, &e) {
		return "", false
	}
	text := strings.Join(strings.Fields(e.Message), " ")
	if ec := e.EnhancedCode; ec[0] > 0 {
		return fmt.Sprintf("%d %d.%d.%d %s", e.Code, ec[0], ec[1], ec[2], text), true
	}
	return fmt.Sprintf("%d %s", e.Code, text), true
}

// said is the reply of a failure: the server's words, or the error's.
func said(err error, stage string) string {
	if text, ok := refusal(err); ok {
		return words(errors.New(text), stage)
	}
	return words(err, stage)
}
