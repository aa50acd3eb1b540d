package compare

import (
	"fmt"
	"slices"
	"strconv"

	"fourdays/harness/recovery"
	"fourdays/harness/report"
)

// The units of figures.
const (
	unitCount = "count"
	unitMS    = "ms"
	unitHours = "mailbox-hours"
	unitBytes = "bytes"
	unitShare = "share" // more than the first variant with the same seed, 0.1 is a tenth more
	unitRuns  = "runs"  // a yes or no of each run: in how many it is yes
)

// measure is one row of the table over seeds: a name, a unit, and what a run says
// of it, nil for nothing.
type measure struct {
	key   string // in JSON
	label string
	unit  string
	of    func(*report.Run) *value
	extra bool // of variants but the first, it is what is more than in the first
	early bool // a run that was stopped before its end can say yes to it
	odd   bool // it has a row only where it is not 0 in all runs
}

// measures are the rows, in their order.
func measures() []measure { return slices.Concat(ofMail(), ofService(), ofArrays()) }

func ofMail() []measure {
	return []measure{
		{key: "loses", label: "runs that lost mail", unit: unitRuns, of: yes(func(r *report.Run) (bool, bool) { return r.Mail.Lost > 0, r.Mail.Unread == 0 }), early: true},
		{key: "lost", label: "mail lost", unit: unitCount, of: atLeast(func(r *report.Run) int { return r.Mail.Lost })},
		{key: "alters", label: "runs that altered mail", unit: unitRuns, of: yes(func(r *report.Run) (bool, bool) { return r.Mail.Altered > 0, r.Mail.Unread == 0 }), early: true},
		{key: "altered", label: "mail altered", unit: unitCount, of: atLeast(func(r *report.Run) int { return r.Mail.Altered })},
		{key: "unread", label: "mail nobody could look for", unit: unitCount, of: count(func(r *report.Run) int { return r.Mail.Unread }), odd: true},
		{key: "held", label: "mail left in a spool", unit: unitCount, of: count(func(r *report.Run) int { return r.Mail.Held }), odd: true},
		{key: "bounced", label: "mail bounced", unit: unitCount, of: count(func(r *report.Run) int { return r.Mail.Bounced })},
		{key: "delayed", label: "mail delayed", unit: unitCount, of: count(func(r *report.Run) int { return r.Mail.Delayed })},
		{key: "rpa_message_ms", label: "RPA messages", unit: unitMS, of: rpa(func(p recovery.RPA) *int64 { return p.MessageMS })},
		{key: "rpa_flag_ms", label: "RPA flags", unit: unitMS, of: rpa(func(p recovery.RPA) *int64 { return p.FlagMS })},
		{key: "rpa_mailbox_ms", label: "RPA folders", unit: unitMS, of: rpa(func(p recovery.RPA) *int64 { return p.MailboxMS })},
	}
}

func ofService() []measure {
	return []measure{
		{key: "reopened_first_ms", label: "first mailbox back", unit: unitMS, of: back("reopened_t50_ms", (*report.Run).FirstBackMS)},
		{key: "reopened_t50_ms", label: "half of them back", unit: unitMS, of: back("reopened_t50_ms", func(r *report.Run) *int64 { return r.Recovery.T50MS })},
		{key: "reopened_t100_ms", label: "all of them back", unit: unitMS, of: back("reopened_t100_ms", func(r *report.Run) *int64 { return r.Recovery.T100MS })},
		{key: "mailbox_hours", label: "mailbox-hours in the run", unit: unitHours, of: mailboxHours},
		{key: "peak_backlog", label: "peak backlog", unit: unitCount, of: backlog},
		{key: "unavailable_ms", label: "longest without service", unit: unitMS, of: withoutService},
		{key: "rta_ms", label: "RTA", unit: unitMS, of: back("rta_ms", func(r *report.Run) *int64 { return r.Recovery.RTAMS })},
		{key: "recloses", label: "runs that closed again", unit: unitRuns, of: yes(func(r *report.Run) (bool, bool) { return len(r.Recovery.Reclosed) > 0, true }), early: true, odd: true},
		{key: "serves", label: "runs that served at the end", unit: unitRuns, of: served},
	}
}

func ofArrays() []measure {
	return []measure{
		{key: "writes", label: "extra writes", unit: unitCount, of: did("writes"), extra: true},
		{key: "bytes", label: "extra bytes written", unit: unitBytes, of: did("bytes"), extra: true},
		{key: "used", label: "extra space", unit: unitBytes, of: grown, extra: true},
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

// mailboxHours are those within the run: whether there are more to come or not, so
// many they were.
func mailboxHours(r *report.Run) *value {
	h := r.Recovery.MailboxHours
	switch {
	case h == nil && unharmed(r):
		return exactly(0)
	case h == nil:
		return nil
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

// did is what all arrays counted, of one counter as bugs name it, while the
// script ran.
func did(counter string) func(*report.Run) *value {
	return func(r *report.Run) *value {
		sum := int64(0)
		for i := range r.Arrays {
			n, ok := r.Arrays[i].Did(counter)
			if !ok {
				return nil
			}
			sum += n
		}
		if len(r.Arrays) == 0 {
			return nil
		}
		return exactly(float64(sum))
	}
}

// grown is the space that the volumes of all arrays take at the end.
func grown(r *report.Run) *value {
	if did("bytes")(r) == nil {
		return nil
	}
	sum := int64(0)
	for _, a := range r.Arrays {
		sum += a.EndUsed
	}
	return exactly(float64(sum))
}

// more is by what share a run has more than the one of the first variant with the
// same seed; nil where there is none, or nothing to have more of.
func (m measure) more(r *report.Run, base []*report.Run) *value {
	i := slices.IndexFunc(base, func(b *report.Run) bool { return b.Seed == r.Seed })
	if i < 0 {
		return nil
	}
	of, it := m.of(base[i]), m.of(r)
	if of == nil || it == nil || of.lo <= 0 {
		return nil
	}
	return exactly(it.lo/of.lo - 1)
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
		if v >= 1e7 {
			return report.Count(int64(v/1e6+0.5)) + " million"
		}
		return report.Hours(v)
	case unitRuns:
		return strconv.Itoa(int(v))
	case unitShare:
		return fmt.Sprintf("%+.0f %%", 100*v)
	case unitBytes:
		return bytesOf(v)
	}
	if v != float64(int64(v)) { // the middle of two
		return fmt.Sprintf("%s.5", report.Count(int64(v)))
	}
	return report.Count(int64(v))
}

// bytesOf is an amount of bytes, in powers of a thousand.
func bytesOf(v float64) string {
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if v < 1000 {
			return strconv.FormatFloat(v, 'g', 3, 64) + " " + unit
		}
		v /= 1000
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " TB"
}
