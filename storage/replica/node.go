package replica

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// node is a running raft.
type node struct {
	raft   *raft.Raft
	trans  *transport
	leader chan struct{} // closed when the goroutines that watch leadership shall end
	once   sync.Once
	asking atomic.Bool // the others, for want of a leader
}

// Picked for entries of up to MaxCommand bytes and small tables. A snapshot
// costs nothing (see snapshots), so the log is kept short.
const (
	snapshotThreshold = 1024
	trailingLogs      = 4096
	snapshotInterval  = 5 * time.Minute
	maxAppend         = 64
	logCacheSize      = 512
)

func raftConfig(r *Replica) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(r.cfg.ID)
	c.HeartbeatTimeout = r.cfg.Timeout
	c.ElectionTimeout = r.cfg.Timeout
	c.LeaderLeaseTimeout = r.cfg.Timeout / 2
	// Followers learn the commit index with the next entry, or from the leader
	// when a read asks; this is for those that nobody reads from.
	c.CommitTimeout = r.cfg.Timeout / 2
	c.MaxAppendEntries = maxAppend
	c.TrailingLogs = r.cfg.trailing
	c.SnapshotInterval = snapshotInterval
	c.SnapshotThreshold = snapshotThreshold
	c.NoSnapshotRestoreOnStart = true
	c.NoLegacyTelemetry = true
	c.ShutdownOnRemove = false
	c.Logger = hclog.New(&hclog.LoggerOptions{Name: "raft " + r.cfg.ID, Level: hclog.Warn, Output: r.cfg.Log})
	return c
}

// Pauses between attempts to open a volume that fails, doubling; picked.
const (
	firstReopen = 5 * time.Second
	lastReopen  = time.Minute
)

// open brings the replica from opening to running or fenced.
func (r *Replica) open() {
	defer r.opened.Done()
	for pause := firstReopen; ; pause = min(2*pause, lastReopen) {
		err := r.tryOpen()
		if err == nil {
			return
		}
		r.Detect(err.Error())
		r.setPhase(opening, err.Error())
		select {
		case <-time.After(pause):
		case <-r.closing:
			return
		}
	}
}

func (r *Replica) tryOpen() error {
	s, err := openStore(r)
	if err == nil && r.cfg.Recover {
		s, err = r.recover(s)
	}
	var no *Refusal
	switch {
	case errors.As(err, &no):
		r.end(no)
		return nil
	case err != nil:
		return r.unopened(err)
	}
	return r.begin(s)
}

// begin takes part with what was opened, or fences it.
func (r *Replica) begin(s *store) error {
	if err := r.identify(s); err != nil {
		s.close()
		return err
	}
	reason, err := r.fence(s)
	if err != nil {
		s.close()
		return err
	}
	r.store.Store(s)
	if reason != "" && !r.cfg.Unsafe.NoFence {
		r.Detect("fenced: " + reason)
		r.setPhase(fenced, reason)
		r.cureLater(s)
		return nil
	}
	if s.state.departed(r.cfg.ID) {
		r.Detect(removedReason)
		r.setPhase(removed, removedReason)
		return nil
	}
	if err := r.run(s); err != nil {
		r.store.Store(nil)
		s.close()
		return err
	}
	return nil
}

// unopened fences a node whose volume is damaged so that it cannot be opened.
// What may go away, an I/O error above all, is tried again.
func (r *Replica) unopened(err error) error {
	if r.passes(err) {
		return err
	}
	if r.cfg.Recover {
		r.end(&Refusal{fmt.Sprintf("recover: this volume cannot be opened: %v", err)})
		return nil
	}
	if r.cfg.Unsafe.NoFence {
		return err
	}
	reason := fmt.Sprintf("the volume is damaged: %v", err)
	r.Detect("fenced: " + reason)
	r.setPhase(fenced, reason)
	return nil
}

// end gives up for good: what this node was started for must not be done.
func (r *Replica) end(why error) {
	r.Detect(why.Error())
	r.setPhase(failed, why.Error())
	if r.cfg.Fatal != nil {
		r.cfg.Fatal(why)
		return
	}
	fmt.Fprintf(r.cfg.Log, "replica %s: %v\n", r.cfg.ID, why)
	os.Exit(1)
}

