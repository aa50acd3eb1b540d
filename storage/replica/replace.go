package replica

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

// Replacement is an operator's order: take Remove out of the cluster, and put
// the node Add at Address in its place. Add is started beforehand, on an empty
// volume and with Config.Join.
type Replacement struct {
	Remove  string `json:"remove"`
	Add     string `json:"add"`
	Address string `json:"address"`
}

// Progress is how far a replacement is.
type Progress struct {
	Phase  string `json:"phase"`         // removed, added, catching-up or promoted
	Behind uint64 `json:"behind"`        // entries that the new node still has to apply
	Why    string `json:"why,omitempty"` // what keeps the new node back, where it is known
}

// The phases of a replacement.
const (
	PhaseRemoved    = "removed"
	PhaseAdded      = "added"
	PhaseCatchingUp = "catching-up"
	PhasePromoted   = "promoted"
)

// Check says what is wrong with an order whatever the cluster is, nil if
// nothing is.
func (q Replacement) Check() error {
	switch {
	case q.Remove == "" || q.Add == "" || q.Address == "":
		return errors.New(`want "remove", "add" and "address"`)
	case len(q.Remove) > maxName || len(q.Add) > maxName || len(q.Address) > maxName:
		return fmt.Errorf("an ID or address is longer than %d bytes", maxName)
	case q.Remove == q.Add:
		return fmt.Errorf("%s cannot take its own place: what it promised is lost, a new node needs a new ID", q.Add)
	}
	return nil
}

func (q Replacement) encode() []byte {
	var p pack
	p.bytes([]byte(q.Remove))
	p.bytes([]byte(q.Add))
	p.bytes([]byte(q.Address))
	return p
}

func decodeReplacement(b []byte) (q Replacement, err error) {
	u := unpack{rest: b}
	q = Replacement{string(u.bytes()), string(u.bytes()), string(u.bytes())}
	u.bad = u.bad || len(u.rest) > 0
	return q, cmp.Or(u.err("replacement"), q.Check())
}

// Replace advances a replacement as far as it can within ctx. It may be asked
// again, on any node, as often as needed: what is to be done next follows from
// the configuration alone. An error is a *Refusal, ErrUnavailable, or
// ErrUnknown: then ask again.
func (r *Replica) Replace(ctx context.Context, q Replacement) (p Progress, err error) {
	if err := q.Check(); err != nil {
		return p, &Refusal{err.Error()}
	}
	if name := r.phase.Load().name; name == failed || name == closed {
		return p, r.barred()
	}
	reply, err := r.persist(ctx, request{kind: askReplace, cmd: q.encode()})
	if err == nil {
		err = json.Unmarshal(reply, &p)
	}
	return p, err
}

// replaceHere is Replace on the leader.
func (r *Replica) replaceHere(ctx context.Context, asked request) answer {
	q, err := decodeReplacement(asked.cmd)
	if err != nil {
		return answer{verdict: refused, body: []byte(limit(err.Error(), MaxKey))}
	}
	select {
	case r.busy <- struct{}{}:
		defer func() { <-r.busy }()
	case <-ctx.Done():
		return answer{verdict: notDone, body: []byte("the leader works on another request")}
	}
	// Half of the time is for waiting, so that there is an answer before the
	// asker gives up.
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	w := &replacing{Replica: r, q: q, ctx: ctx, raft: r.node.Load().raft, state: r.store.Load().state}
	p, err := w.advance()
	return w.answer(p, err)
}

// replacing is one request for a replacement at work on the leader.
type replacing struct {
	*Replica
	q     Replacement
	ctx   context.Context
	raft  *raft.Raft
	state *state

	goal   uint64 // what was committed when it was asked
	now    raft.Configuration
	ever   map[string]*membership
	places uint64
}

