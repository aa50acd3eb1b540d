package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"fourdays/harness/report"
	"fourdays/harness/run"
	"fourdays/harness/scenario"
	"fourdays/harness/world"
	"fourdays/storage/catalog"
)

type reproCmd struct {
	Pairs []string `arg:"" name:"bug" help:"Bugs, by their IDs; or the scenario files of proof pairs."`
	playing
	Record bool `help:"Keep the outcomes, and write the track record beside the scenario files."`
	JSON   bool `name:"json" help:"Print the outcomes as JSON."`
}

// Help is shown by `fourdays repro --help`.
func (*reproCmd) Help() string {
	return `A proof pair is one scenario played twice, with the bug armed and without it. The two differ in nothing else and run side by side. The pair is told apart when each run does what is expected of it and does not do what is expected of the other: then the bug was seen, and nothing but the bug.

The pair of a bug is scenarios/regress/ID.yaml. What the armed run is expected to show stands in that file; without the bug all must be well.

Examples:

  fourdays repro netapp-70000
  fourdays repro scenarios/regress/*.yaml
  fourdays repro ./my-pair.yaml --bugs ./mine
  fourdays repro flush-lies --world local
  fourdays run scenarios/regress/netapp-70000.yaml --disarmed

Exit codes: 0 all pairs are told apart, 1 one is not, 2 usage or invalid input, 3 it cannot be told, 4 stopped, 5 the harness itself failed, 130 interrupted.`
}

// couple is a proof pair of a call.
type couple struct {
	*rehearsal
	result run.PairResult
	wall   time.Duration
	ending *ending // of a pair that is recorded
}

// Run plays the pairs and says which are told apart.
func (c *reproCmd) Run(a *app) error {
	files, err := c.files()
	if err != nil {
		return err
	}
	all, err := c.load(files)
	if err != nil {
		return err
	}
	if err := c.wholly(all); err != nil {
		return err
	}
	if err := c.directories(all); err != nil {
		return err
	}
	couples := c.playPairs(a, all)
	if err := c.tell(a, couples); err != nil {
		return err
	}
	code := exitPass
	for _, one := range couples {
		code = worse(code, one.code(a.ctx))
	}
	if code == exitPass {
		return nil
	}
	return &failure{code: code}
}

// files finds the scenario of each pair: a file that is named, or that of a bug.
func (c *reproCmd) files() (files []string, err error) {
	set, err := c.catalogue()
	if err != nil {
		return nil, err
	}
	for _, name := range c.Pairs {
		path := name
		if !strings.HasSuffix(name, ".yaml") && !strings.ContainsRune(name, filepath.Separator) {
			if path, err = c.pairFile(set, name); err != nil {
				return nil, err
			}
		}
		files = append(files, path)
	}
	return files, nil
}

func (c *reproCmd) pairFile(set *catalog.Set, id string) (string, error) {
	path, there := pairOf(id)
	if there {
		return path, nil
	}
	if _, err := pick(set, []string{id}); err != nil {
		return "", err
	}
	return "", fail(exitUsage, "bug %s has no proof pair: there is no %s; give the file of one", id, path)
}

// playPairs plays pairs side by side; each takes two cores.
func (c *reproCmd) playPairs(a *app, all []*rehearsal) []*couple {
	p := newProgress(a.err, len(all))
	c.announce(a, all)
	place, err := a.engine.Prepare(a.ctx, c.World, func(text string) { p.say("prepare", text) })
	couples := make([]*couple, len(all))
	slots := make(chan struct{}, max(1, c.jobs()/2))
	var wait sync.WaitGroup
	for i, r := range all {
		couples[i] = &couple{rehearsal: r}
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			if err != nil {
				couples[i].err = fmt.Errorf("prepare programs: %w", err)
				return
			}
			if couples[i].play(a, place, p); c.Record {
				couples[i].err = errors.Join(couples[i].err, couples[i].findWayBack(a, place))
			}
		})
	}
	wait.Wait()
	p.close()
	return couples
}

func (c *couple) play(a *app, place world.Place, p *progress) {
	if c.err = a.ctx.Err(); c.err != nil {
		return
	}
	began := time.Now()
	name := func(side string) string { return c.scenario.Name + "/" + side }
	c.result, c.err = c.guardedPair(a, run.Options{
		Seed: &c.seed, Dir: c.dir.Path, Source: c.source, Place: place, Folder: filepath.Dir(c.path),
		Progress: func(at run.Progress) { p.at(name(at.Side), at) },
	})
	c.wall = time.Since(began)
	c.err = errors.Join(c.err, c.sign(c.result.Armed), c.sign(c.result.Disarmed, "--disarmed"))
	p.over(c.scenario.Name+": told apart "+c.word(), c.wall.Milliseconds(), name(run.ArmedSide), name(run.DisarmedSide))
}

func (c *couple) guardedPair(a *app, opt run.Options) (got run.PairResult, err error) {
	defer c.guard(&err)
	return a.engine.Pair(a.ctx, c.scenario, opt)
}

