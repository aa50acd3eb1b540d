package workload

import "time"

// task is something that falls due.
type task interface {
	// run does it.
	run(e *Engine)
	// wants names the accounts that run would ask a program about at once, as
	// indexes, and says whether it is a delivery; none when it would ask nothing.
	wants(e *Engine, now time.Duration) (delivery bool, accounts []int32)
}

// event is a task with its time. seq keeps the order of events of one time.
type event struct {
	at   time.Duration
	seq  uint64
	what task
}

func (a event) before(b event) bool {
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

// queue is a binary heap of events, the earliest first. container/heap would
// box every event.
type queue struct {
	events []event
	seq    uint64
}

func (q *queue) push(at time.Duration, what task) {
	q.seq++
	q.events = append(q.events, event{at, q.seq, what})
	i := len(q.events) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !q.events[i].before(q.events[up]) {
			break
		}
		q.events[i], q.events[up] = q.events[up], q.events[i]
		i = up
	}
}

func (q *queue) pop() event {
	first, last := q.events[0], len(q.events)-1
	q.events[0] = q.events[last]
	q.events[last] = event{}
	q.events = q.events[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			return first
		}
		if down+1 < last && q.events[down+1].before(q.events[down]) {
			down++
		}
		if !q.events[down].before(q.events[i]) {
			return first
		}
		q.events[i], q.events[down] = q.events[down], q.events[i]
		i = down
	}
}
