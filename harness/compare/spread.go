package compare

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"fourdays/harness/report"
)

// SpreadSchema is the version of the JSON that EncodeSpreads writes.
const SpreadSchema = "fourdays/compare-seeds/1"

// Spread is the table of variants that were each run with several seeds.
type Spread struct {
	Schema   string   `json:"schema"`
	Scenario string   `json:"scenario"` // what the runs are variants of, "" of nothing
	Title    string   `json:"title"`
	Path     string   `json:"path"`  // the file, as it was named on the command line
	Seeds    []uint64 `json:"seeds"` // of all runs, each once
	Again    string   `json:"again"` // the command that makes the table again
	// Digest is of the seeds, variants and digests of all runs: the same digest is
	// the same table. Empty where a run has none, as in real time.
	Digest string  `json:"digest"`
	Test   string  `json:"test"` // that differences are judged by
	Alpha  float64 `json:"alpha"`
	// Confidence is of the intervals.
	Confidence float64 `json:"confidence"`
	Variants   []Group `json:"variants"`
	// Conclusion follows from the figures; it is empty when nothing does.
	Conclusion string `json:"conclusion"`
	// Notes say what stands in the way of reading the table as it is.
	Notes []string `json:"notes"`
	// Answers are to those questions of the public that need several variants.
	Answers []report.Question `json:"answers"`
}

// Group is a variant over its seeds.
type Group struct {
	Variant string `json:"variant"`
	Title   string `json:"title"`
	Runs    []Part `json:"runs"`
	// Figures are of the runs that came to an end with an outcome.
	Outcomes int      `json:"outcomes"`
	Figures  []Figure `json:"figures"`
	outcomes []*report.Run
	stopped  []*report.Run // by a condition of the scenario
}

// Part is one run of a group.
type Part struct {
	Seed    uint64 `json:"seed"`
	Verdict string `json:"verdict"`
	Why     string `json:"why"`
	Digest  string `json:"digest"`
	Again   string `json:"again"`
}

// Figure is one measure over the runs of a variant.
type Figure struct {
	Name string `json:"name"`
	// Unit is count, ms, mailbox-hours, bytes, runs (a yes or no of each run), or
	// share: by how much more than the first variant with the same seed.
	Unit string `json:"unit"`
	// Known is in how many runs the figure is known, if only as more than something.
	Known int `json:"known"`
	// Yes is in how many of those it is yes; AtMost is the rule of three for none: 3
	// divided by Known is the 95 % upper limit of how often it is yes. Of three runs and
	// fewer that says nothing, and is nil.
	Yes    *int     `json:"yes,omitempty"`
	AtMost *float64 `json:"at_most,omitempty"`
	// Interval is nil for a yes or no, and where nothing is known.
	*Interval
	// P is how likely a difference like that to the first variant is by chance; nil
	// for the first. Differs says that it is less than Alpha.
	P       *float64 `json:"p"`
	Differs bool     `json:"differs"`
	some    bool     // some run says that it is, or may be, more than 0
}

// testName is what differences are judged by.
const testName = "Mann-Whitney U, two-sided"

// Over makes the table of runs of several seeds, grouped by their variant in the
// order in which those first come.
func Over(runs []*report.Run) *Spread {
	s := &Spread{Schema: SpreadSchema, Test: testName, Alpha: alpha, Confidence: confidence, Notes: []string{}, Answers: []report.Question{}}
	for _, r := range runs {
		s.add(r)
	}
	if len(runs) > 0 && runs[0].Variant != nil {
		s.Scenario, s.Title, s.Path = runs[0].Variant.Of, runs[0].Variant.Title, runs[0].File()
	}
	slices.Sort(s.Seeds)
	s.Seeds = slices.Compact(s.Seeds)
	for i := range s.Variants {
		s.Variants[i].measure(&s.Variants[0], i == 0)
	}
	s.Again, s.Digest = command(runs)+" --seeds "+seedList(s.Seeds), digest(runs)
	s.Notes = append(s.Notes, s.notes(runs)...)
	s.Conclusion, s.Answers = s.conclude(), s.answers()
	return s
}

func (s *Spread) add(r *report.Run) {
	n := name(r)
	i := slices.IndexFunc(s.Variants, func(g Group) bool { return g.Variant == n })
	if i < 0 {
		i = len(s.Variants)
		s.Variants = append(s.Variants, Group{Variant: n, Title: r.Title})
	}
	g := &s.Variants[i]
	g.Runs = append(g.Runs, Part{r.Seed, r.Verdict, r.Why, r.Digest, r.Again()})
	switch {
	case !unfinished(Row{Verdict: r.Verdict}):
		g.outcomes = append(g.outcomes, r)
		g.Outcomes++
	case r.Stopped != nil:
		g.stopped = append(g.stopped, r)
	}
	s.Seeds = append(s.Seeds, r.Seed)
}

// measure fills in the figures; base is what differences are to.
func (g *Group) measure(base *Group, first bool) {
	g.Figures = nil
	for _, m := range measures() {
		values, others := g.values(m), base.values(m)
		f := Figure{Name: m.key, Unit: m.unit, Known: len(values)}
		f.some = slices.ContainsFunc(values, func(v value) bool { return v.hi > 0 })
		switch {
		case m.unit == unitRuns:
			f.count(values)
		case m.extra && !first:
			f.Unit, f.Interval = unitShare, interval(g.extra(m, base.outcomes))
		default:
			f.Interval = interval(values)
		}
		if !first {
			f.P = chance(others, values)
			f.Differs = f.P != nil && *f.P < alpha
		}
		g.Figures = append(g.Figures, f)
	}
}

