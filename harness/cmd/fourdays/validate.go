package main

import (
	"fmt"
	"io"
	"os"
	"regexp"

	"fourdays/harness/scenario"
	"fourdays/storage/bug"
)

type validateCmd struct {
	folder
	Files []string `arg:"" name:"file" help:"Scenario files, and bug files."`
}

// Help is shown by `fourdays validate --help`.
func (*validateCmd) Help() string {
	return `Every mistake is named with file:line:column, what is wrong, and what would be right; all mistakes at once. A file with an effect and no storage is taken for a bug. Each variant of a scenario is checked as the whole that it is.

What is not wrong and most likely not meant is a warning: a bug that can never fire in its scenario, because it is on nothing that is there, or its counter cannot come so far.

Exit code 2 when anything is wrong; warnings are none.

Examples:

  fourdays validate scenarios/*/*.yaml
  fourdays validate --bugs ./mine my.yaml ./mine/*.yaml`
}

// Run checks the files and lists those that are well.
func (c *validateCmd) Run(a *app) error {
	own, err := c.own()
	if err != nil {
		return err
	}
	wrong := false
	for _, path := range c.Files {
		note, warnings, err := validate(path, own)
		if err != nil {
			wrong = true
			fmt.Fprintln(a.err, err)
			continue
		}
		for _, w := range warnings {
			w.What = "warning: " + w.What
			fmt.Fprintln(a.err, w.In(path))
		}
		fmt.Fprintf(a.out, "ok %s%s\n", path, note)
	}
	if wrong {
		return &failure{code: exitUsage}
	}
	return nil
}

var (
	bugKey      = regexp.MustCompile(`(?m)^effect:`)
	scenarioKey = regexp.MustCompile(`(?m)^storage:`)
)

// validate checks a file, and says what there is to say about a good one.
func validate(path string, own []bug.Bug) (note string, warnings []scenario.Issue, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", nil, fmt.Errorf("open file: %w", err)
	}
	defer file.Close()
	src, err := io.ReadAll(io.LimitReader(file, scenario.MaxSize+1))
	if err != nil {
		return "", nil, fmt.Errorf("read file: %w", err)
	}
	if len(src) <= scenario.MaxSize && bugKey.Match(src) && !scenarioKey.Match(src) {
		_, err = bug.Parse(path, src)
		return "", nil, err
	}
	all, err := scenario.ParseAll(path, src, own...)
	if len(all) > 1 {
		note = fmt.Sprintf(" (%d variants)", len(all))
	}
	return note, scenario.WarningsOf(all), err
}
