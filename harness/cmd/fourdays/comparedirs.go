package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
)

// onlyDirs says whether what was named are folders. Both kinds together are
// refused.
func onlyDirs(paths []string) (bool, error) {
	dirs := 0
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil && info.IsDir() {
			dirs++
		}
	}
	if dirs > 0 && dirs < len(paths) {
		return false, fail(exitUsage, "compare takes scenario files, or run directories, and not both at once")
	}
	return dirs > 0, nil
}

// recorded makes the tables of runs that were recorded.
func (c *compareCmd) recorded(a *app) error {
	if c.Seeds != "" || c.Seed != nil || c.Continue || c.Out != "" || c.Keep != "" {
		return fail(exitUsage, "--seed, --seeds, --out, --keep and --continue are for scenario files; these runs were run already")
	}
	var all []*rehearsal
	for _, path := range c.Files {
		had, err := found(path)
		if err != nil {
			return err
		}
		if len(had) == 0 {
			return fail(exitUsage, "%s has no %s, and no folder in it has: not a run, or one that did not finish", path, report.RunFile)
		}
		all = append(all, had...)
	}
	all = once(a, all)
	inOrder(all)
	for _, g := range sides(all) {
		if !slices.ContainsFunc(g, func(r *rehearsal) bool { return r.run.Scenario != g[0].run.Scenario || r.run.Seed != g[0].run.Seed }) {
			return fail(exitUsage, "%s is a single run: there is nothing to compare it with", g[0].dir.Path)
		}
	}
	return c.result(a, all)
}

// found are the finished runs of a directory: itself, or those in it.
func found(path string) (all []*rehearsal, err error) {
	if _, err := os.Stat(filepath.Join(path, report.RunFile)); err == nil {
		r, err := opened(path)
		return []*rehearsal{r}, err
	}
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fail(exitUsage, "read folder of runs: %w", err)
	}
	for _, e := range entries {
		dir := filepath.Join(path, e.Name())
		if _, err := os.Stat(filepath.Join(dir, report.RunFile)); err != nil {
			continue
		}
		r, err := opened(dir)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func opened(path string) (*rehearsal, error) {
	dir, r, err := report.Open(path)
	if err != nil {
		return nil, fail(exitUsage, "%s: %w", path, err)
	}
	return &rehearsal{path: r.File(), seed: r.Seed, dir: dir, run: r}, nil
}

// once leaves away what is there twice: the same run of the same events, and one
// that was broken off and run again.
func once(a *app, all []*rehearsal) (out []*rehearsal) {
	first, ended := map[string]string{}, map[string]string{}
	for _, r := range all {
		if r.ended() {
			ended[r.key()] = r.dir.Path
		}
	}
	for _, r := range all {
		same := r.key() + " " + r.run.Digest
		if at, twice := first[same]; twice && r.run.Digest != "" {
			fmt.Fprintf(a.err, "%s is left out: it is the same run as %s\n", r.dir.Path, at)
		} else if at := ended[r.key()]; at != "" && !r.ended() {
			fmt.Fprintf(a.err, "%s is left out: it has no outcome, and %s has\n", r.dir.Path, at)
		} else {
			first[same] = r.dir.Path
			out = append(out, r)
		}
	}
	return out
}

func (r *rehearsal) key() string { return fmt.Sprintf("%s %s %d", r.path, r.run.Scenario, r.seed) }

// inOrder puts runs into the order of the variants in their file, and then of
// their seeds. Runs of files that do not say, or no longer, stay as they were
// named.
func inOrder(all []*rehearsal) {
	rank := map[string]int{}
	for _, r := range all {
		for _, name := range variantsOf(r) {
			if _, known := rank[name]; !known {
				rank[name] = len(rank)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *rehearsal) int {
		if d := rank[a.run.Scenario] - rank[b.run.Scenario]; d != 0 {
			return d
		}
		return strings.Compare(fmt.Sprintf("%020d", a.seed), fmt.Sprintf("%020d", b.seed))
	})
}

// variantsOf are the scenarios of the file that a run was of, in its order.
func variantsOf(r *rehearsal) (names []string) {
	if r.run.Variant != nil {
		all, _, err := scenario.LoadAll(filepath.Join(r.dir.Path, report.ScenarioFile))
		for _, s := range all {
			names = append(names, s.Name)
		}
		if err == nil {
			return names
		}
	}
	return []string{r.run.Scenario}
}
