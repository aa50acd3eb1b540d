package replica

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// newState is a state on a store of its own, without raft.
func newState(t *testing.T) *state {
	t.Helper()
	r := &Replica{cfg: Config{ID: "n1", Dir: t.TempDir(), Machine: register{}}}
	r.log = newLogger(bytes.NewBuffer(nil), r.Detect)
	r.watch = newWatchdog(time.Minute, func() {}, func() {})
	s, err := openStore(r)
	require.NoError(t, err)
	t.Cleanup(s.close)
	return s.state
}

func (st *state) mustApply(t *testing.T, index uint64, key, cmd string) *result {
	t.Helper()
	return st.ApplyBatch([]*raft.Log{{Index: index, Term: 1, Data: encodeCommand(key, index-1, []byte(cmd))}})[0].(*result)
}

// TestTxSeesItsOwnWritesInOrder compares a Tx over three layers (the state, the
// batch, the command) with a map.
func TestTxSeesItsOwnWritesInOrder(t *testing.T) {
	st := newState(t)
	st.put("test", nil)
	rapid.Check(t, func(t *rapid.T) {
		require.NoError(t, st.clear(generationPrefix(0), generationPrefix(1)))
		model := map[string]string{}
		layer := func(set func(k, v string), del func(k string)) {
			for range rapid.IntRange(0, 8).Draw(t, "writes") {
				k := rapid.StringMatching(`[ab]{1,3}`).Draw(t, "key")
				if rapid.Bool().Draw(t, "delete") {
					delete(model, k)
					del(k)
					continue
				}
				v := rapid.StringMatching(`[xyz]{0,2}`).Draw(t, "value")
				model[k] = v
				set(k, v)
			}
		}
		sub := func(k string) []byte { return subKey(userSpace, []byte(k)) }
		layer(
			func(k, v string) { st.put("test", []record{{stateKey(0, sub(k)), seal(sub(k), []byte(v))}}) },
			func(k string) { st.put("test", []record{{key: stateKey(0, sub(k))}}) })
		v, _ := st.view()
		defer v.txn.Discard()
		b := newBatch(v)
		layer(
			func(k, v string) { b.set(string(sub(k)), seal(sub(k), []byte(v))) },
			func(k string) { b.set(string(sub(k)), nil) })
		tx := &Tx{batch: b, written: map[string][]byte{}}
		layer(
			func(k, v string) { require.NoError(t, tx.Set([]byte(k), []byte(v))) },
			func(k string) { require.NoError(t, tx.Delete([]byte(k))) })

		prefix := rapid.StringMatching(`[ab]{0,2}`).Draw(t, "prefix")
		from := rapid.StringMatching(`[ab]{0,3}`).Draw(t, "from")
		most := rapid.IntRange(1, 4).Draw(t, "most")
		var want, got []string
		for k, v := range model {
			if strings.HasPrefix(k, prefix) && k >= from {
				want = append(want, k+"="+v)
			}
			value, err := tx.Get([]byte(k))
			require.NoError(t, err)
			require.Equal(t, v, string(value))
		}
		slices.SortFunc(want, func(a, b string) int {
			return strings.Compare(a[:strings.Index(a, "=")], b[:strings.Index(b, "=")])
		})
		require.NoError(t, tx.Scan([]byte(prefix), []byte(from), func(k, v []byte) bool {
			got = append(got, string(k)+"="+string(v))
			return len(got) < most
		}))
		require.Equal(t, want[:min(most, len(want))], got[:len(got):len(got)])
	})
}

func TestStateSumsFollowEveryWrite(t *testing.T) {
	st := newState(t)
	for i, cmd := range []string{"set a 1", "set b 2", "set a 3", "add a 4", "explode", "set b 2"} {
		st.mustApply(t, uint64(i+1), fmt.Sprint(i), cmd)
		require.NoError(t, st.check(), cmd)
	}
}

