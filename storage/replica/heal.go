package replica

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// healer puts bad records of a running node right: those that reads, commands
// and scrubs came across, one after the other, in the background.
//
// It writes what the census says and nothing else, in one synced commit, while
// the state stands still, and only if the record is still bad then. So a good
// record is never written over, whatever another node or an own read said.
type healer struct {
	replica  *Replica
	patience time.Duration // for a copy from another node, where nobody else bounds it

	mu      sync.Mutex
	queue   []string        // to be looked at
	waiting map[string]bool // those of the queue
	bad     map[string]bool // known to be bad, and not repaired yet
	tally   tally
	working bool
	closed  bool
	idle    sync.WaitGroup // of what may write
}

// tally counts records since the node was started.
type tally struct {
	damaged, repaired uint64
}

// maxWaiting bounds the records that wait for repair (picked). Those beyond are
// found again by the next read or scrub.
const maxWaiting = 4096

func newHealer(r *Replica) *healer {
	return &healer{replica: r, patience: r.cfg.Watchdog, waiting: map[string]bool{}, bad: map[string]bool{}}
}

// limit bounds a wait for the others by ctx, or by itself where there is none.
func (h *healer) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx != nil {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(context.Background(), h.patience)
}

// later has a record looked at and repaired in the background.
func (h *healer) later(sub string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.waiting[sub] || len(h.queue) >= maxWaiting {
		return
	}
	h.waiting[sub] = true
	h.queue = append(h.queue, sub)
	if !h.working {
		h.working = true
		h.idle.Add(1)
		go h.work()
	}
}

func (h *healer) work() {
	defer h.idle.Done()
	for {
		h.mu.Lock()
		if len(h.queue) == 0 || h.closed {
			h.working = false
			h.mu.Unlock()
			return
		}
		sub := h.queue[0]
		h.queue = h.queue[1:]
		delete(h.waiting, sub)
		h.mu.Unlock()
		h.repairInTime(sub)
	}
}

func (h *healer) repairInTime(sub string) {
	ctx, cancel := h.limit(nil) //lint:ignore SA1012 nobody else bounds this wait
	defer cancel()
	h.repair(ctx, sub)
}

// enter keeps the store open until leave; it says whether that is still
// possible.
func (h *healer) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.idle.Add(1)
	return true
}

func (h *healer) leave() { h.idle.Done() }

// close ends all repairs and waits for the one under way.
func (h *healer) close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.idle.Wait()
}

// finding is what became of a record that was found bad.
type finding int

const (
	whole      finding = iota // it is good: a read had failed, or it has changed since
	repaired                  // by a copy of another node
	unrepaired                // it is bad, and stays so for now
)

// repair makes a record of the state what the census says, if it is not, or an
// entry of the log what was applied. It waits for the others as long as ctx
// allows.
func (h *healer) repair(ctx context.Context, sub string) finding {
	if sub[0] == logSpace {
		return h.repairEntry(ctx, sub)
	}
	st := h.replica.store.Load().state
	c := st.census.Load()
	if c == nil || st.trust {
		return unrepaired
	}
	m, exists := c.find(sub)
	wrong := st.wrong(sub)
	if wrong == nil {
		return h.found(sub, whole)
	}
	_ = h.found(sub, unrepaired)
	var sealed []byte
	from := "itself: there should be none"
	if exists {
		var err error
		if sealed, from, err = h.fetch(ctx, c, m); err != nil {
			h.replica.Detect(fmt.Sprintf("not repaired: %v", err))
			return unrepaired
		}
	}
	return h.found(sub, h.write(c, m, exists, sealed, from))
}

// found notes what a record is now.
func (h *healer) found(sub string, f finding) finding {
	h.mu.Lock()
	defer h.mu.Unlock()
	known := h.bad[sub]
	switch f {
	case whole:
		delete(h.bad, sub)
	case repaired:
		delete(h.bad, sub)
		h.tally.repaired++
	case unrepaired:
		h.bad[sub] = true
		if !known {
			h.tally.damaged++
		}
	}
	return f
}

// write puts sealed, nil for nothing, in the place of what is bad. With the lock
// the census says what is durable here; if it has changed since, the record was
// written anew.
func (h *healer) write(c *census, m member, exists bool, sealed []byte, from string) finding {
	r := h.replica
	st := r.store.Load().state
	st.mu.Lock()
	defer st.mu.Unlock()
	now, still := c.find(m.sub)
	if st.census.Load() != c || exists != still || exists && now != m || st.wrong(m.sub) == nil {
		return whole
	}
	if r.phase.Load().name != running {
		return unrepaired
	}
	st.put("repair", []record{{stateKey(c.gen, []byte(m.sub)), sealed}})
	if wrong := st.wrong(m.sub); wrong != nil {
		r.Detect(fmt.Sprintf("not repaired: the right record was written and does not come back: %v", wrong))
		return unrepaired
	}
	r.Detect(fmt.Sprintf("key %q: repaired from %s", m.sub, from))
	return repaired
}

// wrong says what is wrong with the record at sub as it is read just now.
func (st *state) wrong(sub string) error {
	v, _ := st.view()
	defer v.txn.Discard()
	sealed, err := getRaw(v.txn, stateKey(v.gen, []byte(sub)))
	return v.judge(sub, sealed, err)
}
