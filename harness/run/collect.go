package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fourdays/harness/check"
	"fourdays/harness/hist"
	"fourdays/harness/recovery"
	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/harness/workload"
	"fourdays/harness/world"
)

// Collect plays a scenario and leaves history.jsonl and log/ in opt.Dir. The
// evidence says how it ended; it is nil only if the run never began. An error
// is a fault of the harness.
func Collect(ctx context.Context, s *scenario.Scenario, opt Options) (*Evidence, error) {
	st, err := newStage(ctx, s, opt)
	if err != nil {
		return nil, err
	}
	err = st.play()
	st.ev.Ended = "completed"
	if err != nil {
		st.ev.Ended, st.ev.Why = "error", err.Error()
	}
	if halt := st.ev.Stopped; halt != nil && errors.Is(err, errHalted) {
		st.ev.Ended, err = "aborted", nil
		st.ev.Why = fmt.Sprintf("stopped at %s: the script says to stop when %s, and it was %s", report.At(halt.AtMS), halt.When, halt.Value)
	}
	if ctx.Err() != nil {
		st.ev.Ended, st.ev.Why, err = "aborted", "stopped by the operator "+st.moment(), nil
	}
	st.conclude()
	cerr := st.close()
	st.ev.Operations = st.out.Count()
	if cerr != nil {
		return st.ev, errors.Join(err, cerr)
	}
	return st.ev, err
}

// moment names the time for people. Before the scenario's zero there is none.
func (st *stage) moment() string {
	if st.Now() < 0 {
		return "while the store was prepared"
	}
	return "at " + report.At(st.Now().Milliseconds())
}

// play is the phases up to the last audit.
func (st *stage) play() error {
	for _, phase := range []struct {
		name string
		f    func() error
	}{{"prepare", st.prepare}, {"run", st.script}, {"settle", st.settle}, {"audit", st.audit}} {
		st.progress(phase.name, "")
		if err := phase.f(); err != nil {
			return err
		}
	}
	return nil
}

// until lets the world live until a condition holds.
func (st *stage) until(what string, limit time.Duration, holds func() bool) error {
	end := st.clock.Now() + limit
	for !holds() {
		if st.clock.Now() >= end {
			return fmt.Errorf("%s: not within %v of %s", what, limit, st.pace.words)
		}
		if err := st.live(st.clock.Now() + st.pace.step); err != nil {
			return err
		}
	}
	return nil
}

// live lets the world live until a moment of the run's clock.
func (st *stage) live(until time.Duration) error {
	if err := st.w.Run(st.ctx, st.clock.inWorld(until)); err != nil {
		return err
	}
	return errors.Join(st.err, st.drv.err)
}

// prepare starts the store, makes the accounts and fills the archive, before
// the scenario's zero.
func (st *stage) prepare() error {
	for _, n := range st.nodes {
		st.start(n)
	}
	connected := false
	if err := st.startLoad(func() { connected = true }); err != nil {
		return err
	}
	if err := st.until("connect to the load driver", st.pace.start, func() bool { return connected }); err != nil {
		return err
	}
	if err := st.awaitStore(); err != nil {
		return err
	}
	if err := st.fillArchive(); err != nil {
		return err
	}
	return st.zero()
}

// awaitStore waits until the store serves, and makes its accounts.
func (st *stage) awaitStore() error {
	if st.foreign != nil {
		if err := st.awaitForeign(); err != nil {
			return err
		}
		return st.prepareForeign()
	}
	if err := st.until("start the store", st.pace.start, st.polling(st.allReady)); err != nil {
		return err
	}
	return st.makeAccounts()
}

// polling asks the nodes how they are before each look.
func (st *stage) polling(holds func() bool) func() bool {
	asked := false
	return func() bool {
		if !asked {
			asked = true
			st.probe(func() { asked = false })
		}
		return holds()
	}
}

func (st *stage) allReady() bool {
	leaders := 0
	for _, n := range st.nodes {
		if !n.last.reachable || n.last.Unavailable != "" || n.last.Fenced {
			return false
		}
		if n.last.Role == leader {
			leaders++
		}
	}
	return leaders == 1
}

func (st *stage) makeAccounts() error {
	var answer *hist.Op
	asked := false
	st.admin(st.nodes[0].name, "POST", "/accounts", st.accountsBody(), func(op *hist.Op) { answer, asked = op, true })
	if err := st.until("make the accounts", st.pace.start, func() bool { return asked }); err != nil {
		return err
	}
	if answer == nil || answer.Outcome != hist.OK {
		return fmt.Errorf("make the accounts: %+v", answer)
	}
	return nil
}

func (st *stage) fillArchive() error {
	var loaded *workload.Loaded
	st.engine.Load(st.s.Mail.Archive, 16, func(l workload.Loaded) { loaded = &l })
	if err := st.until("fill the archive", st.pace.fill, func() bool { return loaded != nil }); err != nil {
		return err
	}
	if loaded.Failed > 0 {
		return fmt.Errorf("fill the archive: %d of %d messages and folders were refused", loaded.Failed, loaded.Failed+loaded.Messages+loaded.Mailboxes)
	}
	return nil
}

