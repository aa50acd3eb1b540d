package replica

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What may have become of a node's storage while nobody looked.
const (
	healthy    = iota
	lagging    // was away while the others went on
	rolledBack // the volume went back, the promise record did not
)

var conditions = [...]string{"healthy", "lagging", "rolled back"}

// templates are the three conditions of three nodes' storage, made once: two
// words acknowledged by all, and for those that were not away a third one.
type templates struct {
	root  string
	first []Peer
	late  uint64 // log entries between old and new
}

func makeTemplates(t *testing.T, promise bool) *templates {
	c := newClusterNow(t, 3, func(c *cluster) { c.promise = promise })
	end := map[string]uint64{}
	keep := func(name string) {
		c.converged()
		end[name] = c.leader().Status().LastLog
		c.closeAll()
		for _, p := range c.first {
			copyDir(t, filepath.Join(c.root, p.ID), filepath.Join(c.root, name, p.ID))
		}
	}
	c.fill("early", 2)
	keep("old")
	for _, p := range c.first {
		c.start(p.ID, nil)
	}
	c.fill("late", 3)
	keep("new")
	return &templates{c.root, c.first, end["new"] - end["old"]}
}

// lay puts a node's storage into a condition.
func (m *templates) lay(c *cluster, id string, condition int) {
	from := map[int][2]string{healthy: {"new", "new"}, lagging: {"old", "old"}, rolledBack: {"old", "new"}}[condition]
	copyDir(c.t, filepath.Join(m.root, from[0], id, "volume"), c.volume(id))
	if c.promise {
		copyDir(c.t, filepath.Join(m.root, from[1], id, "promise"), c.device(id))
	}
}

// plight is one case: the condition of each node, and who is up.
type plight struct {
	of [3]int
	up int // bits
}

func (p plight) String() string {
	name := ""
	for i, condition := range p.of {
		name += fmt.Sprintf("n%d %s", i+1, conditions[condition])
		if p.up>>i&1 == 0 {
			name += " (down)"
		}
		name += ", "
	}
	return name[:len(name)-2]
}

func (p plight) count(condition int) (n int) {
	for _, is := range p.of {
		if is == condition {
			n++
		}
	}
	return n
}

// can tells whether this can have happened: what two of three were away for was
// acknowledged by nobody, so that the third cannot have it.
func (p plight) can() bool { return p.count(lagging) != 2 }

// acknowledged tells whether the late words were.
func (p plight) acknowledged() bool { return p.count(lagging) < 2 }

// plights are all cases, once per set of nodes that are up.
func plights() (all []plight) {
	for n := range 27 {
		for up := 1; up < 8; up++ {
			if p := (plight{[3]int{n % 3, n / 3 % 3, n / 9}, up}); p.can() {
				all = append(all, p)
			}
		}
	}
	return all
}

// TestNothingAcknowledgedIsSilentlyLost goes through every condition of three
// nodes' storage and who is up. While a majority of honest copies is up, all that
// was acknowledged is read; otherwise nobody serves anybody, and the nodes whose
// volumes went back say so.
func TestNothingAcknowledgedIsSilentlyLost(t *testing.T) {
	t.Parallel()
	m := makeTemplates(t, true)
	each(t, m, plights(), func(c *cluster, p plight) {
		honest := 0
		for i, r := range c.up(p) {
			if p.of[i] == rolledBack {
				require.NotEmpty(c.t, c.waitPhase(r, fenced).Reason)
				_, err := read(r, within(c.timeout), "early")
				require.ErrorIs(c.t, err, ErrFenced)
			} else {
				honest++
			}
		}
		if honest < 2 {
			c.nobodyServes(p)
			return
		}
		c.serves(p.acknowledged())
	})
}

// TestWithoutPromiseDevicesEveryVoterMustAnswer is the stricter rule: nobody can
// tell a volume that went back from one that lagged behind, so after a restart
// of all, one that is missing is too many. With all there, the farthest leads,
// and what one honest node has is not forgotten though two others lost it.
func TestWithoutPromiseDevicesEveryVoterMustAnswer(t *testing.T) {
	t.Parallel()
	m := makeTemplates(t, false)
	var cases []plight
	for _, p := range plights() {
		if p.count(rolledBack) == 0 || p.count(lagging) == 0 {
			cases = append(cases, p)
		}
	}
	each(t, m, cases, func(c *cluster, p plight) {
		if p.up != 7 {
			c.nobodyServes(p)
			return
		}
		c.serves(p.count(healthy) > 0)
	})
}

