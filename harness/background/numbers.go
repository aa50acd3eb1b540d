package background

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"fourdays/storage/bug"
)

// number is one number of a phenomenon: where a file has it, and what evidence
// calls it.
type number struct {
	section, key, evidence string
	value                  *float64
}

// numbers are all there can be, in the order of printing.
func (ph *Phenomenon) numbers() []number {
	b, l := &ph.Burst, &ph.Lasts
	all := []number{
		{"", "per_drive_year", "", &ph.PerDriveYear}, {"", "per_array_year", "", &ph.PerArrayYear},
		{"burst", "pareto", "", &b.Pareto}, {"burst", "most", "", &b.Most}, {"burst", "again", "", &b.Again},
		{"burst", "adjacent_share", "", &b.AdjacentShare}, {"burst", "near_share", "", &b.NearShare},
		{"burst", "near_mb", "", &b.NearMB}, {"burst", "soon_share", "", &b.SoonShare},
		{"burst", "soon_minutes", "", &b.SoonMinutes}, {"burst", "episode_days", "", &b.EpisodeDays},
		{"lasts", "minutes", "lasts", &l.Minutes}, {"lasts", "hours", "lasts", &l.Hours}, {"lasts", "days", "lasts", &l.Days},
		{"lasts", "weeks", "lasts", &l.Weeks}, {"lasts", "months", "lasts", &l.Months}, {"lasts", "unknown", "lasts", &l.Unknown},
	}
	for i := range all {
		if all[i].evidence == "" {
			all[i].evidence = all[i].key
		}
	}
	return all
}

// Picked reports whether we picked the number that evidence calls by this name.
func (ph *Phenomenon) Picked(key string) bool { return slices.Contains(ph.Bug.Evidence.Picked, key) }

// problems says what is wrong with a phenomenon.
func (ph *Phenomenon) problems() (all []string) {
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	b, l := ph.Burst, ph.Lasts
	refuse((ph.PerDriveYear > 0) == (ph.PerArrayYear > 0), "it needs either per_drive_year or per_array_year")
	refuse(max(ph.PerDriveYear, ph.PerArrayYear) > 1000, "more than 1000 a year is no background")
	refuse(b.Pareto > 0 && b.Again > 0, "a burst has either pareto or again")
	refuse((b.Pareto > 0) != (b.Most > 0) || b.Most > 1e6, "pareto and most come together, most at most a million")
	refuse(b.Again >= 1, "again has to be below 1: the burst would not end")
	refuse((b.NearShare > 0) != (b.NearMB > 0), "near_share and near_mb come together")
	refuse((b.SoonShare > 0) != (b.SoonMinutes > 0), "soon_share and soon_minutes come together")
	refuse(b.SoonMinutes > 1e6 || b.EpisodeDays > 3650, "a burst lasts ten years at most")
	refuse(max(b.AdjacentShare, b.NearShare, b.SoonShare) > 1, "a share is at most 1")
	refuse(b.size() && !ph.Damages() || !b.size() && b != Burst{}, "only what has places and a size (pareto or again) has a burst")
	sum := l.Minutes + l.Hours + l.Days + l.Weeks + l.Months + l.Unknown
	refuse(l != Lasts{} && math.Abs(sum-1) > 1e-9, "the shares of lasts add up to %v, not 1", sum)
	refuse(l != Lasts{} && l.Unknown == sum, "lasts knows nothing")
	return append(all, ph.unproven()...)
}

func (b Burst) size() bool { return b.Pareto > 0 || b.Again > 0 }

// unproven says which numbers are neither sourced nor picked, or both.
func (ph *Phenomenon) unproven() (all []string) {
	e := ph.Bug.Evidence
	for _, n := range ph.numbers() {
		if *n.value != 0 && slices.Contains(e.Sourced, n.evidence) == slices.Contains(e.Picked, n.evidence) {
			all = append(all, fmt.Sprintf("evidence has to name %s in either sourced or picked", n.evidence))
		}
	}
	return slices.Compact(all)
}

// Print writes a profile as Parse reads it.
func Print(p Profile) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "name: %s\ntitle: %s\ndrive_tb: %s\nphenomena:\n", strconv.Quote(p.Name), strconv.Quote(p.Title), decimal(p.DriveTB))
	for i := range p.Phenomena {
		for j, line := range p.Phenomena[i].print() {
			fmt.Fprintf(&out, "%s%s\n", map[bool]string{true: "  - ", false: "    "}[j == 0], line)
		}
	}
	return out.Bytes()
}

func (ph *Phenomenon) print() (lines []string) {
	sections := map[string][]string{}
	for _, n := range ph.numbers() {
		if *n.value != 0 {
			sections[n.section] = append(sections[n.section], n.key+": "+decimal(*n.value))
		}
	}
	if ph.Burst.Across {
		sections["burst"] = append(sections["burst"], "across: true")
	}
	lines = sections[""]
	for _, name := range []string{"burst", "lasts"} {
		if parts := sections[name]; parts != nil {
			lines = append(lines, name+": {"+strings.Join(parts, ", ")+"}")
		}
	}
	lines = append(lines, "bug:")
	for line := range strings.Lines(string(bug.Print(ph.Bug))) {
		lines = append(lines, "  "+strings.TrimRight(line, "\n"))
	}
	return lines
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
