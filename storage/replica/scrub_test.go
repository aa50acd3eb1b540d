package replica

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

func (c *cluster) scrub(r *Replica) Scrubbed {
	c.t.Helper()
	got, err := r.Scrub(within(patience))
	require.NoError(c.t, err)
	return got
}

// TestAScrubFindsEveryKindOfDamageAndRepairsIt damages many records without
// anybody reading them. One pass finds and repairs them all, and the next
// finds nothing.
func TestAScrubFindsEveryKindOfDamageAndRepairsIt(t *testing.T) {
	c := newCluster(t, 3)
	for i := range 50 {
		c.do(c.leader(), fmt.Sprint("k", i), fmt.Sprintf("set a%02d precious", i))
	}
	c.converged()
	for _, r := range []*Replica{c.leader(), c.followers()[0]} {
		require.Zero(t, c.scrub(r).Damaged)
		n := 0
		for how := range harms {
			for i := n; i < 50; i += 2 * len(harms) {
				c.harm(r, fmt.Sprintf("a%02d", i), how)
			}
			n++
		}
		require.Error(t, r.store.Load().state.check())
		got := c.scrub(r)
		require.EqualValues(t, 25, got.Damaged)
		require.EqualValues(t, 25, got.Repaired)
		require.Zero(t, got.Unrepaired)
		require.Greater(t, got.Records, uint64(150), "replies and log entries too")
		require.Greater(t, got.Bytes, uint64(50*len("precious")))
		require.NoError(t, r.store.Load().state.check())
		require.Zero(t, c.scrub(r).Damaged)
		s := r.Status().Scrub
		require.EqualValues(t, 3, s.Passes)
		require.EqualValues(t, 25, s.Damaged)
		require.EqualValues(t, 25, s.Repaired)
		require.Zero(t, s.Unrepaired)
		_, err := time.Parse(time.RFC3339, s.LastAt)
		require.NoError(t, err)
	}
	c.converged()
}

// TestAScrubOfManyRecordsGoesByChunks has more in it than a chunk, damage at the
// seams included.
func TestAScrubOfManyRecordsGoesByChunks(t *testing.T) {
	c := newCluster(t, 3)
	big := strings.Repeat("x", 40<<10)
	for i := range 20 {
		c.do(c.leader(), fmt.Sprint("k", i), fmt.Sprintf("set a%02d %s", i, big))
	}
	c.converged()
	r := c.followers()[0]
	for i := range 20 {
		c.commit(r, fmt.Appendf(nil, "ua%02d", i), nil)
	}
	got := c.scrub(r)
	require.EqualValues(t, 20, got.Repaired)
	require.NoError(t, r.store.Load().state.check())
}

// TestAScrubCountsWhatNobodyHas: it writes nothing, and says so each time until
// somebody has it again.
func TestAScrubCountsWhatNobodyHas(t *testing.T) {
	c := newCluster(t, 3, calm)
	c.do(c.leader(), "k", "set a precious")
	c.do(c.leader(), "k2", "set b precious")
	c.converged()
	lead := c.leader()
	good := raw(t, lead, "a")
	for _, r := range c.nodes {
		require.NoError(t, r.store.Load().db.DropPrefix(userKey(r.store.Load().state, "a")), "older versions too")
		c.harm(r, "a", "older")
	}
	c.harm(lead, "b", "missing")
	repairs := c.writes(lead, "repair")
	for range 2 {
		got := c.scrub(lead)
		require.EqualValues(t, 1, got.Unrepaired)
	}
	require.Equal(t, 1, repairs(), "b, and once")
	require.EqualValues(t, 1, lead.Status().Scrub.Unrepaired)
	require.EqualValues(t, 2, lead.Status().Scrub.Damaged)
	require.Contains(t, strings.Join(lead.Status().Detected, "\n"), "no replica has a good copy")
	require.Equal(t, harms["older"]([]byte("ua")), raw(t, lead, "a"))

	c.commit(c.othersThan(lead)[0], []byte("ua"), good)
	require.EqualValues(t, 1, c.scrub(lead).Repaired)
	require.Zero(t, lead.Status().Scrub.Unrepaired)
	require.Equal(t, "precious", c.read(lead, "a"))
}

