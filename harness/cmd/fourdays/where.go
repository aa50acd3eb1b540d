package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"fourdays/harness/live"
	"fourdays/harness/local"
	"fourdays/harness/run"
	"fourdays/harness/scenario"
	"fourdays/harness/sim"
	"fourdays/harness/world"
)

// where is the kind of world that runs happen in.
type where struct {
	World string `help:"Where to run: sim (virtual time, deterministic), local (processes on kernel mounts, real time) or docker (containers on them)." default:"sim" enum:"sim,local,docker"`
}

// simulated is the world that needs nothing of the machine.
const simulated = "sim"

// places make ready for each kind of world that this program has.
var places = map[string]func(ctx context.Context, say func(string)) (world.Place, error){
	simulated: func(ctx context.Context, say func(string)) (world.Place, error) {
		p, err := sim.Prepare(ctx, say, run.Programs()...)
		if err != nil {
			return nil, err
		}
		return p, nil
	},
	"local": func(ctx context.Context, say func(string)) (world.Place, error) {
		b, err := builder(say)
		if err != nil {
			return nil, err
		}
		p, err := local.Prepare(ctx, b.Root, b.Cache, say, run.Programs()...)
		if err != nil {
			return nil, err
		}
		return p, nil
	},
}

// builder builds the programs of worlds in real time, where those of the
// simulator are built as well.
func builder(say func(string)) (*live.Builder, error) {
	cache, err := sim.CacheDir()
	if err != nil {
		return nil, fmt.Errorf("find cache folder: %w", err)
	}
	source, err := sim.FindSource()
	if err != nil {
		return nil, err
	}
	return &live.Builder{Root: source, Cache: cache, Progress: say}, nil
}

// live says that time in the world is real.
func (w where) live() bool { return w.World != simulated }

// long is from when on a run in real time says beforehand what it takes. Picked.
const long = 15 * time.Minute

// patience is what somebody needs who starts a long run in real time.
func (w where) patience(s *scenario.Scenario) string {
	if lasts := s.Duration + s.Settle; w.live() && lasts > long {
		return fmt.Sprintf("  (it takes %s and more: time is real in the world %s)", scenario.Duration(lasts), w.World)
	}
	return ""
}

// jobs is how many runs there are at a time. Programs in real time would take
// the processors from one another, and be late for it.
func (c *playing) jobs() int {
	if c.live() {
		return max(1, c.Jobs)
	}
	return jobs(c.Jobs)
}

// there refuses a world that this program does not have.
func (w where) there() error {
	if places[w.World] == nil {
		return fail(exitUsage, "this build has no world %s; `make fourdays-docker` builds one that has, go build -tags docker ./harness/cmd/fourdays does the same", w.World)
	}
	return nil
}

// unfit is what keeps a scenario out of the world, with its places in the file.
func (w where) unfit(s *scenario.Scenario) []scenario.Issue {
	var issues []scenario.Issue
	if w.live() {
		issues = scenario.NotLive(s)
	}
	if w.World != "local" {
		issues = append(issues, scenario.NotElsewhere(s)...)
	}
	return issues
}

// wholly refuses scenarios of which one cannot be played in the world.
func (c *playing) wholly(all []*rehearsal) error {
	if len(c.skipped(all)) > 0 {
		return &failure{code: exitUsage}
	}
	return c.there()
}

// partly leaves away what cannot be played in the world, and says so. Nothing is
// left to play if that is all.
func (c *playing) partly(a *app, all []*rehearsal) ([]*rehearsal, error) {
	out := c.skipped(all)
	if len(out) == len(all) {
		return nil, &failure{code: exitUsage}
	}
	for _, r := range out {
		fmt.Fprintf(a.err, "%s is skipped: world %s cannot play it\n", r.label(), c.World)
	}
	return slices.DeleteFunc(all, func(r *rehearsal) bool { return slices.Contains(out, r) }), c.there()
}

// skipped are the runs that the world cannot play. It says why.
func (c *playing) skipped(all []*rehearsal) (out []*rehearsal) {
	told := map[string]bool{}
	for _, r := range all {
		issues := c.unfit(r.scenario)
		for _, issue := range issues {
			if line := issue.In(r.path); !told[line] {
				told[line] = true
				fmt.Fprintln(os.Stderr, line)
			}
		}
		if len(issues) > 0 {
			out = append(out, r)
		}
	}
	return out
}
