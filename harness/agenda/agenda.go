// Package agenda is a list of what is to be called at which moment of a run.
//
// It owns the order: the earliest first and, of one moment, what was added first.
// That order is the whole of determinism in the simulator, so both kinds of worlds
// have it from here. It assumes that one goroutine at a time uses a list, and knows
// no clock. It imports the standard library only.
package agenda

import (
	"container/heap"
	"time"
)

// Agenda is a list of entries. Its zero value is empty.
type Agenda struct {
	due queue
	seq uint64
}

// Entry is something that is to be called.
type Entry struct {
	at  time.Duration
	seq uint64
	f   func() // nil when it was cancelled
}

// Add has f called at a moment, on whatever clock the list is for. A moment that
// has passed is the earliest there is.
func (a *Agenda) Add(at time.Duration, f func()) *Entry {
	a.seq++
	e := &Entry{at: at, seq: a.seq, f: f}
	heap.Push(&a.due, e)
	return e
}

// First is the entry that is due next, and stays in the list; nil if there is none.
func (a *Agenda) First() *Entry {
	for len(a.due) > 0 && a.due[0].f == nil {
		heap.Pop(&a.due)
	}
	if len(a.due) == 0 {
		return nil
	}
	return a.due[0]
}

// Take takes the first entry out and returns what is to be called; nil if there is
// none. To call it is up to the caller.
func (a *Agenda) Take() func() {
	if a.First() == nil {
		return nil
	}
	return heap.Pop(&a.due).(*Entry).f
}

// At is when the entry is due.
func (e *Entry) At() time.Duration { return e.at }

// Cancel has it never be called. A nil entry, one that was taken and one that was
// cancelled already are left as they are.
func (e *Entry) Cancel() {
	if e != nil {
		e.f = nil
	}
}

type queue []*Entry

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*Entry)) }
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return e
}
