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
	// Detected says that the nodes themselves detected something, or nothing.
	Detected *bool
	// DetectedBugs are the armed names that the nodes themselves must have detected.
	DetectedBugs []string
	// Available says whether mail is served at the end.
	Available *bool
	// Checks are in the order of the file.
	Checks []CheckWant
}

// The grades: what the topology allows to ask for.
const (
	MustSurvive  = "must_survive"  // nothing acknowledged is lost, and service returns
	MayStop      = "may_stop"      // service may stop, but nothing lies
	LossDetected = "loss_detected" // loss is unavoidable; it is detected and counted
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

// CheckWant is the verdict that one check of the oracle must reach.
type CheckWant struct {
	Check string
	Want  string // pass, fail or unknown
}
