package replica

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/stretchr/testify/require"
)

// harms are the ways in which a record can be wrong behind the store's back,
// and what each makes of the record at a.
var harms = map[string]func(sub []byte) []byte{
	"flipped": func(sub []byte) []byte {
		bad := seal(sub, []byte("precious"))
		bad[len(bad)-1] ^= 1
		return bad
	},
	"older":   func(sub []byte) []byte { return seal(sub, []byte("worthless")) },
	"missing": func([]byte) []byte { return nil },
	"short":   func([]byte) []byte { return []byte{1} },
	"ghost":   nil, // a record that should not be there
}

// harm damages a record on one node; what is at a must be "precious".
func (c *cluster) harm(r *Replica, key, how string) {
	c.t.Helper()
	sub := subKey(userSpace, []byte(key))
	if how == "ghost" {
		key += "-ghost"
		sub = subKey(userSpace, []byte(key))
		c.commit(r, sub, seal(sub, []byte("from the past")))
		return
	}
	c.commit(r, sub, harms[how](sub))
}

func (c *cluster) commit(r *Replica, sub, sealed []byte) {
	c.t.Helper()
	s := r.store.Load()
	require.NoError(c.t, s.commit([]record{{stateKey(s.state.at.Load().gen, sub), sealed}}))
}

// raw is what a node's storage holds at a key of the machine.
func raw(t testing.TB, r *Replica, key string) (sealed []byte) {
	t.Helper()
	st := r.store.Load().state
	require.NoError(t, st.db.View(func(txn *badger.Txn) (err error) {
		sealed, err = getRaw(txn, userKey(st, key))
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	}))
	return sealed
}

func scanAll(r *Replica) (found []string, err error) {
	err = r.Read(within(patience), func(v View) error {
		found = nil
		return v.Scan(nil, nil, func(key, value []byte) bool {
			found = append(found, string(key)+"="+string(value))
			return true
		})
	})
	return found, err
}

// healed waits until a node's own copy is right again. A repair that was too slow
// is tried again when the record is read again.
func (c *cluster) healed(r *Replica, key string) {
	c.t.Helper()
	st := r.store.Load().state
	require.Eventually(c.t, func() bool {
		if !r.heal.resting() {
			return false
		}
		if st.wrong(string(subKey(userSpace, []byte(key)))) == nil {
			return true
		}
		_, _ = read(r, within(4*c.timeout), key)
		return false
	}, patience, time.Millisecond)
	require.NoError(c.t, st.check())
}

func (h *healer) resting() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.working
}

// TestAReadOfABadCopyAnswersFromAGoodOne damages a record in every way, on the
// leader and on a follower. Gets and scans answer as if nothing had happened,
// the node says what it found, and its own copy is right afterwards.
func TestAReadOfABadCopyAnswersFromAGoodOne(t *testing.T) {
	c := newCluster(t, 3)
	want := []string{"a=precious", "b=1", "c=2"}
	for i, kv := range want {
		key, value, _ := strings.Cut(kv, "=")
		c.do(c.leader(), fmt.Sprint("k", i), "set "+key+" "+value)
	}
	c.converged()
	for how := range harms {
		for role, r := range map[string]*Replica{"leader": c.leader(), "follower": c.followers()[0]} {
			c.harm(r, "a", how)
			found, err := scanAll(r)
			require.NoError(t, err, "%s on the %s", how, role)
			require.Equal(t, want, found, "%s on the %s", how, role)
			c.healed(r, "a")
			c.healed(r, "a-ghost")

			c.harm(r, "a", how)
			require.Equal(t, "precious", c.read(r, "a"), "%s on the %s", how, role)
			_, err = read(r, within(patience), "a-ghost")
			require.ErrorIs(t, err, ErrNotFound)
			c.healed(r, "a")
			c.healed(r, "a-ghost")
			said := strings.Join(r.Status().Detected, "\n")
			require.Contains(t, said, "damaged record")
			require.Contains(t, said, "repaired from")
		}
	}
	c.converged()
}

