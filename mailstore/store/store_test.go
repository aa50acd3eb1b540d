package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/mailstore/mail"
)

const testTimeout = time.Minute

var noon = time.Date(2023, 1, 22, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, s *Store, account, name string) Contents {
	t.Helper()
	contents, err := s.Open(t.Context(), account, name)
	require.NoError(t, err)
	return contents
}

func deliver(t *testing.T, s *Store, body []byte, to ...string) {
	t.Helper()
	results, err := s.Deliver(t.Context(), to, noon, body)
	require.NoError(t, err)
	for _, result := range results {
		require.NoError(t, result)
	}
}

func bodyAt(t *testing.T, s *Store, account, name string, index int) ([]byte, error) {
	t.Helper()
	contents := open(t, s, account, name)
	known := Known{Account: account, Mailbox: name, UIDValidity: contents.UIDValidity}
	return Look(t.Context(), s, known, func(_ Contents, bodies Bodies) ([]byte, error) {
		return bodies.Body(&contents.Items[index].Message)
	})
}

func target(account, name string, c Contents, uids ...mail.Range) mail.Target {
	return mail.Target{Account: account, Mailbox: name, UIDValidity: c.UIDValidity, UIDs: uids}
}

func pattern(size int) []byte {
	rng := rand.New(rand.NewPCG(uint64(size), 7))
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(rng.Uint32())
	}
	return body
}

// TestBodiesComeBackAsTheyWere covers every way in which a body is cut up.
func TestBodiesComeBackAsTheyWere(t *testing.T) {
	for _, size := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 2 * chunkSize, 20*chunkSize + 17} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			s, f := newStore(t)
			want := pattern(size)
			deliver(t, s, want, anna)
			got, err := bodyAt(t, s, anna, mail.Inbox, 0)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got))
			require.Zero(t, f.count(stageKey))
			require.Equal(t, mail.Digest(sha256.Sum256(want)), open(t, s, anna, mail.Inbox).Items[0].Digest)
		})
	}
}

func TestEachRecipientHasAResult(t *testing.T) {
	s, _ := newStore(t)
	_, _, err := s.SetClosed(t.Context(), true, false, []string{bruno})
	require.NoError(t, err)
	results, err := s.Deliver(t.Context(), []string{"nobody@libero.example", anna, bruno, anna}, noon, []byte("x"))
	require.NoError(t, err)
	require.Equal(t, []error{ErrNoAccount, nil, ErrClosed, nil}, results)
	require.Len(t, open(t, s, anna, mail.Inbox).Items, 2)
}

// TestBodyIsStoredOnceAndGoesWithTheLastMessage follows one body through
// delivery to two, copy, move and expunge.
func TestBodyIsStoredOnceAndGoesWithTheLastMessage(t *testing.T) {
	s, f := newStore(t)
	deliver(t, s, pattern(12*chunkSize), anna, bruno)
	require.Equal(t, 12, f.count(chunkKey))
	require.NoError(t, s.CreateMailbox(t.Context(), anna, "Old"))
	inbox := open(t, s, anna, mail.Inbox)
	_, err := s.Copy(t.Context(), target(anna, mail.Inbox, inbox, allUIDs...), "Old", false)
	require.NoError(t, err)
	_, err = s.Copy(t.Context(), target(anna, mail.Inbox, inbox, allUIDs...), "Old", true)
	require.NoError(t, err)
	require.Empty(t, open(t, s, anna, mail.Inbox).Items)
	require.Len(t, open(t, s, anna, "Old").Items, 2)
	require.Equal(t, 12, f.count(chunkKey))
	require.Equal(t, 1, f.count(bodyKey))

	require.NoError(t, s.DeleteMailbox(t.Context(), anna, "Old"))
	require.Equal(t, 12, f.count(chunkKey), "bruno still has it")
	purge(t, s, bruno, mail.Inbox)
	s.sweep(t.Context())
	require.Zero(t, f.count(chunkKey)+f.count(bodyKey)+f.count(messageKey)+f.count(sweepKey))
	require.Empty(t, f.detected)
}

