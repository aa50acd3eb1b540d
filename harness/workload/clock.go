package workload

import "time"

// clock is how long something has been failing for a sender, and when it may be
// tried again. It is Exim's retry record.
type clock struct {
	failing bool
	expired bool // it has failed for longer than the sender's patience
	first   time.Duration
	next    time.Duration
	gap     time.Duration
	tries   int
}

func (c *clock) forbids(now time.Duration) bool { return c.failing && now < c.next }

// fail notes a failure. One that comes before its time, as of a connection that
// was open when another failed, changes nothing.
func (c *clock) fail(m *MTA, now time.Duration) {
	if c.forbids(now) {
		return
	}
	if !c.failing {
		*c = clock{failing: true, first: now}
	}
	c.tries++
	age := now - c.first
	c.expired = m.GiveUp.reached(c.tries, age)
	c.gap = m.Schedule.after(c.tries, age, c.gap)
	c.next = now + c.gap
}

// releaseEvery is how far apart a host sends what had waited for its clock, as
// a queue runner works through its queue. Picked.
const releaseEvery = 100 * time.Millisecond

// hostLearns is what a host with a clock of its own makes of an attempt
// (Exim's specification, "Errors in outgoing SMTP"): no connection counts
// against the host, a refused recipient against the address, anything else
// against the message.
func (e *Engine) hostLearns(p *parcel, worst stage, now time.Duration) {
	h := p.host
	if worst == atConnect {
		h.clock.fail(h.mta, now)
		if h.clock.expired {
			e.giveUpAll(p)
			return
		}
		h.hold(e, p)
		return
	}
	h.reached(e, now)
	switch {
	case len(p.pending) == 0:
	case worst == atAddress:
		e.addressRefused(p, now)
	default:
		e.messageRefused(p, now)
	}
}

// giveUpAll bounces the message that was tried last and all that wait with it,
// minutes old as they may be.
func (e *Engine) giveUpAll(p *parcel) {
	queue := append([]*parcel{p}, p.host.queue...)
	p.host.queue = nil
	for _, q := range queue {
		e.expire(q, q.pending)
		q.pending = nil
	}
}

// hold keeps a message until the host's clock allows a try.
func (h *host) hold(e *Engine, p *parcel) {
	h.queue = append(h.queue, p)
	h.probe(e)
}

func (h *host) probe(e *Engine) {
	if len(h.queue) > 0 && h.probeAt != h.clock.next {
		h.probeAt = h.clock.next
		e.later(h.probeAt, (*prober)(h))
	}
}

// reached clears the host's clock and lets go what had waited for it.
func (h *host) reached(e *Engine, now time.Duration) {
	h.clock = clock{}
	for i, q := range h.queue {
		q.due = now + time.Duration(i+1)*releaseEvery
		e.later(q.due, q)
	}
	h.queue = nil
}

// prober is a host that tries one message of those that wait for its clock.
type prober host

func (pr *prober) run(e *Engine) {
	h, now := (*host)(pr), e.now()
	h.probeAt = -1
	if len(h.queue) == 0 {
		return
	}
	if h.clock.forbids(now) {
		h.probe(e)
		return
	}
	p := h.queue[0]
	h.queue = h.queue[1:]
	p.due = now
	e.attempt(p, now, 0)
}

func (pr *prober) wants(_ *Engine, now time.Duration) (bool, []int32) {
	if len(pr.queue) == 0 || pr.clock.forbids(now) {
		return true, nil
	}
	return true, pr.queue[0].pending
}

// addressRefused keeps the clocks of the recipients that were refused, one for
// each address. The message is tried again for all of them when the first of
// the clocks allows it.
func (e *Engine) addressRefused(p *parcel, now time.Duration) {
	h, kept, next := p.host, p.pending[:0:0], longest
	for _, a := range p.pending {
		c := h.address[a]
		if c == nil {
			c = new(clock)
			h.address[a] = c
		}
		c.fail(h.mta, now)
		if c.expired {
			e.expire(p, []int32{a})
			continue
		}
		kept, next = append(kept, a), min(next, c.next)
	}
	if p.pending = kept; len(kept) > 0 {
		p.due = next
		e.later(next, p)
	}
}

func (e *Engine) messageRefused(p *parcel, now time.Duration) {
	p.clock.fail(p.host.mta, now)
	if p.clock.expired {
		e.expire(p, p.pending)
		p.pending = nil
		return
	}
	p.due = p.clock.next
	e.later(p.due, p)
}
