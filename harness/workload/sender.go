package workload

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"fourdays/harness/hist"
)

// host is one sending host of the population.
type host struct {
	name string
	mta  *MTA

	// What follows is for hosts with a clock of their own.
	clock   clock // connections to the store as a whole: its nodes are one destination
	address map[int32]*clock
	queue   []*parcel // wait for the clock
	probeAt time.Duration
}

// parcel is a message on its way to those recipients that have not taken it.
type parcel struct {
	key     string
	hash    uint64
	size    int
	host    *host
	born    time.Duration
	pending []int32 // indexes of accounts
	tries   int
	clock   clock
	due     time.Duration // when the next attempt was meant to be

	leap   int           // the last leap in which an attempt was recorded
	held   bool          // attempts of this leap are not yet recorded …
	heldAt time.Duration // … the last of them at this time
}

// populate makes the hosts of the profile.
func (e *Engine) populate() {
	shares := make([]float64, len(e.cfg.Senders.MTAs))
	for i := range e.cfg.Senders.MTAs {
		m := &e.cfg.Senders.MTAs[i]
		shares[i] = m.Share
		hosts := make([]*host, m.Hosts)
		for j := range hosts {
			hosts[j] = &host{name: fmt.Sprintf("%s/%d", m.Name, j+1), mta: m, address: map[int32]*clock{}, probeAt: -1}
		}
		e.hosts = append(e.hosts, hosts)
	}
	e.kinds = weigh(shares)
}

// arrival is a message that is about to be born.
type arrival struct{ parcel *parcel }

// bear draws a message: its sender, size and recipients.
func (e *Engine) bear(rng *rand.Rand, at time.Duration) task {
	hosts := e.hosts[e.kinds.draw(rng)]
	p := &parcel{host: hosts[rng.IntN(len(hosts))], size: e.cfg.Sizes.draw(rng), born: at, due: at}
	e.drawn++
	p.key = "d" + strconv.Itoa(e.drawn)
	p.hash = hash(p.key)
	n := 1
	if rng.Float64() < e.cfg.Several {
		n = 2 + rng.IntN(4)
	}
	for range n {
		p.add(int32(e.people.draw(rng)))
	}
	return arrival{p}
}

func (p *parcel) add(account int32) {
	for _, a := range p.pending {
		if a == account {
			return
		}
	}
	p.pending = append(p.pending, account)
}

func (a arrival) run(e *Engine) {
	e.count.Sent += len(a.parcel.pending)
	e.waiting += len(a.parcel.pending)
	a.parcel.run(e)
}

func (a arrival) wants(e *Engine, now time.Duration) (bool, []int32) { return a.parcel.wants(e, now) }

// run is a sender turning to a message: it tries, or it sees that its clock
// forbids to.
func (p *parcel) run(e *Engine) {
	now := e.now()
	switch c := &p.host.clock; {
	case !c.forbids(now):
		e.attempt(p, now, 0)
	case c.expired:
		e.bounce(p, p.pending, "retry time not reached for a host that failed for too long")
		p.pending = nil
	default:
		p.host.hold(e, p)
	}
}

func (p *parcel) wants(_ *Engine, now time.Duration) (bool, []int32) {
	if p.host.clock.forbids(now) {
		return true, nil
	}
	return true, p.pending
}

// attempt is one transaction with one node. turn counts the nodes that could
// not be reached before in the same try.
func (e *Engine) attempt(p *parcel, now time.Duration, turn int) {
	if turn == 0 {
		p.tries++
	}
	e.count.Attempts++
	if e.leap != nil {
		e.settle(p, e.leap.attempt(e, p))
		return
	}
	e.ask(e.group(p, e.node(p.hash, uint64(p.tries), turn)), func(ops []*hist.Op) {
		if unreachable(ops) && turn+1 < len(e.cfg.Nodes) {
			e.attempt(p, now, turn+1)
			return
		}
		results := make([]result, len(ops))
		for i, op := range ops {
			results[i] = judge(op.Outcome, op.Reply)
		}
		e.settle(p, results)
	})
}

// group makes the ops of a transaction.
func (e *Engine) group(p *parcel, node string) []*hist.Op {
	ops := make([]*hist.Op, len(p.pending))
	for i, a := range p.pending {
		ops[i] = e.delivery(p, a)
		ops[i].Node = node
	}
	return ops
}