// extra is what each run has more than that of the first variant.
func (g *Group) extra(m measure, base []*report.Run) []value {
	var all []*value
	for _, r := range g.outcomes {
		all = append(all, m.more(r, base))
	}
	return known(all)
}

// values are what the runs say of a measure. A run that a condition stopped says
// only what had happened by then: that mail was lost, and not that none was.
func (g *Group) values(m measure) []value {
	var all []*value
	for _, r := range g.outcomes {
		all = append(all, m.of(r))
	}
	for _, r := range g.stopped {
		if v := m.of(r); m.early && v != nil && v.lo > 0 {
			all = append(all, v)
		}
	}
	return known(all)
}

func (f *Figure) count(values []value) {
	if len(values) == 0 {
		return
	}
	f.Yes = new(int)
	for _, v := range values {
		*f.Yes += int(v.lo)
	}
	if *f.Yes == 0 && len(values) > 3 { // of three it would say nothing
		limit := 3 / float64(len(values))
		f.AtMost = &limit
	}
}

// seedList is a list that --seeds takes; of one seed as well.
func seedList(seeds []uint64) string {
	var words []string
	for _, n := range seeds {
		words = append(words, fmt.Sprint(n))
	}
	if len(words) == 1 {
		return words[0] + ","
	}
	return strings.Join(words, ",")
}

// digest is of all runs, whatever order they came in; "" if one has none.
func digest(runs []*report.Run) string {
	var lines []string
	for _, r := range runs {
		if r.Digest == "" {
			return ""
		}
		lines = append(lines, fmt.Sprintf("%s %d %s\n", name(r), r.Seed, r.Digest))
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:8])
}

// notes say what keeps variants from being compared like with like.
func (s *Spread) notes(runs []*report.Run) (notes []string) {
	if len(runs) == 0 {
		return nil
	}
	for _, g := range s.Variants[1:] {
		if !slices.Equal(seeds(g), seeds(s.Variants[0])) {
			notes = append(notes, fmt.Sprintf("%s was not run with the seeds of %s: part of a difference may be theirs.", g.Variant, s.Variants[0].Variant))
		}
	}
	if slices.ContainsFunc(runs, func(r *report.Run) bool { return r.Build.GuestSHA256 != runs[0].Build.GuestSHA256 }) {
		notes = append(notes, "The runs are of different builds of the programs.")
	}
	if slices.ContainsFunc(runs, func(r *report.Run) bool { return r.World != runs[0].World }) {
		notes = append(notes, "The runs are of different worlds.")
	}
	if slices.ContainsFunc(runs, func(r *report.Run) bool { return lasted(r) != lasted(runs[0]) && !unfinished(Row{Verdict: r.Verdict}) }) {
		notes = append(notes, "The runs do not last equally long: their mailbox-hours are not of the same time.")
	}
	for _, g := range s.Variants {
		if out := len(g.Runs) - g.Outcomes; out > 0 {
			notes = append(notes, fmt.Sprintf("%s: %d of %d runs have no outcome (%s) and are in no figure%s.", g.Variant, out, len(g.Runs), g.verdicts(), g.but()))
		}
	}
	return append(notes, s.few()...)
}

// lasted is for how long users were watched, in milliseconds; 0 is not known.
func lasted(r *report.Run) int64 {
	if len(r.Arrays) == 0 {
		return 0
	}
	return r.Arrays[0].EndMS
}

// but says what runs count for that a condition stopped.
func (g *Group) but() string {
	if len(g.stopped) == 0 {
		return ""
	}
	return fmt.Sprintf(`, but that the %d stopped by a condition count as "lost mail" or "altered mail" if they had by then`, len(g.stopped))
}

// few says what so few runs cannot show.
func (s *Spread) few() (notes []string) {
	least := slices.MinFunc(s.Variants, func(a, b Group) int { return a.Outcomes - b.Outcomes })
	if least.Outcomes < enough {
		notes = append(notes, fmt.Sprintf("An interval needs %d runs, and %s has %d.", enough, least.Variant, least.Outcomes))
	}
	if least.Outcomes < apart {
		notes = append(notes, fmt.Sprintf("No difference can be told from chance with fewer than %d runs of each.", apart))
	}
	return notes
}

func seeds(g Group) (all []uint64) {
	for _, r := range g.Runs {
		all = append(all, r.Seed)
	}
	slices.Sort(all)
	return all
}

// verdicts counts the verdicts of a group, the most frequent first.
func (g *Group) verdicts() string {
	counts := map[string]int{}
	var order []string
	for _, r := range g.Runs {
		if counts[r.Verdict]++; counts[r.Verdict] == 1 {
			order = append(order, r.Verdict)
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return counts[b] - counts[a] })
	for i, v := range order {
		order[i] = fmt.Sprintf("%d %s", counts[v], v)
	}
	return strings.Join(order, ", ")
}

// figure is that of a name.
func (g *Group) figure(name string) *Figure {
	i := slices.IndexFunc(g.Figures, func(f Figure) bool { return f.Name == name })
	return &g.Figures[i]
}

// EncodeSpreads renders tables as JSON: the same bytes for the same runs.
func EncodeSpreads(tables []*Spread) ([]byte, error) {
	data, err := json.MarshalIndent(tables, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode table: %w", err)
	}
	return append(data, '\n'), nil
}
