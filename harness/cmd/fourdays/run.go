package main

import (
	"fmt"
	"strings"

	"fourdays/harness/report"
	"fourdays/harness/run"
	"fourdays/harness/scenario"
)

type runCmd struct {
	Scenarios []string `arg:"" name:"scenario" help:"Scenario files."`
	playing
	Variant  string `help:"Run only this variant of the file." placeholder:"NAME"`
	Disarmed bool   `help:"Run it without the bug that it proves, or without any: all must be well then."`
	JSON     bool   `name:"json" help:"Print run.json instead of the summary."`
}

// Help is shown by `fourdays run --help`.
func (*runCmd) Help() string {
	return `The seed is printed first, then progress (standard error), then the summary (standard output). The run directory keeps everything: run.json, history.jsonl, junit.xml, the scenario and logs.

Of a file with variants all are run, each in a directory of its own; --variant runs one of them, and fourdays compare prints them side by side.

In the worlds local and docker programs are real and so is time: a minute takes a minute, and a run is not repeated exactly by its seed. What leaps over hours is for the simulator alone, and is skipped.

Examples:

  fourdays run scenarios/libero-2023.yaml
  fourdays run scenarios/tour/*.yaml --jobs 2
  fourdays run scenarios/tour/quiet.yaml --seed 42 --json | jq .mail
  fourdays run scenarios/tour/shared-fate.yaml --variant one-os
  fourdays run scenarios/regress/netapp-70000.yaml --disarmed
  fourdays run scenarios/tour/quiet.yaml --world local
  fourdays run my.yaml --bugs ./mine

With several runs the exit code is the worst: 130, 5, 1, 4, 3, 0.`
}

// Run runs the scenarios.
func (c *runCmd) Run(a *app) error {
	all, err := c.load(c.Scenarios)
	if err == nil && c.Variant != "" {
		all, err = only(all, c.Variant)
	}
	if err == nil {
		all, err = c.partly(a, all)
	}
	if err != nil {
		return err
	}
	if c.Disarmed {
		for _, r := range all {
			r.disarm()
		}
	}
	if err := c.play(a, all); err != nil {
		return err
	}
	for _, r := range all {
		if err := show(a, r, c.JSON); err != nil {
			return fail(exitError, "print report: %w", err)
		}
	}
	if len(all) > 1 && !c.JSON {
		for _, r := range all {
			fmt.Fprintf(a.out, "%-12s  %s  %s\n", r.run.Verdict, r.label(), r.dir.Path)
		}
	}
	return worst(a.ctx, all)
}

// disarm takes the bugs out. What is run then is in no file, so it is printed
// into the run directory.
func (r *rehearsal) disarm() {
	r.scenario = run.Disarmed(r.scenario)
	r.source = scenario.Print(r.scenario)
	r.args = append(r.args, "--disarmed")
}

// only keeps the runs of one variant. Every file must have it.
func only(all []*rehearsal, variant string) (kept []*rehearsal, err error) {
	had := map[string][]string{}
	found := map[string]bool{}
	for _, r := range all {
		name := r.scenario.Variant.Name
		had[r.path] = append(had[r.path], name)
		if name == variant {
			kept = append(kept, r)
			found[r.path] = true
		}
	}
	for _, r := range all {
		switch names := had[r.path]; {
		case found[r.path]:
		case names[0] == "":
			return nil, fail(exitUsage, "%s has no variants; leave --variant away", r.path)
		default:
			return nil, fail(exitUsage, "%s has no variant %q; want one of %s", r.path, variant, strings.Join(names, ", "))
		}
	}
	return kept, nil
}

// show prints one run as people or programs read it.
func show(a *app, r *rehearsal, asJSON bool) error {
	if asJSON {
		data, err := report.Encode(r.run)
		if err == nil {
			_, err = a.out.Write(data)
		}
		return err
	}
	if err := report.Text(a.out, r.run, r.dir.Path); err != nil {
		return err
	}
	_, err := fmt.Fprintln(a.out)
	return err
}
