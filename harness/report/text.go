package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"fourdays/harness/check"
)

// width is where long sentences break (picked: it fits a terminal of 100).
const width = 96

// Text writes the summary of a run for a terminal or a pipe. It needs no colour
// and takes every figure from r. dir is where the run directory is, "" for none.
func Text(w io.Writer, r *Run, dir string) error {
	t := &texter{r: r}
	t.head()
	t.expectations()
	t.checks()
	t.faults()
	t.arrays()
	t.playbook()
	t.mail()
	t.recovery()
	t.timeline()
	t.questions()
	t.numbers()
	t.foot(dir)
	_, err := w.Write(t.Bytes())
	return err
}

// Receipts writes what came of faults, as the summary of a run does.
func Receipts(w io.Writer, faults []Fault) error {
	t := &texter{r: &Run{Faults: faults}}
	t.faults()
	_, err := w.Write(bytes.TrimLeft(t.Bytes(), "\n"))
	return err
}

type texter struct {
	bytes.Buffer
	r *Run
}

func (t *texter) line(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

// table writes rows whose columns line up. Cells of a row are separated by tabs.
func (t *texter) table(rows []string) {
	var b bytes.Buffer
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintf(tw, "  %s\n", row)
	}
	_ = tw.Flush() // into memory
	for row := range strings.Lines(b.String()) {
		t.line("%s", strings.TrimRight(row, " \n"))
	}
}

// wrap writes text that breaks at width, indented.
func (t *texter) wrap(indent, text string) {
	at := 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
			t.WriteString(indent)
			at = len(indent)
		case at+1+n > width:
			t.WriteString("\n" + indent)
			at = len(indent)
		default:
			t.WriteByte(' ')
			at++
		}
		t.WriteString(word)
		at += n
	}
	t.WriteByte('\n')
}

func (t *texter) head() {
	r := t.r
	t.line("seed %d", r.Seed)
	t.line("%s  %s", strings.ToUpper(r.Verdict), r.Scenario)
	if r.Title != "" {
		t.line("  %s", r.Title)
	}
	if r.Why != "" {
		t.wrap("  ", r.Why)
	}
	t.line("  %s", r.population())
	if r.Background != nil {
		t.line("  %s", r.Background)
	}
	if r.Target != nil {
		t.wrap("  ", "tested: "+r.Target.String())
	}
	if r.live() {
		t.line("  %s of real time, %s in all; world %s", Span(r.VirtualMS), Span(r.WallMS), r.World)
		return
	}
	full := ""
	if r.LeaptMS > 0 {
		full = fmt.Sprintf(", %s of it in full and %s leapt over", Span(r.FullMS), Span(r.LeaptMS))
	}
	t.line("  %s of virtual time in %s%s; world %s", Span(r.VirtualMS), Span(r.WallMS), full, r.World)
}

// population says what was simulated and what it stands for.
func (r *Run) population() string {
	p, played, cost := r.Population, "simulated", "array and network time only, processor time not modelled"
	if r.live() {
		played, cost = "played", "programs, kernel and time are real, the arrays are simulated"
	}
	if p.Mailboxes <= p.Simulated || p.Simulated == 0 {
		return plural(p.Simulated, "mailbox") + "; " + cost
	}
	return fmt.Sprintf("%s %s of %s, one for %s; %s", played, Count(p.Simulated), Count(p.Mailboxes), Count(p.Mailboxes/p.Simulated), cost)
}

// live says that the run took place in real time. Only the simulator does not.
func (r *Run) live() bool { return r.World != "sim" }

// digest says what tells two runs from one another.
func (r *Run) digest() string {
	if r.live() {
		return "none: the seed gives the same mail and the same faults again, but not the same order of events"
	}
	return r.Digest
}

func (t *texter) expectations() {
	if len(t.r.Expectations) == 0 {
		return
	}
	t.line("\nExpectations")
	var rows []string
	for _, x := range t.r.Expectations {
		rows = append(rows, fmt.Sprintf("%s\t%s\twant %s\tgot %s", x.Verdict, x.Name, x.Want, x.Got))
	}
	t.table(rows)
	for _, x := range t.r.Expectations {
		if x.Verdict != Pass && x.Why != "" && !t.told(x.Why) {
			t.wrap("  ", x.Name+": "+x.Why)
		}
	}
}

