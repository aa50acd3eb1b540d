package scenario

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
	return newError("", all).Issues
}
