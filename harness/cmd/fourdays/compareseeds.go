package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"fourdays/harness/report"
)

// mostSeeds is how many one call takes. Picked: it is more than anybody waits for.
const mostSeeds = 1000

// seeded repeats runs with the seeds that were asked for: the same for all, so
// that variants differ in nothing else.
func (c *compareCmd) seeded(all []*rehearsal) ([]*rehearsal, error) {
	if c.Seeds == "" {
		return all, nil
	}
	seeds, err := c.seeds(all[0].seed)
	if err != nil {
		return nil, err
	}
	var out []*rehearsal
	for _, r := range all {
		for _, seed := range seeds {
			one := *r
			one.seed, one.many = seed, len(seeds) > 1
			out = append(out, &one)
		}
	}
	return out, nil
}

// seeds reads --seeds: how many from first on, or a list.
func (c *compareCmd) seeds(first uint64) (seeds []uint64, err error) {
	list := strings.Split(strings.TrimSuffix(c.Seeds, ","), ",")
	if !strings.Contains(c.Seeds, ",") {
		n, err := strconv.ParseUint(c.Seeds, 10, 64)
		if err != nil || n < 1 || n > mostSeeds || first > math.MaxUint64-n {
			return nil, fail(exitUsage, "--seeds=%s: want how many, 1 to %d, or a list as 3,5,8", c.Seeds, mostSeeds)
		}
		for i := range n {
			seeds = append(seeds, first+i)
		}
		return seeds, nil
	}
	if c.Seed != nil {
		return nil, fail(exitUsage, "--seed and a list of --seeds: want one of the two")
	}
	for _, word := range list {
		n, err := strconv.ParseUint(strings.TrimSpace(word), 10, 64)
		if err != nil || slices.Contains(seeds, n) || len(seeds) == mostSeeds {
			return nil, fail(exitUsage, "--seeds=%s: want different whole numbers, at most %d; %q is none of them", c.Seeds, mostSeeds, word)
		}
		seeds = append(seeds, n)
	}
	return seeds, nil
}

// perform runs what is not there yet, and drops what need not be kept.
func (c *compareCmd) perform(a *app, all []*rehearsal) error {
	todo, err := c.todo(a, all)
	if err != nil || len(todo) == 0 {
		return err
	}
	if err := c.root(all); err != nil {
		return err
	}
	c.below, c.after = true, c.tidy
	if err := c.play(a, todo); err != nil {
		return err
	}
	if kept := c.kept(all); kept != "" {
		fmt.Fprintln(a.err, kept)
	}
	if a.ctx.Err() != nil && all[0].many {
		fmt.Fprintf(a.err, "interrupted; the same command with --out %s --continue runs the rest\n", c.Out)
	}
	return nil
}

// todo are the runs that the directory does not have yet.
func (c *compareCmd) todo(a *app, all []*rehearsal) (todo []*rehearsal, err error) {
	if !c.Continue {
		return all, nil
	}
	if c.Out == "" {
		return nil, fail(exitUsage, "--continue needs the directory to go on in: --out DIR")
	}
	had, err := found(c.Out)
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if !r.takes(had) {
			todo = append(todo, r)
		}
	}
	fmt.Fprintf(a.err, "%s has %d of %d runs\n", c.Out, len(all)-len(todo), len(all))
	return todo, nil
}

// takes makes a run that was recorded this one, if it is: of the same scenario
// file and seed in the same kind of world, and it came to its end.
func (r *rehearsal) takes(had []*rehearsal) bool {
	for _, h := range had {
		source, err := os.ReadFile(filepath.Join(h.dir.Path, report.ScenarioFile))
		if err == nil && h.ended() && h.run.Scenario == r.scenario.Name && h.run.Seed == r.seed &&
			h.run.World == r.world && slices.Equal(h.run.Args, r.args) && bytes.Equal(source, r.source) {
			r.dir, r.run = h.dir, h.run
			return true
		}
	}
	return false
}

// ended says that a run came to its own end, which may be a stop condition.
func (r *rehearsal) ended() bool { return judged(r.run) || r.run.Stopped != nil }

// root names a folder for the runs of several seeds, so that they do not lie
// among others.
func (c *compareCmd) root(all []*rehearsal) error {
	if c.Continue {
		c.resumed = true
		return nil
	}
	if c.Out != "" || !all[0].many {
		return nil
	}
	of := all[0].scenario.Variant.Of
	if of == "" {
		of = all[0].scenario.Name
	}
	dir, err := report.Folder("runs", "compare-"+of)
	if err != nil {
		return fail(exitError, "%w", err)
	}
	c.Out = dir
	return nil
}

// tidy drops the history and the logs of a run that need not be kept.
func (c *compareCmd) tidy(r *rehearsal) error {
	keep := c.Keep
	if keep == "" && r.many {
		keep = keepFailed
	}
	if keep == keepNone || keep == keepFailed && r.run.Verdict == report.Pass {
		return r.dir.Slim()
	}
	return nil
}

// What --keep takes beside all.
const (
	keepFailed = "failed"
	keepNone   = "none"
)

// kept says where the runs are and what is left of them.
func (c *compareCmd) kept(all []*rehearsal) string {
	switch {
	case c.Keep == keepNone:
		return fmt.Sprintf("%s holds run.json of each run; no history was kept (--keep none)", c.place(all))
	case c.Keep == keepFailed || c.Keep == "" && all[0].many:
		return fmt.Sprintf("%s holds run.json of each run, and the history and logs of those that did not pass (--keep failed)", c.place(all))
	}
	return ""
}

func (c *compareCmd) place(all []*rehearsal) string {
	if c.Out != "" {
		return c.Out
	}
	return filepath.Dir(all[0].dir.Path)
}