// told says that a failed check gives the same reason further down.
func (t *texter) told(why string) bool {
	return slices.ContainsFunc(t.r.Checks, func(c check.Check) bool {
		return c.Verdict == check.Fail && c.Why != "" && strings.HasSuffix(why, c.Why)
	})
}

func (t *texter) checks() {
	if len(t.r.Checks) == 0 {
		return
	}
	t.line("\nChecks")
	var rows []string
	for _, c := range t.r.Checks {
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s", c.Verdict, c.Name, c.Title, plural(int64(c.Operations), "fact")))
	}
	t.table(rows)
	for _, c := range t.r.Checks {
		if c.Verdict == check.Fail {
			why, suspects, found := strings.Cut(c.Why, explained)
			t.wrap("  ", c.Name+": "+why)
			if found {
				t.wrap("    ", strings.TrimSpace(explained)+" "+suspects)
			}
		}
	}
}

func (t *texter) faults() {
	if len(t.r.Faults) == 0 {
		t.line("\nFaults\n  none planned")
		return
	}
	t.line("\nFaults")
	var rows []string
	for i := range t.r.Faults {
		rows = append(rows, t.r.Faults[i].row())
	}
	t.table(rows)
	for i := range t.r.Faults {
		for _, detail := range t.r.Faults[i].details() {
			t.wrap("  ", t.r.Faults[i].name()+": "+detail)
		}
	}
}

// row is the receipt of a fault in the order in which things happen to one.
func (f *Fault) row() string {
	cells := []string{f.name(), "on " + f.Scope, "planned " + At(f.PlannedAtMS), "", "did not fire", "", f.came(), ""}
	if f.ArmedAtMS != nil {
		cells[3] = "armed " + At(*f.ArmedAtMS)
	}
	if f.Fired > 0 {
		cells[4], cells[5] = "fired "+times(f.Fired), "first "+moment(f.FirstAtMS, "?")
		cells[7] = "reverted " + moment(f.RevertedAtMS, "never")
	}
	return strings.Join(cells, "\t")
}

// came says how far a fault came: to the application, or what kept it from it.
func (f *Fault) came() string {
	masked := ""
	if f.Masked > 0 {
		masked = strings.TrimSuffix(fmt.Sprintf("masked %s by %s", times(f.Masked), f.MaskedBy), " by ")
	}
	switch {
	case f.Observed == "" && masked == "" && f.Fired > 0:
		return "reached nobody"
	case masked == "":
		return f.Observed
	case f.Observed == "" || f.Observed == "masked":
		return masked
	}
	return f.Observed + ", " + masked
}

// details are what of a receipt needs words.
func (f *Fault) details() []string {
	var all []string
	if f.As != "" {
		all = append(all, "the bug "+f.Bug)
	}
	all = append(all, f.Overrides...)
	if f.Never != "" && f.Fired == 0 {
		all = append(all, "cannot fire: "+f.Never)
	}
	if f.Fired > 0 && f.Where != "" {
		all = append(all, fmt.Sprintf("first on %s, last %s", f.Where, moment(f.LastAtMS, "?")))
	}
	return all
}

