package replica

import (
	"context"
	"sync"

	"github.com/hashicorp/raft"
)

// gate keeps a node without a promise record from voting after it was started:
// nobody knows whether its volume still holds what the node once promised.
//
// It opens when a leader has brought the log as far as the leader's own reached
// at first contact. Where there is no leader, because all were started again,
// it opens a little when every voter has said what it holds: for those who hold
// no less than the highest of them, in a term that none of them has seen. What
// a majority had acknowledged is then still held by whoever leads, as long as
// one of them was not rolled back. If a voter does not answer, an operator must
// decide.
type gate struct {
	log    *logStore
	mu     sync.Mutex
	target uint64
	floor  *floor // nil: nobody gets a vote
}

// floor is what a candidate must hold, and the term it must be above.
type floor struct {
	end  position
	term uint64
}

// below tells whether a log that ends at p lacks something that end has.
func (p position) below(end position) bool {
	return p.term < end.term || p.term == end.term && p.index < end.index
}

// allows says whether a candidate may have a vote, and from which term on one
// may be given, 0 for none.
func (g *gate) allows(term uint64, end position) (ok bool, least uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.floor == nil {
		return false, 0
	}
	return term > g.floor.term && !end.below(g.floor.end), g.floor.term + 1
}

// weigh sets the floor if every voter is among those found. Which they are says
// the highest log: it holds the newest configuration.
func (g *gate) weigh(found map[string]*standing) {
	best := highest(found)
	if best == nil {
		return
	}
	f := &floor{end: best.last}
	for _, s := range best.config.Servers {
		if s.Suffrage != raft.Voter {
			continue
		}
		one := found[string(s.ID)]
		if one == nil || !one.whole || one.leader != "" {
			return // a leader will catch this node up
		}
		f.term = max(f.term, one.term)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.floor = f
}

// highest is the standing with the log that goes farthest, nil if none is known.
func highest(found map[string]*standing) (best *standing) {
	for _, s := range found {
		if s != nil && s.whole && (best == nil || best.last.below(s.last)) {
			best = s
		}
	}
	return best
}

// askAround asks all members, also those that only the others know, what they
// hold. This node is among the answers.
func (r *Replica) askAround(ctx context.Context) map[string]*standing {
	found := map[string]*standing{r.cfg.ID: r.standing()}
	for next := r.others(); len(next) > 0; {
		for i, s := range r.askStandings(ctx, next) {
			found[next[i].ID] = s
		}
		next = nil
		if best := highest(found); best != nil {
			for _, p := range peersOf(best.config) {
				if _, asked := found[p.ID]; !asked {
					next = append(next, p)
				}
			}
		}
	}
	return found
}

// refuses answers requests for votes with no, and watches what a leader sends.
func (g *gate) refuses(t *transport, rpc *raft.RPC) bool {
	switch req := rpc.Command.(type) {
	case *raft.RequestVoteRequest:
		ok, least := g.allows(req.Term, position{req.LastLogIndex, req.LastLogTerm})
		if !ok {
			rpc.Respond(&raft.RequestVoteResponse{RPCHeader: req.RPCHeader, Term: max(req.Term, least)}, nil)
		}
		return !ok
	case *raft.RequestPreVoteRequest:
		ok, least := g.allows(req.Term, position{req.LastLogIndex, req.LastLogTerm})
		if !ok {
			rpc.Respond(&raft.RequestPreVoteResponse{RPCHeader: req.RPCHeader, Term: max(req.Term, least)}, nil)
		}
		return !ok
	case *raft.TimeoutNowRequest:
		rpc.Respond(&raft.TimeoutNowResponse{}, errGated)
		return true
	case *raft.AppendEntriesRequest:
		g.watch(t, rpc, max(req.LeaderCommitIndex, req.PrevLogEntry+uint64(len(req.Entries))))
	}
	return false
}

// watch lets the answer pass and opens the gate if it says that this node has
// caught up.
func (g *gate) watch(t *transport, rpc *raft.RPC, reach uint64) {
	g.mu.Lock()
	if g.target == 0 {
		g.target = reach
	}
	g.mu.Unlock()
	answers, answer := rpc.RespChan, make(chan raft.RPCResponse, 1)
	rpc.RespChan = answer
	go func() {
		select {
		case got := <-answer:
			resp, ok := got.Response.(*raft.AppendEntriesResponse)
			g.mu.Lock()
			if ok && resp.Success && g.target > 0 && g.log.standing().last >= g.target {
				t.gate.Store(nil)
			}
			g.mu.Unlock()
			answers <- got
		case <-t.done:
		}
	}()
}
