package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fourdays/harness/check"
	"fourdays/harness/hist"
	"fourdays/harness/report"
	"fourdays/harness/run"
	"fourdays/harness/scenario"
	"fourdays/harness/world"
)

// What the store did about a bug. The last two are what must not be.
const (
	survives     = "survives"
	stopsSafely  = "stops safely"
	detectedLoss = "detected loss"
	silentLoss   = "silent loss"
	silentAnswer = "silent wrong answer"
)

// ending is what became of the store and its mail under a bug, and what an operator
// could do about it.
type ending struct {
	Outcome string `json:"outcome,omitempty"`
	// Wrong are the checks that answers to clients broke; noticed or not.
	Wrong   []string `json:"answered_wrongly,omitempty"`
	WayBack string   `json:"way_back,omitempty"` // what it took
	After   string   `json:"after,omitempty"`    // what was there then
}

// endingOf says what the store did in a run. Silent is what nobody noticed: no
// node, no array, no scrub.
func endingOf(r *report.Run) ending {
	e := ending{Wrong: wrongAnswers(r)}
	harmed := r.Mail.Lost+r.Mail.Altered+r.Mail.Misfiled > 0
	switch {
	case len(e.Wrong) > 0 && !r.Noticed():
		e.Outcome = silentAnswer
	case harmed && !r.Noticed():
		e.Outcome = silentLoss
	case harmed:
		e.Outcome = detectedLoss
	case r.Available == nil || !*r.Available:
		e.Outcome = stopsSafely
	default:
		e.Outcome = survives
	}
	return e
}

// worse takes over what an ending is worse in: silence, and wrong answers.
func (e *ending) worse(than ending) {
	if than.Outcome == silentAnswer || than.Outcome == silentLoss {
		e.Outcome = than.Outcome
	}
	for _, name := range than.Wrong {
		if !slices.Contains(e.Wrong, name) {
			e.Wrong = append(e.Wrong, name)
		}
	}
}

// aside are the checks that are about no answer: what was lost, what the replicas
// hold, and whether the faults fired.
var aside = []string{"D1", "R1", "R2", "H1"}

// wrongAnswers are the checks whose first violation is in an answer that a sender
// or a reader got. An audit reads what replicas hold, also those that serve nobody.
func wrongAnswers(r *report.Run) (names []string) {
	for _, c := range r.Checks {
		if c.Verdict == check.Fail && !slices.Contains(aside, c.Name) && answered(c.First) {
			names = append(names, c.Name)
		}
	}
	return names
}

func answered(op *hist.Op) bool { return op != nil && op.By != "audit" && op.Outcome == hist.OK }

// findWayBack plays a pair's armed run again with the operator's steps after it, as
// far as they are needed, and says what they were and what was there then.
func (c *couple) findWayBack(a *app, place world.Place) error {
	armed := c.result.Armed.Run
	if armed == nil || c.err != nil {
		return nil
	}
	e := endingOf(armed)
	last, how := armed, "none needed"
	for i, next := range []func() *scenario.Scenario{
		func() *scenario.Scenario { return run.Fixed(c.scenario, armed) },
		func() *scenario.Scenario { return run.Replaced(c.scenario, armed, last) },
	} {
		s := next()
		if s == nil {
			break
		}
		r, err := c.playAfter(a, place, s, fmt.Sprintf("way-back-%d", i+1))
		if err != nil {
			return err
		}
		last, how = r, stepsOf(r)
	}
	e.WayBack, e.After = how, stateOf(last)
	e.worse(endingOf(last))
	c.ending = &e
	return nil
}

func (c *couple) playAfter(a *app, place world.Place, s *scenario.Scenario, name string) (*report.Run, error) {
	dir := filepath.Join(c.dir.Path, name)
	if _, err := report.Create(dir); err != nil {
		return nil, err
	}
	r, err := a.engine.Run(a.ctx, s, run.Options{Seed: &c.seed, Dir: dir, Place: place, Folder: filepath.Dir(c.path)})
	if err != nil {
		return nil, fmt.Errorf("way back: %w", err)
	}
	return r, os.WriteFile(filepath.Join(dir, report.ScenarioFile), scenario.Print(s), 0o644)
}

// stepsOf are the operator's steps of a run in words, with those that failed.
func stepsOf(r *report.Run) string {
	var parts []string
	for _, act := range r.Playbook {
		text := act.Verb
		switch act.Verb {
		case "wait":
			continue
		case "replace", "recover":
			text = act.What
		}
		if act.Outcome != report.StepDone {
			text += " (" + act.Outcome + ")"
		}
		if !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, ", ")
}

// stateOf says what of the mail is there, and who does not serve.
func stateOf(r *report.Run) string {
	m := r.Mail
	var down []string
	for _, n := range r.Nodes {
		if n.State != report.Serving {
			down = append(down, n.ID)
		}
	}
	text := fmt.Sprintf("all %d there", m.Acknowledged)
	if gone := m.Lost + m.Unread; gone > 0 {
		text = fmt.Sprintf("%d lost and %d unreadable of %d", m.Lost, m.Unread, m.Acknowledged)
	}
	if len(down) > 0 {
		text += "; " + strings.Join(down, ", ") + " out of service"
	}
	return text
}
