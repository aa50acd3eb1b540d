package replica

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rollBack takes a follower's volume back to where it was before 20 entries,
// behind its back, and returns the follower, not yet started again.
func (c *cluster) rollBack() (id string) {
	c.t.Helper()
	c.fill("early", 5)
	id = c.followers()[0].cfg.ID
	c.converged()
	c.kill(id)
	copyDir(c.t, c.volume(id), c.volume(id)+".old")
	c.waitPhase(c.start(id, nil), running)
	c.fill("late", 20)
	c.converged()
	c.stop(id)
	copyDir(c.t, c.volume(id)+".old", c.volume(id))
	return id
}

// stopAllBut leaves the named node and one more.
func (c *cluster) onlyWithOneOther(id string) *Replica {
	var other *Replica
	for _, p := range c.peers {
		switch {
		case p.ID == id || c.nodes[p.ID] == nil:
		case other == nil:
			other = c.nodes[p.ID]
		default:
			c.stop(p.ID)
		}
	}
	return other
}

// TestRolledBackVolumeIsFenced shows that a node which holds less than it
// promised says so, with numbers, serves nobody and does not vote.
func TestRolledBackVolumeIsFenced(t *testing.T) {
	c := newCluster(t, 3)
	id := c.rollBack()
	r := c.start(id, nil)
	s := c.waitPhase(r, fenced)
	require.True(t, s.Fenced)
	require.Regexp(t, `\d+ was promised, the volume (ends at|holds) .*\d+`, s.Reason, "entry, state, term or vote")
	require.Contains(t, s.Detected[len(s.Detected)-1], "fenced")

	_, err := r.Do(within(time.Second), "k", []byte("set a 1"))
	require.ErrorIs(t, err, ErrFenced)
	require.ErrorIs(t, err, ErrUnavailable)
	_, err = read(r, within(time.Second), "early")
	require.ErrorIs(t, err, ErrFenced)
	require.NoError(t, r.Local(func(v View) error {
		early, err := v.Get([]byte("early"))
		require.Equal(t, "0,1,2,3,4,", string(early))
		return err
	}), "an audit may look at what is left")

	other := c.onlyWithOneOther(id)
	_, err = other.Do(within(10*c.timeout), "k", []byte("set a 1"))
	require.Error(t, err, "one of three with a fenced one is no majority")
}

// TestRolledBackVolumeWouldVoteWithoutTheFence is the control of the test
// above: the same story with the fence off ends with a vote for a leader.
func TestRolledBackVolumeWouldVoteWithoutTheFence(t *testing.T) {
	c := newCluster(t, 3, func(c *cluster) { c.unsafe.NoFence = true })
	id := c.rollBack()
	other := c.onlyWithOneOther(id)
	r := c.start(id, nil)
	c.waitPhase(r, running)
	require.Equal(t, "ok", c.do(other, "k", "set a 1"))
	require.False(t, r.Status().Fenced)
}

func TestEmptiedVolumeIsFencedNotFormatted(t *testing.T) {
	c := newCluster(t, 3)
	c.fill("x", 5)
	id := c.followers()[0].cfg.ID
	c.stop(id)
	require.NoError(t, os.RemoveAll(c.volume(id)))
	s := c.waitPhase(c.start(id, nil), fenced)
	require.Contains(t, s.Reason, "the volume is empty")
	require.Contains(t, c.waitPhase(c.restart(id), fenced).Reason, "the volume is empty", "it stays so")
}

func TestForeignVolumeIsFenced(t *testing.T) {
	c := newCluster(t, 3)
	c.fill("x", 5)
	rest := c.followers()
	a, b := rest[0].cfg.ID, rest[1].cfg.ID
	c.stop(a)
	c.stop(b)
	copyDir(t, c.volume(b), c.volume(a))
	require.Contains(t, c.waitPhase(c.start(a, nil), fenced).Reason, "the volume is another one")
}

func TestDamagedOrMissingPromiseFences(t *testing.T) {
	c := newCluster(t, 3)
	c.fill("x", 5)
	id := c.followers()[0].cfg.ID
	file := filepath.Join(c.device(id), "promise")

	c.stop(id)
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	bad := append([]byte(nil), kept...)
	bad[20] ^= 1
	bad[slotSize+20] ^= 1
	require.NoError(t, os.WriteFile(file, bad, 0o644))
	require.Contains(t, c.waitPhase(c.start(id, nil), fenced).Reason, "damaged")

	c.stop(id)
	require.NoError(t, os.Remove(file))
	require.Contains(t, c.waitPhase(c.start(id, nil), fenced).Reason, "no promise about it")

	c.stop(id)
	require.NoError(t, os.WriteFile(file, kept, 0o644))
	c.waitPhase(c.start(id, nil), running)
	c.converged()
}

