package run

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/storage/bug"
)

// waiting is a bug that makes an array slow for a moment after an event: its
// receipt shows that the event came.
func waiting(event string) bug.Bug {
	text := fmt.Sprintf("id: after-%s\nevidence: {label: generic}\ntrigger: {event: %s}\neffect: {ops: [open, read, write, fsync], delay: 1ms}\nscope: {extent: array}\npersistence: transient\n",
		map[bool]string{true: "cycle", false: event}[event == "power_cycle"], event)
	b, err := bug.Parse(event, []byte(text))
	if err != nil {
		panic(err)
	}
	return b
}

// TestWhatIsDoneToArraysReachesThem plays each act once, on an array with
// everything that it needs, and has a bug wait for each event. Nothing is lost by
// any of it.
func TestWhatIsDoneToArraysReachesThem(t *testing.T) {
	t.Parallel()
	s := load(t, "testdata/small.yaml")
	s.Duration, s.Workload.Until, s.Settle = 30*time.Second, 20*time.Second, 10*time.Second
	east := &s.Storage.Arrays[0]
	east.PowerOn, east.Age, east.Drives, east.Tolerance, east.Rebuild, east.Skew = 40_000*time.Hour, time.Hour, 8, 1, time.Hour, 1000*time.Hour
	east.Cache, east.Queue, east.Inodes, east.Mirrored = 1<<20, 32, 10_000, true
	east.Counters = []scenario.Counter{{Of: bug.Writes, Value: 1000}, {Of: bug.PowerLosses, Value: 3}}
	names, on := []string{"east"}, []string{"n1"}
	do := func(at int, a scenario.Action) {
		s.Timeline = append(s.Timeline, scenario.Step{At: time.Duration(at) * time.Second, Action: a})
	}
	for _, event := range []string{"dedupe", "snapshot", "scrub", "failover", "restore", "upgrade", "power_cycle"} {
		b := waiting(event)
		s.Bugs = append(s.Bugs, b)
		do(0, scenario.Arm{Bug: b.ID, As: b.ID, On: scenario.Scope{Array: "east"}})
	}
	do(1, scenario.Tell{Event: "dedupe", On: names})
	do(1, scenario.Copy{Name: "nightly", Of: on})
	do(2, scenario.Scrub{Arrays: names})
	do(2, scenario.Upgrade{To: []scenario.Upgraded{{Array: "east", OS: "acme/1.1"}}})
	do(3, scenario.Crash{Arrays: names, For: 2 * time.Second})
	do(12, scenario.Kill{Nodes: on})
	do(12, scenario.Copy{Name: "nightly", Of: on})
	do(12, scenario.Restore{Copy: "nightly", To: on})
	do(12, scenario.Start{Nodes: on})
	do(13, scenario.Promote{Arrays: names})
	do(14, scenario.PowerLoss{Targets: names})
	do(15, scenario.PowerOn{Targets: names})
	s.Expect = Disarmed(s).Expect
	require.Equal(t, names, s.Expect.Alarms)
	s.Expect.Detected = nil // slowness is an alarm
	require.Empty(t, scenario.Warnings(s))

	r, _ := rehearse(t, s)
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	for _, f := range r.Faults {
		require.Positive(t, f.Fired, f.Bug)
		if f.Bug == "crash" {
			require.Equal(t, int64(5000), *f.RevertedAtMS)
		}
	}
	require.Equal(t, []report.Scrub{{AtMS: 2000, Array: "east", First: []string{}}}, r.Scrubs)
	i := slices.IndexFunc(r.Alarms, func(a report.Alarm) bool { return a.Scripted })
	require.Equal(t, report.Alarm{AtMS: 3000, Array: "east", Text: "controller 0 has crashed", Scripted: true}, r.Alarms[i])
	require.Equal(t, "acme/1.1", r.Nodes[0].OS)
	require.Contains(t, r.Timeline, report.Event{AtMS: 3000, Kind: "detected", Text: "east raises an alarm: controller 0 has crashed"})
}

// TestArraysAreAsOldAsTheFileSays: the hour in which the store was filled is part
// of the age.
func TestArraysAreAsOldAsTheFileSays(t *testing.T) {
	cfg := arrayConfig(scenario.Array{PowerOn: 32767 * time.Hour, Drives: 4, Tolerance: 1, Counters: []scenario.Counter{{Of: bug.Files, Value: 65_000}}})
	require.Equal(t, 32766*time.Hour, cfg.PowerOn)
	require.Equal(t, int64(65_000), cfg.Counters.Files)
	require.Equal(t, []int{4, 1}, []int{cfg.Drives, cfg.Tolerance})
	require.Zero(t, arrayConfig(scenario.Array{PowerOn: time.Minute}).PowerOn)
	for _, name := range scenario.CounterNames() {
		require.NotPanics(t, func() {
			arrayConfig(scenario.Array{Counters: []scenario.Counter{{Of: bug.Counter(name), Value: 1}}})
		}, name)
	}
}

