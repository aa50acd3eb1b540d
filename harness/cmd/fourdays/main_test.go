package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/harness/check"
	"fourdays/harness/report"
	"fourdays/harness/run"
	"fourdays/harness/scenario"
	"fourdays/harness/solo"
	"fourdays/harness/world"
	"fourdays/storage/bug"
	"fourdays/storage/catalog"
)

// TestMain makes the scripts' `fourdays` this program with a rehearsed engine:
// the scripts are about the command line, not about the simulator.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"fourdays": func() { os.Exit(command(puppet{}, os.Args[1:])) },
	})
}

func TestScripts(t *testing.T) { scripts(t, "testdata") }

// TestMounts are scripts that need a kernel.
func TestMounts(t *testing.T) {
	need.FUSE(t)
	scripts(t, "testdata/mount")
}

func scripts(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			env.Setenv("FOURDAYS_CACHE", filepath.Join(env.WorkDir, "cache"))
			run := filepath.Join(env.WorkDir, "run")
			env.Setenv("XDG_RUNTIME_DIR", run)
			env.Defer(func() { unmountAll(run) })
			return os.Mkdir(run, 0o700)
		},
		Condition: func(is string) (bool, error) {
			if is == "containers" { // the build has a world of them
				return places["docker"] != nil, nil
			}
			return false, fmt.Errorf("no condition %q", is)
		},
	})
}

// unmountAll ends what a script that failed has left mounted.
func unmountAll(run string) {
	sockets, _ := filepath.Glob(filepath.Join(run, "fourdays", "*.sock"))
	ctx, cancel := context.WithTimeout(context.Background(), mountWait)
	defer cancel()
	for _, path := range sockets {
		_, _ = solo.Ask(ctx, path, solo.Request{Do: solo.Umount, Lazy: true})
	}
}

// puppet is an engine that does what a scenario's description says.
type puppet struct{}

func (puppet) Prepare(_ context.Context, _ string, say func(string)) (world.Place, error) {
	say("building the programs")
	if os.Getenv("PUPPET") == "nobuild" {
		return nil, errors.New("build mailnode for the simulator: no space left on device")
	}
	return nil, nil
}

func (p puppet) Run(ctx context.Context, s *scenario.Scenario, opt run.Options) (*report.Run, error) {
	opt.Progress(run.Progress{Phase: "run", At: time.Second, Of: s.Duration})
	for _, b := range s.Used() { // as package run does
		if err := os.MkdirAll(filepath.Join(opt.Dir, "bugs"), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(opt.Dir, "bugs", b.ID+".yaml"), bug.Print(b), 0o644); err != nil {
			return nil, err
		}
	}
	r, err := p.Judge(s, opt.Dir)
	switch s.Description {
	case "counts":
		if err := os.WriteFile(filepath.Join(opt.Dir, report.HistoryFile), []byte(served), 0o644); err != nil {
			return nil, err
		}
	case "breaks":
		return nil, errors.New("start n1: the program ended with code 2 before it listened")
	case "panics":
		panic("an assertion")
	case "waits for seed 2 of one":
		if _, err := os.Stat("patience"); err != nil || *opt.Seed != 2 {
			return r, nil
		}
		fallthrough
	case "waits":
		if err := os.WriteFile("waiting", nil, 0o644); err != nil {
			return nil, err
		}
		<-ctx.Done()
		r.Verdict, r.Why = report.Aborted, "interrupted at +1 s"
		return r, ctx.Err()
	case "stopped":
		r.Verdict, r.Why = report.Aborted, "stop condition: lost > 0"
	}
	opt.Progress(run.Progress{Phase: "audit", At: s.Duration, Of: s.Duration})
	return r, err
}

// served is a history in which mail was taken and shown at 50 s.
const served = `{"n":1,"id":1,"kind":"deliver","by":"user","intended_us":50000000,"sent_us":50000000,"answered_us":50001000,"outcome":"ok"}
{"n":2,"id":2,"kind":"read","by":"user","intended_us":50000000,"sent_us":50000000,"answered_us":50001000,"outcome":"ok"}
`

