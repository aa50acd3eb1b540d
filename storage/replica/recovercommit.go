package replica

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// commit switches from the old cluster to the new one.
func (w *recovery) commit() error {
	fresh := make([]byte, incarnationSize+identityBytes)
	if _, err := rand.Read(fresh); err != nil {
		return fmt.Errorf("recover: make identity: %w", err)
	}
	w.cluster = hex.EncodeToString(fresh[incarnationSize:])
	records := append(w.begins(),
		sealedMeta("incarnation", fresh[:incarnationSize]),
		sealedMeta("owner", w.self.encode()),
		sealedMeta("cluster", []byte(w.cluster)),
		sealedMeta("recovered", w.lack.encode()),
		sealedMeta(unsettledName, w.promise.encode()),
		sealedMeta("state", w.now.encode()))
	w.store.put("recover", records)
	return nil
}

// begins is the log of the new cluster: behind what the old one left come the
// configuration, of this node alone, in a term above all that the volume knows,
// and the machine's first command.
func (w *recovery) begins() []record {
	s, end := w.store, *w.store.log.end.Load()
	if w.now.applied > end.index {
		end = position{w.now.applied, w.now.appliedTerm}
	}
	term := max(s.stable.kept.Load().term, end.term) + 1
	next := func(kind raft.LogType, data []byte) record {
		end = position{end.index + 1, term}
		return encodeLog(&raft.Log{Index: end.index, Term: term, Type: kind, Data: data, AppendedAt: time.Now()})
	}
	only := raft.Configuration{Servers: []raft.Server{{ID: raft.ServerID(w.self.ID), Address: raft.ServerAddress(w.self.Addr)}}}
	records := []record{next(raft.LogConfiguration, raft.EncodeConfiguration(only))}
	if m, ok := w.cfg.Machine.(Recoverer); ok {
		if cmd := m.Recovered(w.lack); cmd != nil {
			records = append(records, next(raft.LogCommand, encodeCommand("recovered "+w.cluster, end.index, cmd)))
		}
	}
	var ballot pack
	ballot.number(term)
	ballot.number(0)
	ballot.bytes(nil)
	records = append(records, sealedMeta("ballot", ballot),
		sealedMeta("end", binary.BigEndian.AppendUint64(nil, end.index)))
	if w.now.applied > 0 {
		records = append(records, sealedMeta("first", binary.BigEndian.AppendUint64(nil, w.now.applied+1)))
	}
	return records
}

// unsettled tells whether a recovery has yet to write its promise: what is
// there, if anything, is just what it found.
func (s *store) unsettled(p *promise, known bool) bool {
	switch {
	case s.before == nil:
		return false
	case !known:
		return s.before.incarnation == nil
	}
	return p.kept.equal(*s.before)
}

// settleRecovery writes the promise of a recovered node, and then that this is
// done.
func (s *store) settleRecovery() {
	if s.before == nil {
		return
	}
	s.keepPromise()
	s.put("recover settle", []record{{key: metaKey(unsettledName)}})
	s.before = nil
}
