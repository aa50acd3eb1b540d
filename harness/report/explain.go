package report

import (
	"fmt"
	"slices"
	"strings"

	"fourdays/harness/check"
)

// What a fault can do to those above it.
const (
	Loses   = "loses"   // what was stored is gone, or older than it should be
	Alters  = "alters"  // what is read is not what was stored there
	Revives = "revives" // what was removed is back
	Refuses = "refuses" // an error, or no answer
	Slows   = "slows"   // a late answer
)

// causes are the ways in which a check can come to fail by a fault. A store that
// works keeps its promises through most of them: this is where to look first,
// not who is to blame.
var causes = map[string][]string{
	"D1": {Loses, Alters}, "D2": {Loses, Alters}, "D3": {Loses, Alters, Revives, Refuses, Slows},
	"D4": {Loses, Refuses, Slows}, "D5": {Refuses, Slows}, "D6": {Loses, Alters}, "D8": {Loses, Alters},
	"D9": {Loses, Alters, Refuses, Slows}, "I1": {Loses, Alters, Revives}, "I2": {Loses, Alters, Revives},
	"I3": {Loses, Alters, Revives}, "I4": {Loses, Alters, Revives}, "I6": {Alters}, "I8": {Alters, Loses},
	"R1": {Loses, Alters, Revives, Refuses}, "R2": {Loses, Alters}, "R3": {Alters, Revives},
}

// What is added to the words of a failed check.
const (
	explained  = "\ncould be explained by: "
	impossible = "\ncould not fire: "
)

// explain says in every failed check which faults can have caused it: those of a
// kind that can, and that fired before it was seen.
func (r *Run) explain() {
	for i := range r.Checks {
		c := &r.Checks[i]
		if c.Verdict != check.Fail {
			continue
		}
		c.Why, _, _ = strings.Cut(c.Why, explained)
		c.Why, _, _ = strings.Cut(c.Why, impossible)
		if c.Name == "H1" {
			c.Why += joined(impossible, r.unfireable())
		} else {
			c.Why += joined(explained, r.suspects(c))
		}
	}
}

func joined(intro string, list []string) string {
	if len(list) == 0 {
		return ""
	}
	return intro + strings.Join(list, "; ")
}

// suspects describes the faults that can have caused what a check found.
func (r *Run) suspects(c *check.Check) (found []string) {
	seen := seenAtMS(c)
	for i := range r.Faults {
		f := &r.Faults[i]
		can := slices.ContainsFunc(f.Can, func(way string) bool { return slices.Contains(causes[c.Name], way) })
		if can && f.FirstAtMS != nil && *f.FirstAtMS <= seen {
			found = append(found, f.summary())
		}
	}
	return found
}

// summary is a fault in a few words: flush-lies (12 times on n1:wal fsync, first
// +31 s).
func (f *Fault) summary() string {
	where := f.Where
	if where == "" {
		where = f.Scope
	}
	return fmt.Sprintf("%s (%s on %s, first %s)", f.name(), times(f.Fired), where, moment(f.FirstAtMS, "?"))
}

// name is what the script calls a fault.
func (f *Fault) name() string {
	if f.As != "" {
		return f.As
	}
	return f.Bug
}

// seenAtMS is when a check's first violation was there to be seen. D2 and D3
// name an attempt; what came of it was seen with the last that is known of the
// message.
func seenAtMS(c *check.Check) int64 {
	first := c.First
	if n := len(c.Evidence); n > 0 && (first == nil || c.Name == "D2" || c.Name == "D3") {
		first = c.Evidence[n-1]
	}
	if first == nil {
		return 0
	}
	return first.AnsweredUS / 1000
}

// unfireable says which faults could not have fired, and why.
func (r *Run) unfireable() (all []string) {
	for i := range r.Faults {
		if f := &r.Faults[i]; f.Fired == 0 && f.Never != "" {
			all = append(all, f.name()+": "+f.Never)
		}
	}
	return all
}
