package replica

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestHungLeaderGivesWay hangs the storage under the leader: the others go on,
// the hung node says so, still takes writes for the others, answers reads with
// a definite no, and comes back by itself.
func TestHungLeaderGivesWay(t *testing.T) {
	c := newCluster(t, 3, calm, hanging)
	c.fill("x", 3)
	hung := c.leader()
	c.gates[hung.cfg.ID].hang(nil)

	_, err := hung.Do(within(c.timeout/2), "first", []byte("add a 1"))
	require.ErrorIs(t, err, ErrUnknown, "the log write may still happen")
	require.Eventually(t, func() bool { return hung.Status().Unavailable != "" }, patience, time.Millisecond)
	require.Regexp(t, `storage has not answered for \d+ s`, hung.Status().Unavailable)

	next := c.leader()
	require.NotEqual(t, hung.cfg.ID, next.cfg.ID)
	require.Equal(t, "2", c.do(hung, "second", "add b 2"), "it still forwards")
	_, err = read(hung, within(time.Second), "b")
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, hung.Local(func(View) error { return nil }), ErrUnavailable)

	c.answers(hung)
	require.Equal(t, "2", c.read(hung, "b"))
	require.Equal(t, "1", c.do(next, "first", "add a 1"), "once, whatever became of the first attempt")
	c.converged()
}

// TestHungFollowerDoesNotStopTheRest shows the other half: nothing needs it.
func TestHungFollowerDoesNotStopTheRest(t *testing.T) {
	c := newCluster(t, 3, calm, hanging)
	c.fill("x", 3)
	lead := c.leader()
	hung := c.othersThan(lead)[0]
	c.gates[hung.cfg.ID].hang(nil)
	for _, key := range []string{"1", "2", "3"} {
		c.do(lead, key, "add a "+key)
	}
	require.Equal(t, lead, c.leader())
	require.Equal(t, "1234", c.do(hung, "4", "add a 4"))
	_, err := read(hung, within(c.timeout), "a")
	require.ErrorIs(t, err, ErrUnavailable, "it holds an old state")
	c.answers(hung)
	require.Equal(t, "1234", c.read(hung, "a"))
}

// TestHungVolumeDoesNotHangTheStart opens a volume that does not answer.
func TestHungVolumeDoesNotHangTheStart(t *testing.T) {
	c := newCluster(t, 3, hanging)
	c.fill("x", 3)
	id := c.followers()[0].cfg.ID
	c.stop(id)
	c.gates[id].hang(nil)
	r := c.start(id, nil)
	require.Eventually(t, func() bool {
		return r.watch.silent() > 0 && r.Status().Role == opening
	}, patience, time.Millisecond)
	require.Contains(t, r.Status().Unavailable, "storage has not answered")
	require.Equal(t, "ok", c.do(r, "k", "set a 1"), "it forwards already")
	c.answers(r)
	require.Equal(t, "1", c.read(r, "a"))
}

// TestCloseDoesNotWaitForHungStorage is for whoever stops the process.
func TestCloseDoesNotWaitForHungStorage(t *testing.T) {
	c := newCluster(t, 1, hanging)
	r := c.leader()
	c.gates["n1"].hang(nil)
	_, err := r.Do(within(3*c.timeout), "k", []byte("set a 1"))
	require.ErrorIs(t, err, ErrUnknown)
	ended := make(chan error, 1)
	go func() { ended <- r.Close() }()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(patience):
		require.Fail(t, "the storage is never let go, and Close waits for it")
	}
}

// followerWhoseLeaderHangs is a follower about to forward to a leader whose
// storage does not answer.
func (c *cluster) followerWhoseLeaderHangs() *Replica {
	c.fill("x", 1)
	lead := c.leader()
	c.gates[lead.cfg.ID].hang(nil)
	return c.othersThan(lead)[0]
}

// TestUnknownOutcomeIsNeverASuccess forwards a write to a leader that cannot
// tell what becomes of it.
func TestUnknownOutcomeIsNeverASuccess(t *testing.T) {
	c := newCluster(t, 3, calm, hanging)
	r := c.followerWhoseLeaderHangs()
	reply, err := r.Do(within(c.timeout/2), "k", []byte("add a 1"))
	require.ErrorIs(t, err, ErrUnknown)
	require.Nil(t, reply)
	require.Equal(t, "1", c.do(r, "k", "add a 1"), "repeated under its key, it is resolved")
}

// TestGuessingIsWhatTheTestAboveCatches is its control.
func TestGuessingIsWhatTheTestAboveCatches(t *testing.T) {
	c := newCluster(t, 3, calm, hanging, func(c *cluster) { c.unsafe.Guess = true })
	r := c.followerWhoseLeaderHangs()
	_, err := r.Do(within(c.timeout/2), "k", []byte("add a 1"))
	require.NoError(t, err, "a guess")
}

func TestWithoutAMajorityNothingIsDone(t *testing.T) {
	c := newCluster(t, 3)
	c.fill("x", 1)
	alone := c.followers()[0]
	c.onlyWithOneOther(alone.cfg.ID)
	for _, p := range c.peers {
		if c.nodes[p.ID] != nil && p.ID != alone.cfg.ID {
			c.stop(p.ID)
		}
	}
	require.Eventually(t, func() bool { return alone.Status().Leader == "" }, patience, time.Millisecond)
	_, err := alone.Do(within(2*c.timeout), "k", []byte("set a 1"))
	require.ErrorIs(t, err, ErrUnavailable)
	require.NotErrorIs(t, err, ErrUnknown)
	_, err = read(alone, within(2*c.timeout), "x")
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, "no leader", alone.Status().Unavailable)
}

func TestLimitsAreRefused(t *testing.T) {
	c := newCluster(t, 1)
	r := c.leader()
	for name, call := range map[string][2]string{
		"no key":      {"", "set a 1"},
		"big key":     {string(make([]byte, MaxKey+1)), "set a 1"},
		"big command": {"k", "set a " + string(make([]byte, MaxCommand))},
	} {
		_, err := r.Do(context.Background(), call[0], []byte(call[1]))
		require.ErrorIs(t, err, ErrTooLarge, name)
	}
	_, err := r.Do(within(patience), "v", []byte("set a "+string(make([]byte, MaxValue+1))))
	require.ErrorContains(t, err, ErrTooLarge.Error())
	require.Equal(t, "ok", c.do(r, "fits", "set a "+string(make([]byte, MaxValue))))
}
