package replica

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

// TestFencedReplicaIsReplaced is the way back: the fenced node goes, a new one
// with an empty volume comes, catches up and counts; and then the cluster can
// do without another one.
func TestFencedReplicaIsReplaced(t *testing.T) {
	c := newCluster(t, 3, calm)
	id := c.rollBack()
	old := c.start(id, nil)
	c.waitPhase(old, fenced)
	fresh := c.start(id+".2", c.newcomer(id+".2"))
	require.Equal(t, joining, c.waitPhase(fresh, joining).Role)

	c.replace(old, id, id+".2") // the fenced node passes it on
	c.waitPhase(fresh, running)
	c.waitReason(old, removedReason)
	require.True(t, old.Status().Fenced)
	c.stop(id)
	c.converged()
	s := fresh.Status()
	require.Equal(t, c.leader().Status().Configuration, s.Configuration)
	require.Len(t, s.Configuration, 3)
	require.Equal(t, c.leader().Status().Cluster, s.Cluster)

	c.stop(c.otherThan(fresh).cfg.ID)
	require.Equal(t, "1", c.do2(fresh, "k", "set a 1", "a"), "the new one counts")
	require.Equal(t, "0,1,2,3,4,", c.read(fresh, "early"))
}

func (c *cluster) waitReason(r *Replica, part string) {
	c.t.Helper()
	require.Eventually(c.t, func() bool { return strings.Contains(r.Status().Reason, part) }, patience, time.Millisecond)
}

// otherThan is a running node that is not r.
func (c *cluster) otherThan(r *Replica) *Replica {
	for _, p := range c.peers {
		if n := c.nodes[p.ID]; n != nil && n != r {
			return n
		}
	}
	return nil
}

// TestReplacementsThatMustNotBeAreRefused gives the orders that would cost the
// cluster its majority, its last copy, or the meaning of a name. Each is refused
// with its reason, and the configuration is as it was.
func TestReplacementsThatMustNotBeAreRefused(t *testing.T) {
	c := newCluster(t, 3, calm)
	c.fill("x", 3)
	lead := c.leader()
	c.start("n4", c.newcomer("n4"))
	c.waitPhase(c.nodes["n4"], joining)
	c.start("n5", c.newcomer("n5"))
	c.waitPhase(c.nodes["n5"], joining)
	was := lead.Status().Configuration
	refuses := func(remove, add, address, want string) {
		t.Helper()
		p, err := lead.Replace(within(patience), Replacement{remove, add, address})
		var no *Refusal
		require.ErrorAs(t, err, &no, "%+v", p)
		require.Contains(t, no.Why, want)
	}
	refuses("n9", "n4", c.addr("n4"), "n9 is not a member and never was")
	refuses("n2", "n1", c.addr("n4"), "n1 is a member at")
	refuses("n2", "n4", c.addr("n3"), "was the address of n3")
	refuses("n2", "n4", c.addr("n5"), "is n5, not n4")
	refuses("n2", "n2", c.addr("n4"), "cannot take its own place")
	refuses("n2", "", "", "want")
	require.Equal(t, was, lead.Status().Configuration)

	nobody, err := c.freeAddr(), error(ErrUnknown)
	for range 10 {
		if !errors.Is(err, ErrUnknown) {
			break
		}
		_, err = lead.Replace(within(3*c.timeout), Replacement{"n2", "n6", nobody}) // after an unknown one asks again
	}
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "n6 at")
	require.Equal(t, was, lead.Status().Configuration, "nobody is removed for a node that is not there")

	rest := c.othersThan(lead)
	follower, other := rest[0].cfg.ID, rest[1].cfg.ID
	c.stop(other)
	refuses(follower, "n4", c.addr("n4"), "only 1 of 2 voters would be there")
	c.replace(lead, other, "n4") // the one that is away may go
	refuses(follower, other, c.addr("n5"), "was a member before")
	refuses(other, "n5", c.addr("n5"), "its place is taken")
	require.Equal(t, "1", c.do2(lead, "k", "set a 1", "a"))
	c.forgetPeer("n5")
	c.stop("n5")
	c.converged()
}

