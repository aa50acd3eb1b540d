package replica

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOneNodeAppliesAndReads(t *testing.T) {
	c := newCluster(t, 1)
	r := c.leader()
	require.Equal(t, "ok", c.do(r, "k1", "set a 1"))
	require.Equal(t, "1", c.read(r, "a"))
}

// TestEveryNodeTakesWritesAndReadsTheNewest writes through each node and reads
// at once through all of them. A follower hears of a commit from its leader by a
// timer, half a timeout later or more: if reads waited for that, one of them would
// be slow after every write.
func TestEveryNodeTakesWritesAndReadsTheNewest(t *testing.T) {
	c := newCluster(t, 3, func(c *cluster) { c.timeout = time.Second })
	c.leader()
	soonest := patience // all reads after a write, the slowest of them
	for round := range 5 {
		for _, p := range c.peers {
			want := fmt.Sprintf("%s-%d", p.ID, round)
			c.do(c.nodes[p.ID], want, "set x "+want)
			slowest := time.Duration(0)
			for _, q := range c.peers {
				began := time.Now()
				require.Equal(t, want, c.read(c.nodes[q.ID], "x"))
				slowest = max(slowest, time.Since(began))
			}
			soonest = min(soonest, slowest)
		}
	}
	require.Less(t, soonest, c.timeout/4, "a read waits for no timer")
	c.converged()
}

func TestRefusalIsTheResultAndLeavesNoTrace(t *testing.T) {
	c := newCluster(t, 3)
	r := c.leader()
	for range 2 {
		_, err := r.Do(within(patience), "k", []byte("explode"))
		var refusal *Refusal
		require.ErrorAs(t, err, &refusal)
		require.Equal(t, "cannot explode", refusal.Why)
	}
	_, err := read(r, within(patience), "trace")
	require.ErrorIs(t, err, ErrNotFound)
}

func TestRepeatedKeyAppliesOnce(t *testing.T) {
	c := newCluster(t, 3)
	for _, p := range c.peers {
		require.Equal(t, "x", c.do(c.nodes[p.ID], "same", "add log x"))
	}
	require.Equal(t, "x", c.read(c.leader(), "log"))
}