// TestWithoutDigestsABadCopyIsGivenOut is the control of the test above.
func TestWithoutDigestsABadCopyIsGivenOut(t *testing.T) {
	c := newCluster(t, 3, func(c *cluster) { c.unsafe.NoDigest = true })
	c.do(c.leader(), "k", "set a precious")
	c.converged()
	r := c.followers()[0]
	c.harm(r, "a", "flipped")
	require.NotEqual(t, "precious", c.read(r, "a"))
}

// TestABadCopyIsNoneForOthers damages all three copies, two of them with a seal
// that fits. Nobody takes another's: the read says "damaged", nothing is
// written, and when one good copy is back the others are made of it.
func TestABadCopyIsNoneForOthers(t *testing.T) {
	c := newCluster(t, 3, calm)
	c.do(c.leader(), "k", "set a precious")
	c.converged()
	lead := c.leader()
	rest := c.othersThan(lead)
	good := raw(t, lead, "a")
	for i, r := range append(rest, lead) {
		require.NoError(t, r.store.Load().db.DropPrefix(userKey(r.store.Load().state, "a")), "older versions too")
		c.harm(r, "a", []string{"flipped", "older", "older"}[i])
	}
	for _, r := range append(rest, lead) {
		before := raw(t, r, "a")
		_, err := read(r, within(patience), "a")
		require.ErrorIs(t, err, ErrDamaged)
		require.ErrorContains(t, err, "no replica has a good copy")
		require.NotErrorIs(t, err, ErrNotFound)
		require.Eventually(t, r.heal.resting, patience, time.Millisecond)
		require.Equal(t, before, raw(t, r, "a"), "nothing was written")
		require.Equal(t, unrepaired, r.heal.repair(t.Context(), "ua"))
	}
	c.commit(rest[1], []byte("ua"), good)
	for _, r := range append(rest, lead) {
		require.Equal(t, "precious", c.read(r, "a"))
		c.healed(r, "a")
	}
}

// writes counts a node's commits under a name.
func (c *cluster) writes(r *Replica, op string) func() int {
	n := make(chan struct{}, 1000)
	c.gates[r.cfg.ID].hang(func(o string) bool {
		if o == op {
			n <- struct{}{}
		}
		return false
	})
	return func() int { return len(n) }
}

// TestAFlakyReadWritesNothing: one read failed and the next is good. The record
// was never bad, and is not written.
func TestAFlakyReadWritesNothing(t *testing.T) {
	c := newCluster(t, 3)
	c.do(c.leader(), "k", "set a precious")
	c.converged()
	r := c.followers()[0]
	repairs := c.writes(r, "repair")
	v, _ := r.store.Load().state.view()
	defer v.txn.Discard()
	v.heal = r.heal
	sealed, err := v.mend("ua", fmt.Errorf("read: input/output error: %w", ErrDamaged))
	require.NoError(t, err)
	require.Equal(t, "precious", string(sealed[sealSize:]), "the read that failed is answered")
	require.Eventually(t, r.heal.resting, patience, time.Millisecond)
	require.Equal(t, whole, r.heal.repair(t.Context(), "ua"))
	census := r.store.Load().state.census.Load()
	m, _ := census.find("ua")
	require.Equal(t, whole, r.heal.write(census, m, true, sealed, "n9"), "it was good by the time the copy came")
	require.Zero(t, repairs())
}

// TestAGoodRecordIsAskedForNowhere: nobody else could say anything about it.
func TestAGoodRecordIsAskedForNowhere(t *testing.T) {
	c := newCluster(t, 1)
	c.do(c.leader(), "k", "set a precious")
	require.Equal(t, whole, c.nodes["n1"].heal.repair(t.Context(), "ua"))
	require.Equal(t, whole, c.nodes["n1"].heal.repair(t.Context(), "unever"))
}

