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
	"fourdays/harness/world"
)

// playing is how scenarios are run, whoever asks for it.
type playing struct {
	folder
	Seed *uint64 `help:"Use this seed instead of the scenario's." placeholder:"N"`
	Out  string  `help:"Run directory: created, or must be empty. Default: a new one under runs/. With several runs, one below it for each." placeholder:"DIR"`
	Jobs int     `help:"How many to run at a time. Default: as many as there are cores; one in a world in real time." placeholder:"N"`
	where

	below   bool                   // each run has a directory of its own below Out, also if there is one only
	resumed bool                   // Out may hold runs already
	after   func(*rehearsal) error // is called when a run is written; nil for nothing
}

// rehearsal is one run of a call.
type rehearsal struct {
	path     string
	source   []byte
	scenario *scenario.Scenario
	seed     uint64
	world    string   // its kind
	args     []string // of the command line, beside the file and the seed
	folder   folder
	many     bool // its scenario is run with other seeds too
	own      bool // it is of no file but the one in its directory
	dir      *report.Dir
	run      *report.Run
	err      error // of the harness: the run directory could not be written
}

// label names a rehearsal for people.
func (r *rehearsal) label() string {
	if v := r.scenario.Variant.Name; v != "" {
		return r.path + " (" + v + ")"
	}
	return r.path
}

// title names a rehearsal where its seed does not stand beside it.
func (r *rehearsal) title() string {
	if r.many {
		return fmt.Sprintf("%s seed %d", r.scenario.Name, r.seed)
	}
	return r.scenario.Name
}

// load reads every file before anything runs, and says all that is wrong.
func (c *playing) load(paths []string) ([]*rehearsal, error) {
	if c.Jobs < 0 {
		return nil, fail(exitUsage, "--jobs=%d: want 1 or more", c.Jobs)
	}
	own, err := c.own()
	if err != nil {
		return nil, err
	}
	var all []*rehearsal
	var wrong []string
	for _, path := range paths {
		scenarios, source, err := scenario.LoadAll(path, own...)
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		for _, s := range scenarios {
			all = append(all, c.rehearsal(path, source, s))
		}
	}
	if len(wrong) > 0 {
		fmt.Fprintln(os.Stderr, strings.Join(wrong, "\n"))
		return nil, &failure{code: exitUsage}
	}
	return all, nil
}

func (c *playing) rehearsal(path string, source []byte, s *scenario.Scenario) *rehearsal {
	r := &rehearsal{path: path, source: source, scenario: s, seed: s.Seed, world: c.World, args: c.args(), folder: c.folder}
	if c.Seed != nil {
		r.seed = *c.Seed
	}
	if c.live() {
		r.args = append(r.args, "--world", c.World)
	}
	if v := s.Variant.Name; v != "" {
		r.args = append(r.args, "--variant", v)
	}
	return r
}

// play runs all rehearsals, each in a directory of its own.
func (c *playing) play(a *app, all []*rehearsal) error {
	if err := c.directories(all); err != nil {
		return err
	}
	c.announce(a, all)
	p := newProgress(a.err, len(all))
	p.many = all[0].many
	c.rehearse(a, all, p)
	p.close()
	for _, r := range all {
		if r.err != nil {
			fmt.Fprintf(a.err, "fourdays: the result of %s could not be kept in %s: %v\n", r.label(), r.dir.Path, r.err)
		}
	}
	return nil
}

// announce says what is run, seeds first: a line for each run, or for each of
// which there are several.
func (c *playing) announce(a *app, all []*rehearsal) {
	var order []string
	seeds := map[string][]uint64{}
	for _, r := range all {
		line := r.label() + c.patience(r.scenario)
		if seeds[line] == nil {
			order = append(order, line)
		}
		seeds[line] = append(seeds[line], r.seed)
	}
	for _, line := range order {
		word := "seed"
		if len(seeds[line]) > 1 {
			word = "seeds"
		}
		fmt.Fprintf(a.err, "%s %s  %s\n", word, strings.Trim(strings.ReplaceAll(fmt.Sprint(seeds[line]), " ", ","), "[]"), line)
	}
}

// jobs is how many things are done at a time in virtual time.
func jobs(asked int) int {
	if asked > 0 {
		return asked
	}
	return runtime.GOMAXPROCS(0)
}

// worst is the exit code of several runs.
func worst(ctx context.Context, all []*rehearsal) error {
	code := exitPass
	for _, r := range all {
		code = worse(code, r.code(ctx))
	}
	if code == exitPass {
		return nil
	}
	return &failure{code: code}
}

// directories makes the run directories before anything runs, so that a long
// run does not end without a place for its result.
func (c *playing) directories(all []*rehearsal) error {
	root := "runs"
	below := c.below || len(all) > 1
	if c.Out != "" && below {
		if err := emptyDir(c.Out); err != nil && !c.resumed {
			return err
		}
		root = c.Out
	}
	for _, r := range all {
		var err error
		if c.Out != "" && !below {
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
func (c *playing) rehearse(a *app, all []*rehearsal, p *progress) {
	place, err := a.engine.Prepare(a.ctx, c.World, func(text string) { p.say("prepare", text) })
	slots := make(chan struct{}, c.jobs())
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
			r.rehearse(a, place, p)
			if c.after != nil && r.err == nil {
				r.err = c.after(r)
			}
			p.done(r.title(), r.run)
		}()
	}
	wait.Wait()
}

func (r *rehearsal) rehearse(a *app, place world.Place, p *progress) {
	if a.ctx.Err() != nil {
		r.finish(a.ctx, nil, a.ctx.Err())
		return
	}
	began := time.Now()
	got, err := r.guarded(a, run.Options{
		Seed: &r.seed, Dir: r.dir.Path, Place: place, Folder: filepath.Dir(r.path),
		Progress: func(at run.Progress) { p.at(r.title(), at) },
	})
	if got != nil && got.WallMS == 0 {
		got.WallMS = time.Since(began).Milliseconds()
	}
	r.finish(a.ctx, got, err)
}

// guarded turns a broken assertion of the harness into an error of this run:
// the others go on, and its directory says what happened.
func (r *rehearsal) guarded(a *app, opt run.Options) (got *report.Run, err error) {
	defer r.guard(&err)
	return a.engine.Run(a.ctx, r.scenario, opt)
}

// guard is deferred; it says in err what broke, and where that is written down.
func (r *rehearsal) guard(err *error) {
	if broken := recover(); broken != nil {
		*err = fmt.Errorf("the harness broke: %v", broken)
		trace := filepath.Join(r.dir.Log(), "panic.txt")
		if werr := os.WriteFile(trace, fmt.Appendf(nil, "%v\n\n%s", broken, debug.Stack()), 0o644); werr == nil {
			*err = fmt.Errorf("%w; see %s", *err, trace)
		}
	}
}

// finish gives the run its verdict if it has none, and writes the directory.
func (r *rehearsal) finish(ctx context.Context, got *report.Run, err error) {
	if got == nil {
		got = &report.Run{VirtualMS: 0, Population: report.Population{
			Mailboxes: int64(r.scenario.Mail.Population), Simulated: int64(r.scenario.Mail.Mailboxes),
		}}
	}
	got.Scenario, got.Title, got.Path, got.Args = r.scenario.Name, r.scenario.Title, r.path, r.args
	got.Seed, got.World = r.seed, r.world
	if r.own {
		got.Path = filepath.Join(r.dir.Path, report.ScenarioFile)
	}
	if v := r.scenario.Variant; v.Name != "" {
		got.Variant = &report.Variant{Name: v.Name, Of: v.Of, Title: v.Title}
	}
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
