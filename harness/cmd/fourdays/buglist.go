package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"fourdays/storage/bug"
	"fourdays/storage/catalog"
)

type listCmd struct {
	folder
	Class      string `help:"Only these: hidden-limit, crash-loss, corruption or availability." placeholder:"CLASS"`
	Trigger    string `help:"Only those with this in their trigger: count, level, event, match, overlap, chance or time; all, any or arm." placeholder:"LEAF"`
	Plane      string `help:"Only those in this part of the storage: data, control, derived, link or report." placeholder:"PLANE"`
	Silent     bool   `help:"Only those that no answer of the array tells of." xor:"told"`
	Reported   bool   `help:"Only those that the caller is told of." xor:"told"`
	Correlated string `help:"Only those that hit together by os, system, address or copies; none; or any that is not none." placeholder:"WHAT"`
	JSON       bool   `name:"json" help:"Print all that is known of each, as JSON."`
}

// Help is shown by `fourdays bugs list --help`.
func (*listCmd) Help() string {
	return `NOTICED BY is the nearest who notices: the caller (an error, no answer, a late or a false one), the array's own scrub, an application's checksum, or only a user who knows what should be there. TOGETHER is what is hit with it: nothing else (none), what has the same os, the whole system, the same address on every replica, or copies only.

Examples:

  fourdays bugs list --silent --correlated os
  fourdays bugs list --trigger count --class hidden-limit
  fourdays bugs list --bugs ./mine --json | jq '.[].id'`
}

// Run lists the catalogue.
func (c *listCmd) Run(a *app) error {
	set, err := c.catalogue()
	if err != nil {
		return err
	}
	bugs, err := c.chosen(set)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(a.out, cards(set, bugs))
	}
	if len(bugs) > 0 {
		if _, err := io.WriteString(a.out, listed(bugs, columns(a.out))); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.err, "%d of %d bugs; fourdays bugs show ID says more\n", len(bugs), len(set.All()))
	return nil
}

// together is the word for every correlation but none.
const together = "any"

func (c *listCmd) chosen(set *catalog.Set) ([]bug.Bug, error) {
	f := catalog.Filter{
		Class: bug.Class(c.Class), Plane: bug.Plane(c.Plane), Trigger: c.Trigger,
		Correlated: bug.Correlation(c.Correlated), Silent: c.Silent, Reported: c.Reported,
	}
	if c.Correlated == together {
		f.Correlated = ""
	}
	if err := f.Check(); err != nil {
		return nil, fail(exitUsage, "choose bugs: --%w", err)
	}
	bugs := f.Of(set.All())
	if c.Correlated == together {
		bugs = slices.DeleteFunc(bugs, func(b bug.Bug) bool { return b.Shows.Correlated == bug.Independent })
	}
	return bugs, nil
}

// listed is the catalogue as a table: a line for each bug, or two where one
// would not fit into a terminal of that width. Without a terminal it is 0.
func listed(bugs []bug.Bug, width int) string {
	rows := [][]string{{"ID", "CLASS", "NOTICED BY", "TOGETHER", "TITLE"}}
	for _, b := range bugs {
		rows = append(rows, []string{b.ID, string(b.Class), noticedBy(b.Shows), string(b.Shows.Correlated), b.Title})
	}
	wide := make([]int, len(rows[0]))
	total := 2 * (len(wide) - 1)
	for i := range wide {
		for _, row := range rows {
			wide[i] = max(wide[i], utf8.RuneCountInString(row[i]))
		}
		total += wide[i]
	}
	var out strings.Builder
	for _, row := range rows {
		line := fmt.Sprintf("%-*s  %-*s  %-*s  %-*s", wide[0], row[0], wide[1], row[1], wide[2], row[2], wide[3], row[3])
		if width > 0 && total > width {
			line = strings.TrimRight(line, " ") + "\n  " + row[4]
		} else {
			line += "  " + row[4]
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

// noticedBy is the nearest who notices a bug: that is what decides how long it
// lives.
func noticedBy(s bug.Shows) string {
	if len(s.To) == 0 {
		return "nobody"
	}
	return string(s.To[0])
}

// card is a bug as JSON.
type card struct {
	ID          string       `json:"id"`
	Title       string       `json:"title"`
	Class       string       `json:"class"`
	NoticedBy   []string     `json:"noticed_by"`
	Silent      bool         `json:"silent"`
	Reboot      string       `json:"reboot"`
	Correlated  string       `json:"correlated"`
	Plane       string       `json:"plane"`
	Persistence string       `json:"persistence"`
	Operator    operatorCard `json:"operator"`
	Evidence    evidenceCard `json:"evidence"`
	Shipped     bool         `json:"shipped"`
	Source      string       `json:"source"` // the file as it was written
}

type operatorCard struct {
	Sees    string `json:"sees"`
	Clears  string `json:"clears"`
	Worsens string `json:"worsens"`
}

type evidenceCard struct {
	Label      string   `json:"label"`
	Confidence string   `json:"confidence"`
	Product    string   `json:"product"`
	URL        string   `json:"url"`
	Note       string   `json:"note"`
	Sourced    []string `json:"sourced"`
	Picked     []string `json:"picked"`
}

func cards(set *catalog.Set, bugs []bug.Bug) []card {
	all := []card{}
	for _, b := range bugs {
		all = append(all, cardOf(set, b))
	}
	return all
}

func cardOf(set *catalog.Set, b bug.Bug) card {
	source, _ := set.Source(b.ID)
	e := b.Evidence
	return card{
		ID: b.ID, Title: b.Title, Class: string(b.Class), NoticedBy: words(b.Shows.To), Silent: b.Shows.Silent(),
		Reboot: string(b.Shows.Reboot), Correlated: string(b.Shows.Correlated), Plane: string(b.Plane),
		Persistence: string(b.Persistence), Operator: operatorCard(b.Operator), Shipped: shipped(b), Source: string(source),
		Evidence: evidenceCard{
			Label: string(e.Label), Confidence: string(e.Confidence), Product: e.Product, URL: e.URL, Note: e.Note,
			Sourced: words(e.Sourced), Picked: words(e.Picked),
		},
	}
}

// words are plain strings, and a list even when there are none.
func words[T ~string](of []T) []string {
	out := []string{}
	for _, w := range of {
		out = append(out, string(w))
	}
	return out
}
