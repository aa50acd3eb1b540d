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
	Files []string `arg:"" name:"file" help:"Scenario files, and bug files."`
}

// Help is shown by `fourdays validate --help`.
func (*validateCmd) Help() string {
	return `Every mistake is named with file:line:column, what is wrong, and what would be right; all mistakes at once. A file with an effect and no storage is taken for a bug. Exit code 2 when anything is wrong.

Example:

  fourdays validate scenarios/*/*.yaml`
}

// Run checks the files and lists those that are well.
func (c *validateCmd) Run(a *app) error {
	wrong := false
	for _, path := range c.Files {
		if err := validate(path); err != nil {
			wrong = true
			fmt.Fprintln(a.err, err)
			continue
		}
		fmt.Fprintln(a.out, "ok", path)
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

func validate(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open file: %w", err)
	}
	defer file.Close()
	src, err := io.ReadAll(io.LimitReader(file, scenario.MaxSize+1))
	if err != nil {
		return fmt.Errorf("read file: %w", err)
	}
	if len(src) <= scenario.MaxSize && bugKey.Match(src) && !scenarioKey.Match(src) {
		_, err = bug.Parse(path, src)
	} else {
		_, err = scenario.Parse(path, src)
	}
	return err
}
