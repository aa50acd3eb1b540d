package array

import (
	"time"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// Receipt says what came of one arming of a bug.
type Receipt struct {
	ID    string // of the arming
	Bug   string
	Scope string

	ArmedAt    time.Duration
	Fired      int // operations or volumes that the effect was carried out on
	FirstAt    time.Duration
	LastAt     time.Duration
	Where      string // the first of them
	Masked     int    // times that the effect would have changed nothing
	Held       int    // operations hanging now
	Reverted   bool   // disarmed or fixed
	RevertedAt time.Duration

	// Observed says that the effect reached somebody: an error or a delay was
	// given, an operation hung, or damaged bytes or names were read.
	Observed   bool
	ObservedAt time.Duration
}

// Receipts lists what came of every arming, in the order of arming.
func (f *Fleet) Receipts() []Receipt {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]Receipt, 0, len(f.rules))
	for _, r := range f.rules {
		receipt := r.receipt
		for _, g := range r.gates {
			receipt.Held += len(g.held)
		}
		all = append(all, receipt)
	}
	return all
}

func (r *rule) observe() {
	if !r.receipt.Observed {
		r.receipt.Observed, r.receipt.ObservedAt = true, r.clock.Now()
	}
}

func (r *rule) mark(where string) {
	now := r.clock.Now()
	if r.receipt.Fired == 0 {
		r.receipt.FirstAt, r.receipt.Where = now, where
	}
	r.receipt.Fired++
	r.receipt.LastAt = now
}

// note writes down that the effect was carried out on an operation.
func (g *gate) note(op *vol.Op, h *handle, observed bool) {
	if g.rule.receipt.Fired == 0 {
		path := op.Path
		if h != nil {
			path = h.path
		}
		g.rule.mark(g.v.name + ":" + path + " " + op.Kind.String())
	} else {
		g.rule.mark("")
	}
	if observed {
		g.rule.observe()
	}
}

// masked notes that the effect would have changed nothing. What is to happen
// once then waits for an operation that it does change.
func (g *gate) masked() {
	g.rule.receipt.Masked++
	if g.rule.bug.Persistence == bug.Once {
		g.unit.spent, g.unit.due = false, true
	}
}
