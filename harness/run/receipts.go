package run

import (
	"strings"
	"time"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
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
		f.Bug, f.Name, f.Scope = a.Bug, a.As, scopeText(a.On)
		f.MustRevert = st.takesBack(a.As)
	case scenario.PowerLoss:
		f.Scope, f.MustRevert = strings.Join(a.Targets, ", "), st.returns(step.At, a.Targets)
	case scenario.Kill:
		f.Scope, f.MustRevert = strings.Join(a.Nodes, ", "), st.returns(step.At, a.Nodes)
	case scenario.Failover:
		f.Scope = strings.Join(a.Arrays, ", ")
	case scenario.Partition:
		f.Scope, f.MustRevert = "network", st.heals(step.At)
	case scenario.Link: // several may be planned for one moment
		f.Scope, f.MustRevert = strings.Join(a.Between[:], "–"), st.heals(step.At)
	default:
		return nil
	}
	return f
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
	if _, ok := step.Action.(scenario.Failover); ok { // it is over when it is done
		f.RevertedAtMS = &now
	}
}

// reverted notes that the acts of that verb on the target were taken back; an
// empty target means all.
func (st *stage) reverted(verb, target string) {
	for _, f := range st.ev.Faults {
		if f.Bug == verb && f.Rule == "" && f.Fired > 0 && f.RevertedAtMS == nil && strings.Contains(f.Scope, target) {
			f.RevertedAtMS = ms(st.Now())
		}
	}
}

// receipts takes what the arrays know of the armed bugs.
func (st *stage) receipts() {
	for _, r := range st.fleet.Receipts() {
		for _, f := range st.ev.Faults {
			if f.Rule != r.ID {
				continue
			}
			f.Fired = int64(r.Fired)
			if r.Fired > 0 {
				f.FirstAtMS, f.LastAtMS = ms(r.FirstAt-lead), ms(r.LastAt-lead)
			}
			if r.Reverted {
				f.RevertedAtMS = ms(r.RevertedAt - lead)
			}
			if r.Observed {
				f.Observed = "reached the application"
			} else if r.Masked > 0 {
				f.Observed = "masked"
			}
		}
	}
}
