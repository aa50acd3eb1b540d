// Package report is what a run leaves behind: the run directory, and the text
// that people read.
//
// It owns run.json (documented in FORMAT.md), junit.xml, the terminal summary,
// the public's questions and the judgement of expectations. It assumes that
// run.json is the only source: every figure in any other rendering comes from
// it, so a recorded run can be judged and printed again. It never imports a
// world, the storage or the mail store.
package report

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
	Title    string `json:"title,omitempty"`
	Seed     uint64 `json:"seed"`
	World    string `json:"world"`
	Verdict  string `json:"verdict"`
	// Why is the verdict's reason in one sentence.
	Why    string `json:"why,omitempty"`
	Digest string `json:"digest"`
	Build  Build  `json:"build"`

	WallMS    int64 `json:"wall_ms"`
	VirtualMS int64 `json:"virtual_ms"`
	FullMS    int64 `json:"full_ms"`  // of VirtualMS, simulated in full
	LeaptMS   int64 `json:"leapt_ms"` // of VirtualMS, leapt over

	Expectations []Expectation `json:"expectations"`
	Checks       []Check       `json:"checks"`
	Faults       []Fault       `json:"faults"`
	Mail         Mail          `json:"mail"`
	Recovery     Recovery      `json:"recovery"`
	Population   Population    `json:"population"`
	Nodes        []Node        `json:"nodes"`
	Timeline     []Event       `json:"timeline"`
	Questions    []Question    `json:"questions"`
	Numbers      []Number      `json:"numbers"`
}

// Build says what was run.
type Build struct {
	Go          string `json:"go"`
	GuestSHA256 string `json:"guest_sha256"`
	BugsSHA256  string `json:"bugs_sha256"`
	Arch        string `json:"arch"`
}

// Expectation is one line of the scenario's expect part, judged.
type Expectation struct {
	Name    string `json:"name"`
	Want    string `json:"want"`
	Got     string `json:"got"`
	Verdict string `json:"verdict"` // pass, fail or unknown
	Why     string `json:"why,omitempty"`
}

// Check is the verdict of one invariant of the oracle.
type Check struct {
	Name       string `json:"name"`  // D1, I4, …
	Title      string `json:"title"` // the invariant in a few words
	Verdict    string `json:"verdict"`
	Why        string `json:"why,omitempty"` // the first violation with its history
	Operations int64  `json:"operations"`    // how many were judged
}

// Fault is the receipt of one planned fault. Times are nil when it did not happen.
type Fault struct {
	Bug          string `json:"bug"`   // the armed name, or the step's verb
	Scope        string `json:"scope"` // what it was put on
	PlannedAtMS  int64  `json:"planned_at_ms"`
	Fired        int64  `json:"fired"` // how often
	FirstAtMS    *int64 `json:"first_at_ms"`
	LastAtMS     *int64 `json:"last_at_ms"`
	RevertedAtMS *int64 `json:"reverted_at_ms"`
	// Observed says what the outside saw of it, "" when nothing.
	Observed string `json:"observed"`
	// Detected says that the nodes themselves reported it.
	Detected bool `json:"detected"`
}

// Mail counts messages. Only Lost, Altered, Misfiled and Resurrected break a promise.
type Mail struct {
	Acknowledged int64 `json:"acknowledged"` // promised by a 250 or a tagged OK
	Present      int64 `json:"present"`      // of those, found unharmed, or removed by their owner
	Lost         int64 `json:"lost"`
	Altered      int64 `json:"altered"`
	Duplicated   int64 `json:"duplicated"`
	Resurrected  int64 `json:"resurrected"` // removed by their owner and back again
	Misfiled     int64 `json:"misfiled"`    // in a mailbox they were never sent to
	Delayed      int64 `json:"delayed"`     // accepted only at a later try
	Bounced      int64 `json:"bounced"`     // given up by the sender, who knows
	Ambiguous    int64 `json:"ambiguous"`   // never answered; there or not, both are honest
}

// Recovery holds the marks on the run's clock and what follows from them. A nil
// mark was not reached before the end of the run.
type Recovery struct {
	FaultMS      *int64  `json:"t_f_ms"` // first fault receipt
	ImpactMS     *int64  `json:"t_i_ms"` // first operation, as intended, that failed or was too slow
	DetectedMS   *int64  `json:"t_d_ms"` // first sign from the nodes themselves
	ProbedMS     *int64  `json:"t_d_probe_ms"`
	MendedMS     *int64  `json:"t_m_ms"` // last fault reverted
	AnsweredMS   *int64  `json:"t_a_ms"` // first acknowledged write after that
	SteadyMS     *int64  `json:"t_s_ms"` // start of the first good window that held
	ConvergedMS  *int64  `json:"t_c_ms"` // all replicas equal
	BacklogMS    *int64  `json:"t_b_ms"` // backlog drained
	VerifiedMS   *int64  `json:"t_v_ms"` // final audit done
	TTDMS        *int64  `json:"ttd_ms"`
	RTAMS        *int64  `json:"rta_ms"`
	ReconvergeMS *int64  `json:"reconverge_ms"`
	DrainMS      *int64  `json:"drain_ms"`
	EndToEndMS   *int64  `json:"end_to_end_ms"`
	VerifyMS     *int64  `json:"verify_ms"`
	RPA          RPA     `json:"rpa"`
	HorizonMS    int64   `json:"horizon_ms"` // how far the run looked
	MailboxHours float64 `json:"mailbox_hours"`
	Unavailable  int64   `json:"unavailable"` // mailboxes at the worst moment
	// Available says whether mail was served at the end; nil when nobody looked.
	Available *bool `json:"available"`
	// ClosedMS is when mail from outside was first turned away, AuditedMS when
	// the scripted verification passed.
	ClosedMS  *int64     `json:"t_closed_ms"`
	AuditedMS *int64     `json:"t_audited_ms"`
	Reopened  []Reopened `json:"reopened"` // the curve of reopened mailboxes
}

// RPA is, per class, how much acknowledged history was lost: from the first
// fault back to the oldest lost operation. 0 is no loss, nil is unknown.
type RPA struct {
	MessageMS *int64 `json:"message_ms"`
	FlagMS    *int64 `json:"flag_ms"`
	MailboxMS *int64 `json:"mailbox_ms"`
}

// Reopened is one point of the curve: how many mailboxes were open from AtMS on.
type Reopened struct {
	AtMS      int64 `json:"at_ms"`
	Mailboxes int64 `json:"mailboxes"`
}

// Population says what the sample stands for.
type Population struct {
	Mailboxes int64 `json:"mailboxes"` // represented
	Simulated int64 `json:"simulated"`
}

// Node is one node at the end of the run.
type Node struct {
	ID       string   `json:"id"`
	Array    string   `json:"array"`
	OS       string   `json:"os"`
	Fenced   bool     `json:"fenced"`
	Reason   string   `json:"reason,omitempty"`
	Detected []string `json:"detected,omitempty"` // what it noticed by itself
}

// Event is one line of the timeline: what happened, planned or not.
type Event struct {
	AtMS int64  `json:"at_ms"`
	Kind string `json:"kind"` // fault, operator, mail, detected, note, leap, phase
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
