package replica

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets more tests run at a time than there are processors: they mostly
// wait for elections.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set(strconv.Itoa(max(4, 2*runtime.GOMAXPROCS(0))))
	}
	os.Exit(m.Run())
}

// crashAt kills a node before its k-th storage operation from now on. What it
// was asked to do goes on meanwhile; hit tells whether there was such an
// operation before that was done.
func (c *cluster) crashAt(id string, k int, meanwhile func(over <-chan struct{})) (hit bool) {
	c.t.Helper()
	g, count := c.gates[id], 0
	g.hang(func(string) bool { count++; return count >= k }) // under g.mu
	over, done := make(chan struct{}), make(chan struct{})
	go func() { meanwhile(over); close(done) }()
	require.Eventually(c.t, func() bool {
		select {
		case <-done:
			return true
		default:
			return g.waiting() > 0
		}
	}, patience, time.Millisecond, "%v", lazy(c.all))
	if hit = g.waiting() > 0; hit {
		c.kill(id)
	} else {
		g.free()
	}
	close(over)
	<-done
	return hit
}

// all is what every node says of itself.
func (c *cluster) all() string {
	var lines []string
	for _, r := range c.nodes {
		lines = append(lines, fmt.Sprintf("%+v %v", r.Status(), r.standing()))
	}
	return c.asked + "\n" + strings.Join(lines, "\n")
}

// ask gives the order once.
func (c *cluster) ask(through *Replica, old, add string) (Progress, error) {
	p, err := through.Replace(within(10*c.timeout), Replacement{old, add, c.addr(add)})
	c.asked = fmt.Sprintf("%s: %+v %v", through.cfg.ID, p, err)
	return p, err
}

