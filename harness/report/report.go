// Package report is what a run leaves behind: the run directory, and the text
// that people read.
//
// It owns run.json (documented in FORMAT.md), junit.xml, the terminal summary,
// the public's questions and the judgement of expectations. It assumes that
// run.json is the only source: every figure in any other rendering comes from
// it, so a recorded run can be judged and printed again. It never imports a
// world, the storage or the mail store.
package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"fourdays/harness/check"
	"fourdays/harness/recovery"
)

// Schema is the version of run.json that this package writes.
const Schema = "fourdays/run/1"

// The verdicts of a run.
const (
	Pass         = "pass"         // every expectation held
	Fail         = "fail"         // an expectation did not hold
	Inconclusive = "inconclusive" // the harness cannot tell: a fault did not fire, a check is unknown
	Aborted      = "aborted"      // stopped before its end
	Error        = "error"        // the harness itself failed
	Unknown      = "unknown"      // of a check or an expectation: cannot tell
)

// Run is run.json.
type Run struct {
	Schema   string `json:"schema"`
	Scenario string `json:"scenario"`
	// Path is the scenario file as it was named on the command line.
	Path string `json:"path,omitempty"`
	// Args are what was given to `fourdays run` beside the file and the seed.
	Args  []string `json:"args,omitempty"`
	Title string   `json:"title,omitempty"`
	// Variant says which variant of the file it is; nil for a file without.
	Variant *Variant `json:"variant,omitempty"`
	Seed    uint64   `json:"seed"`
	World   string   `json:"world"`
	Verdict string   `json:"verdict"`
	// Why is the verdict's reason in one sentence.
	Why    string `json:"why,omitempty"`
	Digest string `json:"digest"`
	Build  Build  `json:"build"`
	// Target is the mail server of others that was tested; nil for our own store.
	Target *Target `json:"target,omitempty"`

	WallMS    int64 `json:"wall_ms"`
	VirtualMS int64 `json:"virtual_ms"`
	FullMS    int64 `json:"full_ms"`  // of VirtualMS, simulated in full
	LeaptMS   int64 `json:"leapt_ms"` // of VirtualMS, leapt over

	Expectations []Expectation `json:"expectations"`
	// Checks, Mail and Classes are the oracle's.
	Checks []check.Check `json:"checks"`
	// Background is nil when the scenario has none.
	Background *Background   `json:"background,omitempty"`
	Faults     []Fault       `json:"faults"`
	Mail       check.Mail    `json:"mail"`
	Classes    []check.Class `json:"classes"`
	Audit      Audit         `json:"audit"`
	// Recovery holds the marks and what follows from them.
	Recovery   recovery.Recovery `json:"recovery"`
	Milestones Milestones        `json:"milestones"`
	// Available says whether mail was served at the end; nil when nobody looked.
	Available *bool `json:"available"`
	// UnavailableMS is the longest time in which somebody asked and nobody was
	// served, LatencyP99MS the 99th percentile of the time until users had what
	// they asked for; nil when nobody asked, or nobody was served.
	UnavailableMS *int64 `json:"unavailable_ms"`
	LatencyP99MS  *int64 `json:"latency_p99_ms"`
	// Playbook are the steps of the playbook, and Steps those of the timeline that
	// may be refused, each with what became of it.
	Playbook []Act `json:"playbook"`
	Steps    []Act `json:"steps"`
	// Stopped says which stop condition ended the run; nil for none.
	Stopped    *Stopped   `json:"stopped,omitempty"`
	Alarms     []Alarm    `json:"alarms"`
	Scrubs     []Scrub    `json:"scrubs"`
	Spools     []Spool    `json:"spools"`
	Population Population `json:"population"`
	Nodes      []Node     `json:"nodes"`
	Arrays     []Array    `json:"arrays"`
	Timeline   []Event    `json:"timeline"`
	Questions  []Question `json:"questions"`
	Numbers    []Number   `json:"numbers"`
}

// Variant is one of several scenarios in a file.
type Variant struct {
	Name  string `json:"name"`
	Of    string `json:"of"`    // the file's own name
	Title string `json:"title"` // the file's own title
}

// File is what to give to `fourdays run` to run this again.
func (r *Run) File() string {
	if r.Path != "" {
		return r.Path
	}
	return r.Scenario + ".yaml"
}

// Again is the command that runs this again.
func (r *Run) Again() string {
	words := append([]string{"fourdays run", r.File()}, r.Args...)
	return strings.Join(append(words, fmt.Sprintf("--seed %d", r.Seed)), " ")
}

