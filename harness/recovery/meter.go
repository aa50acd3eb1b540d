package recovery

import (
	"slices"
	"strings"

	"fourdays/harness/hist"
)

// Meter reads a history once and measures it. It is not safe for concurrent
// use. It keeps 24 bytes per operation (and 24 more where accounts were closed), and a record per message that is
// waiting to be delivered.
type Meter struct {
	in       Input
	asks     []ask
	ackUS    *int64 // the first acknowledged write after the faults were reverted
	seenBad  *int64
	waiting  map[recipient]*wait
	delays   []int64
	bounced  int
	depth    []Depth
	attempts []attempt
	accounts map[string]*face
	order    []*face
}

// ask is one operation of a user, as far as service levels go.
type ask struct {
	intendedUS int64
	latencyUS  int64
	good       bool
}

type recipient struct{ account, message string }

// wait is a message that a sender holds, or else the provider's exchangers.
type wait struct {
	intendedUS int64
	spooled    bool // the provider's exchangers do
}

// New returns a Meter that has seen nothing.
func New(in Input) *Meter {
	in.WindowUS = orElse(in.WindowUS, 60e6)
	in.Held = int(orElse(int64(in.Held), 5))
	in.MinOps = int(orElse(int64(in.MinOps), 20))
	in.SLOUS = orElse(in.SLOUS, 10e6)
	if in.Scale == 0 {
		in.Scale = 1
	}
	return &Meter{in: in, waiting: map[recipient]*wait{}, accounts: map[string]*face{}}
}

func orElse(n, fallback int64) int64 {
	if n == 0 {
		return fallback
	}
	return n
}

// Add gives the next operation; op is not kept.
func (m *Meter) Add(op *hist.Op) {
	if op.Kind == hist.Bounce {
		m.bounce(op)
		return
	}
	if !userAsked(op) {
		return
	}
	good := succeeded(op)
	if bySpool := op.By == hist.Spool; bySpool || good && op.Node == hist.Spool {
		m.spool(op, bySpool, good)
		return
	}
	a := ask{op.IntendedUS, op.AnsweredUS - op.IntendedUS, good}
	m.asks = append(m.asks, a)
	m.noteAnswer(op, a)
	m.face(op).note(op, good)
	m.attempted(op, good)
	if op.Kind == hist.Deliver {
		m.deliver(op)
	}
}

// spool follows mail that the provider's exchangers accept: for its recipient it
// waits until they have passed it on. What they ask is no user's question, and
// their own 250 is no service of the store.
func (m *Meter) spool(op *hist.Op, bySpool, good bool) {
	key := recipient{op.Account, op.Message}
	w := m.waiting[key]
	switch {
	case !bySpool && w == nil:
		m.waiting[key] = &wait{intendedUS: op.IntendedUS, spooled: true}
		m.queue(op.AnsweredUS, 1)
	case !bySpool:
		w.spooled = true
	case good && w != nil:
		m.leaveQueue(key, op.AnsweredUS)
		m.delays = append(m.delays, op.AnsweredUS-w.intendedUS)
	}
	if bySpool { // the store has answered
		m.face(op).note(op, good)
		m.noteWrite(op)
	}
}

// userAsked tells whether an operation is one of those that users wait for.
func userAsked(op *hist.Op) bool {
	switch op.Kind {
	case hist.Bounce, hist.Audit, hist.Admin:
		return false
	}
	return op.By != "audit" && op.By != "archive" && op.By != hist.Operator
}

// succeeded tells whether the store did its duty: it did what it was asked, or
// refused what it had to.
func succeeded(op *hist.Op) bool {
	switch op.Outcome {
	case hist.OK:
		return true
	case hist.Unknown:
		return false
	}
	if op.Kind == hist.Deliver {
		return false
	}
	reply := strings.ToUpper(op.Reply)
	return slices.ContainsFunc([]string{"[NONEXISTENT]", "[TRYCREATE]", "[ALREADYEXISTS]", "[CANNOT]", "[OVERQUOTA]"},
		func(code string) bool { return strings.Contains(reply, code) })
}

// isWrite tells whether an OK to a kind is a promise to keep something.
func isWrite(k hist.Kind) bool {
	switch k {
	case hist.Deliver, hist.Append, hist.Copy, hist.Move, hist.Store, hist.Expunge, hist.Create, hist.Delete:
		return true
	}
	return false
}

func (m *Meter) noteAnswer(op *hist.Op, a ask) {
	if m.in.FaultUS != nil && op.IntendedUS >= *m.in.FaultUS && m.breach(a) {
		m.seenBad = earliest(m.seenBad, op.AnsweredUS)
	}
	m.noteWrite(op)
}

func (m *Meter) noteWrite(op *hist.Op) {
	if m.in.HealedUS != nil && op.Outcome == hist.OK && isWrite(op.Kind) && op.AnsweredUS >= *m.in.HealedUS {
		m.ackUS = earliest(m.ackUS, op.AnsweredUS)
	}
}

func (m *Meter) breach(a ask) bool { return !a.good || a.latencyUS > m.in.SLOUS }

func earliest(have *int64, us int64) *int64 {
	if have == nil || us < *have {
		return At(us)
	}
	return have
}

// deliver follows the senders' queue: a message is in it from its first refusal
// until it is delivered or bounced.
func (m *Meter) deliver(op *hist.Op) {
	key := recipient{op.Account, op.Message}
	w := m.waiting[key]
	if op.Outcome == hist.OK {
		from := op.IntendedUS
		if w != nil {
			from = min(from, w.intendedUS)
			m.leaveQueue(key, op.AnsweredUS)
		}
		if w != nil || op.Try <= 1 {
			m.delays = append(m.delays, op.AnsweredUS-from)
		}
		return
	}
	if w == nil {
		w = &wait{intendedUS: op.IntendedUS}
		m.waiting[key] = w
		m.queue(op.AnsweredUS, 1)
	}
	w.intendedUS = min(w.intendedUS, op.IntendedUS)
}

func (m *Meter) bounce(op *hist.Op) {
	key := recipient{op.Account, op.Message}
	if w := m.waiting[key]; w != nil {
		m.leaveQueue(key, op.AnsweredUS)
	}
	m.bounced++
}

func (m *Meter) leaveQueue(key recipient, us int64) {
	delete(m.waiting, key)
	m.queue(us, -1)
}

func (m *Meter) queue(us int64, change int) {
	n := 0
	if len(m.depth) > 0 {
		n = m.depth[len(m.depth)-1].Messages
	}
	m.depth = append(m.depth, Depth{us, n + change})
}

// Compute measures a whole history at once.
func Compute(in Input, ops []*hist.Op) Recovery {
	m := New(in)
	for _, op := range ops {
		m.Add(op)
	}
	return m.Recovery(in.Classes)
}
