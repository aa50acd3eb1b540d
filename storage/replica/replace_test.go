package replica

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestFencedReplicaIsReplaced is the way back: the fenced node goes, a new one
// with an empty volume comes, catches up and counts; and then the cluster can
// do without another one.
func TestFencedReplicaIsReplaced(t *testing.T) {
	c := newCluster(t, 3)
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
