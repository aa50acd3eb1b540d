package replica

import (
	"sync"
	"time"
)

// watchdog times the storage operations in flight. It has a timer only while
// there are some.
type watchdog struct {
	bound       time.Duration
	stuck, free func()
	hook        func(op string) error

	mu    sync.Mutex
	next  uint64
	since map[uint64]time.Time
	timer *time.Timer
	hung  bool
}

func newWatchdog(bound time.Duration, stuck, free func()) *watchdog {
	w := &watchdog{bound: bound, stuck: stuck, free: free, since: map[uint64]time.Time{}}
	w.timer = time.AfterFunc(time.Hour, w.fire)
	w.timer.Stop()
	return w
}

// do runs one storage operation under the watchdog.
func (w *watchdog) do(op string, f func() error) error {
	id := w.begin()
	defer w.end(id)
	if w.hook != nil {
		if err := w.hook(op); err != nil {
			return err
		}
	}
	return f()
}

func (w *watchdog) begin() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next++
	w.since[w.next] = time.Now()
	if len(w.since) == 1 {
		w.timer.Reset(w.bound)
	}
	return w.next
}

func (w *watchdog) end(id uint64) {
	w.mu.Lock()
	delete(w.since, id)
	age, any := w.oldest()
	switch {
	case !any:
		w.timer.Stop()
	case age < w.bound:
		w.timer.Reset(w.bound - age)
	}
	freed := w.hung && age < w.bound
	if freed {
		w.hung = false
	}
	w.mu.Unlock()
	if freed {
		w.free()
	}
}

// oldest is the age of the operation that has waited longest. Needs mu.
func (w *watchdog) oldest() (age time.Duration, any bool) {
	for _, t := range w.since {
		age = max(age, time.Since(t))
	}
	return age, len(w.since) > 0
}

func (w *watchdog) fire() {
	w.mu.Lock()
	age, any := w.oldest()
	if any && age < w.bound {
		w.timer.Reset(w.bound - age)
	}
	hangs := any && age >= w.bound && !w.hung
	if hangs {
		w.hung = true
	}
	w.mu.Unlock()
	if hangs {
		w.stuck()
	}
}

// silent is how long the storage has not answered, 0 while that is within the
// bound.
func (w *watchdog) silent() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if age, _ := w.oldest(); age >= w.bound {
		return age
	}
	return 0
}

// bounded runs f, but waits no longer than d for it, and not at all while the
// storage hangs.
func (w *watchdog) bounded(d time.Duration, f func()) {
	done := make(chan struct{})
	go func() { f(); close(done) }()
	if w.silent() > 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// bell tells any number of waiters that something changed.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

// wait is closed at the next ring. Take it before looking at what may change.
func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
