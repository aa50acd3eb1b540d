package replica

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

// heir makes ready a recovery: a new ID and address for the volume of a node.
func (c *cluster) heir(id, of string) {
	c.t.Helper()
	l := c.newcomer(id)
	self := Peer{id, c.addr(id)}
	require.NoError(c.t, l.Close())
	c.join[id], c.recover[id], c.only[id], c.homes[id] = false, true, []Peer{self}, of
}

// refused waits until a node has given up, and returns why.
func (c *cluster) refused(r *Replica) string {
	c.t.Helper()
	reason := c.waitPhase(r, failed).Reason
	require.NoError(c.t, r.Close())
	delete(c.nodes, r.cfg.ID)
	return reason
}

func (c *cluster) closeAll() {
	for _, p := range c.peers {
		if c.nodes[p.ID] != nil {
			c.stop(p.ID)
		}
	}
}

// snapshotAll keeps what every volume holds now, to go back to.
func (c *cluster) snapshotAll() {
	c.closeAll()
	for _, p := range c.first {
		copyDir(c.t, c.volume(p.ID), c.volume(p.ID)+".old")
	}
	for _, p := range c.first {
		c.start(p.ID, nil)
	}
	c.leader()
}

// rollBackAll takes all three volumes back behind 20 acknowledged entries: the
// shared fate of one faulty OS.
func (c *cluster) rollBackAll() {
	c.t.Helper()
	c.fill("early", 5)
	c.converged()
	c.snapshotAll()
	c.fill("late", 20)
	c.converged()
	c.closeAll()
	for _, p := range c.first {
		copyDir(c.t, c.volume(p.ID)+".old", c.volume(p.ID))
	}
}

// TestAllFencedBeginAgain is the last way back. All volumes were rolled back,
// so nobody leads; an operator makes a new cluster of one of them. It says what
// is lost, and the other places are filled by new nodes.
func TestAllFencedBeginAgain(t *testing.T) {
	c := newCluster(t, 3)
	c.rollBackAll()
	for _, p := range c.first {
		c.waitPhase(c.start(p.ID, nil), fenced)
	}
	old := c.nodes["n1"].Status()
	c.stop("n1")
	c.heir("n1.2", "n1")
	r := c.start("n1.2", nil)
	c.waitPhase(r, running)
	require.Equal(t, r, c.leader())
	require.Equal(t, "0,1,2,3,4,", c.read(r, "early"))
	_, err := read(r, within(patience), "late")
	require.ErrorIs(t, err, ErrNotFound)

	s := r.Status()
	require.NotEqual(t, old.Cluster, s.Cluster)
	require.Equal(t, old.Cluster, s.Recovered.From)
	require.Equal(t, "n1", s.Recovered.Node)
	require.GreaterOrEqual(t, s.Recovered.Lost, uint64(20))
	require.GreaterOrEqual(t, s.Recovered.AtLeast, uint64(20), "followers and leader had applied them")
	require.NotNil(t, s.Recovered.AtMost, "all three promise records were asked")
	require.GreaterOrEqual(t, *s.Recovered.AtMost, s.Recovered.AtLeast)

	for _, id := range []string{"n2", "n3"} {
		c.start(id+".2", c.newcomer(id+".2"))
		c.replace(r, id, id+".2")
		c.stop(id)
	}
	c.converged()
	require.Len(t, r.Status().Configuration, 3)
	require.Equal(t, s.Recovered, c.restart("n1.2").waitOpen(c).Recovered, "the same flags go on")
	require.Equal(t, "1", c.do2(c.leader(), "k", "set a 1", "a"))
	c.converged()
}

// waitOpen waits until a node runs.
func (r *Replica) waitOpen(c *cluster) Status { return c.waitPhase(r, running) }

// TestRecoveryIsRefusedWhileAMajorityLives is the mistake that would make two
// clusters of one.
func TestRecoveryIsRefusedWhileAMajorityLives(t *testing.T) {
	c := newCluster(t, 3)
	id := c.rollBack()
	c.leader()
	c.heir("n9", id)
	require.Regexp(t, `the old cluster lives: 2 of its 3 voters follow n\d.*replace`, c.refused(c.start("n9", nil)))
	c.waitPhase(c.start(id, nil), fenced)
	c.onlyWithOneOther(id)
	c.stop(id)
	require.Eventually(t, func() bool { return c.anyOf().Status().Leader == "" }, patience, time.Millisecond)
	r := c.start("n9", nil)
	c.waitPhase(r, running)
	require.Equal(t, "0,1,2,3,4,", c.read(r, "early"))
}

func (c *cluster) anyOf() *Replica { return c.otherThan(nil) }

// TestRecoveryRefusesWhatItCannotCountOn gives it volumes and promise records
// that are no basis for a cluster. Nothing is written: what was there before
// still starts.
func TestRecoveryRefusesWhatItCannotCountOn(t *testing.T) {
	for name, bad := range map[string]struct {
		spoil func(c *cluster)
		want  string
	}{
		"no volume":        {func(c *cluster) { require.NoError(c.t, os.RemoveAll(c.volume("n1"))) }, "there is no volume"},
		"a foreign volume": {func(c *cluster) { copyDir(c.t, c.volume("n2"), c.volume("n1")) }, "the volume is another one"},
		"a damaged promise": {func(c *cluster) {
			require.NoError(c.t, os.WriteFile(filepath.Join(c.device("n1"), "promise"), []byte("scribble"), 0o644))
		}, "the promise record is damaged"},
		"a damaged index": {func(c *cluster) {
			flipInFile(c.t.(*testing.T), newest(c.t.(*testing.T), c.volume("n1"), ".sst"), func(size int) int { return size - 14 })
		}, "cannot be opened"},
		"the old name":    {func(c *cluster) { c.heir("n1", "n1") }, "needs a new ID"},
		"another's name":  {func(c *cluster) { c.heir("n2", "n1") }, "needs a new ID"},
		"the old address": {func(c *cluster) { c.only["n1.2"] = []Peer{{"n1.2", c.first[0].Addr}} }, "needs a new address"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 3)
			c.fill("x", 5)
			c.converged()
			c.closeAll()
			c.heir("n1.2", "n1")
			id := "n1.2"
			bad.spoil(c)
			switch name {
			case "the old name":
				id = "n1"
			case "another's name":
				id = "n2"
			}
			require.Contains(t, c.refused(c.start(id, nil)), bad.want)
		})
	}
}

