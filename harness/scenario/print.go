package scenario

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"fourdays/storage/bug"
)

// Print renders a scenario with every default written out. Parse reads it back
// to the same value.
func Print(s *Scenario) []byte {
	p := &printer{}
	p.line("name: %s", text(s.Name))
	p.line("title: %s", text(s.Title))
	if s.Description != "" {
		p.line("description: %s", text(s.Description))
	}
	p.line("seed: %d", s.Seed)
	p.storage(&s.Storage)
	p.mail(&s.Mail)
	p.workload(&s.Workload)
	p.line("\nraft: {timeout: %s}", Duration(s.Raft.Timeout))
	p.line("watchdog: %s", Duration(s.Watchdog))
	p.line("network: {latency: %s, jitter: %s, loss: %v}", Duration(s.Network.Latency), Duration(s.Network.Jitter), s.Network.Loss)
	if len(s.Unsafe) > 0 {
		p.line("unsafe: %s", list(s.Unsafe))
	}
	p.bugs(s.Bugs)
	if len(s.Timeline) > 0 {
		p.line("\ntimeline:")
	}
	for _, step := range s.Timeline {
		p.line("  - %s", step.print())
	}
	p.line("duration: %s", Duration(s.Duration))
	p.line("settle: %s", Duration(s.Settle))
	p.expect(&s.Expect)
	p.numbers(s.Numbers)
	return p.Bytes()
}

type printer struct{ bytes.Buffer }

func (p *printer) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *printer) storage(s *Storage) {
	p.line("\nstorage:\n  arrays:")
	for _, a := range s.Arrays {
		p.line("    %s: {os: %s, controllers: %d, service: %s, bandwidth: %v/s, capacity: %v}",
			text(a.Name), text(a.OS), a.Controllers, Duration(a.Service), a.Bandwidth, a.Capacity)
	}
	p.line("  stores:")
	for _, st := range s.Stores {
		var replicas []string
		for _, r := range st.Replicas {
			replicas = append(replicas, r.Node+": "+text(r.Array))
		}
		p.line("    %s: {%s}", text(st.Name), strings.Join(replicas, ", "))
	}
	p.line("  profile: %s", s.Profile)
	p.line("  promise: %t", s.Promise)
}

func (p *printer) mail(m *Mail) {
	p.line("\nmail:\n  domains: %s\n  mailboxes: %d\n  archive: %d\n  population: %d",
		list(m.Domains), m.Mailboxes, m.Archive, m.Population)
}

func (p *printer) workload(w *Workload) {
	p.line("\nworkload:\n  deliver: %v\n  read: %v\n  change: %v\n  senders: %s\n  from: %s\n  until: %s\n  max_size: %v",
		w.Deliver, w.Read, w.Change, text(w.Senders), Duration(w.From), Duration(w.Until), w.MaxSize)
}

func (p *printer) bugs(bugs []bug.Bug) {
	if len(bugs) > 0 {
		p.line("\nbugs:")
	}
	for _, b := range bugs {
		text := strings.TrimRight(string(bug.Print(b)), "\n")
		p.line("  - %s", strings.ReplaceAll(text, "\n", "\n    "))
	}
}

func (p *printer) expect(e *Expect) {
	p.line("\nexpect:")
	if e.Grade != "" {
		p.line("  grade: %s", e.Grade)
	}
	for _, c := range e.Counts {
		if c.Cond.Op == "=" {
			p.line("  %s: %v", c.Name, c.Cond)
		} else {
			p.line("  %s: %q", c.Name, c.Cond.String())
		}
	}
	if e.RecoveredWithin != nil {
		p.line("  recovered_within: %s", Duration(*e.RecoveredWithin))
	}
	if e.Fenced != nil {
		p.line("  fenced: %s", list(e.Fenced))
	}
	if e.Detected != nil {
		p.line("  detected: %t", *e.Detected)
	}
	if e.DetectedBugs != nil {
		p.line("  detected: %s", list(e.DetectedBugs))
	}
	if e.Available != nil {
		p.line("  available: %t", *e.Available)
	}
	if len(e.Checks) > 0 {
		p.line("  checks:")
	}
	for _, c := range e.Checks {
		p.line("    %s: %s", c.Check, c.Want)
	}
}

func (p *printer) numbers(numbers []Number) {
	if len(numbers) > 0 {
		p.line("\nnumbers:")
	}
	for _, n := range numbers {
		p.line("  %s: {value: %s, source: %s}", strconv.Quote(n.Name), strconv.Quote(n.Value), strconv.Quote(n.Source))
	}
}
