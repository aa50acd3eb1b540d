package run

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/check"
	"fourdays/harness/hist"
	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/storage/bug"
)

// depot is a scenario with an array of its own for the spool, on which every
// message of the first seconds has to wait: the store is not there.
func depot(t *testing.T, steps ...scenario.Step) *scenario.Scenario {
	t.Helper()
	s := load(t, "testdata/small.yaml")
	s.Duration, s.Workload.Until, s.Settle = 30*time.Second, 8*time.Second, 20*time.Second
	s.Workload.Read, s.Workload.Change = scenario.Rate{Per: time.Second}, scenario.Rate{Per: time.Second}
	a := scenario.DefaultArray()
	a.Name, a.OS = "depot", "depot/1"
	s.Storage.Arrays = append(s.Storage.Arrays, a)
	nodes := []string{"n1", "n2", "n3"}
	s.Timeline = append([]scenario.Step{
		{Action: scenario.Kill{Nodes: nodes}},
		{Action: scenario.Inbound{Policy: scenario.Spool, On: "depot"}},
	}, steps...)
	s.Timeline = append(s.Timeline, at(18, scenario.Start{Nodes: nodes}), at(22, scenario.Inbound{Policy: scenario.Open}))
	s.Expect = scenario.Expect{}
	return s
}

// hangs gives a scenario a bug under which some operations are never answered.
func hangs(t *testing.T, s *scenario.Scenario, ops string) {
	t.Helper()
	hang, err := bug.Parse("hang", []byte("id: hang\nevidence: {label: generic}\ntrigger: {event: arm}\neffect: {ops: "+ops+", reply: never}\nscope: {extent: array}\npersistence: until_fix\n"))
	require.NoError(t, err)
	s.Bugs = append(s.Bugs, hang)
}

func at(seconds int, a scenario.Action) scenario.Step {
	return scenario.Step{At: time.Duration(seconds) * time.Second, Action: a}
}

func verdictOf(r *report.Run, name string) check.Verdict {
	for _, c := range r.Checks {
		if c.Name == name {
			return c.Verdict
		}
	}
	return ""
}

// TestWhatIsSpooledComesLate: with the store away, the exchangers promise, keep
// and pass on every message once, and the report has the queue's figures. A power
// cut of a healthy array in between takes nothing that was promised.
func TestWhatIsSpooledComesLate(t *testing.T) {
	t.Parallel()
	s := depot(t, at(10, scenario.PowerLoss{Targets: []string{"depot"}}), at(12, scenario.PowerOn{Targets: []string{"depot"}}))
	r, _ := rehearse(t, s)
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	require.Len(t, r.Spools, 1)
	sp := r.Spools[0]
	require.Greater(t, sp.Accepted, int64(20))
	require.Equal(t, sp.Accepted, sp.Delivered)
	require.Equal(t, sp.Messages, sp.PeakMessages)
	require.Greater(t, sp.PeakBytes, 256*sp.Messages)
	require.NotNil(t, sp.DrainedAtMS)
	require.GreaterOrEqual(t, *sp.DrainedAtMS, int64(18000))
	require.EqualValues(t, sp.Accepted, r.Mail.Spooled)
	require.Zero(t, r.Mail.Held+r.Mail.Lost+r.Mail.Duplicated+r.Mail.Bounced)
	require.Greater(t, *r.Recovery.Delay.P50MS, int64(10_000))
}

// TestALyingFlushUnderTheSpoolLosesPromisedMail: what was answered 250 is gone
// after the power cut, no sender has it any more, and the oracle says so.
func TestALyingFlushUnderTheSpoolLosesPromisedMail(t *testing.T) {
	t.Parallel()
	s := depot(t, at(0, scenario.Arm{Bug: "flush-lies", As: "flush-lies", On: scenario.Scope{Array: "depot"}}),
		at(10, scenario.PowerLoss{Targets: []string{"depot"}}), at(12, scenario.PowerOn{Targets: []string{"depot"}}))
	r, _ := rehearse(t, s)
	require.Positive(t, r.Mail.Lost)
	require.Equal(t, check.Fail, verdictOf(r, "D1"))
	require.Equal(t, r.Mail.Acknowledged, r.Mail.Present+r.Mail.Lost+r.Mail.Removed+r.Mail.Unread+r.Mail.Held)
}

