package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"fourdays/harness/report"
	"fourdays/harness/run"
	"fourdays/harness/scenario"
)

type runCmd struct {
	Scenarios []string `arg:"" name:"scenario" help:"Scenario files."`
	Seed      *uint64  `help:"Use this seed instead of the scenario's." placeholder:"N"`
	World     string   `help:"Where to run: sim (virtual time, deterministic), local or docker." default:"sim" enum:"sim,local,docker"`
	Out       string   `help:"Run directory: created, or must be empty. Default: a new one under runs/. With several scenarios, one below it for each." placeholder:"DIR"`
	JSON      bool     `name:"json" help:"Print run.json instead of the summary."`
	Jobs      int      `help:"How many scenarios at a time. Default: as many as there are cores." placeholder:"N"`
}

// Help is shown by `fourdays run --help`.
func (*runCmd) Help() string {
	return `The seed is printed first, then progress (standard error), then the summary (standard output). The run directory keeps everything: run.json, history.jsonl, junit.xml, the scenario and logs.

Examples:

  fourdays run scenarios/libero-2023.yaml
  fourdays run scenarios/tour/*.yaml --jobs 2
  fourdays run scenarios/tour/quiet.yaml --seed 42 --json | jq .mail

With several scenarios the exit code is the worst: 130, 5, 1, 4, 3, 0.`
}

// rehearsal is one scenario of a call.
type rehearsal struct {
	path     string
	source   []byte
	scenario *scenario.Scenario
	seed     uint64
	dir      *report.Dir
	run      *report.Run
	err      error // of the harness: the run directory could not be written
}

// Run runs the scenarios.
func (c *runCmd) Run(a *app) error {
	if c.World != "sim" {
		return fail(exitUsage, "world %s is not there yet: scenarios run in the simulator; leave --world away or say --world sim", c.World)
	}
	if c.Jobs < 0 {
		return fail(exitUsage, "--jobs=%d: want 1 or more", c.Jobs)
	}
	all, err := c.load()
	if err != nil {
		return err
	}
	if err := c.directories(all); err != nil {
		return err
	}
	for _, r := range all {
		fmt.Fprintf(a.err, "seed %d  %s\n", r.seed, r.path)
	}
	p := newProgress(a.err, len(all))
	c.rehearse(a, all, p)
	p.close()
	return c.tell(a, all)
}

// load reads every file before anything runs, and says all that is wrong.
func (c *runCmd) load() ([]*rehearsal, error) {
	var all []*rehearsal
	var wrong []string
	for _, path := range c.Scenarios {
		s, source, err := scenario.Load(path)
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		r := &rehearsal{path: path, source: source, scenario: s, seed: s.Seed}
		if c.Seed != nil {
			r.seed = *c.Seed
		}
		all = append(all, r)
	}
	if len(wrong) > 0 {
		fmt.Fprintln(os.Stderr, strings.Join(wrong, "\n"))
		return nil, &failure{code: exitUsage}
	}
	return all, nil
}

// directories makes the run directories before anything runs, so that a long
// run does not end without a place for its result.
func (c *runCmd) directories(all []*rehearsal) error {
	root := "runs"
	if c.Out != "" && len(all) > 1 {
		if err := emptyDir(c.Out); err != nil {
			return err
		}
		root = c.Out
	}
	for _, r := range all {
		var err error
		if c.Out != "" && len(all) == 1 {
			r.dir, err = report.Create(c.Out)
		} else {
			r.dir, err = report.CreateUnder(root, r.scenario.Name, r.seed)
		}
		switch {
		case errors.Is(err, report.ErrNotEmpty):
			return fail(exitUsage, "%w", err)
		case err != nil:
			return fail(exitError, "%w", err)
		}
	}
	return nil
}

func emptyDir(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fail(exitUsage, "read run directory: %w", err)
	}
	if len(entries) > 0 {
		return fail(exitUsage, "use run directory %s: %w; name a new one, or leave --out away", path, report.ErrNotEmpty)
	}
	return nil
}

// rehearse runs all scenarios, some side by side.
func (c *runCmd) rehearse(a *app, all []*rehearsal, p *progress) {
	programs, err := a.engine.Prepare(a.ctx, func(text string) { p.say("prepare", text) })
	jobs := c.Jobs
	if jobs == 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	slots := make(chan struct{}, jobs)
	var wait sync.WaitGroup
	for _, r := range all {
		wait.Add(1)
		slots <- struct{}{}
		go func() {
			defer wait.Done()
			defer func() { <-slots }()
			if err != nil {
				r.finish(a.ctx, nil, fmt.Errorf("prepare programs: %w", err))
				return
			}
			r.rehearse(a, programs, p)
			p.done(r.scenario.Name, r.run)
		}()
	}
	wait.Wait()
}

