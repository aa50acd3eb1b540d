package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/mailstore/mail"
	"fourdays/storage/replica"
)

func (f *fake) recovered(t *testing.T, s *Store, d *replica.Recovered) {
	t.Helper()
	cmd := f.machine.Recovered(d)
	require.NotNil(t, cmd)
	_, err := f.Do(t.Context(), s.key(), cmd)
	require.NoError(t, err)
}

func upTo(n uint64) *uint64 { return &n }

// TestRecoveryRaisesEveryUIDValidityAtOnce shows what clients see: the same
// mail under a UIDVALIDITY that no mailbox ever had, also not one that was lost.
func TestRecoveryRaisesEveryUIDValidityAtOnce(t *testing.T) {
	s, f := newStore(t)
	_, err := s.Deliver(t.Context(), []string{anna}, noon, []byte("one"))
	require.NoError(t, err)
	before, err := s.Open(t.Context(), anna, mail.Inbox)
	require.NoError(t, err)
	require.NoError(t, s.CreateMailbox(t.Context(), anna, "newest"))
	newest, err := s.Open(t.Context(), anna, "newest")
	require.NoError(t, err)

	for range 2 {
		f.recovered(t, s, &replica.Recovered{AtMost: upTo(3)})
		after, err := s.Open(t.Context(), anna, mail.Inbox)
		require.NoError(t, err)
		require.Greater(t, after.UIDValidity, newest.UIDValidity+3*accountsPerCommand)
		require.Equal(t, before.Items, after.Items)
		_, err = look(fakeView{f}, Known{Account: anna, Mailbox: mail.Inbox, UIDValidity: before.UIDValidity})
		require.ErrorIs(t, err, ErrNoMailbox, "who knows the old one learns that it is gone")
		_, err = s.SetFlags(t.Context(), target(anna, mail.Inbox, before, allUIDs...), mail.AddFlags, mail.Flags{System: mail.Seen})
		require.ErrorIs(t, err, ErrNoMailbox)

		require.NoError(t, s.DeleteMailbox(t.Context(), anna, "newest"))
		require.NoError(t, s.CreateMailbox(t.Context(), anna, "newest"))
		newest, err = s.Open(t.Context(), anna, "newest")
		require.NoError(t, err)
		require.Greater(t, newest.UIDValidity, after.UIDValidity)
		before = after
	}
	where, err := s.Append(t.Context(), anna, mail.Inbox, mail.Flags{}, noon, noon, []byte("two"))
	require.NoError(t, err)
	require.Equal(t, Where{before.UIDValidity, 2}, where)
	reply, err := s.Copy(t.Context(), target(anna, mail.Inbox, before, allUIDs...), "newest", false)
	require.NoError(t, err)
	require.Equal(t, newest.UIDValidity, reply.UIDValidity)
	audited, err := s.Audit(anna)
	require.NoError(t, err)
	require.Equal(t, before.UIDValidity, audited[0].UIDValidity, "the audit shows what clients see")
	require.Len(t, audited[0].Messages, 2)
}

// TestNothingLostRaisesNothing is the recovery of which the promise records say
// that it lacks nothing.
func TestNothingLostRaisesNothing(t *testing.T) {
	require.Nil(t, new(Machine).Recovered(&replica.Recovered{AtMost: upTo(0)}))
	for _, d := range []*replica.Recovered{{}, {AtMost: upTo(1)}, {AtMost: upTo(0), Damaged: 1}, {AtMost: upTo(0), Missing: 1}} {
		require.NotNil(t, new(Machine).Recovered(d), "%+v", d)
	}
}

// TestTakenUIDsAreNotGivenAgain gives a mailbox an older record of itself, as a
// vanished write would: what it does not know of is not written over.
func TestTakenUIDsAreNotGivenAgain(t *testing.T) {
	s, f := newStore(t)
	older := f.data[string(keyMailbox(anna, mail.Inbox))]
	for _, text := range []string{"one", "two"} {
		_, err := s.Deliver(t.Context(), []string{anna}, noon, []byte(text))
		require.NoError(t, err)
	}
	f.data[string(keyMailbox(anna, mail.Inbox))] = older
	f.recovered(t, s, &replica.Recovered{AtMost: upTo(0), Missing: 1})
	_, err := s.Deliver(t.Context(), []string{anna}, noon, []byte("three"))
	require.NoError(t, err)
	after, err := s.Open(t.Context(), anna, mail.Inbox)
	require.NoError(t, err)
	require.Len(t, after.Items, 3)
	require.Equal(t, uint32(3), after.Items[2].UID)
	require.Greater(t, after.ModSeq, after.Items[1].ModSeq)
}