// TestARestoreUnderARunningProgramIsRefused, by the run too: a scenario that was
// made in Go has not been checked.
func TestARestoreUnderARunningProgramIsRefused(t *testing.T) {
	t.Parallel()
	s := load(t, "testdata/small.yaml")
	s.Timeline = []scenario.Step{{At: time.Second, Action: scenario.Restore{Copy: "none", To: []string{"n1"}}}}
	_, err := Run(t.Context(), s, Options{Dir: t.TempDir(), Place: programs(t)})
	require.ErrorContains(t, err, "step at 1s (restore): node n1 is running; kill it first")
}

// TestEffectsAreWhatCanFollow has one bug for each way to do harm.
func TestEffectsAreWhatCanFollow(t *testing.T) {
	for text, want := range map[string][]string{
		"{ops: [fsync], persist: no}":                          {report.Loses},
		"{ops: [fsync], persist: no, reply: EIO}":              {report.Loses, report.Refuses},
		"{ops: [write], persist: elsewhere}":                   {report.Loses, report.Alters},
		"{ops: [read], data: old(1)}":                          {report.Loses, report.Alters},
		"{ops: [read], data: flip(1)}":                         {report.Alters},
		"{ops: [read], reply: never}":                          {report.Refuses},
		"{ops: [read], delay: 1s}":                             {report.Slows},
		"{ops: [read], slow: 2..3}":                            {report.Slows},
		"{action: rollback}":                                   {report.Loses, report.Revives},
		"{action: resurrect, part: 0.5}":                       {report.Revives},
		"{action: offline}":                                    {report.Refuses},
		"{action: crash, for: 1m}":                             {report.Refuses, report.Slows},
		"{action: zero, bytes: 512, ops: [write], reply: EIO}": {report.Loses, report.Alters, report.Refuses},
	} {
		b, err := bug.Parse("x", []byte("id: x\nevidence: {label: generic}\ntrigger: {event: arm}\nscope: {extent: array}\npersistence: once\neffect: "+text))
		require.NoError(t, err, text)
		require.Equal(t, want, effects(b), text)
	}
	for _, a := range []bug.Action{bug.Rollback, bug.Offline, bug.ReadOnly, bug.ZeroAll, bug.Wipe, bug.DropEntries, bug.HideEntries, bug.Resurrect, bug.Alias, bug.Resize, bug.Crash} {
		require.NotEmpty(t, effects(bug.Bug{Effect: bug.Effect{Action: a}}), a)
	}
}

// TestWhatAnArraySaysChangesNoMail: no alarm explains nothing, and a false figure
// of the room explains what was refused.
func TestWhatAnArraySaysChangesNoMail(t *testing.T) {
	said := func(act bug.Act, data bug.Corruption) []string {
		return effects(bug.Bug{Plane: bug.Report, Effect: bug.Effect{Acts: []bug.Act{act}, Reply: bug.Reply{Never: true}, Data: bug.Change{Kind: data}}})
	}
	require.Empty(t, said(bug.Alarm, bug.Same))
	require.Equal(t, []string{report.Refuses}, said(bug.Space, bug.Zero))
}

// TestTimesOfABugCountFromTheStart moves every time in a trigger by the lead, and
// leaves the bug itself alone.
func TestTimesOfABugCountFromTheStart(t *testing.T) {
	at := func(from, to time.Duration) bug.Trigger { return bug.Trigger{Time: &bug.Time{At: from, Until: to}} }
	arm, fire := at(1, 2), at(3, 0)
	was := bug.Trigger{Arm: &arm, Fire: &bug.Trigger{All: []bug.Trigger{fire, {Any: []bug.Trigger{at(4, 5)}}, {Event: "arm"}}}}
	got := shifted(was, 10)
	require.Equal(t, bug.Time{At: 11, Until: 12}, *got.Arm.Time)
	require.Equal(t, bug.Time{At: 13}, *got.Fire.All[0].Time)
	require.Equal(t, bug.Time{At: 14, Until: 15}, *got.Fire.All[1].Any[0].Time)
	require.Equal(t, "arm", got.Fire.All[2].Event)
	require.Equal(t, bug.Time{At: 1, Until: 2}, *was.Arm.Time)
	require.Equal(t, bug.Time{At: 3}, *was.Fire.All[0].Time)
}

