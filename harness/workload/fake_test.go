package workload

import (
	"container/heap"
	"time"

	"fourdays/harness/hist"
)

// world is a Port for tests: a clock with callbacks, and a face that answers.
type world struct {
	now    time.Duration
	events calls
	seq    int
	face   func(op *hist.Op) // completes an op
	slow   time.Duration     // how long every answer takes
	asked  []*hist.Op
}

type call struct {
	at  time.Duration
	seq int
	f   func()
}

type calls []call

func (c calls) Len() int { return len(c) }
func (c calls) Less(i, j int) bool {
	return c[i].at < c[j].at || c[i].at == c[j].at && c[i].seq < c[j].seq
}
func (c calls) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *calls) Push(x any)   { *c = append(*c, x.(call)) }
func (c *calls) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

func (w *world) Now() time.Duration { return w.now }

func (w *world) At(t time.Duration, f func()) {
	w.seq++
	heap.Push(&w.events, call{max(t, w.now), w.seq, f})
}

func (w *world) Ask(group []*hist.Op, done func([]*hist.Op)) {
	sent := w.now
	w.asked = append(w.asked, group...)
	w.At(w.now+w.slow, func() {
		answers := make([]*hist.Op, len(group))
		for i, op := range group {
			a := *op
			w.face(&a)
			a.SentUS, a.AnsweredUS = sent.Microseconds(), w.now.Microseconds()
			answers[len(group)-1-i] = &a // any order will do
		}
		done(answers)
	})
}

// run lives until the given time.
func (w *world) run(until time.Duration) {
	for len(w.events) > 0 && w.events[0].at < until {
		c := heap.Pop(&w.events).(call)
		w.now = c.at
		c.f()
	}
	w.now = max(w.now, until)
}

// skip sets the clock forward past what an engine has leapt over.
func (w *world) skip(to time.Duration) { w.now = max(w.now, to) }

// open is a face that takes everything and shows empty mailboxes.
func open(op *hist.Op) {
	op.Outcome, op.Reply = hist.OK, "250 2.0.0 taken"
	if op.Kind == hist.Read {
		op.View = &hist.View{UIDValidity: 1, UIDNext: 1}
	}
}

// closed is a face that always answers the same.
func closed(outcome hist.Outcome, reply string) func(*hist.Op) {
	return func(op *hist.Op) { op.Outcome, op.Reply = outcome, reply }
}

const (
	refused    = "connection refused [connect]"
	notYet     = "450 4.2.1 not yet available [rcpt]"
	overloaded = "451 4.3.2 later [mail]"
)
