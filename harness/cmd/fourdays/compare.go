package main

import (
	"fmt"
	"os"

	"fourdays/harness/compare"
	"fourdays/harness/report"
)

type compareCmd struct {
	Files []string `arg:"" name:"file" help:"Scenario files: one with variants, or several."`
	playing
	JSON     bool   `name:"json" help:"Print the tables as JSON."`
	Markdown string `help:"Also write what was found as Markdown into this file, between its marks." placeholder:"FILE"`
}

// Help is shown by `fourdays compare --help`.
func (*compareCmd) Help() string {
	return `A scenario file can hold variants of itself (harness/scenario/FORMAT.md says how). compare runs them side by side on the cores and prints one table: a row for each variant, what became of mail, of each replica and of the service in the columns. In a terminal that is too narrow the table is turned. A sentence stands below it only if it follows from the figures, and all figures are from the run.json of each run.

Files without variants are rows of one table together.

Examples:

  fourdays compare scenarios/tour/shared-fate.yaml
  fourdays compare scenarios/tour/lying-flush-*.yaml
  fourdays compare scenarios/tour/restart-it.yaml --seed 9 --json | jq '.[].rows[].mail'

Exit codes are those of fourdays run: the worst of the runs.`
}

// Run runs all variants and prints them side by side.
func (c *compareCmd) Run(a *app) error {
	all, err := c.load(c.Files)
	if err != nil {
		return err
	}
	groups := sides(all)
	for _, g := range groups {
		if len(g) == 1 {
			return fail(exitUsage, "%s has no variants: there is nothing to compare it with", g[0].path)
		}
	}
	if err := c.wholly(all); err != nil {
		return err
	}
	if err := c.play(a, all); err != nil {
		return err
	}
	if err := c.print(a, groups); err != nil {
		return fail(exitError, "print table: %w", err)
	}
	if err := c.write(groups); err != nil {
		return fail(exitError, "write %s: %w", c.Markdown, err)
	}
	return worst(a.ctx, all)
}

// write puts the findings into the file that was named.
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
		var runs []*report.Run
		for _, r := range g {
			runs = append(runs, r.run)
		}
		made = append(made, compare.Findings(runs)...)
	}
	if file, err = compare.Remake(file, made); err != nil {
		return err
	}
	return os.WriteFile(c.Markdown, file, 0o644)
}

// sides are the runs of each table: the variants of a file, and the files
// without.
func sides(all []*rehearsal) (groups [][]*rehearsal) {
	index := map[string]int{}
	for _, r := range all {
		key := ""
		if r.scenario.Variant.Name != "" {
			key = r.path
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

func (c *compareCmd) print(a *app, groups [][]*rehearsal) error {
	var tables []*compare.Table
	for _, g := range groups {
		var runs []*report.Run
		var dirs []string
		for _, r := range g {
			runs, dirs = append(runs, r.run), append(dirs, r.dir.Path)
		}
		tables = append(tables, compare.Of(runs, dirs))
	}
	if c.JSON {
		data, err := compare.Encode(tables)
		if err == nil {
			_, err = a.out.Write(data)
		}
		return err
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
