package worldtest

import (
	"slices"
	"strings"
	"time"

	"fourdays/harness/run"
	"fourdays/harness/scenario"
)

// Declaration is a difference that worlds have by nature.
type Declaration struct {
	Name string
	Why  string
	// covers says whether a message may have two ends.
	covers func(s *scenario.Scenario, of message) bool
}

// message is what is known of one that ended otherwise in each world.
type message struct {
	at   time.Duration // its first attempt was answered, in the world that took longer
	ends []string
	told []string // in reply to the first attempt of each world
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
		covers: func(s *scenario.Scenario, of message) bool {
			return of.at >= firstAct(s)-slack && only(of.ends, kept, waiting)
		},
	},
	{
		Name: "what nobody made durable survives by chance",
		Why: "After a lying flush a power loss keeps some blocks and not others, by the seed and by what was written when. " +
			"Programs write at other moments in each world.",
		covers: func(s *scenario.Scenario, of message) bool {
			return s.Expect.Grade == scenario.LossDetected && of.at >= firstAct(s)-slack && only(of.ends, kept, lost, waiting)
		},
	},
	{
		Name: "a late machine elects",
		Why: "A leader that gets no processor for a second is taken for dead. Who delivers in the election is told so, " +
			"and has the message until the next attempt, which may come after an act of the script.",
		covers: func(s *scenario.Scenario, of message) bool {
			may := []string{kept, waiting}
			if s.Expect.Grade == scenario.LossDetected {
				may = append(may, lost)
			}
			return only(of.ends, may...) && slices.ContainsFunc(of.told, leaderless)
		},
	},
}

// leaderless says whether a node answered that nobody leads, or that the one who
// did has stopped to in the midst of it.
func leaderless(reply string) bool {
	return strings.Contains(reply, "no leader") || strings.Contains(reply, "outcome unknown")
}

// declared is the name of what covers two ends of one message, or "".
func declared(s *scenario.Scenario, one, two *run.End, ends ...string) string {
	if one == nil || two == nil {
		return ""
	}
	of := message{max(one.Answered, two.Answered), ends, []string{one.Reply, two.Reply}}
	for _, d := range Declarations {
		if d.covers(s, of) {
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
