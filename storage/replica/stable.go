package replica

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// ballot is what raft must remember of terms and votes.
type ballot struct {
	term, voteTerm uint64
	vote           []byte
}

// stableStore is raft's memory of terms and votes. Raft's heartbeat handler
// writes here beside its main loop.
type stableStore struct {
	*store
	mu      sync.Mutex             // held while writing
	kept    atomic.Pointer[ballot] // durable
	pending uint64                 // a vote's term, until raft names the candidate
}

var (
	keyTerm     = []byte("CurrentTerm")
	keyVoteTerm = []byte("LastVoteTerm")
	keyVote     = []byte("LastVoteCand")

	// errStableNotFound has the text that raft looks for.
	errStableNotFound = errors.New("not found")
)

func loadStable(s *store) (*stableStore, error) {
	st := &stableStore{store: s}
	st.kept.Store(&ballot{})
	b, err := s.meta("ballot")
	if errors.Is(err, ErrNotFound) {
		return st, nil
	}
	if err != nil {
		return nil, err
	}
	u := unpack{rest: b}
	st.kept.Store(&ballot{term: u.number(), voteTerm: u.number(), vote: u.bytes()})
	return st, u.err("ballot")
}

// encode is nil for a node that never heard of a term.
func (b *ballot) encode() []byte {
	if b.term == 0 && b.voteTerm == 0 {
		return nil
	}
	var p pack
	p.number(b.term)
	p.number(b.voteTerm)
	p.bytes(b.vote)
	return p
}

func (s *stableStore) save(b ballot) {
	s.put("stable write", []record{sealedMeta("ballot", b.encode())})
	s.kept.Store(&b)
	s.keepPromise()
}

// Set stores the candidate that got the vote, together with the vote's term.
func (s *stableStore) Set(key, value []byte) error {
	if string(key) != string(keyVote) {
		return fmt.Errorf("set %q: not a key of raft's", key)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.save(ballot{term: s.kept.Load().term, voteTerm: s.pending, vote: append([]byte(nil), value...)})
	return nil
}

// Get reads the candidate that got the last vote.
func (s *stableStore) Get(key []byte) ([]byte, error) {
	b := s.kept.Load()
	if string(key) != string(keyVote) || b.voteTerm == 0 {
		return nil, errStableNotFound
	}
	return b.vote, nil
}

// SetUint64 stores the current term, which never goes back: raft's heartbeat
// handler may be late. The term of a vote waits for its Set, without which it
// means nothing.
func (s *stableStore) SetUint64(key []byte, n uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := *s.kept.Load()
	switch string(key) {
	case string(keyTerm):
		if n > b.term {
			b.term = n
			s.save(b)
		}
	case string(keyVoteTerm):
		s.pending = n
	default:
		return fmt.Errorf("set %q: not a key of raft's", key)
	}
	return nil
}

// GetUint64 reads the current term or the term of the last vote.
func (s *stableStore) GetUint64(key []byte) (uint64, error) {
	b := s.kept.Load()
	switch {
	case string(key) == string(keyTerm) && b.term > 0:
		return b.term, nil
	case string(key) == string(keyVoteTerm) && b.voteTerm > 0:
		return b.voteTerm, nil
	}
	return 0, errStableNotFound
}
