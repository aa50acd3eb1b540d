package scenario

import (
	"strconv"
	"time"
)

// Expect is what must be true at the end. Fields that the file does not name
// are nil or empty, and not judged.
type Expect struct {
	// Grade is MustSurvive, MayStop, LossDetected or "".
	Grade string
	// Counts are in the order of CountNames.
	Counts          []Count
	RecoveredWithin *time.Duration
	// Fenced are the nodes that must have fenced themselves, and no others;
	// nil is not judged, an empty list means none.
	Fenced []string
	// Down are the nodes that do not serve at the end, and no others: they do not
	// answer, are fenced, or say that they are unavailable; nil and empty as Fenced.
	Down []string
	// Detected says that a node or an array noticed something by itself; false,
	// that none found anything wrong.
	Detected *bool
	// DetectedBugs are the armed names that the nodes themselves must have detected.
	DetectedBugs []string
	// Alarms are the arrays whose own monitoring raised an alarm, and no others;
	// nil and empty as Fenced.
	Alarms []string
	// Scrubs are about what the arrays' scrubs found, in the order of the file.
	Scrubs []ScrubWant
	// Playbook is how the playbook ends: Done, Stuck, or RefusedOne; "" wants Done,
	// if there is one.
	Playbook string
	// Refused is about how many steps of the script and the playbook could not be
	// carried out; nil wants none where a step can be refused.
	Refused *Cond
	// Available says whether mail is served at the end.
	Available *bool
	// StaysOpen says whether what was reopened stays open: that it is never closed
	// again by those who come back.
	StaysOpen *bool
	// UnavailableFor is about the longest time in which somebody asked and
	// nobody was served, Latency about the 99th percentile of the time that an
	// operation took to be answered.
	UnavailableFor, Latency *Length
	// Checks are in the order of the file.
	Checks []CheckWant
	// AnyOthers says that the checks that Checks does not name may fail: what they
	// find is looked for, and not known beforehand.
	AnyOthers bool
}

// The grades: what the topology allows to ask for.
const (
	MustSurvive  = "must_survive"  // nothing acknowledged is lost, and service returns
	MayStop      = "may_stop"      // service may stop, but nothing lies
	LossDetected = "loss_detected" // loss is unavoidable; it is detected and counted
)

// How a playbook ends.
const (
	Done       = "done"    // every step was carried out
	Stuck      = "stuck"   // a step was still waiting when its time, or the script, was over
	RefusedOne = "refused" // it came to its end, and a step could not be carried out
)

// Count is an expectation about a figure of run.json's mail part.
type Count struct {
	Name string
	Cond Cond
}

// CountNames are the figures that can be expected, in the order they print.
func CountNames() []string {
	return []string{"lost", "altered", "duplicated", "misfiled", "resurrected", "bounced", "delayed"}
}

// Cond is a comparison with a whole number.
type Cond struct {
	Op string // "=", ">=", "<=", ">" or "<"
	N  int64
}

// Holds says whether got satisfies the comparison.
func (c Cond) Holds(got int64) bool {
	switch c.Op {
	case ">=":
		return got >= c.N
	case "<=":
		return got <= c.N
	case ">":
		return got > c.N
	case "<":
		return got < c.N
	default:
		return got == c.N
	}
}

// String is the comparison as a file spells it; equality is the bare number.
func (c Cond) String() string {
	n := strconv.FormatInt(c.N, 10)
	if c.Op == "=" {
		return n
	}
	return c.Op + n
}

// ScrubWant is an expectation about how many findings the scrubs of one array
// had, together.
type ScrubWant struct {
	Array string
	Cond  Cond
}

// Length is a comparison with a time.
type Length struct {
	Op   string // ">=", "<=", ">" or "<"
	Time time.Duration
}

// Holds says whether got satisfies the comparison.
func (l Length) Holds(got time.Duration) bool {
	return Cond{l.Op, int64(l.Time)}.Holds(int64(got))
}

// String is the comparison as a file spells it.
func (l Length) String() string { return l.Op + Duration(l.Time) }

// CheckWant is the verdict that one check of the oracle must reach.
type CheckWant struct {
	Check string
	Want  string // pass, fail or unknown
}
