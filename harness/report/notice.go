package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"fourdays/harness/scenario"
)

// outcomes compares lists of names: those that are wanted and those that are.
func outcomes(name string, want, got []string, why []string) Expectation {
	want = slices.Sorted(slices.Values(want))
	slices.Sort(got)
	return settled(name, names(want), names(slices.Compact(got)), strings.Join(why, "; "))
}

func names(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

func fenced(r *Run, want []string) Expectation {
	var got, why []string
	for _, n := range r.Nodes {
		if n.Fenced {
			got = append(got, n.ID)
			why = append(why, n.ID+": "+n.Reason)
		}
	}
	return outcomes("fenced", want, got, why)
}

// down judges which nodes serve at the end. A record without states does not
// say.
func down(r *Run, want []string) Expectation {
	var got, why []string
	for _, n := range r.Nodes {
		switch n.State {
		case "":
			return Expectation{Name: "down", Want: names(want), Got: "unknown", Verdict: Unknown, Why: "the record does not say what became of " + n.ID}
		case Serving:
		default:
			got = append(got, n.ID)
			why = append(why, strings.TrimSuffix(n.ID+" is "+n.State+": "+n.Reason, ": "))
		}
	}
	return outcomes("down", want, got, why)
}

func alarms(r *Run, want []string) Expectation {
	var got, why []string
	for _, a := range r.Alarms {
		if !slices.Contains(got, a.Array) {
			got = append(got, a.Array)
			why = append(why, a.Array+" at "+At(a.AtMS)+": "+a.Text)
		}
	}
	return outcomes("alarms", want, got, why)
}

func scrubbed(r *Run, w scenario.ScrubWant) Expectation {
	x := Expectation{Name: "scrub " + w.Array, Want: w.Cond.String(), Got: "unknown", Verdict: Unknown, Why: "it was not scrubbed"}
	found, why := int64(0), ""
	for _, s := range r.Scrubs {
		if s.Array != w.Array {
			continue
		}
		found += s.Findings
		if why == "" && len(s.First) > 0 {
			why = s.First[0]
		}
		x.Verdict = Pass
	}
	if x.Verdict == Unknown {
		return x
	}
	x.Got, x.Why = strconv.FormatInt(found, 10), ""
	if !w.Cond.Holds(found) {
		x.Verdict, x.Why = Fail, why
	}
	return x
}

// length judges a time that was measured.
func length(name string, want *scenario.Length, got *int64, none string) Expectation {
	x := Expectation{Name: name, Want: want.String(), Verdict: Pass}
	switch {
	case got == nil:
		x.Got, x.Verdict, x.Why = "unknown", Unknown, none
	case !want.Holds(time.Duration(*got) * time.Millisecond):
		x.Got, x.Verdict = Span(*got), Fail
	default:
		x.Got = Span(*got)
	}
	return x
}

// noticed judges whether anybody did. For trouble it is enough that a node's
// health told of it. For calm it is not too much: a node that the script cut
// off says so too.
func noticed(r *Run, want bool) Expectation {
	got := found(r)
	if want {
		got = got || alarmed(r)
	}
	return settled("detected", strconv.FormatBool(want), strconv.FormatBool(got), what(r))
}

// alarmed says whether a node's health told of trouble after the first fault. It
// is enough to have noticed an outage, and too little to have noticed a loss: a
// node that restarts is unavailable for a while, too.
func alarmed(r *Run) bool { return r.Recovery.HealthMS != nil }

// detected says whether a node found something wrong by itself.
func detected(r *Run) bool {
	return slices.ContainsFunc(r.Nodes, func(n Node) bool { return n.Fenced || len(n.Detected) > 0 })
}

// found says whether a node or an array found something wrong by itself, beside
// what the script did to arrays.
func found(r *Run) bool {
	return detected(r) || slices.ContainsFunc(r.Alarms, func(a Alarm) bool { return !a.Scripted }) ||
		slices.ContainsFunc(r.Scrubs, func(s Scrub) bool { return s.Findings > 0 })
}

// Noticed says whether anything but an array's alarm found something wrong: a node
// by itself, or a scrub. A node's health is too little: it also tells of what the
// script did.
func (r *Run) Noticed() bool {
	return detected(r) || slices.ContainsFunc(r.Scrubs, func(s Scrub) bool { return s.Findings > 0 })
}

func what(r *Run) string {
	for _, n := range r.Nodes {
		if len(n.Detected) > 0 {
			return n.ID + " noticed: " + n.Detected[0]
		}
		if n.Fenced {
			return n.ID + " fenced itself: " + n.Reason
		}
	}
	for _, a := range r.Alarms {
		if !a.Scripted {
			return a.Array + " raised an alarm: " + a.Text
		}
	}
	for _, s := range r.Scrubs {
		if s.Findings > 0 {
			return fmt.Sprintf("a scrub of %s found %s", s.Array, names(s.First))
		}
	}
	if alarmed(r) {
		return "a node's health told of trouble at " + At(*r.Recovery.HealthMS)
	}
	return "nobody noticed anything"
}

func detectedBug(r *Run, name string) Expectation {
	x := Expectation{Name: "detected " + name, Want: "true", Got: "false", Verdict: Fail, Why: what(r)}
	for i := range r.Faults {
		if f := &r.Faults[i]; f.name() == name && f.Detected {
			x.Got, x.Verdict, x.Why = "true", Pass, ""
		}
	}
	return x
}
