package replica

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// standing is what a node tells another about itself. Unless whole is set its
// volume is not open, or not to be trusted, and the positions say nothing.
type standing struct {
	id, cluster, phase, leader string

	whole   bool
	term    uint64 // the current one
	last    position
	applied uint64
	config  raft.Configuration // as far as it knows

	promise bool // it has a promise record, which says:
	kept    position
	done    uint64 // applied

	gated    bool // it does not vote: see gate
	departed bool // the one who asks was a member and is none any more
}

func (s *standing) encode() []byte {
	var p pack
	for _, text := range []string{s.id, s.cluster, s.phase, s.leader} {
		p.bytes([]byte(text))
	}
	for _, n := range []uint64{s.term, s.last.index, s.last.term, s.applied, s.kept.index, s.kept.term, s.done} {
		p.number(n)
	}
	p.bytes(raft.EncodeConfiguration(s.config))
	for i, set := range []bool{s.whole, s.promise, s.gated, s.departed} {
		if set {
			p.number(uint64(i) + 1)
		}
	}
	return p
}

func decodeStanding(b []byte) (*standing, error) {
	u := unpack{rest: b}
	s := &standing{id: string(u.bytes()), cluster: string(u.bytes()), phase: string(u.bytes()), leader: string(u.bytes()),
		term: u.number(), last: position{u.number(), u.number()}, applied: u.number(),
		kept: position{u.number(), u.number()}, done: u.number()}
	config, err := decodeConfig(u.bytes())
	if err != nil {
		return nil, err
	}
	s.config = config
	flags := []*bool{&s.whole, &s.promise, &s.gated, &s.departed}
	for len(u.rest) > 0 && !u.bad {
		n := u.number()
		if n == 0 || n > uint64(len(flags)) || *flags[n-1] {
			u.bad = true
			break
		}
		*flags[n-1] = true
	}
	return s, u.err("standing")
}

// standing does not block.
func (r *Replica) standing() *standing {
	p := r.phase.Load()
	s := &standing{id: r.cfg.ID, cluster: r.identity(), phase: p.name, leader: r.knownLeader()}
	st := r.store.Load()
	if st == nil {
		return s
	}
	s.whole, s.config = r.partakes() && r.watch.silent() == 0, r.configuration()
	held := st.standing()
	s.term, s.last, s.applied = held.term, position{held.last, held.lastTerm}, held.applied
	if k := st.kept(); k != nil {
		s.promise, s.kept, s.done = true, position{k.last, k.lastTerm}, k.applied
	}
	if n := r.node.Load(); n != nil {
		s.gated = n.trans.gate.Load() != nil
	}
	return s
}

func (r *Replica) answerStanding(g greeting) answer {
	s := r.standing()
	if st := r.store.Load(); st != nil && !r.alien(g) && s.whole {
		s.departed = st.state.departed(g.from)
	}
	return answer{verdict: done, body: s.encode()}
}

// askStandings asks nodes what they hold, all at once, and waits no longer than
// two raft timeouts. Who did not answer is nil.
func (r *Replica) askStandings(ctx context.Context, nodes []Peer) []*standing {
	ctx, cancel := context.WithTimeout(ctx, 2*r.cfg.Timeout)
	defer cancel()
	found := make([]*standing, len(nodes))
	var asked sync.WaitGroup
	for i, p := range nodes {
		asked.Go(func() { found[i] = r.askStanding(ctx, p) })
	}
	asked.Wait()
	return found
}

func (r *Replica) askStanding(ctx context.Context, p Peer) *standing {
	if p.ID == r.cfg.ID {
		return r.standing()
	}
	a, _, err := r.link(p).ask(ctx, request{kind: askStanding})
	if err != nil || a.verdict != done {
		return nil
	}
	s, err := decodeStanding(a.body)
	if err != nil || s.id != p.ID {
		return nil
	}
	return s
}

// answerInvite is a joining node's answer to the leader that wants to add it:
// from now on it belongs to that cluster, also after a crash.
func (r *Replica) answerInvite(g greeting, q request) answer {
	s, n := r.store.Load(), r.node.Load()
	switch {
	case q.key != r.cfg.ID || string(q.cmd) != r.self.Addr:
		return answer{verdict: refused, body: []byte("at this address is " + r.cfg.ID + ", not " + q.key)}
	case r.alien(g) || g.cluster == "":
		return answer{verdict: refused, body: []byte(r.cfg.ID + " belongs to another cluster")}
	case s == nil || n == nil || !r.partakes():
		return answer{verdict: notDone, body: []byte(r.cfg.ID + " is " + r.phase.Load().name)}
	case r.identity() == g.cluster:
		return answer{verdict: done}
	case !r.cfg.Join:
		return answer{verdict: refused, body: []byte(r.cfg.ID + " does not join: it was not started with -join")}
	}
	r.invited.Lock()
	defer r.invited.Unlock()
	if r.identity() == "" {
		s.put("join", []record{sealedMeta("cluster", []byte(g.cluster))})
		r.setIdentity(g.cluster)
	}
	r.mux.open.Store(true)
	return answer{verdict: done}
}

// answerReach waits until this node has applied what the asker has.
func (r *Replica) answerReach(ctx context.Context, q request) answer {
	s := r.store.Load()
	if s == nil || !r.partakes() {
		return answer{verdict: notDone}
	}
	// Half of the asker's time: the rest is for the answer.
	ctx, cancel := context.WithTimeout(ctx, q.timeout/2)
	defer cancel()
	_ = r.waitApplied(ctx, q.since)
	return answer{verdict: done, index: s.state.at.Load().applied}
}

func (r *Replica) answerDismiss() answer {
	go r.dismissed()
	return answer{verdict: done}
}

// inquire asks the others, as long as this node runs and knows no leader: it
// may have been removed while it was away, and without a promise record it may
// vote only when it knows what all others hold.
func (r *Replica) inquire(n *node) {
	if !n.asking.CompareAndSwap(false, true) {
		return
	}
	defer n.asking.Store(false)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for r.partakes() && r.leaderless(n) {
		changed := r.change.wait()
		found := r.askAround(ctx)
		for _, s := range found {
			if s != nil && s.departed {
				r.dismissed()
				return
			}
		}
		if g := n.trans.gate.Load(); g != nil {
			g.weigh(found)
		}
		select {
		case <-changed:
		case <-time.After(r.cfg.Timeout):
		case <-n.leader:
			return
		}
	}
}

func (r *Replica) leaderless(n *node) bool {
	_, id := n.raft.LeaderWithID()
	return id == ""
}
