package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/harness/live"
	"fourdays/harness/local"
	"fourdays/harness/sim"
	"fourdays/harness/world"
	"fourdays/storage/array"
	"fourdays/storage/bug"
)

// restartWait is how long the supervisor waits before it starts a node again
// that ended by itself. Picked.
const restartWait = 500 * time.Millisecond

// accounts are whose mail it is.
var accounts = []string{"anna@mail.example", "bruno@mail.example", "carla@mail.example"}

// store is three nodes of the mail store, each on an array of its own.
type store struct {
	t     testing.TB
	w     *local.World
	fleet *array.Fleet
	log   *journal
	nodes []*node
	more  []string // arguments of every node
}

type node struct {
	name              string
	lmtp, imap, admin string
	spec              world.Spec
	off               bool // its power is cut
	exits             int
}

var programs = sync.OnceValues(func() (map[string]string, error) {
	root, err := sim.FindSource()
	if err != nil {
		return nil, err
	}
	cache, err := sim.CacheDir()
	if err != nil {
		return nil, err
	}
	b := live.Builder{Root: root, Cache: cache}
	built, err := b.Build(context.Background(), "storage/cmd/"+local.Mounter, "mailstore/cmd/mailnode")
	paths := map[string]string{}
	for name, p := range built {
		paths[name] = p.Path
	}
	return paths, err
})

// newStore starts a store with the accounts, and more arguments for its nodes.
// Tests that need one need the clients as well.
func newStore(t testing.TB, more ...string) *store {
	need.FUSE(t)
	need.Command(t, "mbsync", "isync")
	need.Command(t, "swaks", "swaks")
	paths, err := programs()
	require.NoError(t, err)
	s := &store{t: t, log: &journal{}, more: more}
	s.w, err = local.New(t.Context(), local.Config{Dir: t.TempDir(), Log: s.log, Programs: paths, Seed: 1})
	require.NoError(t, err)
	t.Cleanup(s.close)
	names := []string{"n1", "n2", "n3"}
	s.fleet, err = array.New(s.w, 1, layout(names))
	require.NoError(t, err)
	for i, name := range names {
		s.nodes = append(s.nodes, s.plan(i, name, names))
	}
	for _, n := range s.nodes {
		s.start(n)
	}
	s.until("the store takes accounts", s.create)
	return s
}

// layout is an array for each node, and another for what it has promised.
func layout(names []string) array.Config {
	cfg := array.Config{Arrays: map[string]array.ArrayConfig{}, Volumes: map[string]array.VolumeConfig{}}
	for _, name := range names {
		for _, volume := range []string{name, name + "-promise"} {
			cfg.Arrays[volume] = array.ArrayConfig{}
			cfg.Volumes[volume] = array.VolumeConfig{Array: volume, Store: "main"}
		}
	}
	return cfg
}

// plan says how a node is started.
func (s *store) plan(i int, name string, names []string) *node {
	at := func(i, port int) string { return fmt.Sprintf("%s:%d", s.w.Address(i), s.w.Port(port)) }
	n := &node{name: name, lmtp: at(i, 24), imap: at(i, 143), admin: at(i, 80)}
	var peers []string
	others := map[string]string{}
	for j, other := range names {
		peers = append(peers, other+"="+at(j, 7000))
		if j != i {
			others[other] = at(j, 7000)
		}
	}
	n.spec = world.Spec{
		Name: name, IP: s.w.Address(i), Program: "mailnode", Peers: others,
		Args: append([]string{
			"-id", name, "-data", "/data", "-promise", "/promise", "-peers", strings.Join(peers, ","), "-peer-listen", at(i, 7000),
			"-lmtp", n.lmtp, "-imap", n.imap, "-admin", n.admin, "-domains", "mail.example",
			"-raft-timeout", "500ms", "-watchdog", "1s", "-command-timeout", "3s",
		}, s.more...),
		Mounts: []world.Mount{
			{Path: "/data", Volume: s.fleet.Volume(name)}, {Path: "/promise", Volume: s.fleet.Volume(name + "-promise")},
		},
		OnExit: func(uint32) { s.exited(n) },
	}
	return n
}

