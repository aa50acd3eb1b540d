package replica

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/hashicorp/raft"
)

// The members of a cluster are those of raft's configuration. The state
// remembers all that ever were, with their addresses, so that neither an ID nor
// an address comes back: others may still hold what was promised under it.

// membership is what the state remembers of a member, by ID.
type membership struct {
	address      string
	joined, left uint64 // by which entries; left is 0 for one that is there
}

func (m *membership) encode() []byte {
	var p pack
	p.bytes([]byte(m.address))
	p.number(m.joined)
	p.number(m.left)
	return p
}

func decodeMembership(b []byte) (*membership, error) {
	if len(b) == 0 { // lost: it was used, that is all
		return &membership{left: 1}, nil
	}
	u := unpack{rest: b}
	m := &membership{address: string(u.bytes()), joined: u.number(), left: u.number()}
	return m, u.err("membership")
}

// decodeConfig reads a configuration; nil is one without servers.
func decodeConfig(b []byte) (c raft.Configuration, err error) {
	if len(b) == 0 {
		return c, nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decode configuration: %v: %w", p, ErrDamaged)
		}
	}()
	return raft.DecodeConfiguration(b), nil
}

func serverIn(c raft.Configuration, id string) (raft.Server, bool) {
	at := slices.IndexFunc(c.Servers, func(s raft.Server) bool { return string(s.ID) == id })
	if at < 0 {
		return raft.Server{}, false
	}
	return c.Servers[at], true
}

// remember notes who came and who left with a configuration, and how many
// places are open: of those that left and in whose place nobody came.
func (st *state) remember(b *batch, before []byte, entry *raft.Log) {
	old, err := decodeConfig(before)
	now, err2 := decodeConfig(entry.Data)
	if err != nil || err2 != nil {
		b.broken = fmt.Errorf("configuration at entry %d: %w", entry.Index, ErrDamaged)
		return
	}
	joined, left := uint64(0), uint64(0)
	for _, s := range now.Servers {
		if _, was := serverIn(old, string(s.ID)); !was {
			b.setMember(string(s.ID), &membership{address: string(s.Address), joined: entry.Index})
			joined++
		}
	}
	for _, s := range old.Servers {
		if _, is := serverIn(now, string(s.ID)); !is {
			b.setMember(string(s.ID), &membership{address: string(s.Address), left: entry.Index})
			left++
		}
	}
	open := b.places() + left
	b.setMember("", &membership{joined: open - min(open, joined)})
}

func memberKey(id string) []byte { return subKey(memberSpace, []byte(id)) }

// setMember writes what is remembered of a member; "" stands for the number of
// open places.
func (b *batch) setMember(id string, m *membership) {
	key := memberKey(id)
	b.set(string(key), seal(key, m.encode()))
}

func (b *batch) places() uint64 {
	sealed := b.get(string(memberKey("")))
	if sealed == nil {
		return 0
	}
	m, err := decodeMembership(sealed[sealSize:])
	if err != nil {
		b.broken = err
		return 0
	}
	return m.joined
}

// members reads all that is remembered.
func (st *state) members() (all map[string]*membership, places uint64, err error) {
	v, _ := st.view()
	defer v.txn.Discard()
	all = map[string]*membership{}
	bad := error(nil)
	err = v.scan([]byte{memberSpace}, nil, func(sub, sealed []byte) bool {
		m, err := decodeMembership(sealed[sealSize:])
		if bad = err; err != nil {
			return false
		}
		all[string(sub[1:])] = m
		return true
	})
	if err == nil {
		err = bad
	}
	if open := all[""]; open != nil {
		places = open.joined
		delete(all, "")
	}
	return all, places, err
}

// departed tells whether id was a member and is none any more.
func (st *state) departed(id string) bool {
	v, _ := st.view()
	defer v.txn.Discard()
	sealed, err := v.get(memberKey(id))
	if err != nil {
		return false
	}
	m, err := decodeMembership(sealed[sealSize:])
	return err == nil && m.left > 0
}

