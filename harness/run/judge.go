package run

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"fourdays/harness/check"
	"fourdays/harness/hist"
	"fourdays/harness/recovery"
	"fourdays/harness/report"
	"fourdays/harness/scenario"
)

// Judge reads the history and the evidence in a run directory and says what
// they mean. It changes nothing there.
func Judge(s *scenario.Scenario, dir string) (*report.Run, error) {
	ev, err := loadEvidence(dir)
	if err != nil {
		return nil, err
	}
	r := ev.report(s)
	judge := check.New(ev.checkInput(s))
	meter := recovery.New(ev.recoveryInput(s))
	end, served := newTail(), &service{}
	known, count := names{}, int64(0)
	if err := readHistory(dir, func(op *hist.Op) error {
		known.name(op)
		judge.Add(op)
		meter.Add(op)
		end.add(op)
		served.add(op)
		count++
		return nil
	}); err != nil {
		return nil, err
	}
	if count != ev.Operations {
		return nil, fmt.Errorf("read %s: it has %d operations and the run wrote %d", filepath.Join(dir, historyFile), count, ev.Operations)
	}
	verdict := judge.Verdicts()
	r.Checks, r.Mail, r.Classes = verdict.Checks, verdict.Mail, verdict.Classes
	r.Audit, r.Available = end.audit(), end.available
	until := ev.horizon()
	if end.available != nil && *end.available { // who still waits then waits for nobody
		until = min(until, served.until())
	}
	r.UnavailableMS, r.LatencyP99MS = served.longest(until), served.p99()
	r.Recovery = meter.Recovery(losses(verdict.Classes))
	report.Complete(r, s)
	return r, nil
}

