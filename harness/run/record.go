package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/storage/bug"
	"fourdays/storage/catalog"
)

// bugsDir holds the bugs that a run armed and its scenario does not define.
const bugsDir = "bugs"

// keepBugs writes the bugs of a run into its directory, a file each.
func keepBugs(dir string, used []bug.Bug) error {
	if err := os.MkdirAll(filepath.Join(dir, bugsDir), 0o755); err != nil {
		return fmt.Errorf("keep bugs: %w", err)
	}
	for _, b := range used {
		if err := os.WriteFile(filepath.Join(dir, bugsDir, b.ID+".yaml"), bug.Print(b), 0o644); err != nil {
			return fmt.Errorf("keep bugs: %w", err)
		}
	}
	return nil
}

// Recorded reads the scenario of a run directory with the bugs that it had, to
// judge it or play it again, whatever the catalogue says now. Of a file with
// variants it is the one that was played. A directory from before bugs were kept
// takes those of the catalogue.
func Recorded(dir string) (*scenario.Scenario, error) {
	ev, err := loadEvidence(dir)
	if err != nil {
		return nil, err
	}
	bugs, err := catalog.Load(filepath.Join(dir, bugsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the bugs of the record: %w", err)
	}
	file := filepath.Join(dir, report.ScenarioFile)
	all, _, err := scenario.LoadAll(file, bugs...)
	if err != nil {
		return nil, fmt.Errorf("this version does not read the scenario of the record:\n%w", err)
	}
	i := slices.IndexFunc(all, func(s *scenario.Scenario) bool { return s.Name == ev.Scenario })
	if i < 0 {
		return nil, fmt.Errorf("read %s: the record is of %s, which it does not have", file, ev.Scenario)
	}
	return all[i], nil
}
