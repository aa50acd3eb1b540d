package replica

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"
)

// snapshots is raft's snapshot store without a second copy: the state is
// durable where it is, so there is always exactly one snapshot, the state
// itself, as new as what was applied. What arrives from a leader is written
// beside the active generation and takes its place in one commit.
type snapshots struct{ *store }

const snapshotID = "state"

// here is what raft gets for a snapshot of the state.
type here struct{}

// Persist implements raft.FSMSnapshot.
func (here) Persist(s raft.SnapshotSink) error {
	if own, ok := s.(*sink); ok {
		own.local = true
	}
	return s.Close()
}

// Release implements raft.FSMSnapshot.
func (here) Release() {}

func (s *snapshots) describe(at *standpoint) *raft.SnapshotMeta {
	return &raft.SnapshotMeta{
		Version: 1, ID: snapshotID, Index: at.applied, Term: at.appliedTerm,
		Configuration: raft.DecodeConfiguration(at.config), ConfigurationIndex: at.configIndex,
		Size: int64(headSize(at) + at.bytes),
	}
}

// List implements raft.SnapshotStore.
func (s *snapshots) List() ([]*raft.SnapshotMeta, error) {
	at := s.state.at.Load()
	if at.configIndex == 0 {
		return nil, nil
	}
	return []*raft.SnapshotMeta{s.describe(at)}, nil
}

// Open implements raft.SnapshotStore: it streams the state as it is now, which
// is what the returned description says.
func (s *snapshots) Open(string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	v, at := s.state.view()
	v.heal = s.state.heal // what is bad here must not be given away
	if !v.exact {
		committed, err := s.state.standpointIn(v)
		if err != nil {
			v.txn.Discard()
			return nil, nil, fmt.Errorf("open snapshot: %w", err)
		}
		at = committed
	}
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer v.txn.Discard()
		_ = w.CloseWithError(stream(w, v, at))
	}()
	return s.describe(at), &stopReader{r, done}, nil
}

// stopReader ends the stream when it is closed.
type stopReader struct {
	*io.PipeReader
	done chan struct{}
}

// Close stops the stream and waits until its transaction is over.
func (s *stopReader) Close() error {
	_ = s.PipeReader.Close()
	<-s.done
	return nil
}

// The stream is a head with the standpoint, then the records.

func headSize(at *standpoint) uint64 { return 8 + uint64(len(at.encode())) }

func recordSize(sub, sealed int) uint64 { return 8 + uint64(sub) + uint64(sealed) }

func stream(to io.Writer, v *view, at *standpoint) error {
	w := bufio.NewWriterSize(to, 64<<10)
	writePair(w, nil, at.encode())
	err := v.scan(nil, nil, func(sub, sealed []byte) bool {
		return writePair(w, sub, sealed) == nil
	})
	if err != nil {
		return err
	}
	return w.Flush()
}

// writePair's error sticks to w.
func writePair(w *bufio.Writer, key, value []byte) error {
	var head [8]byte
	binary.BigEndian.PutUint32(head[:4], uint32(len(key)))
	binary.BigEndian.PutUint32(head[4:], uint32(len(value)))
	_, _ = w.Write(head[:])
	_, _ = w.Write(key)
	_, err := w.Write(value)
	return err
}

// Create implements raft.SnapshotStore. Whether raft wants to note a snapshot
// of its own or to install one from the leader shows by what it does with it.
func (s *snapshots) Create(_ raft.SnapshotVersion, index, term uint64, config raft.Configuration,
	configIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	return &sink{store: s.store, meta: standpoint{
		applied: index, appliedTerm: term, config: raft.EncodeConfiguration(config), configIndex: configIndex,
	}}, nil
}

// sink takes a state in. Nothing of it counts before Close.
type sink struct {
	*store
	local  bool
	meta   standpoint // as raft says
	sent   *standpoint
	have   standpoint
	census *census
	rest   []byte
	batch  []record
	size   int
	closed bool
}

// ID implements raft.SnapshotSink.
func (s *sink) ID() string { return snapshotID }