// TestServiceIsWhatUsersHad has one row per story: times are in seconds, from
// meant to answered, and a failure is marked.
func TestServiceIsWhatUsersHad(t *testing.T) {
	type op struct {
		from, to int64
		fails    bool
	}
	for name, c := range map[string]struct {
		ops           []op
		longest, slow int64 // seconds, -1 for not known
	}{
		"nobody asked":             {nil, -1, -1},
		"all is well":              {[]op{{1, 2, false}, {5, 6, false}, {90, 91, false}}, 1, 1},
		"silence is no outage":     {[]op{{1, 2, false}, {90, 91, false}}, 1, 1},
		"refused for a while":      {[]op{{1, 2, false}, {10, 11, true}, {20, 21, true}, {30, 31, false}}, 21, 1},
		"hanging":                  {[]op{{1, 2, false}, {10, 40, false}}, 30, 30},
		"one hangs, others do not": {[]op{{1, 41, false}, {10, 11, false}, {20, 21, false}, {40, 41, false}}, 20, 40},
		"never served":             {[]op{{10, 11, true}, {20, 30, true}}, 90, -1},
		"not served again":         {[]op{{1, 2, false}, {60, 61, true}}, 40, 1},
	} {
		s := &service{}
		for _, o := range c.ops {
			outcome := hist.OK
			if o.fails {
				outcome = hist.No
			}
			s.add(&hist.Op{Kind: hist.Read, By: "reader", IntendedUS: o.from * 1e6, AnsweredUS: o.to * 1e6, Outcome: outcome})
		}
		for _, own := range []hist.Op{{Kind: hist.Audit}, {Kind: hist.Admin}, {Kind: hist.Bounce}, {Kind: hist.Read, By: "audit"}, {Kind: hist.Deliver, By: "archive"}} {
			own.AnsweredUS = 99e6
			s.add(&own)
		}
		for got, want := range map[*int64]int64{s.longest(100e6): c.longest, s.p99(): c.slow} {
			if want < 0 {
				require.Nil(t, got, name)
			} else {
				require.NotNil(t, got, name)
				require.Equal(t, want*1000, *got, name)
			}
		}
	}
}

// TestAnArrayThatRefusesACopyHasSaidSo: the run goes on, and the refusal stands
// among the alarms.
func TestAnArrayThatRefusesACopyHasSaidSo(t *testing.T) {
	t.Parallel()
	s := load(t, "testdata/small.yaml")
	broken, err := bug.Parse("x", []byte("id: no-copies\nevidence: {label: generic}\ntrigger: {event: snapshot}\neffect: {ops: [copy], reply: EIO}\nplane: derived\nscope: {extent: array}\npersistence: permanent\n"))
	require.NoError(t, err)
	s.Bugs = []bug.Bug{broken}
	s.Timeline = []scenario.Step{
		{At: time.Second, Action: scenario.Arm{Bug: "no-copies", As: "no-copies", On: scenario.Scope{Array: "east"}}},
		{At: 2 * time.Second, Action: scenario.Copy{Name: "nightly", Of: []string{"n1", "n2"}}},
	}
	s.Expect = scenario.Expect{Grade: scenario.MustSurvive, Alarms: []string{"east"}}
	r, _ := rehearse(t, s)
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	require.Contains(t, r.Alarms[0].Text, "copy volume \"n1\"")
	require.False(t, r.Alarms[0].Scripted)
}

// TestWhatIsGoneAlreadyIsNoted: a fix is for all names of a bug, and what ends
// twice is no failure of the harness.
func TestWhatIsGoneAlreadyIsNoted(t *testing.T) {
	t.Parallel()
	s := load(t, "testdata/small.yaml")
	b := waiting("failover")
	s.Bugs = append(s.Bugs, b)
	do := func(a scenario.Action) {
		at := time.Duration(len(s.Timeline)+1) * 100 * time.Millisecond
		s.Timeline = append(s.Timeline, scenario.Step{At: at, Action: a})
	}
	for _, as := range []string{"a", "b", "c", "d"} {
		do(scenario.Arm{Bug: b.ID, As: as, On: scenario.Scope{Array: "east"}})
	}
	for _, end := range []scenario.Action{
		scenario.Disarm{Name: "d"}, scenario.Fix{Name: "d"}, scenario.Fix{Name: "a"}, scenario.Fix{Name: "b"}, scenario.Disarm{Name: "c"},
	} {
		do(end)
	}
	_, dir := rehearse(t, s)
	ev, err := loadEvidence(dir)
	require.NoError(t, err)
	require.Equal(t, "completed", ev.Ended)
	var notes []string
	for _, e := range ev.Timeline {
		if e.Kind == "note" {
			notes = append(notes, e.Text)
		}
	}
	require.Equal(t, []string{
		"d is gone already: there is nothing to fix", "b is gone already: there is nothing to fix", "c is gone already: there is nothing to disarm",
	}, notes)
	require.EqualValues(t, 700, *ev.Milestones.FixedMS)
}

// TestTheAuditWaitsForTheFollowersOfTheLastAnswer: what is promised last is on the
// followers a heartbeat later.
func TestTheAuditWaitsForTheFollowersOfTheLastAnswer(t *testing.T) {
	t.Parallel()
	s := load(t, "testdata/small.yaml")
	s.Duration, s.Settle = s.Workload.Until, 0
	_, dir := rehearse(t, s)
	ev, err := loadEvidence(dir)
	require.NoError(t, err)
	first := int64(-1)
	require.NoError(t, readHistory(dir, func(op *hist.Op) error {
		if op.By == "audit" && (first < 0 || op.SentUS < first) {
			first = op.SentUS
		}
		return nil
	}))
	require.GreaterOrEqual(t, first, *ev.WatchedUS+3*s.Raft.Timeout.Microseconds())
}
