package replica

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

// rotWhileDown stops a follower and lets the value at key rot in its tables; the
// promise record, if it has one, knows nothing of that.
func (c *cluster) rotWhileDown(key string) (id string) {
	c.t.Helper()
	c.converged()
	r := c.followers()[0]
	id = r.cfg.ID
	value := raw(c.t, r, key)[sealSize:]
	c.stop(id) // flushes
	files, err := filepath.Glob(filepath.Join(c.volume(id), "state", "*.sst"))
	require.NoError(c.t, err)
	hit := false
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(c.t, err)
		if at := bytes.Index(content, value); at >= 0 {
			hit = true
			flipAt(c.t, file, at)
		}
	}
	require.True(c.t, hit, "no table has it")
	return id
}

// TestARottenStateIsFetchedAnew: log, vote and promise of a node are intact, and
// one record rotted while it was down. It is fenced until it has the state from
// another node, and goes on; also at the next start, with the table as it is.
func TestARottenStateIsFetchedAnew(t *testing.T) {
	c := newCluster(t, 3)
	c.fill("x", 20)
	id := c.rotWhileDown("x")
	c.fill("y", 5)
	for range 2 {
		r := c.start(id, nil)
		c.waitPhase(r, running)
		said := strings.Join(r.Status().Detected, "\n")
		require.Contains(t, said, "do not match their checksums")
		c.converged()
		require.Equal(t, c.read(c.leader(), "x"), c.read(r, "x"))
		require.NoError(t, r.store.Load().state.check())
		require.Zero(t, c.scrub(r).Unrepaired)
		require.False(t, r.store.Load().compactionDue(), "the tree is never rewritten")
		c.fill("z", 5)
		c.converged()
		c.stop(id)
	}
	c.start(id, nil)
}

// TestARottenTableWithoutAPromiseFences: of an older vote that came to light
// nobody would know.
func TestARottenTableWithoutAPromiseFences(t *testing.T) {
	c := newCluster(t, 3, func(c *cluster) { c.promise = false })
	c.fill("x", 20)
	id := c.rotWhileDown("x")
	require.Contains(t, c.waitPhase(c.start(id, nil), fenced).Reason, "no promise record")
	time.Sleep(2 * c.timeout)
	require.Equal(t, fenced, c.nodes[id].phase.Load().name)
}

// TestACureCanBeInterrupted crashes the node at each write of a cure: it is fenced
// and cured again.
func TestACureCanBeInterrupted(t *testing.T) {
	for _, at := range []string{"install snapshot", "activate snapshot", "clean up"} {
		t.Run(at, func(t *testing.T) {
			c := newCluster(t, 3)
			c.fill("x", 20)
			id := c.rotWhileDown("x")
			c.gates[id].hang(func(op string) bool { return op == at })
			r := c.start(id, nil)
			require.Eventually(t, func() bool { return c.gates[id].waiting() > 0 }, patience, time.Millisecond)
			require.NotEqual(t, running, r.phase.Load().name)
			c.kill(id)
			r = c.start(id, nil)
			c.waitPhase(r, running)
			c.converged()
			require.NoError(t, r.store.Load().state.check())
		})
	}
}

// TestARottenStateThatNobodyElseHasStaysFenced: it goes on asking, and gives out
// nothing.
func TestARottenStateThatNobodyElseHasStaysFenced(t *testing.T) {
	c := newCluster(t, 3)
	c.fill("x", 20)
	id := c.rotWhileDown("x")
	for other := range c.nodes {
		c.stop(other)
	}
	r := c.start(id, nil)
	require.Contains(t, c.waitPhase(r, fenced).Reason, "damaged record")
	require.Eventually(t, func() bool {
		return strings.Contains(strings.Join(r.Status().Detected, "\n"), "not cured: ")
	}, patience, time.Millisecond)
	_, err := read(r, within(time.Second), "x")
	require.ErrorIs(t, err, ErrFenced)
}

// given is a state as it goes over the network.
func given(t *testing.T, st *state) []byte {
	t.Helper()
	_, stream, err := (&snapshots{st.store}).Open("")
	require.NoError(t, err)
	defer func() { _ = stream.Close() }()
	content, err := io.ReadAll(stream)
	require.NoError(t, err)
	return content
}

// TestOnlyAWholeAndNewerStateIsTaken gives a state what it must not become, and
// then what it may.
func TestOnlyAWholeAndNewerStateIsTaken(t *testing.T) {
	older, newer, own := counted(t), counted(t), counted(t)
	for _, st := range []*state{older, newer, own} {
		at := *st.at.Load()
		at.config, at.configIndex = raft.EncodeConfiguration(raft.Configuration{}), 1
		st.put("test", []record{sealedMeta("state", at.encode())})
		st.at.Store(&at)
	}
	set(t, own, "k5", "own")
	set(t, newer, "k5", "newer")
	set(t, newer, "k6", "newer")
	before := *own.at.Load()
	good := given(t, newer)
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	for name, bad := range map[string][]byte{
		"nothing": nil, "an older one": given(t, older), "half": good[:len(good)/2],
		"all but a byte": good[:len(good)-1], "a flipped bit": flipped, "no head": good[8:], "noise": bytes.Repeat([]byte("x"), 99),
	} {
		require.Error(t, own.takeState(bytes.NewReader(bad)), name)
		require.Equal(t, before, *own.at.Load(), name)
		require.NoError(t, own.check(), name)
	}
	require.ErrorContains(t, own.takeState(bytes.NewReader(given(t, older))), "and this node was at", "before all of it has come")
	require.NoError(t, own.takeState(bytes.NewReader(good)))
	require.Equal(t, newer.at.Load().applied, own.at.Load().applied)
	require.Equal(t, newer.at.Load().sum, own.at.Load().sum)
	require.NoError(t, own.check())
	require.NoError(t, own.look(func(v View) error {
		value, err := v.Get([]byte("k6"))
		require.Equal(t, "newer", string(value))
		return err
	}))
}

// TestARottenTableIsStillACopyToRecoverFrom: every replica has a rotten block, and
// an operator begins anew with one of them. What is lost is counted, and all
// else is there.
func TestARottenTableIsStillACopyToRecoverFrom(t *testing.T) {
	c := newCluster(t, 3)
	c.do(c.leader(), "k1", "set bad precious")
	c.do(c.leader(), "k2", "set good fine")
	c.converged()
	c.closeAll()
	for _, id := range []string{"n1", "n2", "n3"} {
		hit := false
		files, err := filepath.Glob(filepath.Join(c.volume(id), "state", "*.sst"))
		require.NoError(t, err)
		for _, file := range files {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			for at := 0; at < len(content); at++ { // in the log as well as in the state
				if bytes.HasPrefix(content[at:], []byte("precious")) {
					flipAt(t, file, at)
					hit = true
				}
			}
		}
		require.True(t, hit)
	}
	c.heir("n1.2", "n1")
	r := c.start("n1.2", nil)
	c.waitPhase(r, running)
	require.Equal(t, "fine", c.read(c.leader(), "good"))
	require.Equal(t, uint64(1), r.Status().Recovered.Damaged)
	_, err := read(r, within(patience), "bad")
	require.ErrorIs(t, err, ErrDamaged)
}
