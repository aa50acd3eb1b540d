package margin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"fourdays/harness/report"
)

// Encode renders tables as JSON: the same bytes for the same runs.
func Encode(t *Table) ([]byte, error) {
	data, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode table: %w", err)
	}
	return append(data, '\n'), nil
}

// Text writes the table for people.
func (t *Table) Text(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s  what margin is left?\n", t.Scenario)
	wrap(&b, "  ", t.Title)
	b.WriteString("\n")
	b.WriteString(plain(t.margins()))
	b.WriteString("\n")
	wrap(&b, "", t.span())
	if len(t.Sweep) > 0 {
		b.WriteString("\nIf a hidden limit were there, and nothing were answered from then on\n\n")
		b.WriteString(plain(t.swept()))
		b.WriteString("\n")
		wrap(&b, "", sweepLegend)
	}
	for _, o := range t.Sweep {
		if o.Why != "" && o.Result != NotReached {
			wrap(&b, "", fmt.Sprintf("%s on %s: %s. %s", o.Counter, o.On(), o.Why, o.Dir))
		}
	}
	b.WriteString("\nWhat this cannot tell\n")
	for _, c := range t.Cannot {
		wrap(&b, "  ", c)
	}
	b.WriteString("\n")
	wrap(&b, "", fmt.Sprintf("%d. %s %s", t.Answer.N, t.Answer.Text, t.Answer.Answer))
	for _, f := range t.Answer.Figures {
		wrap(&b, "   ", f.Name+": "+f.Value)
	}
	fmt.Fprintf(&b, "\ndigest %s\nagain  %s\n", t.Digest, t.Again)
	_, err := w.Write(b.Bytes())
	return err
}

// Markdown is the table for a file, without anything of this machine.
func (t *Table) Markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "**%s: what margin is left?**\n\n%s\n%s\n", t.Title, piped(t.margins()), t.span())
	if len(t.Sweep) > 0 {
		fmt.Fprintf(&b, "\nIf a hidden limit were there, and nothing were answered from then on:\n\n%s\n%s\n", piped(t.swept()), sweepLegend)
	}
	b.WriteString("\nWhat this cannot tell:\n\n")
	for _, c := range t.Cannot {
		fmt.Fprintf(&b, "- %s\n", c)
	}
	fmt.Fprintf(&b, "\n**%d. %s** %s\n\n", t.Answer.N, t.Answer.Text, t.Answer.Answer)
	for _, f := range t.Answer.Figures {
		fmt.Fprintf(&b, "- %s: %s\n", f.Name, f.Value)
	}
	fmt.Fprintf(&b, "\nMade by `%s`; digest of the run `%s`.\n", t.Again, t.Digest)
	return b.Bytes()
}

const sweepLegend = `Held: from when the limit was met until it was taken away. Mail in and out: of what was offered, and of what users asked of their mailboxes, in the later half of that, how much was taken and answered; whoever asks a node whose array hangs is not sent to another. Survives: both went on. Half serves: one of the two. Stops safely: neither; when the limit was taken away everything promised was there. Loses: promised mail was gone or changed. Warned: an array or a node told of it before. Noticed: after the first failure.`

// span says over what the rates are.
func (t *Table) span() string {
	text := fmt.Sprintf("Now: at the end of the run. Per day: as in the %s that the arrays were watched", report.Span(t.SpanMS))
	if t.LeaptMS > 0 {
		text += fmt.Sprintf(", of which %s were leapt over and counted nothing", report.Span(t.LeaptMS))
	}
	text += ". Documented: the nearest limit ahead that a bug of the catalogue has from a source, whatever product that was. Width: the nearest number that is full, if the counter were kept in it."
	if t.Stands > 1 {
		text += fmt.Sprintf(" One mailbox stands for %s: what users cause goes so many times as fast in the whole store, and is reached so much sooner.", report.Count(int64(t.Stands+0.5)))
	}
	return text
}