// TestAScrubRepairsTheAppliedLog damages entries: they come from another node
// just as they were, and what raft is told of them meanwhile makes it send the
// state instead.
func TestAScrubRepairsTheAppliedLog(t *testing.T) {
	c := newCluster(t, 3, calm)
	c.fill("x", 20)
	c.converged()
	r := c.followers()[0]
	s := r.store.Load()
	was, err := s.log.sealed(7)
	require.NoError(t, err)
	require.NoError(t, s.commit([]record{{logKey(7), []byte("no entry")}, {key: logKey(9)}}))
	got := c.scrub(r)
	require.EqualValues(t, 2, got.Repaired)
	now, err := s.log.sealed(7)
	require.NoError(t, err)
	require.Equal(t, was, now)

	require.NoError(t, s.commit([]record{{logKey(7), []byte("no entry")}}))
	require.ErrorIs(t, s.log.GetLog(7, new(raft.Log)), raft.ErrLogNotFound)
	require.Eventually(t, func() bool { _, err := s.log.sealed(7); return err == nil }, patience, time.Millisecond)
	require.NoError(t, s.log.GetLog(7, new(raft.Log)))
}

// TestAnEntryThatIsNotAppliedIsNotGiven: another node may have another one there.
func TestAnEntryThatIsNotAppliedIsNotGiven(t *testing.T) {
	st := newState(t)
	r := &Replica{watch: st.watch}
	r.store.Store(st.store)
	require.NoError(t, st.log.StoreLogs([]*raft.Log{{Index: 1, Term: 1}, {Index: 2, Term: 1}}))
	st.mustApply(t, 1, "k", "set a 1")
	require.Equal(t, done, r.serveEntry(request{since: 1}).verdict)
	require.Equal(t, notDone, r.serveEntry(request{since: 2}).verdict)
	require.Equal(t, notDone, r.serveEntry(request{since: 3}).verdict)
}

// TestADamagedEntryThatIsNotAppliedFences: raft would end the process over it at
// every start.
func TestADamagedEntryThatIsNotAppliedFences(t *testing.T) {
	c := newCluster(t, 1)
	c.fill("x", 5)
	s := c.nodes["n1"].store.Load()
	require.NoError(t, s.log.damage)
	next := s.log.last() + 1
	key := logKey(next)
	bad := seal(key, []byte("entry"))
	bad[0] ^= 1
	good := encodeLog(&raft.Log{Index: next + 1, Term: 2})
	require.NoError(t, s.commit([]record{{key, bad}, good}))
	require.Regexp(t, fmt.Sprintf("log entry %d: .*damaged record; it was not applied yet", next), c.waitPhase(c.restart("n1"), fenced).Reason)
}

// TestAScrubRewritesWhatTheNodeKnowsOfItself damages the ballot, the standpoint
// and the incarnation, each of which would fence the node at its next start.
func TestAScrubRewritesWhatTheNodeKnowsOfItself(t *testing.T) {
	c := newCluster(t, 3, calm)
	c.fill("x", 5)
	c.converged()
	r := c.followers()[0]
	s := r.store.Load()
	old := seal(metaKey("ballot"), (&ballot{term: 1, voteTerm: 1, vote: []byte("n7")}).encode())
	require.NoError(t, s.commit([]record{
		{metaKey("ballot"), old}, {metaKey("state"), []byte{1, 2, 3, 4, 5}}, {key: metaKey("incarnation")},
	}))
	got := c.scrub(r)
	require.EqualValues(t, 3, got.Repaired)
	require.Zero(t, c.scrub(r).Damaged)
	r = c.restart(r.cfg.ID)
	c.waitPhase(r, running)
	c.converged()
}

