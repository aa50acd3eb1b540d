package run

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"fourdays/harness/check"
	"fourdays/harness/hist"
	"fourdays/harness/report"
	"fourdays/harness/scenario"
)

// errHalted ends a run at a stop condition.
var errHalted = errors.New("a stop condition holds")

// attention is what a run knows beside its history, for the conditions that
// playbooks wait for and that stop it.
type attention struct {
	fixed   []string // bugs whose fix is in
	drought drought
	mail    check.Mail // as the last verification or audit found
	refused int        // steps
	polls   bool       // nodes are being asked
	looks   map[time.Duration]bool
}

// value is how much of what a condition is about there is now, in words too.
func (st *stage) value(c scenario.Condition) (int64, string) {
	n := int64(0)
	switch c.Of {
	case scenario.FencedNow:
		n = st.nodesThat(report.Fenced, c.Names)
	case scenario.ServeNow:
		n = st.nodesThat(report.Serving, c.Names)
	case scenario.Unserved:
		d := time.Duration(0)
		if since, ok := st.unservedSince(); ok {
			d = max(0, st.Now()-since)
		}
		return int64(d), scenario.Duration(d.Truncate(time.Millisecond))
	case scenario.Reopened:
		n = int64(len(st.accounts) - len(st.front.closed))
	case scenario.Lost:
		n = int64(st.attention.mail.Lost)
	case scenario.Altered:
		n = int64(st.attention.mail.Altered)
	case scenario.Misfiled:
		n = int64(st.attention.mail.Misfiled)
	case scenario.Damaged:
		for _, node := range st.nodes {
			n += int64(len(node.detected))
		}
	case scenario.Refused:
		n = int64(st.attention.refused)
	}
	return n, fmt.Sprint(n)
}

// nodesThat counts the nodes that are in a state, among those that are named.
func (st *stage) nodesThat(state string, among []string) (n int64) {
	for _, node := range st.nodes {
		if node.state() == state && (len(among) == 0 || slices.Contains(among, node.name)) {
			n++
		}
	}
	return n
}

// holds says whether a condition does, and what there is of it.
func (st *stage) holds(c scenario.Condition) (got string, so bool) {
	n, got := st.value(c)
	switch c.Of {
	case scenario.FixIn:
		return "", slices.ContainsFunc(st.s.FixesOf(c.Names[0]), func(name string) bool { return slices.Contains(st.attention.fixed, name) })
	case scenario.Noticed:
		return "", st.noticedAnything()
	case scenario.Alarmed:
		return "", st.alarmed(func(array string) bool { return array == c.Names[0] })
	case scenario.Verified:
		return "", st.verified.asked && st.verified.passed
	case scenario.Moment:
		return "", st.Now() >= c.Time
	case scenario.Reopened:
		return got, n >= int64(st.count(c.Share))
	}
	if len(c.Names) > 0 {
		return got, n == int64(len(c.Names))
	}
	return got, c.Holds(n)
}

// noticedAnything says whether a node or an array has told of something, beside
// what the script did to arrays.
func (st *stage) noticedAnything() bool {
	return slices.ContainsFunc(st.nodes, func(n *node) bool { return n.last.Fenced || len(n.detected) > 0 }) ||
		slices.ContainsFunc(st.ev.Scrubs, func(s report.Scrub) bool { return s.Findings > 0 }) || st.alarmed(func(string) bool { return true })
}

// alarmed says whether an array has raised an alarm, or refused what it was asked.
func (st *stage) alarmed(which func(array string) bool) bool {
	for _, a := range st.fleet.Alarms() {
		if a.Rule != "" && which(a.Array) {
			return true
		}
	}
	return slices.ContainsFunc(st.ev.Alarms, func(a Alarm) bool { return which(a.Array) })
}

// consider looks whether the run has to stop, and whether what the playbook waits
// for is there.
func (st *stage) consider() {
	if st.Now() < 0 || st.ev.Stopped != nil {
		return
	}
	for _, h := range st.s.Stop {
		if got, so := st.holds(h.When); so {
			st.halt(h, got)
			return
		}
		st.lookAgain(h.When)
	}
	if w := st.book.wait; w != nil && st.book.fresh {
		if _, so := st.holds(w.For); so {
			st.turned(report.StepDone, "")
			return
		}
		st.lookAgain(w.For)
	}
}