// TestTornPromiseFallsBack tears the slot that a crash may tear: the newest,
// whose write was never answered.
func TestTornPromiseFallsBack(t *testing.T) {
	older := promised{incarnation: []byte("i"), term: 3, last: 7, lastTerm: 2}
	newer := older
	newer.last = 8
	file := append(encodePromise(4, older), make([]byte, slotSize-recordWidth)...)
	file = append(file, encodePromise(5, newer)...)
	var p promise
	known, err := p.load(file)
	require.NoError(t, err)
	require.True(t, known)
	require.Equal(t, uint64(8), p.kept.last)

	file[slotSize+13] ^= 0xff
	p = promise{}
	_, err = p.load(file)
	require.NoError(t, err)
	require.Equal(t, uint64(7), p.kept.last)
	require.Equal(t, uint64(4), p.seq, "the torn slot is written next")
	require.True(t, p.torn)
}

// TestFlippedBitInTheLogFences is the damage that Badger hides: with every
// checksum of its own on, it opens without a word and half of the commits are
// gone.
func TestFlippedBitInTheLogFences(t *testing.T) {
	c := newCluster(t, 3)
	c.fill("x", 40)
	c.converged()
	id := c.followers()[0].cfg.ID
	c.kill(id)
	flipInFile(t, newest(t, c.volume(id), ".mem"), func(size int) int { return size / 2 })
	s := c.waitPhase(c.start(id, nil), fenced)
	require.Regexp(t, `promised, the volume (ends|holds)`, s.Reason)
}

// TestFlippedBitInATableIsNeverGivenOut damages what was flushed, wherever, on
// the only node there is. It says so; and it does not open, or is fenced, or what
// it gives out is right.
func TestFlippedBitInATableIsNeverGivenOut(t *testing.T) {
	for eighth := range 8 {
		t.Run(fmt.Sprint(eighth), func(t *testing.T) {
			c := newCluster(t, 1)
			c.fill("x", 20)
			want := c.read(c.leader(), "x")
			c.stop("n1") // flushes
			flipInFile(t, newest(t, c.volume("n1"), ".sst"), func(size int) int { return size * eighth / 8 })
			r := c.start("n1", nil)
			require.Eventually(t, func() bool {
				p := r.phase.Load()
				return p.name != opening || p.reason != "the volume is being opened"
			}, patience, time.Millisecond)
			require.Contains(t, strings.Join(r.Status().Detected, "\n"), "checksum")
			if r.phase.Load().name == running {
				require.Equal(t, want, c.read(r, "x"))
				return
			}
			_, err := r.Do(within(c.timeout), "k", []byte("set a 1"))
			require.ErrorIs(t, err, ErrUnavailable)
		})
	}
}

// TestRuinedTableKeepsTheNodeOut ruins a flushed table in the ways over which
// Badger panics where nobody can catch it: the node lives to say what is wrong, and
// a table that the manifest does not know is nothing to it.
func TestRuinedTableKeepsTheNodeOut(t *testing.T) {
	for name, ruin := range map[string]func(table []byte) []byte{
		"all zeros":        func(b []byte) []byte { return make([]byte, len(b)) },
		"a zeroed end":     func(b []byte) []byte { clear(b[len(b)-64:]); return b },
		"an end of ones":   func(b []byte) []byte { copy(b[len(b)-16:], bytes.Repeat([]byte{0xff}, 16)); return b },
		"half of it":       func(b []byte) []byte { return b[:len(b)/2] },
		"a few bytes":      func(b []byte) []byte { return b[:3] },
		"nothing":          func([]byte) []byte { return nil },
		"another's bytes":  func(b []byte) []byte { return bytes.Repeat([]byte("no table "), len(b)/9) },
		"a shorter index":  func(b []byte) []byte { b[len(b)-14] ^= 1; return b },
		"a zeroed middle":  func(b []byte) []byte { clear(b[len(b)/4 : len(b)/2]); return b },
		"a zeroed quarter": func(b []byte) []byte { clear(b[len(b)*3/4:]); return b },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 1)
			c.fill("x", 20)
			c.stop("n1") // flushes
			path := newest(t, c.volume("n1"), ".sst")
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, ruin(content), 0o644))
			r := c.start("n1", nil)
			require.Eventually(t, func() bool { return len(r.Status().Detected) > 0 }, patience, time.Millisecond)
			require.Contains(t, strings.Join(r.Status().Detected, "\n"), filepath.Base(path))
			_, err = read(r, within(c.timeout), "x")
			require.ErrorIs(t, err, ErrUnavailable)
		})
	}
	t.Run("of nobody", func(t *testing.T) {
		c := newCluster(t, 1)
		c.fill("x", 20)
		c.stop("n1")
		require.NoError(t, os.WriteFile(filepath.Join(c.volume("n1"), "state", "000099.sst"), make([]byte, 4096), 0o644))
		c.waitPhase(c.start("n1", nil), running)
	})
}

// TestDamagedTableIsNotCompactedAway flips a bit under a running node: before
// the tree is rewritten, which would lose the damage and the records, the node
// looks, and fences itself where nobody else has what was in the table.
func TestDamagedTableIsNotCompactedAway(t *testing.T) {
	c := newCluster(t, 1)
	c.fill("x", 20)
	r := c.restart("n1") // flushes into a table
	c.waitPhase(r, running)
	require.NotEmpty(t, c.read(r, "x"))
	c.flipInValue(r, "x")
	r.store.Load().compact()
	require.Contains(t, c.waitPhase(r, fenced).Reason, "a table is damaged")
	_, err := read(r, within(time.Second), "x")
	require.ErrorIs(t, err, ErrFenced)
}