// TestRaisedNumbersEnd refuses a raise beyond what UIDVALIDITY can hold, and
// leaves all as it was.
func TestRaisedNumbersEnd(t *testing.T) {
	s, f := newStore(t)
	f.data[string(keyCounter(raiseCounter))] = raised{by: 1<<32 - 10}.encode()
	cmd := mail.Encode(&mail.Raise{Jump: 100})
	raw, err := f.Do(t.Context(), s.key(), cmd)
	require.NoError(t, err)
	reply, err := mail.DecodeReply(raw)
	require.NoError(t, err)
	require.Equal(t, mail.Exhausted, reply.Code)
	for i := 0; err == nil; i++ {
		require.Less(t, i, 10)
		err = s.CreateMailbox(t.Context(), anna, string(rune('a'+i)))
	}
	require.ErrorIs(t, err, ErrExhausted)
}

// lossy is a transaction over a state in which some records are marked as lost.
type lossy struct {
	fakeTx
	lost map[string]bool
}

func (l *lossy) Get(key []byte) ([]byte, error) {
	if l.lost[string(key)] {
		return nil, replica.ErrLost
	}
	return l.fakeTx.Get(key)
}

// TestLostMailboxConcernsOnlyItsOwner delivers to two, of whom one has lost his
// INBOX: the other gets the mail, and he is told "not now".
func TestLostMailboxConcernsOnlyItsOwner(t *testing.T) {
	_, f := newStore(t)
	tx := &lossy{fakeTx{fake: f}, map[string]bool{string(keyMailbox(anna, mail.Inbox)): true}}
	raw, err := f.machine.apply(tx, mail.Encode(&mail.Deliver{Recipients: []string{anna, bruno}, Content: mail.Content{Data: []byte("x"), Size: 1}}))
	require.NoError(t, err)
	reply, err := mail.DecodeReply(raw)
	require.NoError(t, err)
	require.Equal(t, []mail.Code{mail.Lost, mail.OK}, reply.Codes)
	require.ErrorIs(t, codeError(mail.Lost), ErrUnavailable)

	_, err = f.machine.apply(tx, mail.Encode(&mail.DeleteMailbox{Account: anna, Mailbox: "x"}))
	require.NoError(t, err)
	tx.lost[string(keyCounter(uidValidityCounter))] = true
	_, err = f.machine.apply(tx, mail.Encode(&mail.CreateMailbox{Account: anna, Mailbox: "x"}))
	require.ErrorIs(t, err, replica.ErrLost)
	require.NotErrorIs(t, err, errStorage, "it is a refusal, the same everywhere")
	require.ErrorIs(t, definite(&replica.Refusal{Why: err.Error()}), ErrUnavailable)
	require.NotErrorIs(t, definite(&replica.Refusal{Why: err.Error()}), ErrUnknown)
}

// TestAnOperatorRaisesWhatANewGroupMustNotRepeat: the mailboxes of a store that was
// filled from nothing, and raised as often as the rule of the harness says, are
// above those of the one that it stood for; and that one, raised once more, is above
// them again.
func TestAnOperatorRaisesWhatANewGroupMustNotRepeat(t *testing.T) {
	const jump = 1 << 20
	shown := func(s *Store) uint32 {
		m, err := s.Open(t.Context(), anna, mail.Inbox)
		require.NoError(t, err)
		return m.UIDValidity
	}
	raise := func(s *Store, times int) {
		for range times {
			require.NoError(t, s.Raise(t.Context(), jump))
		}
	}
	old, f := newStore(t)
	f.recovered(t, old, &replica.Recovered{})
	require.NoError(t, old.CreateMailbox(t.Context(), anna, "made after a recovery"))
	last, err := old.Open(t.Context(), anna, "made after a recovery")
	require.NoError(t, err)
	fresh, _ := newStore(t)
	raise(fresh, 2)
	require.NoError(t, fresh.CreateMailbox(t.Context(), anna, "new"))
	made, err := fresh.Open(t.Context(), anna, "new")
	require.NoError(t, err)
	require.Greater(t, made.UIDValidity, last.UIDValidity)
	raise(old, 3)
	require.Greater(t, shown(old), made.UIDValidity)
	require.ErrorIs(t, old.Raise(t.Context(), 1<<40), ErrExhausted)
}
