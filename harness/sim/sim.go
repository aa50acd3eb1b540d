// Package sim is the deterministic world: virtual time, a virtual network, and
// programs compiled to WebAssembly whose every look at the world goes through
// its kernel.
//
// It owns the order of events, the clock, the network, the life and death of
// machines, the system calls of WASI preview 1 as Go programs use them, and
// the building of guests. It assumes that volumes answer on its clock (package
// vol) and that nothing else in the process calls into it: a Sim belongs to
// one goroutine. It is the only importer of wazero, and knows nothing of mail,
// arrays or scenarios.
package sim

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"fourdays/harness/agenda"
)

// tick is how far a look at the clock moves it, so that a program that waits
// by looking does not wait for ever. Picked.
const tick = 200 * time.Nanosecond

// Config describes a world.
type Config struct {
	Seed uint64
	// Epoch is the wall clock at the start of the run.
	Epoch time.Time
	// Net is the network between machines until SetLink changes a pair.
	Net Link
	// Log receives what programs print, each line headed by time and machine;
	// nil drops it.
	Log io.Writer
	// Trace keeps a description of every event, for Divergence.
	Trace bool
}

// Sim is one world. Its methods must be called from the goroutine that calls
// Run, before, between or (from events) during runs.
type Sim struct {
	cfg      Config
	now      time.Duration // the world's time: leaps are not in it
	leapt    time.Duration
	world    agenda.Agenda // programs, network and disks
	plan     agenda.Agenda // the harness; counts leaps
	machines map[string]*Machine
	byIP     map[uint32]*Machine
	net      network
	trace    trace
	engine   *engine
	running  atomic.Pointer[Machine]
	err      error
	stops    map[string]int
	stopped  bool
	beat     func() // tells the watchdog that the loop is alive
	patience time.Duration
	stuck    bool // a program computes on and cannot be ended
}

// New makes an empty world. Close releases it.
func New(ctx context.Context, cfg Config, eng *Engine) (*Sim, error) {
	s := &Sim{cfg: cfg, machines: map[string]*Machine{}, byIP: map[uint32]*Machine{}, stops: map[string]int{}, beat: func() {}, patience: patience}
	s.trace.init(cfg.Trace)
	s.net.init(s)
	var err error
	s.engine, err = newEngine(ctx, eng)
	return s, err
}

// Close ends every program and frees the memory of the world, unless a program
// is stuck: it cannot be ended, and what it computes on must stay.
func (s *Sim) Close(ctx context.Context) error {
	if s.stuck {
		return nil
	}
	for _, m := range s.machines {
		m.end()
	}
	return s.engine.close(ctx)
}

// Now is the time since the start of the run, leaps included. It never falls.
func (s *Sim) Now() time.Duration { return s.now + s.leapt }

// Leapt is how much of Now was leapt over.
func (s *Sim) Leapt() time.Duration { return s.leapt }

// At calls f when Now reaches t, or at once in the next Run if it has.
// Functions for the same moment run in the order of their At calls.
func (s *Sim) At(t time.Duration, f func()) { s.plan.Add(t, f) }

// After implements vol.Clock in the world's own time: a leap does not shorten
// the wait.
func (s *Sim) After(d time.Duration, f func()) { s.after(d, f) }

func (s *Sim) after(d time.Duration, f func()) *agenda.Entry {
	return s.world.Add(s.now+max(d, 0), f)
}

// Rand is the stream of random numbers of that name.
func (s *Sim) Rand(name string) *rand.Rand {
	h := fnv.New64a()
	io.WriteString(h, name)
	return rand.New(rand.NewPCG(s.cfg.Seed, h.Sum64()))
}

// Leap moves the wall clock and everything the harness has planned forward by
// d, while programs, network and disks stand still.
func (s *Sim) Leap(d time.Duration) {
	s.leapt += max(d, 0)
	s.trace.event(s.Now(), "leap", "", uint64(d), nil)
}

// Stops says how often, by operation, a whole program stood still for its disk
// because the caller could not be parked. With a disk that hangs it would stand
// still for ever: DESIGN.md lists what may.
func (s *Sim) Stops() map[string]int { return s.stops }

// Stop makes the current Run return after this event.
func (s *Sim) Stop() { s.stopped = true }

// Fail makes the current and every later Run return err.
func (s *Sim) Fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// ErrStuck means that a program computed on without ever letting the world
// continue.
var ErrStuck = errors.New("program never yields")

// patience is how long, on the real clock, a program may compute on before the
// run is given up; it cannot change a result, only end a hopeless run. Picked.
const patience = 2 * time.Minute

// Run lets the world live until Now is until, Stop or Fail is called, or ctx
// ends. Time never passes it: the next Run goes on exactly there.
func (s *Sim) Run(ctx context.Context, until time.Duration) error {
	s.stopped = false
	done := make(chan error, 1)
	beats := make(chan struct{}, 1)
	s.beat = func() {
		select {
		case beats <- struct{}{}:
		default:
		}
	}
	go func() {
		defer close(done) // a callback may have ended its goroutine
		done <- s.loop(ctx, until)
	}()
	for {
		select {
		case err, whole := <-done:
			if !whole {
				return errors.New("a callback ended the run's goroutine")
			}
			return err
		case <-beats:
		case <-realTimeout(s.patience):
			s.stuck = true
			who := "the harness"
			if m := s.running.Load(); m != nil {
				who = m.spec.Name
			}
			return fmt.Errorf("%w: %s has computed for %v of real time", ErrStuck, who, s.patience)
		}
	}
}

func (s *Sim) loop(ctx context.Context, until time.Duration) error {
	for n := 0; s.err == nil && !s.stopped; n++ {
		if n%1024 == 0 {
			s.beat()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f := s.take(until)
		if f == nil {
			s.now = max(s.now, until-s.leapt)
			break
		}
		f()
	}
	return s.err
}

// take takes what is due next, by until, and moves the clock to it. Between the
// two lists the harness goes first: its plan is what the world lives in.
func (s *Sim) take(until time.Duration) func() {
	w, p := s.world.First(), s.plan.First()
	list, at := &s.world, time.Duration(0)
	switch {
	case p != nil && (w == nil || p.At()-s.leapt <= w.At()):
		list, at = &s.plan, p.At()-s.leapt
	case w != nil:
		at = w.At()
	default:
		return nil
	}
	if at > until-s.leapt {
		return nil
	}
	s.now = max(s.now, at)
	return list.Take()
}
