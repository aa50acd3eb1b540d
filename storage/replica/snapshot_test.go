package replica

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// withShortLog makes a node forget most of its log at a snapshot.
func withShortLog(c *cluster) { c.trailing = 4 }

// compact makes all running nodes forget most of their logs, whoever leads next.
func (c *cluster) compact() {
	c.t.Helper()
	c.converged()
	for _, r := range c.nodes {
		require.NoError(c.t, r.node.Load().raft.Snapshot().Error())
		require.Greater(c.t, r.store.Load().log.first.Load(), uint64(1))
	}
}

// newDisk gives a node an empty volume and forgets its promise, which is what
// an operator does who knows that it is a new node under an old name.
func (c *cluster) newDisk(id string) {
	c.t.Helper()
	require.NoError(c.t, os.RemoveAll(c.volume(id)))
	require.NoError(c.t, os.RemoveAll(c.device(id)))
}

func TestEmptyFollowerGetsASnapshot(t *testing.T) {
	c := newCluster(t, 3, withShortLog)
	c.fill("x", 60)
	id := c.followers()[0].cfg.ID
	c.stop(id)
	c.newDisk(id)
	c.fill("y", 60)
	c.compact()

	r := c.start(id, nil)
	c.waitPhase(r, running)
	c.converged()
	require.Greater(t, r.store.Load().log.first.Load(), uint64(60))
	require.Equal(t, uint32(1), r.store.Load().state.at.Load().gen)
	require.Equal(t, c.read(c.leader(), "x"), c.read(r, "x"))
	require.Zero(t, c.scrub(r).Damaged)

	c.kill(id)
	r = c.start(id, nil)
	c.waitPhase(r, running)
	require.Equal(t, c.read(c.leader(), "y"), c.read(r, "y"))
}

func TestLaggingFollowerGetsASnapshotAndLosesItsOldLog(t *testing.T) {
	c := newCluster(t, 3, withShortLog)
	c.fill("x", 20)
	id := c.followers()[0].cfg.ID
	c.stop(id)
	c.fill("y", 60)
	c.compact()
	r := c.start(id, nil)
	c.waitPhase(r, running)
	c.converged()
	require.Empty(t, r.store.Load().log.gap())
	c.kill(id)
	c.waitPhase(c.start(id, nil), running)
	c.converged()
}

// TestCrashRightAfterASnapshotWasInstalled ends the node between the commit
// that made the snapshot its state and everything raft does after it.
func TestCrashRightAfterASnapshotWasInstalled(t *testing.T) {
	c := newCluster(t, 3, withShortLog)
	c.fill("x", 20)
	id := c.followers()[0].cfg.ID
	c.stop(id)
	c.fill("y", 60)
	c.compact()

	activated := false
	c.gates[id].hang(func(op string) bool {
		defer func() { activated = activated || op == "activate snapshot" }()
		return activated
	})
	c.start(id, nil)
	require.Eventually(t, func() bool { return c.gates[id].waiting() > 0 }, patience, time.Millisecond)
	c.kill(id)
	r := c.start(id, nil)
	c.waitPhase(r, running)
	require.GreaterOrEqual(t, r.Status().Applied, uint64(60))
	c.converged()
	require.Equal(t, c.read(c.leader(), "y"), c.read(r, "y"))
}

// TestCrashWhileASnapshotIsInstalled leaves half a generation behind, which
// goes at the next start.
func TestCrashWhileASnapshotIsInstalled(t *testing.T) {
	c := newCluster(t, 3, withShortLog)
	c.fill("x", 20)
	for i := range 8 {
		c.do(c.leader(), fmt.Sprint("big", i), fmt.Sprintf("set big%d %s", i, strings.Repeat("b", 40<<10)))
	}
	id := c.followers()[0].cfg.ID
	c.stop(id)
	c.newDisk(id)
	c.fill("y", 60)
	c.compact()
	c.gates[id].hang(func(op string) bool { return op == "activate snapshot" })
	c.start(id, nil)
	require.Eventually(t, func() bool { return c.gates[id].waiting() > 0 }, patience, time.Millisecond)
	c.kill(id)
	r := c.start(id, nil)
	c.waitPhase(r, running)
	c.converged()
	require.Zero(t, c.scrub(r).Damaged)
}

// TestManyWritesAreCompacted goes through several memtables: what was
// rewritten and truncated must not pile up, and nothing may be missing.
func TestManyWritesAreCompacted(t *testing.T) {
	c := newCluster(t, 1, withShortLog)
	r := c.leader()
	body := strings.Repeat("m", 40<<10)
	const n = 400
	for i := range n {
		c.do(r, fmt.Sprint(i), fmt.Sprintf("set k%d %d%s", i%40, i, body))
	}
	s := r.store.Load()
	require.Eventually(t, func() bool { return !s.compacting.Load() }, patience, time.Millisecond)
	require.LessOrEqual(t, s.db.Levels()[0].NumTables, 2*flattenAt)
	require.Zero(t, c.scrub(r).Damaged)
	for i := range 40 {
		require.True(t, strings.HasPrefix(c.read(r, fmt.Sprint("k", i)), fmt.Sprint(n-40+i, "m")))
	}
}