// asking gives the order again and again until the node is promoted or over
// closes.
func (c *cluster) asking(through *Replica, old, add string) func(over <-chan struct{}) {
	return func(over <-chan struct{}) {
		for {
			if p, err := c.ask(through, old, add); err == nil && p.Phase == PhasePromoted {
				return
			}
			select {
			case <-over:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}
}

// diary is what was acknowledged so far.
type diary struct {
	c    *cluster
	said string
}

func (d *diary) write(r *Replica) {
	d.c.t.Helper()
	word := fmt.Sprintf("%d,", len(d.said))
	d.c.do(r, "diary "+word, "add diary "+word)
	d.said += word
}

func (d *diary) check(r *Replica) {
	d.c.t.Helper()
	require.Equal(d.c.t, d.said, d.c.read(r, "diary"), "all that was acknowledged, once")
}

// TestReplacementSurvivesACrashAnywhere kills the joining node, or the leader
// that adds it, before each of its storage operations in turn. Started again
// and asked again, the replacement ends with a vote for the new node and with
// everything acknowledged; in half of the rounds the new node gets a snapshot.
func TestReplacementSurvivesACrashAnywhere(t *testing.T) {
	for _, who := range []string{"joiner", "leader"} {
		for _, way := range []string{"log", "snapshot"} {
			t.Run(who+" by "+way, func(t *testing.T) {
				c := newCluster(t, 3, func(c *cluster) {
					c.timeout = 100 * time.Millisecond
					if way == "snapshot" {
						c.trailing = 1
					}
				})
				d := &diary{c: c}
				old, k, hit := "n2", 1, true
				for ; hit; k++ {
					add := fmt.Sprintf("n2.%d", k+1)
					hit = c.replaceThroughCrash(d, who, old, add, k)
					old = add
				}
				require.Greater(t, k, 5, "there are crash points")
				t.Logf("%d crash points", k-2)
			})
		}
	}
}

// replaceThroughCrash replaces old by add, with a crash before the k-th
// operation of who.
func (c *cluster) replaceThroughCrash(d *diary, who, old, add string, k int) (hit bool) {
	c.t.Helper()
	lead := c.leader()
	for lead.cfg.ID == old { // it shall be another node that goes
		lead.node.Load().raft.LeadershipTransfer()
		time.Sleep(c.timeout)
		lead = c.leader()
	}
	d.write(lead)
	if c.trailing == 1 {
		require.NoError(c.t, lead.node.Load().raft.Snapshot().Error())
	}
	var through *Replica
	for id, r := range c.nodes {
		if id != old && r != lead {
			through = r
		}
	}
	l := c.newcomer(add)
	require.NoError(c.t, os.MkdirAll(c.volume(add), 0o755))
	require.NoError(c.t, os.MkdirAll(c.device(add), 0o755))
	victim := lead.cfg.ID
	if who == "joiner" {
		victim = add
		hit = c.crashAt(add, k, func(over <-chan struct{}) {
			c.start(add, l)
			c.asking(through, old, add)(over)
		})
	} else {
		c.start(add, l)
		hit = c.crashAt(victim, k, c.asking(through, old, add))
	}
	if hit {
		c.start(victim, nil)
	}
	c.replace(through, old, add)
	c.stop(old)
	c.forgetPeer(old)
	c.waitPhase(c.nodes[add], running)
	d.write(c.nodes[add])
	c.converged()
	d.check(c.nodes[add])
	require.Len(c.t, c.leader().Status().Configuration, 3)
	return hit
}

// forgetPeer takes a node that is gone out of the books.
func (c *cluster) forgetPeer(id string) {
	var rest []Peer
	for _, p := range c.peers {
		if p.ID != id {
			rest = append(rest, p)
		}
	}
	c.peers = rest
}

// TestRecoveryGoesOnAfterACrashAnywhere kills the recovering node before each of
// its storage operations. Up to one commit the volume is the old one, as good as
// it was; from then on it is that of the new cluster, with the same account of
// what is lost.
func TestRecoveryGoesOnAfterACrashAnywhere(t *testing.T) {
	c := newCluster(t, 1, func(c *cluster) { c.timeout = 60 * time.Millisecond })
	c.do(c.leader(), "k1", "set bad precious")
	c.fill("early", 5)
	c.harm(c.leader(), "bad", "flipped")
	c.stop("n1")
	copyDir(t, c.volume("n1"), c.volume("n1")+".old")
	copyDir(t, c.device("n1"), c.device("n1")+".old")
	before := c.reopen("n1")
	was := before.standing()
	before.close()
	var account *Recovered
	switched, hit, k := false, true, 1
	for ; hit; k++ {
		copyDir(t, c.volume("n1")+".old", c.volume("n1"))
		copyDir(t, c.device("n1")+".old", c.device("n1"))
		id := fmt.Sprintf("h%d", k)
		c.heir(id, "n1")
		var started sync.WaitGroup
		hit = c.crashAt(id, k, func(over <-chan struct{}) {
			started.Go(func() { c.start(id, nil) })
			started.Wait()
			for r := c.nodes[id]; !r.leads(); {
				select {
				case <-over:
					return
				case <-time.After(time.Millisecond):
				}
			}
		})
		if hit {
			s := c.reopen(id)
			if s.owner.ID == "n1" {
				require.False(t, switched && k > 1, "once switched, later crashes are behind it")
				now := s.standing()
				require.True(t, now.equal(was), "the old one is as it was: %+v, %+v", was, now)
				require.NoError(t, s.state.eachRaw(func(sub, sealed []byte) error {
					require.False(t, isLost(sub, sealed), "what is damaged is left as it is: another node may have it")
					return nil
				}))
			} else {
				switched = true
				require.Equal(t, id, s.owner.ID)
			}
			s.close()
			c.start(id, nil)
		}
		r := c.nodes[id]
		c.waitPhase(r, running)
		require.Equal(t, r, c.leader())
		require.Equal(t, "0,1,2,3,4,", c.read(r, "early"))
		_, err := read(r, within(patience), "bad")
		require.ErrorIs(t, err, ErrLost)
		if account == nil {
			account = r.Status().Recovered
		}
		require.Equal(t, account, r.Status().Recovered)
		require.NoError(t, c.waitPhase(c.restart(id), running).sound())
		c.leader()
		c.stop(id)
	}
	require.True(t, switched)
	require.Greater(t, k, 8, "there are crash points")
	t.Logf("%d crash points", k-2)
}

// sound is an error if a node says that anything is wrong with it.
func (s Status) sound() error {
	if s.Fenced || s.Recovered == nil {
		return fmt.Errorf("%+v", s)
	}
	return nil
}
