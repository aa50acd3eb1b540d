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
	Masked     int    // times that it came true and nobody could feel it
	MaskedBy   string // what hid it the last time: see below
	Held       int    // operations hanging now
	Reverted   bool   // disarmed or fixed
	RevertedAt time.Duration

	// Observed says that the effect reached somebody: an error or a delay was
	// given, an operation hung, or damaged bytes or names were read.
	Observed   bool
	ObservedAt time.Duration
}

// What hides an effect: the other drives of the RAID group, the node's caches,
// or that it would have changed nothing.
const (
	MaskedByRAID  = "raid"
	MaskedByCache = "cache"
	MaskedBySame  = "same bytes"
)

// Receipts lists what came of every arming, in the order of arming.
func (f *Fleet) Receipts() []Receipt {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]Receipt, 0, len(f.rules))
	for _, r := range f.rules {
		receipt := r.receipt
		for _, u := range r.order {
			for _, g := range u.gates {
				receipt.Held += len(g.held)
			}
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
		g.v.array.alarmFelt(g.rule)
	}
}

// hidden notes that the effect was on and that something kept everybody from
// feeling it.
func (g *gate) hidden(by string) {
	g.rule.receipt.Masked++
	g.rule.receipt.MaskedBy = by
}

// masked notes that the effect would have changed nothing. What is to happen
// once then waits for something that it does change.
func (g *gate) masked() { hit{g: g}.masked(nil, "") }

// masked is the same on a file, some parts of which were hit.
func (x hit) masked(n *inode, path string) {
	x.g.hidden(MaskedBySame)
	if x.g.rule.bug.Persistence == bug.Once {
		x.g.wait(n, path, x.parts)
	}
}