func readHistory(dir string, each func(*hist.Op) error) error {
	f, err := os.Open(filepath.Join(dir, historyFile))
	if err != nil {
		return fmt.Errorf("read history: %w", err)
	}
	defer f.Close()
	if err := hist.Scan(f, each); err != nil {
		return fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return nil
}

// report is what the evidence says by itself.
func (ev *Evidence) report(s *scenario.Scenario) *report.Run {
	r := &report.Run{
		Schema: report.Schema, Scenario: s.Name, Title: s.Title, Seed: ev.Seed, World: ev.World, Digest: ev.Digest,
		Build: ev.Build, WallMS: ev.WallMS, VirtualMS: ev.VirtualMS, FullMS: ev.VirtualMS - ev.LeaptMS, LeaptMS: ev.LeaptMS,
		Target: ev.Target, Milestones: ev.Milestones, Timeline: ev.Timeline, Scrubs: ev.Scrubs, Arrays: ev.Arrays, Spools: ev.Spools,
		Playbook: ev.Playbook, Steps: ev.Steps, Stopped: ev.Stopped,
		Population: report.Population{Mailboxes: int64(s.Mail.Population), Simulated: int64(s.Mail.Mailboxes)},
	}
	switch ev.Ended {
	case "aborted":
		r.Verdict, r.Why = report.Aborted, ev.Why
	case "error":
		r.Verdict, r.Why = report.Error, ev.Why
	}
	for _, f := range ev.Faults {
		r.Faults = append(r.Faults, f.Fault)
	}
	if ev.Noise != nil {
		r.Background = &ev.Noise.Background
		for _, f := range ev.Noise.Faults {
			r.Faults = append(r.Faults, f.Fault)
		}
	}
	for _, n := range ev.Nodes {
		r.Nodes = append(r.Nodes, n.Node)
	}
	for _, a := range ev.Alarms {
		r.Alarms = append(r.Alarms, a.Alarm)
	}
	return r
}

func (ev *Evidence) checkInput(s *scenario.Scenario) check.Input {
	in := check.Input{
		Domains: s.Mail.Domains, FaultsPlanned: len(ev.Faults), Queued: ev.Queued, QueueKnown: ev.QueueKnown,
		Spool: ev.Spool, SpoolKnown: ev.SpoolKnown,
	}
	for _, f := range ev.Faults {
		r := check.FaultReceipt{
			Bug: f.Bug, Scope: f.Scope, PlannedAtUS: f.PlannedAtMS * 1000, Fired: int(f.Fired),
			Reverted: f.RevertedAtMS != nil, MustRevert: f.MustRevert,
		}
		for to, from := range map[*int64]*int64{&r.FirstAtUS: f.FirstAtMS, &r.LastAtUS: f.LastAtMS, &r.RevertedUS: f.RevertedAtMS} {
			if from != nil {
				*to = *from * 1000
			}
		}
		in.Faults = append(in.Faults, r)
	}
	if in.Outside = ev.Target != nil; in.Outside {
		return in // what it keeps is seen through IMAP alone
	}
	for _, n := range ev.Nodes {
		in.Replicas = append(in.Replicas, check.ReplicaState{Node: n.ID, Fenced: n.Fenced, Reason: n.Reason, Reachable: n.Reachable})
	}
	return in
}

// horizon is until when users were watched. What comes after is the harness's
// own, and takes the longer the less is answered.
func (ev *Evidence) horizon() int64 {
	if ev.WatchedUS != nil {
		return *ev.WatchedUS
	}
	return ev.VirtualMS * 1000
}

func (ev *Evidence) recoveryInput(s *scenario.Scenario) recovery.Input {
	in := recovery.Input{
		EndUS: ev.horizon(), HealthUS: ev.HealthUS, AgreedUS: ev.AgreedUS, AuditedUS: ev.AuditedUS, Closed: ev.Closed,
		WindowUS: min(time.Minute, max(2*time.Second, s.Duration/60)).Microseconds(),
		Scale:    float64(s.Mail.Population) / float64(max(1, s.Mail.Mailboxes)),
	}
	for _, f := range ev.Faults {
		if f.FirstAtMS != nil && (in.FaultUS == nil || *f.FirstAtMS*1000 < *in.FaultUS) {
			in.FaultUS = recovery.At(*f.FirstAtMS * 1000)
		}
		if f.RevertedAtMS != nil && (in.HealedUS == nil || *f.RevertedAtMS*1000 > *in.HealedUS) {
			in.HealedUS = recovery.At(*f.RevertedAtMS * 1000)
		}
	}
	return in
}

func losses(classes []check.Class) (all []recovery.Loss) {
	for _, c := range classes {
		all = append(all, recovery.Loss{
			Class: c.Name, Acknowledged: c.Acknowledged, Lost: c.Lost, Unread: c.Unread, OldestLostUS: c.OldestLostUS,
		})
	}
	return all
}

// names are the keys of messages by the digest of what was sent: a replica's
// audit shows digests only, for the store knows nothing of keys.
type names map[string]string

// name gives the messages of an audit their keys. What is kept beside a body
// goes before what the body has become.
func (n names) name(op *hist.Op) {
	if op.Digest != "" && op.Message != "" {
		n[op.Digest] = op.Message
	}
	if op.Kind != hist.Audit || op.View == nil {
		return
	}
	for i := range op.View.Messages {
		m := &op.View.Messages[i]
		if m.Message == "" {
			m.Message = n[m.Stored]
		}
		if m.Message == "" {
			m.Message = n[m.Digest]
		}
	}
}

// tail is what the end of a history says by itself.
type tail struct {
	accounts  map[string]bool
	replicas  map[string]bool
	messages  int64
	asked     map[string]bool // accounts through IMAP, and whether a node showed something of them
	available *bool
}

func newTail() *tail {
	return &tail{accounts: map[string]bool{}, replicas: map[string]bool{}, asked: map[string]bool{}}
}

func (t *tail) add(op *hist.Op) {
	switch {
	case op.By != "audit":
	case op.Kind == hist.Audit && op.View != nil:
		t.accounts[op.Node+" "+op.Account+" "+op.Mailbox] = true
		t.replicas[op.Node] = true
		t.messages += int64(len(op.View.Messages))
	case op.Kind == hist.Read:
		ok := op.Outcome == hist.OK || t.available != nil && *t.available
		t.available = &ok
		t.asked[op.Account] = t.asked[op.Account] || op.Outcome == hist.OK
	}
}

func (t *tail) audit() report.Audit {
	a := report.Audit{Mailboxes: int64(len(t.accounts)), Replicas: int64(len(t.replicas)), Messages: t.messages, Asked: int64(len(t.asked))}
	for _, answered := range t.asked {
		if answered {
			a.Answered++
		}
	}
	return a
}