// TestKeysOutOfOrderAreNotVisitedTwice: a damaged table may show again what was
// passed.
func TestKeysOutOfOrderAreNotVisitedTwice(t *testing.T) {
	st := counted(t)
	v, _ := st.view()
	defer v.txn.Discard()
	var visited []string
	w := &walker{view: v, prefix: "uk", at: "uk", more: true, visit: func(sub string, _ []byte, bad error) bool {
		require.NoError(t, bad)
		visited = append(visited, sub)
		return true
	}}
	for _, key := range []string{"k0", "k1", "k0", "k1", "k2"} {
		more, err := w.found(userKey(st, key), raw0(t, st, key))
		require.NoError(t, err)
		require.True(t, more)
	}
	require.Equal(t, []string{"uk0", "uk1", "uk2"}, visited)
}

func raw0(t *testing.T, st *state, key string) (sealed []byte) {
	t.Helper()
	require.NoError(t, st.db.View(func(txn *badger.Txn) (err error) {
		sealed, err = getRaw(txn, userKey(st, key))
		return err
	}))
	return sealed
}

// TestACopyThatCameTooLateIsDropped: the record was written anew while the copy
// was on its way. The copy is older now, and must not be put over it.
func TestACopyThatCameTooLateIsDropped(t *testing.T) {
	c := newCluster(t, 3)
	c.do(c.leader(), "k", "set a precious")
	c.converged()
	r := c.followers()[0]
	repairs := c.writes(r, "repair")
	st := r.store.Load().state
	census := st.census.Load()
	m, ok := census.find("ua")
	require.True(t, ok)
	copied, _, err := r.heal.fetch(within(patience), census, m)
	require.NoError(t, err)
	c.do(c.leader(), "k2", "set a newer")
	c.converged()
	require.Equal(t, whole, r.heal.write(census, m, true, copied, "n9"))
	c.harm(r, "a", "flipped")
	require.Equal(t, whole, r.heal.write(census, m, true, copied, "n9"), "bad or not: this is not what belongs here")
	require.Zero(t, repairs())
	require.Equal(t, "newer", c.read(r, "a"))
}

// TestOnlyWhatTheCensusSaysIsTaken shows each way in which an answer may differ.
func TestOnlyWhatTheCensusSaysIsTaken(t *testing.T) {
	good := seal([]byte("ua"), []byte("precious"))
	m := member{sub: "ua", seal: sealOf(good), size: uint32(len(good))}
	require.True(t, m.is(good))
	flipped := slices.Clone(good)
	flipped[7] ^= 4
	require.False(t, m.is(flipped), "the seal is right and does not fit")
	require.False(t, m.is(seal([]byte("ua"), []byte("worthles"))), "another record of the same length")
	require.False(t, m.is(seal([]byte("ub"), []byte("precious"))), "another key's")
	require.False(t, m.is(good[:len(good)-1]))
	require.False(t, m.is(nil))
	require.False(t, member{sub: "ua"}.is(nil))
	require.False(t, m.is(good[:sealSize]))
}

// TestANodeThatIsAheadStillHasWhatItWroteOver: the others have applied more and
// changed the record. What was there before can be had for a while.
func TestANodeThatIsAheadStillHasWhatItWroteOver(t *testing.T) {
	st := counted(t)
	before, ok := st.census.Load().find("uk5")
	require.True(t, ok)
	set(t, st, "k5", "anew")
	apply(t, st, "del k6")
	v, _ := st.view()
	defer v.txn.Discard()
	require.Equal(t, "v5", string(v.copyOf(before)[sealSize:]))
	k6 := seal([]byte("uk6"), []byte("v6"))
	require.Equal(t, k6, v.copyOf(member{sub: "uk6", seal: sealOf(k6), size: uint32(len(k6))}))
	now, _ := st.census.Load().find("uk5")
	require.Equal(t, "anew", string(v.copyOf(now)[sealSize:]))
	require.Nil(t, v.copyOf(member{sub: "uk5", seal: 1, size: 6}))
	require.Nil(t, v.copyOf(member{sub: "never", seal: 1, size: 6}))
}

