package replica

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/hashicorp/raft"
)

// logStore is raft's log. Its entries are those from first to last without a
// gap; what lies below first is rubbish on its way out.
type logStore struct {
	*store
	first    atomic.Uint64            // where it begins, or would
	end      atomic.Pointer[position] // of its last entry; index 0: it is empty
	appended bell

	bound  uint64 // what lies above is rubbish too, as long as this is not 0
	damage error  // what was found when it was loaded; end is before it
	beyond uint64 // the highest entry that is there in spite of it
}

// position is a place in the log.
type position struct{ index, term uint64 }

func (l *logStore) last() uint64 { return l.end.Load().index }

// loadLog finds the bounds of the log, and how far nothing is missing in between:
// Badger opens without a word when half of its write-ahead log is gone.
func loadLog(s *store) (*logStore, error) {
	l := &logStore{store: s}
	l.end.Store(&position{})
	first := uint64(1)
	b, err := s.meta("first")
	if err == nil {
		first = binary.BigEndian.Uint64(b)
	} else if !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	l.first.Store(first)
	if b, err = s.meta("end"); err == nil {
		l.bound = binary.BigEndian.Uint64(b)
	} else if !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if err := s.db.View(func(txn *badger.Txn) error { return l.measure(txn, first) }); err != nil {
		return nil, err
	}
	return l, nil
}

// measure sets the end behind the last entry that nothing is wrong with up to
// there. Those that the state contains already need only be there.
func (l *logStore) measure(txn *badger.Txn, first uint64) error {
	applied := l.state.at.Load().applied
	next, end := first, position{}
	err := scanRaw(txn, []byte{logSpace}, logKey(first), func(key, sealed []byte) (bool, error) {
		index := binary.BigEndian.Uint64(key[1:])
		if l.bound > 0 && index > l.bound {
			return false, nil
		}
		if l.beyond = index; l.damage != nil {
			return true, nil
		}
		var entry raft.Log
		err := decodeLog(key, sealed, &entry)
		switch {
		case index != next:
			l.damage = fmt.Errorf("log entries %d to %d are missing: %w", next, index-1, ErrDamaged)
		case err != nil && index > applied:
			l.damage = fmt.Errorf("%w; it was not applied yet", err)
		default:
			next, end = index+1, position{index, entry.Term}
		}
		return true, nil
	})
	if end.index > 0 && end.term == 0 && l.damage == nil {
		l.damage = fmt.Errorf("log entry %d: %w", end.index, ErrDamaged)
	}
	l.end.Store(&end)
	return err
}

// FirstIndex is the index of the first entry, 0 if there is none.
func (l *logStore) FirstIndex() (uint64, error) {
	if l.last() == 0 {
		return 0, nil
	}
	return l.first.Load(), nil
}

// LastIndex is the index of the last entry, 0 if there is none.
func (l *logStore) LastIndex() (uint64, error) { return l.last(), nil }

// GetLog reads an entry.
func (l *logStore) GetLog(index uint64, entry *raft.Log) error {
	if last := l.last(); last == 0 || index < l.first.Load() || index > last {
		return raft.ErrLogNotFound
	}
	err := l.db.View(func(txn *badger.Txn) error { return readLog(txn, index, entry) })
	if errors.Is(err, ErrDamaged) {
		return l.damagedEntry(index, err)
	}
	return err
}

func readLog(txn *badger.Txn, index uint64, entry *raft.Log) error {
	key := logKey(index)
	sealed, err := getRaw(txn, key)
	if errors.Is(err, ErrNotFound) {
		err = ErrDamaged // it is within the bounds
	}
	if err != nil {
		return fmt.Errorf("read log entry %d: %w", index, err)
	}
	return decodeLog(key, sealed, entry)
}

func decodeLog(key, sealed []byte, entry *raft.Log) error {
	index := binary.BigEndian.Uint64(key[1:])
	value, err := unseal(key, sealed)
	if err != nil {
		return fmt.Errorf("read log entry %d: %w", index, err)
	}
	u := unpack{rest: value}
	*entry = raft.Log{
		Index: index, Term: u.number(), Type: raft.LogType(u.number()),
		AppendedAt: time.Unix(0, int64(u.number())), Data: u.bytes(), Extensions: u.bytes(),
	}
	return u.err("log entry")
}

func encodeLog(entry *raft.Log) record {
	p := make(pack, 0, len(entry.Data)+len(entry.Extensions)+32)
	p.number(entry.Term)
	p.number(uint64(entry.Type))
	p.number(uint64(entry.AppendedAt.UnixNano()))
	p.bytes(entry.Data)
	p.bytes(entry.Extensions)
	key := logKey(entry.Index)
	return record{key, seal(key, p)}
}

// StoreLog stores one entry.
func (l *logStore) StoreLog(entry *raft.Log) error { return l.StoreLogs([]*raft.Log{entry}) }