func (e *Engine) delivery(p *parcel, account int32) *hist.Op {
	return &hist.Op{
		Kind: hist.Deliver, By: p.host.name, Account: e.cfg.Accounts[account], Message: p.key, Size: p.size,
		Try: p.tries, TimeoutUS: e.cfg.DeliverTimeout.Microseconds(), IntendedUS: p.due.Microseconds(),
	}
}

// unreachable says whether a node did not even let the client in.
func unreachable(ops []*hist.Op) bool {
	for _, op := range ops {
		if op.Outcome != hist.No || !strings.HasSuffix(op.Reply, "[connect]") && !strings.HasSuffix(op.Reply, "[greeting]") {
			return false
		}
	}
	return true
}

// settle is a sender drawing its conclusions from the answers to p.pending.
func (e *Engine) settle(p *parcel, results []result) {
	now, recipients := e.now(), p.pending
	p.pending = nil
	worst := atNothing
	for i, r := range results {
		switch {
		case r.outcome == hist.OK:
			e.count.Delivered++
			e.waiting--
			delete(p.host.address, recipients[i])
		case r.permanent:
			e.bounce(p, recipients[i:i+1], r.reply)
		default:
			e.count.Deferred++
			p.pending = append(p.pending, recipients[i])
			worst = max(worst, r.stage)
		}
	}
	if p.host.mta.Clock == PerHost {
		e.hostLearns(p, worst, now)
	} else if len(p.pending) > 0 {
		e.retry(p, now)
	}
}

// retry is what most MTAs do: the message's age decides.
func (e *Engine) retry(p *parcel, now time.Duration) {
	age := now - p.born
	if p.host.mta.GiveUp.reached(p.tries, age) {
		e.expire(p, p.pending)
		p.pending = nil
		return
	}
	p.due = now + p.host.mta.Schedule.after(p.tries, age, 0)
	e.later(p.due, p)
}

func (e *Engine) expire(p *parcel, recipients []int32) {
	e.bounce(p, recipients, "gave up after "+p.host.mta.GiveUp.String())
}

// bounce tells the author about recipients that will not get the message.
func (e *Engine) bounce(p *parcel, recipients []int32, reason string) {
	e.count.Bounced += len(recipients)
	e.waiting -= len(recipients)
	if e.leap != nil {
		e.leap.release(e, p, recipients)
	}
	at := e.now().Microseconds()
	for _, a := range recipients {
		op := &hist.Op{
			ID: e.id(), Kind: hist.Bounce, By: p.host.name, Account: e.cfg.Accounts[a], Message: p.key, Size: p.size, Try: p.tries,
			IntendedUS: at, SentUS: at, AnsweredUS: at, Outcome: hist.OK, Reply: reason,
		}
		e.record(op)
	}
}

func (e *Engine) record(op *hist.Op) {
	if e.leap != nil {
		e.leap.ops = append(e.leap.ops, op)
		return
	}
	e.cfg.Record(op)
}

// stage is how far an attempt came.
type stage int

const (
	atNothing stage = iota
	atConnect       // no connection, or no banner that lets one in
	atAddress       // the recipient was refused
	atMessage       // the transaction or the message was refused, or nobody knows
)

// result is an answer as a sender understands it.
type result struct {
	outcome   hist.Outcome
	permanent bool // 5yz
	stage     stage
	reply     string
}

// judge reads the answer to a delivery. Replies begin with the three digits of
// LMTP when there are any, and end with the stage in brackets; see mailload.
func judge(outcome hist.Outcome, reply string) result {
	r := result{outcome: outcome, reply: reply, stage: atMessage}
	if outcome != hist.No {
		return r
	}
	coded := len(reply) >= 3 && digit(reply[0]) && digit(reply[1]) && digit(reply[2])
	r.permanent = coded && reply[0] == '5'
	switch {
	case strings.HasSuffix(reply, "[connect]"), strings.HasSuffix(reply, "[greeting]"):
		r.stage, r.permanent = atConnect, false
	case !coded:
		r.stage = atConnect // silence and broken lines count against the host
	case strings.HasSuffix(reply, "[rcpt]"):
		r.stage = atAddress
	}
	return r
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