// mutes has one node ask another for copies in vain: those requests are taken and
// never answered. All others are, so that it does not matter who leads.
func (c *cluster) mutes(asker, asked *Replica) {
	p := asker.link(asked.self)
	p.close() // what is under way on the real connection breaks
	conn, other := net.Pipe()
	c.t.Cleanup(func() { _ = other.Close() })
	l := &link{conn: conn, waiting: map[uint64]chan answer{}}
	p.mu.Lock()
	p.link, p.closed = l, false
	p.mu.Unlock()
	go p.receive(l)
	go answerAllButCopies(asked, asker.greet(forwardConn), &link{conn: other})
}

func answerAllButCopies(r *Replica, g greeting, l *link) {
	in := bufio.NewReader(l.conn)
	for {
		frame, err := readFrame(in)
		if err != nil {
			return
		}
		id, q, err := decodeRequest(frame)
		if err != nil || q.kind == askCopy {
			continue
		}
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), q.timeout)
			defer cancel()
			_ = l.send(encodeAnswer(id, r.answer(ctx, g, q)))
		}()
	}
}

// TestOthersThatHangBoundARead: one node's storage hangs, another takes requests
// and never answers. A read of a bad record says so in time, and is answered when
// one of them can.
func TestOthersThatHangBoundARead(t *testing.T) {
	c := newCluster(t, 3, hanging)
	c.do(c.leader(), "k", "set a precious")
	c.converged()
	asker := c.leader()
	rest := c.othersThan(asker)
	c.mutes(asker, rest[0])
	hung := rest[1].watch.begin()
	require.Eventually(t, func() bool { return rest[1].watch.silent() > 0 }, patience, time.Millisecond)

	c.harm(asker, "a", "flipped")
	ctx, cancel := context.WithTimeout(t.Context(), 4*c.timeout)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := read(asker, ctx, "a")
		ended <- err
	}()
	select {
	case err := <-ended:
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrNotFound)
	case <-time.After(patience):
		require.Fail(t, "the read waits for ever")
	}
	require.Equal(t, harms["flipped"]([]byte("ua")), raw(t, asker, "a"))

	rest[1].watch.end(hung)
	require.Eventually(t, func() bool {
		value, err := read(asker, within(4*c.timeout), "a") // rest[1] may be slow to come back
		return err == nil && value == "precious"
	}, patience, time.Millisecond, "one that answers is enough")
	c.healed(asker, "a")
}

// TestACommandOnABadRecordIsAppliedTheSame has one node apply commands to a
// record that is bad there: the reply and the state are those of the others.
func TestACommandOnABadRecordIsAppliedTheSame(t *testing.T) {
	c := newCluster(t, 3)
	c.do(c.leader(), "k", "set a precious")
	c.converged()
	i := 0
	want := "precious"
	for how := range harms {
		for _, r := range []*Replica{c.leader(), c.followers()[0]} {
			if how != "ghost" {
				c.commit(r, []byte("ua"), harms[how]([]byte("ua")))
			}
			i++
			want += "+"
			require.Equal(t, want, c.do(c.leader(), fmt.Sprint("add", i), "add a +"), "%s", how)
			c.converged()
			require.Equal(t, want, c.read(r, "a"))
			c.healed(r, "a")
		}
	}
	require.Empty(t, c.fatal)
}

// TestWritingOverABadRecordMendsIt: nobody needs to know what it was.
func TestWritingOverABadRecordMendsIt(t *testing.T) {
	c := newCluster(t, 1)
	for how := range harms {
		c.do(c.leader(), "set"+how, "set a precious")
		c.commit(c.nodes["n1"], []byte("ua"), seal([]byte("ua"), []byte("worthless")))
		c.do(c.leader(), "over"+how, "set a new")
		require.Equal(t, "new", c.read(c.leader(), "a"))
		require.NoError(t, c.nodes["n1"].store.Load().state.check(), "the sums knew what was there")
	}
}

