// Package replica keeps one state machine on several nodes, and knows when it
// can no longer vouch for its own copy.
//
// It owns the replicated log (hashicorp/raft), the one Badger store per node
// that holds log, vote and state together, the snapshots between nodes, the
// forwarding of writes and reads to the leader, the watchdog over the storage
// below, and the promise record with its fence. DESIGN.md beside this file
// says why each of them is as it is.
//
// It assumes that a file which was fsynced keeps its name, that the promise
// directory does not share the fate of the volume, and that node IDs are never
// used for another volume. It assumes nothing good of the volume: it may hang,
// fail, forget or return something else than was written.
//
// It knows nothing of mail, and never imports the harness or the mail store.
package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// Peer is a replica: its ID, and where the others reach it.
type Peer struct{ ID, Addr string }

// Unsafe switches protections off, one by one, so that a test can show what
// each of them is for.
type Unsafe struct {
	NoSync   bool // commits return before they are durable
	NoDigest bool // what the machine reads is not compared with its seal
	NoFence  bool // the promise record is written but not believed
	Guess    bool // a forwarded write whose outcome is unknown is called done
}

// Config says what a replica consists of. Everything but Promise, the scrubs, Log,
// Fatal and Unsafe is required.
type Config struct {
	ID      string
	Dir     string // on the volume
	Promise string // a directory on the promise device; "" if there is none
	Peers   []Peer // all voters of the first configuration, this node included
	Join    bool   // not in the first configuration: waits until a leader adds it
	Recover bool   // what the volume holds becomes a new cluster of this node alone

	Listener net.Listener // raft and forwards; the first byte of a connection says which
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
	Fsync    func(*os.File) error // used for every file of our own

	Timeout  time.Duration // raft's heartbeat and election timeout; the rest is derived
	Watchdog time.Duration // a storage operation that takes longer is given up on

	ScrubEvery time.Duration // between the end of a scrub and the next; 0: only when Scrub is called
	ScrubRate  int64         // bytes per second that a scrub reads; 0: as fast as it can

	Machine Machine
	Log     io.Writer   // safe for concurrent use
	Fatal   func(error) // called at the first failed write to storage; ends the process unless set
	Unsafe  Unsafe

	hook     func(op string) error // tests hang, fail or watch storage operations here
	trailing uint64                // tests keep a shorter log
}

// Machine is the replicated state machine. Apply runs on every replica in log
// order and must depend on nothing but its arguments. An error is a refusal: it
// is part of the result, the same on all replicas, and leaves no trace in the
// state. It must not return an error that it got from tx.
type Machine interface {
	Apply(tx *Tx, cmd []byte) (reply []byte, err error)
}

// Limits on what fits into one commit; all picked to stay below what Badger
// takes with small files.
const (
	MaxValue   = 48 << 10 // bytes in one value
	MaxReply   = 16 << 10 // bytes in one reply
	MaxCommand = 64 << 10 // bytes in one command
	MaxKey     = 1 << 10  // bytes in one key or idempotency key
	MaxWrites  = 96 << 10 // bytes of keys and values that one command may write
	MaxKeys    = 512      // keys that one command may write
)

// Replica is one node's part of the replicated state.
type Replica struct {
	cfg      Config
	self     Peer
	log      *logger
	watch    *watchdog
	detected detections
	mux      *mux
	peers    roster
	cluster  atomic.Pointer[string] // its identity, nil as long as it is not known
	gone     atomic.Bool            // removed while it was fenced
	invited  sync.Mutex             // held while an invitation is taken
	busy     chan struct{}          // holds one while this leader works on a replacement
	verify   verifier
	hint     hint
	heal     *healer
	scrub    *scrubber

	phase  atomic.Pointer[phase]
	node   atomic.Pointer[node]
	store  atomic.Pointer[store]
	change bell // rings when the leader, the phase or the watchdog changes

	closing   chan struct{}
	closeOnce sync.Once
	opened    sync.WaitGroup // the goroutine that opens the volume
}

// phase is where a replica is in its life.
type phase struct {
	name   string // one of the below
	reason string
}

const (
	opening = "opening"
	joining = "joining" // no leader has added this node yet
	running = "running"
	removed = "removed" // no longer of the cluster
	fenced  = "fenced"
	failed  = "failed"
	closed  = "closed"
)

// Start makes a replica of cfg. It returns at once: the volume is opened in the
// background, because it may hang, and until then the replica is unavailable.
func Start(cfg Config) (*Replica, error) {
	self, err := validate(&cfg)
	if err != nil {
		return nil, fmt.Errorf("start replica: %w", err)
	}
	r := &Replica{cfg: cfg, self: self, closing: make(chan struct{}), busy: make(chan struct{}, 1)}
	r.log = newLogger(cfg.Log, r.Detect)
	r.watch = newWatchdog(cfg.Watchdog, r.storageStuck, r.storageFree)
	r.watch.hook = cfg.hook
	r.mux = newMux(cfg.Listener, self.Addr, r.greet)
	r.phase.Store(&phase{name: opening, reason: "the volume is being opened"})
	r.verify.replica = r
	r.heal, r.scrub = newHealer(r), newScrubber()
	go r.mux.accept(r.serveForwards)
	r.opened.Add(1)
	go r.open()
	if cfg.ScrubEvery > 0 {
		go r.scrubRegularly()
	}
	return r, nil
}