// TestTwoReplacementsAtOnceAreRefused leaves one half done, and asks for another.
func TestTwoReplacementsAtOnceAreRefused(t *testing.T) {
	c := newCluster(t, 5, calm)
	lead := c.leader()
	rest := c.othersThan(lead)
	a, b := rest[0].cfg.ID, rest[1].cfg.ID
	c.start("n6", c.newcomer("n6"))
	c.start("n7", c.newcomer("n7"))
	n := lead.node.Load().raft
	require.NoError(t, n.RemoveServer(raft.ServerID(a), 0, 0).Error())
	_, err := lead.Replace(within(patience), Replacement{b, "n7", c.addr("n7")})
	require.ErrorContains(t, err, "another replacement is under way: 1 place is open")

	require.NoError(t, n.AddNonvoter("n6", raft.ServerAddress(c.addr("n6")), 0, 0).Error())
	_, err = lead.Replace(within(patience), Replacement{b, "n7", c.addr("n7")})
	require.ErrorContains(t, err, "another replacement is under way: n6 is catching up")
	_, err = lead.Replace(within(patience), Replacement{b, "n6", c.addr("n6")})
	require.ErrorContains(t, err, "n6 is a member already")
	c.replace(lead, a, "n6")
	c.replace(lead, b, "n7")
	require.Len(t, lead.Status().Configuration, 5)
}

// TestTheLastCopyIsNotRemoved asks a cluster of one.
func TestTheLastCopyIsNotRemoved(t *testing.T) {
	c := newCluster(t, 1)
	r := c.leader()
	c.start("n2", c.newcomer("n2"))
	_, err := r.Replace(within(patience), Replacement{"n1", "n2", c.addr("n2")})
	require.ErrorContains(t, err, "n1 holds the last good copy")
	require.Equal(t, "1", c.do2(r, "k", "set a 1", "a"))
}

// TestRemovedNodeLearnsItAndLeavesTheRestAlone removes a node that is down. When
// it comes back it asks, is told, and stays out, also after another restart.
func TestRemovedNodeLearnsItAndLeavesTheRestAlone(t *testing.T) {
	c := newCluster(t, 3, calm)
	c.fill("x", 3)
	c.converged()
	old := c.followers()[0].cfg.ID
	c.stop(old)
	lead := c.leader()
	c.start("n4", c.newcomer("n4"))
	c.replace(lead, old, "n4")
	term := lead.Status().Term

	r := c.start(old, nil)
	require.Equal(t, removedReason, c.waitPhase(r, removed).Reason)
	_, err := r.Do(within(c.timeout), "k", []byte("set a 1"))
	require.ErrorIs(t, err, ErrUnavailable)
	c.waitPhase(c.restart(old), removed)
	c.fill("y", 3)
	require.Equal(t, lead, c.leader())
	require.Equal(t, term, lead.Status().Term, "no election was forced")
	require.False(t, c.nodes[old].Status().Fenced)
}

// TestRemovedLeaderStepsDown replaces the leader itself.
func TestRemovedLeaderStepsDown(t *testing.T) {
	c := newCluster(t, 3, calm)
	c.fill("x", 3)
	old := c.leader()
	through := c.othersThan(old)[0]
	c.start("n4", c.newcomer("n4"))
	c.replace(through, old.cfg.ID, "n4")
	c.waitPhase(old, removed)
	c.stop(old.cfg.ID)
	c.converged()
	require.Equal(t, "0,1,2,", c.read(c.nodes["n4"], "x"))
}

// TestJoinedNodeThatLosesItsVolumeDoesNotVote empties the volume of a node that
// joined, without a promise device to tell: it waits again, and nobody asks it.
func TestJoinedNodeThatLosesItsVolumeDoesNotVote(t *testing.T) {
	c := newCluster(t, 3, func(c *cluster) { c.promise = false })
	c.fill("x", 3)
	c.start("n4", c.newcomer("n4"))
	old := c.followers()[0].cfg.ID
	c.replace(c.leader(), old, "n4")
	c.stop(old)
	c.stop("n4")
	require.NoError(t, os.RemoveAll(c.volume("n4")))
	r := c.start("n4", nil)
	c.waitPhase(r, joining)
	c.onlyWithOneOther("n4")
	p, err := c.otherThan(r).Replace(within(4*c.timeout), Replacement{old, "n4", c.addr("n4")})
	if err == nil {
		require.Equal(t, PhasePromoted, p.Phase)
	}
	require.Equal(t, joining, r.Status().Role)
}