// TestASnapshotLeavesNoBadRecord: a leader whose copy is bad sends the good one.
func TestASnapshotLeavesNoBadRecord(t *testing.T) {
	c := newCluster(t, 3)
	c.do(c.leader(), "k", "set a precious")
	c.converged()
	lead := c.leader()
	c.harm(lead, "a", "older")
	_, stream, err := (&snapshots{lead.store.Load()}).Open("")
	require.NoError(t, err)
	defer func() { _ = stream.Close() }()
	var sent strings.Builder
	buf := make([]byte, 4096)
	for err == nil {
		var n int
		n, err = stream.Read(buf)
		sent.Write(buf[:n])
	}
	require.Contains(t, sent.String(), "precious")
	require.NotContains(t, sent.String(), "worthless")
}

var scanPanicked = regexp.MustCompile(`scan "s.*panicked`)

// TestWhatATableHeldIsReadOneByOne ruins a table of a running node in several
// ways, so that Badger panics over it in gets and in scans; where in the table
// that is differs from run to run, so it goes on until a scan has. What the census
// says is there is looked up by itself, and comes from another node.
func TestWhatATableHeldIsReadOneByOne(t *testing.T) {
	c := newCluster(t, 3)
	for i := range 60 {
		c.do(c.leader(), fmt.Sprint("k", i), fmt.Sprintf("set a%02d %s", i, strings.Repeat(fmt.Sprint(i), 300)))
	}
	c.converged()
	want, err := scanAll(c.leader())
	require.NoError(t, err)
	require.Len(t, want, 60)
	id := c.followers()[0].cfg.ID
	c.stop(id) // flushes
	copyDir(t, c.volume(id), c.volume(id)+".good")
	copyDir(t, c.device(id), c.device(id)+".good")
	said := ""
	ruins := [][]byte{make([]byte, 16), bytes.Repeat([]byte{0xff}, 16), make([]byte, 9000), bytes.Repeat([]byte("k"), 100)}
	for n := 0; n < len(ruins) || n < 8*len(ruins) && !scanPanicked.MatchString(said); n++ {
		r := c.start(id, nil)
		c.waitPhase(r, running)
		c.converged()
		scribble(t, newest(t, c.volume(id), ".sst"), ruins[n%len(ruins)], 1000+700*(n/len(ruins)))
		got, err := scanAll(r)
		require.NoError(t, err)
		require.Equal(t, want, got)
		for _, kv := range want {
			key, value, _ := strings.Cut(kv, "=")
			require.Equal(t, value, c.read(r, key))
		}
		c.scrub(r)
		said += strings.Join(r.Status().Detected, "\n")
		c.gates[id].hang(nil) // no orderly end: there is nothing to be kept
		c.kill(id)
		copyDir(t, c.volume(id)+".good", c.volume(id))
		copyDir(t, c.device(id)+".good", c.device(id))
	}
	require.Regexp(t, scanPanicked, said, "or else this test shows nothing")
	require.Regexp(t, `key "u.*damaged`, said)
	c.start(id, nil)
}

// scribble writes over every fifth kilobyte, from an offset on, of what is written
// in a file.
func scribble(t *testing.T, path string, with []byte, from int) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	size := len(bytes.TrimRight(content, "\x00")) * 3 / 4 // leave the index alone
	file, err := os.OpenFile(path, os.O_WRONLY, 0)        // in place: it is mapped
	require.NoError(t, err)
	for at := from; at+len(with) < size; at += 5000 + len(with) {
		_, err = file.WriteAt(with, int64(at))
		require.NoError(t, err)
	}
	require.NoError(t, file.Close())
}
