package prove

import (
	"container/heap"
	"time"
)

// clock is the virtual time of one rig. Both fleets live in it, so that the
// healthy one is always as old as the other.
type clock struct {
	now   time.Duration
	seq   uint64
	queue timers
}

type timer struct {
	at  time.Duration
	seq uint64
	f   func()
}

// Now implements vol.Clock.
func (c *clock) Now() time.Duration { return c.now }

// After implements vol.Clock.
func (c *clock) After(d time.Duration, f func()) {
	c.seq++
	heap.Push(&c.queue, timer{c.now + d, c.seq, f})
}

// step moves to the next thing due and does it, if that is not after end;
// otherwise it moves to end and reports that there is nothing more.
func (c *clock) step(end time.Duration) bool {
	if len(c.queue) == 0 || c.queue[0].at > end {
		c.now = max(c.now, end)
		return false
	}
	t := heap.Pop(&c.queue).(timer)
	c.now = max(c.now, t.at)
	t.f()
	return true
}

// advance moves by d and does all that falls due.
func (c *clock) advance(d time.Duration) { c.to(c.now + d) }

// to moves to a moment and does all that falls due.
func (c *clock) to(end time.Duration) {
	for c.step(end) {
	}
}

// timers is a heap of what is due; of one moment in the order of asking.
type timers []timer

func (t timers) Len() int { return len(t) }
func (t timers) Less(i, j int) bool {
	return t[i].at < t[j].at || t[i].at == t[j].at && t[i].seq < t[j].seq
}
func (t timers) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)   { *t = append(*t, x.(timer)) }
func (t *timers) Pop() any {
	old := *t
	last := old[len(old)-1]
	old[len(old)-1] = timer{}
	*t = old[:len(old)-1]
	return last
}
