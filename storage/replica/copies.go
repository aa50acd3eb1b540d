package replica

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"
)

// A node that lacks a record asks the others for a copy, under the seal and
// length that its census has. What comes is compared with them, so it does not
// matter who answers and how far that node is: what fits is what was lost, and
// nothing else is taken.

const askCopy = 'C' // the record at key, as the asker's census has it

func copyRequest(m member) request {
	want := binary.BigEndian.AppendUint32(nil, m.seal)
	return request{kind: askCopy, since: m.since, key: m.sub, cmd: binary.BigEndian.AppendUint32(want, m.size)}
}

// copyWanted is what a copyRequest asked for.
func copyWanted(q request) (m member, ok bool) {
	if q.key == "" || len(q.key) > 2*MaxKey || len(q.cmd) != 8 {
		return m, false
	}
	return member{sub: q.key, since: q.since, seal: binary.BigEndian.Uint32(q.cmd), size: binary.BigEndian.Uint32(q.cmd[4:])}, true
}

// serveCopy gives another node a record, if this one has it just so. It is
// given from a fenced copy too: the asker can tell what is right.
func (r *Replica) serveCopy(q request) answer {
	m, ok := copyWanted(q)
	s := r.store.Load()
	if !ok || s == nil || r.watch.silent() > 0 {
		return answer{verdict: notDone}
	}
	v, at := s.state.view()
	defer v.txn.Discard()
	if sealed := v.copyOf(m); sealed != nil {
		return answer{verdict: done, body: sealed, index: at.applied}
	}
	return answer{verdict: notDone, index: at.applied}
}

// copyOf is the record that m describes, or nil. A node that is ahead may have
// written over it; Badger keeps what was there before for a while.
func (v *view) copyOf(m member) []byte {
	key := stateKey(v.gen, []byte(m.sub))
	if sealed, err := getRaw(v.txn, key); err == nil && m.is(sealed) {
		return sealed
	}
	sealed, _ := olderCopy(v.txn, key, m)
	return sealed
}

func olderCopy(txn *badger.Txn, key []byte, m member) (found []byte, err error) {
	defer catch(&err)
	it := txn.NewKeyIterator(key, badger.IteratorOptions{})
	defer it.Close()
	for it.Seek(key); it.Valid() && found == nil && err == nil; it.Next() {
		if it.Item().IsDeletedOrExpired() {
			continue
		}
		err = it.Item().Value(func(sealed []byte) error {
			if m.is(sealed) {
				found = slices.Clone(sealed)
			}
			return nil
		})
	}
	return found, err
}

// offer is what one of the others answered.
type offer struct {
	from   string
	sealed []byte // fits, or is nil
	final  bool   // that node will never have it: it had been as far, or farther
	index  uint64 // how far it is
}

// fetch gets a copy of m from another node, waiting for one that has it until
// ctx ends. It asks all at once, because any may hang.
//
// Others that are ahead may have written over it. What they wrote comes here
// too, and then nobody needs the copy.
func (h *healer) fetch(ctx context.Context, c *census, m member) (sealed []byte, from string, err error) {
	st, reach := h.replica.store.Load().state, uint64(0)
	for {
		changed := h.replica.change.wait()
		applied, best := st.at.Load().applied, h.ask(ctx, m)
		switch now, ok := c.find(m.sub); {
		case best.sealed != nil:
			return best.sealed, best.from, nil
		case !ok || now != m:
			return nil, "", fmt.Errorf("key %q: %w", m.sub, errOutdated)
		case best.final && applied >= cmp.Or(reach, best.index):
			return nil, "", fmt.Errorf("key %q: no replica has a good copy: %w", m.sub, ErrDamaged)
		}
		reach = cmp.Or(reach, best.index)
		if err := h.replica.pause(ctx, changed); err != nil {
			return nil, "", fmt.Errorf("key %q: no good copy came in time: %w: %w", m.sub, ErrDamaged, err)
		}
	}
}

// ask puts the question to all others and returns the first good copy, or
// without one whether all have said that they will never have it.
func (h *healer) ask(ctx context.Context, m member) offer {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	others := h.replica.others()
	offers := make(chan offer, len(others))
	for _, p := range others {
		go func() { offers <- askOne(ctx, h.replica.link(p), m) }()
	}
	all := offer{final: true}
	for range others {
		select {
		case got := <-offers:
			if got.sealed != nil {
				return got
			}
			all.final, all.index = all.final && got.final, max(all.index, got.index)
		case <-ctx.Done():
			return offer{}
		}
	}
	return all
}

func askOne(ctx context.Context, p *peer, m member) offer {
	a, _, err := p.ask(ctx, copyRequest(m))
	if err == nil && a.verdict == done && m.is(a.body) {
		return offer{from: p.ID, sealed: a.body}
	}
	return offer{final: err == nil && a.index > 0 && a.index >= m.since, index: a.index}
}

// mend gets the right record for one that was found bad: from another node, and
// nil where there should be none. The own copy is put right in the background.
func (v *view) mend(sub string, bad error) (sealed []byte, err error) {
	_ = v.damage(bad)
	if v.heal == nil || !v.watches() || !errors.Is(bad, ErrDamaged) {
		return nil, bad
	}
	m, ok := v.census.find(sub)
	if m.since > v.applied {
		return nil, fmt.Errorf("key %q: %w", sub, errOutdated)
	}
	v.heal.later(sub)
	if !ok {
		return nil, nil
	}
	ctx, cancel := v.heal.limit(v.ctx)
	defer cancel()
	sealed, _, err = v.heal.fetch(ctx, v.census, m)
	return sealed, err
}
