package main

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"fourdays/harness/sim"
	"fourdays/storage/bug"
)

type showCmd struct {
	folder
	ID     string `arg:"" help:"The bug's ID, as fourdays bugs lists it."`
	Source bool   `help:"Print the file as it was written."`
	JSON   bool   `name:"json" help:"Print all that is known of it, as JSON."`
}

// Help is shown by `fourdays bugs show --help`.
func (*showCmd) Help() string {
	return `What is sourced was read where the evidence says; what is picked is ours, chosen so that it can be rehearsed.

Examples:

  fourdays bugs show netapp-70000
  fourdays bugs show netapp-70000 --source > mine/my-70000.yaml`
}

// Run prints one bug.
func (c *showCmd) Run(a *app) error {
	set, err := c.catalogue()
	if err != nil {
		return err
	}
	bugs, err := pick(set, []string{c.ID})
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		return printJSON(a.out, cardOf(set, bugs[0]))
	case c.Source:
		source, _ := set.Source(c.ID)
		_, err = a.out.Write(source)
		return err
	}
	_, err = io.WriteString(a.out, shown(bugs[0], c.folder, columns(a.out)))
	return err
}

// The widths of prose (picked): what a pipe gets, and the most a terminal does.
const (
	usual  = 80
	widest = 100
)

// page is text for people, broken at a width.
type page struct {
	bytes.Buffer
	width int
}

func newPage(terminal int) *page {
	if terminal == 0 {
		terminal = usual
	}
	return &page{width: min(max(terminal, 40), widest) - 2}
}

// say writes text behind a label; what does not fit goes on under its beginning.
func (p *page) say(label, text string) {
	const margin = "  "
	lead := margin
	if label != "" {
		lead += fmt.Sprintf("%-12s ", label)
	}
	hang := strings.Repeat(" ", utf8.RuneCountInString(lead))
	line := lead
	for i, word := range strings.Fields(text) {
		if i > 0 && utf8.RuneCountInString(line+" "+word) > p.width {
			fmt.Fprintln(p, line)
			line = hang + word
			continue
		}
		if i > 0 {
			line += " "
		}
		line += word
	}
	fmt.Fprintln(p, strings.TrimRight(line, " "))
}

// put writes a line as it is: a command or an address is not broken.
func (p *page) put(label, text string) {
	fmt.Fprintln(p, strings.TrimRight(fmt.Sprintf("  %-12s %s", label, text), " "))
}

func (p *page) head(text string) { fmt.Fprintf(p, "\n%s\n", text) }

func shown(b bug.Bug, from folder, terminal int) string {
	p := newPage(terminal)
	fmt.Fprintln(p, b.ID)
	p.say("", b.Title)
	p.say("", "class "+string(b.Class))

	p.head("What an operator would see")
	p.say("sees", b.Operator.Sees)
	p.say("clears it", b.Operator.Clears)
	p.say("worsens it", b.Operator.Worsens)

	p.head("How it shows")
	p.say("noticed by", observersOf(b.Shows))
	p.say("a reboot", reboots[b.Shows.Reboot])
	p.say("together", correlations[b.Shows.Correlated])

	p.head("What it does")
	p.say("", b.Sentence())
	for _, line := range declared(b) {
		key, value, _ := strings.Cut(line, ": ")
		p.say(key, value)
	}
	evidence(p, b)
	proofs(p, b, from)
	return p.String()
}

var reboots = map[bug.Reboot]string{
	bug.Clears: "clears it", bug.Stays: "changes nothing", bug.Worsens: "makes it worse",
	bug.Comes: "clears it, and it comes back by itself",
}

var correlations = map[bug.Correlation]string{
	bug.Independent: "none: one volume at a time",
	bug.SameOS:      "os: everything with that firmware or OS, each when its own trigger comes",
	bug.WholeSystem: "system: everything at once",
	bug.SameAddress: "address: the same address on every replica",
	bug.CopiesOnly:  "copies: snapshots and backups, not what they are of",
}

