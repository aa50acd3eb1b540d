package worldtest

import (
	"slices"
	"time"

	"fourdays/harness/run"
	"fourdays/harness/scenario"
)

// Declaration is a difference that worlds have by nature.
type Declaration struct {
	Name string
	Why  string
	// covers says whether a message whose first attempt was answered at that moment,
	// in the world that took longer, may have two ends.
	covers func(s *scenario.Scenario, at time.Duration, ends []string) bool
}

// slack is how long before an act of the script an answer may be given that the
// act still concerns, as the driver dates it. Picked.
const slack = 100 * time.Millisecond

// Declarations are all of them. ASSUMPTIONS.md has a line for each.
var Declarations = []Declaration{
	{
		Name: "an outage is as long as it takes",
		Why: "Starting a program, electing a leader and opening a store take the time of this machine in real time, and next to none in virtual time. " +
			"A message that comes meanwhile is taken, or waits with its sender.",
		covers: func(s *scenario.Scenario, at time.Duration, ends []string) bool {
			return at >= firstAct(s)-slack && only(ends, kept, waiting)
		},
	},
	{
		Name: "what nobody made durable survives by chance",
		Why: "After a lying flush a power loss keeps some blocks and not others, by the seed and by what was written when. " +
			"Programs write at other moments in each world.",
		covers: func(s *scenario.Scenario, at time.Duration, ends []string) bool {
			return s.Expect.Grade == scenario.LossDetected && at >= firstAct(s)-slack && only(ends, kept, lost, waiting)
		},
	},
}

// declared is the name of what covers two ends of one message, or "".
func declared(s *scenario.Scenario, one, two *run.End, ends ...string) string {
	if one == nil || two == nil {
		return ""
	}
	for _, d := range Declarations {
		if d.covers(s, max(one.Answered, two.Answered), ends) {
			return d.Name
		}
	}
	return ""
}

// firstAct is when the script first does something; a quiet one never does.
func firstAct(s *scenario.Scenario) time.Duration {
	if len(s.Timeline) == 0 {
		return s.Duration + s.Settle
	}
	return s.Timeline[0].At
}

func only(ends []string, may ...string) bool {
	return !slices.ContainsFunc(ends, func(e string) bool { return !slices.Contains(may, e) })
}
