package solo

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/storage/array"
	"fourdays/storage/bug"
)

// Do carries out a command. It may be called concurrently.
func (s *Solo) Do(r Request) Response {
	err := r.check()
	if err == nil {
		var answer Response
		if answer, err = s.carryOut(r); err == nil {
			answer.OK = true
			return answer
		}
	}
	return Response{Error: err.Error()}
}

func (s *Solo) carryOut(r Request) (Response, error) {
	switch r.Do {
	case Arm:
		return s.arm(r)
	case Disarm:
		return s.disarm(r.Name)
	case PowerLoss:
		return s.lose(r.Of)
	case Failover:
		err := s.fleet.Failover(arrayName)
		s.changed()
		return Response{Text: "the next controller takes over"}, err
	case Heal:
		return s.heal()
	case Faults:
		return Response{Faults: s.faults()}, nil
	case Umount:
		return Response{Text: "unmounted " + s.cfg.Dir}, s.Umount(r.Lazy)
	}
	return Response{Status: s.status()}, nil
}

func (s *Solo) arm(r Request) (Response, error) {
	b, ok := s.cfg.Bugs.Get(r.Bug)
	if !ok {
		return Response{}, fmt.Errorf("there is no bug %q; fourdays bugs list shows all", r.Bug)
	}
	a := scenario.Arm{Bug: r.Bug, As: r.As, ReachedAt: r.ReachedAt, Chance: r.Chance}
	if a.As == "" {
		a.As = r.Bug
	}
	if err := s.put(a, b, r.On); err != nil {
		return Response{}, err
	}
	s.changed()
	b = a.With(b)
	return Response{Text: "armed " + a.As + ": " + b.Sentence()}, nil
}

// put arms a bug under a name that is free.
func (s *Solo) put(a scenario.Arm, b bug.Bug, on On) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.armed[a.As] != nil {
		return fmt.Errorf("%s is armed already: disarm it, or give this one another name", a.As)
	}
	out := &arming{name: a.As}
	for _, o := range a.Overrides(b) {
		out.overrides = append(out.overrides, o.String())
	}
	scope := bug.Scope{Path: on.Path, Population: bug.Population{OS: on.OS}}
	var err error
	if out.rule, err = s.fleet.Arm(a.With(b), scope); err != nil {
		return err
	}
	s.armed[a.As], s.all[out.rule.ID] = out, out
	return nil
}

func (s *Solo) disarm(name string) (Response, error) {
	s.mu.Lock()
	a := s.armed[name]
	names := slices.Sorted(maps.Keys(s.armed))
	delete(s.armed, name)
	s.mu.Unlock()
	switch {
	case a == nil && len(names) == 0:
		return Response{}, errors.New("nothing is armed")
	case a == nil:
		return Response{}, fmt.Errorf("%s is not armed; these are: %s", name, list(names))
	}
	err := s.fleet.Disarm(a.rule.ID)
	s.changed()
	return Response{Text: "disarmed " + name}, err
}

func (s *Solo) lose(of string) (Response, error) {
	if of != "array" {
		return Response{Text: "mounted again; what was not durable may be gone, and programs that used the mount get errors"}, s.powerLoss()
	}
	err := s.fleet.PowerLoss(arrayName)
	if err == nil {
		err = s.fleet.PowerOn(arrayName)
	}
	s.changed()
	return Response{Text: "the array was switched off and on"}, err
}

// heal takes away what is armed and brings back what is off. What was damaged
// stays so.
func (s *Solo) heal() (Response, error) {
	s.mu.Lock()
	armed := s.armed
	s.armed = map[string]*arming{}
	s.mu.Unlock()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(armed)) {
		errs = append(errs, s.fleet.Disarm(armed[name].rule.ID))
	}
	errs = append(errs, s.fleet.PowerOn(arrayName), s.comeBack())
	s.changed()
	return Response{Text: fmt.Sprintf("disarmed %d; what was damaged stays so", len(armed))}, errors.Join(errs...)
}

func ms(d time.Duration) *int64 {
	n := d.Milliseconds()
	return &n
}

// faults are the receipts of everything that was armed, as a run's are.
func (s *Solo) faults() []report.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []report.Fault{}
	for _, r := range s.fleet.Receipts() {
		f := fault(r)
		if a := s.all[r.ID]; a != nil {
			f.Overrides = a.overrides
			if a.name != r.Bug {
				f.As = a.name
			}
		}
		all = append(all, f)
	}
	return all
}

func fault(r array.Receipt) report.Fault {
	f := report.Fault{Bug: r.Bug, Scope: r.Scope, PlannedAtMS: *ms(r.ArmedAt), ArmedAtMS: ms(r.ArmedAt),
		Fired: int64(r.Fired), Where: r.Where, Masked: int64(r.Masked), MaskedBy: r.MaskedBy}
	if r.Fired > 0 {
		f.FirstAtMS, f.LastAtMS = ms(r.FirstAt), ms(r.LastAt)
	}
	if r.Reverted {
		f.RevertedAtMS = ms(r.RevertedAt)
	}
	if r.Observed {
		f.Observed, f.ObservedAtMS = "reached the application", ms(r.ObservedAt)
	} else if r.Masked > 0 {
		f.Observed = "masked"
	}
	return f
}

func (s *Solo) status() *Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.fleet.Counters(arrayName)
	out := &Status{Dir: s.cfg.Dir, PID: os.Getpid(), Seed: s.cfg.Seed, OS: s.fleet.OS(arrayName), AgeMS: *ms(time.Since(s.start)),
		Losses: s.losses, Ops: c.Ops, Writes: c.Writes, Flushes: c.Flushes, Bytes: c.Bytes,
		Armed: slices.AppendSeq([]string{}, maps.Keys(s.armed)), Alarms: []string{}}
	slices.Sort(out.Armed)
	for _, a := range s.fleet.Alarms() {
		out.Alarms = append(out.Alarms, a.Text)
	}
	if s.media != nil {
		out.Media = &Media{Folder: s.cfg.Media}
		out.Media.Reserved, out.Media.Used = s.media.Size()
		if err := s.media.Err(); err != nil {
			out.Media.Full = err.Error()
		}
	}
	return out
}
