// Package worldtest holds all worlds to one meaning: small scenarios are played
// in the simulator and in another world, and the verdict and what became of
// each message have to be the same.
//
// It owns what is compared, and the table of differences that are declared;
// ASSUMPTIONS.md says the same for readers. It assumes that both runs were of
// one scenario with one seed: then senders have the same messages for the same
// people at the same times. It never looks at how a world works.
package worldtest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"fourdays/harness/check"
	"fourdays/harness/report"
	"fourdays/harness/run"
	"fourdays/harness/scenario"
	"fourdays/harness/world"
)

// Outcome is what one run came to.
type Outcome struct {
	Run  *report.Run
	Ends map[check.Recipient]*run.End
}

// Play runs a scenario in a world of a place. dir must exist and takes the
// record.
func Play(ctx context.Context, s *scenario.Scenario, place world.Place, dir string) (Outcome, error) {
	r, err := run.Run(ctx, s, run.Options{Dir: dir, Place: place})
	if err != nil {
		return Outcome{}, err
	}
	ends, err := run.Endings(s, dir)
	return Outcome{r, ends}, err
}

// Difference is one thing in which two outcomes are not the same.
type Difference struct {
	What     string // "verdict", "d7 for u0001@libero.example"
	One, Two string
	Declared string // the name of the declaration that covers it, "" if none does
	Told     string // how the first attempts were answered
}

// String is a difference as a test's message has it.
func (d Difference) String() string {
	text := fmt.Sprintf("%s: %s and %s", d.What, d.One, d.Two)
	if d.Declared != "" {
		return text + " (declared: " + d.Declared + ")"
	}
	return text + d.Told
}

// Compare says in what two runs of one scenario differ.
func Compare(s *scenario.Scenario, one, two Outcome) (all []Difference) {
	add := func(what, a, b, declared, told string) {
		if a != b {
			all = append(all, Difference{what, a, b, declared, told})
		}
	}
	add("verdict", one.Run.Verdict, two.Run.Verdict, "", "")
	for i, x := range one.Run.Expectations {
		add("expectation "+x.Name, x.Verdict, two.Run.Expectations[i].Verdict, "", "")
	}
	for _, of := range recipients(one, two) {
		a, b := promised(one.Ends[of]), promised(two.Ends[of])
		add(of.Message+" for "+of.Account, a, b, declared(s, one.Ends[of], two.Ends[of], a, b), told(one.Ends[of], two.Ends[of]))
	}
	return all
}

// told is what helps to find out why two ends differ.
func told(ends ...*run.End) (text string) {
	for _, e := range ends {
		if e != nil {
			text += fmt.Sprintf("; first answer after %v: %s", e.Answered, e.Reply)
		}
	}
	return text
}

// recipients are those of either run, sorted.
func recipients(one, two Outcome) []check.Recipient {
	all := maps.Clone(one.Ends)
	maps.Copy(all, two.Ends)
	return slices.SortedFunc(maps.Keys(all), func(a, b check.Recipient) int {
		return cmp.Or(cmp.Compare(a.Message, b.Message), cmp.Compare(a.Account, b.Account))
	})
}

// The ends of a message as far as worlds have to agree. Whether its owner has
// removed it is of no interest: users of two worlds do not see the same
// mailboxes at the same moment.
const (
	kept    = "kept"
	lost    = string(check.Lost)
	waiting = string(run.Waiting)
	unsent  = "not sent"
)

func promised(e *run.End) string {
	switch {
	case e == nil:
		return unsent
	case e.Became == check.Removed, e.Became == check.Present:
		return kept
	}
	return string(e.Became)
}

// Undeclared are the differences that nothing covers.
func Undeclared(all []Difference) []Difference {
	return slices.DeleteFunc(slices.Clone(all), func(d Difference) bool { return d.Declared != "" })
}