// Pair plays a puppet's pair: with "loses" the bug shows, with anything else it
// does not.
func (p puppet) Pair(ctx context.Context, s *scenario.Scenario, opt run.Options) (run.PairResult, error) {
	opt.Progress(run.Progress{Phase: "run", At: time.Second, Of: s.Duration, Side: run.ArmedSide})
	if s.Description == "panics" {
		panic("an assertion")
	}
	out := run.PairResult{Scenario: s.Name, Bug: s.Proves, Why: []string{}, Apart: []string{}}
	for name, side := range map[string]*run.Side{run.ArmedSide: &out.Armed, run.DisarmedSide: &out.Disarmed} {
		one, other := *s, run.Disarmed(s).Expect
		if name == run.DisarmedSide {
			one.Description, one.Expect, other = "", other, s.Expect
		}
		crossed := one
		crossed.Expect = other
		side.Crossed, _ = p.Judge(&crossed, "")
		side.Dir = filepath.Join(opt.Dir, name)
		dir, err := report.Create(side.Dir)
		if err != nil {
			return out, err
		}
		side.Run, _ = p.Judge(&one, side.Dir)
		side.Run.Scenario, side.Run.Seed, side.Run.WallMS = s.Name, *opt.Seed, 5
		if err := dir.Finish(side.Run, scenario.Print(&one)); err != nil {
			return out, err
		}
	}
	if out.Proved = s.Description == "loses"; !out.Proved {
		out.Why = []string{"nothing tells the two apart"}
	}
	return out, ctx.Err()
}

// Recorded finds the scenario of a puppet's record as package run does, but for
// the evidence that a puppet has not.
func (puppet) Recorded(dir string) (*scenario.Scenario, error) {
	_, before, err := report.Open(dir)
	if err != nil {
		return nil, err
	}
	bugs, err := catalog.Load(filepath.Join(dir, "bugs"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	all, _, err := scenario.LoadAll(filepath.Join(dir, report.ScenarioFile), bugs...)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(s *scenario.Scenario) bool { return s.Name == before.Scenario })
	return all[i], nil
}

func (puppet) Judge(s *scenario.Scenario, _ string) (*report.Run, error) {
	available := true
	r := &report.Run{
		Digest: "d1", WallMS: 5, VirtualMS: s.Duration.Milliseconds(), Available: &available,
		Mail:       check.Mail{Acknowledged: 10, Present: 10},
		Population: report.Population{Mailboxes: int64(s.Mail.Population), Simulated: int64(s.Mail.Mailboxes)},
	}
	switch s.Description {
	case "loses":
		r.Mail.Present, r.Mail.Lost = 9, 1
	case "counts":
		r.Arrays = []report.Array{{Name: "east", OS: "acme/1.0", EndMS: 60_000, Start: map[string]int64{"writes": 100}, End: map[string]int64{"writes": 400}}}
		at := int64(20_000)
		for _, b := range s.Bugs {
			r.Faults = append(r.Faults, report.Fault{Bug: b.ID, Fired: 1, FirstAtMS: &at})
		}
	case "dodges":
		r.Checks = []check.Check{{Name: "H1", Title: "every planned fault fired", Verdict: check.Fail, Why: "hang did not fire"}}
	}
	report.Complete(r, s)
	return r, nil
}

// TestWorstCodeWins pins the order that --help promises.
func TestWorstCodeWins(t *testing.T) {
	order := []int{exitPass, exitInconclusive, exitStopped, exitFail, exitError, exitInterrupted}
	for i, a := range order {
		for j, b := range order {
			require.Equal(t, order[max(i, j)], worse(a, b))
		}
	}
}

func TestEveryVerdictHasItsCode(t *testing.T) {
	require.Equal(t, exitPass, codeOf(report.Pass))
	require.Equal(t, exitFail, codeOf(report.Fail))
	require.Equal(t, exitInconclusive, codeOf(report.Inconclusive))
	require.Equal(t, exitStopped, codeOf(report.Aborted))
	require.Equal(t, exitError, codeOf(report.Error))
	require.Equal(t, exitError, codeOf("what?"))
}
