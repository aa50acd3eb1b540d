package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"fourdays/harness/hist"
)

// patience is how long an op waits when the request does not say. Picked.
const patience = 5 * time.Minute

// driver has the clients of all nodes.
type driver struct {
	targets map[string]target
	logins  logins
	lmtp    pool[*lmtpConn]
	imap    pool[*imapConn]
}

// How many idle connections are kept. Picked: the driver's senders are few
// hosts, its readers many people.
const (
	idleSenders = 4  // to each node
	idleReader  = 2  // to each node, of each account
	idleReaders = 96 // in all
)

func newDriver(targets map[string]target) *driver {
	return &driver{
		targets: targets,
		lmtp:    pool[*lmtpConn]{each: idleSenders, all: idleSenders * len(targets)},
		imap:    pool[*imapConn]{each: idleReader, all: idleReaders},
	}
}

// do asks one group and returns the answers, the last of them for the request
// itself.
func (d *driver) do(group []*hist.Op) []*hist.Op {
	op := group[0]
	at, known := d.targets[op.Node]
	if !known {
		settle(group, hist.No, fmt.Sprintf("no node %q [connect]", op.Node))
		return group
	}
	wait := patience
	if op.TimeoutUS > 0 {
		wait = time.Duration(op.TimeoutUS) * time.Microsecond
	}
	deadline := time.Now().Add(wait)
	switch asksAdmin := op.Kind == hist.Admin || op.Kind == hist.Audit; {
	case op.Kind == hist.Deliver:
		d.deliver(at, group, deadline)
	case asksAdmin && at.admin == "":
		settle(group, hist.No, op.Node+" has no admin face [connect]")
	case op.Kind == hist.Admin:
		call(at.admin, op, deadline)
	case op.Kind == hist.Audit:
		return audit(at.admin, op, deadline)
	default:
		d.read(at.imap, op, deadline)
		if op.Kind == hist.Read && op.Bodies && op.Outcome != hist.OK && d.logins != nil {
			d.readEach(at.imap, op, deadline)
		}
	}
	return group
}

// settle gives all ops one answer.
func settle(group []*hist.Op, outcome hist.Outcome, reply string) {
	for _, op := range group {
		op.Outcome, op.Reply = outcome, reply
	}
}

// wire is a connection whose only deadline is that of the op that uses it: the
// protocol libraries set their own, which are longer or never.
type wire struct{ net.Conn }

// probe is how long a machine may take to show that it is there at all: to
// accept a connection (Postfix's smtp_connect_timeout), or to say something on
// one that was idle (picked). Without it a client of a machine without power
// would wait for the whole of its op's time before it tried the next.
const probe = 30 * time.Second

// soon is the end of a probe that begins now.
func soon(deadline time.Time) time.Time {
	if end := time.Now().Add(probe); end.Before(deadline) {
		return end
	}
	return deadline
}

// connect opens a connection to a face.
func connect(address string, deadline time.Time) (wire, error) {
	ctx, cancel := context.WithDeadline(context.Background(), soon(deadline))
	defer cancel()
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return wire{}, err
	}
	w := wire{conn}
	return w, w.limit(deadline)
}

// limit sets the deadline; the zero time is none.
func (w wire) limit(deadline time.Time) error { return w.Conn.SetDeadline(deadline) }

// SetDeadline does nothing.
func (wire) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (wire) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (wire) SetWriteDeadline(time.Time) error { return nil }

// words is an error as a reply, on one line and not longer than anybody reads.
func words(err error, stage string) string {
	const longest = 500
	text := []byte(err.Error())
	text = text[:min(len(text), longest)]
	for i, c := range text {
		if c < ' ' {
			text[i] = ' '
		}
	}
	return string(text) + " [" + stage + "]"
}

var errAsked = errors.New("the request asks for nothing that can be done")
