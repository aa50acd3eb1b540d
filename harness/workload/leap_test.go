package workload

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
)

// fate is what a history says of one message and recipient: what must not
// depend on whether time was leapt over.
type fate struct {
	first, last int64 // when it was tried
	tries       int
	delivered   int64
	bounced     int64
	reason      string
}

func fates(history []*hist.Op) map[string]fate {
	all := map[string]fate{}
	for _, op := range history {
		key := op.Message + " " + op.Account
		f, seen := all[key]
		switch {
		case op.Kind == hist.Bounce:
			f.bounced, f.reason = op.AnsweredUS, op.Reply
		case op.Kind == hist.Deliver:
			if !seen {
				f.first = op.AnsweredUS
			}
			f.last, f.tries = op.AnsweredUS, op.Try
			if op.Outcome == hist.OK {
				f.delivered = op.AnsweredUS
			}
		default:
			continue
		}
		all[key] = f
	}
	for key, f := range all {
		if len(f.reason) > 6 && f.reason[len(f.reason)-6:] == "(leap)" {
			f.reason = f.reason[:len(f.reason)-7]
			all[key] = f
		}
	}
	return all
}

// TestALeapIsTheSameAsLivingThroughIt: one population meets a face that refuses
// for three days, the other leaps over them; every message has the same fate.
func TestALeapIsTheSameAsLivingThroughIt(t *testing.T) {
	for reply, outcome := range map[string]hist.Outcome{
		refused: hist.No, notYet: hist.No, overloaded: hist.No, "550 5.7.1 go away [rcpt]": hist.No, "timed out [dot]": hist.Unknown,
	} {
		t.Run(reply, func(t *testing.T) {
			days := 72 * time.Hour
			run := func(leaping bool) (*Engine, []*hist.Op) {
				cfg := config(11)
				cfg.Nodes = cfg.Nodes[:1] // in life a refused connection is tried at every node
				cfg.Deliver, cfg.Read, cfg.Change, cfg.End = Constant(0.02), Constant(0.01), Constant(0.01), 80*time.Hour
				w := &world{face: closed(outcome, reply)}
				e, history := begin(t, cfg, w)
				w.run(time.Hour)
				if leaping {
					w.skip(e.Leap(days, func(bool, string) (hist.Outcome, string, bool) { return outcome, reply, false }))
				}
				w.run(days)
				w.face = open
				w.run(20 * 24 * time.Hour)
				return e, *history
			}
			lived, all := run(false)
			leapt, some := run(true)
			require.Equal(t, lived.Counters(), leapt.Counters())
			require.Equal(t, fates(all), fates(some))
			if lived.Counters().Deferred > 0 {
				require.Less(t, len(some), len(all))
			}
			require.True(t, slices.IsSortedFunc(some, func(a, b *hist.Op) int { return int(a.AnsweredUS - b.AnsweredUS) }))
		})
	}
}

// TestALeapStopsAtTheFirstThingAProgramMustAnswer: half of the accounts are
// open, so the leap ends where a message or a reader comes to one of them.
func TestALeapStopsAtTheFirstThingAProgramMustAnswer(t *testing.T) {
	cfg := config(12)
	cfg.Deliver, cfg.Read, cfg.Change, cfg.End = Constant(0.01), Constant(0.001), Constant(0.001), 100*time.Hour
	openAt := cfg.Accounts[3]
	w := &world{face: open}
	e, history := begin(t, cfg, w)
	stopped := e.Leap(90*time.Hour, func(_ bool, account string) (hist.Outcome, string, bool) {
		return hist.No, refused, account == openAt
	})
	require.Positive(t, stopped)
	require.Less(t, stopped, 90*time.Hour)
	require.Empty(t, w.asked)
	for _, op := range *history {
		require.NotEqual(t, openAt, op.Account)
	}
	w.skip(stopped)
	w.run(stopped + time.Microsecond)
	require.NotEmpty(t, w.asked)
	require.True(t, slices.ContainsFunc(w.asked, func(op *hist.Op) bool { return op.Account == openAt }))
}

func TestALeapRecordsFirstAndLastAttemptOnly(t *testing.T) {
	p := Profile{Name: "postfix", MTAs: []MTA{*mustMTA(t, "postfix")}}
	cfg := Config{Seed: 1, Accounts: accounts(5), Nodes: []string{"n1"}, Senders: p, Deliver: Constant(0.001), End: 24 * time.Hour}
	w := &world{face: open}
	e, history := begin(t, cfg, w)
	w.skip(e.Leap(72*time.Hour, func(bool, string) (hist.Outcome, string, bool) { return hist.No, notYet, false }))
	shown := map[string][]int{}
	for _, op := range *history {
		require.Empty(t, op.Node)
		require.Contains(t, op.Reply, "(leap)")
		key := op.Message + op.Account
		shown[key] = append(shown[key], op.Try)
	}
	require.NotEmpty(t, shown)
	attempts := 0
	for _, tries := range shown {
		require.Len(t, tries, 2)
		require.Equal(t, 1, tries[0])
		require.Greater(t, tries[1], 40)
		attempts += tries[1]
	}
	require.Equal(t, e.Counters().Deferred, attempts)
}

func TestALeapCannotPromise(t *testing.T) {
	w := &world{face: open}
	e, _ := begin(t, config(1), w)
	require.Panics(t, func() {
		e.Leap(time.Hour, func(bool, string) (hist.Outcome, string, bool) { return hist.OK, "250 yes", false })
	})
}

// BenchmarkLeap leaps over four days in which a population of Postfix makes
// about half a million attempts.
func BenchmarkLeap(b *testing.B) {
	p := Profile{Name: "postfix", MTAs: []MTA{*mustMTA(b, "postfix")}}
	for _, messages := range []int{1000, 13000} {
		b.Run(fmt.Sprint(messages), func(b *testing.B) {
			attempts := 0
			for b.Loop() {
				cfg := Config{
					Seed: 1, Accounts: accounts(200), Nodes: []string{"n1"}, Senders: p, Several: -1,
					Deliver: Constant(float64(messages) / (96 * time.Hour).Seconds()), End: 96 * time.Hour,
				}
				e, err := New(cfg, &world{face: open})
				require.NoError(b, err)
				e.Start()
				e.Leap(96*time.Hour, func(bool, string) (hist.Outcome, string, bool) { return hist.No, notYet, false })
				attempts += e.Counters().Attempts
			}
			b.ReportMetric(float64(attempts)/b.Elapsed().Seconds(), "attempts/s")
			b.ReportMetric(float64(attempts)/float64(b.N), "attempts/leap")
		})
	}
}