// TestAHungSpoolPromisesNothing: senders wait in vain and come again; whatever
// the spool has in the end, nothing that was promised is lost.
func TestAHungSpoolPromisesNothing(t *testing.T) {
	t.Parallel()
	s := depot(t, at(2, scenario.Arm{Bug: "hang", As: "hang", On: scenario.Scope{Array: "depot"}}), at(20, scenario.Fix{Name: "hang"}))
	hangs(t, s, "[open, write, fsync, fsyncdir, rename]")
	r, _ := rehearse(t, s)
	require.Positive(t, r.Spools[0].Accepted)
	require.Zero(t, r.Mail.Lost)
	require.NotEqual(t, check.Fail, verdictOf(r, "D1"))
	require.NotEqual(t, check.Fail, verdictOf(r, "D4"))
}

// TestAFullSpoolSaysSo: an array without room makes the exchangers answer 4yz.
func TestAFullSpoolSaysSo(t *testing.T) {
	t.Parallel()
	s := depot(t)
	s.Storage.Arrays[len(s.Storage.Arrays)-1].Capacity = 64_000
	r, dir := rehearse(t, s)
	require.Positive(t, r.Spools[0].Refused)
	require.Positive(t, r.Spools[0].Accepted)
	require.Zero(t, r.Mail.Lost)
	history, err := os.ReadFile(filepath.Join(dir, historyFile))
	require.NoError(t, err)
	require.Contains(t, string(history), "452 4.3.1 the queue has no room [dot]")
}

// TestRotInTheSpoolIsDelivered: an exchanger has no digest of what it keeps, and
// passes on what it reads. The oracle knows what was sent.
func TestRotInTheSpoolIsDelivered(t *testing.T) {
	t.Parallel()
	s := depot(t, at(0, scenario.Arm{Bug: "bit-rot-read", As: "bit-rot-read", On: scenario.Scope{Array: "depot"}, Chance: 1}))
	r, _ := rehearse(t, s)
	require.Positive(t, r.Mail.Altered+r.Mail.Lost)
	require.Equal(t, check.Fail, verdictOf(r, "I8"))
}

// TestThrowingAcceptedMailAwayIsCaught is the negative control of the promise
// that an exchanger's 250 is.
func TestThrowingAcceptedMailAwayIsCaught(t *testing.T) {
	t.Parallel()
	s := load(t, "testdata/small.yaml")
	s.Timeline = []scenario.Step{{At: time.Second, Action: scenario.Inbound{Policy: scenario.Lose}}}
	r, _ := rehearse(t, s)
	require.Equal(t, report.Fail, r.Verdict)
	require.Positive(t, r.Mail.Lost)
	require.Equal(t, r.Mail.Lost, r.Mail.Spooled)
	require.Equal(t, check.Fail, verdictOf(r, "D1"))
}

// TestWhatTheStoreNeverTookIsStillHeld: the store does not come back, and the run
// ends with the mail in the queue: neither delivered nor lost.
func TestWhatTheStoreNeverTookIsStillHeld(t *testing.T) {
	t.Parallel()
	s := depot(t)
	s.Timeline = s.Timeline[:2]
	r, _ := rehearse(t, s)
	require.Greater(t, r.Mail.Held, 20)
	require.Equal(t, r.Mail.Spooled, r.Mail.Held)
	require.Nil(t, r.Spools[0].DrainedAtMS)
	require.Equal(t, r.Mail.Held, r.Recovery.Delay.Spooled)
}

// TestALeapLetsTheExchangersAnswer: clocks are moved while the store is away, and
// stop for each delivery, since a promise needs somebody who makes it. While the
// queue itself answers nothing, a leap goes by its last answer.
func TestALeapLetsTheExchangersAnswer(t *testing.T) {
	t.Parallel()
	s := depot(t)
	s.Workload.Deliver, s.Workload.Until, s.Duration = scenario.Rate{Count: 20, Per: time.Hour}, 3*time.Hour, 4*time.Hour
	s.Workload.Read = scenario.Rate{Count: 20, Per: time.Hour}
	s.Timeline = []scenario.Step{
		s.Timeline[0], s.Timeline[1],
		at(60, scenario.Leap{Until: 2 * time.Hour}),
		at(7201, scenario.Start{Nodes: []string{"n1", "n2", "n3"}}),
	}
	r, dir := rehearse(t, s)
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	require.Greater(t, r.LeaptMS, int64(6_000_000))
	require.Greater(t, r.Spools[0].Accepted, int64(30))
	require.Equal(t, r.Spools[0].Accepted, r.Spools[0].Delivered)
	require.Zero(t, r.Mail.Lost+r.Mail.Held+r.Mail.Bounced)
	history, err := os.ReadFile(filepath.Join(dir, historyFile))
	require.NoError(t, err)
	require.NotRegexp(t, `"kind":"deliver"[^}]*\(leap\)`, string(history))
}