func (w *replacing) answer(p Progress, err error) answer {
	var no *Refusal
	switch {
	case err == nil:
		body, _ := json.Marshal(p)
		return answer{verdict: done, body: body}
	case errors.As(err, &no):
		return answer{verdict: refused, body: []byte(limit(no.Why, MaxKey))}
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, errNotCurrent):
		return answer{verdict: notLeader, leader: w.knownLeader()}
	case errors.Is(err, raft.ErrLeadershipLost), errors.Is(err, raft.ErrRaftShutdown), errors.Is(err, context.DeadlineExceeded):
		return answer{verdict: unknown}
	}
	return answer{verdict: notDone, body: []byte(limit(err.Error(), MaxKey))}
}

// advance takes the steps that are due: out with the old one first, so that the
// two never count together; the new one in without a vote; and the vote when it
// holds what the others do.
func (w *replacing) advance() (p Progress, err error) {
	if err = w.look(); err != nil {
		return p, err
	}
	if err = w.allowed(); err != nil {
		return p, err
	}
	if w.member(w.q.Remove) {
		if err = w.remove(); err != nil || w.q.Remove == w.cfg.ID {
			return Progress{Phase: PhaseRemoved}, err
		}
	}
	if !w.member(w.q.Add) {
		if err = w.change(w.raft.AddNonvoter(raft.ServerID(w.q.Add), raft.ServerAddress(w.q.Address), 0, w.cfg.Timeout)); err != nil {
			return p, err
		}
	}
	return w.promote()
}

// look takes in how things stand.
func (w *replacing) look() error {
	at, err := w.leaderIndex(w.ctx)
	if err == nil {
		err = w.waitApplied(w.ctx, at.index)
	}
	if err != nil {
		return err
	}
	w.goal = at.index
	w.now = w.raft.GetConfiguration().Configuration()
	w.ever, w.places, err = w.state.members()
	return err
}

func (w *replacing) member(id string) bool {
	_, is := serverIn(w.now, id)
	return is
}

// change waits for a change of the configuration.
func (w *replacing) change(f raft.IndexFuture) error {
	over := make(chan error, 1)
	go func() { over <- f.Error() }()
	select {
	case err := <-over:
		return err
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

func refusal(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }

// allowed refuses what must not be done.
func (w *replacing) allowed() error {
	q, old := w.q, w.ever[w.q.Remove]
	if s, in := serverIn(w.now, q.Add); in {
		return w.same(s)
	}
	for _, s := range w.now.Servers {
		if s.Suffrage != raft.Voter && string(s.ID) != q.Remove {
			return refusal("another replacement is under way: %s is catching up", s.ID)
		}
	}
	switch {
	case old == nil:
		return refusal("%s is not a member and never was", q.Remove)
	case w.ever[q.Add] != nil:
		return refusal("%s was a member before: a new node needs a new ID", q.Add)
	case !w.member(q.Remove) && w.places == 0:
		return refusal("%s was removed and its place is taken", q.Remove)
	}
	for id, m := range w.ever {
		if m.address == q.Address {
			return refusal("%s was the address of %s: a new node needs a new address", q.Address, id)
		}
	}
	if s, in := serverIn(w.now, q.Remove); in && s.Suffrage == raft.Voter {
		if err := w.spares(s); err != nil {
			return err
		}
	}
	return w.invite()
}

// same checks that a replacement that has begun is the one that is asked for.
func (w *replacing) same(s raft.Server) error {
	switch {
	case string(s.Address) != w.q.Address:
		return refusal("%s is a member at %s, not at %s", w.q.Add, s.Address, w.q.Address)
	case w.member(w.q.Remove):
		return refusal("%s is a member already and does not take the place of %s", w.q.Add, w.q.Remove)
	case w.ever[w.q.Remove] == nil:
		return refusal("%s is not a member and never was", w.q.Remove)
	}
	return nil
}

// spares refuses to remove a voter without which the others could not go on.
func (w *replacing) spares(old raft.Server) error {
	if w.places > 0 {
		return refusal("another replacement is under way: %d place is open, fill it first", w.places)
	}
	var rest []Peer
	for _, s := range w.now.Servers {
		if s.Suffrage == raft.Voter && s.ID != old.ID {
			rest = append(rest, Peer{string(s.ID), string(s.Address)})
		}
	}
	if len(rest) == 0 {
		return refusal("%s holds the last good copy", old.ID)
	}
	whole := 0
	for _, s := range w.askStandings(w.ctx, rest) {
		if s != nil && s.whole && s.phase == running {
			whole++
		}
	}
	if need := len(rest)/2 + 1; whole < need {
		return refusal("without %s only %d of %d voters would be there, and %d are needed: the cluster could not go on", old.ID, whole, len(rest), need)
	}
	return nil
}

// invite asks the new node in, before anything is changed: it must be there, be
// who it is said to be, and hold nothing of another cluster.
func (w *replacing) invite() error {
	p := w.newPeer(Peer{w.q.Add, w.q.Address})
	defer p.close()
	ctx, cancel := context.WithTimeout(w.ctx, 2*w.cfg.Timeout)
	defer cancel()
	a, _, err := p.ask(ctx, request{kind: askInvite, key: w.q.Add, cmd: []byte(w.q.Address)})
	switch {
	case err != nil:
		return fmt.Errorf("%s at %s does not answer: %s", w.q.Add, w.q.Address, err)
	case a.verdict == refused:
		return refusal("%s", a.body)
	case a.verdict != done:
		return fmt.Errorf("%s is not ready: %s", w.q.Add, a.body)
	}
	return nil
}

// remove takes the old node out, and tells it.
func (w *replacing) remove() error {
	s, _ := serverIn(w.now, w.q.Remove)
	if err := w.change(w.raft.RemoveServer(s.ID, 0, w.cfg.Timeout)); err != nil {
		return err
	}
	if w.q.Remove != w.cfg.ID {
		go w.dismiss(Peer{string(s.ID), string(s.Address)})
	}
	return nil
}

// dismiss tells a node that it was removed: the leader no longer sends to it,
// so it would not learn it.
func (r *Replica) dismiss(old Peer) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*r.cfg.Timeout)
	defer cancel()
	p := r.newPeer(old)
	defer p.close()
	_, _, _ = p.ask(ctx, request{kind: askDismiss}) // if it is down it asks when it is back
}

