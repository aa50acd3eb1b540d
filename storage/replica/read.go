package replica

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"
)

// Read runs fn on a View that contains every write that was answered before
// Read began, on any node. An error is ErrUnavailable, or what fn returned.
//
// Where this node's copy of a record is bad, fn is given the one of another
// node, as long as ctx allows; ErrDamaged says that none came. It may be that
// fn is run again, on a newer View.
//
// If ctx ends while fn waits for the storage, Read returns and leaves fn
// behind; what fn fills in must not be used after an error.
func (r *Replica) Read(ctx context.Context, fn func(View) error) error {
	if err := r.barred(); err != nil {
		return err
	}
	for attempt := 0; ; attempt++ {
		changed := r.change.wait()
		if d := r.watch.silent(); d > 0 {
			return fmt.Errorf("%w: storage has not answered for %v", ErrUnavailable, d)
		}
		if r.phase.Load().name == running && r.catchUp(ctx, attempt) == nil {
			return r.within(ctx, fn)
		}
		if err := r.pause(ctx, changed); err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
}

// Local runs fn on what this node holds, without asking anyone and also while
// it is fenced. It is for audits: the view may be old.
func (r *Replica) Local(fn func(View) error) error {
	s := r.store.Load()
	if s == nil {
		return fmt.Errorf("%w: %s", ErrUnavailable, r.phase.Load().reason)
	}
	if d := r.watch.silent(); d > 0 {
		return fmt.Errorf("%w: storage has not answered for %v", ErrUnavailable, d)
	}
	return s.state.look(fn)
}

// within runs fn, but waits no longer than ctx.
func (r *Replica) within(ctx context.Context, fn func(View) error) error {
	got := make(chan error, 1)
	go func() { got <- r.store.Load().state.ask(ctx, fn) }()
	select {
	case err := <-got:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	case <-r.closing:
		return fmt.Errorf("%w: closed", ErrUnavailable)
	}
}

// readIndex is the position that a read must wait for: its index and term, and
// the current term of the leader that says so.
type readIndex struct {
	index, term, current uint64
	leader               string // who says so, where that is another node
}

var errNotCurrent = errors.New("cannot tell what is current")

// catchUp returns when this node has applied everything that was answered
// before it was called.
func (r *Replica) catchUp(ctx context.Context, attempt int) error {
	if r.leads() {
		at, err := r.leaderIndex(ctx)
		if err != nil {
			return err
		}
		return r.waitApplied(ctx, at.index)
	}
	a, _ := r.attempt(ctx, request{kind: askIndex}, attempt)
	if a.verdict != done {
		return errNotCurrent
	}
	return r.follow(ctx, readIndex{a.index, a.term, a.current, a.leader})
}

// leaderIndex is the commit index, once an entry of this leader's own term is
// committed and applied, and once a majority confirmed after it was taken that
// this node still leads.
func (r *Replica) leaderIndex(ctx context.Context) (readIndex, error) {
	n, st := r.node.Load(), r.store.Load().state
	for {
		applied, changed := st.applied.wait(), r.change.wait()
		if st.ready.Load() == n.raft.CurrentTerm() {
			break
		}
		if !r.leads() {
			return readIndex{}, errNotCurrent
		}
		select {
		case <-applied:
		case <-changed:
		case <-ctx.Done():
			return readIndex{}, ctx.Err()
		}
	}
	return r.verify.confirm(ctx)
}

// verifier lets concurrent readers share one confirmation of leadership. A
// reader never joins a round that has begun: its commit index may be older
// than the reader.
type verifier struct {
	replica *Replica
	mu      sync.Mutex
	next    *round
	busy    bool
}

type round struct {
	over chan struct{}
	at   readIndex
	err  error
}

func (v *verifier) confirm(ctx context.Context) (readIndex, error) {
	v.mu.Lock()
	if v.next == nil {
		v.next = &round{over: make(chan struct{})}
	}
	mine := v.next
	if !v.busy {
		v.busy = true
		go v.run()
	}
	v.mu.Unlock()
	select {
	case <-mine.over:
		return mine.at, mine.err
	case <-ctx.Done():
		return readIndex{}, ctx.Err()
	}
}

// run works off rounds until nobody waits.
func (v *verifier) run() {
	for {
		v.mu.Lock()
		now := v.next
		v.next = nil
		v.busy = now != nil
		v.mu.Unlock()
		if now == nil {
			return
		}
		now.at, now.err = v.replica.confirmed()
		close(now.over)
	}
}

// confirmed asks a majority. It may hang with raft's main loop.
func (r *Replica) confirmed() (at readIndex, err error) {
	n := r.node.Load()
	at.current = n.raft.CurrentTerm()
	if r.store.Load().state.ready.Load() != at.current {
		return at, errNotCurrent // led again since the reader looked, and does not know yet what is committed
	}
	at.index = n.raft.CommitIndex()
	if err := n.raft.VerifyLeader().Error(); err != nil {
		return at, err
	}
	term, known := r.store.Load().termAt(at.index)
	if !known || n.raft.CurrentTerm() != at.current {
		return at, errNotCurrent
	}
	at.term = term
	return at, nil
}

// waitApplied waits until the state contains entry index.
func (r *Replica) waitApplied(ctx context.Context, index uint64) error {
	st := r.store.Load().state
	for {
		applied := st.applied.wait()
		if st.at.Load().applied >= index {
			return nil
		}
		select {
		case <-applied:
		case <-ctx.Done():
			return ctx.Err()
		case <-r.closing:
			return errNotCurrent
		}
	}
}

// follow waits until this follower has applied up to at. Raft would tell it
// only with the next entry, or much later, that the entry it holds is
// committed; the leader has just told us, so we tell raft in its own words.
func (r *Replica) follow(ctx context.Context, at readIndex) error {
	n, s := r.node.Load(), r.store.Load()
	told := false
	for {
		applied, appended := s.state.applied.wait(), s.log.appended.wait()
		if s.state.at.Load().applied >= at.index {
			return nil
		}
		if !told && s.log.last() >= at.index {
			told = true
			if err := r.tell(ctx, n, at); err != nil {
				return err
			}
		}
		select {
		case <-applied:
		case <-appended:
		case <-ctx.Done():
			return ctx.Err()
		case <-r.closing:
			return errNotCurrent
		}
	}
}

// tell injects the empty append that the leader could have sent.
func (r *Replica) tell(ctx context.Context, n *node, at readIndex) error {
	addr, id := n.raft.LeaderWithID()
	if id == "" || string(id) != at.leader || n.raft.CurrentTerm() != at.current {
		return errNotCurrent
	}
	rpc := raft.RPC{
		Command: &raft.AppendEntriesRequest{
			RPCHeader:    raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id), Addr: []byte(addr)},
			Term:         at.current,
			PrevLogEntry: at.index, PrevLogTerm: at.term, LeaderCommitIndex: at.index,
		},
		RespChan: make(chan raft.RPCResponse, 1),
	}
	select {
	case n.trans.in <- rpc:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-n.trans.done:
		return errNotCurrent
	}
}