func FuzzParseSpooled(f *testing.F) {
	q := &queued{accounts: []string{"u0001@libero.example", "u0002@virgilio.example"}}
	f.Add(q.file([]byte("X-Fourdays-Key: d1\r\n\r\ntext\r\n")))
	f.Add([]byte(spoolHead))
	f.Add([]byte(spoolHead + "for \n\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		accounts, raw, err := parseSpooled(file)
		if err != nil {
			return
		}
		again := &queued{accounts: accounts}
		require.Equal(t, file, again.file(raw))
	})
}

// TestAStoreThatPutsEverybodyOffIsLeftAlone: nodes whose storage hangs answer at
// once that they can take nobody's mail. The exchangers see after a few messages
// that it is not the recipients, and do not go through all they have; with the
// store back everything comes, the messages that were put off too.
func TestAStoreThatPutsEverybodyOffIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := depot(t)
	s.Workload.Until = 12 * time.Second
	hangs(t, s, "[open, read, write, fsync, fsyncdir, rename]")
	s.Timeline = []scenario.Step{
		at(1, scenario.Arm{Bug: "hang", As: "hang", On: scenario.Scope{Node: "n?"}}),
		at(8, scenario.Inbound{Policy: scenario.Spool, On: "depot"}),
		at(13, scenario.Inbound{Policy: scenario.Open}), at(15, scenario.Inbound{Policy: scenario.Open}), // two passes more
		at(18, scenario.Fix{Name: "hang"}), at(24, scenario.Inbound{Policy: scenario.Open}),
	}
	r, dir := rehearse(t, s)
	require.Greater(t, r.Spools[0].Messages, int64(3*spoolRefusals))
	require.Equal(t, r.Spools[0].Accepted, r.Spools[0].Delivered)
	require.Zero(t, r.Mail.Lost+r.Mail.Held)
	refused := 0
	require.NoError(t, readHistory(dir, func(op *hist.Op) error {
		if op.By == hist.Spool && op.Kind == hist.Deliver && op.Outcome == hist.No && op.SentUS < 18_000_000 {
			refused++
		}
		return nil
	}))
	require.Positive(t, refused)
	require.LessOrEqual(t, refused, 3*spoolRefusals, "in three passes")
}

// TestAHungSpoolKeepsFewWaiting: whoever comes when the volume has been silent
// for long is put off at once, and the clocks may leap over hours of that.
func TestAHungSpoolKeepsFewWaiting(t *testing.T) {
	t.Parallel()
	s := depot(t)
	hangs(t, s, "[open, write, fsync, fsyncdir, rename, readdir]")
	s.Duration, s.Workload.Until, s.Workload.Deliver = 3*time.Hour, 150*time.Minute, scenario.Rate{Count: 1, Per: time.Minute}
	s.Timeline = []scenario.Step{
		{Action: scenario.Arm{Bug: "hang", As: "hang", On: scenario.Scope{Array: "depot"}}},
		{Action: scenario.Inbound{Policy: scenario.Spool, On: "depot"}},
		at(5, scenario.Leap{Until: 160 * time.Minute}),
		at(9700, scenario.Fix{Name: "hang"}), at(9800, scenario.Inbound{Policy: scenario.Open}),
	}
	r, dir := rehearse(t, s)
	require.Zero(t, r.Mail.Lost)
	require.Less(t, r.FullMS, int64(time.Hour/time.Millisecond), "most of it is leapt over")
	waited, putOff := 0, 0
	require.NoError(t, readHistory(dir, func(op *hist.Op) error {
		switch {
		case op.Node != hist.Spool || op.SentUS > 9_700_000_000:
		case op.Outcome == hist.Unknown:
			waited++
		case op.Outcome == hist.No:
			putOff++
			require.Contains(t, op.Reply, "451 4.3.0 the queue cannot be written")
		}
		return nil
	}))
	require.Positive(t, waited)
	require.Greater(t, putOff, waited)
}
