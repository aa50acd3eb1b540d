package replica

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for what has to come. Only a test that
// fails waits so long: raft alone rests for ten seconds before it asks again
// for a follower that was away.
const patience = time.Minute

// slowHost is what a storage operation may take where that is not the matter.
const slowHost = 10 * time.Second

// The options say what a test needs of time: a machine that has much else to do
// lets heartbeats and the storage wait for longer than the defaults allow.

// calm has a leader stay the leader, for tests in which it matters who leads.
func calm(c *cluster) { c.timeout = 2 * time.Second }

// hanging has storage that does not answer found out soon.
func hanging(c *cluster) { c.watchdog = 0 }

// register is a machine whose commands are "set k v", "add k v" (appends),
// "del k" and "refuse".
type register struct{}

func (register) Apply(tx *Tx, cmd []byte) ([]byte, error) {
	f := strings.SplitN(string(cmd), " ", 3)
	switch f[0] {
	case "set":
		return []byte("ok"), tx.Set([]byte(f[1]), []byte(f[2]))
	case "del":
		return []byte("ok"), tx.Delete([]byte(f[1]))
	case "add":
		old, err := tx.Get([]byte(f[1]))
		if err != nil && err != ErrNotFound {
			return nil, err
		}
		now := append(bytes.Clone(old), f[2]...)
		return now, tx.Set([]byte(f[1]), now)
	}
	_ = tx.Set([]byte("trace"), []byte("of a refusal"))
	return nil, fmt.Errorf("cannot %s", f[0])
}

// cluster is some replicas on loopback, each with a volume and a promise
// device in a directory of the test.
type cluster struct {
	t          testing.TB
	root       string
	peers      []Peer
	first      []Peer // the first configuration
	nodes      map[string]*Replica
	timeout    time.Duration
	watchdog   time.Duration // twice the timeout if that is more
	promise    bool
	unsafe     Unsafe
	trailing   uint64
	scrubEvery time.Duration

	join    map[string]bool   // started with Config.Join
	recover map[string]bool   // and with Config.Recover
	only    map[string][]Peer // with these peers
	homes   map[string]string // on the volume of another

	network   *network
	addresses int    // that were given out on it
	asked     string // how the last order for a replacement went

	mu    sync.Mutex
	fatal []error
	gates map[string]*gateHook
}

// gateHook hangs or fails a node's storage operations.
type gateHook struct {
	mu     sync.Mutex
	shut   chan struct{}
	when   func(op string) bool // nil: all
	fail   error
	parked int
}

func (g *gateHook) hook(op string) error {
	g.mu.Lock()
	shut, fail := g.shut, g.fail
	hit := g.when == nil || g.when(op)
	if shut != nil && hit {
		g.parked++
	}
	g.mu.Unlock()
	if !hit {
		return nil
	}
	if shut != nil {
		<-shut
	}
	return fail
}

func (g *gateHook) hang(when func(op string) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut, g.when, g.parked = make(chan struct{}), when, 0
}

func (g *gateHook) breakWith(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fail = err
}

func (g *gateHook) waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.parked
}

func (g *gateHook) free() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
		g.shut, g.when = nil, nil
	}
}

func newCluster(t testing.TB, size int, options ...func(*cluster)) *cluster {
	if t, ok := t.(*testing.T); ok {
		t.Parallel() // they mostly wait for elections
	}
	return newClusterNow(t, size, options...)
}

// newClusterNow is one that does not let other tests go before.
func newClusterNow(t testing.TB, size int, options ...func(*cluster)) *cluster {
	c := &cluster{t: t, nodes: map[string]*Replica{}, timeout: 150 * time.Millisecond, watchdog: slowHost, promise: true, gates: map[string]*gateHook{},
		join: map[string]bool{}, recover: map[string]bool{}, only: map[string][]Peer{}, homes: map[string]string{}}
	for _, o := range options {
		o(c)
	}
	c.root, c.network = t.TempDir(), newNetwork()
	for i := range size {
		id := fmt.Sprintf("n%d", i+1)
		c.peers = append(c.peers, Peer{id, c.freeAddr()})
		c.gates[id] = &gateHook{}
	}
	c.first = slices.Clone(c.peers)
	for _, p := range c.peers {
		c.start(p.ID, nil)
	}
	t.Cleanup(func() {
		for id, r := range c.nodes {
			c.gates[id].free()
			_ = r.Close()
		}
	})
	return c
}

