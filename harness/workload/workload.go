// Package workload decides what is asked of the mail store, and when: the
// senders of the world with their retry rules, the readers, the changes they
// make, the archive that was there before, and the questions of the last audit.
//
// It owns the plan and the population of senders. Everything is drawn from
// streams that are derived by name from one seed, and the plan is open-loop: a
// slow answer never delays what comes next. Mail programs, if there are any, are
// the exception: they come back when they have failed. It assumes a Port that gives it the
// time, calls it back and carries its questions, all on one goroutine. It
// starts no goroutine, reads no real clock, opens no connection, and imports
// package hist and the standard library only.
package workload

import (
	"errors"
	"fmt"
	"time"

	"fourdays/harness/hist"
)

// Port is the world as the engine sees it. All calls, in both directions, are
// made from one goroutine.
type Port interface {
	// Now is the time since the start of the run.
	Now() time.Duration
	// At calls f at time t, or as soon as possible after it, never before At
	// has returned.
	At(t time.Duration, f func())
	// Ask carries a question to the driver: one op, or the deliveries of one
	// transaction. It calls done once, never before Ask has returned, with the
	// completed ops in any order; they are matched by ID. An op that is missing
	// there counts as one of unknown outcome.
	Ask(group []*hist.Op, done func([]*hist.Op))
}

// Config says what load to make. Rates are per second of the run.
type Config struct {
	Seed     uint64
	Accounts []string // addresses
	Nodes    []string

	Deliver Rate // messages
	Read    Rate
	Change  Rate

	Senders Profile
	Sizes   Sizes
	// Several is the share of messages with more than one recipient (two to
	// five). The default 0.05 is picked; a negative share is none.
	Several float64
	// Bodies is the share of reads that fetch whole messages and not only one
	// header field. The default 0.22 is the share of messages that their owners
	// read (research: ReturnPath, 2014); a negative share is none.
	Bodies float64

	// Clients is how many mail programs each account has that look for mail by
	// themselves, and come back by themselves after a failure. A share NewClients
	// of them is set up anew by their owners when they have failed for long, and
	// fetches everything.
	Clients    int
	NewClients float64

	// NoAdmin says that nodes have no admin face: the last audit is of IMAP alone.
	NoAdmin bool

	// Arrivals fall into [Start, End); retries go on after End.
	Start, End time.Duration

	// How long clients wait. The defaults, 10 min for a sender (RFC 5321
	// §4.5.3.2.6) and 1 min for a reader (picked), apply when 0. An audit waits
	// as long as a reader if nothing is said.
	DeliverTimeout, ReadTimeout, AuditTimeout time.Duration

	// Record takes each finished op, in the order of answers. It must not keep
	// the engine waiting; it may keep the op.
	Record func(*hist.Op)
}

// Folders are the mailboxes the workload uses beside INBOX. The archive loader
// creates them.
var Folders = []string{"Archive", "Sent", "Trash"}

func (c *Config) fill() error {
	switch {
	case len(c.Accounts) == 0:
		return errors.New("workload: no accounts")
	case len(c.Nodes) == 0:
		return errors.New("workload: no nodes")
	case c.Clients < 0 || !(c.NewClients >= 0 && c.NewClients <= 1):
		return fmt.Errorf("workload: %d clients an account, %v of them new", c.Clients, c.NewClients)
	case c.End < c.Start:
		return fmt.Errorf("workload: ends at %v, before it starts at %v", c.End, c.Start)
	case len(c.Deliver) > 0 && len(c.Senders.MTAs) == 0:
		return errors.New("workload: deliveries without a profile of senders")
	}
	for _, r := range []Rate{c.Deliver, c.Read, c.Change} {
		if err := r.check(); err != nil {
			return err
		}
	}
	if c.Several == 0 {
		c.Several = 0.05
	}
	if c.Bodies == 0 {
		c.Bodies = 0.22
	}
	if c.DeliverTimeout == 0 {
		c.DeliverTimeout = 10 * time.Minute
	}
	if c.ReadTimeout == 0 {
		c.ReadTimeout = time.Minute
	}
	if c.AuditTimeout == 0 {
		c.AuditTimeout = c.ReadTimeout
	}
	if c.Record == nil {
		c.Record = func(*hist.Op) {}
	}
	return c.Sizes.fill()
}

// Counters is what the engine has seen so far. Sent, Delivered, Deferred and
// Bounced count recipients, not messages.
type Counters struct {
	Sent      int // recipients of the messages that were born
	Delivered int // acknowledged
	Deferred  int // attempts that were refused for now or stayed unanswered
	Bounced   int // given up; the author was told
	Attempts  int
	Reads     int // readers' questions, all kinds
	Changes   int
	Skipped   int // changes for which there was nothing to change
	Refused   int // reads and changes that were refused
	Unknown   int // reads and changes without an answer
}