// Build says what was run.
type Build struct {
	Go          string `json:"go"`
	GuestSHA256 string `json:"guest_sha256"`
	BugsSHA256  string `json:"bugs_sha256"`
	Arch        string `json:"arch"`
}

// Target is a mail server of others.
type Target struct {
	Server   string            `json:"server"`             // as the scenario calls it
	Version  string            `json:"version,omitempty"`  // in its own words
	Settings map[string]string `json:"settings,omitempty"` // that the scenario gave its hooks
}

// String is the target in one line.
func (t *Target) String() string {
	text := t.Server
	if t.Version != "" {
		text += " (" + strings.Join(strings.Fields(t.Version), " ") + ")"
	}
	return strings.Join(append([]string{text}, t.Each()...), ", ")
}

// Each lists the settings as NAME=value.
func (t *Target) Each() (all []string) {
	for _, name := range slices.Sorted(maps.Keys(t.Settings)) {
		all = append(all, name+"="+t.Settings[name])
	}
	return all
}

// Expectation is one line of the scenario's expect part, judged.
type Expectation struct {
	Name    string `json:"name"`
	Want    string `json:"want"`
	Got     string `json:"got"`
	Verdict string `json:"verdict"` // pass, fail or unknown
	Why     string `json:"why,omitempty"`
}

// Fault is the receipt of one planned fault. Times are nil when it did not happen.
type Fault struct {
	Bug          string `json:"bug"`          // the bug that was armed, or the step's verb
	As           string `json:"as,omitempty"` // what the script calls it, if not by its bug
	Scope        string `json:"scope"`        // what it was put on
	PlannedAtMS  int64  `json:"planned_at_ms"`
	ArmedAtMS    *int64 `json:"armed_at_ms"` // of a bug
	Fired        int64  `json:"fired"`       // how often
	FirstAtMS    *int64 `json:"first_at_ms"`
	LastAtMS     *int64 `json:"last_at_ms"`
	Where        string `json:"where"` // it fired first: volume:path operation
	RevertedAtMS *int64 `json:"reverted_at_ms"`
	// Observed says what the outside saw of it, "" when nothing.
	Observed     string `json:"observed"`
	ObservedAtMS *int64 `json:"observed_at_ms"`
	// Masked is how often it would have done something and nobody could feel it;
	// MaskedBy says because of what: "raid", "cache", "same bytes", or "" for not
	// known.
	Masked   int64  `json:"masked"`
	MaskedBy string `json:"masked_by"`
	// Detected says that a node that it was on, or an array, reported something
	// after it had fired.
	Detected bool `json:"detected"`
	// Overrides are numbers of the bug that the script changed, in words.
	Overrides []string `json:"overrides,omitempty"`
	// Can is what it can do to those above it: Loses, Alters, ...
	Can []string `json:"can,omitempty"`
	// Never says why it cannot fire in this scenario, "" if it can.
	Never string `json:"never,omitempty"`
}

// Act is a step of the playbook, or of the timeline, and what became of it.
type Act struct {
	Step    int    `json:"step"` // from 1, in the order of the file or of the timeline
	Verb    string `json:"verb"`
	What    string `json:"what"`    // the step as a file spells it
	FromMS  *int64 `json:"from_ms"` // the operator turned to it; nil: never
	ToMS    *int64 `json:"to_ms"`   // it was over; nil: never
	Outcome string `json:"outcome"` // one of the words below
	Why     string `json:"why,omitempty"`
}

// What becomes of a step.
const (
	StepDone    = "done"
	StepRefused = "refused" // nothing was done, and the next step followed
	StepStuck   = "stuck"   // it was not over when its time was
	StepSkipped = "skipped" // it was never begun
)

// Stopped is the stop condition that ended a run.
type Stopped struct {
	When  string `json:"when"`
	Note  string `json:"note,omitempty"`
	Value string `json:"value"` // of what the condition is about, at that moment
	AtMS  int64  `json:"at_ms"`
}

// Alarm is one that an array's own monitoring raised.
type Alarm struct {
	AtMS  int64  `json:"at_ms"`
	Array string `json:"array"`
	Text  string `json:"text"`
	// Scripted says that it is about what a step of the script did, and no bug.
	Scripted bool `json:"scripted"`
}

// Scrub is one that the script asked of an array or a node, and what it found.
type Scrub struct {
	AtMS     int64    `json:"at_ms"`
	Node     string   `json:"node,omitempty"` // of a scrub by a node
	Array    string   `json:"array"`
	Findings int64    `json:"findings"`
	Repaired int64    `json:"repaired,omitempty"` // of them, by a node
	First    []string `json:"first"`              // of the findings, at most ten
}