func (c *cluster) volume(id string) string {
	return filepath.Join(c.root, c.home(id), "volume")
}

func (c *cluster) device(id string) string {
	return filepath.Join(c.root, c.home(id), "promise")
}

// home is under which name a node's storage began.
func (c *cluster) home(id string) string {
	if home := c.homes[id]; home != "" {
		return home
	}
	return id
}

func (c *cluster) config(id string, l net.Listener) Config {
	cfg := Config{
		ID: id, Dir: c.volume(id), Peers: c.first, Listener: l,
		Dial: c.network.dial, Fsync: (*os.File).Sync,
		Timeout: c.timeout, Watchdog: max(2*c.timeout, c.watchdog), Machine: register{}, Unsafe: c.unsafe,
		Fatal: func(err error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.fatal = append(c.fatal, err)
		},
		hook: c.gates[id].hook, trailing: c.trailing, ScrubEvery: c.scrubEvery,
	}
	cfg.Join, cfg.Recover = c.join[id], c.recover[id]
	if peers := c.only[id]; peers != nil {
		cfg.Peers = peers
	}
	if testing.Verbose() {
		cfg.Log = prefixed(id)
	}
	if c.promise {
		cfg.Promise = c.device(id)
	}
	return cfg
}

type prefixed string

func (p prefixed) Write(b []byte) (int, error) {
	fmt.Printf("%s: %s", string(p), b)
	return len(b), nil
}

func (c *cluster) start(id string, l net.Listener) *Replica {
	c.t.Helper()
	if l == nil {
		l = c.listen(c.addr(id))
	}
	r, err := Start(c.config(id, l))
	require.NoError(c.t, err)
	c.nodes[id] = r
	return r
}

// newcomer makes ready a node that is to join: an ID, an address, an empty
// volume. It knows the first members.
func (c *cluster) newcomer(id string) net.Listener {
	c.t.Helper()
	self := Peer{id, c.freeAddr()}
	c.only[id] = append([]Peer{self}, c.peers...)
	c.peers = append(c.peers, self)
	c.gates[id], c.join[id] = &gateHook{}, true
	return c.listen(self.Addr)
}

func (c *cluster) listen(addr string) net.Listener {
	c.t.Helper()
	l, err := c.network.listen(addr)
	require.NoError(c.t, err)
	return l
}

// freeAddr is an address that nobody has had. It is on the cluster's own
// network: a port of the machine that a node gives up may be another test's next.
func (c *cluster) freeAddr() string {
	c.addresses++
	return fmt.Sprintf("10.1.0.%d:7000", c.addresses)
}

// replace asks until the new node is promoted.
func (c *cluster) replace(through *Replica, old, add string) {
	c.t.Helper()
	var last string
	require.Eventually(c.t, func() bool {
		p, err := through.Replace(within(20*c.timeout), Replacement{old, add, c.addr(add)})
		last = fmt.Sprintf("%+v %v", p, err)
		return err == nil && p.Phase == PhasePromoted
	}, patience, time.Millisecond, "%v", lazy(func() string { return last }))
}

func (c *cluster) addr(id string) string {
	for _, p := range c.peers {
		if p.ID == id {
			return p.Addr
		}
	}
	return ""
}

// stop ends a node in an orderly way, and waits until nothing of it touches its
// files any more, which Close does not.
func (c *cluster) stop(id string) {
	c.t.Helper()
	r, done := c.nodes[id], make(chan struct{})
	require.NoError(c.t, r.Close())
	go func() { r.shutdown(); close(done) }()
	select {
	case <-done:
	case <-time.After(patience):
	}
	delete(c.nodes, id)
}

