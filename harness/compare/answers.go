package compare

import (
	"fmt"
	"slices"
	"strings"

	"fourdays/harness/report"
)

// answers are those to questions of the public that need variants side by side,
// as far as the variants say something to them.
func (s *Spread) answers() []report.Question {
	all := []report.Question{}
	for _, answer := range []func() (report.Question, bool){s.secondCopy, s.integrity} {
		if q, ok := answer(); ok {
			all = append(all, q)
		}
	}
	return all
}

// secondCopy answers question 8: a copy counts if another operating system is
// under it. It needs variants that differ in how many there are.
func (s *Spread) secondCopy() (report.Question, bool) {
	q := report.Question{N: 8, Text: "Was there no second copy elsewhere?", Rehearsed: true}
	oses, least, most := map[string]int{}, 0, 0
	for i, g := range s.Variants {
		if len(g.outcomes) == 0 {
			return q, false
		}
		copies, arrays, n := copiesOf(g.outcomes[0])
		if copies < 2 || slices.ContainsFunc(g.outcomes, func(r *report.Run) bool { _, _, m := copiesOf(r); return m != n }) {
			return q, false
		}
		oses[g.Variant] = n
		if n < oses[s.Variants[least].Variant] {
			least = i
		}
		if n > oses[s.Variants[most].Variant] {
			most = i
		}
		q.Figures = append(q.Figures, report.Figure{Name: g.Variant, Value: fmt.Sprintf("%s on %s and %s; %s; nobody served for %s",
			number(copies, "copy", "copies"), number(arrays, "array", "arrays"), number(n, "OS", "OSes"), g.harmed(), g.figure("unavailable_ms").value())})
	}
	few, many := &s.Variants[least], &s.Variants[most]
	if oses[few.Variant] == oses[many.Variant] {
		return q, false
	}
	copies, _, _ := copiesOf(few.outcomes[0])
	q.Answer = fmt.Sprintf("There were %s. In %s they stood on %s; in %s on %s.", number(copies, "copy", "copies"),
		few.Variant, number(oses[few.Variant], "OS", "OSes"), many.Variant, number(oses[many.Variant], "OS", "OSes"))
	q.Answer += s.shorter(few, many)
	return q, true
}

// shorter says which of two variants was without service for longer, if that is
// more than chance.
func (s *Spread) shorter(few, many *Group) string {
	times := fmt.Sprintf(" Nobody was served for %s there, and for %s here", few.figure("unavailable_ms").value(), many.figure("unavailable_ms").value())
	switch p := chance(few.of("unavailable_ms"), many.of("unavailable_ms")); {
	case p != nil && *p < alpha:
		return times + "."
	case min(few.Outcomes, many.Outcomes) < apart:
		return times + fewRuns
	}
	return times + "; chance makes as much of a difference."
}

// fewRuns qualifies a difference that no test could tell from chance.
const fewRuns = "; of so few runs that may be chance."

// copiesOf is how many replicas a run had, on how many arrays, and on how many
// operating systems those stood when the script began.
func copiesOf(r *report.Run) (copies, arrays, oses int) {
	on, under := map[string]bool{}, map[string]bool{}
	for _, n := range r.Nodes {
		on[n.Array] = true
		os := n.OS
		if i := slices.IndexFunc(r.Arrays, func(a report.Array) bool { return a.Name == n.Array }); i >= 0 {
			os = r.Arrays[i].OS
		}
		under[os] = true
	}
	return len(r.Nodes), len(on), len(under)
}

// policy is in which order a run verified and opened accounts again, as its script
// did it; "" if it did not open any.
func policy(r *report.Run) string {
	m := r.Milestones
	switch {
	case m.FirstReopenMS == nil:
		return ""
	case m.VerifyFromMS == nil || m.LastReopenMS != nil && *m.VerifyFromMS > *m.LastReopenMS:
		return openedFirst
	case m.VerifiedMS != nil && *m.VerifiedMS <= *m.FirstReopenMS:
		return verifiedFirst
	}
	return mixed
}

// The policies: integrity first, availability first, and between the two.
const (
	verifiedFirst = "verified before anything was opened"
	openedFirst   = "opened without having verified"
	mixed         = "opened some before all was verified"
)

// integrity answers question 9: what variants that verified before they opened
// paid in mailbox-hours, and what the others paid in mail. It needs both kinds.
func (s *Spread) integrity() (report.Question, bool) {
	q := report.Question{N: 9, Text: "What did integrity first cost?", Rehearsed: true}
	first := map[string]*Group{}
	for i := range s.Variants {
		g := &s.Variants[i]
		p := g.policy()
		if p == "" {
			continue
		}
		if first[p] == nil {
			first[p] = g
		}
		q.Figures = append(q.Figures, report.Figure{Name: g.Variant, Value: fmt.Sprintf("%s; %s mailbox-hours; %s", p, g.figure("mailbox_hours").value(), g.harmed())})
	}
	careful, other := first[verifiedFirst], first[openedFirst]
	if other == nil {
		other = first[mixed]
	}
	if careful == nil || other == nil {
		return q, false
	}
	q.Answer = careful.against(other)
	return q, true
}

// policy is that of all runs of a group, "" if they differ.
func (g *Group) policy() string {
	if len(g.outcomes) == 0 || slices.ContainsFunc(g.outcomes, func(r *report.Run) bool { return policy(r) != policy(g.outcomes[0]) }) {
		return ""
	}
	return policy(g.outcomes[0])
}

// against sets a variant that verified first against one that did not.
func (g *Group) against(o *Group) string {
	hours := fmt.Sprintf("%s mailbox-hours in %s, against %s in %s", g.figure("mailbox_hours").value(), g.Variant, o.figure("mailbox_hours").value(), o.Variant)
	switch p := chance(g.of("mailbox_hours"), o.of("mailbox_hours")); {
	case p != nil && *p < alpha:
		hours += "."
	case min(g.Outcomes, o.Outcomes) < apart:
		hours += fewRuns
	default:
		hours += "; chance makes as much of a difference."
	}
	return fmt.Sprintf("%s Mail was %s in %s, and %s in %s.", hours, g.harmed(), g.Variant, o.harmed(), o.Variant)
}

// of are the values of the measure of a name.
func (g *Group) of(key string) []value {
	all := measures()
	return g.values(all[slices.IndexFunc(all, func(m measure) bool { return m.key == key })])
}

// harmed says in how many runs promised mail was lost or altered.
func (g *Group) harmed() string {
	return fmt.Sprintf("lost in %s, altered in %s", g.figure("loses").value(), g.figure("alters").value())
}

func number(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", n, many))
}
