package media

import (
	"sync"
	"syscall"

	"fourdays/storage/vol"
)

// Synced is a volume whose flushes are answered only when the media are on the
// disk. What the flush itself does, and whether it lies, is the volume's matter.
// Flushes that wait share one sync of the disk.
type Synced struct {
	v vol.Volume
	m *Media

	mu      sync.Mutex
	wanted  map[*vol.Op]*flush // not answered and not canceled
	waiting []*flush           // for the disk
	busy    bool
}

// flush is one that the volume was asked for.
type flush struct {
	op   *vol.Op
	res  vol.Result
	done func(vol.Result)
}

// NewSynced makes a volume on media wait for them.
func NewSynced(v vol.Volume, m *Media) *Synced {
	return &Synced{v: v, m: m, wanted: map[*vol.Op]*flush{}}
}

// Do implements vol.Volume. It may be called concurrently.
func (s *Synced) Do(op *vol.Op, done func(vol.Result)) {
	if op.Kind != vol.Sync && op.Kind != vol.SyncDir {
		s.v.Do(op, done)
		return
	}
	f := &flush{op: op, done: done}
	s.mu.Lock()
	s.wanted[op] = f
	s.mu.Unlock()
	s.v.Do(op, func(res vol.Result) {
		if f.res = res; res.Errno != 0 {
			s.answer(f)
			return
		}
		s.wait(f)
	})
}

// answer gives the answer to a flush, unless it was canceled.
func (s *Synced) answer(f *flush) {
	s.mu.Lock()
	wanted := s.wanted[f.op] == f
	if wanted {
		delete(s.wanted, f.op)
	}
	s.mu.Unlock()
	if wanted {
		f.done(f.res)
	}
}

// wait puts a flush among those that wait for the disk.
func (s *Synced) wait(f *flush) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, f)
	if !s.busy {
		s.busy = true
		go s.work()
	}
}

// work syncs the disk for as long as somebody waits.
func (s *Synced) work() {
	for {
		s.mu.Lock()
		ready := s.waiting
		s.waiting, s.busy = nil, len(ready) > 0
		s.mu.Unlock()
		if len(ready) == 0 {
			return
		}
		err := s.m.Sync()
		for _, f := range ready {
			if err != nil {
				f.res = vol.Result{Errno: syscall.EIO}
			}
			s.answer(f)
		}
	}
}

// Cancel implements vol.Canceler, as far as the volume does.
func (s *Synced) Cancel(op *vol.Op) {
	s.mu.Lock()
	delete(s.wanted, op)
	s.mu.Unlock()
	if c, ok := s.v.(vol.Canceler); ok {
		c.Cancel(op)
	}
}
