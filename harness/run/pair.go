package run

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/storage/bug"
)

// Disarmed is the scenario without the bug that it proves, or without any bug
// if it proves none: where it was armed, disarmed or fixed stands a note, and
// all is expected to be well. Nothing else differs, not even when the harness
// looks at the nodes: the two runs are one run until the bug does something.
func Disarmed(s *scenario.Scenario) *scenario.Scenario {
	d := *s
	d.Playbook, d.Stop = nil, nil // there is nothing to mend, and nothing to wait for
	d.Proves, d.Timeline, d.Expect = "", slices.Clone(s.Timeline), well(&d)
	gone := map[string]bool{}
	for i, step := range d.Timeline {
		name := ""
		switch a := step.Action.(type) {
		case scenario.Arm:
			gone[a.As] = s.Proves == "" || a.Bug == s.Proves
			name = a.As
		case scenario.Disarm:
			name = a.Name
		case scenario.Fix:
			name = a.Name
		}
		if gone[name] {
			d.Timeline[i] = scenario.Step{At: step.At, Note: step.Action.Verb() + " " + name + ": left out of this run"}
		}
	}
	return &d
}

// well is the expectation that nothing is wrong, and that nobody thinks so.
func well(s *scenario.Scenario) scenario.Expect {
	no, yes := false, true
	e := scenario.Expect{
		Grade: scenario.MustSurvive, Fenced: []string{}, Detected: &no, Alarms: []string{}, Available: &yes,
	}
	for _, name := range []string{"lost", "altered", "duplicated", "misfiled", "resurrected"} {
		e.Counts = append(e.Counts, scenario.Count{Name: name, Cond: scenario.Cond{Op: "="}})
	}
	if s.Whole() {
		e.Down = s.LeftDown()
	}
	for _, step := range s.Timeline {
		switch a := step.Action.(type) {
		case scenario.Crash: // arrays say so, and should
			e.Alarms = append(e.Alarms, a.Arrays...)
		case scenario.Scrub:
			for _, name := range a.Arrays {
				e.Scrubs = append(e.Scrubs, scenario.ScrubWant{Array: name, Cond: scenario.Cond{Op: "="}})
			}
		}
	}
	slices.Sort(e.Alarms)
	e.Alarms = slices.Compact(e.Alarms)
	e.Latency, e.UnavailableFor = shorter(s.Expect.Latency), shorter(s.Expect.UnavailableFor)
	return e
}

// shorter is what a time has to be without the bug that makes it so long.
func shorter(long *scenario.Length) *scenario.Length {
	if long == nil || long.Op[0] != '>' {
		return nil
	}
	op := "<"
	if long.Op == ">" {
		op = "<="
	}
	return &scenario.Length{Op: op, Time: long.Time}
}

// PairResult is a proof pair that was played: what is expected with the bug
// comes out with it and not without it, and all is well without it and not
// with it.
type PairResult struct {
	Scenario string `json:"scenario"`
	Bug      string `json:"bug"` // that is to be proved, "" for all that are armed
	Proved   bool   `json:"proved"`
	// Why says what is missing, one sentence each; empty when Proved.
	Why []string `json:"why"`
	// Apart are the expectations that tell the two runs from one another: those
	// of the armed run that do not hold for the other, and the other way round.
	Apart    []string `json:"apart"`
	Armed    Side     `json:"armed"`
	Disarmed Side     `json:"disarmed"`
}

// Side is one run of a pair.
type Side struct {
	Dir string      `json:"dir"` // its run directory
	Run *report.Run `json:"run"`
	// Crossed is the same record, judged by what is expected of the other run;
	// nil if there was nothing to judge.
	Crossed *report.Run `json:"crossed"`
}

// The sides of a pair, and their run directories in Options.Dir.
const (
	ArmedSide    = "armed"
	DisarmedSide = "disarmed"
)

// Pair plays a scenario and its disarmed twin side by side and judges each
// record by both expectations. opt.Dir must exist and takes a whole run directory
// for each; opt.Progress may be called from two goroutines, one at a time. An
// error means that the harness failed; the result says how far it came.
func Pair(ctx context.Context, s *scenario.Scenario, opt Options) (PairResult, error) {
	p := PairResult{Scenario: s.Name, Bug: s.Proves, Why: []string{}, Apart: []string{}}
	twin := Disarmed(s)
	var both sync.WaitGroup
	var lock sync.Mutex
	errs := make([]error, 2)
	both.Go(func() { p.Armed, errs[0] = side(ctx, s, twin.Expect, opt.side(ArmedSide, &lock)) })
	both.Go(func() { p.Disarmed, errs[1] = side(ctx, twin, s.Expect, opt.side(DisarmedSide, &lock)) })
	both.Wait()
	p.judge(s)
	return p, errors.Join(errs...)
}