// TestEqualStatesHaveEqualSums applies the same entries one by one and all at
// once.
func TestEqualStatesHaveEqualSums(t *testing.T) {
	one, all := newState(t), newState(t)
	var entries []*raft.Log
	for i := range uint64(30) {
		cmd := encodeCommand(fmt.Sprint(i%25), i, fmt.Appendf(nil, "add k%d %d", i%3, i))
		entries = append(entries, &raft.Log{Index: i + 1, Term: 1, Data: cmd})
		one.ApplyBatch(entries[i:])
	}
	all.ApplyBatch(entries)
	require.Equal(t, one.at.Load(), all.at.Load())
	require.NoError(t, all.check())
}

func TestAppliedEntriesAreSkipped(t *testing.T) {
	st := newState(t)
	require.Equal(t, "x", string(st.mustApply(t, 5, "k5", "add a x").reply))
	require.ErrorIs(t, st.mustApply(t, 5, "k5", "add a x").err, errNotApplied)
	require.ErrorIs(t, st.mustApply(t, 4, "k4", "add a x").err, errNotApplied)
	require.Equal(t, "xx", string(st.mustApply(t, 6, "k6", "add a x").reply))
}

// TestRepliesAreForgottenAfterTheWindow counts in entries, so that all replicas
// forget the same.
func TestRepliesAreForgottenAfterTheWindow(t *testing.T) {
	st := newState(t)
	st.mustApply(t, 1, "key", "add a x")
	require.Equal(t, "x", string(st.mustApply(t, window, "key", "add a x").reply))
	records := st.at.Load().count
	require.Equal(t, "xx", string(st.mustApply(t, window+1, "key", "add a x").reply), "forgotten, so it is applied again")
	require.Equal(t, records, st.at.Load().count, "a new reply came and an old one went")
	require.NoError(t, st.check())
}

// TestALateCommandIsNotAppliedTwice: a forward may lie in a broken network until
// the reply to its key is forgotten.
func TestALateCommandIsNotAppliedTwice(t *testing.T) {
	st := newState(t)
	st.mustApply(t, 5, "key", "add a x")
	late := func(index uint64) *result {
		data := encodeCommand("key", 4, []byte("add a x"))
		return st.ApplyBatch([]*raft.Log{{Index: index, Term: 1, Data: data}})[0].(*result)
	}
	require.Equal(t, "x", string(late(window+4).reply), "remembered")
	require.ErrorIs(t, late(window+5).err, errTooLate)
	require.Equal(t, "xy", string(st.mustApply(t, window+6, "other", "add a y").reply))
	require.NoError(t, st.check())
}

// TestBigBatchIsSplit gives more to one batch than Badger takes in a commit.
func TestBigBatchIsSplit(t *testing.T) {
	st := newState(t)
	var entries []*raft.Log
	for i := range uint64(20) {
		cmd := fmt.Appendf(nil, "set k%d %s", i, strings.Repeat("v", 40<<10))
		entries = append(entries, &raft.Log{Index: i + 1, Term: 1, Data: encodeCommand(fmt.Sprint(i), i, cmd)})
	}
	for _, res := range st.ApplyBatch(entries) {
		require.Equal(t, "ok", string(res.(*result).reply))
	}
	require.NoError(t, st.check())
}