// lookAgain sees to it that a condition about a time without service is looked at
// when it comes to hold, and that a leap stops there.
func (st *stage) lookAgain(c scenario.Condition) {
	since, ok := st.unservedSince()
	if c.Of != scenario.Unserved || !ok || st.attention.looks[c.Time] {
		return
	}
	at := since + c.Time
	if c.Op == ">" {
		at += time.Millisecond
	}
	if at <= st.Now() {
		return
	}
	st.attention.looks[c.Time] = true
	st.dueAt(at, func() {
		st.attention.looks[c.Time] = false
		st.consider()
	})
}

// poll asks the nodes how they are for as long as a condition needs to know.
func (st *stage) poll() {
	if st.attention.polls {
		return
	}
	st.attention.polls = true
	var next func()
	next = func() {
		if !st.needsPoll() {
			st.attention.polls = false
			return
		}
		if st.foreign == nil {
			st.probe(st.consider)
		} else {
			st.consider()
		}
		st.At(st.Now()+probeEvery, next)
	}
	next()
}

func (st *stage) needsPoll() bool {
	if st.book.closed || st.ev.Stopped != nil {
		return false
	}
	asks := func(c scenario.Condition) bool { return c.Asks() || c.Of == scenario.Alarmed }
	return st.book.wait != nil && asks(st.book.wait.For) ||
		slices.ContainsFunc(st.s.Stop, func(h scenario.Halt) bool { return asks(h.When) })
}

// halt ends the run at once.
func (st *stage) halt(h scenario.Halt, got string) {
	st.ev.Stopped = &report.Stopped{When: h.When.String(), Note: h.Note, Value: got, AtMS: st.Now().Milliseconds()}
	st.tell("phase", "the run is stopped: %s, and it is %s", h.When, got)
	st.w.Fail(errHalted)
}

// judgeSoFar lets the oracle say what has become of the mail until now, where a
// stop condition wants to know. What was asked and has not been answered may
// still have happened.
func (st *stage) judgeSoFar() error {
	if !slices.ContainsFunc(st.s.Stop, func(h scenario.Halt) bool { return h.When.Looks() }) {
		return nil
	}
	if err := st.out.Flush(); err != nil {
		return err
	}
	in := check.Input{Domains: st.s.Mail.Domains, Outside: st.foreign != nil}
	for _, n := range st.nodes {
		if st.foreign == nil {
			in.Replicas = append(in.Replicas, check.ReplicaState{Node: n.name, Fenced: n.last.Fenced, Reason: n.last.Reason, Reachable: n.last.reachable})
		}
	}
	judge, known := check.New(in), names{}
	if err := readHistory(st.opt.Dir, func(op *hist.Op) error {
		known.name(op)
		judge.Add(op)
		return nil
	}); err != nil {
		return err
	}
	for _, op := range st.drv.unanswered() {
		maybe := *op
		maybe.Outcome, maybe.AnsweredUS = hist.Unknown, st.Now().Microseconds()
		judge.Add(&maybe)
	}
	st.attention.mail = judge.Verdicts().Mail
	return nil
}

// drought follows whether users are served, as the history tells it. Times are
// microseconds of the scenario.
type drought struct {
	served int64  // when the last user had what was asked for
	waits  *int64 // when the first who has asked since and was refused meant to ask
}

func (d *drought) add(op *hist.Op) {
	switch {
	case !op.OfUser():
	case op.Outcome == hist.OK:
		d.served, d.waits = max(d.served, op.AnsweredUS), nil
	case d.waits == nil || op.IntendedUS < *d.waits:
		at := op.IntendedUS
		d.waits = &at
	}
}

// unservedSince is from when on somebody has asked and nobody was served.
func (st *stage) unservedSince() (time.Duration, bool) {
	first := st.attention.drought.waits
	for _, op := range st.drv.asked {
		if op.OfUser() && (first == nil || op.IntendedUS < *first) {
			first = &op.IntendedUS
		}
	}
	if first == nil {
		return 0, false
	}
	return time.Duration(max(*first, st.attention.drought.served)) * time.Microsecond, true
}