// Spool is what the provider's own exchangers did with mail that they accepted
// in the store's place. Counts are of recipients, but for messages.
type Spool struct {
	Array        string `json:"array"`    // that it lies on
	Accepted     int64  `json:"accepted"` // answered 250
	Refused      int64  `json:"refused"`  // attempts that the queue did not take, or did not answer
	Delivered    int64  `json:"delivered"`
	Bounced      int64  `json:"bounced"` // returned, since the store refused them for ever
	Messages     int64  `json:"messages"`
	PeakMessages int64  `json:"peak_messages"`
	PeakBytes    int64  `json:"peak_bytes"`
	FirstAtMS    *int64 `json:"first_at_ms"`   // the first was accepted
	DrainedAtMS  *int64 `json:"drained_at_ms"` // nothing was left, for the last time
}

// Milestones are the turns of the script, on the run's clock. Nil did not come.
type Milestones struct {
	InboundClosedMS *int64 `json:"inbound_closed_ms"` // mail from outside was first turned away
	FixedMS         *int64 `json:"fixed_ms"`          // the vendor's fix was in
	VerifyFromMS    *int64 `json:"verify_from_ms"`    // the scripted verification began
	VerifiedMS      *int64 `json:"verified_ms"`       // and passed
	FirstReopenMS   *int64 `json:"first_reopen_ms"`
	LastReopenMS    *int64 `json:"last_reopen_ms"`
}

// Audit says how much the final audit read.
type Audit struct {
	Mailboxes int64 `json:"mailboxes"` // each once per replica
	Replicas  int64 `json:"replicas"`
	Messages  int64 `json:"messages"`
	Asked     int64 `json:"asked"`    // accounts of a sample, asked for through IMAP
	Answered  int64 `json:"answered"` // of those, how many a node showed something of
}

// Population says what the sample stands for.
type Population struct {
	Mailboxes int64 `json:"mailboxes"` // represented
	Simulated int64 `json:"simulated"`
}

// Node is one node at the end of the run.
type Node struct {
	ID       string   `json:"id"`
	Identity string   `json:"identity,omitempty"` // in its group, when it is not its name any more
	Array    string   `json:"array"`
	OS       string   `json:"os"`
	State    string   `json:"state"` // what became of it: one of the words below
	Fenced   bool     `json:"fenced"`
	Reason   string   `json:"reason,omitempty"`
	Detected []string `json:"detected,omitempty"` // what it noticed by itself
}

// Array is what one array of the scenario has counted and holds. Counters are
// named as bugs name them; what the array started from is in them.
type Array struct {
	Name string `json:"name"`
	OS   string `json:"os"` // when the script began
	// Start is when the script began, End when the users were no longer watched, or
	// when the run broke off; empty if it never came so far.
	Start     map[string]int64 `json:"start"`
	End       map[string]int64 `json:"end"`
	EndMS     int64            `json:"end_ms"`     // when End was taken down; Start was at 0
	StartUsed int64            `json:"start_used"` // bytes that its volumes hold
	EndUsed   int64            `json:"end_used"`
}

// Did is what the array counted while the script ran; ok is false if that is not
// known.
func (a *Array) Did(counter string) (n int64, ok bool) {
	from, began := a.Start[counter]
	to, ended := a.End[counter]
	return to - from, began && ended
}

// The states of a node at the end of a run.
const (
	Serving     = "serving"
	Unavailable = "unavailable" // it answers, and says that it cannot serve
	Fenced      = "fenced"      // it holds less than it promised, and keeps out
	Down        = "down"        // it does not answer
)

// Event is one line of the timeline: what happened, planned or not.
type Event struct {
	AtMS int64  `json:"at_ms"`
	Kind string `json:"kind"` // fault, operator, refused, mail, detected, note, leap, phase
	Text string `json:"text"`
}

// Question is one that the public asked in January 2023, with this run's answer.
type Question struct {
	N         int      `json:"n"`
	Text      string   `json:"text"`
	Rehearsed bool     `json:"rehearsed"`
	Answer    string   `json:"answer,omitempty"`
	Figures   []Figure `json:"figures,omitempty"`
	Why       string   `json:"why,omitempty"` // why it is not rehearsed
}

// Figure is a number of an answer, named, in units for people.
type Figure struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Number says where a figure of the scenario comes from.
type Number struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"` // an address, or "picked"
}
