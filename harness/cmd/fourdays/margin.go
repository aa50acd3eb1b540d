package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fourdays/harness/compare"
	"fourdays/harness/margin"
	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/storage/catalog"
)

type marginCmd struct {
	Scenario string `arg:"" optional:"" help:"A scenario file."`
	playing
	Variant  string   `help:"This variant of the file." placeholder:"NAME"`
	From     string   `help:"Take the counters from this run directory, and run nothing without a limit." placeholder:"DIR"`
	NoSweep  bool     `help:"Print the margins alone."`
	Only     []string `help:"Sweep only these counters." placeholder:"COUNTER,…"`
	JSON     bool     `name:"json" help:"Print the table as JSON."`
	Markdown string   `help:"Also write the table as Markdown into this file, between its marks." placeholder:"FILE"`
}

// Help is shown by `fourdays margin --help`.
func (*marginCmd) Help() string {
	return `In January 2023 a value inside the storage's own software was reached that nobody but its vendor knew of. margin plays a scenario and reads what every counter of its arrays says: how fast it goes, how far it is from the limits that the catalogue documents, and from where a number of 15, 16, 31 or 32 bits is full.

Then it sweeps: one run for each counter, on each array alone and on all arrays of one OS, with a hidden limit inside the run, from which on nothing is answered. Does anybody warn? Does the topology survive, does it stop and lose nothing, or is mail lost? Short scenarios without faults of their own say most.

Examples:

  fourdays margin scenarios/tour/quiet.yaml
  fourdays margin scenarios/tour/quiet.yaml --no-sweep
  fourdays margin --from runs/quiet-seed7 --only writes,ops

Exit codes: 0 the table is complete, 2 wrong usage, 3 a run of the sweep cannot tell, 5 the harness itself failed, 130 interrupted. What a limit does is in the table and not in the code.`
}

// Run prints the margins of a scenario, and what a hidden limit would do.
func (c *marginCmd) Run(a *app) error {
	if err := c.sane(); err != nil {
		return err
	}
	base, err := c.base(a)
	if err != nil {
		return err
	}
	t := margin.Of(base.scenario, base.run, catalog.All())
	if t == nil {
		return fail(exitUsage, "%s does not say what its arrays counted: it broke off before, or is from an older version; run it again", base.dir.Path)
	}
	t.Again = c.again(base)
	runs := []*rehearsal{base}
	if !c.NoSweep {
		swept, err := c.sweep(a, base, t)
		if err != nil {
			return err
		}
		runs = append(runs, swept...)
	}
	t.Close()
	if err := c.print(a, t); err != nil {
		return fail(exitError, "print table: %w", err)
	}
	return c.code(a, runs, t)
}

// sane refuses what does not go together.
func (c *marginCmd) sane() error {
	switch {
	case (c.Scenario == "") == (c.From == ""):
		return fail(exitUsage, "margin takes a scenario file, or --from and a run directory")
	case c.From != "" && (c.Seed != nil || c.Variant != ""):
		return fail(exitUsage, "--seed and --variant are for scenario files; the run of --from has its own")
	case c.live():
		return fail(exitUsage, "margin is for the world sim: in real time its runs would take hours")
	}
	for _, name := range c.Only {
		if !slices.Contains(margin.Counters(), name) {
			return fail(exitUsage, "--only=%s: there is no such counter; want some of %s", name, strings.Join(margin.Counters(), ", "))
		}
	}
	return nil
}

// base is the run without a limit.
func (c *marginCmd) base(a *app) (*rehearsal, error) {
	if c.From != "" {
		return c.recorded(a)
	}
	all, err := c.load([]string{c.Scenario})
	if err != nil {
		return nil, err
	}
	if c.Variant != "" {
		if all, err = only(all, c.Variant); err != nil {
			return nil, err
		}
	}
	if len(all) > 1 {
		return nil, fail(exitUsage, "%s has variants; say which with --variant", c.Scenario)
	}
	if c.Out == "" {
		if c.Out, err = report.Folder("runs", "margin-"+all[0].scenario.Name); err != nil {
			return nil, fail(exitError, "%w", err)
		}
	}
	c.below = true
	if err := c.play(a, all); err != nil {
		return nil, err
	}
	if base := all[0]; base.err != nil || !judged(base.run) {
		fmt.Fprintf(a.err, "%s: %s: %s\n", base.dir.Path, base.run.Verdict, base.run.Why)
		return nil, &failure{code: max(exitInconclusive, base.code(a.ctx))}
	}
	return all[0], nil
}

