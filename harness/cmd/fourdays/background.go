package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"fourdays/harness/background"
)

type backgroundCmd struct {
	Profile    string        `default:"nearline-field" help:"Class of drives: nearline-field, enterprise-field, flash-field."`
	Years      int           `default:"2000" help:"How many years of one store to draw."`
	OS         []string      `name:"os" default:"acme/1.0,acme/1.0,acme/1.0" help:"What the arrays run, one copy on each."`
	Drives     int           `default:"36" help:"Drives of each array."`
	Tolerance  int           `default:"2" help:"Drives that an array can miss."`
	Rebuild    time.Duration `default:"24h" help:"How long a drive is missed."`
	Repair     time.Duration `default:"336h" help:"How long damage stays before somebody repairs it."`
	Accelerate float64       `default:"1" help:"Multiply all rates. The result is not the field's."`
	Seed       uint64        `default:"1" help:"Seed of everything random."`
}

// Run draws the background of a store and says how often independent faults met.
func (c *backgroundCmd) Run(a *app) error {
	p, ok := background.Get(c.Profile)
	if !ok {
		return fail(exitUsage, "there is no profile %q; want one of %s", c.Profile, strings.Join(background.Names(), ", "))
	}
	if slices.Contains(c.OS, "") {
		return fail(exitUsage, "--os has an empty name; want one for each array, as acme/1.0,acme/1.0,other/2.1")
	}
	top := background.PickedTopology()
	top.OS, top.Drives, top.Tolerance, top.Rebuild, top.Repair = c.OS, c.Drives, c.Tolerance, c.Rebuild, c.Repair
	say := &patience{out: a.err, begun: time.Now(), live: term.IsTerminal(int(a.err.Fd()))}
	e, err := background.Odds(p, top, background.Trials{Years: c.Years, Seed: c.Seed, Accelerate: c.Accelerate,
		Progress: func(years, of int) { say.at(time.Now(), years, of) }, Stop: a.ctx.Err})
	say.close()
	if a.ctx.Err() != nil {
		return &failure{exitInterrupted, nil}
	}
	if err != nil {
		return fail(exitUsage, "%v", err)
	}
	return e.Text(a.out)
}

// patience tells how far a draw is, once it takes longer than somebody waits
// without a word.
type patience struct {
	out   *os.File
	live  bool // out is a terminal
	begun time.Time
	told  time.Time
}

// The first word comes after a while, and the next ones as in a run.
const patient = 2 * time.Second

func (p *patience) at(now time.Time, years, of int) {
	every := alive
	if p.live {
		every = redraw
	}
	if now.Sub(p.begun) < patient || now.Sub(p.told) < every {
		return
	}
	p.told = now
	if p.live {
		fmt.Fprintf(p.out, "\r\x1b[Kdrew %d of %d years", years, of)
		return
	}
	fmt.Fprintf(p.out, "drew %d of %d years\n", years, of)
}

func (p *patience) close() {
	if p.live && !p.told.IsZero() {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