func TestLogKeepsItsBounds(t *testing.T) {
	st := newState(t)
	l := st.log
	require.NoError(t, st.stable.SetUint64(keyTerm, 2))
	var entries []*raft.Log
	for i := range uint64(20) {
		entries = append(entries, &raft.Log{Index: i + 1, Term: 2, Data: bytes.Repeat([]byte{byte(i)}, 20<<10)})
	}
	require.NoError(t, l.StoreLogs(entries))
	require.Error(t, l.StoreLog(&raft.Log{Index: 22, Term: 2}), "no gaps")
	require.NoError(t, l.DeleteRange(18, 20))
	require.NoError(t, l.DeleteRange(1, 5))
	first, _ := l.FirstIndex()
	last, _ := l.LastIndex()
	require.Equal(t, [2]uint64{6, 17}, [2]uint64{first, last})
	var got raft.Log
	require.ErrorIs(t, l.GetLog(5, &got), raft.ErrLogNotFound)
	require.ErrorIs(t, l.GetLog(18, &got), raft.ErrLogNotFound)
	require.NoError(t, l.GetLog(17, &got))
	require.Equal(t, entries[16].Data, got.Data)

	again, err := loadLog(l.store)
	require.NoError(t, err)
	require.Equal(t, uint64(6), again.first.Load())
	require.Equal(t, position{17, 2}, *again.end.Load())

	require.NoError(t, l.commit([]record{{key: logKey(9)}}))
	again, err = loadLog(l.store)
	require.NoError(t, err)
	require.ErrorIs(t, again.damage, ErrDamaged, "an entry is missing")
	require.Contains(t, again.gap(), "log entries 9 to 9 are missing")
	require.Equal(t, uint64(8), again.last())
}

func FuzzFrames(f *testing.F) {
	f.Add(encodeRequest(7, request{kind: askDo, timeout: time.Second, key: "k", cmd: []byte("c")})[4:])
	f.Add(encodeAnswer(7, answer{verdict: done, leader: "n1", body: []byte("b"), index: 3})[4:])
	f.Add(encodePromise(3, promised{incarnation: []byte("i"), last: 9}))
	f.Add((&standing{id: "n1", phase: running, whole: true, gated: true, last: position{7, 2},
		config: raft.Configuration{Servers: []raft.Server{{ID: "n1", Address: "a"}}}}).encode())
	most := uint64(4)
	f.Add((&Recovered{From: "c", Node: "n1", Lost: 3, AtMost: &most, Keys: []string{"k"}}).encode())
	f.Add(Replacement{"n2", "n2.2", "10.0.0.2:7001"}.encode())
	f.Add((&membership{"10.0.0.2:7000", 1, 9}).encode())
	f.Add(greeting{forwardConn, "c", "n1"}.encode())
	f.Fuzz(func(t *testing.T, frame []byte) {
		if id, q, err := decodeRequest(frame); err == nil {
			id2, q2, err := decodeRequest(encodeRequest(id, q)[4:])
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(id, q), fmt.Sprint(id2, q2))
		}
		if id, a, err := decodeAnswer(frame); err == nil {
			id2, a2, err := decodeAnswer(encodeAnswer(id, a)[4:])
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(id, a), fmt.Sprint(id2, a2))
		}
		backAgain(t, frame)
		if seq, k, err := decodePromise(frame); err == nil && len(k.incarnation)+len(k.vote) < slotSize/2 {
			seq2, k2, err := decodePromise(encodePromise(seq, k))
			require.NoError(t, err)
			require.Equal(t, seq, seq2)
			require.True(t, k.equal(k2))
		}
	})
}

// backAgain reads what nodes tell each other and keep about membership: what is
// understood is the same when it is written and read again.
func backAgain(t *testing.T, b []byte) {
	if s, err := decodeStanding(b); err == nil {
		again, err := decodeStanding(s.encode())
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(s), fmt.Sprint(again))
	}
	if d, err := decodeRecovered(b); err == nil {
		again, err := decodeRecovered(d.encode())
		require.NoError(t, err)
		require.Equal(t, d, again)
	}
	if q, err := decodeReplacement(b); err == nil {
		again, err := decodeReplacement(q.encode())
		require.NoError(t, err)
		require.Equal(t, q, again)
	}
	if m, err := decodeMembership(b); err == nil {
		again, err := decodeMembership(m.encode())
		require.NoError(t, err)
		require.Equal(t, m, again)
	}
	if g, err := readGreeting(bytes.NewReader(b)); err == nil {
		again, err := readGreeting(bytes.NewReader(g.encode()))
		require.NoError(t, err)
		require.Equal(t, g, again)
	}
}