func (s *store) start(n *node) {
	n.off = false
	require.NoError(s.t, s.w.Start(s.t.Context(), n.spec))
}

// exited is the supervisor: a node that ended by itself is started again.
func (s *store) exited(n *node) {
	n.exits++
	s.w.At(s.w.Now()+restartWait, func() {
		if !n.off && !s.w.Running(n.name) {
			s.start(n)
		}
	})
}

func (s *store) cutPower(n *node) {
	n.off = true
	require.NoError(s.t, s.w.PowerLoss(n.name))
}

func (s *store) close() {
	require.NoError(s.t, s.w.Close(context.Background()))
	if s.t.Failed() {
		s.t.Log(s.log)
	}
}

// until lets the world live until something holds.
func (s *store) until(what string, holds func() bool) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); {
		require.NoError(s.t, s.w.Run(s.t.Context(), s.w.Now()+5*time.Millisecond))
		require.True(s.t, time.Now().Before(end), "in vain: %s", what)
	}
}

// arm arms a fault on those of a node's files that a glob means.
func (s *store) arm(n *node, fault, path string) array.Rule {
	b, err := bug.Parse("test.yaml", []byte("id: test\n"+fault))
	require.NoError(s.t, err)
	rule, err := s.fleet.Arm(b, bug.Scope{Path: path, Population: bug.Population{Volume: n.name}})
	require.NoError(s.t, err)
	require.NoError(s.t, s.w.Invalidate(n.name))
	return rule
}

// disarm takes it away.
func (s *store) disarm(n *node, rule array.Rule) {
	require.NoError(s.t, s.fleet.Disarm(rule.ID))
	if !n.off {
		require.NoError(s.t, s.w.Invalidate(n.name))
	}
}

// observed says whether what was armed has reached somebody.
func (s *store) observed(rule array.Rule) bool {
	for _, r := range s.fleet.Receipts() {
		if r.ID == rule.ID {
			return r.Fired > 0 && r.Observed
		}
	}
	return false
}

// create makes the accounts, once.
func (s *store) create() bool {
	var list []string
	for _, a := range accounts {
		list = append(list, fmt.Sprintf(`{"address":%q}`, a))
	}
	res, err := http.Post("http://"+s.nodes[0].admin+"/accounts", "", strings.NewReader(`{"create":[`+strings.Join(list, ",")+`]}`))
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// ask reads what an admin face answers.
func (n *node) ask(path string, answer any) error {
	client := http.Client{Timeout: 5 * time.Second}
	res, err := client.Get("http://" + n.admin + path)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(res.Body)
		return fmt.Errorf("%s: %s", res.Status, text)
	}
	return json.NewDecoder(res.Body).Decode(answer)
}

// health is what a node says of itself.
type health struct {
	Role, Unavailable, Reason string
	Fenced                    bool
}

func (n *node) serves() bool {
	var h health
	return n.ask("/health", &h) == nil && h.Unavailable == "" && !h.Fenced
}

// leader is the node that leads.
func (s *store) leader() (leader *node) {
	s.until("somebody leads", func() bool {
		for _, n := range s.nodes {
			var h health
			if n.ask("/health", &h) == nil && h.Role == "leader" && h.Unavailable == "" {
				leader = n
			}
		}
		return leader != nil
	})
	return leader
}

// audited is what a replica holds of an account.
type audited struct {
	Mailboxes []struct {
		Mailbox, Damage string
		View            struct {
			UIDValidity, UIDNext, Exists uint32
			Messages                     []struct {
				UID                    uint32
				Flags                  []string
				Size                   int64
				Digest, Stored, Damage string
			}
		}
	}
}

func (n *node) audit(t testing.TB, account string) (a audited) {
	require.NoError(t, n.ask("/audit?account="+url.QueryEscape(account), &a))
	return a
}

// journal keeps what the programs print.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}
