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
	p.external(s.External)
	p.line("\nraft: {timeout: %s}", Duration(s.Raft.Timeout))
	p.line("watchdog: %s", Duration(s.Watchdog))
	p.line("network: {latency: %s, jitter: %s, loss: %v}", Duration(s.Network.Latency), Duration(s.Network.Jitter), s.Network.Loss)
	if len(s.Unsafe) > 0 {
		p.line("unsafe: %s", list(s.Unsafe))
	}
	if s.Proves != "" {
		p.line("proves: %s", text(s.Proves))
	}
	p.bugs(s.Bugs)
	p.background(s.Background)
	if len(s.Timeline) > 0 {
		p.line("\ntimeline:")
	}
	for _, step := range s.Timeline {
		p.line("  - %s", step.print())
	}
	p.playbook(s)
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
		p.line("    %s: {os: %s, controllers: %d, service: %s, bandwidth: %v/s, capacity: %v%s}",
			text(a.Name), text(a.OS), a.Controllers, Duration(a.Service), a.Bandwidth, a.Capacity, a.rest())
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
	p.line("  direct: %t", s.Direct)
}

// rest prints what an array has only if the file says so.
func (a *Array) rest() string {
	var b strings.Builder
	put := func(key string, given bool, value any) {
		if given {
			fmt.Fprintf(&b, ", %s: %v", key, value)
		}
	}
	put("power_on", a.PowerOn != 0, Duration(a.PowerOn))
	put("age", a.Age != 0, Duration(a.Age))
	put("drives", a.Drives != 0, a.Drives)
	put("tolerance", a.Tolerance != 0, a.Tolerance)
	put("rebuild", a.Rebuild != 0, Duration(a.Rebuild))
	put("skew", a.Skew != 0, Duration(a.Skew))
	put("cache", a.Cache != 0, a.Cache)
	put("queue", a.Queue != 0, a.Queue)
	put("inodes", a.Inodes != 0, a.Inodes)
	put("mirrored", a.Mirrored, a.Mirrored)
	var starts []string
	for _, c := range a.Counters {
		starts = append(starts, fmt.Sprintf("%s: %d", c.Of, c.Value))
	}
	put("counters", len(starts) > 0, "{"+strings.Join(starts, ", ")+"}")
	return b.String()
}

func (p *printer) mail(m *Mail) {
	p.line("\nmail:\n  domains: %s\n  mailboxes: %d\n  archive: %d\n  population: %d",
		list(m.Domains), m.Mailboxes, m.Archive, m.Population)
}

func (p *printer) workload(w *Workload) {
	p.line("\nworkload:\n  deliver: %v\n  read: %v\n  change: %v\n  senders: %s\n  from: %s\n  until: %s\n  max_size: %v\n  clients: %d\n  new_clients: %v",
		w.Deliver, w.Read, w.Change, text(w.Senders), Duration(w.From), Duration(w.Until), w.MaxSize, w.Clients, w.NewClients)
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
		p.line("  %s: %s", c.Name, c.Cond.print())
	}
	if e.RecoveredWithin != nil {
		p.line("  recovered_within: %s", Duration(*e.RecoveredWithin))
	}
	p.names("fenced", e.Fenced)
	p.names("down", e.Down)
	if e.Detected != nil {
		p.line("  detected: %t", *e.Detected)
	}
	p.names("detected", e.DetectedBugs)
	p.names("alarms", e.Alarms)
	if len(e.Scrubs) > 0 {
		p.line("  scrub:")
	}
	for _, w := range e.Scrubs {
		p.line("    %s: %s", text(w.Array), w.Cond.print())
	}
	if e.Available != nil {
		p.line("  available: %t", *e.Available)
	}
	if e.Playbook != "" {
		p.line("  playbook: %s", e.Playbook)
	}
	if e.Refused != nil {
		p.line("  refused: %s", e.Refused.print())
	}
	if e.StaysOpen != nil {
		p.line("  stays_open: %t", *e.StaysOpen)
	}
	if e.UnavailableFor != nil {
		p.line("  unavailable_for: %q", e.UnavailableFor)
	}
	if e.Latency != nil {
		p.line("  latency: %q", e.Latency)
	}
	if len(e.Checks) > 0 {
		p.line("  checks:")
	}
	for _, c := range e.Checks {
		p.line("    %s: %s", c.Check, c.Want)
	}
	if e.AnyOthers {
		p.line("  others: any")
	}
}

func (p *printer) playbook(s *Scenario) {
	if len(s.Playbook) > 0 {
		p.line("\nplaybook:")
	}
	for _, step := range s.Playbook {
		p.line("  - %s", step.print())
	}
	if len(s.Stop) > 0 {
		p.line("\nstop:")
	}
	for _, h := range s.Stop {
		p.line("  - %s", h.print())
	}
}

// names prints an expectation about a list; nil is none.
func (p *printer) names(key string, names []string) {
	if names != nil {
		p.line("  %s: %s", key, list(names))
	}
}

// print is the comparison with the quotes that YAML wants.
func (c Cond) print() string {
	if c.Op == "=" {
		return c.String()
	}
	return strconv.Quote(c.String())
}

func (p *printer) numbers(numbers []Number) {
	if len(numbers) > 0 {
		p.line("\nnumbers:")
	}
	for _, n := range numbers {
		p.line("  %s: {value: %s, source: %s}", strconv.Quote(n.Name), strconv.Quote(n.Value), strconv.Quote(n.Source))
	}
}
