package compare

import (
	"bytes"
	"fmt"
	"strings"

	"fourdays/harness/check"
	"fourdays/harness/report"
)

// The marks between which a file's tables are made anew; what stands outside is
// written by hand. The first names the command, so that a file can have tables of
// several.
const (
	madeFrom = "<!-- made by fourdays %s: do not edit below -->"
	madeTo   = "<!-- end of what is made -->"
)

// Findings is one table of runs of a mail server of others as Markdown: what was
// promised and what became of it, how the checks came out, and how to see it
// again. All is from run.json.
func Findings(runs []*report.Run) []byte {
	var b bytes.Buffer
	first := runs[0]
	title := first.Title
	if first.Variant != nil {
		title = first.Variant.Title
	}
	fmt.Fprintf(&b, "## %s\n\n", title)
	if t := first.Target; t != nil {
		fmt.Fprintf(&b, "%s, on %s.\n\n", (&report.Target{Server: t.Server, Version: t.Version}), first.Build.Arch)
	}
	b.WriteString("| | promised | lost | unread | altered | twice | back again | longest without service | checks that failed |\n")
	b.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|---|\n")
	for _, r := range runs {
		b.WriteString(finding(r))
	}
	b.WriteString("\n")
	for _, r := range runs {
		b.WriteString(story(r))
	}
	return b.Bytes()
}

// finding is the row of one run.
func finding(r *report.Run) string {
	name, m, without := name(r), r.Mail, "nobody asked"
	if unfinished(Row{Verdict: r.Verdict}) {
		return fmt.Sprintf("| %s | %s: %s |\n", name, r.Verdict, cell(r.Why))
	}
	if r.UnavailableMS != nil {
		without = report.Span(*r.UnavailableMS)
	}
	cells := []string{name}
	for _, n := range []int{m.Acknowledged, m.Lost, m.Unread, m.Altered, m.Duplicated, m.Resurrected} {
		cells = append(cells, report.Count(int64(n)))
	}
	var names []string
	for _, c := range failed(r) {
		names = append(names, c.Name)
	}
	return "| " + strings.Join(append(cells, without, strings.Join(names, ", ")), " | ") + " |\n"
}

// story says of one run what happened, what was seen first of each check that
// failed, and how to see it again.
func story(r *report.Run) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**: %s", name(r), r.Title)
	if r.Target != nil {
		for _, s := range r.Target.Each() {
			b.WriteString("; `" + s + "`")
		}
	}
	fmt.Fprintf(&b, ". `%s`\n", r.Again())
	for _, c := range failed(r) {
		first, _, _ := strings.Cut(c.Why, "\n")
		fmt.Fprintf(&b, "- %s, %s: %s\n", c.Name, c.Title, first)
	}
	return b.String() + "\n"
}

func name(r *report.Run) string {
	if r.Variant != nil {
		return r.Variant.Name
	}
	return r.Scenario
}

func failed(r *report.Run) (all []check.Check) {
	for _, c := range r.Checks {
		if c.Verdict == check.Fail {
			all = append(all, c)
		}
	}
	return all
}

// cell is text that does not end the cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

// Remake puts what a command makes into a file between its marks, and keeps the
// rest.
func Remake(file []byte, command string, made []byte) ([]byte, error) {
	from := fmt.Appendf(nil, madeFrom, command)
	head, rest, ok := bytes.Cut(file, from)
	_, tail, ends := bytes.Cut(rest, []byte(madeTo))
	if !ok || !ends {
		return nil, fmt.Errorf("find the place for the tables: the file has no line %q and after it %q", from, madeTo)
	}
	return bytes.Join([][]byte{head, append(from, "\n\n"...), made, []byte(madeTo), tail}, nil), nil
}