func validate(cfg *Config) (self Peer, err error) {
	switch {
	case cfg.ID == "" || cfg.Dir == "":
		return self, errors.New("no ID or no directory")
	case cfg.Listener == nil || cfg.Dial == nil || cfg.Fsync == nil || cfg.Machine == nil:
		return self, errors.New("listener, dial, fsync and machine are required")
	case cfg.Timeout < 20*time.Millisecond:
		return self, fmt.Errorf("raft timeout %v is below 20ms", cfg.Timeout)
	case cfg.Watchdog <= 0:
		return self, fmt.Errorf("watchdog %v is not positive", cfg.Watchdog)
	case cfg.ScrubEvery < 0 || cfg.ScrubRate < 0:
		return self, fmt.Errorf("scrub every %v at %d bytes per second: both must not be negative", cfg.ScrubEvery, cfg.ScrubRate)
	}
	seen := map[string]bool{}
	for _, p := range cfg.Peers {
		if p.ID == "" || p.Addr == "" || seen[p.ID] || seen[p.Addr] {
			return self, fmt.Errorf("peer %q at %q is incomplete or there twice", p.ID, p.Addr)
		}
		if len(p.ID) > maxName || len(p.Addr) > maxName {
			return self, fmt.Errorf("peer %.20q: ID or address is longer than %d bytes", p.ID, maxName)
		}
		seen[p.ID], seen[p.Addr] = true, true
		if p.ID == cfg.ID {
			self = p
		}
	}
	switch {
	case self.ID == "":
		return self, fmt.Errorf("%q is not among the peers", cfg.ID)
	case cfg.Join && cfg.Recover:
		return self, errors.New("to join and to recover exclude each other")
	case cfg.Join && len(cfg.Peers) == 1:
		return self, errors.New("a node that joins must know a member")
	case cfg.Recover && len(cfg.Peers) > 1:
		return self, errors.New("a recovered cluster begins with one node: it is its only peer")
	}
	if cfg.trailing == 0 {
		cfg.trailing = trailingLogs
	}
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	return self, nil
}

// Close stops the replica. It does not wait for storage that does not answer.
func (r *Replica) Close() error {
	r.closeOnce.Do(func() {
		close(r.closing)
		r.setPhase(closed, "closed")
		r.mux.close()
		r.peers.close()
		r.watch.bounded(r.cfg.Watchdog, r.shutdown)
	})
	return nil
}

// shutdown stops raft and closes the store. It may hang with the storage.
func (r *Replica) shutdown() {
	r.opened.Wait()
	if n := r.node.Load(); n != nil {
		n.stop()
	}
	r.heal.close()
	if s := r.store.Load(); s != nil {
		s.close()
	}
}

func (r *Replica) setPhase(name, reason string) {
	for {
		old := r.phase.Load()
		if old != nil && (old.name == closed || old.name == failed) {
			return
		}
		if r.phase.CompareAndSwap(old, &phase{name: name, reason: reason}) {
			break
		}
	}
	r.change.ring()
}

// fail ends this node's part after a storage operation failed: nobody knows
// what of it is durable, so nothing may be built on it.
func (r *Replica) fail(err error) {
	r.Detect(fmt.Sprintf("storage failed: %v", err))
	r.setPhase(failed, fmt.Sprintf("storage failed: %v", err))
	r.mux.cut()
	if r.cfg.Fatal != nil {
		r.cfg.Fatal(err)
		return
	}
	fmt.Fprintf(r.cfg.Log, "replica %s: storage failed, ending the process: %v\n", r.cfg.ID, err)
	os.Exit(1)
}

// distrust fences a running node whose own copy turned out to be damaged: what
// it would call "not found" may have been there.
func (r *Replica) distrust(reason string) {
	r.Detect("fenced: " + reason)
	if !r.partakes() {
		return
	}
	r.retire(fenced, reason)
}

// retire ends a running node's part: it serves nobody, votes for nobody and
// says why.
func (r *Replica) retire(phase, reason string) {
	r.setPhase(phase, reason)
	r.mux.open.Store(false)
	r.mux.cut()
	if n := r.node.Load(); n != nil {
		go n.stop()
	}
}

// partakes tells whether this node's raft is at work.
func (r *Replica) partakes() bool {
	name := r.phase.Load().name
	return name == running || name == joining
}

// storageStuck gives leadership away, as far as that is possible while raft's
// main loop waits for the storage: without its heartbeats the others elect
// another leader, and when the storage answers again this node finds its lease
// expired.
func (r *Replica) storageStuck() {
	if n := r.node.Load(); n != nil && n.raft.State() == raft.Leader {
		r.Detect("storage does not answer: gave up leadership")
		r.mux.cut()
	}
	r.change.ring()
}

func (r *Replica) storageFree() {
	if r.partakes() {
		r.mux.mend()
	}
	r.change.ring()
}