// TestWithoutTheStrictRuleARolledBackMajorityForgets is why: two nodes that were
// rolled back elect one of them, and when the third comes, it is made to forget
// what was acknowledged.
func TestWithoutTheStrictRuleARolledBackMajorityForgets(t *testing.T) {
	t.Parallel()
	m := makeTemplates(t, false)
	p := plight{[3]int{rolledBack, rolledBack, healthy}, 3}
	each(t, m, []plight{p}, func(c *cluster, p plight) {
		c.nobodyServes(p)
		c.closeAll()
		c.unsafe.NoFence = true
		c.up(p)
		c.serves(false)
		p.up = 7
		c.up(p)
		_, err := read(c.leader(), within(patience), "late")
		require.ErrorIs(c.t, err, ErrNotFound, "acknowledged, and gone")
	})
}

// TestWhatARecoveryCountsIsTrue takes every case in which too few honest copies
// are left, and recovers from each node in turn. It keeps what that node has,
// and what it says is lost is what is lost.
func TestWhatARecoveryCountsIsTrue(t *testing.T) {
	t.Parallel()
	m := makeTemplates(t, true)
	var cases []plight
	for _, p := range plights() {
		if p.up == 7 && p.count(rolledBack) >= 2 {
			cases = append(cases, p)
		}
	}
	each(t, m, cases, func(c *cluster, p plight) {
		for i, from := range []string{"n1", "n2", "n3"} {
			c.stop(from)
			m.lay(c, from, p.of[i])
			d := c.inherit(fmt.Sprintf("h%d", i), from)
			require.NotNil(c.t, d.AtMost, "all promise records were asked")
			if p.of[i] == healthy {
				require.True(c.t, d.Complete())
				require.Zero(c.t, d.Lost)
			} else {
				require.Equal(c.t, m.late, *d.AtMost, "as much as there was between the two")
				require.LessOrEqual(c.t, d.AtLeast, m.late)
				require.Positive(c.t, d.AtLeast, "what was applied was certainly committed")
			}
			m.lay(c, from, p.of[i])
			c.start(from, nil)
		}
	})
}

// inherit recovers a new cluster from the volume of a node and takes it down
// again.
func (c *cluster) inherit(id, from string) *Recovered {
	self := Peer{id, id + ":1"}
	c.peers, c.gates[id] = append(c.peers, self), &gateHook{}
	c.recover[id], c.only[id], c.homes[id] = true, []Peer{self}, from
	r := c.start(id, nil)
	c.waitPhase(r, running)
	require.Eventually(c.t, r.leads, patience, time.Millisecond)
	require.Equal(c.t, "0,1,", c.read(r, "early"))
	c.stop(id)
	return r.Status().Recovered
}

func each(t *testing.T, m *templates, cases []plight, check func(c *cluster, p plight)) {
	for _, p := range cases {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			c := m.cluster(t)
			for i, id := range []string{"n1", "n2", "n3"} {
				m.lay(c, id, p.of[i])
			}
			c.up(p)
			check(c, p)
		})
	}
}

// cluster is one on its own folders, at addresses that are its own: the
// templates know no addresses but those of the first configuration, so each case
// has a network of its own.
func (m *templates) cluster(t *testing.T) *cluster {
	_, err := os.Stat(filepath.Join(m.root, "new", "n1", "promise"))
	c := &cluster{t: t, root: t.TempDir(), promise: err == nil, timeout: 60 * time.Millisecond, watchdog: slowHost,
		nodes: map[string]*Replica{}, gates: map[string]*gateHook{}, first: m.first, peers: slices.Clone(m.first),
		join: map[string]bool{}, recover: map[string]bool{}, only: map[string][]Peer{}, homes: map[string]string{}}
	c.network = newNetwork()
	for _, p := range m.first {
		c.gates[p.ID] = &gateHook{}
	}
	t.Cleanup(c.closeAll)
	return c
}

// up starts the nodes that are up, unless they are.
func (c *cluster) up(p plight) map[int]*Replica {
	up := map[int]*Replica{}
	for i, peer := range c.first {
		if p.up>>i&1 == 0 {
			continue
		}
		if c.nodes[peer.ID] == nil {
			c.start(peer.ID, nil)
		}
		up[i] = c.nodes[peer.ID]
	}
	return up
}

// serves requires a leader that has the early words, and the late ones if they
// must be there, and that takes new ones.
func (c *cluster) serves(late bool) {
	c.t.Helper()
	lead := c.leader()
	require.Equal(c.t, "0,1,", c.read(lead, "early"))
	if late {
		require.Equal(c.t, "0,1,2,", c.read(lead, "late"))
	}
	require.Equal(c.t, "1", c.do2(lead, "k", "set a 1", "a"))
}

// nobodyServes requires that there is no leader for several election timeouts.
func (c *cluster) nobodyServes(p plight) {
	c.t.Helper()
	for _, r := range c.up(p) {
		require.Eventually(c.t, func() bool { return r.phase.Load().name != opening }, patience, time.Millisecond)
	}
	end := time.Now().Add(6 * c.timeout)
	for time.Now().Before(end) {
		for id, r := range c.nodes {
			require.False(c.t, r.leads(), id)
		}
		time.Sleep(c.timeout / 4)
	}
}
