package compare

import (
	"fmt"
	"slices"
	"strings"

	"fourdays/harness/report"
)

// conclude says what the rows show, or nothing: it needs runs that all came to
// an end with a verdict, and a difference between them.
func (t *Table) conclude() string {
	told := func(r Row) bool { return r.Verdict == report.Pass || r.Verdict == report.Fail }
	if len(t.Rows) < 2 || !all(t.Rows, told) {
		return ""
	}
	parts := []string{t.harm(), t.reach()}
	if !differ(t.Rows, harmed) && !differ(t.Rows, reachable) {
		parts = append(parts, t.duration())
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// harm tells in which runs promised mail is gone or changed, and in which nobody
// can tell, because some of it could not be looked for.
func (t *Table) harm() string {
	var hit, dark, well []string
	for _, r := range t.Rows {
		of := func(n int) string {
			return fmt.Sprintf("%s (%s of %s)", r.Variant, report.Count(int64(n)), report.Count(int64(r.Mail.Acknowledged)))
		}
		switch m := r.Mail; {
		case m.Lost+m.Altered > 0:
			hit = append(hit, of(m.Lost+m.Altered))
		case m.Unread == 0 && m.Acknowledged > 0:
			well = append(well, r.Variant)
		}
		if r.Mail.Unread > 0 {
			dark = append(dark, of(r.Mail.Unread))
		}
	}
	says := harmful(hit, well, len(t.Rows))
	if len(dark) > 0 {
		says = append(says, "Some of it nobody could look for in "+and(dark)+".")
	}
	return strings.Join(says, " ")
}

// harmful is what is sure of lost and altered mail: of the runs that were hit,
// and of those that surely were not.
func harmful(hit, well []string, rows int) []string {
	switch {
	case len(hit) == rows:
		return []string{"Acknowledged mail was lost or altered in all of them: " + and(hit) + "."}
	case len(hit) > 0 && len(hit)+len(well) == rows:
		return []string{"Acknowledged mail was lost or altered in " + and(hit) + ", and in no other."}
	case len(hit) > 0:
		return []string{"Acknowledged mail was lost or altered in " + and(hit) + "."}
	case len(well) == rows:
		return []string{"No acknowledged mail was lost or altered in any of them."}
	case len(well) > 0:
		return []string{"No acknowledged mail was lost or altered in " + and(well) + "."}
	}
	return nil
}

func harmed(r Row) bool { return r.Mail.Lost+r.Mail.Altered > 0 }

// reach tells in which runs mailboxes can be reached at the end, if that is not
// the same in all.
func (t *Table) reach() string {
	if !all(t.Rows, func(r Row) bool { return r.Asked > 0 }) || !differ(t.Rows, reachable) {
		return ""
	}
	var whole, part, none []string
	for _, r := range t.Rows {
		switch r.Answered {
		case r.Asked:
			whole = append(whole, r.Variant)
		case 0:
			none = append(none, r.Variant)
		default:
			part = append(part, fmt.Sprintf("%s %s", reachable(r), "in "+r.Variant))
		}
	}
	var says []string
	if len(whole) > 0 {
		says = append(says, "every mailbox could be reached in "+and(whole))
	}
	says = append(says, part...)
	if len(none) > 0 {
		says = append(says, "none in "+and(none))
	}
	return "At the end " + strings.Join(says, ", ") + "."
}

func reachable(r Row) string {
	if r.Asked == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%s of %s", report.Count(r.Answered), report.Count(r.Asked))
}

// duration tells where nobody was served the shortest and the longest, if that is
// known of all and not the same.
func (t *Table) duration() string {
	if !all(t.Rows, func(r Row) bool { return r.WithoutMS != nil }) {
		return ""
	}
	less := func(a, b Row) int { return int(*a.WithoutMS - *b.WithoutMS) }
	short, long := slices.MinFunc(t.Rows, less), slices.MaxFunc(t.Rows, less)
	if *short.WithoutMS == *long.WithoutMS {
		return ""
	}
	return fmt.Sprintf("Nobody was served for %s in %s, the shortest, and for %s in %s, the longest.",
		without(short), short.Variant, without(long), long.Variant)
}

func all(rows []Row, holds func(Row) bool) bool {
	return !slices.ContainsFunc(rows, func(r Row) bool { return !holds(r) })
}

func differ[T comparable](rows []Row, of func(Row) T) bool {
	return slices.ContainsFunc(rows, func(r Row) bool { return of(r) != of(rows[0]) })
}

// and joins names as a sentence does.
func and(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