// observersOf says who notices, and who does not.
func observersOf(s bug.Shows) string {
	var blind []string
	for _, o := range []bug.Observer{bug.Caller, bug.Scrub, bug.Checksum, bug.User} {
		if !slices.Contains(s.To, o) {
			blind = append(blind, string(o))
		}
	}
	text := strings.Join(words(s.To), ", ")
	if text == "" {
		text = "nobody"
	}
	if len(blind) > 0 {
		text += " (not by " + strings.Join(blind, ", ") + ")"
	}
	return text
}

var (
	doing   = regexp.MustCompile(`^(trigger|effect|plane|scope|persistence): `)
	showing = regexp.MustCompile(`^shows: `)
)

// declared are the lines that say what a bug does, in its own language.
func declared(b bug.Bug) []string { return printed(b, doing) }

func printed(b bug.Bug, which *regexp.Regexp) (lines []string) {
	for line := range strings.Lines(string(bug.Print(b))) {
		if which.MatchString(line) {
			lines = append(lines, strings.TrimRight(line, "\n"))
		}
	}
	return lines
}

func evidence(p *page, b bug.Bug) {
	e := b.Evidence
	p.head("Evidence")
	known := labels[e.Label]
	if e.Confidence != "" {
		known += "; confidence " + string(e.Confidence)
	}
	p.say("known", known)
	for _, line := range []struct{ label, text string }{
		{"product", e.Product}, {"page", e.URL}, {"note", e.Note},
		{"sourced", figures(b, e.Sourced)}, {"picked", figures(b, e.Picked)},
	} {
		if line.text != "" {
			p.say(line.label, line.text)
		}
	}
}

var labels = map[bug.Label]string{
	bug.Read: "read in a public page", bug.Notes: "from notes that quote the source",
	bug.Remembered: "remembered, without a source", bug.Generic: "a plain fault, of no product",
}

// figures are the keys with their values, where these are short.
func figures(b bug.Bug, keys []string) string {
	text := strings.Join(append(declared(b), printed(b, showing)...), "\n")
	var parts []string
	for _, key := range keys {
		value := valueOf(text, key)
		if value != "" && len(value) <= 40 {
			key += " " + value
		}
		parts = append(parts, key)
	}
	return strings.Join(parts, "; ")
}

// valueOf finds what stands behind a key in a printed bug: all of it, wherever
// the key is.
func valueOf(text, key string) string {
	var found []string
	for _, at := range regexp.MustCompile(`(?m)(?:^|[{ ])`+regexp.QuoteMeta(key)+`: `).FindAllStringIndex(text, -1) {
		if v := upTo(text[at[1]:]); !slices.Contains(found, v) {
			found = append(found, v)
		}
	}
	return strings.Join(found, ", ")
}

// upTo cuts a value off where it ends: at a comma, a bracket that is not its
// own, or the end of the line.
func upTo(text string) string {
	depth, quoted := 0, false
	for i, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '{' || r == '[' || r == '(':
			depth++
		case r == '\n', depth == 0 && strings.ContainsRune(",}])", r):
			return text[:i]
		case r == '}' || r == ']' || r == ')':
			depth--
		}
	}
	return text
}

// pairs is where proof pairs are, below the source tree.
const pairs = "scenarios/regress"

// pairOf is the file of a bug's proof pair, as it is named from where we stand,
// and whether it is there.
func pairOf(id string) (path string, there bool) {
	path = filepath.Join(pairs, id+".yaml")
	if !missing(path) {
		return path, true
	}
	if root, err := sim.FindSource(); err == nil {
		path = filepath.Join(root, pairs, id+".yaml")
	}
	return path, !missing(path)
}

func proofs(p *page, b bug.Bug, from folder) {
	again := func(words ...string) string {
		return strings.Join(append(append([]string{"fourdays"}, words...), from.args()...), " ")
	}
	p.head("Proofs")
	p.say("alone", again("bugs", "prove", b.ID))
	switch path, there := pairOf(b.ID); {
	case there:
		p.say("cluster", again("repro", b.ID))
		p.put("", path)
	case shipped(b):
		p.say("cluster", "no proof pair yet")
	default:
		p.say("cluster", "write a scenario that arms it, and give it to fourdays repro")
	}
}
