package run

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
)

// playbook is how far the operator has come.
type playbook struct {
	at     int            // the step that is carried out
	wait   *scenario.Wait // what is waited for
	fresh  bool           // the nodes have been asked since
	turn   int            // counts the steps that are over: timers of an earlier one mean nothing
	stuck  bool           // it goes no further
	closed bool           // the script is over
}

// unplanned is the time of a step that the timeline does not have: the playbook's.
const unplanned = -time.Hour

// refusal is why a step was not carried out, and nothing has changed.
type refusal struct{ why string }

func (r refusal) Error() string { return r.why }

func refuse(format string, args ...any) error { return refusal{fmt.Sprintf(format, args...)} }

// refusable says that a step of the timeline may be refused. All others do what
// they say, or the harness has failed.
func refusable(a scenario.Action) bool {
	switch a := a.(type) {
	case scenario.Replace, scenario.Recover, scenario.Fresh, scenario.Merge:
		return true
	case scenario.Scrub:
		return len(a.Nodes) > 0
	}
	return false
}

// openPlaybook begins with the first step, and with watching for what stops the
// run.
func (st *stage) openPlaybook() {
	for i, p := range st.s.Playbook {
		st.ev.Playbook = append(st.ev.Playbook, report.Act{Step: i + 1, Verb: p.Action.Verb(), What: p.What(), Outcome: report.StepSkipped})
	}
	st.At(st.Now(), func() {
		st.consider()
		st.begin(0)
		if st.needsPoll() {
			st.poll()
		}
	})
}

// begin has the operator turn to a step.
func (st *stage) begin(i int) {
	b := &st.book
	if b.at = i; i >= len(st.s.Playbook) || b.stuck || b.closed || st.ev.Stopped != nil {
		return
	}
	st.ev.Playbook[i].FromMS, st.ev.Playbook[i].Outcome = ms(st.Now()), report.StepStuck
	turn := b.turn
	st.dueAt(st.Now()+st.s.Playbook[i].After, func() {
		if b.turn == turn && !b.closed {
			st.carryOut(st.s.Playbook[i])
		}
	})
}

func (st *stage) carryOut(p scenario.Play) {
	if p.Note != "" {
		st.tell("note", "%s", p.Note)
	}
	turn := st.book.turn
	if w, waits := p.Action.(scenario.Wait); waits {
		st.waitFor(w, p.Within)
		return
	}
	st.tell("operator", "playbook, step %d: %s", st.book.at+1, p.What())
	step := scenario.Step{At: unplanned, Action: p.Action}
	st.do(step, st.sparesOf(len(st.s.Timeline)+st.book.at), func(err error) {
		if st.book.turn != turn || st.book.closed {
			return
		}
		if refused := (refusal{}); errors.As(err, &refused) {
			st.refused(step, refused)
			st.turned(report.StepRefused, refused.why)
		} else if err != nil {
			st.fail(fmt.Errorf("step %d of the playbook (%s): %w", st.book.at+1, p.Action.Verb(), err))
		} else {
			st.turned(report.StepDone, st.after(p.Action))
		}
	})
	st.forget()
	st.watch()
}

// after is what is to be said of a step that was carried out.
func (st *stage) after(a scenario.Action) string {
	if _, ok := a.(scenario.Verify); ok && st.verified.wrong != "" {
		return "the verification failed: " + st.verified.wrong
	}
	return ""
}

func (st *stage) waitFor(w scenario.Wait, within time.Duration) {
	st.book.wait, st.book.fresh = &w, !w.For.Asks()
	turn := st.book.turn
	if within > 0 {
		st.dueAt(st.Now()+within, func() {
			if st.book.turn == turn && !st.book.closed {
				st.stuck(fmt.Sprintf("%s did not come within %s", w.For, scenario.Duration(within)))
			}
		})
	}
	if w.For.Of == scenario.Moment && w.For.Time > st.Now() {
		st.dueAt(w.For.Time, st.consider)
	}
	if st.consider(); w.For.Asks() {
		st.probe(func() {
			st.book.fresh = st.book.fresh || st.book.turn == turn
			st.consider()
		})
	}
	if st.needsPoll() {
		st.poll()
	}
}

// turned ends the step that is carried out, and has the next one begin.
func (st *stage) turned(outcome, why string) {
	b, a := &st.book, &st.ev.Playbook[st.book.at]
	a.ToMS, a.Outcome, a.Why = ms(st.Now()), outcome, why
	if b.wait != nil {
		st.tell("operator", "playbook, step %d: %s, as was waited for", b.at+1, b.wait.For)
	}
	b.wait = nil
	b.turn++
	next := b.at + 1
	st.At(st.Now(), func() { st.begin(next) })
}

// stuck ends the playbook before its end.
func (st *stage) stuck(why string) {
	b, a := &st.book, &st.ev.Playbook[st.book.at]
	a.ToMS, a.Outcome, a.Why = ms(st.Now()), report.StepStuck, why
	b.wait, b.stuck = nil, true
	b.turn++
	st.tell("operator", "the playbook is stuck at step %d: %s", b.at+1, why)
}

// closePlaybook ends what the operator does with the script.
func (st *stage) closePlaybook(why string) {
	b := &st.book
	if b.closed {
		return
	}
	b.closed = true
	if b.at < len(st.ev.Playbook) && !b.stuck {
		said := why
		if b.wait != nil {
			said = fmt.Sprintf("%s did not come before the end", b.wait.For)
		}
		st.stuck(said)
	}
	for i, a := range st.ev.Steps {
		if a.ToMS == nil {
			st.ev.Steps[i].Why = why
			st.tell("operator", "%s of the script: %s", a.What, why)
		}
	}
}

// acting begins a step of the timeline that may be refused, and returns what ends
// it.
func (st *stage) acting(i int, step scenario.Step) func(error) {
	at := len(st.ev.Steps)
	st.ev.Steps = append(st.ev.Steps, report.Act{
		Step: i + 1, Verb: step.Action.Verb(), What: scenario.What(step.Action), FromMS: ms(st.Now()), Outcome: report.StepStuck,
	})
	return func(err error) {
		a := &st.ev.Steps[at]
		if refused := (refusal{}); errors.As(err, &refused) {
			a.Outcome, a.Why = report.StepRefused, refused.why
			st.refused(step, refused)
		} else if err != nil {
			st.failed(step, err)
			return
		} else {
			a.Outcome = report.StepDone
		}
		a.ToMS = ms(st.Now())
	}
}

func (st *stage) refused(step scenario.Step, why refusal) {
	st.attention.refused++
	st.tell("refused", "%s: %s", scenario.What(step.Action), why.why)
	st.At(st.Now(), st.consider)
}

// sparesOf are the volumes that a step may use.
func (st *stage) sparesOf(step int) (mine []scenario.Spare) {
	return slices.DeleteFunc(st.s.Spares(), func(s scenario.Spare) bool { return s.Step != step })
}
