package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"fourdays/harness/scenario"
)

// played judges what became of the steps that an operator carries out.
func played(r *Run, e *scenario.Expect) (out []Expectation) {
	if len(r.Playbook) > 0 {
		want, got := cmp.Or(e.Playbook, scenario.Done), ending(r.Playbook)
		out = append(out, settled("playbook", want, got, worst(r.Playbook, got)))
	}
	refused := int64(0)
	for _, a := range slices.Concat(r.Steps, r.Playbook) {
		if a.Outcome == StepRefused {
			refused++
		}
	}
	if c := e.Refused; c != nil {
		x := Expectation{Name: "refused", Want: c.String(), Got: strconv.FormatInt(refused, 10), Verdict: Pass}
		if !c.Holds(refused) {
			x.Verdict, x.Why = Fail, worst(slices.Concat(r.Steps, r.Playbook), StepRefused)
		}
		out = append(out, x)
	}
	if len(r.Steps) > 0 {
		got := ending(r.Steps)
		if got == StepRefused && e.Refused != nil {
			got = scenario.Done // that is judged
		}
		out = append(out, settled("steps", scenario.Done, got, worst(r.Steps, got)))
	}
	return out
}

// ending is how a list of steps ended: by the worst that became of one.
func ending(acts []Act) string {
	is := func(outcome string) bool {
		return slices.ContainsFunc(acts, func(a Act) bool { return a.Outcome == outcome })
	}
	switch {
	case is(StepStuck), is(StepSkipped):
		return scenario.Stuck
	case is(StepRefused):
		return scenario.RefusedOne
	}
	return scenario.Done
}

// worst says of the first step with an outcome why it has it.
func worst(acts []Act, outcome string) string {
	for _, a := range acts {
		if a.Outcome == StepSkipped && outcome == StepStuck {
			return fmt.Sprintf("step %d (%s) was never begun", a.Step, a.What)
		}
		if a.Outcome == outcome {
			return fmt.Sprintf("step %d (%s): %s", a.Step, a.What, a.Why)
		}
	}
	return ""
}

// playbook is what the operator did, with the steps of the script that may be
// refused.
func (t *texter) playbook() {
	if h := t.r.Stopped; h != nil {
		t.line("\nStopped")
		t.wrap("  ", fmt.Sprintf("%s: %s, and it was %s", At(h.AtMS), h.When, h.Value))
		if h.Note != "" {
			t.wrap("  ", h.Note)
		}
	}
	t.acts("Playbook", t.r.Playbook)
	t.acts("Steps of the script that may be refused", t.r.Steps)
}

func (t *texter) acts(title string, acts []Act) {
	if len(acts) == 0 {
		return
	}
	t.line("\n%s", title)
	var rows []string
	for _, a := range acts {
		took := ""
		if a.FromMS != nil && a.ToMS != nil {
			took = "took " + Span(*a.ToMS-*a.FromMS)
		}
		rows = append(rows, fmt.Sprintf("%d\t%s\t%s\t%s\t%s", a.Step, moment(a.FromMS, "-"), a.Outcome, a.What, took))
	}
	t.table(rows)
	for _, a := range acts {
		if a.Why != "" {
			t.wrap("  ", fmt.Sprintf("step %d: %s", a.Step, a.Why))
		}
	}
}
