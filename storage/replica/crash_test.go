package replica

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (c *cluster) waitPhase(r *Replica, name string) Status {
	c.t.Helper()
	require.Eventually(c.t, func() bool { return r.phase.Load().name == name }, patience, 5*time.Millisecond,
		"%v", lazy(func() string { return fmt.Sprint(*r.phase.Load()) }))
	return r.Status()
}

// fill writes n entries and returns how far the log then is.
func (c *cluster) fill(tag string, n int) {
	c.t.Helper()
	lead := c.leader()
	for i := range n {
		c.do(lead, fmt.Sprintf("%s-%d", tag, i), fmt.Sprintf("add %s %d,", tag, i))
	}
}

func TestKilledNodeResumesFromWhatWasDurable(t *testing.T) {
	c := newCluster(t, 3)
	c.fill("before", 30)
	id := c.followers()[0].cfg.ID
	held := c.nodes[id].Status().Applied
	c.kill(id)
	c.fill("after", 10)
	r := c.start(id, nil)
	require.Equal(t, running, c.waitPhase(r, running).nonRole())
	require.GreaterOrEqual(t, r.Status().Applied, held)
	c.converged()
	require.Empty(t, r.Status().Detected)
}

// nonRole is the phase behind a raft role.
func (s Status) nonRole() string {
	switch s.Role {
	case "leader", "follower", "candidate":
		return running
	}
	return s.Role
}

// TestWritesSurviveTheLossOfTheLeaderOnce has every writer keep its key while
// the leader goes away under it: each write is there, and none is there twice.
func TestWritesSurviveTheLossOfTheLeaderOnce(t *testing.T) {
	c := newCluster(t, 3)
	lead := c.leader()
	through := c.othersThan(lead)
	var writers sync.WaitGroup
	begun := make(chan struct{}, 40)
	for i := range 40 {
		writers.Add(1)
		go func() {
			defer writers.Done()
			begun <- struct{}{}
			r := through[i%2]
			_, err := r.Do(within(patience), fmt.Sprintf("w%d", i), fmt.Appendf(nil, "add all <%d>", i))
			require.NoError(t, err)
		}()
	}
	for range 20 {
		<-begun
	}
	c.kill(lead.cfg.ID)
	writers.Wait()
	all := c.read(through[0], "all")
	for i := range 40 {
		require.Equal(t, 1, strings.Count(all, fmt.Sprintf("<%d>", i)), "writer %d", i)
	}
	c.waitPhase(c.start(lead.cfg.ID, nil), running)
	c.converged()
}

func TestWholeClusterRestarts(t *testing.T) {
	c := newCluster(t, 3)
	c.fill("x", 20)
	want := c.read(c.leader(), "x")
	for _, p := range c.peers {
		c.kill(p.ID)
	}
	for _, p := range c.peers {
		c.start(p.ID, nil)
	}
	c.leader()
	for _, p := range c.peers {
		require.Equal(t, want, c.read(c.nodes[p.ID], "x"))
		require.False(t, c.nodes[p.ID].Status().Fenced)
	}
}

// TestFirstFailedWriteEndsTheNode shows that nothing is built on a write of
// which nobody knows what became.
func TestFirstFailedWriteEndsTheNode(t *testing.T) {
	c := newCluster(t, 3, calm)
	c.fill("x", 3)
	victim := c.leader()
	c.gates[victim.cfg.ID].breakWith(errors.New("input/output error"))
	_, err := victim.Do(within(c.timeout), "k", []byte("set a 1"))
	require.ErrorIs(t, err, ErrUnknown)
	require.ErrorContains(t, c.firstFatal(), "input/output error")
	require.Equal(t, failed, victim.Status().Role)
	require.Contains(t, victim.Status().Unavailable, "input/output error")
	require.ErrorIs(t, victim.barred(), ErrUnavailable)
	delete(c.nodes, victim.cfg.ID)
	require.Equal(t, "1", c.do2(c.leader(), "k", "set a 1", "a"))
	go victim.Close()
}

// firstFatal waits for what ended a node.
func (c *cluster) firstFatal() (err error) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.fatal) > 0 {
			err = c.fatal[0]
		}
		return err != nil
	}, patience, time.Millisecond)
	return err
}

func (c *cluster) do2(r *Replica, key, cmd, read string) string {
	c.do(r, key, cmd)
	return c.read(r, read)
}

// TestEmptyMemtableFileIsOpenedAgain is badger #2207: a power loss at the
// rotation of a memtable leaves an empty file, and the first Open fails.
func TestEmptyMemtableFileIsOpenedAgain(t *testing.T) {
	c := newCluster(t, 1)
	c.fill("x", 5)
	c.stop("n1")
	require.NoError(t, os.WriteFile(filepath.Join(c.volume("n1"), "state", "00099.mem"), nil, 0o644))
	r := c.start("n1", nil)
	c.leader()
	require.Equal(t, "0,1,2,3,4,", c.read(r, "x"))
	require.Contains(t, strings.Join(r.Status().Detected, "\n"), "#2207")
}
