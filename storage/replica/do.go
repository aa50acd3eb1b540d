package replica

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Do applies cmd on all replicas and returns what the machine replied. Any
// node takes it. A key that was applied before gets its recorded reply, so the
// caller may repeat a command under its key as often as it likes.
//
// An error is a *Refusal (the machine's own), ErrTooLarge, ErrUnavailable
// (definitely not done) or ErrUnknown (may be done, or still be done). Do tries
// until ctx ends before it settles for one of the last two.
func (r *Replica) Do(ctx context.Context, key string, cmd []byte) ([]byte, error) {
	if key == "" || len(key) > MaxKey || len(cmd) > MaxCommand {
		return nil, fmt.Errorf("key of %d, command of %d bytes: %w", len(key), len(cmd), ErrTooLarge)
	}
	if err := r.barred(); err != nil {
		return nil, err
	}
	return r.persist(ctx, request{kind: askDo, since: r.position(), key: key, cmd: cmd})
}

// persist puts a request that may be repeated to whoever leads, until it has an
// answer that is final or ctx ends.
func (r *Replica) persist(ctx context.Context, q request) ([]byte, error) {
	uncertain, why := false, ""
	for attempt := 0; ; attempt++ {
		changed := r.change.wait()
		a, forwarded := r.attempt(ctx, q, attempt)
		switch a.verdict {
		case done:
			return a.body, nil
		case refused:
			return nil, &Refusal{string(a.body)}
		case unknown:
			if forwarded && q.kind == askDo && r.cfg.Unsafe.Guess {
				return nil, nil
			}
			uncertain = true
		case notDone:
			why = string(a.body)
		case notLeader:
			if a.leader != "" && attempt < 2*(1+len(r.others())) {
				continue // ask that one at once
			}
		}
		if err := r.pause(ctx, changed); err != nil {
			if uncertain {
				return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
			}
			if why != "" {
				return nil, fmt.Errorf("%w: %s", ErrUnavailable, why)
			}
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
}

// position is how far the log is known to be committed, 0 while nothing is
// known.
func (r *Replica) position() (index uint64) {
	if s := r.store.Load(); s != nil {
		index = s.state.at.Load().applied
	}
	if n := r.node.Load(); n != nil {
		index = max(index, n.raft.CommitIndex())
	}
	return index
}

// barred is why this node serves nobody, nil if it does.
func (r *Replica) barred() error {
	switch p := r.phase.Load(); p.name {
	case fenced:
		return fmt.Errorf("%w: %s", ErrFenced, p.reason)
	case failed, closed, removed:
		return fmt.Errorf("%w: %s", ErrUnavailable, p.reason)
	}
	return nil
}

// pause waits for a change of leader, or a while.
func (r *Replica) pause(ctx context.Context, changed <-chan struct{}) error {
	timer := time.NewTimer(r.cfg.Timeout / 2)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-r.closing:
		return errors.New("closed")
	case <-ctx.Done():
		return ctx.Err()
	}
	return ctx.Err()
}

// attempt puts a request to whoever leads. Without a known leader it asks the
// others in turn; they may know.
func (r *Replica) attempt(ctx context.Context, q request, number int) (a answer, forwarded bool) {
	if r.leads() {
		return r.serve(ctx, q), false
	}
	p := r.peer(r.hint.take())
	if p == nil {
		p = r.peer(r.knownLeader())
	}
	if p == nil {
		p = r.inTurn(number)
	}
	if p == nil {
		return answer{verdict: notLeader}, false
	}
	a, sent, err := p.ask(ctx, q)
	switch {
	case err == nil:
		if a.verdict == notLeader && a.leader != "" && a.leader != p.ID {
			r.hint.put(a.leader)
		}
		return a, true
	case sent:
		return answer{verdict: unknown}, true
	}
	return answer{verdict: notDone}, true
}

// inTurn picks one of the others.
func (r *Replica) inTurn(number int) *peer {
	others := r.others()
	if len(others) == 0 {
		return nil
	}
	return r.peer(others[number%len(others)].ID)
}

// apply hands a command to raft on the leader and waits for its result.
func (r *Replica) apply(ctx context.Context, q request) answer {
	n := r.node.Load()
	if q.since == 0 {
		q.since = r.position() // the asker's volume is not open; at least we know
	}
	patience := r.cfg.Timeout
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline))
	}
	if patience <= 0 {
		return answer{verdict: notDone}
	}
	future := n.raft.Apply(encodeCommand(q.key, q.since, q.cmd), patience)
	failed := make(chan error, 1)
	go func() { failed <- future.Error() }()
	select {
	case err := <-failed:
		return r.outcome(future, err)
	case <-ctx.Done():
	case <-r.closing:
	}
	return answer{verdict: unknown}
}

// outcome tells apart what raft did not take from what it may have done.
func (r *Replica) outcome(future raft.ApplyFuture, err error) answer {
	switch {
	case errors.Is(err, raft.ErrNotLeader):
		return answer{verdict: notLeader, leader: r.knownLeader()}
	case errors.Is(err, raft.ErrEnqueueTimeout), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return answer{verdict: notDone}
	case err != nil:
		return answer{verdict: unknown} // leadership lost, a failed log write, shutdown
	}
	res, ok := future.Response().(*result)
	switch {
	case !ok || res.err != nil:
		return answer{verdict: unknown}
	case res.refused:
		return answer{verdict: refused, body: []byte(res.refusal)}
	}
	return answer{verdict: done, body: res.reply}
}

// hint is where a node that did not lead said the leader is. It is used once,
// because it may be wrong.
type hint struct {
	mu sync.Mutex
	id string
}

func (h *hint) put(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.id = id
}

func (h *hint) take() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := h.id
	h.id = ""
	return id
}