// TestWhatADamagedTableHeldIsPutRightBesideIt is the same with others that have
// good copies: the node goes on, never rewrites the tree, and says that it will
// not be opened again.
func TestWhatADamagedTableHeldIsPutRightBesideIt(t *testing.T) {
	c := newCluster(t, 3)
	c.fill("x", 20)
	c.converged()
	r := c.restart(c.followers()[0].cfg.ID)
	c.waitPhase(r, running)
	c.converged()
	c.flipInValue(r, "x")
	r.store.Load().compact()
	require.Equal(t, running, r.phase.Load().name)
	said := strings.Join(r.Status().Detected, "\n")
	require.Contains(t, said, "repaired from")
	require.Contains(t, said, "Replace this node")
	require.False(t, r.store.Load().compactionDue())
	require.True(t, r.store.Load().frozen.Load())
	require.NoError(t, r.store.Load().state.check())
	require.Equal(t, c.read(c.leader(), "x"), c.read(r, "x"))
}

// flipInValue flips a bit of a value of the machine in the newest table that has
// it, wherever it lies there.
func (c *cluster) flipInValue(r *Replica, key string) {
	c.t.Helper()
	value := raw(c.t, r, key)[sealSize:]
	files, err := filepath.Glob(filepath.Join(c.volume(r.cfg.ID), "state", "*.sst"))
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
}

func flipAt(t testing.TB, path string, at int) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0) // in place: it is mapped
	require.NoError(t, err)
	b := make([]byte, 1)
	_, err = file.ReadAt(b, int64(at))
	require.NoError(t, err)
	_, err = file.WriteAt([]byte{b[0] ^ 4}, int64(at))
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

// newest is the last file with this suffix.
func newest(t *testing.T, volume, suffix string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(volume, "state", "*"+suffix))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files[len(files)-1]
}

// flipInFile flips a bit of what is written in the file, not of the zeros
// behind it.
func flipInFile(t *testing.T, path string, where func(size int) int) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	size := len(strings.TrimRight(string(content), "\x00"))
	content[where(size)] ^= 4
	file, err := os.OpenFile(path, os.O_WRONLY, 0) // in place: it may be mapped
	require.NoError(t, err)
	_, err = file.WriteAt(content, 0)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

// TestFlippedBitInARecordIsReported puts a record in place that Badger finds
// perfect and that is not what was written, on the only node there is: nobody
// has a good copy.
func TestFlippedBitInARecordIsReported(t *testing.T) {
	c := newCluster(t, 1)
	c.do(c.leader(), "k", "set a precious")
	r := c.leader()
	c.harm(r, "a", "flipped")

	_, err := read(r, within(patience), "a")
	require.ErrorIs(t, err, ErrDamaged)
	_, err = scanAll(r)
	require.ErrorIs(t, err, ErrDamaged)
	require.ErrorContains(t, err, "no replica has a good copy")
	c.says(r, "damaged record")
	require.Contains(t, c.waitPhase(c.restart(r.cfg.ID), fenced).Reason, "damaged")
}

// says waits until a node has found something wrong: some of that is found in the
// background.
func (c *cluster) says(r *Replica, part string) {
	c.t.Helper()
	require.Eventually(c.t, func() bool { return strings.Contains(strings.Join(r.Status().Detected, "\n"), part) },
		patience, time.Millisecond, "%q in %v", part, lazy(func() string { return fmt.Sprint(r.Status().Detected) }))
}

// TestMissingRecordFences takes away a record without a trace in the log: only
// the sums over the state know, and nobody else has it.
func TestMissingRecordFences(t *testing.T) {
	c := newCluster(t, 1)
	c.do(c.leader(), "k", "set a precious")
	r := c.leader()
	c.harm(r, "a", "missing")
	require.Regexp(t, "the state holds .* it should be", c.waitPhase(c.restart(r.cfg.ID), fenced).Reason)
	require.NoError(t, c.nodes[r.cfg.ID].Local(func(View) error { return nil }))
}

// TestWithoutAPromiseDeviceVotesWaitForALeader shows both halves: a restarted
// node may not help to elect a leader, and may again once one caught it up.
func TestWithoutAPromiseDeviceVotesWaitForALeader(t *testing.T) {
	c := newCluster(t, 3, func(c *cluster) { c.promise = false })
	c.fill("x", 5)
	a := c.followers()[0].cfg.ID
	r := c.restart(a)
	c.waitPhase(r, running)
	require.Eventually(t, func() bool { return r.node.Load().trans.gate.Load() == nil }, patience, 5*time.Millisecond)

	lead := c.leader().cfg.ID
	c.stop(lead)
	c.leader() // with the vote of a

	c.restart(a)
	b := c.onlyWithOneOther(a)
	_ = c.restart(b.cfg.ID)
	_, err := c.nodes[a].Do(within(10*c.timeout), "k", []byte("set a 1"))
	require.Error(t, err, "two restarted nodes elect nobody")
}
