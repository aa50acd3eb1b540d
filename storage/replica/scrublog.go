package replica

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/dgraph-io/badger/v4"
	"github.com/hashicorp/raft"
)

// An entry of the log that was applied is the same on all nodes for ever: any
// other that applied it, and still has it, has the good copy. What is not applied
// yet is not known to be anything, and is left alone.

const askEntry = 'E' // the log entry at since

// serveEntry gives another node an entry that was applied here.
func (r *Replica) serveEntry(q request) answer {
	s := r.store.Load()
	if s == nil || r.watch.silent() > 0 {
		return answer{verdict: notDone}
	}
	at := s.state.at.Load()
	sealed, err := s.log.sealed(q.since)
	if err != nil || q.since > at.applied {
		return answer{verdict: notDone, index: at.applied}
	}
	return answer{verdict: done, body: sealed, index: at.applied}
}

// sealed is the record of an entry, whole.
func (l *logStore) sealed(index uint64) (sealed []byte, err error) {
	err = l.db.View(func(txn *badger.Txn) error {
		key := logKey(index)
		if sealed, err = getRaw(txn, key); err != nil {
			return err
		}
		_, err = unseal(key, sealed)
		return err
	})
	return sealed, err
}

// keeps says whether the entry at index must be there and was applied.
func (l *logStore) keeps(index uint64) bool {
	return index >= l.first.Load() && index <= min(l.last(), l.state.at.Load().applied)
}

// log goes through the applied entries.
func (p *pass) log() error {
	l := p.store.log
	for index, more := l.first.Load(), true; more; {
		var bad []uint64
		err := p.chunk(func() error {
			index, bad, more = p.entries(index)
			return nil
		})
		if err != nil {
			return err
		}
		for _, index := range bad {
			p.repair(string(logKey(index)))
		}
	}
	return nil
}

// entries reads the entries from index on until a chunk is full.
func (p *pass) entries(index uint64) (next uint64, bad []uint64, more bool) {
	l := p.store.log
	records, bytes := 0, 0
	for index = max(index, l.first.Load()); l.keeps(index) && records < chunkRecords && bytes < chunkBytes; index++ {
		sealed, err := l.sealed(index)
		records, bytes = records+1, bytes+len(sealed)
		if err != nil && l.keeps(index) {
			l.detect(fmt.Sprintf("log entry %d: %v", index, err))
			bad = append(bad, index)
		}
	}
	p.count(records, bytes)
	return index, bad, l.keeps(index)
}

// repairEntry puts an entry right that was applied.
func (h *healer) repairEntry(ctx context.Context, key string) finding {
	s, index := h.replica.store.Load(), binary.BigEndian.Uint64([]byte(key[1:]))
	if _, err := s.log.sealed(index); err == nil || !s.log.keeps(index) {
		return h.found(key, whole)
	}
	_ = h.found(key, unrepaired)
	sealed, from := h.fetchEntry(ctx, index)
	if sealed == nil {
		h.replica.Detect(fmt.Sprintf("not repaired: log entry %d: no other node has it", index))
		return unrepaired
	}
	if !s.log.keeps(index) || h.replica.phase.Load().name != running {
		return h.found(key, whole) // compacted away meanwhile
	}
	// A compaction may come between: then this is rubbish below the first entry.
	s.put("repair", []record{{[]byte(key), sealed}})
	h.replica.Detect(fmt.Sprintf("log entry %d: repaired from %s", index, from))
	return h.found(key, repaired)
}

// fetchEntry asks the others, in turn: nobody waits for it.
func (h *healer) fetchEntry(ctx context.Context, index uint64) (sealed []byte, from string) {
	for _, p := range h.replica.others() {
		a, _, err := h.replica.link(p).ask(ctx, request{kind: askEntry, since: index})
		if err != nil || a.verdict != done {
			continue
		}
		if _, err := unseal(logKey(index), a.body); err == nil {
			return a.body, p.ID
		}
	}
	return nil, ""
}

// damagedEntry is what raft is told of an entry that cannot be read. One that
// was applied is as good as compacted away: who needs it gets the state.
func (l *logStore) damagedEntry(index uint64, err error) error {
	l.detect(err.Error())
	if index > l.state.at.Load().applied {
		if l.state.heal == nil {
			return err
		}
		// Raft would end the process over an entry that it cannot apply.
		l.state.heal.replica.distrust(err.Error())
		select {}
	}
	if l.state.heal != nil {
		l.state.heal.later(string(logKey(index)))
	}
	return raft.ErrLogNotFound
}

// own is a record by name and what is known of it in memory, under its lock.
type own struct {
	name string
	mu   sync.Locker
	want func() []byte // nil: nothing was written yet
}

// owned are the records that a node keeps about itself and has in memory too.
// The beginning of the log is none of them: it moves with raft, and is written
// anew when it does.
func (s *store) owned() []own {
	return []own{
		{"ballot", &s.stable.mu, func() []byte { return s.stable.kept.Load().encode() }},
		{"state", &s.state.mu, s.state.written},
		{"incarnation", &sync.Mutex{}, func() []byte { return s.incarnation }},
	}
}

func (p *pass) metas() error {
	return p.chunk(func() error {
		for _, o := range p.store.owned() {
			found, bytes := p.replica.heal.keep(o)
			p.count(1, bytes)
			p.note(found)
		}
		return nil
	})
}

// keep reads a record, and writes it anew where it is not what is known.
func (h *healer) keep(o own) (f finding, size int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s, key, want := h.replica.store.Load(), string(metaKey(o.name)), o.want()
	value, err := s.meta(o.name)
	if err == nil && bytes.Equal(value, want) || errors.Is(err, ErrNotFound) && want == nil {
		return h.found(key, whole), len(key) + len(value)
	}
	h.replica.Detect(fmt.Sprintf("record %q is not what was written: %v", o.name, err))
	_ = h.found(key, unrepaired)
	if h.replica.phase.Load().name != running {
		return unrepaired, len(key)
	}
	s.put("repair", []record{sealedMeta(o.name, want)})
	h.replica.Detect(fmt.Sprintf("record %q: repaired from memory", o.name))
	return h.found(key, repaired), len(key) + len(value)
}

// written is the standpoint as it was written, nil before the first.
func (st *state) written() []byte {
	if at := st.at.Load(); at.applied > 0 {
		return at.encode()
	}
	return nil
}

// tableDamaged is called when the tree shall be rewritten and a table does not
// match its checksum. Its records are looked at one by one: where all can be put
// right beside it, the node goes on, and never rewrites this tree again.
func (r *Replica) tableDamaged(err error) {
	r.Detect(fmt.Sprintf("a table is damaged: %v", err))
	got, failed := r.Scrub(context.Background())
	switch {
	case failed != nil:
		r.distrust(fmt.Sprintf("a table is damaged: %v; %v", err, failed))
	case got.Unrepaired > 0:
		r.distrust(fmt.Sprintf("a table is damaged: %v; %d records have no good copy", err, got.Unrepaired))
	default:
		r.Detect("a damaged table stays on the volume: what was in it is whole beside it, and the tree is never rewritten. Replace this node")
	}
}