// purge flags everything as deleted and expunges it.
func purge(t *testing.T, s *Store, account, name string) {
	t.Helper()
	all := target(account, name, open(t, s, account, name), allUIDs...)
	_, err := s.SetFlags(t.Context(), all, mail.AddFlags, mail.Flags{System: mail.Deleted})
	require.NoError(t, err)
	_, err = s.Expunge(t.Context(), all)
	require.NoError(t, err)
}

func TestUIDsAreNeverUsedAgain(t *testing.T) {
	s, _ := newStore(t)
	deliver(t, s, []byte("one"), anna)
	purge(t, s, anna, mail.Inbox)
	deliver(t, s, []byte("two"), anna)
	inbox := open(t, s, anna, mail.Inbox)
	require.Equal(t, uint32(2), inbox.Items[0].UID)
	require.Equal(t, uint32(3), inbox.UIDNext)
}

func TestUIDNextMovesOnlyWhenMessagesAreAdded(t *testing.T) {
	s, _ := newStore(t)
	deliver(t, s, []byte("one"), anna)
	before := open(t, s, anna, mail.Inbox).UIDNext
	purge(t, s, anna, mail.Inbox)
	require.Equal(t, before, open(t, s, anna, mail.Inbox).UIDNext)
}

func TestMailboxMadeAgainHasAGreaterUIDValidity(t *testing.T) {
	s, _ := newStore(t)
	require.NoError(t, s.CreateMailbox(t.Context(), anna, "Old"))
	before := open(t, s, anna, "Old")
	require.NoError(t, s.DeleteMailbox(t.Context(), anna, "Old"))
	require.NoError(t, s.CreateMailbox(t.Context(), bruno, "Other"))
	require.NoError(t, s.CreateMailbox(t.Context(), anna, "Old"))
	after := open(t, s, anna, "Old")
	require.Greater(t, after.UIDValidity, before.UIDValidity)
	_, err := s.SetFlags(t.Context(), target(anna, "Old", before, allUIDs...), mail.AddFlags, mail.Flags{System: mail.Seen})
	require.ErrorIs(t, err, ErrNoMailbox, "a command for the mailbox of before does nothing")
}

// TestModSeqRises shows C1 and C2: each change has a higher mod-sequence than
// all before it, and what changes nothing has none.
func TestModSeqRises(t *testing.T) {
	s, _ := newStore(t)
	deliver(t, s, []byte("one"), anna)
	deliver(t, s, []byte("two"), anna)
	inbox := open(t, s, anna, mail.Inbox)
	require.Less(t, inbox.Items[0].ModSeq, inbox.Items[1].ModSeq)
	first := target(anna, mail.Inbox, inbox, mail.Range{First: 1, Last: 1})

	reply, err := s.SetFlags(t.Context(), first, mail.AddFlags, mail.Flags{System: mail.Seen})
	require.NoError(t, err)
	require.Equal(t, inbox.ModSeq, reply.Before)
	require.Greater(t, reply.After, reply.Before)
	require.Equal(t, reply.After, open(t, s, anna, mail.Inbox).Items[0].ModSeq)

	again, err := s.SetFlags(t.Context(), first, mail.AddFlags, mail.Flags{System: mail.Seen})
	require.NoError(t, err)
	require.Equal(t, reply.After, again.After)

	purge(t, s, anna, mail.Inbox)
	require.Greater(t, open(t, s, anna, mail.Inbox).ModSeq, reply.After)
}

func TestFlagChangesOfTwoSessionsBothLand(t *testing.T) {
	s, _ := newStore(t)
	deliver(t, s, []byte("one"), anna)
	all := target(anna, mail.Inbox, open(t, s, anna, mail.Inbox), allUIDs...)
	for _, flags := range []mail.Flags{{System: mail.Seen}, {Keywords: []string{"$Work"}}, {System: mail.Flagged}} {
		_, err := s.SetFlags(t.Context(), all, mail.AddFlags, flags)
		require.NoError(t, err)
	}
	_, err := s.SetFlags(t.Context(), all, mail.RemoveFlags, mail.Flags{System: mail.Seen})
	require.NoError(t, err)
	require.Equal(t, []string{`\Flagged`, "$Work"}, open(t, s, anna, mail.Inbox).Items[0].Flags.Names())
}

