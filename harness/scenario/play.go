package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Play is one step of the playbook: what the operator does when the step before
// it is over.
type Play struct {
	// After is how long the operator needs before it: hands and diagnosis.
	After time.Duration
	// Within is how long a Wait may take, from when it begins; 0 is until the end
	// of the script.
	Within time.Duration
	Note   string // shown in the report
	Action Action // a Wait, or an action of the timeline

	where map[string]place // as of a Step
}

// Wait is a step of the playbook that is over when its condition holds.
type Wait struct{ For Condition }

// Halt is a stop condition: when it holds the run ends at once.
type Halt struct {
	When Condition
	Note string

	where place
}

// Condition is something that comes to hold, or does not, while a run goes on.
// Playbooks wait for one, and stop conditions halt at one.
type Condition struct {
	Of string // one of the words below
	// Names are the nodes that all have to be so, or the one array or bug that it
	// is about.
	Names []string
	// Op is ">=" or ">" where something is compared, with N, Time or Share; "" else.
	Op    string
	N     int64
	Time  time.Duration
	Share Percent
}

// What conditions are about.
const (
	FixIn     = "fix"       // the vendor's fix of a bug is in
	FencedNow = "fenced"    // nodes have fenced themselves
	ServeNow  = "serving"   // nodes serve by their own word
	Unserved  = "unserved"  // somebody asks, and nobody has been served for so long
	Noticed   = "detected"  // a node or an array has told of something
	Alarmed   = "alarm"     // an array has raised an alarm
	Verified  = "verified"  // a verification has passed
	Reopened  = "reopened"  // so many of all accounts are open
	Moment    = "at"        // a time of the script
	Lost      = "lost"      // messages, as the oracle finds at verifications and audits
	Altered   = "altered"   // likewise
	Misfiled  = "misfiled"  // likewise
	Damaged   = "damaged"   // findings that nodes have reported, in all
	Refused   = "refused"   // steps that could not be carried out
	countedBy = "nodes"     // kinds of quantities: how many
	timedBy   = "a time"    // how long
	sharedBy  = "a share"   // of a hundred
	namedBy   = "a name"    // of one thing
	plainly   = "true only" // it is so
)

// quantities are the words that conditions are made of, in the order that
// messages list them.
var quantities = []struct {
	word, kind string
	wait, halt bool
}{
	{FixIn, namedBy, true, false}, {FencedNow, countedBy, true, true}, {ServeNow, countedBy, true, false},
	{Unserved, timedBy, true, true}, {Noticed, plainly, true, false}, {Alarmed, namedBy, true, false},
	{Verified, plainly, true, false}, {Reopened, sharedBy, true, false}, {Moment, timedBy, true, false},
	{Lost, countedBy, false, true}, {Altered, countedBy, false, true}, {Misfiled, countedBy, false, true},
	{Damaged, countedBy, false, true}, {Refused, countedBy, false, true},
}

// WaitWords are what a playbook can wait for, HaltWords what a stop condition can
// look at.
func WaitWords() (words []string) {
	for _, q := range quantities {
		if q.wait {
			words = append(words, q.word)
		}
	}
	return words
}

// HaltWords are what a stop condition can look at.
func HaltWords() (words []string) {
	for _, q := range quantities {
		if q.halt {
			words = append(words, q.word)
		}
	}
	return words
}

func kindOfWord(word string) string {
	for _, q := range quantities {
		if q.word == word {
			return q.kind
		}
	}
	return ""
}

// Holds compares a count or, of a time, its nanoseconds.
func (c Condition) Holds(got int64) bool {
	want := c.N
	if kindOfWord(c.Of) == timedBy {
		want = int64(c.Time)
	}
	return Cond{c.Op, want}.Holds(got)
}

// String is the condition for people, and as `when` spells it.
func (c Condition) String() string {
	switch kind := kindOfWord(c.Of); {
	case len(c.Names) > 0:
		return c.Of + " " + strings.Join(c.Names, ", ")
	case kind == plainly:
		return c.Of
	case c.Of == Moment:
		return "at " + Duration(c.Time)
	case kind == sharedBy:
		return fmt.Sprintf("%s %s %v", c.Of, c.Op, c.Share)
	case kind == timedBy:
		return fmt.Sprintf("%s %s %s", c.Of, c.Op, Duration(c.Time))
	}
	return fmt.Sprintf("%s %s %d", c.Of, c.Op, c.N)
}

// print is the condition as a wait spells it.
func (c Condition) print() string {
	switch kindOfWord(c.Of) {
	case namedBy:
		return c.Of + ": " + text(c.Names[0])
	case plainly:
		return c.Of + ": true"
	case timedBy:
		return c.Of + ": " + Duration(c.Time)
	case sharedBy:
		return c.Of + ": " + c.Share.String()
	}
	if len(c.Names) > 0 {
		return c.Of + ": " + list(c.Names)
	}
	return c.Of + ": " + strconv.FormatInt(c.N, 10)
}

// Verb names the step in the file.
func (Wait) Verb() string { return "wait" }

func (w Wait) print() string { return "wait: {" + w.For.print() + "}" }

func (p Play) print() string {
	var parts []string
	if p.After > 0 {
		parts = append(parts, "after: "+Duration(p.After))
	}
	parts = append(parts, p.Action.print())
	if p.Within > 0 {
		parts = append(parts, "within: "+Duration(p.Within))
	}
	if p.Note != "" {
		parts = append(parts, "note: "+text(p.Note))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (h Halt) print() string {
	out := "{when: " + strconv.Quote(h.When.String())
	if h.Note != "" {
		out += ", note: " + text(h.Note)
	}
	return out + "}"
}

// steps are what the script does and what the playbook may do. When that is,
// nobody knows beforehand: it counts as done at the end.
func (s *Scenario) steps() []Step {
	all := slices.Clone(s.Timeline)
	for _, p := range s.Playbook {
		if _, wait := p.Action.(Wait); !wait {
			all = append(all, Step{At: s.Duration, Note: p.Note, Action: p.Action, where: p.where})
		}
	}
	return all
}

// Does says whether a step of the timeline or the playbook has that verb.
func (s *Scenario) Does(verb string) bool {
	return slices.ContainsFunc(s.steps(), func(t Step) bool { return t.Action != nil && t.Action.Verb() == verb })
}

// Looks says whether a condition about mail has to be judged by the oracle.
func (c Condition) Looks() bool { return slices.Contains([]string{Lost, Altered, Misfiled}, c.Of) }

// Asks says whether nodes have to be asked to know whether a condition holds.
func (c Condition) Asks() bool {
	return slices.Contains([]string{FencedNow, ServeNow, Noticed, Damaged}, c.Of)
}

// What is an action as a file spells it.
func What(a Action) string { return a.print() }

// What is the step's action, or its wait, as a file spells it.
func (p Play) What() string { return p.Action.print() }