// side are the options of one run of a pair.
func (o Options) side(name string, lock *sync.Mutex) Options {
	o.Dir = filepath.Join(o.Dir, name)
	if tell := o.Progress; tell != nil {
		o.Progress = func(at Progress) {
			lock.Lock()
			defer lock.Unlock()
			at.Side = name
			tell(at)
		}
	}
	if name == DisarmedSide {
		o.Source = nil // it is of no file
	}
	return o
}

// side plays one run of a pair into a directory of its own.
func side(ctx context.Context, s *scenario.Scenario, other scenario.Expect, opt Options) (Side, error) {
	one := Side{Dir: opt.Dir}
	dir, err := report.Create(opt.Dir)
	if err != nil {
		return one, err
	}
	one.Run, err = Run(ctx, s, opt)
	if one.Run == nil {
		one.Run = &report.Run{Scenario: s.Name, Title: s.Title, Seed: s.Seed, World: opt.Place.Kind(), Verdict: report.Error, Why: fmt.Sprint(err)}
		report.Complete(one.Run, s)
	} else if err == nil {
		crossed := *s
		crossed.Expect = other
		one.Crossed, err = Judge(&crossed, opt.Dir)
	}
	source := opt.Source
	if source == nil {
		source = scenario.Print(s)
	}
	if werr := dir.Finish(one.Run, source); werr != nil {
		return one, errors.Join(err, werr)
	}
	if err != nil {
		return one, fmt.Errorf("%s run: %w", filepath.Base(opt.Dir), err)
	}
	return one, nil
}

// judge says whether the pair is a proof.
func (p *PairResult) judge(s *scenario.Scenario) {
	p.wants(p.Armed.Run, "the armed run")
	if !fires(p.Armed.Run, s) {
		p.Why = append(p.Why, "what is to be proved never fired in the armed run")
	}
	p.wants(p.Disarmed.Run, "the disarmed run")
	p.tells(p.Armed.Crossed, "the armed run", "without the bug")
	p.tells(p.Disarmed.Crossed, "the disarmed run", "with the bug")
	p.feels(s)
	p.Proved = len(p.Why) == 0
}

func (p *PairResult) wants(r *report.Run, who string) {
	if r == nil {
		p.Why = append(p.Why, who+" was not played")
	} else if r.Verdict != report.Pass {
		p.Why = append(p.Why, fmt.Sprintf("%s: %s: %s", who, r.Verdict, firstLine(r.Why)))
	}
}

// tells wants that a run surely fails what is expected of the other one.
func (p *PairResult) tells(crossed *report.Run, who, expected string) {
	if crossed == nil {
		return
	}
	for _, x := range crossed.Expectations {
		if x.Verdict == report.Fail {
			p.Apart = append(p.Apart, fmt.Sprintf("%s: %s is %s, and %s expected %s", who, x.Name, x.Got, x.Want, expected))
		}
	}
	switch crossed.Verdict {
	case report.Fail:
	case report.Pass:
		p.Why = append(p.Why, fmt.Sprintf("%s does all that is expected %s: nothing tells the two apart", who, expected))
	default:
		p.Why = append(p.Why, fmt.Sprintf("whether %s does what is expected %s cannot be told: %s", who, expected, firstLine(crossed.Why)))
	}
}

// feels wants a difference beside what the arrays say: one that does nothing but
// confess has done nobody harm. A bug in what arrays say has no other.
func (p *PairResult) feels(s *scenario.Scenario) {
	told, felt := 0, false
	for _, crossed := range []*report.Run{p.Armed.Crossed, p.Disarmed.Crossed} {
		if crossed == nil {
			continue
		}
		for _, x := range crossed.Expectations {
			if x.Verdict == report.Fail {
				told++
				felt = felt || !p.confessed(x.Name)
			}
		}
	}
	if told > 0 && !felt && !reporting(s) {
		p.Why = append(p.Why, "all that tells the two apart is what the arrays say of themselves: nobody above them felt it")
	}
}

// confessed says that an expectation fails by the arrays' own word: alarms, or
// that the trouble was detected when nothing but alarms told of it.
func (p *PairResult) confessed(name string) bool {
	detected := name == "detected" || strings.HasPrefix(name, "detected ")
	return name == "alarms" || detected && p.Armed.Run != nil && !p.Armed.Run.Noticed()
}

// reporting says whether a bug that is to be proved is in what arrays say.
func reporting(s *scenario.Scenario) bool {
	return slices.ContainsFunc(s.Timeline, func(step scenario.Step) bool {
		a, arms := step.Action.(scenario.Arm)
		b, known := s.Bug(a.Bug)
		return arms && known && b.Plane == bug.Report && (s.Proves == "" || a.Bug == s.Proves)
	})
}

// fires says whether what is to be proved did something.
func fires(r *report.Run, s *scenario.Scenario) bool {
	return r != nil && slices.ContainsFunc(r.Faults, func(f report.Fault) bool {
		_, isBug := s.Bug(f.Bug)
		return f.Fired > 0 && isBug && (s.Proves == "" || f.Bug == s.Proves)
	})
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
