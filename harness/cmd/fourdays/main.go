// Command fourdays rehearses outages of a mail store: it plays a scenario file
// and judges what was promised against what is still there.
//
// It owns the command line, its messages, the exit codes and what progress
// looks like. It assumes that package run does the work and package report the
// words about the result. It never imports the mail store.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"fourdays/harness/report"
	"fourdays/harness/run"
	"fourdays/harness/scenario"
	"fourdays/harness/world"
	"fourdays/storage/bug"
)

// The exit codes. They are a contract: CI suites tell by them what happened.
const (
	exitPass         = 0   // every expectation held
	exitFail         = 1   // an expectation failed
	exitUsage        = 2   // wrong usage, or an invalid file
	exitInconclusive = 3   // the run cannot tell
	exitStopped      = 4   // stopped by a stop condition or an operator
	exitError        = 5   // the harness itself failed
	exitInterrupted  = 130 // Ctrl-C
)

const description = `Rehearses outages of a mail store: plays a scenario and judges what was promised against what is still there, and how long it took.

Try:

  fourdays doctor                                   what this machine can run
  fourdays run scenarios/tour/quiet.yaml            a short scenario
  fourdays run scenarios/libero-2023.yaml           the four days of 2023
  fourdays compare scenarios/tour/shared-fate.yaml  outcomes side by side
  fourdays margin scenarios/tour/quiet.yaml         can it happen again?
  fourdays bugs list --silent --correlated os       what a copy does not help
  fourdays repro netapp-70000                       a bug, with and without it
  fourdays validate my.yaml                         what is wrong, and where

Exit codes: 0 every expectation held, 1 an expectation failed, 2 usage or invalid input, 3 inconclusive, 4 stopped by a stop condition or an operator, 5 the harness itself failed, 130 interrupted.`

// cli is the command line as kong reads it.
type cli struct {
	Run        runCmd        `cmd:"" help:"Run scenarios and judge them."`
	Compare    compareCmd    `cmd:"" help:"Run the variants of a scenario side by side and print one table."`
	Margin     marginCmd     `cmd:"" help:"Say how far every counter of the arrays is from a limit, and what a hidden one would do."`
	Repro      reproCmd      `cmd:"" help:"Play proof pairs: each bug armed and disarmed, told apart."`
	Validate   validateCmd   `cmd:"" help:"Check scenario and bug files without running anything."`
	Rejudge    rejudgeCmd    `cmd:"" help:"Judge a recorded run again, from its directory alone."`
	Bugs       bugsCmd       `cmd:"" help:"The catalogue of storage bugs, with evidence."`
	Background backgroundCmd `cmd:"" help:"Draw the faults that storage has anyway, and say how often independent ones met on a quorum."`
	Mount      mountCmd      `cmd:"" help:"Mount a faulty array at a directory, for any program."`
	Ctl        ctlCmd        `cmd:"" help:"Tell a mounted array what to do: arm, disarm, power-loss, failover, faults, heal, status."`
	Umount     umountCmd     `cmd:"" help:"End a mount."`
	Schema     schemaCmd     `cmd:"" help:"Print the JSON Schema of scenario files, or of bug files, for editors."`
	Doctor     doctorCmd     `cmd:"" help:"Say what this machine can run, and what is missing for the rest."`
	Version    versionCmd    `cmd:"" help:"Print the version of this program."`
}

// engine is what the command line needs of package run. Tests put another in
// its place.
type engine interface {
	// Prepare makes ready for worlds of a kind.
	Prepare(ctx context.Context, kind string, say func(string)) (world.Place, error)
	Run(ctx context.Context, s *scenario.Scenario, opt run.Options) (*report.Run, error)
	Pair(ctx context.Context, s *scenario.Scenario, opt run.Options) (run.PairResult, error)
	Recorded(dir string) (*scenario.Scenario, error)
	Judge(s *scenario.Scenario, dir string) (*report.Run, error)
}

// rehearser is the engine of the released program.
type rehearser struct{}

func (rehearser) Prepare(ctx context.Context, kind string, say func(string)) (world.Place, error) {
	return places[kind](ctx, say)
}

func (rehearser) Run(ctx context.Context, s *scenario.Scenario, opt run.Options) (*report.Run, error) {
	return run.Run(ctx, s, opt)
}

func (rehearser) Pair(ctx context.Context, s *scenario.Scenario, opt run.Options) (run.PairResult, error) {
	return run.Pair(ctx, s, opt)
}

func (rehearser) Recorded(dir string) (*scenario.Scenario, error) { return run.Recorded(dir) }

func (rehearser) Judge(s *scenario.Scenario, dir string) (*report.Run, error) {
	return run.Judge(s, dir)
}

// app is what every command is given.
type app struct {
	ctx    context.Context
	engine engine
	out    io.Writer
	err    *os.File
}

// failure is an error with its exit code. An empty message was said already.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string {
	if f.err == nil {
		return ""
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

func fail(code int, format string, args ...any) error {
	return &failure{code, fmt.Errorf(format, args...)}
}

func main() { os.Exit(command(rehearser{}, os.Args[1:])) }

// command runs one command line and returns the exit code.
func command(e engine, args []string) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second Ctrl-C ends the program at once.
	context.AfterFunc(ctx, stop)

	var c cli
	left := exited(-1)
	parser, err := kong.New(&c, kong.Name("fourdays"), kong.Description(description), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 100}),
		kong.Exit(func(code int) { panic(exited(code)) }))
	if err != nil {
		panic(fmt.Sprintf("fourdays: the command line does not fit together: %v", err))
	}
	defer func() {
		if r := recover(); r != nil {
			var ok bool
			if left, ok = r.(exited); !ok {
				panic(r)
			}
			code = int(left)
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err == nil {
		err = parsed.Run(&app{ctx, e, os.Stdout, os.Stderr})
	} else {
		err = fail(exitUsage, "%v; fourdays --help says more", err)
	}
	return explain(err)
}

// exited carries the exit code of --help out of the parser.
type exited int

// explain says what went wrong, if anything, and returns the exit code.
func explain(err error) int {
	if err == nil {
		return exitPass
	}
	if text := err.Error(); text != "" {
		if !placed(err) {
			text = "fourdays: " + text
		}
		fmt.Fprintln(os.Stderr, text)
	}
	var f *failure
	if errors.As(err, &f) {
		return f.code
	}
	return exitError
}

// placed says that an error begins with a place in a file.
func placed(err error) bool {
	var inScenario *scenario.Error
	var inBug *bug.Error
	return errors.As(err, &inScenario) || errors.As(err, &inBug)
}
