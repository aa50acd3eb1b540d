package scenario

import "slices"

// NotElsewhere lists what of a scenario needs commands of this machine, with its
// places in the file: only the world of processes runs them.
func NotElsewhere(s *Scenario) []Issue {
	if x := s.External; x != nil {
		return []Issue{{x.where.line, x.where.column, "an external target is run by commands of this machine", "play it with --world local"}}
	}
	return nil
}

// NotLive lists what of a scenario cannot be played in real time, with its
// places in the file. Nobody waits two days for a leap to end, and programs
// that are to stand still meanwhile would see it.
func NotLive(s *Scenario) []Issue {
	var all []Issue
	for _, step := range s.Timeline {
		if leap, ok := step.Action.(Leap); ok {
			all = append(all, step.issue(leap.Verb(), "play it with --world sim", "a leap needs virtual time"))
		}
	}
	return newError("", append(all, s.unlinked()...)).Issues
}

// unlinked are the steps that change the network of a scenario in which nodes get
// other identities. In real time a link is a proxy, made when a program starts:
// those that run already reach a new one past it.
func (s *Scenario) unlinked() (all []Issue) {
	renewed := slices.ContainsFunc(s.steps(), func(step Step) bool {
		switch step.Action.(type) {
		case Replace, Recover, Fresh:
			return true
		}
		return false
	})
	for _, step := range s.steps() {
		switch step.Action.(type) {
		case Partition, Link:
			if renewed {
				all = append(all, step.issue(step.Action.Verb(), "play it with --world sim", "in real time no proxy stands before a node that was replaced or recovered"))
			}
		}
	}
	return all
}
