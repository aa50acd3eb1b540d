package compare

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"fourdays/harness/report"
)

// Text writes the table for people: a row for each figure, a column for each
// variant, in pieces where they do not fit into width columns. A width of 0 is no
// limit.
func (s *Spread) Text(w io.Writer, width int) error {
	var b bytes.Buffer
	if s.Scenario != "" {
		fmt.Fprintln(&b, s.Scenario)
		wrap(&b, "  ", "  ", s.Title)
		b.WriteString("\n")
	}
	b.WriteString(s.outcomes(s.grid(measures())).columns(width))
	b.WriteString("\n")
	for _, g := range s.Variants {
		wrap(&b, "  ", "    ", g.Variant+": "+g.Title)
		for _, r := range g.odd() {
			wrap(&b, "    ", "    ", r)
		}
	}
	s.prose(&b)
	fmt.Fprintf(&b, "\nseeds  %s\n", strings.TrimSuffix(seedList(s.Seeds), ","))
	if s.Digest != "" {
		fmt.Fprintf(&b, "digest %s\n", s.Digest)
	}
	fmt.Fprintf(&b, "again  %s\n", s.Again)
	_, err := w.Write(b.Bytes())
	return err
}

// prose is what stands below the table.
func (s *Spread) prose(b *bytes.Buffer) {
	for _, text := range append([]string{s.legend(), s.Conclusion}, s.Notes...) {
		if text != "" {
			b.WriteString("\n")
			wrap(b, "", "", text)
		}
	}
	answered(b, s.Answers)
}

// answered prints the answers to the public's questions.
func answered(b *bytes.Buffer, all []report.Question) {
	for _, q := range all {
		b.WriteString("\n")
		wrap(b, "", "   ", fmt.Sprintf("%d. %s %s", q.N, q.Text, q.Answer))
		for _, f := range q.Figures {
			wrap(b, "   ", "     ", f.Name+": "+f.Value)
		}
	}
}

// legend says how to read the cells.
func (s *Spread) legend() string {
	return fmt.Sprintf(`Medians over the seeds, with their %g %% intervals in brackets. "~": no difference to %s that chance would not make too (%s, alpha %g): one such test in %.0f says "different" of what is the same. "≤ 3/n": none in n runs, so with %g %% certainty it happens in at most that share of them (rule of three). ">": not over when the run ended. "to": no run says more, as some promised mail could not be looked for. Closed again: mailboxes were reopened and out of reach once more. First, half and all mailboxes, and RTA: since the first failure. Mailbox-hours: without service, while the run lasted. Backlog: the most messages that senders, or a spool of the provider, held at one time, of those simulated. Extra: what reached the arrays while the script ran, and the space their volumes took at its end; how much it is in %s, and by how much more it is with the same seed in the others.`,
		100*confidence, s.base(), s.Test, alpha, 1/alpha, 100*confidence, s.base())
}

func (s *Spread) base() string {
	if len(s.Variants) == 0 {
		return "the first"
	}
	return s.Variants[0].Variant
}

// odd are the runs of a group that did not pass, gathered by what they say.
func (g *Group) odd() (lines []string) {
	seeds := map[string][]string{}
	var order []string
	for _, r := range g.Runs {
		if r.Verdict == report.Pass {
			continue
		}
		says := ": " + r.Verdict + ": " + r.Why
		if seeds[says] == nil {
			order = append(order, says)
		}
		seeds[says] = append(seeds[says], fmt.Sprint(r.Seed))
	}
	for _, says := range order {
		lines = append(lines, "seed "+and(seeds[says])+says)
	}
	return lines
}

// grid has some measures as rows.
func (s *Spread) grid(rows []measure) *grid {
	g := &grid{cells: [][]string{{""}}, right: make([]bool, len(s.Variants)+1)}
	for i := range s.Variants {
		g.cells[0] = append(g.cells[0], s.Variants[i].Variant)
	}
	for _, m := range rows {
		if m.odd && !slices.ContainsFunc(s.Variants, func(v Group) bool { return v.figure(m.key).some }) {
			continue
		}
		line := []string{m.label}
		for _, v := range s.Variants {
			line = append(line, v.figure(m.key).String())
		}
		g.cells = append(g.cells, line)
	}
	return g
}

