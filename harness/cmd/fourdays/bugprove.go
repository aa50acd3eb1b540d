package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"fourdays/storage/bug"
	"fourdays/storage/prove"
)

type proveCmd struct {
	folder
	IDs  []string `arg:"" optional:"" name:"id" help:"Bugs, by their IDs; all of them if left out."`
	Seed uint64   `help:"Everything random comes from it." default:"1" placeholder:"N"`
	Jobs int      `help:"How many to prove at a time. Default: as many as there are cores." placeholder:"N"`
	JSON bool     `name:"json" help:"Print what was found as JSON."`
}

// Help is shown by `fourdays bugs prove --help`.
func (*proveCmd) Help() string {
	return `A rig of bare arrays, some of which have the bug, and a healthy twin are filled with blocks that certify themselves; the trigger is made to come true; and who notices what, and when, is compared with what the file says under shows. For one bug the whole record is printed, for several a line each.

Examples:

  fourdays bugs prove netapp-70000
  fourdays bugs prove
  fourdays bugs prove --bugs ./mine my-bug --json

Exit codes: 0 all are as their files say, 1 one is not, 2 there is no such bug, 5 a proof broke, 130 interrupted.`
}

// proved is what came out for one bug.
type proved struct {
	Bug         string   `json:"bug"`
	Seed        uint64   `json:"seed"`
	Proved      bool     `json:"proved"`
	Fired       int      `json:"fired"`
	NoticedBy   []string `json:"noticed_by"`
	Reboot      string   `json:"reboot"`
	Together    []string `json:"together"` // what is in keeping with what was seen
	Differences []string `json:"differences"`

	table string
	err   error
}

// Run proves bugs, several at a time, and prints them in order.
func (c *proveCmd) Run(a *app) error {
	set, err := c.catalogue()
	if err != nil {
		return err
	}
	if c.Jobs < 0 {
		return fail(exitUsage, "--jobs=%d: want 1 or more", c.Jobs)
	}
	bugs, err := pick(set, c.IDs)
	if err != nil {
		return err
	}
	results := c.prove(a, bugs)
	if c.JSON {
		err = printJSON(a.out, results)
	} else {
		_, err = io.WriteString(a.out, provedText(results))
	}
	if err != nil {
		return fail(exitError, "print proofs: %w", err)
	}
	if a.ctx.Err() != nil {
		return &failure{code: exitInterrupted}
	}
	return proofCode(results)
}

func (c *proveCmd) prove(a *app, bugs []bug.Bug) []*proved {
	results := make([]*proved, len(bugs))
	p := newProgress(a.err, len(bugs))
	slots := make(chan struct{}, jobs(c.Jobs))
	var wait sync.WaitGroup
	for i, b := range bugs {
		results[i] = &proved{Bug: b.ID, Seed: c.Seed}
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			if a.ctx.Err() != nil {
				results[i].err = errNotRun
				return
			}
			results[i].alone(b, c.Seed)
			p.counted(b.ID, results[i].word())
		})
	}
	wait.Wait()
	p.close()
	return results
}

// alone proves one bug. A broken assertion is this bug's, not the end of all.
func (r *proved) alone(b bug.Bug, seed uint64) {
	defer func() {
		if broken := recover(); broken != nil {
			r.err = fmt.Errorf("the proof broke: %v", broken)
		}
	}()
	got, err := prove.Alone(b, seed)
	if err != nil {
		r.err = err
		return
	}
	r.Fired, r.NoticedBy, r.Reboot, r.Together = got.Fired, words(got.To), string(got.Reboot), words(got.Together)
	r.Differences, r.table = words(got.Differences(b)), got.String()
	r.Proved = len(r.Differences) == 0
}

// errNotRun is of the bugs that Ctrl-C left over.
var errNotRun = errors.New("interrupted before its turn")

// word is the verdict of one proof.
func (r *proved) word() string {
	switch {
	case r.err != nil:
		return "error"
	case r.Proved:
		return "as its file says"
	}
	return "differs"
}

func provedText(results []*proved) string {
	var b strings.Builder
	for _, r := range results {
		switch {
		case errors.Is(r.err, errNotRun):
			fmt.Fprintf(&b, "%-8s %s\n", "not run", r.Bug)
		case r.err != nil:
			fmt.Fprintf(&b, "%-8s %s: %v\n", "error", r.Bug, r.err)
		case len(results) == 1:
			fmt.Fprintf(&b, "%s\n%s: %s\n", r.table, r.Bug, r.word())
		default:
			by := strings.Join(r.NoticedBy, ", ")
			if by == "" {
				by = "nobody"
			}
			mark := "ok"
			if !r.Proved {
				mark = "differs"
			}
			fmt.Fprintf(&b, "%-8s %-24s noticed by %s; a reboot %s\n", mark, r.Bug, by, reboots[bug.Reboot(r.Reboot)])
		}
		for _, d := range r.Differences {
			fmt.Fprintf(&b, "         %s\n", d)
		}
	}
	return b.String()
}

func proofCode(results []*proved) error {
	code := exitPass
	for _, r := range results {
		if r.err != nil {
			return &failure{code: exitError}
		}
		if !r.Proved {
			code = exitFail
		}
	}
	if code == exitPass {
		return nil
	}
	return &failure{code: code}
}
