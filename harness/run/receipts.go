package run

import (
	"slices"
	"strings"
	"time"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/storage/bug"
)

// plannedFault says what receipt a step owes, nil if it is no fault. To restart
// a node is what an operator does about one.
func (st *stage) plannedFault(step scenario.Step) *fault {
	f := &fault{Fault: report.Fault{PlannedAtMS: step.At.Milliseconds()}}
	verb := ""
	if step.Action != nil {
		verb = step.Action.Verb()
	}
	f.Bug, f.Name = verb, verb
	switch a := step.Action.(type) {
	case scenario.Arm:
		st.planArm(f, a)
	case scenario.Crash:
		f.Scope, f.MustRevert = strings.Join(a.Arrays, ", "), step.At+a.For <= st.s.Duration
	case scenario.Promote:
		f.Scope = strings.Join(a.Arrays, ", ")
	case scenario.PowerLoss:
		f.Scope, f.MustRevert = strings.Join(a.Targets, ", "), st.returns(step.At, a.Targets)
	case scenario.Kill:
		f.Scope, f.MustRevert = strings.Join(a.Nodes, ", "), st.returns(step.At, a.Nodes)
	case scenario.Failover:
		f.Scope = strings.Join(a.Arrays, ", ")
	case scenario.Upgrade:
		if a.How == "" {
			return nil // nobody feels it
		}
		for i, u := range a.To {
			f.Scope += []string{"", ", "}[min(i, 1)] + u.Array
		}
	case scenario.Partition:
		f.Scope, f.MustRevert = "network", st.heals(step.At)
	case scenario.Link: // several may be planned for one moment
		f.Scope, f.MustRevert = strings.Join(a.Between[:], "–"), st.heals(step.At)
	default:
		return nil
	}
	if f.Can == nil {
		f.Can = acts[verb]
	}
	return f
}

// acts is what can follow from what the script does, where nothing is armed.
var acts = map[string][]string{
	"power_loss": {report.Loses, report.Refuses}, "kill": {report.Refuses}, "promote": {report.Loses, report.Refuses},
	"failover": {report.Refuses, report.Slows}, "crash": {report.Refuses, report.Slows},
	"upgrade":   {report.Refuses, report.Slows},
	"partition": {report.Refuses, report.Slows}, "link": {report.Refuses, report.Slows},
}

// planArm fills in the receipt of what is to be armed.
func (st *stage) planArm(f *fault, a scenario.Arm) {
	b, _ := st.s.Bug(a.Bug)
	f.Bug, f.Name, f.Scope, f.MustRevert = a.Bug, a.As, scopeText(a.On), st.takesBack(a.As)
	if a.As != a.Bug {
		f.As = a.As
	}
	f.Can = effects(b)
	for _, o := range a.Overrides(b) {
		f.Overrides = append(f.Overrides, o.String())
	}
}

// effects is what a bug can do to those above it. What an array says of itself
// changes no mail: a false figure of the room is all that mail meets of it.
func effects(b bug.Bug) []string {
	e := b.Effect
	if b.Plane == bug.Report {
		if slices.Contains(e.Acts, bug.Space) {
			return []string{report.Refuses}
		}
		return nil
	}
	can := map[string]bool{
		report.Refuses: e.Reply != bug.Reply{}, report.Slows: e.Delay.Max > 0 || e.Slow.Max > 0,
		report.Loses: e.Persist.Kind != bug.Yes || e.Data.Kind == bug.Old, report.Alters: e.Data.Kind != bug.Same,
	}
	switch e.Persist.Kind {
	case bug.Partial, bug.Elsewhere, bug.Behind:
		can[report.Alters] = true
	}
	for _, way := range actions[e.Action] {
		can[way] = true
	}
	var list []string
	for _, way := range []string{report.Loses, report.Alters, report.Revives, report.Refuses, report.Slows} {
		if can[way] {
			list = append(list, way)
		}
	}
	return list
}

