package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fourdays/storage/bug"
	"fourdays/storage/catalog"
)

const recordHead = `# Track record

Written by ` + "`make record`" + ` from the bug files, the proof pairs in this folder and what they showed when they were last played; do not edit it. A test fails when a pair or what its bug does has changed since.

Every bug proves itself twice. Alone, on a bare array: ` + "`fourdays bugs prove BUG`" + ` shows who notices it, whether a reboot clears it, and what is hit with it. In a cluster, as a pair: ` + "`fourdays repro BUG`" + ` plays one scenario with the bug and without it, and the two must be told apart by what each is expected to show. A trigger is the bug's own; a pair may put its counter or its chance where a short run meets it, and says so in its file.

`

// recordOf is the track record of a folder of pairs.
func recordOf(dir string) (string, error) {
	all, err := outcomes(dir)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(recordHead)
	b.WriteString("| bug | class | trigger | alone, noticed by | in a cluster, with the bug | without it | seed | evidence |\n|---|---|---|---|---|---|---|---|\n")
	for _, o := range all {
		shown, ok := catalog.Get(o.Bug)
		if !ok {
			return "", fmt.Errorf("%s is about %q, and no such bug is shipped", o.File, o.Bug)
		}
		fmt.Fprintf(&b, "| [`%s`](%s) | %s | %s | %s | %s | %s | %d | %s |\n",
			o.Bug, o.File, shown.Class, cell(shown.Trigger.String()), noticers(shown), cell(o.Seen), o.Disarmed, o.Seed, evidenceOf(shown))
	}
	b.WriteString(endings(all))
	if rest := withoutPair(all); len(rest) > 0 {
		fmt.Fprintf(&b, "\n## Proved alone only\n\nNo pair yet: %s.\n", strings.Join(rest, ", "))
	}
	return b.String(), nil
}

func withoutPair(all []outcome) (ids []string) {
	for _, b := range catalog.All() {
		if !slices.ContainsFunc(all, func(o outcome) bool { return o.Bug == b.ID }) {
			ids = append(ids, "`"+b.ID+"`")
		}
	}
	return ids
}

func noticers(b bug.Bug) string {
	if len(b.Shows.To) == 0 {
		return "nobody"
	}
	return strings.Join(words(b.Shows.To), ", ")
}

func evidenceOf(b bug.Bug) string {
	if b.Evidence.Confidence == "" {
		return string(b.Evidence.Label)
	}
	return string(b.Evidence.Label) + ", " + string(b.Evidence.Confidence)
}

// cell is text that does not end the cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

const endingsHead = `
## What becomes of the store

From the same runs. *Survives*: nothing acknowledged is harmed and mail is served at the end. *Stops safely*: nothing is harmed, and no mail is served. *Detected loss*: mail is lost or altered, and a node, an array or a scrub said that something was wrong. A *silent* loss or wrong answer would be one that nobody noticed; a test holds that there is none. *Answered wrongly* names the checks that an answer to a client broke.

The way back: when the script is over the vendor's fix is installed, and the nodes that do not serve are started again. Where that is not enough, and a majority serves, the others are replaced; else the best copy becomes a new group, and the others are replaced into it. What an operator would do after that, such as to buy other drives, is not tried.

`

// endings is the table of what became of the store under each bug.
func endings(all []outcome) string {
	var b strings.Builder
	b.WriteString(endingsHead + summed(all) + "| bug | the store | answered wrongly | the way back | then |\n|---|---|---|---|---|\n")
	for _, o := range all {
		e := o.ending
		if e.Outcome == "" {
			e = ending{Outcome: "not recorded"}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", o.Bug, e.Outcome, cmp.Or(strings.Join(e.Wrong, ", "), "no"), cell(e.WayBack), cell(e.After))
	}
	return b.String()
}

// summed counts the outcomes.
func summed(all []outcome) string {
	var parts []string
	for _, want := range []string{survives, stopsSafely, detectedLoss, silentLoss, silentAnswer} {
		n := 0
		for _, o := range all {
			if o.Outcome == want {
				n++
			}
		}
		parts = append(parts, fmt.Sprintf("%s %d", want, n))
	}
	return fmt.Sprintf("Of %s: %s.\n\n", plural(len(all), "bug"), strings.Join(parts, ", "))
}