// recorded takes a run that was played before.
func (c *marginCmd) recorded(a *app) (*rehearsal, error) {
	dir, r, err := report.Open(c.From)
	if err != nil {
		return nil, fail(exitUsage, "%w", err)
	}
	s, err := a.engine.Recorded(c.From)
	if err != nil {
		return nil, fail(exitUsage, "read %s: %w", c.From, err)
	}
	if c.Out == "" && !c.NoSweep {
		if c.Out, err = report.Folder("runs", "margin-"+r.Scenario); err != nil {
			return nil, fail(exitError, "%w", err)
		}
	}
	return &rehearsal{path: r.File(), scenario: s, seed: r.Seed, world: simulated, dir: dir, run: r}, nil
}

// sweep plays the plan and puts what it showed into the table.
func (c *marginCmd) sweep(a *app, base *rehearsal, t *margin.Table) ([]*rehearsal, error) {
	plan := margin.Plan(base.scenario, base.run)
	plan = slices.DeleteFunc(plan, func(p margin.Case) bool { return len(c.Only) > 0 && !slices.Contains(c.Only, string(p.Counter)) })
	var all []*rehearsal
	runs := map[string]*rehearsal{}
	for _, p := range plan {
		if p.Scenario == nil {
			continue
		}
		r := &rehearsal{path: base.path, source: scenario.Print(p.Scenario), scenario: p.Scenario, seed: base.seed, world: base.world, folder: c.folder, many: true, own: true}
		runs[p.Name()] = r
		all = append(all, r)
	}
	if len(all) > 0 {
		c.below, c.resumed = true, true
		if err := c.play(a, all); err != nil {
			return nil, err
		}
	}
	for _, p := range plan {
		o := margin.Unreached(p)
		if r := runs[p.Name()]; r != nil {
			var err error
			if o, err = r.outcome(p, base.run); err != nil {
				return nil, fail(exitError, "%w", err)
			}
		}
		t.Sweep = append(t.Sweep, o)
	}
	return all, nil
}

// outcome says what a run of the sweep showed.
func (r *rehearsal) outcome(p margin.Case, base *report.Run) (margin.Outcome, error) {
	history, err := os.Open(filepath.Join(r.dir.Path, report.HistoryFile))
	if err != nil {
		if r.run.Verdict == report.Error || r.run.Verdict == report.Aborted { // before there was any
			return margin.Judge(p, base, r.run, strings.NewReader(""))
		}
		return margin.Outcome{}, fmt.Errorf("read history: %w", err)
	}
	defer history.Close()
	o, err := margin.Judge(p, base, r.run, history)
	if err != nil {
		return o, fmt.Errorf("read %s: %w", history.Name(), err)
	}
	o.Dir = r.dir.Path
	return o, nil
}

func (c *marginCmd) again(base *rehearsal) string {
	words := []string{"fourdays margin", base.run.File()}
	if c.Scenario != "" {
		words = append(words, base.args...)
	} else {
		words = append(words, base.run.Args...)
	}
	words = append(words, fmt.Sprintf("--seed %d", base.seed))
	if c.NoSweep {
		words = append(words, "--no-sweep")
	}
	if len(c.Only) > 0 {
		words = append(words, "--only "+strings.Join(c.Only, ","))
	}
	return strings.Join(words, " ")
}

func (c *marginCmd) print(a *app, t *margin.Table) error {
	if c.Markdown != "" {
		file, err := os.ReadFile(c.Markdown)
		if err != nil {
			return err
		}
		if file, err = compare.Remake(file, "margin", t.Markdown()); err != nil {
			return fmt.Errorf("%s: %w", c.Markdown, err)
		}
		if err := os.WriteFile(c.Markdown, file, 0o644); err != nil {
			return err
		}
	}
	if !c.JSON {
		return t.Text(a.out)
	}
	data, err := margin.Encode(t)
	if err == nil {
		_, err = a.out.Write(data)
	}
	return err
}

// code is about the table, and not about what it says.
func (c *marginCmd) code(a *app, runs []*rehearsal, t *margin.Table) error {
	code := exitPass
	for _, r := range runs {
		if got := r.code(a.ctx); got == exitError || got == exitInterrupted {
			code = worse(code, got)
		}
	}
	if slices.ContainsFunc(t.Sweep, func(o margin.Outcome) bool { return o.Result == margin.Unknown }) {
		code = worse(code, exitInconclusive)
	}
	if len(runs) > 1 {
		fmt.Fprintf(a.err, "%s holds the runs of the sweep\n", filepath.Clean(c.Out))
	}
	if code == exitPass {
		return nil
	}
	return &failure{code: code}
}
