package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/cmd/mailload/control"
	"fourdays/harness/hist"
	"fourdays/harness/workload"
)

// liveWorld is a workload.Port on the real clock, with a driver behind it. All
// that happens goes through one channel, so that the engine has one goroutine.
type liveWorld struct {
	t     *testing.T
	start time.Time
	calls chan func()
	book  control.Book
	h     *harness
}

func (w *liveWorld) Now() time.Duration { return time.Since(w.start) }

func (w *liveWorld) At(at time.Duration, f func()) {
	time.AfterFunc(max(0, at-w.Now()), func() { w.calls <- f })
}

func (w *liveWorld) Ask(group []*hist.Op, done func([]*hist.Op)) {
	line, err := w.book.Ask(group, done)
	require.NoError(w.t, err)
	w.h.write(string(line))
}

// listen hands the driver's lines to the engine's goroutine.
func (w *liveWorld) listen() {
	for {
		line, err := w.h.in.ReadBytes('\n')
		if err != nil {
			return
		}
		w.calls <- func() { require.NoError(w.t, w.book.Answer(line)) }
	}
}

// TestTheEngineAndTheDriverAgree: the whole load side, from the plan to the
// servers and back, for two seconds.
func TestTheEngineAndTheDriverAgree(t *testing.T) {
	m := &mailbox{}
	w := &liveWorld{t: t, start: time.Now(), calls: make(chan func(), 1000)}
	w.h = begin(t, target{lmtp: lmtpFace(t, m), imap: imapFace(t), admin: adminFace(t)})
	go w.listen()
	outcomes := map[hist.Kind]map[hist.Outcome]int{}
	e, err := workload.New(workload.Config{
		Seed: 1, Accounts: []string{ann}, Nodes: []string{"n1"}, Senders: workload.Profiles["consumer-2023"],
		Deliver: workload.Constant(50), Read: workload.Constant(30), Change: workload.Constant(30), End: time.Minute,
		Record: func(op *hist.Op) {
			if outcomes[op.Kind] == nil {
				outcomes[op.Kind] = map[hist.Outcome]int{}
			}
			outcomes[op.Kind][op.Outcome]++
			require.NotEqual(t, hist.Unknown, op.Outcome, "%s %s", op.Kind, op.Reply)
		},
	}, w)
	require.NoError(t, err)
	quiet := false
	e.Load(10, 4, func(l workload.Loaded) {
		require.Equal(t, workload.Loaded{Mailboxes: 3, Messages: 10}, l)
		e.Start()
		w.At(w.Now()+2*time.Second, func() { e.Quiesce(func() { e.Audit(1, 4, func(n int) { quiet = n == 0 }) }) })
	})
	for !quiet {
		(<-w.calls)()
	}
	taken, _ := m.seen()
	require.Greater(t, e.Counters().Delivered, 50)
	require.Len(t, taken, e.Counters().Delivered)
	for _, kind := range []hist.Kind{hist.Deliver, hist.Append, hist.Store, hist.Read, hist.Audit, hist.Create} {
		require.Positive(t, outcomes[kind][hist.OK], "%s %v", kind, outcomes[kind])
	}
}