// StoreLogs stores entries durably, in order and in as few commits as fit, and
// promises to keep them before it returns.
func (l *logStore) StoreLogs(entries []*raft.Log) error {
	if len(entries) == 0 {
		return nil
	}
	if last := l.last(); last != 0 && entries[0].Index != last+1 {
		return fmt.Errorf("append entry %d after %d", entries[0].Index, last)
	}
	var batch []record
	size := 0
	if l.last() == 0 && entries[0].Index != l.first.Load() {
		batch = append(batch, l.setFirst(entries[0].Index))
	}
	for _, entry := range entries {
		rec := encodeLog(entry)
		cost := len(rec.value) + entryOverhead
		if size+cost > commitBytes || len(batch) >= commitKeys {
			l.put("log append", batch)
			batch, size = nil, 0
		}
		size += cost
		batch = append(batch, rec)
	}
	l.put("log append", batch)
	end := entries[len(entries)-1]
	l.end.Store(&position{end.Index, end.Term})
	l.keepPromise()
	l.appended.ring()
	return nil
}

func (l *logStore) setFirst(index uint64) record {
	l.first.Store(index)
	return sealedMeta("first", binary.BigEndian.AppendUint64(nil, index))
}

// DeleteRange removes entries at the beginning (compaction) or at the end (a
// conflict with a new leader).
func (l *logStore) DeleteRange(low, high uint64) error {
	first, last := l.first.Load(), l.last()
	low, high = max(low, first), min(high, last)
	if last == 0 || low > high {
		return nil
	}
	if high == last && (low > first || high > l.state.at.Load().applied) {
		return l.deleteSuffix(low, last)
	}
	if low > first {
		return fmt.Errorf("delete log entries %d to %d from the middle", low, high)
	}
	if high == last {
		l.end.Store(&position{})
	}
	l.put("log compaction", []record{l.setFirst(high + 1)})
	l.sweep(low, high)
	return nil
}

// deleteSuffix lowers the promise first, then deletes from the end, so that
// what a crash leaves is a log without a gap that nothing more was promised of.
func (l *logStore) deleteSuffix(low, last uint64) error {
	rest := position{}
	if low > l.first.Load() {
		var entry raft.Log
		if err := l.GetLog(low-1, &entry); err != nil {
			return err
		}
		rest = position{low - 1, entry.Term}
	}
	l.end.Store(&rest)
	l.keepPromise()
	for last >= low {
		var batch []record
		for ; last >= low && len(batch) < commitKeys; last-- {
			batch = append(batch, record{key: logKey(last)})
		}
		l.put("log truncation", batch)
	}
	return nil
}

// sweep deletes entries that are out of bounds already.
func (l *logStore) sweep(low, high uint64) {
	for low <= high {
		var batch []record
		for ; low <= high && len(batch) < commitKeys; low++ {
			batch = append(batch, record{key: logKey(low)})
		}
		l.put("log compaction", batch)
	}
}

// termAt is the term of the entry at index, if that is still known.
func (s *store) termAt(index uint64) (term uint64, known bool) {
	if at := s.state.at.Load(); at.applied == index {
		return at.appliedTerm, index > 0
	}
	var entry raft.Log
	var logs raft.LogStore = s.log
	if s.cache != nil {
		logs = s.cache
	}
	if err := logs.GetLog(index, &entry); err != nil {
		return 0, false
	}
	return entry.Term, true
}

// gap says what is missing between log and state, "" if they meet. The log
// goes at least as far as the state, or begins right behind it and is empty.
func (l *logStore) gap() string {
	applied, first, last := l.state.at.Load().applied, l.first.Load(), l.last()
	switch {
	case l.damage != nil:
		return l.damage.Error()
	case applied+1 < first:
		return fmt.Sprintf("the state ends at %d, the log begins at %d", applied, first)
	case last == 0 && first != applied+1, last > 0 && last < applied:
		return fmt.Sprintf("the log begins at %d and ends at %d, before the state at %d", first, last, applied)
	}
	return ""
}

// removeLeftovers deletes what an interrupted compaction left below first, and
// a recovery above the end.
func (l *logStore) removeLeftovers() error {
	for {
		old, err := l.rubbish()
		if err != nil {
			return err
		}
		if len(old) == 0 && l.bound == 0 {
			return nil
		}
		if len(old) == 0 {
			old, l.bound = []record{{key: metaKey("end")}}, 0
		}
		l.put("log compaction", old)
	}
}

// rubbish lists entries out of bounds, as many as fit into a commit.
func (l *logStore) rubbish() (old []record, err error) {
	from, past := []byte(nil), l.first.Load()
	list := func(key, _ []byte) (bool, error) {
		index := binary.BigEndian.Uint64(key[1:])
		if index >= past {
			return false, nil
		}
		old = append(old, record{key: bytes.Clone(key)})
		return len(old) < commitKeys, nil
	}
	err = l.db.View(func(txn *badger.Txn) error { return scanRaw(txn, []byte{logSpace}, from, list) })
	if err == nil && len(old) == 0 && l.bound > 0 {
		from, past = logKey(l.bound+1), 1<<64-1
		err = l.db.View(func(txn *badger.Txn) error { return scanRaw(txn, []byte{logSpace}, from, list) })
	}
	return old, err
}