// script plays the timeline.
func (st *stage) script() error {
	st.tell("phase", "the run begins: %d mailboxes on %d replicas", len(st.accounts), len(st.nodes))
	st.begins()
	st.plan()
	if err := st.planBackground(); err != nil {
		return err
	}
	st.forgetting()
	st.engine.Start()
	st.openPlaybook()
	if err := st.liveTo(st.s.Duration); err != nil {
		return err
	}
	st.closePlaybook("it was not over when the script was")
	return nil
}

// liveTo lets the scenario's time go on to t, and tells how far it is.
func (st *stage) liveTo(t time.Duration) error {
	for st.Now() < t {
		if err := st.live(min(st.clock.Now()+st.pace.tell, t+lead)); err != nil {
			return err
		}
		st.progress("run", "")
	}
	return nil
}

// settle ends arrivals, watches users for as long as the scenario says, and waits
// for what is under way. Followers learn of the last commit with a heartbeat: to
// audit them before would show a difference that is none.
func (st *stage) settle() error {
	st.tell("phase", "the script is over; nothing new is sent")
	st.engine.StopArrivals()
	heartbeat := 3 * st.s.Raft.Timeout
	if st.foreign != nil {
		heartbeat = 0 // there are no followers
	}
	if err := st.liveTo(st.s.Duration + max(st.s.Settle, heartbeat)); err != nil {
		return err
	}
	st.ends()
	watched := st.Now().Microseconds()
	st.ev.WatchedUS = &watched
	quiet := false
	st.engine.Hold()
	st.engine.Quiesce(func() { quiet = true })
	if err := st.until("wait for open questions", st.pace.quiet, func() bool { return quiet }); err != nil {
		return err
	}
	if err := st.settleSpools(); err != nil {
		return err
	}
	return st.liveTo(st.Now() + heartbeat) // retries may have been answered last
}

// audit reads every mailbox on every replica, and a sample through IMAP.
func (st *stage) audit() error {
	for _, w := range st.engine.Waiting() {
		st.ev.Queued = append(st.ev.Queued, check.Recipient{Account: w.Account, Message: w.Message})
	}
	st.ev.QueueKnown = true
	st.forget()
	st.verified = verification{running: true, seen: map[string]string{}}
	done := false
	sample := min(len(st.accounts), 20)
	if st.foreign != nil {
		sample = len(st.accounts) // nothing else shows what is there
	}
	st.engine.Audit(sample, st.pace.window, func(unanswered int) { st.ev.Unanswered, done = unanswered, true })
	if err := st.until("the last audit", st.pace.audit, func() bool { return done }); err != nil {
		return err
	}
	now := st.Now().Microseconds()
	st.ev.AuditedUS = &now
	if st.verified.wrong == "" && len(st.verified.seen) > 0 {
		st.ev.agreed(st.Now())
	}
	heard := false
	st.probe(func() { heard = true })
	err := st.until("the last look at the nodes", st.pace.start, func() bool { return heard })
	if err == nil {
		err = st.lastLook()
	}
	if err == nil && st.foreign != nil {
		err = st.endForeign()
	}
	return err
}

// lastLook holds the stop conditions to what the last audit has found.
func (st *stage) lastLook() error {
	if err := st.judgeSoFar(); err != nil {
		return err
	}
	if st.consider(); st.ev.Stopped != nil {
		return errHalted
	}
	return nil
}

// conclude fills the evidence with what is known at the end.
func (st *stage) conclude() {
	ev := st.ev
	st.ends()
	st.closePlaybook("it was not over when the run ended")
	st.alarms()
	st.receipts()
	if d, ok := st.w.(world.Digester); ok {
		ev.Digest, ev.Events = d.Digest(), d.Events()
	}
	ev.VirtualMS = max(0, st.Now().Milliseconds())
	if l, ok := st.w.(world.Leaper); ok {
		ev.LeaptMS = max(0, (l.Leapt() - st.prepared).Milliseconds())
	}
	ev.HealthUS = st.health.firstUS
	for _, n := range st.nodes {
		ev.Nodes = append(ev.Nodes, NodeState{
			Node: report.Node{
				ID: n.name, Identity: n.known(), Array: n.array, OS: st.fleet.OS(n.array),
				State: n.state(), Fenced: n.last.Fenced, Reason: n.last.Reason, Detected: n.detected,
			},
			Reachable: n.last.reachable, NoticedMS: n.noticedMS,
		})
	}
	volumes := []string{}
	for _, n := range st.nodes {
		volumes = append(volumes, n.volumes()...)
	}
	for _, sp := range st.spools {
		ev.Spools = append(ev.Spools, sp.report)
		volumes = append(volumes, scenario.SpoolVolume(sp.array))
	}
	for _, name := range volumes {
		for _, d := range st.fleet.Volume(name).Audit() {
			ev.Damage[name] = append(ev.Damage[name], fmt.Sprint(d))
		}
	}
	if ev.Closed == nil {
		ev.Closed = []recovery.Closure{}
	}
}
