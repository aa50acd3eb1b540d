package compare

import (
	"fmt"
	"strconv"

	"fourdays/harness/recovery"
	"fourdays/harness/report"
)

// The units of figures.
const (
	unitCount = "count"
	unitMS    = "ms"
	unitHours = "mailbox-hours"
	unitRuns  = "runs" // a yes or no of each run: in how many it is yes
)

// measure is one row of the table over seeds: a name, a unit, and what a run says
// of it, nil for nothing.
type measure struct {
	key   string // in JSON
	label string
	unit  string
	of    func(*report.Run) *value
}

// measures are the rows, in their order.
func measures() []measure {
	return []measure{
		{"loses", "runs that lost mail", unitRuns, yes(func(r *report.Run) (bool, bool) { return r.Mail.Lost > 0, r.Mail.Unread == 0 })},
		{"lost", "mail lost", unitCount, atLeast(func(r *report.Run) int { return r.Mail.Lost })},
		{"alters", "runs that altered mail", unitRuns, yes(func(r *report.Run) (bool, bool) { return r.Mail.Altered > 0, r.Mail.Unread == 0 })},
		{"altered", "mail altered", unitCount, atLeast(func(r *report.Run) int { return r.Mail.Altered })},
		{"unread", "mail nobody could look for", unitCount, count(func(r *report.Run) int { return r.Mail.Unread })},
		{"bounced", "mail bounced", unitCount, count(func(r *report.Run) int { return r.Mail.Bounced })},
		{"delayed", "mail delayed", unitCount, count(func(r *report.Run) int { return r.Mail.Delayed })},
		{"rpa_message_ms", "RPA messages", unitMS, rpa(func(p recovery.RPA) *int64 { return p.MessageMS })},
		{"rpa_flag_ms", "RPA flags", unitMS, rpa(func(p recovery.RPA) *int64 { return p.FlagMS })},
		{"rpa_mailbox_ms", "RPA folders", unitMS, rpa(func(p recovery.RPA) *int64 { return p.MailboxMS })},
		{"reopened_first_ms", "first mailbox back", unitMS, back("reopened_t50_ms", (*report.Run).FirstBackMS)},
		{"reopened_t50_ms", "half of them back", unitMS, back("reopened_t50_ms", func(r *report.Run) *int64 { return r.Recovery.T50MS })},
		{"reopened_t100_ms", "all of them back", unitMS, back("reopened_t100_ms", func(r *report.Run) *int64 { return r.Recovery.T100MS })},
		{"mailbox_hours", "mailbox-hours", unitHours, mailboxHours},
		{"peak_backlog", "peak backlog", unitCount, backlog},
		{"unavailable_ms", "longest without service", unitMS, withoutService},
		{"rta_ms", "RTA", unitMS, back("rta_ms", func(r *report.Run) *int64 { return r.Recovery.RTAMS })},
		{"serves", "runs that served at the end", unitRuns, served},
	}
}

// yes is a measure of a yes or no; a no that nobody can be sure of is not known.
func yes(of func(*report.Run) (yes, sure bool)) func(*report.Run) *value {
	return func(r *report.Run) *value {
		switch is, sure := of(r); {
		case is:
			return exactly(1)
		case sure:
			return exactly(0)
		}
		return nil
	}
}

func count(of func(*report.Run) int) func(*report.Run) *value {
	return func(r *report.Run) *value { return exactly(float64(of(r))) }
}

// atLeast is a count that may be more by what nobody could look for.
func atLeast(of func(*report.Run) int) func(*report.Run) *value {
	return func(r *report.Run) *value {
		n := of(r)
		return &value{float64(n), float64(n + r.Mail.Unread)}
	}
}

// rpa is a recovery point; null is that it is not known.
func rpa(of func(recovery.RPA) *int64) func(*report.Run) *value {
	return func(r *report.Run) *value { return maybe(of(r.Recovery.RPA)) }
}

func maybe(ms *int64) *value {
	if ms == nil {
		return nil
	}
	return exactly(float64(*ms))
}

// back is a time since the first failure: none where nothing failed, and more
// than was watched where it did not come.
func back(censor string, of func(*report.Run) *int64) func(*report.Run) *value {
	return func(r *report.Run) *value {
		if v := of(r); v != nil {
			return exactly(float64(*v))
		}
		if ms := censored(r, censor); ms != nil {
			return over(float64(*ms))
		}
		if unharmed(r) {
			return exactly(0)
		}
		return nil
	}
}

// unharmed says that users were asking and nobody was cut off.
func unharmed(r *report.Run) bool {
	return r.Recovery.ImpactMS == nil && r.Mail.Acknowledged > 0 || r.Recovery.MailboxHours != nil && *r.Recovery.MailboxHours == 0
}

func censored(r *report.Run, name string) *int64 {
	for _, c := range r.Recovery.Censored {
		if c.Name == name {
			return &c.OverMS
		}
	}
	return nil
}

func mailboxHours(r *report.Run) *value {
	h := r.Recovery.MailboxHours
	switch {
	case h == nil && unharmed(r):
		return exactly(0)
	case h == nil:
		return nil
	case censored(r, "mailbox_hours") != nil:
		return over(*h)
	}
	return exactly(*h)
}

func backlog(r *report.Run) *value {
	if r.Recovery.PeakBacklog == nil {
		return nil
	}
	return exactly(float64(*r.Recovery.PeakBacklog))
}

func withoutService(r *report.Run) *value {
	if r.UnavailableMS != nil && r.Available != nil && !*r.Available {
		return over(float64(*r.UnavailableMS))
	}
	return maybe(r.UnavailableMS)
}

func served(r *report.Run) *value {
	if r.Available == nil {
		return nil
	}
	return yes(func(r *report.Run) (bool, bool) { return *r.Available, true })(r)
}

// in prints a number in a unit.
func in(unit string, v float64) string {
	switch unit {
	case unitMS:
		return report.Span(int64(v + 0.5))
	case unitHours:
		if v < 1 { // of a sample in a short scenario
			return strconv.FormatFloat(v, 'g', 2, 64)
		}
		return report.Hours(v)
	case unitRuns:
		return strconv.Itoa(int(v))
	}
	if v != float64(int64(v)) { // the middle of two
		return fmt.Sprintf("%s.5", report.Count(int64(v)))
	}
	return report.Count(int64(v))
}
