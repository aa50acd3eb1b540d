package live

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"fourdays/harness/agenda"
)

// timers call back in real time, in order, on a goroutine of their own. Go's
// timers are late by up to a millisecond while a program waits for nothing else,
// which is several times what an array takes for an operation; a file descriptor
// of the kernel's wakes it when it is due.
type timers struct {
	start time.Time

	mu    sync.Mutex
	fd    int
	file  *os.File // nil until the first is needed
	due   agenda.Agenda
	ended bool
}

// after calls f when d has passed. f must not wait for anything: the next are
// behind it.
func (t *timers) after(d time.Duration, f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	if t.file == nil {
		t.open()
	}
	if e := t.due.Add(time.Since(t.start)+max(d, 0), f); t.due.First() == e {
		t.set()
	}
}

// open makes the descriptor. Needs mu. A process that has none left cannot run a
// world, and finds out where it starts one.
func (t *timers) open() {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		panic(fmt.Sprintf("make a timer: %v", err))
	}
	t.fd, t.file = fd, os.NewFile(uintptr(fd), "timer")
	go t.call(t.file)
}

// set winds the clock for the first that is due. Needs mu.
func (t *timers) set() {
	first := t.due.First()
	if t.ended || first == nil {
		return
	}
	wait := max(first.At()-time.Since(t.start), 1) // zero would never come
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(wait))}
	if err := unix.TimerfdSettime(t.fd, 0, &spec, nil); err != nil {
		panic(fmt.Sprintf("set a timer: %v", err))
	}
}

func (t *timers) call(file *os.File) {
	for count := make([]byte, 8); ; {
		if _, err := file.Read(count); err != nil {
			return // closed
		}
		for {
			f := t.next()
			if f == nil {
				break
			}
			f()
		}
	}
}

// next takes one that is due, or sets the clock for it.
func (t *timers) next() func() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if first := t.due.First(); first != nil && first.At() <= time.Since(t.start) {
		return t.due.Take()
	}
	t.set()
	return nil
}

// close calls nobody any more.
func (t *timers) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended, t.due = true, agenda.Agenda{}
	if t.file != nil {
		_ = t.file.Close()
	}
}