// sign writes into a side's record how to play it again.
func (c *couple) sign(side run.Side, args ...string) error {
	if side.Run == nil {
		return nil
	}
	side.Run.Path, side.Run.Args = c.path, slices.Concat(c.args, args)
	dir, _, err := report.Open(side.Dir)
	if err != nil {
		return err
	}
	return dir.Rewrite(side.Run)
}

func (c *couple) word() string {
	switch {
	case c.err != nil:
		return "error"
	case c.result.Proved:
		return "yes"
	case c.result.Armed.Run != nil && c.outcome() != exitFail:
		return "unknown"
	}
	return "no"
}

// code is the exit code of one pair. What cannot be told is not a failure.
func (c *couple) code(ctx context.Context) int {
	switch {
	case ctx.Err() != nil:
		return exitInterrupted
	case c.err != nil:
		return exitError
	case c.result.Proved:
		return exitPass
	}
	return c.outcome()
}

// outcome is the exit code of a pair that was played and is not a proof: the
// worse of its runs, or a failure when each did what was expected of it.
func (c *couple) outcome() int {
	code := exitPass
	for _, r := range []*report.Run{c.result.Armed.Run, c.result.Disarmed.Run} {
		if r != nil {
			code = worse(code, codeOf(r.Verdict))
		}
	}
	if code == exitPass {
		return exitFail
	}
	return code
}

func (c *reproCmd) tell(a *app, couples []*couple) error {
	var err error
	if c.JSON {
		pairs := []pairCard{}
		for _, one := range couples {
			pairs = append(pairs, one.card())
		}
		err = printJSON(a.out, pairs)
	} else {
		err = tellPairs(a.out, couples, columns(a.out))
	}
	if err != nil {
		return fail(exitError, "print outcomes: %w", err)
	}
	if c.Record {
		if err := record(couples); err != nil {
			return fail(exitError, "%w", err)
		}
	}
	return nil
}

func tellPairs(w io.Writer, couples []*couple, terminal int) error {
	p := newPage(terminal)
	apart := 0
	for _, c := range couples {
		c.text(p)
		if c.err == nil && c.result.Proved {
			apart++
		}
	}
	fmt.Fprintf(p, "%d of %s told apart\n", apart, plural(len(couples), "pair"))
	_, err := w.Write(p.Bytes())
	return err
}

func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func (c *couple) text(p *page) {
	card := c.card()
	fmt.Fprintf(p, "%s  told apart: %s\n", card.Scenario, c.word())
	if c.err != nil {
		p.say("error", c.err.Error())
	}
	for _, side := range []struct {
		name string
		card *sideCard
	}{{run.ArmedSide, card.Armed}, {run.DisarmedSide, card.Disarmed}} {
		if side.card != nil {
			p.say(side.name, side.card.Verdict+": "+side.card.Seen)
		}
	}
	for _, why := range card.Why {
		p.say("but", why)
	}
	p.say("took", fmt.Sprintf("%s, seed %d; %s", report.Span(card.WallMS), card.Seed, card.Dir))
	if card.Armed != nil && card.Disarmed != nil {
		p.put("again", card.Armed.Again)
		p.put("", card.Disarmed.Again)
	}
	fmt.Fprintln(p)
}

// pairCard is the outcome of a pair as JSON.
type pairCard struct {
	Scenario string    `json:"scenario"`
	Bug      string    `json:"bug"`
	Seed     uint64    `json:"seed"`
	Apart    bool      `json:"told_apart"`
	Why      []string  `json:"why"` // they are not
	By       []string  `json:"by"`  // what tells them apart
	Error    string    `json:"error,omitempty"`
	WallMS   int64     `json:"wall_ms"`
	Dir      string    `json:"dir"`
	Armed    *sideCard `json:"armed"`
	Disarmed *sideCard `json:"disarmed"`
}

type sideCard struct {
	Verdict string `json:"verdict"`
	Why     string `json:"why"`
	Seen    string `json:"seen"`
	Digest  string `json:"digest"`
	Dir     string `json:"dir"`
	Again   string `json:"again"`
}

func (c *couple) card() pairCard {
	out := pairCard{
		Scenario: c.scenario.Name, Bug: provesOf(c.scenario), Seed: c.seed, Apart: c.err == nil && c.result.Proved,
		Why: words(c.result.Why), By: words(c.result.Apart), WallMS: c.wall.Milliseconds(), Dir: c.dir.Path,
	}
	if r := c.result.Armed.Run; r != nil {
		out.Armed = cardOfSide(c.result.Armed, seen(c.result))
	}
	if r := c.result.Disarmed.Run; r != nil {
		out.Disarmed = cardOfSide(c.result.Disarmed, well(r))
	}
	if c.err != nil {
		out.Error = c.err.Error()
	}
	return out
}

func cardOfSide(s run.Side, seen string) *sideCard {
	return &sideCard{Verdict: s.Run.Verdict, Why: s.Run.Why, Seen: seen, Digest: s.Run.Digest, Dir: s.Dir, Again: s.Run.Again()}
}

// provesOf is the bug that a pair is about: the one it names, or the one that
// its file is named after.
func provesOf(s *scenario.Scenario) string { return cmp.Or(s.Proves, s.Variant.Of, s.Name) }