// promote gives the new node its vote when it has applied what was committed
// when this was asked.
func (w *replacing) promote() (Progress, error) {
	w.now = w.raft.GetConfiguration().Configuration()
	s, in := serverIn(w.now, w.q.Add)
	switch {
	case !in:
		return Progress{}, errors.New("the configuration changed meanwhile")
	case s.Suffrage == raft.Voter:
		return Progress{Phase: PhasePromoted}, nil
	}
	reached, err := w.reach(Peer{string(s.ID), string(s.Address)})
	if err != nil {
		return Progress{Phase: PhaseAdded, Behind: w.goal, Why: err.Error()}, nil
	}
	if reached < w.goal {
		return Progress{Phase: PhaseCatchingUp, Behind: w.goal - reached}, nil
	}
	err = w.change(w.raft.AddVoter(s.ID, s.Address, 0, w.cfg.Timeout))
	return Progress{Phase: PhasePromoted}, err
}

// reach waits until the new node is where the leader was, or says how far it
// is. One that lost its volume before it had anything is asked in again.
func (w *replacing) reach(p Peer) (applied uint64, err error) {
	ctx, cancel := context.WithTimeout(w.ctx, patienceOf(w.ctx))
	defer cancel()
	if err := w.invite(); err != nil {
		return 0, err
	}
	a, _, err := w.link(p).ask(ctx, request{kind: askReach, since: w.goal})
	switch {
	case err != nil:
		return 0, err
	case a.verdict != done:
		return 0, fmt.Errorf("%s does not take part", p.ID)
	}
	return a.index, nil
}

// patienceOf leaves a third of what ctx has for what comes after.
func patienceOf(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return forwardTimeout
	}
	return time.Until(deadline) * 2 / 3
}

// Members lists the configuration, sorted by ID.
func (r *Replica) members() []Member {
	var list []Member
	for _, s := range r.configuration().Servers {
		list = append(list, Member{string(s.ID), string(s.Address), s.Suffrage == raft.Voter})
	}
	slices.SortFunc(list, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
