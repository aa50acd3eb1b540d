package report

import (
	"fmt"
	"slices"

	"fourdays/harness/check"
)

// public are the questions that were asked in January 2023. Those with answer
// nil one run cannot answer, for the reason given.
var public = []struct {
	n      int
	text   string
	why    string
	answer func(*Run) (string, []Figure)
}{
	{1, "Are my data safe?", "", safe},
	{2, "Will the whole archive return?", "", archive},
	{3, "What became of the mail sent to me meanwhile?", "", meanwhile},
	{4, "When?", "", when},
	{5, "Why so long?", "", whySoLong},
	{6, "Was it an attack?", "the evidence that tells a fault from an attack is not modelled yet", nil},
	{7, "Why everyone?", "", everyone},
	{8, "Was there no second copy elsewhere?", "needs variants side by side: fourdays compare answers it", nil},
	{9, "What did integrity first cost?", "needs variants side by side: fourdays compare answers it", nil},
	{10, "Can it happen again?", "needs a sweep over every counter: fourdays margin answers it", nil},
	{11, "What is owed?", "", owed},
	{12, "Why did reopening hurt too?", "", reopening},
}

// questions answers from r alone what it can. A run without a fault has nothing
// to say to them.
func questions(r *Run) []Question {
	if len(r.Faults) == 0 {
		return nil
	}
	var out []Question
	for _, p := range public {
		q := Question{N: p.n, Text: p.text, Why: p.why}
		if p.answer != nil {
			q.Rehearsed = true
			q.Answer, q.Figures = p.answer(r)
		}
		out = append(out, q)
	}
	return out
}

func safe(r *Run) (string, []Figure) {
	m := r.Mail
	answer := "Yes: nothing that was acknowledged was lost, altered or misfiled."
	switch harmed := m.Lost + m.Altered + m.Misfiled; {
	case harmed > 0:
		answer = fmt.Sprintf("No: %s harmed.", plural(int64(harmed), "acknowledged message"))
	case m.Acknowledged == 0 || m.Unread > 0:
		answer = "Nobody can tell: not everything was looked at."
	}
	return answer, []Figure{
		count1("acknowledged", m.Acknowledged), count1("lost", m.Lost), count1("altered", m.Altered),
		count1("misfiled", m.Misfiled), count1("never looked at", m.Unread),
		{"proof", fmt.Sprintf("%s read on %s, %s", plural(r.Audit.Mailboxes, "mailbox view"),
			plural(r.Audit.Replicas, "replica"), plural(r.Audit.Messages, "message"))},
	}
}

// kinds are the classes of promises, as people call them.
var kinds = map[string]string{"message": "messages", "flag": "flags", "mailbox": "folders"}

func archive(r *Run) (string, []Figure) {
	answer := "Yes: messages, flags and folders are all there."
	var figures []Figure
	for _, c := range r.Classes {
		figures = append(figures, Figure{kinds[c.Name], fmt.Sprintf("%s of %s back", Count(int64(c.Acknowledged-c.Lost-c.Unread)), Count(int64(c.Acknowledged)))})
		if c.Lost > 0 {
			answer = "Not whole."
		} else if c.Unread > 0 && answer != "Not whole." {
			answer = "Nobody can tell: not everything was looked at."
		}
	}
	if len(r.Classes) == 0 {
		answer = "Nobody can tell: nothing was counted."
	}
	return answer, append(figures, Figure{"equal on all replicas", verdictOf(r, "R1")})
}

func verdictOf(r *Run, name string) string {
	if c := checkOf(r, name); c != nil {
		return string(c.Verdict)
	}
	return string(check.Unknown)
}

func meanwhile(r *Run) (string, []Figure) {
	m, d := r.Mail, r.Recovery.Delay
	answer := "All of it came, on time."
	switch {
	case m.Lost > 0:
		answer = "Some of it was accepted and is gone."
	case m.Held > 0:
		answer = "Some of it was accepted and still lies in the provider's own queue."
	case m.Bounced > 0:
		answer = "Some came late, some went back to its senders, who know. \"No data loss\" does not cover it."
	case d.Waiting > 0:
		answer = "Some of it is still with its senders."
	case m.Delayed > 0:
		answer = "All of it came, some of it late."
	}
	var kept []Figure
	if m.Spooled > 0 {
		kept = []Figure{count1("accepted and kept by the provider", m.Spooled), count1("of that still there", m.Held)}
	}
	return answer, slices.Concat([]Figure{
		count1("delivered late", m.Delayed), count1("bounced, the sender knows", m.Bounced),
		count1("still with the senders", d.Waiting),
	}, kept, []Figure{
		count1("lost in silence", m.Lost),
		{"mail turned away from", moment(r.Milestones.InboundClosedMS, "never")},
		{"median and longest delay", spanOr(d.P50MS) + ", " + spanOr(d.MaxMS)},
	})
}

func spanOr(ms *int64) string {
	if ms == nil {
		return "unknown"
	}
	return Span(*ms)
}

func count1(name string, n int) Figure { return Figure{name, Count(int64(n))} }

func when(r *Run) (string, []Figure) {
	rec := &r.Recovery
	if rec.ImpactMS == nil {
		return "At once: nobody was cut off.", nil
	}
	figures := []Figure{
		{"first mailbox", r.span(r.FirstBackMS(), "reopened_t50_ms", "never")},
		{"half of them", r.span(rec.T50MS, "reopened_t50_ms", "never")},
		{"all of them", r.span(rec.T100MS, "reopened_t100_ms", "never")},
	}
	if rec.T100MS == nil {
		return "Not before the end of this run.", figures
	}
	// The forecast of the third day was 24 to 48 hours more.
	if forecast := int64(48 * 3600_000); *rec.T100MS > forecast {
		figures = append(figures, Figure{"beyond a forecast of 48h", Span(*rec.T100MS - forecast)})
	}
	return "All mailboxes were back " + Span(*rec.T100MS) + " after the first failure.", figures
}

