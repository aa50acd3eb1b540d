package run

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"fourdays/harness/check"
	"fourdays/harness/recovery"
	"fourdays/harness/report"
	"fourdays/harness/scenario"
)

// Evidence is what judging needs beside the history: what the harness did and
// saw. Times are the scenario's, in the units their names say.
type Evidence struct {
	Scenario string       `json:"scenario"`
	Seed     uint64       `json:"seed"`
	World    string       `json:"world"`
	Digest   string       `json:"digest"`
	Events   uint64       `json:"events"`
	Build    report.Build `json:"build"`
	// Target is the mail server that was tested, nil for our own store.
	Target *report.Target `json:"target,omitempty"`
	// Ended is "completed", "aborted" or "error"; Why says what happened.
	Ended     string `json:"ended"`
	Why       string `json:"why,omitempty"`
	WallMS    int64  `json:"wall_ms"`
	VirtualMS int64  `json:"virtual_ms"`
	LeaptMS   int64  `json:"leapt_ms"`

	Faults     []*fault            `json:"faults"`
	Noise      *Noise              `json:"noise,omitempty"` // the background, if the scenario has one
	Timeline   []report.Event      `json:"timeline"`
	Milestones report.Milestones   `json:"milestones"`
	Nodes      []NodeState         `json:"nodes"`
	Arrays     []report.Array      `json:"arrays"`
	Alarms     []Alarm             `json:"alarms"`
	Scrubs     []report.Scrub      `json:"scrubs"`
	Playbook   []report.Act        `json:"playbook,omitempty"`
	Steps      []report.Act        `json:"steps,omitempty"`
	Stopped    *report.Stopped     `json:"stopped,omitempty"`
	Closed     []recovery.Closure  `json:"closed"`
	Queued     []check.Recipient   `json:"queued"`
	QueueKnown bool                `json:"queue_known"`
	Spools     []report.Spool      `json:"spools,omitempty"`
	Spool      []check.Spooled     `json:"spool,omitempty"` // what their queues should have, and what a look at the end found
	SpoolKnown bool                `json:"spool_known,omitempty"`
	HealthUS   *int64              `json:"health_us"`  // a node first said that something is wrong
	AgreedUS   *int64              `json:"agreed_us"`  // replicas first found equal after the faults
	WatchedUS  *int64              `json:"watched_us"` // users were watched until then: the end of settling
	AuditedUS  *int64              `json:"audited_us"` // the final audit was finished
	Operations int64               `json:"operations"` // in the history
	Unanswered int                 `json:"unanswered"` // questions of the final audit
	Damage     map[string][]string `json:"damage"`     // by volume: where the array itself knows that it is wrong
	open       map[string]int      // accounts to their entry in Closed
}

// NodeState is a node at the end of a run.
type NodeState struct {
	report.Node
	Reachable bool `json:"reachable"`
	// NoticedMS is when it last said that it has found something, or fenced
	// itself.
	NoticedMS *int64 `json:"noticed_ms,omitempty"`
}

// Alarm is one that an array raised, and the armed bug behind it.
type Alarm struct {
	report.Alarm
	Rule string `json:"rule"`
}

const evidenceFile = report.EvidenceFile

func newEvidence(s *scenario.Scenario, seed uint64, kind string) *Evidence {
	return &Evidence{Scenario: s.Name, Seed: seed, World: kind, Damage: map[string][]string{}, open: map[string]int{}}
}

// save writes the evidence whole or not at all.
func (ev *Evidence) save(dir string) error {
	text, err := json.MarshalIndent(ev, "", " ")
	if err != nil {
		return fmt.Errorf("encode evidence: %w", err)
	}
	tmp := filepath.Join(dir, "."+evidenceFile)
	if err := os.WriteFile(tmp, text, 0o644); err != nil {
		_ = os.Remove(tmp) // what is half-written must not stay; the first error is the one that counts
		return fmt.Errorf("write evidence: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(dir, evidenceFile)); err != nil {
		return fmt.Errorf("write evidence: %w", err)
	}
	return nil
}

func loadEvidence(dir string) (*Evidence, error) {
	text, err := os.ReadFile(filepath.Join(dir, evidenceFile))
	if err != nil {
		return nil, fmt.Errorf("read evidence: %w", err)
	}
	ev := new(Evidence)
	if err := json.Unmarshal(text, ev); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, evidenceFile), err)
	}
	if !slices.Contains([]string{"completed", "aborted", "error"}, ev.Ended) {
		return nil, fmt.Errorf("read %s: it does not say how the run ended", filepath.Join(dir, evidenceFile))
	}
	return ev, nil
}

func (ev *Evidence) closes(account string, at time.Duration) {
	ev.open[account] = len(ev.Closed)
	ev.Closed = append(ev.Closed, recovery.Closure{Account: account, FromUS: at.Microseconds(), ToUS: -1})
}

func (ev *Evidence) opens(account string, at time.Duration) {
	ev.Closed[ev.open[account]].ToUS = at.Microseconds()
}

func (ev *Evidence) agreed(at time.Duration) {
	if ev.AgreedUS == nil {
		us := at.Microseconds()
		ev.AgreedUS = &us
	}
}
