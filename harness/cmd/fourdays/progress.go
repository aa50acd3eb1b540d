package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"fourdays/harness/report"
	"fourdays/harness/run"
	"fourdays/harness/scenario"
)

// redraw is how often a terminal's line changes at most, and alive how long a
// pipe hears nothing of a run at most (picked: it reads as motion, and no CI log
// looks dead).
const (
	redraw = 100 * time.Millisecond
	alive  = 10 * time.Second
)

// progress says what goes on: on a terminal in one line that changes, in a pipe
// in plain lines, one for each phase of each run and for what happens in it.
type progress struct {
	mu    sync.Mutex
	out   io.Writer
	live  bool // out is a terminal
	width int
	drawn time.Time
	total int
	ended int
	many  bool // of several seeds: all runs in one line, without what happens in them
	begun time.Time
	phase map[string]string // of each run
	lines map[string]string // where each run is
	told  map[string]time.Time
	now   func() time.Time
	order []string
}

func newProgress(out *os.File, total int) *progress {
	p := &progress{out: out, total: total, phase: map[string]string{}, lines: map[string]string{}, told: map[string]time.Time{}, now: time.Now, begun: time.Now()}
	if width, _, err := term.GetSize(int(out.Fd())); err == nil && term.IsTerminal(int(out.Fd())) {
		p.live, p.width = true, width
	}
	return p
}

// say tells what the program does before any run.
func (p *progress) say(who, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live {
		p.draw(who+": "+text, true)
		return
	}
	fmt.Fprintf(p.out, "%s: %s\n", who, text)
}

// at tells where a run is.
func (p *progress) at(name string, at run.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := name + ": " + at.Phase
	if at.At >= 0 { // before its start a run has no time of its own
		line += " " + scenario.Duration(at.At.Round(time.Second)) + "/" + scenario.Duration(at.Of)
	}
	if at.Text != "" {
		line += "  " + at.Text
	}
	changed := p.phase[name] != at.Phase
	if p.phase[name] == "" {
		p.order = append(p.order, name)
	}
	p.phase[name], p.lines[name] = at.Phase, line
	switch {
	case p.many:
		p.whole(false)
	case p.live:
		p.draw(p.status(), changed)
	case changed || at.Text != "" || p.now().Sub(p.told[name]) >= alive:
		p.told[name] = p.now()
		fmt.Fprintln(p.out, line)
	}
}

// done tells that a run ended.
func (p *progress) done(name string, r *report.Run) {
	p.over(name+": "+r.Verdict, r.WallMS, name)
}

// over tells that something ended after so many milliseconds, with the runs that
// it was of.
func (p *progress) over(what string, wallMS int64, runs ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended++
	for _, name := range runs {
		delete(p.lines, name)
	}
	if p.many {
		p.whole(!p.live)
		return
	}
	line := fmt.Sprintf("%s after %s (%d of %d)", what, report.Span(wallMS), p.ended, p.total)
	if p.live {
		line = "\r\x1b[K" + line
	}
	fmt.Fprintln(p.out, line)
}

// counted tells that one of many short things is done: on a terminal in the
// changing line, in a pipe only now and then.
func (p *progress) counted(name, word string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended++
	line := fmt.Sprintf("%d of %d: %s %s", p.ended, p.total, name, word)
	switch {
	case p.live:
		p.draw(line, p.ended == p.total)
	case p.ended == p.total || p.now().Sub(p.drawn) >= alive:
		p.drawn = p.now()
		fmt.Fprintln(p.out, line)
	}
}

// whole is the one line of runs with several seeds: on a terminal it changes, in
// a pipe it comes when a run ends and when nothing was heard for long.
func (p *progress) whole(ended bool) {
	line := tally(p.ended, p.total, p.now().Sub(p.begun))
	switch {
	case p.live:
		p.draw(line+"  "+p.status(), p.ended == p.total)
	case ended || p.now().Sub(p.drawn) >= alive:
		p.drawn = p.now()
		fmt.Fprintln(p.out, line)
	}
}

// tally says how many runs are done, how fast that goes, and how long the rest
// takes at that.
func tally(done, total int, took time.Duration) string {
	line := fmt.Sprintf("%d of %d runs", done, total)
	if done == 0 || took <= 0 {
		return line
	}
	line += fmt.Sprintf(", %.1f a minute", float64(done)/took.Minutes())
	if left := total - done; left > 0 {
		line += ", about " + report.Span((took * time.Duration(left) / time.Duration(done)).Round(time.Second).Milliseconds()) + " left"
	}
	return line
}

// close clears the changing line.
func (p *progress) close() {
	if p.live {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// status is the line of all runs that are going on.
func (p *progress) status() string {
	var parts []string
	for _, name := range p.order {
		if line, running := p.lines[name]; running {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, " | ")
}

func (p *progress) draw(line string, now bool) {
	if !now && p.now().Sub(p.drawn) < redraw {
		return
	}
	p.drawn = p.now()
	if runes := []rune(line); len(runes) >= p.width && p.width > 1 {
		line = string(runes[:p.width-2]) + "…"
	}
	fmt.Fprint(p.out, "\r\x1b[K"+line)
}