// kill ends a node as a crash does: what it comes back with is what its files
// held while it was running, without the flush of an orderly end.
func (c *cluster) kill(id string) {
	c.t.Helper()
	g, r := c.gates[id], c.nodes[id]
	if g.waiting() == 0 {
		g.hang(nil)
	}
	require.Eventually(c.t, func() bool {
		r.watch.mu.Lock()
		defer r.watch.mu.Unlock()
		return len(r.watch.since) <= g.waiting()
	}, patience, time.Millisecond)
	copyDir(c.t, c.volume(id), c.volume(id)+".kept")
	if c.promise {
		copyDir(c.t, c.device(id), c.device(id)+".kept")
	}
	r.mux.close() // nobody hears of what it does from here on
	g.free()
	c.stop(id)
	copyDir(c.t, c.volume(id)+".kept", c.volume(id))
	if c.promise {
		copyDir(c.t, c.device(id)+".kept", c.device(id))
	}
}

func (c *cluster) restart(id string) *Replica {
	c.t.Helper()
	c.stop(id)
	return c.start(id, nil)
}

// leader waits until one of the running nodes leads and has committed in its
// term, and returns it.
func (c *cluster) leader() *Replica {
	c.t.Helper()
	var found *Replica
	require.Eventually(c.t, func() bool {
		for _, r := range c.nodes {
			if r.leads() && r.store.Load().state.ready.Load() == r.node.Load().raft.CurrentTerm() {
				found = r
				return true
			}
		}
		return false
	}, patience, 5*time.Millisecond)
	return found
}

func (c *cluster) followers() []*Replica { return c.othersThan(c.leader()) }

// othersThan are the running nodes but one. After a leader was looked up they
// are the others, whoever leads by now.
func (c *cluster) othersThan(one *Replica) []*Replica {
	var rest []*Replica
	for _, p := range c.peers {
		if r := c.nodes[p.ID]; r != nil && r != one {
			rest = append(rest, r)
		}
	}
	return rest
}

func within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	time.AfterFunc(2*d, cancel) // not at d: the deadline shall be what ends it
	return ctx
}

func (c *cluster) do(r *Replica, key, cmd string) string {
	c.t.Helper()
	reply, err := r.Do(within(patience), key, []byte(cmd))
	require.NoError(c.t, err)
	return string(reply)
}

func (c *cluster) read(r *Replica, key string) string {
	c.t.Helper()
	value, err := read(r, within(patience), key)
	require.NoError(c.t, err)
	return value
}

func read(r *Replica, ctx context.Context, key string) (value string, err error) {
	var got []byte
	err = r.Read(ctx, func(v View) error {
		value, err := v.Get([]byte(key))
		got = value // nobody looks at it after an error
		return err
	})
	if err != nil {
		return "", err
	}
	return string(got), nil
}

// answers lets a hung node's storage answer again.
func (c *cluster) answers(r *Replica) {
	c.t.Helper()
	c.gates[r.cfg.ID].free()
	require.Eventually(c.t, func() bool { return r.Status().Unavailable == "" }, patience, time.Millisecond)
}

// converged waits until all running nodes hold the same state.
func (c *cluster) converged() {
	c.t.Helper()
	var all []string
	require.Eventually(c.t, func() bool {
		want, ok := c.leader().Status(), true
		all = nil
		for _, r := range c.nodes {
			s := r.Status()
			ok = ok && s.StateSum == want.StateSum && s.Records == want.Records && s.Applied >= want.Applied
			all = append(all, fmt.Sprintf("%+v", s))
		}
		return ok
	}, patience, 10*time.Millisecond, "%v", lazy(func() string { return strings.Join(all, "\n") }))
}

// lazy is a message that is made when it is needed.
type lazy func() string

// String implements fmt.Stringer.
func (l lazy) String() string { return l() }

func copyDir(t testing.TB, from, to string) {
	t.Helper()
	require.NoError(t, os.RemoveAll(to))
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
}