// FirstBackMS is how long after the first failure the first mailbox was back;
// nil if none was, or none was away.
func (r *Run) FirstBackMS() *int64 {
	if r.Recovery.ImpactMS == nil {
		return nil
	}
	for _, p := range r.Recovery.Reopened {
		if p.Mailboxes > 0 {
			d := p.AtMS - *r.Recovery.ImpactMS
			return &d
		}
	}
	return nil
}

func whySoLong(r *Run) (string, []Figure) {
	rec, m := &r.Recovery, r.Milestones
	phases := []struct {
		name     string
		from, to *int64
	}{
		{"noticing", rec.ImpactMS, rec.DetectMS},
		{"diagnosis and the vendor's fix", rec.DetectMS, m.FixedMS},
		{"verification", m.VerifyFromMS, m.VerifiedMS},
		{"verified, not yet open", m.VerifiedMS, m.FirstReopenMS},
		{"reopening in cohorts", m.FirstReopenMS, m.LastReopenMS},
		{"draining the backlog", rec.SteadyMS, rec.BacklogMS},
	}
	var figures []Figure
	longest, longestMS := "", int64(-1)
	for _, p := range phases {
		if p.from == nil || p.to == nil {
			continue
		}
		ms := max(*p.to-*p.from, 0)
		figures = append(figures, Figure{p.name, Span(ms)})
		if ms > longestMS && p.from != rec.SteadyMS { // by then everybody is served again
			longest, longestMS = p.name, ms
		}
	}
	switch over := rec.ImpactMS == nil || rec.SteadyMS != nil; {
	case !over && longestMS > 0:
		return fmt.Sprintf("It was not over when the run ended. The longest part that was, %s, was %s.", Span(longestMS), longest), figures
	case !over:
		return "It was not over when the run ended.", figures
	case longestMS <= 0:
		return "It was not long: there was nothing to wait for.", figures
	}
	return fmt.Sprintf("Most of it, %s, was %s.", Span(longestMS), longest), figures
}

func everyone(r *Run) (string, []Figure) {
	arrays, tags := map[string]bool{}, map[string]int{}
	for _, n := range r.Nodes {
		arrays[n.Array] = true
		tags[n.OS]++
	}
	most := 0
	for _, n := range tags {
		most = max(most, n)
	}
	answer := "Not everyone was cut off."
	switch cut := int64(r.Recovery.Unavailable + 0.5); {
	case most == len(r.Nodes) && most > 1:
		answer = fmt.Sprintf("All %d replicas stood on one operating system: what stops one stops all.", most)
	case cut > 0 && cut >= r.Population.Mailboxes:
		answer = fmt.Sprintf("Everyone was cut off, though the replicas stood on %d operating systems.", len(tags))
	}
	hit := 0
	for _, f := range r.Faults {
		if f.Fired > 0 {
			hit++
		}
	}
	return answer, []Figure{
		{"mailboxes cut off", fmt.Sprintf("%s of %s", Count(int64(r.Recovery.Unavailable+0.5)), Count(r.Population.Mailboxes))},
		count1("arrays", len(arrays)), count1("operating systems", len(tags)),
		{"faults that fired", fmt.Sprintf("%d of %d", hit, len(r.Faults))},
	}
}

func owed(r *Run) (string, []Figure) {
	if r.Recovery.MailboxHours == nil {
		return "Nobody can tell: the outage was not measured.", nil
	}
	total := *r.Recovery.MailboxHours
	figures := []Figure{{"mailbox-hours", Hours(total)}}
	if r.Population.Mailboxes > 0 {
		each := total / float64(r.Population.Mailboxes)
		figures = append(figures, Figure{"for each mailbox", Span(int64(each * 3600_000))})
	}
	return "Counted in mailbox-hours without service. Paid and free accounts are not told apart.", figures
}

func reopening(r *Run) (string, []Figure) {
	rec, m := &r.Recovery, r.Milestones
	if m.FirstReopenMS == nil {
		return "No account was reopened.", []Figure{{"backlog drained", r.span(rec.DrainMS, "drain_ms", "unknown")}}
	}
	figures := []Figure{
		{"first cohort", moment(m.FirstReopenMS, "never")}, {"last cohort", moment(m.LastReopenMS, "never")},
		{"steady service", moment(rec.SteadyMS, "never")},
		{"then to drain the backlog", r.span(rec.DrainMS, "drain_ms", "unknown")},
		{"99% of all mail waited at most", spanOr(rec.Delay.P99MS)},
	}
	if len(rec.Reclosed) > 0 {
		again := make([]Figure, 0, len(rec.Reclosed))
		for _, c := range rec.Reclosed {
			again = append(again, Figure{"again", reclosure(c)})
		}
		return "It was reopened and then closed again: those who came back at once, and the senders' backlog beside them, were more than it could serve.", append(figures, again...)
	}
	return "The senders' backlog came in on top of the readers, so accounts came back in cohorts.", figures
}

// elsewhere says who answers the questions that one run cannot.
func (r *Run) elsewhere() string {
	compare := "FILE --seeds 10, of a file that has them"
	if r.Variant != nil {
		compare = r.File() + " --seeds 10"
	}
	return fmt.Sprintf("8 and 9 need variants side by side: fourdays compare %s. 10 needs a sweep: fourdays margin %s. 6 is not modelled yet.", compare, r.File())
}
