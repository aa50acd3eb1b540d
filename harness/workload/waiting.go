package workload

import (
	"cmp"
	"slices"
)

// Waiting is one message that a sender still holds for one recipient.
type Waiting struct{ Account, Message string }

// Waiting lists what the senders hold, in the order of accounts and messages.
// It is complete when nothing is in flight.
func (e *Engine) Waiting() []Waiting {
	var all []Waiting
	add := func(p *parcel) {
		for _, a := range p.pending {
			all = append(all, Waiting{Account: e.cfg.Accounts[a], Message: p.key})
		}
	}
	for _, due := range e.queue.events {
		if p, ok := due.what.(*parcel); ok {
			add(p)
		}
	}
	for _, hosts := range e.hosts {
		for _, h := range hosts {
			for _, p := range h.queue {
				add(p)
			}
		}
	}
	slices.SortFunc(all, func(a, b Waiting) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(all)
}
