package workload

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"fourdays/harness/hist"
)

// ledger follows each message and recipient through a history.
type ledger struct {
	t    *rapid.T
	ends map[string]hist.Kind // how it ended
	last map[string]int       // the last try seen
	at   int64
}

func (l *ledger) record(op *hist.Op) {
	require.GreaterOrEqual(l.t, op.AnsweredUS, l.at, "records come in the order of answers")
	l.at = op.AnsweredUS
	require.NotEmpty(l.t, op.Outcome)
	if op.Kind != hist.Deliver && op.Kind != hist.Bounce {
		return
	}
	key := op.Message + " " + op.Account
	require.Empty(l.t, l.ends[key], "%s goes on after its end", key)
	require.GreaterOrEqual(l.t, op.Try, l.last[key])
	l.last[key] = op.Try
	if op.Kind == hist.Bounce || op.Outcome == hist.OK {
		l.ends[key] = op.Kind
	}
}

// TestNoMessageIsEverForgotten lets a population live under weather of all
// kinds, leaps included: at any time what was sent is delivered, bounced or
// still waiting, and nothing is tried after its end.
func TestNoMessageIsEverForgotten(t *testing.T) {
	weathers := []struct {
		outcome hist.Outcome
		reply   string
	}{
		{hist.No, refused}, {hist.No, notYet}, {hist.No, overloaded}, {hist.Unknown, "lost [dot]"},
		{hist.No, "550 5.1.1 no [rcpt]"}, {hist.No, "timed out [rcpt]"}, {hist.OK, "250 ok"},
	}
	rapid.Check(t, func(t *rapid.T) {
		cfg := config(rapid.Uint64().Draw(t, "seed"))
		cfg.Accounts, cfg.End = cfg.Accounts[:6], 30*24*time.Hour
		cfg.Several, cfg.Deliver, cfg.Read, cfg.Change = 0.5, Constant(0.001), Constant(0.0002), Constant(0.0002)
		l := &ledger{t: t, ends: map[string]hist.Kind{}, last: map[string]int{}}
		cfg.Record = l.record
		w := &world{slow: rapid.SampledFrom([]time.Duration{0, time.Second, 10 * time.Minute}).Draw(t, "slow")}
		e, err := New(cfg, w)
		require.NoError(t, err)
		e.Start()
		for range rapid.IntRange(1, 6).Draw(t, "spells") {
			weather := rapid.SampledFrom(weathers).Draw(t, "weather")
			half := rapid.Bool().Draw(t, "half") // the others are open
			until := w.now + time.Duration(rapid.IntRange(1, 60).Draw(t, "hours"))*time.Hour
			bad := func(account string) bool { return !half || account < "u3" }
			w.face = func(op *hist.Op) {
				if open(op); bad(op.Account) {
					op.Outcome, op.Reply, op.View = weather.outcome, weather.reply, nil
				}
			}
			if weather.outcome != hist.OK && w.slow == 0 && rapid.Bool().Draw(t, "leap") {
				w.skip(e.Leap(until, func(_ bool, account string) (hist.Outcome, string, bool) {
					return weather.outcome, weather.reply, !bad(account)
				}))
			}
			w.run(until)
			c := e.Counters()
			require.Equal(t, c.Sent, c.Delivered+c.Bounced+e.Backlog())
			require.Equal(t, c.Delivered+c.Bounced, len(l.ends))
		}
		w.face = open
		e.StopArrivals()
		w.run(w.now + 60*24*time.Hour)
		require.Zero(t, e.Backlog())
		require.Zero(t, e.InFlight())
	})
}
