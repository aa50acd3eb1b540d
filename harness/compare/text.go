package compare

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"fourdays/harness/report"
)

// prose is where sentences break (picked: it fits a terminal of 80).
const prose = 78

// Text writes the table for people. Each run is a row; where the rows do not
// fit into width columns the table is turned, and each run is a column. A width
// of 0 is no limit.
func (t *Table) Text(w io.Writer, width int) error {
	var b bytes.Buffer
	if t.Scenario != "" {
		fmt.Fprintln(&b, t.Scenario)
		wrap(&b, "  ", "  ", t.Title)
		b.WriteString("\n")
	}
	b.WriteString(t.grid().fit(width))
	b.WriteString("\n")
	for _, r := range t.Rows {
		wrap(&b, "  ", "    ", r.Variant+": "+r.Title)
		if r.Background != "" {
			wrap(&b, "    ", "    ", r.Background)
		}
		if r.Verdict != report.Pass {
			wrap(&b, "    ", "    ", r.Verdict+": "+r.Why)
		}
	}
	b.WriteString("\n")
	wrap(&b, "", "", legend)
	if t.Conclusion != "" {
		b.WriteString("\n")
		wrap(&b, "", "", t.Conclusion)
	}
	answered(&b, t.Answers)
	b.WriteString("\n")
	for _, r := range t.Rows {
		fmt.Fprintf(&b, "report %s\n", r.Dir)
	}
	fmt.Fprintf(&b, "again  %s\n", t.Again)
	_, err := w.Write(b.Bytes())
	return err
}

const legend = `Unread: acknowledged, and nobody could look for it at the end: what is lost or altered is that much or more. Replicas and mailboxes: as they were at the end; mailboxes of those asked for. Without service: the longest time in which somebody asked and nobody was served. RTA: from the first failure to steady service, which a node that goes on refusing puts off. ">": not over at the end.`

// grid is a table of single lines. Its first row and first column are labels.
type grid struct {
	cells [][]string
	right []bool // by column: figures
}

// column is one measure of a run.
type column struct {
	label  string
	figure bool
	of     func(Row) string
}

func (t *Table) grid() *grid {
	g := &grid{cells: [][]string{nil}}
	columns := t.columns()
	for _, c := range columns {
		g.cells[0] = append(g.cells[0], c.label)
		g.right = append(g.right, c.figure)
	}
	for _, r := range t.Rows {
		var line []string
		for i, c := range columns {
			cell := c.of(r)
			if i >= labels && unfinished(r) {
				cell = "-"
			}
			line = append(line, cell)
		}
		g.cells = append(g.cells, line)
	}
	return g
}

// labels are the columns that a run has whatever became of it.
const labels = 2

// unfinished says that a run has no outcome: its figures would be of something
// else.
func unfinished(r Row) bool {
	return r.Verdict != report.Pass && r.Verdict != report.Fail && r.Verdict != report.Inconclusive
}

func (t *Table) columns() []column {
	n := func(count func(Mail) int) func(Row) string {
		return func(r Row) string { return report.Count(int64(count(r.Mail))) }
	}
	least := func(count func(Mail) int) func(Row) string {
		return func(r Row) string {
			if r.Mail.Unread > 0 {
				return ">= " + report.Count(int64(count(r.Mail)))
			}
			return report.Count(int64(count(r.Mail)))
		}
	}
	all := []column{
		{"", false, func(r Row) string { return r.Variant }},
		{"verdict", false, func(r Row) string { return r.Verdict }},
		{"mail acknowledged", true, n(func(m Mail) int { return m.Acknowledged })},
		{"lost", true, least(func(m Mail) int { return m.Lost })},
		{"unread", true, n(func(m Mail) int { return m.Unread })},
		{"altered", true, least(func(m Mail) int { return m.Altered })},
		{"delayed", true, n(func(m Mail) int { return m.Delayed })},
		{"bounced", true, n(func(m Mail) int { return m.Bounced })},
	}
	for _, node := range t.nodes() {
		all = append(all, column{"replica " + node, false, func(r Row) string { return r.stateOf(node) }})
	}
	return append(all,
		column{"mailboxes reachable", true, reachable},
		column{"without service", true, without},
		column{"RTA", true, Row.rta},
	)
}

