// Package live is what the worlds of real processes have in common: a loop
// that calls back on one goroutine while real time passes, streams to programs,
// the processes themselves and what they print, volumes as kernel mounts, and
// the building of native programs.
//
// It owns the life of every process and mount that it starts: each is marked
// with FOURDAYS_RUN in its environment, and ends when this process ends in
// whatever way; a mount leaves nothing. What such a process has started itself is
// killed with its group as long as this process lives. If this process is killed,
// it stays, and is found by its mark. It assumes Linux, and volumes that may be
// called from any goroutine. It never looks at a file below a mount of its own, as a
// hanging array would take it along. It knows nothing of mail, arrays,
// scenarios or containers.
package live

import (
	"context"
	"sync"
	"time"

	"fourdays/harness/agenda"
)

// Loop is a world.Clock in real time, and a vol.Clock. Whatever is planned with
// At or comes in with Post is called inside Run only, on Run's goroutine.
type Loop struct {
	start time.Time
	bell  chan struct{} // there may be something to do earlier than was thought
	over  chan struct{} // closed by Close
	real  timers        // of volumes

	mu      sync.Mutex
	plan    agenda.Agenda
	err     error
	stopped bool
}

// NewLoop makes a loop whose time begins now.
func NewLoop() *Loop {
	now := time.Now()
	return &Loop{start: now, bell: make(chan struct{}, 1), over: make(chan struct{}), real: timers{start: now}}
}

// Close lets go of everybody who waits for a callback: there are no more.
func (l *Loop) Close() {
	close(l.over)
	l.real.close()
}

// Now is the time since the loop was made. It never falls.
func (l *Loop) Now() time.Duration { return time.Since(l.start) }

// Wall is the clock on the wall, which programs of this machine share.
func (l *Loop) Wall() time.Time { return time.Now() }

// At calls f in Run when Now reaches t, or at once in the next Run if it has.
// What is due is called in the order of time, and for one moment in the order
// of the At calls. It may be called from any goroutine.
func (l *Loop) At(t time.Duration, f func()) {
	l.mu.Lock()
	l.plan.Add(t, f)
	l.mu.Unlock()
	l.ring()
}

// ring has Run look again.
func (l *Loop) ring() {
	select {
	case l.bell <- struct{}{}:
	default:
	}
}

// Post calls f in Run as soon as it can be. It may be called from any goroutine.
func (l *Loop) Post(f func()) { l.At(l.Now(), f) }

// After implements vol.Clock. f is called in order, whether Run is being called or
// not: a kernel waits for a volume's answers. It must not wait for anything.
func (l *Loop) After(d time.Duration, f func()) { l.real.after(d, f) }

// Stop makes the current Run return. It may be called from any goroutine.
func (l *Loop) Stop() {
	defer l.ring()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
}

// Fail makes the current and every later Run return err. It may be called from
// any goroutine.
func (l *Loop) Fail(err error) {
	defer l.ring()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
}

// Run calls what is due until Now is until, Stop or Fail is called, or ctx ends.
func (l *Loop) Run(ctx context.Context, until time.Duration) error {
	l.mu.Lock()
	l.stopped = false
	l.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f, at, err := l.next(until)
		switch {
		case err != nil:
			return err
		case f != nil:
			f()
			continue
		case at <= l.Now():
			return nil
		}
		timer.Reset(at - l.Now())
		select {
		case <-ctx.Done():
		case <-l.bell:
		case <-timer.C:
		}
	}
}

// next takes what is due by until, or says when to look again; a moment that
// has passed means that the run is over.
func (l *Loop) next(until time.Duration) (f func(), at time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil || l.stopped {
		return nil, 0, l.err
	}
	first := l.plan.First()
	if first == nil || first.At() > until {
		return nil, until, nil
	}
	if at = first.At(); at > l.Now() {
		return nil, at, nil
	}
	return l.plan.Take(), at, nil
}
