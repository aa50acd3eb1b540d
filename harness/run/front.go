package run

import (
	"slices"

	"fourdays/harness/hist"
	"fourdays/harness/scenario"
	"fourdays/harness/workload"
)

// front is the provider's own doors before the mail store: the mail exchangers,
// which follow the inbound policy, and the proxies, which know the accounts
// that are closed before a store that hangs can be told.
type front struct {
	policy  string
	away    bool            // nobody gets in: one group goes and another comes
	spool   *spool          // of the policy spool
	closed  map[string]bool // "not yet available", in what the operator wants
	pending map[string]bool // closed, but the store does not know yet
	// refused is the last real answer to an account that is not closed, if it
	// was not a promise: what the world meets at the store now.
	refused *hist.Op
	by      map[string]bool // which nodes have refused since the last promise
}

func (f *front) init() {
	*f = front{policy: scenario.Open, closed: map[string]bool{}, pending: map[string]bool{}, by: map[string]bool{}}
}

// learn notes how the store itself answered mail for, or a reader of, an open
// account, and says whether that is the beginning of trouble.
func (f *front) learn(op *hist.Op) (trouble bool) {
	if op.Node == "" || op.Node == hist.Spool || f.closed[op.Account] || op.Kind != hist.Deliver && op.Kind != hist.Read && op.Kind != hist.Append {
		return false
	}
	switch {
	case op.Outcome == hist.OK:
		f.refused = nil
		clear(f.by)
	case op.Kind == hist.Deliver:
		trouble = f.refused == nil
		f.refused, f.by[op.Node] = op, true
	}
	return trouble
}

// The front's words, in the form of a driver's replies.
const (
	closedReply   = "450 4.2.1 account is not yet available [rcpt]"
	tempFailReply = "450 4.3.2 we take no mail at the moment [rcpt]"
	refuseReply   = "554 5.3.2 we take no mail at the moment [rcpt]"
	awayReply     = "450 4.3.2 we are changing over [rcpt]"
	unreachReply  = "connection refused [connect]"
	lostReply     = "250 2.0.0 queued (and thrown away) [dot]"
)

var policyReplies = map[string]string{
	scenario.TempFail: tempFailReply, scenario.Refuse: refuseReply, scenario.Unreachable: unreachReply,
}

// stops says whether the front answers a question in the store's place.
func (f *front) stops(group []*hist.Op) (reply string, stopped bool) {
	if group[0].By == "audit" || group[0].By == "archive" {
		return "", false
	}
	if f.away {
		return awayReply, true
	}
	if reply, ok := policyReplies[f.policy]; ok && group[0].Kind == hist.Deliver {
		return reply, true
	}
	if f.policy == scenario.Lose && group[0].Kind == hist.Deliver {
		return lostReply, true
	}
	for _, op := range group {
		if f.pending[op.Account] {
			return closedReply, true
		}
	}
	return "", false
}

// inLeap is the rule by which a leap answers: the policy and the closed
// accounts as they are, and otherwise as the last real attempt was answered.
// An account is open, and the leap must not answer for it, as long as one of the
// nodes has not refused since mail was last taken: it may be the one that would.
func (st *stage) inLeap(delivery bool, account string) (outcome hist.Outcome, reply string, open bool) {
	f := &st.front
	if delivery && (f.spool != nil || f.policy == scenario.Lose) {
		if f.spool == nil || f.spool.refused == nil {
			return hist.No, "", true
		}
		return f.spool.refused.Outcome, f.spool.refused.Reply, false
	}
	if f.away {
		return hist.No, awayReply, false
	}
	turnedAway := delivery && policyReplies[f.policy] != ""
	if !f.closed[account] && !turnedAway && (f.refused == nil || st.untried()) {
		return hist.No, "", true
	}
	if reply, ok := policyReplies[f.policy]; ok {
		return hist.No, reply, false
	}
	if f.closed[account] {
		return hist.No, closedReply, false
	}
	return f.refused.Outcome, f.refused.Reply, false
}

// anew has clients ask the store really: something was done that may let it answer.
func (f *front) anew() { clear(f.by) }

// untried says whether a node that should run, and has not fenced itself, has not
// refused mail since some was last taken.
func (st *stage) untried() bool {
	return slices.ContainsFunc(st.nodes, func(n *node) bool { return n.wanted && !n.last.Fenced && !st.front.by[n.name] })
}

// Ask carries the workload's questions to the nodes, past the front.
func (st *stage) Ask(group []*hist.Op, done func([]*hist.Op)) {
	if st.front.spool != nil && group[0].Kind == hist.Deliver {
		st.front.spool.accept(group, done)
		return
	}
	reply, stopped := st.front.stops(group)
	if !stopped {
		st.route(group)
		st.drv.ask(group, done)
		return
	}
	now, node, outcome := st.Now().Microseconds(), "", hist.No
	if reply == lostReply {
		node, outcome = hist.Spool, hist.OK
	}
	for _, op := range group {
		op.Node, op.Outcome, op.Reply = node, outcome, reply
		op.SentUS, op.AnsweredUS = now, now
	}
	st.w.At(st.w.Now(), func() { done(group) })
}

// route takes clients past a node that has said it is fenced, as the operator's
// proxies do: to the next one that has not. Nodes in any other trouble keep
// their clients, and have to answer for themselves.
func (st *stage) route(group []*hist.Op) {
	if group[0].Kind == hist.Audit { // it asks about the node itself
		return
	}
	at := 0
	for i, n := range st.nodes {
		if n.name == group[0].Node {
			at = i
		}
	}
	for i := range st.nodes {
		if n := st.nodes[(at+i)%len(st.nodes)]; !n.last.Fenced {
			for _, op := range group {
				op.Node = n.name
			}
			return
		}
	}
}

var _ workload.Port = (*stage)(nil)