// fence decides whether this node may take part, "" if it may.
func (r *Replica) fence(s *store) (reason string, err error) {
	if r.cfg.Promise != "" {
		p, known, err := openPromise(r.cfg.Promise, r.cfg.Fsync)
		switch {
		case errors.Is(err, errPromiseDamaged):
			return err.Error(), nil
		case err != nil:
			return "", err
		case s.unsettled(p, known):
		case !known && s.incarnation != nil:
			reason = "the volume has been used, but no promise about it is there"
		case known:
			reason = s.broken(p.kept)
		}
		if s.promise = p; p.torn {
			r.Detect("one slot of the promise record is torn, the older one counts")
		}
	}
	if reason == "" && s.owner != nil && s.owner.ID != r.cfg.ID {
		reason = fmt.Sprintf("the volume is that of %s, not of %s", s.owner.ID, r.cfg.ID)
	}
	if reason == "" {
		reason = s.rot()
	}
	if reason == "" {
		reason = s.log.gap()
	}
	if reason == "" {
		if err := r.watch.do("check", s.state.check); errors.Is(err, ErrDamaged) {
			reason, s.curable = err.Error(), true // all else is as it was promised
		} else if err != nil {
			return "", err
		}
	}
	return reason, nil
}

// run starts raft on what was found.
func (r *Replica) run(s *store) error {
	if err := s.state.removeLeftovers(); err != nil && !s.frozen.Load() {
		return fmt.Errorf("remove old generations: %w", err)
	}
	if err := s.log.removeLeftovers(); err != nil {
		return fmt.Errorf("remove old log entries: %w", err)
	}
	if err := s.format(r.self, r.identity()); err != nil {
		return err
	}
	s.settleRecovery()
	cache, err := raft.NewLogCache(logCacheSize, s.log)
	if err != nil {
		return fmt.Errorf("make log cache: %w", err)
	}
	s.cache = cache
	cfg, snaps := raftConfig(r), &snapshots{s}
	layer := &streams{mux: r.mux, dial: r.cfg.Dial, stop: make(chan struct{})}
	trans := newTransport(layer, 2*r.cfg.Timeout, cfg.Logger)
	if s.promise == nil && (r.cfg.Join || !r.alone(s)) && !r.cfg.Unsafe.NoFence {
		trans.gate.Store(&gate{log: s.log})
	}
	if s.log.last() == 0 && s.state.at.Load().applied == 0 && !r.cfg.Join {
		if err := r.bootstrap(s); err != nil {
			_ = trans.Close()
			return err
		}
	}
	rft, err := raft.NewRaft(cfg, s.state, cache, s.stable, snaps, trans)
	if err != nil {
		_ = trans.Close()
		return fmt.Errorf("start raft: %w", err)
	}
	n := &node{raft: rft, trans: trans, leader: make(chan struct{})}
	r.node.Store(n)
	r.enter(s)
	go r.followLeadership(n)
	go r.followMembership(n, s)
	return nil
}

// enter opens this node to the others. One that was not asked in yet has nobody
// to listen to.
func (r *Replica) enter(s *store) {
	if r.cfg.Join && !r.isMember(s) {
		r.setPhase(joining, "no leader has added this node yet")
	} else {
		r.setPhase(running, "")
	}
	r.mux.open.Store(r.identity() != "")
}

// alone tells whether this node is the only voter: whatever it holds, nobody
// holds more.
func (r *Replica) alone(s *store) bool {
	c, _ := decodeConfig(s.state.at.Load().config)
	return len(c.Servers) <= 1 && len(r.cfg.Peers) == 1
}

// bootstrap writes the first entry, which is the same on all nodes. Unlike
// raft's own it can be repeated after a crash in the middle.
func (r *Replica) bootstrap(s *store) error {
	if err := s.stable.SetUint64(keyTerm, 1); err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	var c raft.Configuration
	for _, p := range r.cfg.Peers {
		c.Servers = append(c.Servers, raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(p.ID), Address: raft.ServerAddress(p.Addr)})
	}
	err := s.log.StoreLog(&raft.Log{
		Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(c), AppendedAt: time.Now(),
	})
	if err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	return nil
}

// followLeadership rings at each change of leader, and writes a new leader's
// first entry, after which its reads are current.
func (r *Replica) followLeadership(n *node) {
	changes := make(chan raft.Observation, 16)
	observer := raft.NewObserver(changes, false, func(o *raft.Observation) bool {
		switch o.Data.(type) {
		case raft.LeaderObservation, raft.RaftState:
			return true
		}
		return false
	})
	n.raft.RegisterObserver(observer)
	defer n.raft.DeregisterObserver(observer)
	for {
		select {
		case o := <-changes:
			if o.Data == raft.Candidate {
				go r.inquire(n)
			}
			r.change.ring()
		case leads := <-n.raft.LeaderCh():
			if leads {
				n.trans.gate.Store(nil) // whoever was elected by that rule holds all there is
				n.raft.Apply([]byte{entryReady}, 0)
			}
			r.change.ring()
		case <-n.leader:
			return
		}
	}
}

// stop ends raft. It may hang with the storage.
func (n *node) stop() {
	n.once.Do(func() { close(n.leader) })
	_ = n.raft.Shutdown().Error()
}