// roster is the connections to other nodes, by ID.
type roster struct {
	mu     sync.Mutex
	known  map[string]*peer
	closed bool
}

func (o *roster) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for _, p := range o.known {
		p.close()
	}
}

// peer is the connection to a node that others names, nil for any other ID.
func (r *Replica) peer(id string) *peer {
	if id == "" || id == r.cfg.ID {
		return nil
	}
	others := r.others()
	at := slices.IndexFunc(others, func(p Peer) bool { return p.ID == id })
	if at < 0 {
		return nil
	}
	return r.link(others[at])
}

// link is the connection to p, made when it is first asked for.
func (r *Replica) link(p Peer) *peer {
	o := &r.peers
	o.mu.Lock()
	defer o.mu.Unlock()
	if have := o.known[p.ID]; have != nil && have.Peer == p {
		return have
	} else if have != nil {
		have.close()
	}
	made := r.newPeer(p)
	made.closed = o.closed
	if o.known == nil {
		o.known = map[string]*peer{}
	}
	o.known[p.ID] = made
	return made
}

// others are the other nodes that this one may ask, by ID: the members as far as it
// knows them, or else those it was started with.
func (r *Replica) others() []Peer {
	members := peersOf(r.configuration())
	if !slices.ContainsFunc(members, func(p Peer) bool { return p.ID == r.cfg.ID }) {
		for _, p := range r.cfg.Peers { // not yet, or no longer, of them
			if !slices.ContainsFunc(members, func(m Peer) bool { return m.ID == p.ID }) {
				members = append(members, p)
			}
		}
	}
	members = slices.DeleteFunc(members, func(p Peer) bool { return p.ID == r.cfg.ID })
	slices.SortFunc(members, func(a, b Peer) int { return cmp.Compare(a.ID, b.ID) })
	return members
}

func peersOf(c raft.Configuration) []Peer {
	peers := make([]Peer, len(c.Servers))
	for i, s := range c.Servers {
		peers[i] = Peer{string(s.ID), string(s.Address)}
	}
	return peers
}

// configuration is raft's latest, or what the volume says; empty as long as
// nothing is known. It does not block.
func (r *Replica) configuration() raft.Configuration {
	if n := r.node.Load(); n != nil && r.partakes() {
		return n.raft.GetConfiguration().Configuration()
	}
	if s := r.store.Load(); s != nil {
		c, _ := decodeConfig(s.state.at.Load().config)
		return c
	}
	return raft.Configuration{}
}

// followMembership moves a node that joins to running once it is in the
// configuration, and retires it when it has left.
func (r *Replica) followMembership(n *node, s *store) {
	for {
		appended, applied := s.log.appended.wait(), s.state.applied.wait()
		if s.state.departed(r.cfg.ID) {
			r.dismissed()
			return
		}
		if r.phase.Load().name == joining && r.isMember(s) {
			r.setPhase(running, "")
		}
		select {
		case <-appended:
		case <-applied:
		case <-n.leader:
			return
		}
	}
}

// isMember tells whether a leader has added this node, as far as it knows.
func (r *Replica) isMember(s *store) bool {
	applied, _ := decodeConfig(s.state.at.Load().config)
	_, in := serverIn(applied, r.cfg.ID)
	if !in {
		_, in = serverIn(r.configuration(), r.cfg.ID)
	}
	return in
}

const removedReason = "this node was removed from the cluster; its ID and its address do not come back"

// dismissed retires this node because it has been removed. A fenced node stays
// fenced, and says both.
func (r *Replica) dismissed() {
	switch p := r.phase.Load(); {
	case r.partakes():
		r.Detect(removedReason)
		r.retire(removed, removedReason)
	case p.name == fenced && !r.gone.Swap(true):
		r.setPhase(fenced, p.reason+"; "+removedReason)
	}
}