// Write implements io.Writer.
func (s *sink) Write(p []byte) (int, error) {
	if s.sent == nil && len(s.rest) == 0 {
		// What an earlier attempt left would be mixed with this one.
		if err := s.state.removeLeftovers(); err != nil {
			return 0, fmt.Errorf("install snapshot: %w", err)
		}
		s.have.gen = s.state.at.Load().gen + 1
		s.census = newCensus(s.have.gen)
	}
	s.rest = append(s.rest, p...)
	for {
		used, err := s.take(s.rest)
		if err != nil {
			return 0, fmt.Errorf("install snapshot: %w", err)
		}
		if used == 0 {
			return len(p), nil
		}
		s.rest = s.rest[used:]
	}
}

// take consumes one pair from buf, if it is complete.
func (s *sink) take(buf []byte) (used int, err error) {
	if len(buf) < 8 {
		return 0, nil
	}
	k, v := int(binary.BigEndian.Uint32(buf)), int(binary.BigEndian.Uint32(buf[4:]))
	if k > 2*MaxKey || v > 2*MaxValue {
		return 0, fmt.Errorf("record of %d and %d bytes: %w", k, v, ErrDamaged)
	}
	if used = 8 + k + v; len(buf) < used {
		return 0, nil
	}
	key, value := buf[8:8+k], buf[8+k:used]
	if s.sent == nil {
		s.sent, err = decodeStandpoint(append([]byte(nil), value...))
		return used, err
	}
	if err := intact(key, value); err != nil {
		return 0, err
	}
	s.have.account(string(key), value, true)
	s.census.note(string(key), value, s.meta.applied)
	s.add(record{stateKey(s.have.gen, key), append([]byte(nil), value...)})
	return used, nil
}

func (s *sink) add(rec record) {
	cost := len(rec.key) + len(rec.value) + entryOverhead
	if s.size+cost > commitBytes || len(s.batch) >= commitKeys {
		s.put("install snapshot", s.batch)
		s.batch, s.size = nil, 0
	}
	s.batch = append(s.batch, rec)
	s.size += cost
}

// Close makes the installed state the state.
func (s *sink) Close() error {
	if s.closed || s.local {
		return nil
	}
	s.closed = true
	if s.sent == nil || len(s.rest) > 0 {
		return fmt.Errorf("install snapshot: %w", io.ErrUnexpectedEOF)
	}
	if s.have.count != s.sent.count || s.have.sum != s.sent.sum || s.sent.applied != s.meta.applied {
		return fmt.Errorf("install snapshot: %d records up to %d came, %d up to %d were announced: %w",
			s.have.count, s.meta.applied, s.sent.count, s.sent.applied, ErrDamaged)
	}
	if len(s.batch) > 0 {
		s.put("install snapshot", s.batch)
	}
	return s.activate()
}

// activate switches to the new generation and, if the log ends before it,
// starts the log anew behind it, in one commit.
func (s *sink) activate() error {
	st := s.state
	st.mu.Lock()
	defer st.mu.Unlock()
	at := s.meta
	at.gen, at.count, at.bytes, at.sum = s.have.gen, s.have.count, s.have.bytes, s.have.sum
	if at.applied < st.at.Load().applied {
		return errors.New("install snapshot: the state is newer already")
	}
	records := []record{sealedMeta("state", at.encode())}
	first, last := s.log.first.Load(), s.log.last()
	renew := last < at.applied
	if renew {
		// The promise stays true meanwhile: it counts log or state.
		records = append(records, s.log.setFirst(at.applied+1))
	}
	st.census.Store(s.census)
	st.coming.Store(at.applied)
	s.put("activate snapshot", records)
	st.at.Store(&at)
	if renew {
		s.log.end.Store(&position{})
	}
	s.keepPromise()
	if renew && last >= first {
		s.log.sweep(first, last)
	}
	if s.cache != nil {
		_ = s.cache.DeleteRange(0, 0) // empties the cache, which may hold what the log no longer does
	}
	if err := st.removeLeftovers(); err != nil && !s.frozen.Load() {
		return err
	}
	return nil
}

// Cancel implements raft.SnapshotSink; what was written is removed by the next
// attempt or at the next start.
func (s *sink) Cancel() error {
	s.closed = true
	return nil
}