// arrays is what the arrays said of themselves.
func (t *texter) arrays() {
	if len(t.r.Alarms)+len(t.r.Scrubs) == 0 {
		return
	}
	t.line("\nArrays")
	var rows []string
	for _, a := range t.r.Alarms {
		rows = append(rows, fmt.Sprintf("%s\t%s\talarm\t%s", At(a.AtMS), a.Array, a.Text))
	}
	for _, s := range t.r.Scrubs {
		of, repaired := s.Array, ""
		if s.Node != "" {
			of, repaired = s.Node, ", "+Count(s.Repaired)+" repaired"
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\tscrub\t%s%s", At(s.AtMS), of, plural(s.Findings, "finding"), repaired))
		for _, what := range s.First {
			rows = append(rows, "\t\t\t"+what)
		}
	}
	t.table(rows)
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return Count(n) + " times"
}

func (t *texter) mail() {
	m := t.r.Mail
	t.line("\nMail")
	t.line("  acknowledged %s: present %s, removed by their owners %s, never looked at %s, lost %s",
		n(m.Acknowledged), n(m.Present), n(m.Removed), n(m.Unread), n(m.Lost))
	for _, s := range t.r.Spools {
		t.wrap("  ", s.line())
	}
	if m.Spooled > 0 {
		t.line("  accepted by the provider's own exchangers %s, of which they still hold %s", n(m.Spooled), n(m.Held))
	}
	t.line("  altered %s, misfiled %s, resurrected %s, duplicated %s", n(m.Altered), n(m.Misfiled), n(m.Resurrected), n(m.Duplicated))
	t.line("  delayed %s, bounced %s (their senders know), ambiguous %s", n(m.Delayed), n(m.Bounced), n(m.Ambiguous))
}

// line is what an exchanger did, in one sentence.
func (s *Spool) line() string {
	if s.Accepted == 0 {
		return fmt.Sprintf("spool on %s: accepted nothing, refused %s", s.Array, times(s.Refused))
	}
	return fmt.Sprintf("spool on %s: accepted %s from %s on, passed on %s, returned %s, refused %s; at most %s and %s bytes at one time; empty %s",
		s.Array, Count(s.Accepted), moment(s.FirstAtMS, "?"), Count(s.Delivered), Count(s.Bounced), times(s.Refused),
		plural(s.PeakMessages, "message"), Count(s.PeakBytes), moment(s.DrainedAtMS, "never"))
}

func n(count int) string { return Count(int64(count)) }

func (t *texter) recovery() {
	rec, r := &t.r.Recovery, t.r
	if rec.FaultMS == nil && rec.ImpactMS == nil {
		return
	}
	t.line("\nRecovery")
	rows := []string{
		"first fault\t" + moment(rec.FaultMS, "none"),
		"first failure\t" + moment(rec.ImpactMS, "none"),
		"noticed after\t" + r.span(rec.TTDMS, "ttd_ms", "never"),
		"last fault gone\t" + moment(rec.HealedMS, "never"),
		"first write after\t" + moment(rec.AckMS, "never"),
		"steady service after\t" + r.span(rec.RTAMS, "rta_ms", "unknown") + "\tRTA: from the first failure",
		"replicas equal after\t" + r.span(rec.ReconvergMS, "reconverge_ms", "unknown") + "\tfrom the last fault's end",
		"backlog drained after\t" + r.span(rec.DrainMS, "drain_ms", "unknown") + "\tfrom steady service",
		"end to end\t" + r.span(rec.EndToEndMS, "end_to_end_ms", "unknown") + "\tfrom the first failure to the drained backlog",
		"lost history\t" + r.rpa() + "\tRPA: messages, flags, mailboxes",
	}
	if rec.MailboxHours != nil {
		rows = append(rows, "mailbox-hours\t"+Hours(*rec.MailboxHours))
	}
	t.table(rows)
	for _, c := range rec.Reclosed {
		t.wrap("  ", reclosure(c))
	}
	for _, note := range rec.Notes {
		t.wrap("  ", note)
	}
}

func (r *Run) rpa() string {
	p := r.Recovery.RPA
	return spanOr(p.MessageMS) + ", " + spanOr(p.FlagMS) + ", " + spanOr(p.MailboxMS)
}

func (t *texter) timeline() {
	if len(t.r.Timeline) == 0 {
		return
	}
	t.line("\nTimeline")
	var rows []string
	for _, e := range t.r.Timeline {
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s", At(e.AtMS), e.Kind, e.Text))
	}
	t.table(rows)
}

// questions are printed for runs that tell an outage's whole story: something
// was closed, mended, verified or reopened. run.json has them for others too.
func (t *texter) questions() {
	if len(t.r.Questions) == 0 || t.r.Milestones == (Milestones{}) {
		return
	}
	t.line("\nWhat the public asked in January 2023")
	for _, q := range t.r.Questions {
		if !q.Rehearsed {
			continue
		}
		t.wrap("  ", fmt.Sprintf("%d. %s %s", q.N, q.Text, q.Answer))
		var rows []string
		for _, f := range q.Figures {
			rows = append(rows, "   "+f.Name+"\t"+f.Value)
		}
		t.table(rows)
	}
	t.wrap("  ", t.r.elsewhere())
}

func (t *texter) numbers() {
	if len(t.r.Numbers) == 0 {
		return
	}
	t.line("\nNumbers of this scenario, and where they are from")
	var rows []string
	for _, x := range t.r.Numbers {
		rows = append(rows, x.Name+"\t"+x.Value+"\t"+x.Source)
	}
	t.table(rows)
}

func (t *texter) foot(dir string) {
	t.line("")
	t.line("digest %s", t.r.digest())
	if dir != "" {
		t.line("report %s", dir)
	}
	t.line("again  %s", t.r.Again())
}