// outcomes puts above a grid how many runs there were, and how they ended.
func (s *Spread) outcomes(g *grid) *grid {
	runs, verdicts := []string{"runs"}, []string{"verdicts"}
	for i := range s.Variants {
		runs = append(runs, fmt.Sprint(len(s.Variants[i].Runs)))
		verdicts = append(verdicts, s.Variants[i].verdicts())
	}
	g.cells = slices.Insert(g.cells, 1, runs, verdicts)
	return g
}

// columns lays the grid out with as many columns at a time as fit.
func (g *grid) columns(width int) string {
	for n := len(g.cells[0]); n > 2 && width > 0; n-- {
		if _, wide := g.part(1, n).plain(); wide <= width {
			return g.pieces(n - 1)
		}
	}
	if width == 0 {
		return g.pieces(len(g.cells[0]))
	}
	return g.pieces(1)
}

// String is a figure as it stands in a cell.
func (f Figure) String() string {
	text := f.value()
	if f.P != nil && !f.Differs {
		text += " ~"
	}
	return text
}

func (f Figure) value() string {
	switch {
	case f.Known == 0 || f.Yes == nil && f.Interval == nil:
		return "unknown"
	case f.AtMost != nil:
		return fmt.Sprintf("0 of %d (≤ 3/%d)", f.Known, f.Known)
	case f.Yes != nil:
		return fmt.Sprintf("%d of %d", *f.Yes, f.Known)
	}
	text := f.Median.in(f.Unit)
	if f.From == nil {
		return text
	}
	if from, to := f.From.in(f.Unit), f.To.in(f.Unit); from != text || to != text {
		text += " [" + from + " … " + to + "]"
	}
	return text
}

// in prints a range in a unit.
func (r Range) in(unit string) string {
	switch {
	case r.Most == nil:
		return "> " + in(unit, r.Least)
	case r.exact():
		return in(unit, r.Least)
	}
	return in(unit, r.Least) + " to " + in(unit, *r.Most)
}

// Markdown is the table between marks of a file: with what it was made from, and
// without anything of this machine.
func (s *Spread) Markdown() []byte {
	var b bytes.Buffer
	if s.Title != "" {
		fmt.Fprintf(&b, "**%s.**\n\n", strings.TrimSuffix(s.Title, "."))
	}
	if len(s.Variants) <= abreast {
		piped(&b, s.outcomes(s.grid(measures())))
	} else {
		for _, g := range []*grid{s.outcomes(s.grid(ofMail())), s.grid(ofService()), s.grid(ofArrays())} {
			piped(&b, g.turn())
		}
	}
	for _, g := range s.Variants {
		fmt.Fprintf(&b, "- **%s**: %s\n", g.Variant, g.Title)
	}
	for _, text := range append([]string{s.legend(), s.Conclusion}, s.Notes...) {
		if text != "" {
			fmt.Fprintf(&b, "\n%s\n", text)
		}
	}
	for _, q := range s.Answers {
		fmt.Fprintf(&b, "\n**%d. %s** %s\n", q.N, q.Text, q.Answer)
		for i, f := range q.Figures {
			if i == 0 {
				b.WriteString("\n")
			}
			fmt.Fprintf(&b, "- %s: %s\n", f.Name, f.Value)
		}
	}
	fmt.Fprintf(&b, "\nMade by `%s`", s.Again)
	if s.Digest != "" {
		fmt.Fprintf(&b, "; digest of the runs `%s`", s.Digest)
	}
	b.WriteString(".\n")
	return b.Bytes()
}

// abreast is how many variants stand side by side in Markdown; more are rows, in
// several tables. Picked: more columns are not read.
const abreast = 5

// piped writes a grid as a table of Markdown.
func piped(b *bytes.Buffer, g *grid) {
	for i, line := range g.cells {
		for j := range line {
			line[j] = cell(line[j])
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(line, " | "))
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(line)) + "|\n")
		}
	}
	b.WriteString("\n")
}
