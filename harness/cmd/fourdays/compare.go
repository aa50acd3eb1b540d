package main

import (
	"fmt"
	"io"
	"os"

	"fourdays/harness/compare"
	"fourdays/harness/report"
)

type compareCmd struct {
	Files []string `arg:"" name:"file" help:"Scenario files: one with variants, or several. Or run directories, or folders of them."`
	playing
	Seeds    string `help:"Run each variant with so many seeds, from the first on, or with those of a list: 10, or 3,5,8." placeholder:"N|A,B,…"`
	Keep     string `help:"Which runs keep their history and logs: all, failed (those that did not pass) or none. Default: failed with several seeds, or else all." enum:",all,failed,none" default:"" placeholder:"WHICH"`
	Continue bool   `help:"Take what the directory of --out has of these runs already, and run the rest."`
	JSON     bool   `name:"json" help:"Print the tables as JSON."`
	Markdown string `help:"Also write the tables as Markdown into this file, between its marks." placeholder:"FILE"`
}

// Help is shown by `fourdays compare --help`.
func (*compareCmd) Help() string {
	return `A scenario file can hold variants of itself (harness/scenario/FORMAT.md says how). compare runs them side by side on the cores and prints one table: a row for each variant, what became of mail, of each replica and of the service in the columns. In a terminal that is too narrow the table is turned. A sentence stands below it only if it follows from the figures, and all figures are from the run.json of each run.

Files without variants are rows of one table together.

With --seeds every variant is run with the same seeds, and the table has medians with their intervals, how often a yes or no came out as yes, and "~" where a difference to the first variant is no more than chance makes. 6 seeds are the least for an interval, 10 and more are better. Runs that passed keep only their run.json and what is small, if --keep does not say otherwise.

What is interrupted is not lost: compare also takes run directories, or folders of them, and makes the table of what they hold; or give the same command once more with --out and --continue.

Examples:

  fourdays compare scenarios/tour/shared-fate.yaml
  fourdays compare scenarios/tour/shared-fate.yaml --seeds 10
  fourdays compare scenarios/tour/lying-flush-*.yaml
  fourdays compare scenarios/tour/restart-it.yaml --seed 9 --json | jq '.[].rows[].mail'
  fourdays compare runs/compare-shared-fate
  fourdays compare scenarios/tour/shared-fate.yaml --seeds 10 --out fate --continue

Exit codes are those of fourdays run: the worst of the runs.`
}

// Run runs all variants and prints them side by side.
func (c *compareCmd) Run(a *app) error {
	if dirs, err := onlyDirs(c.Files); err != nil {
		return err
	} else if dirs {
		return c.recorded(a)
	}
	all, err := c.load(c.Files)
	if err != nil {
		return err
	}
	for _, g := range sides(all) {
		if len(g) == 1 {
			return fail(exitUsage, "%s has no variants: there is nothing to compare it with", g[0].path)
		}
	}
	if err := c.wholly(all); err != nil {
		return err
	}
	if all, err = c.seeded(all); err != nil {
		return err
	}
	if err := c.perform(a, all); err != nil {
		return err
	}
	return c.result(a, all)
}

// result prints what runs came to, and leaves the worst of their exit codes.
func (c *compareCmd) result(a *app, all []*rehearsal) error {
	groups := sides(all)
	if err := c.print(a, groups); err != nil {
		return fail(exitError, "print table: %w", err)
	}
	if err := c.write(groups); err != nil {
		return fail(exitError, "write %s: %w", c.Markdown, err)
	}
	return worst(a.ctx, all)
}

// write puts the tables into the file that was named.
func (c *compareCmd) write(groups [][]*rehearsal) error {
	if c.Markdown == "" {
		return nil
	}
	file, err := os.ReadFile(c.Markdown)
	if err != nil {
		return err
	}
	var made []byte
	for _, g := range groups {
		if several(g) {
			made = append(made, compare.Over(runsOf(g)).Markdown()...)
		} else {
			made = append(made, compare.Findings(runsOf(g))...)
		}
	}
	if file, err = compare.Remake(file, "compare", made); err != nil {
		return err
	}
	return os.WriteFile(c.Markdown, file, 0o644)
}

func runsOf(g []*rehearsal) (runs []*report.Run) {
	for _, r := range g {
		runs = append(runs, r.run)
	}
	return runs
}

// sides are the runs of each table: the variants of a file, and the files
// without.
func sides(all []*rehearsal) (groups [][]*rehearsal) {
	index := map[string]int{}
	for _, r := range all {
		key := ""
		if of, _ := r.variant(); of != "" {
			key = r.path + " " + of
		}
		i, known := index[key]
		if !known {
			i = len(groups)
			index[key] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], r)
	}
	return groups
}

// variant is what a run is a variant of, "" of nothing, and the scenario's name.
func (r *rehearsal) variant() (of, name string) {
	switch {
	case r.scenario != nil:
		return r.scenario.Variant.Of, r.scenario.Name
	case r.run.Variant != nil:
		return r.run.Variant.Of, r.run.Scenario
	}
	return "", r.run.Scenario
}

// several says that a table has a variant more than once.
func several(g []*rehearsal) bool {
	seen := map[string]bool{}
	for _, r := range g {
		_, name := r.variant()
		if key := r.path + " " + name; seen[key] {
			return true
		} else {
			seen[key] = true
		}
	}
	return false
}

func (c *compareCmd) print(a *app, groups [][]*rehearsal) error {
	var once []*compare.Table
	var over []*compare.Spread
	for _, g := range groups {
		if several(g) {
			over = append(over, compare.Over(runsOf(g)))
			continue
		}
		var dirs []string
		for _, r := range g {
			dirs = append(dirs, r.dir.Path)
		}
		once = append(once, compare.Of(runsOf(g), dirs))
	}
	if c.JSON {
		return encode(a.out, once, over)
	}
	var tables []texter
	for _, t := range once {
		tables = append(tables, t)
	}
	for _, t := range over {
		tables = append(tables, t)
	}
	for i, t := range tables {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		if err := t.Text(a.out, columns(a.out)); err != nil {
			return err
		}
	}
	return nil
}

// texter is a table that prints itself.
type texter interface {
	Text(w io.Writer, width int) error
}

// encode prints tables of either kind as JSON; both at once come one list after
// the other.
func encode(out io.Writer, once []*compare.Table, over []*compare.Spread) error {
	if len(once) > 0 || len(over) == 0 {
		data, err := compare.Encode(once)
		if err != nil {
			return err
		}
		if _, err := out.Write(data); err != nil {
			return err
		}
	}
	if len(over) == 0 {
		return nil
	}
	data, err := compare.EncodeSpreads(over)
	if err == nil {
		_, err = out.Write(data)
	}
	return err
}
