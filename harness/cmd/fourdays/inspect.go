package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/storage/bug"
)

type rejudgeCmd struct {
	Dir  string `arg:"" help:"A run directory."`
	JSON bool   `name:"json" help:"Print run.json instead of the summary."`
}

// Run judges a recorded run again and writes the new verdict beside the record.
func (c *rejudgeCmd) Run(a *app) error {
	dir, before, err := report.Open(c.Dir)
	if err != nil {
		return fail(exitUsage, "%w", err)
	}
	if report.Slimmed(c.Dir) {
		return fail(exitUsage, "judge %s again: its history was not kept (fourdays compare --keep says which are); to have it, %s", c.Dir, before.Again())
	}
	s, err := a.engine.Recorded(c.Dir)
	if err != nil {
		return fail(exitUsage, "judge %s again: %w", c.Dir, err)
	}
	r, err := a.engine.Judge(s, c.Dir)
	if err != nil {
		return fail(exitUsage, "judge %s again: %w", c.Dir, err) // what is recorded there cannot be judged
	}
	r.Scenario, r.Title, r.Path, r.Seed, r.World = s.Name, s.Title, before.Path, before.Seed, before.World
	r.WallMS, r.Args, r.Variant = before.WallMS, before.Args, before.Variant
	if r.Verdict == "" {
		report.Complete(r, s)
	}
	if err := dir.Rewrite(r); err != nil {
		return fail(exitError, "%w", err)
	}
	if err := show(a, &rehearsal{dir: dir, run: r}, c.JSON); err != nil {
		return fail(exitError, "print report: %w", err)
	}
	if code := codeOf(r.Verdict); code != exitPass {
		return &failure{code: code}
	}
	return nil
}

type schemaCmd struct {
	Of string `arg:"" optional:"" default:"scenario" enum:"scenario,bug" help:"scenario (the default) or bug."`
}

// Run prints the schema.
func (c *schemaCmd) Run(a *app) error {
	text := scenario.Schema()
	if c.Of == "bug" {
		text = bug.Schema()
	}
	_, err := a.out.Write(text)
	return err
}

type versionCmd struct{}

// Run prints what this program was built from.
func (versionCmd) Run(a *app) error {
	version := "devel"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				version = s.Value
			}
		}
	}
	_, err := fmt.Fprintf(a.out, "fourdays %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// missing says whether a file is not there.
func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}
