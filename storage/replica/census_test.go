package replica

import (
	"errors"
	"fmt"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/stretchr/testify/require"
)

// counted is a state of ten records with its census taken.
func counted(t *testing.T) *state {
	st := newState(t)
	for i := range 10 {
		set(t, st, fmt.Sprintf("k%d", i), fmt.Sprintf("v%d", i))
	}
	require.NoError(t, st.check())
	require.NotNil(t, st.census.Load())
	return st
}

// under changes the device behind the store's back.
func under(t *testing.T, st *state, f func(txn *badger.Txn) error) {
	t.Helper()
	require.NoError(t, st.db.Update(f))
}

func userKey(st *state, key string) []byte {
	return stateKey(st.at.Load().gen, subKey(userSpace, []byte(key)))
}

// TestAMissingRecordIsDamageNotAbsence: Badger answers "not found" for what it
// cannot read; neither a get nor a scan may pass that on.
func TestAMissingRecordIsDamageNotAbsence(t *testing.T) {
	for _, lost := range []string{"k0", "k5", "k9"} {
		st := counted(t)
		under(t, st, func(txn *badger.Txn) error { return txn.Delete(userKey(st, lost)) })
		require.ErrorIs(t, st.look(func(v View) error { _, err := v.Get([]byte(lost)); return err }), ErrDamaged)
		require.ErrorIs(t, st.look(func(v View) error {
			return v.Scan([]byte("k"), nil, func(_, _ []byte) bool { return true })
		}), ErrDamaged, lost)
		require.ErrorIs(t, st.look(func(v View) error { _, err := v.Get([]byte("never")); return err }), ErrNotFound)
	}
}

// TestAnOlderRecordIsDamage: a lost write leaves a record whose seal is good.
func TestAnOlderRecordIsDamage(t *testing.T) {
	st := counted(t)
	sub := subKey(userSpace, []byte("k5"))
	under(t, st, func(txn *badger.Txn) error { return txn.Set(userKey(st, "k5"), seal(sub, []byte("old"))) })
	require.ErrorIs(t, st.look(func(v View) error { _, err := v.Get([]byte("k5")); return err }), ErrDamaged)
	require.ErrorIs(t, st.look(func(v View) error {
		return v.Scan([]byte("k"), nil, func(_, _ []byte) bool { return true })
	}), ErrDamaged)
}

// TestAnOlderViewIsNotDamage: a view that was opened before a change sees what
// was there then, and that is right.
func TestAnOlderViewIsNotDamage(t *testing.T) {
	st := counted(t)
	v, _ := st.view()
	defer v.txn.Discard()
	set(t, st, "k5", "new")
	set(t, st, "k55", "new")
	value, err := v.Get([]byte("k5"))
	require.NoError(t, err)
	require.Equal(t, "v5", string(value))
	_, err = v.Get([]byte("k55"))
	require.ErrorIs(t, err, ErrNotFound)
	n := 0
	require.NoError(t, v.Scan([]byte("k"), nil, func(_, _ []byte) bool { n++; return true }))
	require.Equal(t, 10, n)
	n = 0
	require.NoError(t, st.look(func(v View) error {
		return v.Scan([]byte("k"), []byte("k5"), func(_, _ []byte) bool { n++; return true })
	}))
	require.Equal(t, 6, n, "k5 k55 k6 k7 k8 k9")
}

// set applies one command behind what was applied before.
func set(t *testing.T, st *state, key, value string) {
	t.Helper()
	apply(t, st, "set "+key+" "+value)
}

func apply(t *testing.T, st *state, cmd string) {
	t.Helper()
	next := st.at.Load().applied + 1
	require.NoError(t, st.mustApply(t, next, fmt.Sprint("op", next), cmd).err)
}

// TestADeletedRecordThatComesBackIsDamage: a lost deletion uncovers what was
// there before. It is no damage to a view that was opened before.
func TestADeletedRecordThatComesBackIsDamage(t *testing.T) {
	st := counted(t)
	before, _ := st.view()
	defer before.txn.Discard()
	apply(t, st, "del k5")
	value, err := before.Get([]byte("k5"))
	require.NoError(t, err)
	require.Equal(t, "v5", string(value))
	sub := subKey(userSpace, []byte("k5"))
	under(t, st, func(txn *badger.Txn) error { return txn.Set(userKey(st, "k5"), seal(sub, []byte("v5"))) })
	requireDamaged(t, st, "k5")
	apply(t, st, "del k6")
	set(t, st, "k6", "anew")
	require.NoError(t, st.look(func(v View) error { _, err := v.Get([]byte("k6")); return err }))
}

// TestDeletionsAreForgottenInBounds: what was deleted long ago is as much
// damage when it comes back, and a view from before all of it is in the right.
func TestDeletionsAreForgottenInBounds(t *testing.T) {
	c := newCensus(0)
	c.note("old", nil, 7)
	for i := range uint64(keptDepartures) {
		c.note("other", nil, 8+i)
	}
	require.Len(t, c.departed, keptDepartures)
	require.Len(t, c.gone, 1)
	m, ok := c.find("old")
	require.False(t, ok)
	require.EqualValues(t, 7, m.since)
}

// TestAStandpointThatIsMissingIsNotAbsence: with the record its standpoint may
// be gone, and then nobody knows how old the view is.
func TestAStandpointThatIsMissingIsNotAbsence(t *testing.T) {
	st := counted(t)
	v, _ := st.view()
	v.txn.Discard()
	under(t, st, func(txn *badger.Txn) error {
		return errors.Join(txn.Delete(metaKey("state")), txn.Delete(userKey(st, "k5")))
	})
	v.txn, v.exact = st.db.NewTransaction(false), false
	defer v.txn.Discard()
	st.census.Load().note(string(subKey(userSpace, []byte("k5"))), seal(nil, nil), v.applied+1)
	_, err := v.Get([]byte("k5"))
	require.ErrorIs(t, err, ErrDamaged)
	require.NotErrorIs(t, err, ErrNotFound)
	require.ErrorIs(t, st.check(), ErrDamaged)
}

func requireDamaged(t *testing.T, st *state, key string) {
	t.Helper()
	require.ErrorIs(t, st.look(func(v View) error { _, err := v.Get([]byte(key)); return err }), ErrDamaged)
	require.ErrorIs(t, st.look(func(v View) error {
		return v.Scan([]byte(key), nil, func(_, _ []byte) bool { return true })
	}), ErrDamaged)
}

// TestAViewFromWithinACommitLooksWhereItStands: it may show already what is not
// announced yet, and must not call absent what that commit has written and the
// storage lost.
func TestAViewFromWithinACommitLooksWhereItStands(t *testing.T) {
	st := counted(t)
	v, _ := st.view()
	require.True(t, v.exact, "nothing is under way")
	v.txn.Discard()
	at := *st.at.Load()
	at.applied++
	sub := subKey(userSpace, []byte("k55"))
	st.census.Load().note(string(sub), seal(sub, []byte("lost")), at.applied)
	st.coming.Store(at.applied)
	st.put("apply", []record{sealedMeta("state", at.encode())})
	require.ErrorIs(t, st.look(func(v View) error { _, err := v.Get([]byte("k55")); return err }), ErrDamaged)
}
