package main

import (
	"slices"
	"strings"

	"fourdays/harness/report"
	"fourdays/harness/run"
)

// seen says in one line what the armed run of a pair showed that the other did
// not: every expectation that tells the two apart, with what came out of it.
func seen(p run.PairResult) string {
	var names []string
	for _, crossed := range []*report.Run{p.Armed.Crossed, p.Disarmed.Crossed} {
		for _, x := range failing(crossed) {
			if !slices.Contains(names, x.Name) {
				names = append(names, x.Name)
			}
		}
	}
	var parts, checks []string
	for _, name := range names {
		x, found := outcomeOf(p.Armed, name)
		switch phrase := phraseOf(x); {
		case !found:
		case name == "other checks":
			checks = append(checks, x.Got+" violated")
		case name == "down" && slices.Contains(parts, x.Got+" fenced"):
		case phrase != "" && !slices.Contains(parts, phrase):
			parts = append(parts, phrase)
		}
	}
	if len(parts) == 0 {
		parts = checks
	}
	if len(parts) == 0 {
		return "nothing that the other did not"
	}
	return strings.Join(parts, "; ")
}

func failing(r *report.Run) (list []report.Expectation) {
	if r == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.Expectations), func(x report.Expectation) bool { return x.Verdict != report.Fail })
}

// outcomeOf is an expectation as the run came out, whichever of the two had it.
func outcomeOf(s run.Side, name string) (report.Expectation, bool) {
	for _, r := range []*report.Run{s.Run, s.Crossed} {
		if r == nil {
			continue
		}
		if i := slices.IndexFunc(r.Expectations, func(x report.Expectation) bool { return x.Name == name }); i >= 0 {
			return r.Expectations[i], true
		}
	}
	return report.Expectation{}, false
}

// phraseOf is what came out of an expectation, in words; a grade sums up what
// others say.
func phraseOf(x report.Expectation) string {
	what, of, _ := strings.Cut(x.Name, " ")
	switch what {
	case "grade":
		return ""
	case "fenced", "lost", "altered", "duplicated", "misfiled", "resurrected", "bounced", "delayed":
		return x.Got + " " + what
	case "down":
		return x.Got + " out of service"
	case "alarms":
		return map[bool]string{true: "no alarm", false: "alarm of " + x.Got}[x.Got == "none"]
	case "available":
		return map[bool]string{true: "mail served at the end", false: "no mail served at the end"}[x.Got == "true"]
	case "detected":
		return map[bool]string{true: "noticed", false: "not noticed"}[x.Got == "true"]
	case "latency":
		return "99% served within " + x.Got
	case "unavailable_for":
		return "nobody served for " + x.Got
	case "recovered_within":
		return "served again after " + x.Got
	case "scrub":
		return "scrub of " + of + " finds " + x.Got
	case "check":
		return of + ": " + x.Got
	}
	return x.Name + " " + x.Got
}

// well says how the run without the bug came out.
func well(r *report.Run) string {
	if r.Verdict == report.Pass {
		return "all is well"
	}
	return r.Why
}