// TestDamagedRecordsAreLostAndNeverAbsent recovers from a copy with a flipped
// bit. What is good is kept, what is not is listed and read as damaged, here,
// on a new replica and after a restart; who writes it anew heals it.
func TestDamagedRecordsAreLostAndNeverAbsent(t *testing.T) {
	c := newCluster(t, 3)
	lead := c.leader()
	c.do(lead, "k1", "set bad precious")
	c.do(lead, "k2", "set good fine")
	c.converged()
	c.harm(c.nodes["n1"], "bad", "flipped")
	c.closeAll()
	c.heir("n1.2", "n1")
	r := c.start("n1.2", nil)
	c.waitPhase(r, running)
	c.leader()
	d := r.Status().Recovered
	require.Equal(t, uint64(1), d.Damaged)
	require.Equal(t, []string{`"ubad"`}, d.Keys)

	c.start("n2.2", c.newcomer("n2.2"))
	c.replace(r, "n2", "n2.2")
	c.converged()
	for _, id := range []string{"n1.2", "n2.2"} {
		_, err := read(c.nodes[id], within(patience), "bad")
		require.ErrorIs(t, err, ErrLost, id)
		require.ErrorIs(t, err, ErrDamaged, id)
		_, err = scanAll(c.nodes[id])
		require.ErrorIs(t, err, ErrLost, id)
		require.Equal(t, "fine", c.read(c.nodes[id], "good"))
		require.NoError(t, c.nodes[id].store.Load().state.check())
	}
	_, err := r.Do(within(patience), "k3", []byte("add bad x"))
	require.ErrorContains(t, err, ErrLost.Error(), "a command that needs it is refused")
	c.waitPhase(c.restart("n1.2"), running)
	_, err = read(c.nodes["n1.2"], within(patience), "bad")
	require.ErrorIs(t, err, ErrLost)
	require.Equal(t, "new", c.do2(c.leader(), "k4", "set bad new", "bad"))
	c.converged()
}

// TestVanishedRecordIsCounted takes a record away without a trace: nobody can
// name it, but the sums know that there was one.
func TestVanishedRecordIsCounted(t *testing.T) {
	c := newCluster(t, 1)
	c.do(c.leader(), "k1", "set a 1")
	s := c.leader().store.Load()
	require.NoError(t, s.commit([]record{{key: stateKey(s.state.at.Load().gen, subKey(userSpace, []byte("a")))}}))
	c.closeAll()
	c.heir("n1.2", "n1")
	r := c.start("n1.2", nil)
	c.waitPhase(r, running)
	c.leader()
	d := r.Status().Recovered
	require.Equal(t, uint64(1), d.Missing)
	require.Zero(t, d.Lost)
	require.False(t, d.Complete())
}

// TestDamagedLogIsCutAndCounted damages an entry that was not applied yet: what
// comes before it is kept, what comes behind is lost, and counted.
func TestDamagedLogIsCutAndCounted(t *testing.T) {
	c := newCluster(t, 1)
	c.fill("x", 5)
	r := c.leader()
	s := r.store.Load()
	held := s.log.last()
	c.closeAll()
	s = c.reopen("n1")
	var more []record
	for i := range uint64(4) {
		more = append(more, encodeLog(entryOf(held+1+i, s.stable.kept.Load().term)))
	}
	more[1].value[8] ^= 1
	require.NoError(t, s.commit(more))
	s.close()
	c.promise = false
	require.Contains(t, c.waitPhase(c.start("n1", nil), fenced).Reason, fmt.Sprintf("log entry %d", held+2))
	c.closeAll()

	c.heir("n1.2", "n1")
	r = c.start("n1.2", nil)
	c.waitPhase(r, running)
	c.leader()
	d := r.Status().Recovered
	require.Equal(t, held+1, d.HeldLog)
	require.Equal(t, uint64(3), d.Lost)
	require.Nil(t, d.AtMost, "without a promise device nobody knows")
	require.Equal(t, "0,1,2,3,4,", c.read(r, "x"))
	require.Equal(t, "1", c.do2(r, "k", "set a 1", "a"))
	c.waitPhase(c.restart("n1.2"), running)
	require.Equal(t, "1", c.read(c.leader(), "a"))
	require.Empty(t, strings.Join(c.leader().Status().Detected, ""))
}

// reopen opens the store of a node that is down.
func (c *cluster) reopen(id string) *store {
	c.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(c.t, err)
	defer l.Close()
	r := &Replica{cfg: c.config(id, l)}
	r.log = newLogger(io.Discard, func(string) {})
	r.watch = newWatchdog(time.Hour, func() {}, func() {})
	s, err := openStore(r)
	require.NoError(c.t, err)
	return s
}

func entryOf(index, term uint64) *raft.Log {
	return &raft.Log{Index: index, Term: term, Data: encodeCommand(fmt.Sprint(index), index, []byte("set y z"))}
}