func TestCopyKeepsFlagsAndDate(t *testing.T) {
	s, _ := newStore(t)
	date := time.Date(2001, 2, 3, 4, 5, 6, 0, time.FixedZone("", 3600))
	where, err := s.Append(t.Context(), anna, mail.Inbox, mail.Flags{System: mail.Draft, Keywords: []string{"k"}}, date, noon, []byte("x"))
	require.NoError(t, err)
	require.NoError(t, s.CreateMailbox(t.Context(), anna, "Old"))
	inbox := open(t, s, anna, mail.Inbox)
	reply, err := s.Copy(t.Context(), target(anna, mail.Inbox, inbox, allUIDs...), "Old", false)
	require.NoError(t, err)
	require.Equal(t, []uint32{where.UID}, reply.From)
	copied := open(t, s, anna, "Old").Items[0]
	require.Equal(t, reply.To[0], copied.UID)
	require.True(t, copied.Time().Equal(date))
	require.Equal(t, inbox.Items[0].Flags, copied.Flags)
}

func TestRefusalsDoNothing(t *testing.T) {
	s, f := newStore(t)
	deliver(t, s, []byte("one"), anna)
	inbox := target(anna, mail.Inbox, open(t, s, anna, mail.Inbox), allUIDs...)
	before := snapshot(t, s)
	cases := map[string]struct {
		do   func() error
		want error
	}{
		"delete INBOX":       {func() error { return s.DeleteMailbox(t.Context(), anna, mail.Inbox) }, ErrForbidden},
		"create INBOX":       {func() error { return s.CreateMailbox(t.Context(), anna, mail.Inbox) }, ErrExists},
		"delete unknown":     {func() error { return s.DeleteMailbox(t.Context(), anna, "no") }, ErrNoMailbox},
		"copy to unknown":    {func() error { _, err := s.Copy(t.Context(), inbox, "no", true); return err }, ErrNoTarget},
		"create for unknown": {func() error { return s.CreateMailbox(t.Context(), "no@libero.example", "x") }, ErrNoAccount},
		"append to unknown": {func() error {
			_, err := s.Append(t.Context(), anna, "no", mail.Flags{}, noon, noon, pattern(3*chunkSize))
			return err
		}, ErrNoMailbox},
		"too large": {func() error {
			_, err := s.Deliver(t.Context(), []string{anna}, noon, make([]byte, s.MaxMessage()+1))
			return err
		}, ErrTooLarge},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, c.do(), c.want)
			require.Equal(t, before, snapshot(t, s))
			require.Equal(t, 1, f.count(chunkKey), "no chunk is left behind")
		})
	}
}

func snapshot(t *testing.T, s *Store) map[string]string {
	t.Helper()
	digests, err := s.Digests()
	require.NoError(t, err)
	return digests
}

func TestClosedAccountRefusesEverythingUntilReopened(t *testing.T) {
	s, _ := newStore(t)
	require.NoError(t, s.Accepts(t.Context(), anna))
	done, _, err := s.SetClosed(t.Context(), true, true, nil)
	require.NoError(t, err)
	require.Equal(t, 2, done)
	require.ErrorIs(t, s.Accepts(t.Context(), anna), ErrClosed)
	require.ErrorIs(t, s.Login(t.Context(), anna, "pw-"+anna), ErrClosed)
	require.ErrorIs(t, s.Login(t.Context(), anna, "guess"), ErrPassword, "a stranger does not learn that it is closed")
	_, err = s.Open(t.Context(), anna, mail.Inbox)
	require.ErrorIs(t, err, ErrClosed)

	_, missing, err := s.SetClosed(t.Context(), false, false, []string{anna, "no@libero.example"})
	require.NoError(t, err)
	require.Equal(t, []string{"no@libero.example"}, missing)
	require.NoError(t, s.Login(t.Context(), anna, "pw-"+anna))
	require.ErrorIs(t, s.Login(t.Context(), bruno, "pw-"+bruno), ErrClosed)
}

