package workload

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
)

func accounts(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("u%d@libero.example", i)
	}
	return list
}

func config(seed uint64) Config {
	return Config{
		Seed: seed, Accounts: accounts(50), Nodes: []string{"n1", "n2", "n3"},
		Deliver: Constant(2), Read: Constant(1), Change: Constant(1),
		Senders: Profiles["consumer-2023"], End: 10 * time.Minute,
	}
}

// begin makes an engine on a world and collects its history.
func begin(t testing.TB, cfg Config, w *world) (*Engine, *[]*hist.Op) {
	t.Helper()
	history := new([]*hist.Op)
	cfg.Record = func(op *hist.Op) { *history = append(*history, op) }
	e, err := New(cfg, w)
	require.NoError(t, err)
	e.Start()
	return e, history
}

func digest(t testing.TB, history []*hist.Op) string {
	t.Helper()
	raw, err := json.Marshal(history)
	require.NoError(t, err)
	return string(raw)
}

func TestOneSeedMakesOneHistory(t *testing.T) {
	run := func(seed uint64) string {
		w := &world{face: open, slow: 20 * time.Millisecond}
		_, history := begin(t, config(seed), w)
		w.run(15 * time.Minute)
		return digest(t, *history)
	}
	require.Equal(t, run(7), run(7))
	require.NotEqual(t, run(7), run(8))
}

// TestSlowAnswersDoNotSlowThePlan: coordinated omission would show as fewer
// arrivals, or later ones, when answers take a minute.
func TestSlowAnswersDoNotSlowThePlan(t *testing.T) {
	intended := func(slow time.Duration) (times []int64) {
		w := &world{face: open, slow: slow}
		cfg := config(1)
		cfg.Change = nil // what a change does depends on what was read
		begin(t, cfg, w)
		w.run(10 * time.Minute)
		for _, op := range w.asked {
			if op.Try <= 1 {
				times = append(times, op.IntendedUS)
			}
		}
		return times
	}
	require.Equal(t, intended(time.Millisecond), intended(time.Minute))
}

func TestArrivalsFollowARateThatChanges(t *testing.T) {
	cfg := config(3)
	cfg.Read, cfg.Change = nil, nil
	cfg.Deliver = Rate{{0, 1}, {time.Hour, 5}, {2 * time.Hour, 0}, {3 * time.Hour, 2}}
	cfg.End = 4 * time.Hour
	w := &world{face: open}
	_, history := begin(t, cfg, w)
	w.run(5 * time.Hour)
	perHour, seen := [5]int{}, map[string]bool{}
	for _, op := range *history {
		if !seen[op.Message] {
			perHour[op.IntendedUS/time.Hour.Microseconds()]++
		}
		seen[op.Message] = true
	}
	require.InDelta(t, 3600, perHour[0], 250)
	require.InDelta(t, 18000, perHour[1], 550)
	require.Zero(t, perHour[2])
	require.InDelta(t, 7200, perHour[3], 350)
	require.Zero(t, perHour[4])
}

func TestAnAttemptGoesToTheNextNodeWhenOneCannotBeReached(t *testing.T) {
	cfg := config(4)
	cfg.Change = nil
	w := &world{face: func(op *hist.Op) {
		if open(op); op.Node == "n2" {
			op.Outcome, op.Reply = hist.No, refused
		}
	}}
	e, history := begin(t, cfg, w)
	w.run(11 * time.Minute)
	refusals := 0
	for _, op := range *history {
		if op.Node == "n2" {
			require.Equal(t, hist.No, op.Outcome)
			refusals++
		}
	}
	require.Greater(t, refusals, 100)
	require.Equal(t, e.Counters().Sent, e.Counters().Delivered)
	require.Zero(t, e.Counters().Deferred)
	require.Zero(t, e.Counters().Refused)
}

// TestARetryAfterAnUnknownOutcomeIsTheSameMessage: the sender cannot know, so
// its second try may make a duplicate, as in life.
func TestARetryAfterAnUnknownOutcomeIsTheSameMessage(t *testing.T) {
	cfg := config(5)
	cfg.Read, cfg.Change, cfg.Several = nil, nil, 1e-9
	w := &world{face: func(op *hist.Op) {
		if open(op); op.Try == 1 {
			op.Outcome, op.Reply = hist.Unknown, "connection lost [dot]"
		}
	}}
	e, history := begin(t, cfg, w)
	w.run(2 * time.Hour)
	tries := map[string]int{}
	for _, op := range *history {
		tries[op.Message]++
		require.Equal(t, tries[op.Message], op.Try)
	}
	for key, n := range tries {
		require.Equal(t, 2, n, key)
	}
	require.Equal(t, e.Counters().Sent, e.Counters().Delivered)
	require.Zero(t, e.Backlog())
}

func TestAPermanentRefusalBouncesOnlyThatRecipient(t *testing.T) {
	cfg := config(6)
	cfg.Read, cfg.Change, cfg.Several = nil, nil, 1
	bad := cfg.Accounts[0]
	w := &world{face: func(op *hist.Op) {
		if open(op); op.Account == bad {
			op.Outcome, op.Reply = hist.No, "550 5.1.1 no such user [rcpt]"
		}
	}}
	e, history := begin(t, cfg, w)
	w.run(11 * time.Minute)
	bounces := 0
	for _, op := range *history {
		if op.Kind == hist.Bounce {
			require.Equal(t, bad, op.Account)
			bounces++
		}
	}
	require.Positive(t, bounces)
	require.Equal(t, bounces, e.Counters().Bounced)
	require.Equal(t, e.Counters().Sent, e.Counters().Delivered+bounces)
}

func TestAQuestionTheDriverNeverAnsweredIsUnknown(t *testing.T) {
	cfg := config(7)
	cfg.Deliver, cfg.Change = nil, nil
	w := &world{face: func(*hist.Op) {}}
	e, history := begin(t, cfg, w)
	w.run(11 * time.Minute)
	require.NotEmpty(t, *history)
	for _, op := range *history {
		require.Equal(t, hist.Unknown, op.Outcome)
	}
	require.Equal(t, len(*history), e.Counters().Unknown)
}

func TestQuiesceWaitsForOpenQuestionsOnly(t *testing.T) {
	w := &world{face: closed(hist.No, overloaded), slow: 30 * time.Second}
	e, _ := begin(t, config(8), w)
	w.run(time.Minute)
	require.Positive(t, e.InFlight())
	quiet := time.Duration(-1)
	e.Quiesce(func() { quiet = w.now; require.Zero(t, e.InFlight()) })
	w.run(3 * time.Minute)
	require.Positive(t, quiet)
	require.Positive(t, e.Backlog())
	sent := e.Counters().Sent
	w.run(9 * time.Minute)
	require.Equal(t, sent, e.Counters().Sent)
}

func TestBadConfigurationsAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"no accounts":   func(c *Config) { c.Accounts = nil },
		"no nodes":      func(c *Config) { c.Nodes = nil },
		"negative rate": func(c *Config) { c.Read = Constant(-1) },
		"disorder":      func(c *Config) { c.Read = Rate{{time.Hour, 1}, {time.Minute, 1}} },
		"ends early":    func(c *Config) { c.Start = time.Hour },
		"no senders":    func(c *Config) { c.Senders = Profile{} },
		"tiny cap":      func(c *Config) { c.Sizes.Cap = 1 },
	} {
		cfg := config(1)
		spoil(&cfg)
		_, err := New(cfg, &world{})
		require.Error(t, err, name)
	}
}
