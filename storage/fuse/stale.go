//go:build linux

package fuse

import (
	"sync"
	"time"
)

// The bounds of an invalidation (picked).
const (
	staleWithin = 2 * time.Second       // how long Invalidate waits for the kernel
	stuckAfter  = 20 * time.Millisecond // how long for one file, before it goes on with the next
)

// stale is the files that the kernel is just being told to forget. It does not
// answer while a page of the file is being read or written, so a volume that hangs
// must not be asked for twice.
type stale struct {
	mu   sync.Mutex
	busy map[uint64]bool // and whether to tell it again
}

// begin reports whether the kernel may be told now. If it is being told, it will
// be told once more.
func (s *stale) begin(id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.busy[id]; ok {
		s.busy[id] = true
		return false
	}
	if s.busy == nil {
		s.busy = map[uint64]bool{}
	}
	s.busy[id] = false
	return true
}

// again ends what begin began, and reports whether to begin anew.
func (s *stale) again(id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[id] {
		s.busy[id] = false
		return true
	}
	delete(s.busy, id)
	return false
}

// Invalidate makes the kernel forget the pages and attributes it holds, so that
// the next read asks the volume. Dirty pages are written first; where that hangs,
// Invalidate returns all the same after a bound, and the kernel forgets later.
func (m *Mount) Invalidate() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, id := range m.d.table.ids() {
			m.forget(id)
		}
	}()
	select {
	case <-done:
	case <-m.gone:
	case <-time.After(staleWithin):
	}
}

func (m *Mount) forget(id uint64) {
	if !m.stale.begin(id) {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			m.server.InodeNotify(id, 0, 0)
			if !m.stale.again(id) {
				return
			}
		}
	}()
	select {
	case <-done:
	case <-m.gone:
	case <-time.After(stuckAfter):
	}
}