var actions = map[bug.Action][]string{
	bug.Rollback: {report.Loses, report.Revives}, bug.ZeroAll: {report.Loses, report.Alters}, bug.Wipe: {report.Loses},
	bug.DropEntries: {report.Loses}, bug.HideEntries: {report.Loses}, bug.Resurrect: {report.Revives}, bug.Alias: {report.Alters},
	bug.Resize: {report.Loses, report.Refuses}, bug.Offline: {report.Refuses}, bug.ReadOnly: {report.Refuses}, bug.Crash: {report.Refuses, report.Slows},
}

func (st *stage) takesBack(name string) bool {
	for _, s := range st.s.Timeline {
		switch a := s.Action.(type) {
		case scenario.Disarm:
			if a.Name == name {
				return true
			}
		case scenario.Fix:
			if a.Name == name {
				return true
			}
		}
	}
	return false
}

func (st *stage) heals(after time.Duration) bool {
	for _, s := range st.s.Timeline {
		if _, ok := s.Action.(scenario.Heal); ok && s.At >= after {
			return true
		}
	}
	return false
}

// returns says whether the script brings one of the targets back later.
func (st *stage) returns(after time.Duration, targets []string) bool {
	for _, s := range st.s.Timeline {
		var back []string
		switch a := s.Action.(type) {
		case scenario.PowerOn:
			back = a.Targets
		case scenario.Start:
			back = a.Nodes
		}
		for _, b := range back {
			for _, t := range targets {
				if s.At >= after && b == t {
					return true
				}
			}
		}
	}
	return false
}

// faultOf finds the receipt of a step.
func (st *stage) faultOf(step scenario.Step) *fault {
	want := st.plannedFault(step)
	if want == nil {
		return nil
	}
	for _, f := range st.ev.Faults {
		if f.PlannedAtMS == want.PlannedAtMS && f.Name == want.Name && f.Scope == want.Scope {
			return f
		}
	}
	return nil
}

// fired notes that an act of the harness was carried out.
func (st *stage) fired(step scenario.Step) {
	f := st.faultOf(step)
	if f == nil {
		return
	}
	now := st.Now().Milliseconds()
	f.Fired++
	f.FirstAtMS, f.LastAtMS = &now, &now
	f.Observed = "carried out"
	switch step.Action.(type) {
	case scenario.Failover, scenario.Promote: // it is over when it is done
		f.RevertedAtMS = &now
	}
}

// reverted notes that the acts of that verb on the target were taken back; an
// empty target means all.
func (st *stage) reverted(verb, target string) {
	for _, f := range st.ev.Faults {
		hit := target == "" || slices.Contains(strings.Split(f.Scope, ", "), target)
		if f.Bug == verb && f.Rule == "" && f.Fired > 0 && f.RevertedAtMS == nil && hit {
			f.RevertedAtMS = ms(st.Now())
		}
	}
}

// receipts takes what the arrays know of the armed bugs.
func (st *stage) receipts() {
	all := st.fleet.Receipts()
	st.noise(all)
	for _, r := range all {
		for _, f := range st.ev.Faults {
			if f.Rule != r.ID {
				continue
			}
			f.Fired, f.Where, f.Masked, f.MaskedBy = int64(r.Fired), r.Where, int64(r.Masked), r.MaskedBy
			if r.Fired > 0 {
				f.FirstAtMS, f.LastAtMS = ms(r.FirstAt-lead), ms(r.LastAt-lead)
			}
			if r.Reverted {
				f.RevertedAtMS = ms(r.RevertedAt - lead)
			}
			if r.Observed {
				f.Observed, f.ObservedAtMS = "reached the application", ms(r.ObservedAt-lead)
			} else if r.Masked > 0 {
				f.Observed = "masked"
			}
			f.Detected = st.noticedSince(f)
		}
	}
}

// noticedSince says whether a node that a bug was on has reported something since
// it fired, or an array because of it.
func (st *stage) noticedSince(f *fault) bool {
	if f.FirstAtMS == nil {
		return false
	}
	return slices.ContainsFunc(st.nodes, func(n *node) bool {
		on := func(v string) bool { return slices.Contains(f.Volumes, v) }
		return slices.ContainsFunc(n.volumes(), on) && n.noticedMS != nil && *n.noticedMS >= *f.FirstAtMS
	}) || slices.ContainsFunc(st.ev.Alarms, func(a Alarm) bool { return a.Rule == f.Rule })
}