func (t *Table) margins() [][]string {
	lines := [][]string{{"array", "counter", "now", "per day", "documented", "in", "width", "in"}}
	for _, r := range t.Rows {
		line := []string{r.Array, string(r.Counter), report.Count(r.Now), rate(r.PerDay)}
		lines = append(lines, slices.Concat(line, first(r.Documented), first(r.Widths)))
	}
	return lines
}

// first are the cells of the nearest limit.
func first(limits []Limit) []string {
	if len(limits) == 0 {
		return []string{"none", ""}
	}
	l := limits[0]
	if l.Bug == "" {
		return []string{l.What, Days(l.Days)}
	}
	return []string{fmt.Sprintf("%s (%s)", report.Count(l.At), l.Bug), Days(l.Days)}
}

func rate(perDay float64) string {
	if perDay > 0 && perDay < 10 {
		return fmt.Sprintf("%.1f", perDay)
	}
	return report.Count(int64(perDay + 0.5))
}

// Days is a length of time for people, from hours to years; nil is that it never
// comes at this rate.
func Days(d *float64) string {
	switch {
	case d == nil:
		return "not at this rate"
	case *d < 2:
		return fmt.Sprintf("%.1f hours", *d*24)
	case *d < 730:
		return fmt.Sprintf("%.0f days", *d)
	case *d < 3650:
		return fmt.Sprintf("%.1f years", *d/365.25)
	case *d < 365250:
		return fmt.Sprintf("%.0f years", *d/365.25)
	}
	return "> 1,000 years"
}

func (t *Table) swept() [][]string {
	lines := [][]string{{"counter", "limit at", "on", "outcome", "held", "mail in", "mail out", "harmed", "warned", "noticed"}}
	for _, o := range t.Sweep {
		if o.HeldMS == nil {
			lines = append(lines, []string{string(o.Counter), "-", o.On(), o.Result, "-", "-", "-", "-", "-", "-"})
			continue
		}
		noticed, warned := "never", "no"
		if o.NoticedMS != nil {
			noticed = report.Span(*o.NoticedMS)
		}
		if o.Warned {
			warned = "yes"
		}
		lines = append(lines, []string{string(o.Counter), report.Count(o.At), o.On(), o.Result, report.Span(*o.HeldMS),
			o.In.String(), o.Out.String(), report.Count(int64(o.Harmed)), warned, noticed})
	}
	return lines
}

// String is a share in words.
func (s Share) String() string {
	if s.Asked == 0 {
		return "nobody asked"
	}
	return fmt.Sprintf("%d %%", 100*s.Served/s.Asked)
}

// figures are the columns that are set to the right.
var figures = []string{"now", "per day", "limit at", "held", "mail in", "mail out", "harmed", "noticed"}

// plain lays lines out in columns; the first line is their labels.
func plain(lines [][]string) string {
	width := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, line := range lines {
		var s strings.Builder
		for i, cell := range line {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if slices.Contains(figures, lines[0][i]) {
				s.WriteString(pad + cell + "  ")
			} else {
				s.WriteString(cell + pad + "  ")
			}
		}
		b.WriteString(strings.TrimRight(s.String(), " ") + "\n")
	}
	return b.String()
}

// piped lays lines out as a table of Markdown.
func piped(lines [][]string) string {
	var b strings.Builder
	for i, line := range lines {
		fmt.Fprintf(&b, "| %s |\n", strings.ReplaceAll(strings.Join(line, " \x00 "), "|", "\\|"))
		if i == 0 {
			for _, label := range line {
				if slices.Contains(figures, label) {
					b.WriteString("|--:")
				} else {
					b.WriteString("|---")
				}
			}
			b.WriteString("|\n")
		}
	}
	return strings.ReplaceAll(b.String(), "\x00", "|")
}

// prose is where sentences break (picked: it fits a terminal of 80).
const prose = 78

func wrap(b *bytes.Buffer, indent, text string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(indent+line+" "+word) > prose {
			fmt.Fprintln(b, indent+line)
			line = ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	fmt.Fprintln(b, indent+line)
}
