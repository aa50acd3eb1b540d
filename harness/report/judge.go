package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fourdays/harness/check"
	"fourdays/harness/scenario"
)

// Complete fills in what follows from the rest of r: the expectations of s, the
// verdict, the public's questions and the sources of the numbers. A run that was
// aborted or failed keeps that verdict.
func Complete(r *Run, s *scenario.Scenario) {
	r.explain()
	r.Expectations = expectations(r, &s.Expect)
	r.Numbers = nil
	for _, n := range s.Numbers {
		r.Numbers = append(r.Numbers, Number(n))
	}
	if r.Verdict == Aborted || r.Verdict == Error {
		unfinished(r.Expectations)
	} else {
		r.Verdict, r.Why = verdict(r, &s.Expect)
	}
	r.Questions = questions(r)
}

// unfinished takes back what a run cannot have shown: it did not reach its end.
func unfinished(list []Expectation) {
	for i := range list {
		if list[i].Verdict == Pass {
			list[i].Verdict = Unknown
		}
	}
}

// verdict judges the harness first: without receipts for its faults a run says
// nothing, unless it harmed more mail than it may.
func verdict(r *Run, e *scenario.Expect) (verdict, why string) {
	var failed, unknown []string
	for _, x := range r.Expectations {
		switch x.Verdict {
		case Fail:
			failed = append(failed, x.Name)
		case Unknown:
			unknown = append(unknown, x.Name)
		}
	}
	if harm := exceeded(r, e); len(harm) > 0 {
		return Fail, "more than expected was " + strings.Join(harm, ", ")
	}
	if h1 := checkOf(r, "H1"); h1 != nil && h1.Verdict == check.Fail && !named(e, "H1") {
		return Inconclusive, "the harness did not do what the scenario says: " + strings.ReplaceAll(h1.Why, "\n", "; ")
	}
	switch {
	case len(failed) > 0:
		return Fail, "did not hold: " + strings.Join(failed, ", ")
	case len(unknown) > 0:
		return Inconclusive, "cannot tell: " + strings.Join(unknown, ", ")
	}
	return Pass, fmt.Sprintf("all %d expectations held", len(r.Expectations))
}

// exceeded names the damage that is more than the scenario allows.
func exceeded(r *Run, e *scenario.Expect) []string {
	var names []string
	for _, c := range e.Counts {
		limit := c.Cond.Op == "=" || c.Cond.Op == "<=" || c.Cond.Op == "<"
		if limit && countOf(r, c.Name) > c.Cond.N && !c.Cond.Holds(countOf(r, c.Name)) && !told(c.Name) {
			names = append(names, c.Name)
		}
	}
	return names
}

// told says of which counts somebody was told at the time: they break no promise.
func told(count string) bool { return count == "bounced" || count == "delayed" }

func countOf(r *Run, name string) int64 {
	m := r.Mail
	return int64(map[string]int{
		"lost": m.Lost, "altered": m.Altered, "duplicated": m.Duplicated, "misfiled": m.Misfiled,
		"resurrected": m.Resurrected, "bounced": m.Bounced, "delayed": m.Delayed,
	}[name])
}

func checkOf(r *Run, name string) *check.Check {
	for i := range r.Checks {
		if r.Checks[i].Name == name {
			return &r.Checks[i]
		}
	}
	return nil
}

func named(e *scenario.Expect, check string) bool {
	return slices.ContainsFunc(e.Checks, func(c scenario.CheckWant) bool { return c.Check == check })
}

func expectations(r *Run, e *scenario.Expect) []Expectation {
	var out []Expectation
	if e.Grade != "" {
		out = append(out, grade(r, e))
	}
	for _, c := range e.Counts {
		out = append(out, count(r, c))
	}
	if e.RecoveredWithin != nil {
		out = append(out, recovered(r, e.RecoveredWithin.Milliseconds()))
	}
	if e.Fenced != nil {
		out = append(out, fenced(r, e.Fenced))
	}
	if e.Down != nil {
		out = append(out, down(r, e.Down))
	}
	if e.Detected != nil {
		out = append(out, noticed(r, *e.Detected))
	}
	if e.Alarms != nil {
		out = append(out, alarms(r, e.Alarms))
	}
	out = append(out, played(r, e)...)
	for _, w := range e.Scrubs {
		out = append(out, scrubbed(r, w))
	}
	if e.StaysOpen != nil {
		out = append(out, staysOpen(r, *e.StaysOpen))
	}
	if e.UnavailableFor != nil {
		out = append(out, length("unavailable_for", e.UnavailableFor, r.UnavailableMS, "nobody asked for mail"))
	}
	if e.Latency != nil {
		out = append(out, length("latency", e.Latency, r.LatencyP99MS, "nobody was served"))
	}
	for _, bug := range e.DetectedBugs {
		out = append(out, detectedBug(r, bug))
	}
	if e.Available != nil {
		out = append(out, available(r, *e.Available))
	}
	for _, c := range e.Checks {
		out = append(out, wanted(r, c))
	}
	if e.Grade != scenario.LossDetected && !e.AnyOthers {
		out = append(out, others(r, e))
	}
	return out
}

// settled is an expectation about something that is surely known.
func settled(name, want, got, why string) Expectation {
	x := Expectation{Name: name, Want: want, Got: got, Verdict: Pass}
	if want != got {
		x.Verdict, x.Why = Fail, why
	}
	return x
}

