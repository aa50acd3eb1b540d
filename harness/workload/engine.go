package workload

import (
	"math/rand/v2"
	"time"

	"fourdays/harness/hist"
)

// Engine is the load of one run. All its methods are called on the goroutine of
// its Port.
type Engine struct {
	cfg  Config
	port Port

	queue  queue
	woken  bool          // a call of wake is on its way …
	wakeAt time.Duration // … for this time
	leap   *leap         // not nil while leaping
	leaps  int

	lastID   int64
	drawn    int // messages of senders
	changes  int
	stored   int // messages of the archive
	inflight int
	stopped  bool
	quiet    func()

	people  weights // of the accounts
	kinds   weights // of the MTAs
	onHold  bool
	hosts   [][]*host
	boxes   map[boxKey]*box
	started bool

	count   Counters
	waiting int
}

// New makes an engine; Start sets it going.
func New(cfg Config, port Port) (*Engine, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, port: port, boxes: map[boxKey]*box{}}
	e.people = lognormal(stream(cfg.Seed, "workload/people"), len(cfg.Accounts))
	if len(cfg.Senders.MTAs) > 0 {
		e.populate()
	}
	return e, nil
}

// Start plans the first arrivals, from now on or from Config.Start if that is
// later. It is called once.
func (e *Engine) Start() {
	if e.started {
		panic("workload: Start called twice")
	}
	e.started = true
	e.plan("deliver", e.cfg.Deliver, e.bear)
	e.plan("read", e.cfg.Read, e.drawRead)
	e.plan("change", e.cfg.Change, e.drawChange)
	e.startClients()
	e.arm()
}

// Counters is what was seen so far.
func (e *Engine) Counters() Counters { return e.count }

// Backlog is how many recipients' messages wait in the senders' queues, those
// that are being tried just now included.
func (e *Engine) Backlog() int { return e.waiting }

// InFlight is how many questions wait for their answers.
func (e *Engine) InFlight() int { return e.inflight }

// StopArrivals ends the plan: nothing new is born. Senders go on retrying.
func (e *Engine) StopArrivals() { e.stopped = true }

// Hold keeps everything back that is not on its way yet, retries included: the
// senders still have it, but the world stands still for the last audit.
func (e *Engine) Hold() { e.stopped, e.onHold = true, true }

// Quiesce stops arrivals and calls done once no question is open. Senders may
// still have a Backlog then, and go on retrying.
func (e *Engine) Quiesce(done func()) {
	e.StopArrivals()
	e.quiet = done
	if e.inflight == 0 {
		e.port.At(e.now(), e.hush)
	}
}

func (e *Engine) hush() {
	if e.inflight > 0 || e.quiet == nil {
		return
	}
	done := e.quiet
	e.quiet = nil
	done()
}

func (e *Engine) now() time.Duration {
	if e.leap != nil {
		return e.leap.now
	}
	return e.port.Now()
}

// later plans a task. Nothing is planned into the past.
func (e *Engine) later(at time.Duration, what task) {
	e.queue.push(max(at, e.now()), what)
	e.arm()
}

// arm has the port wake the engine for the next event. A wake-up that was
// overtaken by an earlier one finds nothing to do.
func (e *Engine) arm() {
	if e.leap != nil || e.onHold || len(e.queue.events) == 0 {
		return
	}
	at := e.queue.events[0].at
	if e.woken && e.wakeAt <= at {
		return
	}
	e.woken, e.wakeAt = true, at
	e.port.At(at, func() { e.wake(at) })
}

func (e *Engine) wake(at time.Duration) {
	if at == e.wakeAt {
		e.woken = false
	}
	if e.onHold {
		return
	}
	now := e.port.Now()
	for len(e.queue.events) > 0 && e.queue.events[0].at <= now {
		e.queue.pop().what.run(e)
	}
	e.arm()
}

// id gives the next question its number.
func (e *Engine) id() int64 {
	e.lastID++
	return e.lastID
}

// ask carries a group to the port and hands done the completed ops, in the
// order of the group. Every answer is recorded.
func (e *Engine) ask(group []*hist.Op, done func([]*hist.Op)) {
	for _, op := range group {
		op.ID = e.id()
	}
	if e.leap != nil {
		e.leap.answerAll(group)
		done(group)
		return
	}
	asked := e.port.Now()
	e.inflight += len(group)
	e.port.Ask(group, func(answers []*hist.Op) {
		matched := e.match(group, answers, asked)
		e.inflight -= len(group)
		for _, op := range matched {
			e.cfg.Record(op)
		}
		done(matched)
		if e.inflight == 0 {
			e.hush()
		}
	})
}

// match puts the answers into the order of the questions. A question without
// an answer, as when the driver died, has an unknown outcome.
func (e *Engine) match(group, answers []*hist.Op, asked time.Duration) []*hist.Op {
	matched := make([]*hist.Op, len(group))
	for i, op := range group {
		for _, a := range answers {
			if a.ID == op.ID && a.Mailbox == op.Mailbox && a.Outcome != "" {
				matched[i] = a
			}
		}
		if matched[i] == nil {
			lost := *op
			lost.Outcome, lost.Reply = hist.Unknown, "no answer from the driver"
			lost.SentUS, lost.AnsweredUS = asked.Microseconds(), e.port.Now().Microseconds()
			matched[i] = &lost
		}
	}
	return matched
}

// node chooses the node of an attempt: the same for the same numbers, whatever
// else happens.
func (e *Engine) node(a, b uint64, turn int) string {
	n := uint64(len(e.cfg.Nodes))
	return e.cfg.Nodes[(mix(e.cfg.Seed, a, b)%n+uint64(turn))%n]
}

// plan starts a Poisson stream of arrivals, each drawn by draw before it is due.
func (e *Engine) plan(name string, rate Rate, draw func(rng *rand.Rand, at time.Duration) task) {
	a := &source{
		arrivals: arrivals{rate: rate, rng: stream(e.cfg.Seed, "workload/"+name+"/arrivals"), at: max(e.cfg.Start, e.now()), end: e.cfg.End},
		rng:      stream(e.cfg.Seed, "workload/"+name),
		draw:     draw,
	}
	a.rearm(e)
}

// source is a stream of arrivals; as a task it is the next of them. What
// arrives is drawn beforehand so that a leap can see whom it concerns.
type source struct {
	arrivals
	rng  *rand.Rand
	draw func(rng *rand.Rand, at time.Duration) task
	next task
}

func (s *source) rearm(e *Engine) {
	at, ok := s.arrivals.next()
	if !ok {
		return
	}
	s.next = s.draw(s.rng, at)
	e.queue.push(at, s)
}

func (s *source) run(e *Engine) {
	if e.stopped {
		return
	}
	due := s.next
	s.rearm(e)
	due.run(e)
}

func (s *source) wants(e *Engine, now time.Duration) (bool, []int32) {
	if e.stopped {
		return false, nil
	}
	return s.next.wants(e, now)
}
