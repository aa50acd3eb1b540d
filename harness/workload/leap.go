package workload

import (
	"slices"
	"time"

	"fourdays/harness/hist"
)

// Answer says what who delivers to an account, or else reads it, meets while no
// program runs: the outcome (never OK: nobody was there to promise anything) and
// the words, in the form of a driver's reply. open means that somebody would have
// to answer.
type Answer func(delivery bool, account string) (outcome hist.Outcome, reply string, open bool)

// leap is a stretch of time in which the population lives on without programs.
type leap struct {
	n       int
	now     time.Duration
	answer  Answer
	known   [2][]*verdict // of reads and of deliveries, by account; asked once a leap
	ops     []*hist.Op
	held    []*parcel
	results []result
}

type verdict struct {
	result
	open bool
}

// Leap lives through the time until `until` without asking any program: what
// falls due is answered by the rule, at once. It stops before the first thing
// due that concerns an open account, and returns its time, or until. The port's
// clock is then to be set there; nothing may have been asked of it meanwhile.
//
// What happened is recorded as if it had been asked of no node, with "(leap)"
// behind the reply. So that a long leap does not bury the history, only the
// first and the last attempt of a leap for each message and recipient are
// recorded. Attempts are numbered (Op.Try), so a gap in the numbers says how
// many refusals are not shown; all of them had the outcome of their neighbours
// and reached no program. The same run without the leap would have recorded
// every one.
func (e *Engine) Leap(until time.Duration, answer Answer) time.Duration {
	if e.leap != nil || !e.started {
		panic("workload: Leap inside a leap, or before Start")
	}
	e.leaps++
	l := &leap{n: e.leaps, now: e.port.Now(), answer: answer}
	for i := range l.known {
		l.known[i] = make([]*verdict, len(e.cfg.Accounts))
	}
	e.leap = l
	stopped := e.leapTo(until)
	l.releaseAll(e)
	e.leap = nil
	slices.SortStableFunc(l.ops, func(a, b *hist.Op) int { return int(a.AnsweredUS - b.AnsweredUS) })
	for _, op := range l.ops {
		e.cfg.Record(op)
	}
	e.arm()
	return stopped
}

func (e *Engine) leapTo(until time.Duration) time.Duration {
	l := e.leap
	for len(e.queue.events) > 0 && e.queue.events[0].at < until {
		due := e.queue.events[0]
		at := max(due.at, l.now)
		delivery, of := due.what.wants(e, at)
		if slices.ContainsFunc(of, func(a int32) bool { return l.verdict(e, delivery, a).open }) {
			return at
		}
		l.now = at
		e.queue.pop()
		due.what.run(e)
	}
	return max(until, l.now)
}

func (l *leap) verdict(e *Engine, delivery bool, account int32) *verdict {
	known := &l.known[0]
	if delivery {
		known = &l.known[1]
	}
	if v := (*known)[account]; v != nil {
		return v
	}
	outcome, reply, open := l.answer(delivery, e.cfg.Accounts[account])
	if outcome == hist.OK && !open {
		panic("workload: a leap cannot promise anything")
	}
	v := &verdict{result: judge(outcome, reply), open: open}
	v.reply += " (leap)"
	(*known)[account] = v
	return v
}

// attempt answers one transaction of a sender. The results are good until the
// next attempt.
func (l *leap) attempt(e *Engine, p *parcel) []result {
	first := p.leap != l.n
	p.leap = l.n
	l.results = l.results[:0]
	for _, a := range p.pending {
		v := l.verdict(e, true, a)
		l.results = append(l.results, v.result)
		if first || v.permanent {
			l.note(e, p, a, v, l.now)
		}
	}
	if !first {
		if !p.held {
			l.held = append(l.held, p)
		}
		p.held, p.heldAt = true, l.now
	}
	return l.results
}

// note records one recipient's part of an attempt.
func (l *leap) note(e *Engine, p *parcel, account int32, v *verdict, at time.Duration) {
	op := e.delivery(p, account)
	op.ID = e.id()
	op.SentUS, op.AnsweredUS = at.Microseconds(), at.Microseconds()
	op.Outcome, op.Reply = v.outcome, v.reply
	l.ops = append(l.ops, op)
}

// release records the last attempt of this leap for recipients that are about
// to bounce. The permanently refused have theirs recorded already.
func (l *leap) release(e *Engine, p *parcel, recipients []int32) {
	if !p.held {
		return
	}
	for _, a := range recipients {
		if v := l.verdict(e, true, a); !v.permanent {
			l.note(e, p, a, v, p.heldAt)
		}
	}
}

// releaseAll records the last attempts of those that are still waiting.
func (l *leap) releaseAll(e *Engine) {
	for _, p := range l.held {
		l.release(e, p, p.pending)
		p.held = false
	}
}

// answerAll answers a reader.
func (l *leap) answerAll(group []*hist.Op) {
	for _, op := range group {
		outcome, reply, _ := l.answer(false, op.Account)
		op.Node, op.Outcome, op.Reply = "", outcome, reply+" (leap)"
		op.SentUS, op.AnsweredUS = l.now.Microseconds(), l.now.Microseconds()
		l.ops = append(l.ops, op)
	}
}