func (r Row) stateOf(node string) string {
	i := slices.IndexFunc(r.Replicas, func(p Replica) bool { return p.Node == node })
	switch {
	case i < 0:
		return "-"
	case r.Replicas[i].State == "":
		return "unknown"
	}
	return r.Replicas[i].State
}

func without(r Row) string {
	switch {
	case r.WithoutMS == nil:
		return "unknown"
	case r.WithoutOver:
		return "> " + report.Span(*r.WithoutMS)
	}
	return report.Span(*r.WithoutMS)
}

func (r Row) rta() string {
	switch {
	case r.RTAMS != nil:
		return report.Span(*r.RTAMS)
	case r.RTAOverMS != nil:
		return "> " + report.Span(*r.RTAOverMS)
	case !r.Impact:
		return "no failure"
	}
	return "unknown"
}

// fit lays the grid out within a width: as it is, else turned, else turned in
// pieces of as many columns as fit.
func (g *grid) fit(width int) string {
	if text, wide := g.rows(); width == 0 || wide <= width {
		return text
	}
	turned := g.turn()
	for n := len(turned.cells[0]); n > 2; n-- {
		if _, wide := turned.part(1, n).plain(); wide <= width {
			return turned.pieces(n - 1)
		}
	}
	return turned.pieces(1)
}

// pieces prints so many columns at a time, each time with the labels.
func (g *grid) pieces(n int) string {
	var parts []string
	for from := 1; from < len(g.cells[0]); from += n {
		text, _ := g.part(from, min(from+n, len(g.cells[0]))).plain()
		parts = append(parts, text)
	}
	return strings.Join(parts, "\n")
}

// part is the labels and the columns from up to to.
func (g *grid) part(from, to int) *grid {
	p := &grid{right: make([]bool, to-from+1)}
	for _, line := range g.cells {
		p.cells = append(p.cells, append([]string{line[0]}, line[from:to]...))
	}
	return p
}

func (g *grid) turn() *grid {
	out := &grid{right: make([]bool, len(g.cells))}
	for j := range g.cells[0] {
		var line []string
		for i := range g.cells {
			line = append(line, g.cells[i][j])
		}
		out.cells = append(out.cells, line)
	}
	return out
}

// rows lays the grid out with labels of two words on two lines.
func (g *grid) rows() (string, int) {
	top, bottom := make([]string, len(g.cells[0])), make([]string, len(g.cells[0]))
	for i, label := range g.cells[0] {
		var two bool
		if top[i], bottom[i], two = strings.Cut(label, " "); !two {
			top[i], bottom[i] = "", label
		}
	}
	two := &grid{cells: append([][]string{top, bottom}, g.cells[1:]...), right: g.right}
	return two.plain()
}

// plain lays the grid out, and says how wide that is.
func (g *grid) plain() (text string, wide int) {
	width := make([]int, len(g.cells[0]))
	for _, line := range g.cells {
		for i, cell := range line {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, line := range g.cells {
		var s strings.Builder
		for i, cell := range line {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if g.right[i] {
				s.WriteString(pad + cell + "  ")
			} else {
				s.WriteString(cell + pad + "  ")
			}
		}
		shown := strings.TrimRight(s.String(), " ")
		wide = max(wide, utf8.RuneCountInString(shown))
		b.WriteString(shown + "\n")
	}
	return b.String(), wide
}

// wrap writes a sentence that breaks at prose; what follows the first line has an
// indent of its own.
func wrap(b *bytes.Buffer, indent, next, text string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(indent+line+" "+word) > prose {
			fmt.Fprintln(b, indent+line)
			line, indent = "", next
		}
		line = strings.TrimSpace(line + " " + word)
	}
	fmt.Fprintln(b, indent+line)
}
