// Package run rehearses a scenario in a world and judges what happened.
//
// It owns the phases (prepare, baseline and faults, settle, audit, judge), the
// way scripted steps become acts, and the evidence that judging needs. It
// assumes that the world calls back on one goroutine. Collecting and judging
// are apart: Collect leaves a history and its evidence in the run directory,
// and Judge reads nothing else, so that a recorded run can be judged again. It
// knows the mail store only through its protocols.
package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/harness/world"
)

// Options say how to run a scenario.
type Options struct {
	// Seed overrides the scenario's.
	Seed *uint64
	// Dir is the run directory: it must exist and takes history.jsonl,
	// evidence.json and log/.
	Dir string
	// Progress is told what goes on, in words, now and then; it may be nil.
	Progress func(Progress)
	// Source is the scenario as its file has it, for Pair, which writes whole run
	// directories; nil is the scenario printed.
	Source []byte
	// Folder is where the hooks of an external target run: the scenario's own.
	Folder string
	// Place makes the world. Runs may share it.
	Place world.Place
}

// Progress is where a run is.
type Progress struct {
	Phase string        // "prepare", "run", "settle", "audit", "judge"
	At    time.Duration // of the scenario's time
	Of    time.Duration // the scenario's duration
	Text  string        // what happened, if anything
	Side  string        // which run of a pair, ArmedSide or DisarmedSide
}

// The programs that a scenario runs, by their names in a world.
const (
	nodeProgram = "mailnode"
	loadProgram = "mailload"
)

// Programs are the folders, below the module's root, of the programs that a
// place has to have built.
func Programs() []string {
	return []string{"mailstore/cmd/" + nodeProgram, "harness/cmd/" + loadProgram}
}

// Run rehearses s, judges it, and returns what run.json is to say. An error
// means that the harness failed; what was collected until then is in Dir, and
// the report says so. When ctx ends the report's verdict is "aborted".
func Run(ctx context.Context, s *scenario.Scenario, opt Options) (*report.Run, error) {
	began := time.Now()
	ev, err := Collect(ctx, s, opt)
	if ev == nil {
		return nil, err
	}
	ev.WallMS = time.Since(began).Milliseconds()
	if serr := ev.save(opt.Dir); serr != nil {
		return nil, errors.Join(err, serr)
	}
	if opt.Progress != nil {
		opt.Progress(Progress{Phase: "judge", At: s.Duration, Of: s.Duration})
	}
	r, jerr := Judge(s, opt.Dir)
	if jerr != nil {
		return nil, errors.Join(err, jerr)
	}
	return r, err
}

// build says what was run.
func (o Options) build(bugs string) report.Build {
	return report.Build{
		Go: runtime.Version(), GuestSHA256: o.Place.Sum(nodeProgram), BugsSHA256: bugs,
		Arch: runtime.GOOS + "/" + runtime.GOARCH,
	}
}

const historyFile = report.HistoryFile

// openHistory creates the history in the run directory.
func openHistory(dir string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Join(dir, "log"), 0o755); err != nil {
		return nil, fmt.Errorf("make run directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, historyFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create history: %w", err)
	}
	return f, nil
}
