package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fourdays/harness/scenario"
)

// The files of the track record, beside the pairs that it is about.
const (
	outcomesFile = "outcomes.json"
	recordFile   = "README.md"
)

// outcome is what a pair showed when it was last recorded. The sums are of what
// the pair does and of what its bugs do: when one changes, it says nothing any
// more.
type outcome struct {
	File        string `json:"file"`
	Bug         string `json:"bug"`
	Seed        uint64 `json:"seed"`
	Apart       bool   `json:"told_apart"`
	Armed       string `json:"armed"`    // the verdict
	Seen        string `json:"seen"`     // with the bug
	Disarmed    string `json:"disarmed"` // the verdict
	ScenarioSum string `json:"scenario_sha256"`
	BugsSum     string `json:"bugs_sha256"`
	ending
}

// record keeps the outcomes of pairs in the folders that they are from, and
// writes the track record of each folder anew.
func record(couples []*couple) error {
	dirs := map[string][]outcome{}
	var order []string
	for _, c := range couples {
		if c.err != nil || c.result.Armed.Run == nil || c.result.Disarmed.Run == nil {
			continue // what did not run has no outcome
		}
		dir := filepath.Dir(c.path)
		if dirs[dir] == nil {
			order = append(order, dir)
		}
		card := c.card()
		var end ending
		if c.ending != nil {
			end = *c.ending
		}
		dirs[dir] = append(dirs[dir], outcome{
			ending: end,
			File:   filepath.Base(c.path), Bug: card.Bug, Seed: c.seed, Apart: card.Apart, Armed: card.Armed.Verdict,
			Seen: card.Armed.Seen, Disarmed: card.Disarmed.Verdict, ScenarioSum: scenarioSum(c.scenario), BugsSum: bugsSum(c.scenario),
		})
	}
	for _, dir := range order {
		if err := keep(dir, dirs[dir]); err != nil {
			return fmt.Errorf("keep outcomes: %w", err)
		}
	}
	return nil
}

func keep(dir string, fresh []outcome) error {
	all, err := outcomes(dir)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(o outcome) bool {
		again := slices.ContainsFunc(fresh, func(f outcome) bool { return f.File == o.File })
		return again || missing(filepath.Join(dir, o.File))
	})
	all = append(all, fresh...)
	slices.SortFunc(all, func(a, b outcome) int { return strings.Compare(a.File, b.File) })
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, outcomesFile), append(data, '\n'), 0o644); err != nil {
		return err
	}
	return writeRecord(dir)
}

func writeRecord(dir string) error {
	text, err := recordOf(dir)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, recordFile), []byte(text), 0o644)
}

// outcomes reads those of a folder, none if there are none yet.
func outcomes(dir string) (all []outcome, err error) {
	data, err := os.ReadFile(filepath.Join(dir, outcomesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	return all, err
}

func scenarioSum(s *scenario.Scenario) string { return sum(scenario.Print(s)) }

// bugsSum is of what the bugs of a scenario do; what is said about them may
// change.
func bugsSum(s *scenario.Scenario) string {
	var text []string
	for _, b := range append(slices.Clone(s.Bugs), s.Used()...) {
		text = append(text, b.ID+"\n"+strings.Join(declared(b), "\n"))
	}
	return sum([]byte(strings.Join(text, "\n")))
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// stale says what of a folder's record is not of the pairs and bugs as they are
// now.
func stale(dir string) (why []string, err error) {
	all, err := outcomes(dir)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		s, _, err := scenario.Load(path)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(o outcome) bool { return o.File == filepath.Base(path) })
		switch {
		case i < 0:
			why = append(why, path+" was never recorded")
		case all[i].ScenarioSum != scenarioSum(s):
			why = append(why, path+" has changed since it was recorded")
		case all[i].BugsSum != bugsSum(s):
			why = append(why, path+": what its bug does has changed since it was recorded")
		case !all[i].Apart:
			why = append(why, path+" was not told apart when it was recorded")
		}
	}
	for _, o := range all {
		if missing(filepath.Join(dir, o.File)) {
			why = append(why, o.File+" was recorded and is not there")
		}
	}
	return why, nil
}
