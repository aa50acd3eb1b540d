package run

import (
	"slices"
	"time"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
)

// How long the operator waits after the script before anything is done, how long
// nodes have to come up after a restart, and how much longer the scenario gets for
// all that. All picked.
const (
	breather = 5 * time.Second
	comingUp = 20 * time.Second
	wayBack  = 4 * time.Minute
)

// Fixed is a scenario with the first thing that an operator does about a bug, when
// the script is over: the vendor's fix is installed, and the nodes that did not
// serve in the end, as ended says, are started again. It is nil if all served.
func Fixed(s *scenario.Scenario, ended *report.Run) *scenario.Scenario {
	down := notServing(ended)
	if len(down) == 0 {
		return nil
	}
	return after(s, fixAndStart(s, down))
}

// Replaced is a scenario with what comes then, if nodes do not serve after the fix,
// as fixed says: while a majority serves they are replaced one by one, and
// otherwise the best copy becomes the beginning of a new group. fixed is a run of
// Fixed, and ended as there. It is nil if all serve.
func Replaced(s *scenario.Scenario, ended, fixed *report.Run) *scenario.Scenario {
	down := notServing(fixed)
	if len(down) == 0 {
		return nil
	}
	steps := fixAndStart(s, notServing(ended))
	need := []scenario.Play{{After: comingUp, Action: scenario.Recover{From: scenario.Best, Replace: true}}}
	if 2*len(down) < len(fixed.Nodes) {
		need = nil
		for _, node := range down {
			need = append(need, scenario.Play{After: comingUp, Action: scenario.Replace{Node: node}})
		}
	}
	return after(s, append(steps, need...))
}

// after is a scenario with a playbook that begins when its script is over. Nothing
// is expected of it but what is counted.
func after(s *scenario.Scenario, steps []scenario.Play) *scenario.Scenario {
	end := scenario.Wait{For: scenario.Condition{Of: scenario.Moment, Time: s.Duration}}
	b := *s
	b.Playbook = slices.Concat(s.Playbook, []scenario.Play{{Action: end}}, steps)
	b.Duration += wayBack
	b.Expect = scenario.Expect{Counts: []scenario.Count{{Name: "lost", Cond: scenario.Cond{Op: ">=", N: 0}}}}
	return &b
}

func fixAndStart(s *scenario.Scenario, down []string) (steps []scenario.Play) {
	for _, step := range s.Timeline {
		if a, ok := step.Action.(scenario.Arm); ok {
			steps = append(steps, scenario.Play{Action: scenario.Fix{Name: a.As}})
		}
	}
	return append(steps, scenario.Play{After: breather, Action: scenario.Restart{Nodes: down}})
}

// notServing are the nodes that did not serve when a run was over.
func notServing(r *report.Run) (down []string) {
	for _, n := range r.Nodes {
		if n.State != report.Serving {
			down = append(down, n.ID)
		}
	}
	return down
}