// TestDamagedBodyIsNeverHandedOut alters, cuts and removes what is stored.
func TestDamagedBodyIsNeverHandedOut(t *testing.T) {
	key := string(keyChunk(bodyOf(1, 1), 0))
	for name, damage := range map[string]func(f *fake){
		"bit flipped": func(f *fake) { f.data[key][3] ^= 4 },
		"cut short":   func(f *fake) { f.data[key] = f.data[key][:2] },
		"chunk gone":  func(f *fake) { delete(f.data, key) },
	} {
		t.Run(name, func(t *testing.T) {
			s, f := newStore(t)
			deliver(t, s, []byte("precious"), anna)
			damage(f)
			_, err := bodyAt(t, s, anna, mail.Inbox, 0)
			require.ErrorIs(t, err, ErrDamaged)
			require.Len(t, f.detected, 1)
			audited, err := s.Audit(anna)
			require.NoError(t, err)
			require.NotEmpty(t, audited[0].Messages[0].Damage)
		})
	}
}

func TestWithoutDigestsDamageIsHandedOut(t *testing.T) {
	s, f := newStore(t)
	s.options.NoDigest = true
	deliver(t, s, []byte("precious"), anna)
	f.data[string(keyChunk(bodyOf(1, 1), 0))][0] = 'P'
	body, err := bodyAt(t, s, anna, mail.Inbox, 0)
	require.NoError(t, err)
	require.Equal(t, "Precious", string(body))
}

func TestManyMessagesAreChangedPiecewiseAndCopiedNotAtAll(t *testing.T) {
	s, f := newStore(t)
	const many = 1200
	for range many {
		deliver(t, s, []byte("x"), anna)
	}
	inbox := open(t, s, anna, mail.Inbox)
	all := target(anna, mail.Inbox, inbox, allUIDs...)
	require.NoError(t, s.CreateMailbox(t.Context(), anna, "Old"))
	_, err := s.Copy(t.Context(), all, "Old", false)
	require.ErrorIs(t, err, ErrTooMuch)
	require.Empty(t, open(t, s, anna, "Old").Items)

	reply, err := s.SetFlags(t.Context(), all, mail.AddFlags, mail.Flags{System: mail.Deleted})
	require.NoError(t, err)
	require.Len(t, reply.Changed, many)
	require.Equal(t, inbox.ModSeq, reply.Before)
	require.Equal(t, open(t, s, anna, mail.Inbox).ModSeq, reply.After)
	reply, err = s.Expunge(t.Context(), all)
	require.NoError(t, err)
	require.Len(t, reply.From, many)
	require.Zero(t, f.count(messageKey)+f.count(bodyKey)+f.count(chunkKey))
}

func TestAbandonedStagesAreClearedAway(t *testing.T) {
	s, f := newStore(t)
	part := func(token string, at time.Time) {
		_, err := s.change(t.Context(), &mail.StagePart{Token: token, At: at.Unix(), Data: make([]byte, chunkSize)})
		require.NoError(t, err)
	}
	part("abandoned", noon)
	part("in use", noon.Add(stageLife*time.Second))
	require.Equal(t, 2, f.count(stageKey))
	part("next", noon.Add(stageLife*time.Second+time.Second))
	require.Equal(t, 2, f.count(stageKey))
	require.Equal(t, 2, f.count(chunkKey))
}

func TestUnknownPartOfABodyIsADefiniteFailure(t *testing.T) {
	s, f := newStore(t)
	f.fail = ErrUnknown
	_, err := s.Deliver(t.Context(), []string{anna}, noon, pattern(2*chunkSize))
	require.ErrorIs(t, err, ErrUnavailable)
	require.False(t, errors.Is(err, ErrUnknown))
	_, err = s.Deliver(t.Context(), []string{anna}, noon, pattern(100))
	require.ErrorIs(t, err, ErrUnknown)
}