// count judges a figure. A small one is not believed while promised mail was
// never looked at.
func count(r *Run, c scenario.Count) Expectation {
	got := countOf(r, c.Name)
	x := Expectation{Name: c.Name, Want: c.Cond.String(), Got: strconv.FormatInt(got, 10), Verdict: Pass}
	switch {
	case !c.Cond.Holds(got):
		x.Verdict, x.Why = Fail, firstOf(r, c.Name)
	case c.Name == "lost" && r.Mail.Unread > 0 && !c.Cond.Holds(got+int64(r.Mail.Unread)):
		x.Verdict, x.Why = Unknown, fmt.Sprintf("nobody looked for %d promised messages afterwards", r.Mail.Unread)
	case r.Mail.Acknowledged == 0 && !told(c.Name):
		x.Verdict, x.Why = Unknown, "nothing was promised"
	}
	return x
}

// firstOf finds the reason among the checks that watch over a count.
func firstOf(r *Run, count string) string {
	watch := map[string][]string{
		"lost": {"D1", "D2", "D6", "R1"}, "altered": {"I8", "I2"}, "misfiled": {"R3"}, "resurrected": {"I1"},
		"bounced": {"D4", "D5"}, "duplicated": {"D3", "D4"},
	}
	for _, name := range watch[count] {
		if c := checkOf(r, name); c != nil && c.Verdict == check.Fail {
			return name + ": " + c.Why
		}
	}
	return ""
}

func recovered(r *Run, withinMS int64) Expectation {
	x := Expectation{Name: "recovered_within", Want: Span(withinMS), Verdict: Pass}
	rta, over := r.Recovery.RTAMS, overOf(r, "rta_ms")
	switch {
	case r.Recovery.ImpactMS == nil:
		x.Got = "no impact"
	case rta != nil:
		x.Got = Span(*rta)
		if *rta > withinMS {
			x.Verdict, x.Why = Fail, "steady service came back at "+At(*r.Recovery.ImpactMS+*rta)
		}
	case over != nil && *over >= withinMS:
		x.Got, x.Verdict, x.Why = "> "+Span(*over), Fail, "steady service did not come back before the end"
	default:
		x.Got, x.Verdict, x.Why = "unknown", Unknown, "no window had enough operations to tell"
	}
	return x
}

// overOf is how long a value was watched without being reached, or nil.
func overOf(r *Run, name string) *int64 {
	for _, c := range r.Recovery.Censored {
		if c.Name == name {
			return &c.OverMS
		}
	}
	return nil
}

func available(r *Run, want bool) Expectation {
	if r.Available == nil {
		return Expectation{Name: "available", Want: strconv.FormatBool(want), Got: "unknown", Verdict: Unknown, Why: "nobody asked at the end"}
	}
	return settled("available", strconv.FormatBool(want), strconv.FormatBool(*r.Available), "as asked at the end")
}

func wanted(r *Run, c scenario.CheckWant) Expectation {
	got, why := string(check.Unknown), "the check did not run"
	if found := checkOf(r, c.Check); found != nil {
		got, why = string(found.Verdict), found.Why
	}
	x := settled("check "+c.Check, c.Want, got, why)
	if x.Verdict == Fail && got == string(check.Unknown) {
		x.Verdict = Unknown
	}
	return x
}

// others holds every check that the scenario does not name, except H1, which is
// about the harness: none may fail.
func others(r *Run, e *scenario.Expect) Expectation {
	x := Expectation{Name: "other checks", Want: "none fails", Verdict: Pass}
	judged := 0
	for _, c := range r.Checks {
		if c.Name == "H1" || named(e, c.Name) || allowed(e, c.Name) {
			continue
		}
		judged++
		if c.Verdict == check.Fail {
			x.Verdict, x.Got = Fail, strings.TrimPrefix(x.Got+", "+c.Name, ", ")
			if x.Why == "" {
				x.Why = c.Name + ": " + c.Why
			}
		}
	}
	if x.Verdict == Pass {
		x.Got = fmt.Sprintf("none of %d", judged)
	}
	return x
}

// allowed says that a count of the scenario permits the damage a check names.
func allowed(e *scenario.Expect, name string) bool {
	damage := map[string]string{"D1": "lost", "D2": "lost", "D6": "lost", "D3": "duplicated", "I8": "altered", "I2": "altered", "R3": "misfiled", "I1": "resurrected"}
	return slices.ContainsFunc(e.Counts, func(c scenario.Count) bool {
		return c.Name == damage[name] && (c.Cond.Op == ">=" || c.Cond.Op == ">" || c.Cond.N > 0)
	})
}

// grade judges what the topology allows to ask for.
func grade(r *Run, e *scenario.Expect) Expectation {
	x := Expectation{Name: "grade", Want: e.Grade, Verdict: Pass}
	m := r.Mail
	harmed := m.Lost + m.Altered + m.Misfiled + m.Resurrected
	switch {
	case m.Acknowledged == 0:
		x.Got, x.Verdict, x.Why = "nothing was promised", Unknown, "no load reached the mail store"
	case m.Unread > 0:
		x.Got, x.Verdict, x.Why = fmt.Sprintf("%d never looked at", m.Unread), Unknown, "the audit did not reach every promise"
	case e.Grade == scenario.LossDetected:
		x.Got = fmt.Sprintf("%d harmed, detected: %t", harmed, detected(r))
		if !detected(r) {
			x.Verdict, x.Why = Fail, "no node noticed anything"
		}
	case harmed > 0:
		x.Got, x.Verdict, x.Why = fmt.Sprintf("%d harmed", harmed), Fail, "acknowledged mail was harmed"
	case e.Grade == scenario.MustSurvive && r.Available == nil:
		x.Got, x.Verdict, x.Why = "nothing harmed", Unknown, "nobody asked whether mail is served at the end"
	case e.Grade == scenario.MustSurvive && !*r.Available:
		x.Got, x.Verdict, x.Why = "nothing harmed", Fail, "no mail is served at the end"
	default:
		x.Got = "nothing harmed"
	}
	return x
}
