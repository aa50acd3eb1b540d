package workload

import (
	"time"

	"fourdays/harness/hist"
)

// Clients are the mail programs of a mailbox: they look for mail by themselves,
// and come back by themselves when they could not.
//
// Every is Thunderbird's mail.server.default.check_time. The waits after a failure
// are those of K-9 Mail, which begins with 5 s and doubles up to 5 min
// (ImapFolderPusher); it gives up after ten, and ours never do, since their owners
// open them again (picked). They wait for an answer as long as readers: K-9's
// SOCKET_READ_TIMEOUT is a minute too.
const (
	clientEvery     = 10 * time.Minute
	clientWaitFirst = 5 * time.Second
	clientWaitMost  = 5 * time.Minute
	// clientAnew is after how many failures in a row the owner may set up the
	// program anew. Picked: by then it has failed for more than two minutes.
	clientAnew = 5
)

// client is one mail program. It knows its mailbox as it was at its last look.
type client struct {
	account  int32
	number   uint64
	anew     bool // its owner sets it up again when it has failed for long
	knows    bool
	validity uint32
	next     uint32   // UIDNEXT of INBOX
	todo     []string // mailboxes to fetch whole
	failures int
	leap     int // the last leap in which it asked
}

// startClients has every program look for the first time within one interval.
func (e *Engine) startClients() {
	start := max(e.cfg.Start, e.now())
	for account := range e.cfg.Accounts {
		for i := range e.cfg.Clients {
			c := &client{account: int32(account), number: uint64(account*e.cfg.Clients + i)}
			c.anew = e.fraction("client/new", c.number, 0) < e.cfg.NewClients
			e.queue.push(start+time.Duration(e.fraction("client/start", c.number, 0)*float64(clientEvery)), c)
		}
	}
}

// fraction is a number from 0 to 1: the same for the same seed and numbers,
// whatever else happens.
func (e *Engine) fraction(name string, a, b uint64) float64 {
	return float64(mix(e.cfg.Seed^hash(name), a, b)>>11) / (1 << 53)
}

func (c *client) wants(e *Engine, _ time.Duration) (bool, []int32) {
	if e.stopped {
		return false, nil
	}
	return false, []int32{c.account}
}

// run is one look: is there anything new? What is, is fetched. A program that
// failed in the middle of that goes on there: what it has, it has.
func (c *client) run(e *Engine) {
	switch {
	case e.stopped:
		return
	case len(c.todo) > 0:
		c.fetch(e)
		return
	}
	c.ask(e, &hist.Op{Kind: hist.Status, Mailbox: "INBOX"}, func(op *hist.Op) {
		if op.View == nil {
			c.fail(e)
			return
		}
		c.learn(op.View)
		c.fetch(e)
	})
}

// learn compares what is there with what the program has at home. Under another
// UIDVALIDITY that is worth nothing, and all is fetched again (RFC 9051
// §2.3.1.1); so does a program that was set up anew.
func (c *client) learn(v *hist.View) {
	anew := c.anew && c.failures >= clientAnew
	switch {
	case anew, c.knows && c.validity != v.UIDValidity:
		c.anew = c.anew && !anew // once is enough
		c.todo = append([]string(nil), boxNames...)
	case c.knows && c.next != v.UIDNext:
		c.todo = []string{""}
	}
	c.knows, c.validity, c.next = true, v.UIDValidity, v.UIDNext
}

// fetch gets what is to be fetched, one mailbox after the other. For new mail it
// asks for the list of what INBOX has, which is less than the new messages
// themselves would be.
func (c *client) fetch(e *Engine) {
	if len(c.todo) == 0 {
		c.failures = 0
		e.later(e.now()+clientEvery, c)
		return
	}
	op := &hist.Op{Kind: hist.Read, Mailbox: c.todo[0], Bodies: true}
	if op.Mailbox == "" {
		op = &hist.Op{Kind: hist.Search, Mailbox: "INBOX"}
	}
	c.ask(e, op, func(*hist.Op) {
		c.todo = c.todo[1:]
		c.fetch(e)
	})
}

// ask asks one question; only a served one goes on.
func (c *client) ask(e *Engine, op *hist.Op, served func(*hist.Op)) {
	e.count.Reads++
	op.By, op.IntendedUS, op.Try = "client", e.now().Microseconds(), c.failures+1
	if e.leap != nil { // nobody is served there: the first failure of a leap stands for all
		if c.leap == e.leap.n {
			c.fail(e)
			return
		}
		c.leap = e.leap.n
	}
	e.consult(c.account, op, 0, func(answer *hist.Op) {
		if answer.Outcome != hist.OK {
			c.fail(e)
			return
		}
		served(answer)
	})
}

// fail waits, longer each time, by a half to the whole of the wait: programs that
// failed in one moment do not all come back in one.
func (c *client) fail(e *Engine) {
	wait := min(clientWaitFirst<<min(c.failures, 10), clientWaitMost)
	c.failures++
	share := 0.5 + e.fraction("client/wait", c.number, uint64(c.failures))/2
	e.later(e.now()+time.Duration(share*float64(wait)), c)
}
