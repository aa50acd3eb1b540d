package compare

import (
	"fmt"
	"slices"
	"strings"

	"fourdays/harness/report"
)

// conclude says what the figures show, or nothing: it needs two variants, and an
// outcome of every run.
func (s *Spread) conclude() string {
	if len(s.Variants) < 2 || slices.ContainsFunc(s.Variants, func(g Group) bool { return g.Outcomes == 0 || g.Outcomes < len(g.Runs) }) {
		return ""
	}
	parts := []string{s.harm(), s.changed("mailbox_hours", "Mailbox-hours")}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " ")
}

// harm tells in which variants promised mail was lost or altered in some run, and
// how sure it is of the others.
func (s *Spread) harm() string {
	var hit, well []string
	for _, g := range s.Variants {
		harmed, sure := 0, 0
		for _, r := range g.outcomes {
			if r.Mail.Lost+r.Mail.Altered > 0 {
				harmed++
			} else if r.Mail.Unread == 0 && r.Mail.Acknowledged > 0 {
				sure++
			}
		}
		if harmed > 0 {
			hit = append(hit, fmt.Sprintf("%s (%d of %s)", g.Variant, harmed, runs(g.Outcomes)))
		} else if sure == g.Outcomes {
			well = append(well, fmt.Sprintf("%s (%s)", g.Variant, runs(sure)))
		}
	}
	var says []string
	if len(hit) > 0 {
		says = append(says, "Acknowledged mail was lost or altered in "+and(hit)+".")
	}
	if len(well) > 0 {
		text := "It was in no run of " + and(well) + "."
		if len(hit) == 0 {
			text = "No acknowledged mail was lost or altered in any run of " + and(well) + "."
		}
		says = append(says, text)
	}
	return strings.Join(says, " ")
}

func runs(n int) string {
	if n == 1 {
		return "1 run"
	}
	return report.Count(int64(n)) + " runs"
}

// changed tells where a figure is surely less or more than that of the first
// variant.
func (s *Spread) changed(key, label string) string {
	base := s.Variants[0].figure(key)
	var less, more []string
	for _, g := range s.Variants[1:] {
		f := g.figure(key)
		if !f.Differs || base.Interval == nil || f.Interval == nil {
			continue
		}
		says := fmt.Sprintf("%s (%s)", g.Variant, f.Median.in(f.Unit))
		switch {
		case f.Median.Most != nil && *f.Median.Most < base.Median.Least:
			less = append(less, says)
		case base.Median.Most != nil && f.Median.Least > *base.Median.Most:
			more = append(more, says)
		}
	}
	var parts []string
	if len(less) > 0 {
		parts = append(parts, "fewer in "+and(less))
	}
	if len(more) > 0 {
		parts = append(parts, "more in "+and(more))
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("%s were %s than in %s (%s).", label, strings.Join(parts, " and "), s.base(), base.Median.in(base.Unit))
}
