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
	oses, least, most := map[string]int{}, -1, -1
	for i, g := range s.Variants {
		copies, arrays, n := g.copies()
		if copies < 2 || n == 0 {
			continue // nothing to count, or no outcome
		}
		oses[g.Variant] = n
		if least < 0 || n < oses[s.Variants[least].Variant] {
			least = i
		}
		if most < 0 || n > oses[s.Variants[most].Variant] {
			most = i
		}
		q.Figures = append(q.Figures, report.Figure{Name: g.Variant, Value: fmt.Sprintf("%s on %s and %s; nobody served for %s",
			number(copies, "copy", "copies"), number(arrays, "array", "arrays"), number(n, "OS", "OSes"), g.figure("unavailable_ms").value())})
	}
	if least < 0 || oses[s.Variants[least].Variant] == oses[s.Variants[most].Variant] {
		return q, false
	}
	few, many := &s.Variants[least], &s.Variants[most]
	copies, _, _ := few.copies()
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

// copies is copiesOf of all runs of a group; 0 without an outcome.
func (g *Group) copies() (copies, arrays, oses int) {
	if len(g.outcomes) == 0 {
		return 0, 0, 0
	}
	return copiesOf(g.outcomes[0])
}

// copiesOf is how many replicas a run had, on how many arrays, and on how many
// operating systems those stood when the script began: by the arrays that held
// anything then, for nodes may be on others at the end.
func copiesOf(r *report.Run) (copies, arrays, oses int) {
	on, under := map[string]bool{}, map[string]bool{}
	for _, a := range r.Arrays {
		if a.StartUsed > 0 {
			on[a.Name], under[a.OS] = true, true
		}
	}
	return len(r.Nodes), len(on), len(under)
}

// policy is what a run put first when mail was to be served again, as its script
// did it; "" if it opened nothing again.
func policy(r *report.Run) string {
	m := r.Milestones
	recovered := slices.ContainsFunc(slices.Concat(r.Steps, r.Playbook), func(a report.Act) bool {
		return a.Verb == "recover" && a.Outcome == report.StepDone
	})
	switch {
	case recovered && (m.FirstReopenMS == nil || m.VerifiedMS == nil):
		return wentOn
	case m.FirstReopenMS == nil:
		return ""
	case m.VerifyFromMS == nil || m.LastReopenMS != nil && *m.VerifyFromMS > *m.LastReopenMS:
		return openedFirst
	case m.VerifiedMS != nil && *m.VerifiedMS <= *m.FirstReopenMS:
		return verifiedFirst
	}
	return mixed
}

// The policies: integrity first, availability first in two ways, and between the
// two.
const (
	verifiedFirst = "verified before anything was opened"
	openedFirst   = "opened without having verified"
	wentOn        = "went on with the copy that was left"
	mixed         = "opened some before all was verified"
)

// integrity answers question 9: what variants that verified before they opened
// paid in mailbox-hours, and what the others paid in mail. It needs both kinds; the
// first that verified stands for its kind.
func (s *Spread) integrity() (report.Question, bool) {
	q := report.Question{N: 9, Text: "What did integrity first cost?", Rehearsed: true}
	var careful *Group
	var others []*Group
	for i := range s.Variants {
		g := &s.Variants[i]
		switch p := g.policy(); {
		case p == "":
			continue
		case p != verifiedFirst:
			others = append(others, g)
		case careful == nil:
			careful = g
		}
		q.Figures = append(q.Figures, report.Figure{Name: g.Variant, Value: g.policy()})
	}
	if careful == nil || len(others) == 0 {
		return q, false
	}
	q.Answer = fmt.Sprintf("%s %s: %s mailbox-hours, mail %s.", careful.Variant, verifiedFirst, careful.figure("mailbox_hours").value(), careful.harmed())
	for _, o := range others {
		q.Answer += " " + o.against(careful)
	}
	return q, true
}

// policy is that of all runs of a group, "" if they differ.
func (g *Group) policy() string {
	if len(g.outcomes) == 0 || slices.ContainsFunc(g.outcomes, func(r *report.Run) bool { return policy(r) != policy(g.outcomes[0]) }) {
		return ""
	}
	return policy(g.outcomes[0])
}

// against sets a variant that did not verify first against one that did.
func (g *Group) against(careful *Group) string {
	text := fmt.Sprintf("%s %s: %s mailbox-hours, mail %s", g.Variant, g.policy(), g.figure("mailbox_hours").value(), g.harmed())
	switch p := chance(careful.of("mailbox_hours"), g.of("mailbox_hours")); {
	case p != nil && *p < alpha:
		return text + "."
	case min(g.Outcomes, careful.Outcomes) < apart:
		return text + fewRuns
	}
	return text + "; chance makes as much of a difference in mailbox-hours."
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
