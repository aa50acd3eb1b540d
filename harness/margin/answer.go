package margin

import (
	"fmt"
	"slices"
	"strings"

	"fourdays/harness/report"
)

// Close fills in what follows from the rest: what the table cannot tell, and the
// answer to the public's tenth question.
func (t *Table) Close() {
	t.Cannot = []string{
		"Limits that nobody has documented, and counters that this model has not: a real array has thousands, and nobody outside its vendor knows them.",
		"Whether a documented limit is that of your array: each is of the product that its bug names (fourdays bugs show).",
		"Other rates: they are of this scenario's load and length; years are a straight line from it.",
	}
	if len(t.Sweep) > 0 {
		t.Cannot = append(t.Cannot, "Other effects: in the sweep nothing is answered any more, and nothing is damaged. What damages is in the catalogue (fourdays repro).",
			"Other moments and luck: each limit is met once, a third into the run, with one seed.")
	} else {
		t.Cannot = append(t.Cannot, "What would happen at a limit: the sweep was left out.")
	}
	t.Answer = t.answer()
}

func (t *Table) answer() report.Question {
	q := report.Question{N: 10, Text: "Can it happen again?", Rehearsed: true, Figures: []report.Figure{
		{Name: "counters looked at", Value: fmt.Sprintf("%s on %s arrays", report.Count(int64(len(t.Rows))), report.Count(int64(t.arrays())))},
		{Name: "nearest documented limit", Value: t.nearest(func(r Row) []Limit { return r.Documented })},
		{Name: "nearest width", Value: t.nearest(func(r Row) []Limit { return r.Widths })},
	}}
	q.Answer = "Yes: nobody outside the vendor can know a hidden limit beforehand."
	if len(t.Sweep) == 0 {
		return q
	}
	alone, shared := t.results(func(o Outcome) bool { return o.Array != "" }), t.results(func(o Outcome) bool { return o.OS != "" })
	q.Figures = append(q.Figures, report.Figure{Name: "a hidden limit on one array alone", Value: alone})
	if shared == "" {
		shared = "no two arrays run the same OS"
	}
	warned, met := 0, 0
	for _, o := range t.Sweep {
		if o.HeldMS != nil {
			met++
		}
		if o.Warned {
			warned++
		}
	}
	q.Figures = append(q.Figures, report.Figure{Name: "the same on all arrays of one OS", Value: shared},
		report.Figure{Name: "warned before", Value: fmt.Sprintf("%d of %d", warned, met)})
	q.Answer += " " + t.weight()
	return q
}

// weight is what a limit would do in this topology, if the sweep says.
func (t *Table) weight() string {
	worst := func(of func(Outcome) bool) string {
		for _, result := range []string{Loses, Unknown, Stops, Halves, Survives} {
			if slices.ContainsFunc(t.Sweep, func(o Outcome) bool { return of(o) && o.Result == result }) {
				return result
			}
		}
		return ""
	}
	says := map[string]string{
		Loses: "loses mail", Unknown: "does something that this sweep cannot tell", Stops: "stops service and loses nothing",
		Halves: "leaves half a service and loses nothing", Survives: "is survived",
	}
	text := ""
	if w := worst(func(o Outcome) bool { return o.Array != "" }); w != "" {
		text = "On one array it " + says[w] + ", at worst."
	}
	if w := worst(func(o Outcome) bool { return o.OS != "" }); w != "" {
		text += " On all arrays of one OS it " + says[w] + ", at worst."
	}
	return strings.TrimSpace(text)
}

// results counts the outcomes of a part of the sweep.
func (t *Table) results(of func(Outcome) bool) string {
	var parts []string
	for _, result := range []string{Survives, Halves, Stops, Loses, Unknown, NotReached} {
		n := 0
		for _, o := range t.Sweep {
			if of(o) && o.Result == result {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", result, n))
		}
	}
	return strings.Join(parts, ", ")
}

func (t *Table) arrays() (n int) {
	var names []string
	for _, r := range t.Rows {
		if !slices.Contains(names, r.Array) {
			names = append(names, r.Array)
		}
	}
	return len(names)
}

// nearest is the first limit of a kind that is reached, of all counters.
func (t *Table) nearest(of func(Row) []Limit) string {
	best, days := "none at these rates", -1.0
	for _, r := range t.Rows {
		for _, l := range of(r) {
			if l.Days != nil && (days < 0 || *l.Days < days) {
				days = *l.Days
				best = fmt.Sprintf("%s of %s, %s, in %s", r.Counter, r.Array, l.What, Days(l.Days))
			}
		}
	}
	return best
}
