package report

import (
	"fourdays/harness/check"
	"fourdays/harness/recovery"
	"fourdays/harness/scenario"
)

const hour = int64(3600_000)

func ms(v int64) *int64 { return &v }

func yes() *bool { v := true; return &v }

// outage is a run in the shape of the flagship: everything stopped, nothing was lost.
func outage() *Run {
	hours := 1.08e9
	return &Run{
		Scenario: "four-days", Path: "scenarios/four-days.yaml", Title: "Every array stops at a hidden limit", Seed: 7, World: "sim", Digest: "c0ffee",
		Build:  Build{Go: "go1.26.8", GuestSHA256: "aa", BugsSHA256: "bb", Arch: "amd64"},
		WallMS: 41_300, VirtualMS: 168 * hour, FullMS: 2 * hour, LeaptMS: 166 * hour,
		Checks: []check.Check{
			{Name: "D1", Title: "what was acknowledged is there", Verdict: check.Pass, Operations: 1200},
			{Name: "R1", Title: "all replicas are equal", Verdict: check.Pass, Operations: 200},
			{Name: "I6", Title: "sequence numbers ascend", Verdict: check.Unknown, Why: "nobody looked"},
			{Name: "H1", Title: "every planned fault fired", Verdict: check.Pass, Operations: 1},
		},
		Faults: []Fault{{
			Bug: "libero-limit", Scope: "os acme/2.0", PlannedAtMS: 600_000, ArmedAtMS: ms(600_000), Fired: 412, FirstAtMS: ms(601_250), LastAtMS: ms(72 * hour),
			Where: "n1:state/000003.vlog write", RevertedAtMS: ms(72 * hour), Observed: "reached the application", ObservedAtMS: ms(601_250), Detected: true,
			Overrides: []string{"reached_at 612 instead of 60000, which is picked"}, Can: []string{Refuses},
		}, {
			Bug: "rot", As: "rot-on-east", Scope: "array east", PlannedAtMS: 900_000, ArmedAtMS: ms(900_000), Fired: 3, FirstAtMS: ms(910_000), LastAtMS: ms(hour),
			Where: "n1:state/000001.sst read", Observed: "masked", Masked: 3, MaskedBy: "raid", Can: []string{Alters},
		}, {
			Bug: "late", Scope: "node n3", PlannedAtMS: 900_000, Never: "writes comes to 700 at most, not to 1000000", Can: []string{Slows},
		}, {
			Bug: "power_loss", Scope: "west", PlannedAtMS: hour, Fired: 1, FirstAtMS: ms(hour), LastAtMS: ms(hour), RevertedAtMS: ms(2 * hour),
			Observed: "carried out", Can: []string{Loses, Refuses},
		}},
		Alarms:  []Alarm{{AtMS: 601_300, Array: "east", Text: "operations are not answered"}},
		Scrubs:  []Scrub{{AtMS: hour, Array: "west", Findings: 2, First: []string{"n2:state/000001.sst at 4096", "n2:state/000001.sst at 8192"}}},
		Mail:    check.Mail{Acknowledged: 1200, Present: 1100, Removed: 100, Delayed: 310, Bounced: 95, Ambiguous: 3},
		Classes: []check.Class{{Name: "message", Acknowledged: 1200}, {Name: "flag", Acknowledged: 320}, {Name: "mailbox", Acknowledged: 12}},
		Audit:   Audit{Mailboxes: 600, Replicas: 3, Messages: 3300},
		Recovery: recovery.Recovery{
			FaultMS: ms(601_250), ImpactMS: ms(602_000), DetectMS: ms(612_000), HealedMS: ms(72 * hour), AckMS: ms(88 * hour),
			SteadyMS: ms(143 * hour), AgreedMS: ms(73 * hour), VerifiedMS: ms(167 * hour),
			TTDMS: ms(10_000), RTAMS: ms(143*hour - 602_000), ReconvergMS: ms(hour),
			RPA: recovery.RPA{MessageMS: ms(0), FlagMS: ms(0)}, MailboxHours: &hours, Unavailable: 9e6,
			Reopened: []recovery.Point{{AtMS: 88 * hour, Mailboxes: 9e5}, {AtMS: 143 * hour, Mailboxes: 9e6}},
			T50MS:    ms(110 * hour), T100MS: ms(143*hour - 602_000),
			Delay:    recovery.Delay{Delivered: 1500, Waiting: 2, Bounced: 95, P50MS: ms(900), P99MS: ms(90 * hour), MaxMS: ms(141 * hour)},
			Censored: []recovery.Censor{{Name: "drain_ms", OverMS: 24 * hour}, {Name: "end_to_end_ms", OverMS: 167 * hour}},
			Notes:    []string{"windows grew to an hour to hold enough operations"},
		},
		Milestones: Milestones{
			InboundClosedMS: ms(18 * hour), FixedMS: ms(72 * hour), VerifyFromMS: ms(73 * hour), VerifiedMS: ms(75 * hour),
			FirstReopenMS: ms(88 * hour), LastReopenMS: ms(143 * hour),
		},
		Available:  yes(),
		Population: Population{Mailboxes: 9_000_000, Simulated: 200},
		Nodes:      []Node{{ID: "n1", Array: "east", OS: "acme/2.0", Detected: []string{"storage does not answer"}}, {ID: "n2", Array: "west", OS: "acme/2.0"}, {ID: "n3", Array: "north", OS: "acme/2.0"}},
		Timeline:   []Event{{600_000, "fault", "libero-limit armed on os acme/2.0"}, {18 * hour, "operator", "mail from outside is turned away"}},
	}
}

// calm is a run in which nothing went wrong.
func calm() *Run {
	return &Run{
		Scenario: "calm", Seed: 1, World: "sim", Digest: "d0", WallMS: 900, VirtualMS: 60_000, FullMS: 60_000,
		Checks:     []check.Check{{Name: "D1", Title: "what was acknowledged is there", Verdict: check.Pass, Operations: 10}},
		Mail:       check.Mail{Acknowledged: 10, Present: 10},
		Available:  yes(),
		Population: Population{Mailboxes: 1, Simulated: 1},
		Nodes:      []Node{{ID: "n1", State: Serving}},
	}
}

func expecting(e scenario.Expect) *scenario.Scenario { return &scenario.Scenario{Expect: e} }

func nothingLost() scenario.Expect {
	return scenario.Expect{Grade: scenario.MustSurvive, Counts: []scenario.Count{{Name: "lost", Cond: scenario.Cond{Op: "="}}}}
}