func (r *rehearsal) rehearse(a *app, programs *run.Programs, p *progress) {
	if a.ctx.Err() != nil {
		r.finish(a.ctx, nil, a.ctx.Err())
		return
	}
	began := time.Now()
	got, err := r.guarded(a, run.Options{
		Seed: &r.seed, Dir: r.dir.Path, Programs: programs,
		Progress: func(at run.Progress) { p.at(r.scenario.Name, at) },
	})
	if got != nil && got.WallMS == 0 {
		got.WallMS = time.Since(began).Milliseconds()
	}
	r.finish(a.ctx, got, err)
}

// guarded turns a broken assertion of the harness into an error of this run:
// the others go on, and its directory says what happened.
func (r *rehearsal) guarded(a *app, opt run.Options) (got *report.Run, err error) {
	defer func() {
		if broken := recover(); broken != nil {
			got, err = nil, fmt.Errorf("the harness broke: %v", broken)
			trace := filepath.Join(r.dir.Log(), "panic.txt")
			if werr := os.WriteFile(trace, fmt.Appendf(nil, "%v\n\n%s", broken, debug.Stack()), 0o644); werr == nil {
				err = fmt.Errorf("%w; see %s", err, trace)
			}
		}
	}()
	return a.engine.Run(a.ctx, r.scenario, opt)
}

// finish gives the run its verdict if it has none, and writes the directory.
func (r *rehearsal) finish(ctx context.Context, got *report.Run, err error) {
	if got == nil {
		got = &report.Run{VirtualMS: 0, Population: report.Population{
			Mailboxes: int64(r.scenario.Mail.Population), Simulated: int64(r.scenario.Mail.Mailboxes),
		}}
	}
	got.Scenario, got.Title, got.Path = r.scenario.Name, r.scenario.Title, r.path
	got.Seed, got.World = r.seed, "sim"
	if err != nil || !judged(got) {
		switch {
		case ctx.Err() != nil:
			got.Verdict = report.Aborted
			if got.Why == "" {
				got.Why = "interrupted before it was done"
			}
		case err != nil:
			got.Verdict, got.Why = report.Error, err.Error()
		}
		report.Complete(got, r.scenario)
	}
	r.run, r.err = got, r.dir.Finish(got, r.source)
}

// judged says that a run came to its own end.
func judged(r *report.Run) bool {
	return r.Verdict == report.Pass || r.Verdict == report.Fail || r.Verdict == report.Inconclusive
}

// tell prints what came out, in the order of the command line, and returns the
// worst of the exit codes.
func (c *runCmd) tell(a *app, all []*rehearsal) error {
	worst := exitPass
	for _, r := range all {
		if err := c.show(a, r); err != nil {
			return fail(exitError, "print report: %w", err)
		}
		worst = worse(worst, r.code(a.ctx))
	}
	if len(all) > 1 && !c.JSON {
		for _, r := range all {
			fmt.Fprintf(a.out, "%-12s  %s  %s\n", r.run.Verdict, r.path, r.dir.Path)
		}
	}
	if worst == exitPass {
		return nil
	}
	return &failure{code: worst}
}

func (c *runCmd) show(a *app, r *rehearsal) error {
	if r.err != nil {
		fmt.Fprintf(a.err, "fourdays: the result of %s could not be kept in %s: %v\n", r.path, r.dir.Path, r.err)
	}
	if c.JSON {
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

func (r *rehearsal) code(ctx context.Context) int {
	if r.err != nil {
		return exitError
	}
	if r.run.Verdict == report.Aborted && ctx.Err() != nil {
		return exitInterrupted
	}
	return codeOf(r.run.Verdict)
}

func codeOf(verdict string) int {
	code, ok := map[string]int{
		report.Pass: exitPass, report.Fail: exitFail, report.Inconclusive: exitInconclusive,
		report.Aborted: exitStopped, report.Error: exitError,
	}[verdict]
	if !ok {
		return exitError
	}
	return code
}

func worse(a, b int) int {
	order := []int{exitPass, exitInconclusive, exitStopped, exitFail, exitError, exitInterrupted}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}