// TestAScrubKeepsItsRate reads a known amount at a known rate, and takes no less
// than the time that needs.
func TestAScrubKeepsItsRate(t *testing.T) {
	c := newCluster(t, 1)
	for i := range 16 {
		c.do(c.leader(), fmt.Sprint("k", i), fmt.Sprintf("set a%02d %s", i, strings.Repeat("x", 40<<10)))
	}
	r := c.nodes["n1"]
	r.cfg.ScrubRate = 10 << 20
	began := time.Now()
	got := c.scrub(r)
	require.GreaterOrEqual(t, time.Since(began), time.Duration(float64(got.Bytes)/float64(10<<20)*float64(time.Second)))
}

// TestAScrubKeepsNobodyWaiting: commands go on while a pass rests, and a pass
// that takes too long for its caller ends.
func TestAScrubKeepsNobodyWaiting(t *testing.T) {
	c := newCluster(t, 3)
	c.fill("x", 5)
	r := c.leader()
	r.cfg.ScrubRate = 1 // the first pause is as good as for ever
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := r.Scrub(ctx)
		ended <- err
	}()
	require.Eventually(t, func() bool { return r.Status().Scrub.Records > 0 }, patience, time.Millisecond)
	c.fill("y", 5)
	_, err := r.Scrub(within(c.timeout))
	require.ErrorIs(t, err, ErrUnavailable, "one at a time")
	cancel()
	require.ErrorIs(t, <-ended, ErrUnavailable)
	r.cfg.ScrubRate = 0
	require.Zero(t, c.scrub(r).Damaged)
	require.EqualValues(t, 1, r.Status().Scrub.Passes, "an interrupted one does not count")
}

// TestAScrubOfHungStorageSaysSo: nobody waits for a pass that waits for storage.
func TestAScrubOfHungStorageSaysSo(t *testing.T) {
	c := newCluster(t, 3, hanging)
	c.fill("x", 5)
	r := c.followers()[0]
	c.gates[r.cfg.ID].hang(func(op string) bool { return op == "scrub" })
	_, err := r.Scrub(context.Background())
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "storage has not answered")
	c.answers(r)
	require.Zero(t, c.scrub(r).Damaged)
}

// TestANodeThatDoesNotServeIsNotScrubbed: its records are held against nothing.
func TestANodeThatDoesNotServeIsNotScrubbed(t *testing.T) {
	c := newCluster(t, 1)
	c.fill("x", 5)
	r := c.nodes["n1"]
	r.distrust("a test says so")
	_, err := r.Scrub(within(patience))
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "a test says so")
	require.NoError(t, r.Close())
	_, err = r.Scrub(within(patience))
	require.ErrorIs(t, err, ErrUnavailable)
}

// TestScrubsComeByThemselves: with an interval, damage that nobody reads goes
// away.
func TestScrubsComeByThemselves(t *testing.T) {
	c := newCluster(t, 3, func(c *cluster) { c.scrubEvery = 20 * time.Millisecond })
	c.do(c.leader(), "k", "set a precious")
	c.converged()
	r := c.followers()[0]
	c.harm(r, "a", "missing")
	require.Eventually(t, func() bool { return r.Status().Scrub.Repaired > 0 }, patience, time.Millisecond)
	c.healed(r, "a")
}

// FuzzCopyWanted: what the network brings is a request for a copy or is none.
func FuzzCopyWanted(f *testing.F) {
	f.Add("ua", binary.BigEndian.AppendUint64(nil, 7), uint64(3))
	f.Fuzz(func(t *testing.T, key string, cmd []byte, since uint64) {
		m, ok := copyWanted(request{kind: askCopy, key: key, cmd: cmd, since: since})
		if ok {
			q := copyRequest(m)
			require.Equal(t, key, q.key)
			require.Equal(t, cmd, q.cmd)
			require.Equal(t, since, q.since)
		}
	})
}
