package imap

import (
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/stretchr/testify/require"

	"fourdays/mailstore/store"
)

const letter = "From: a@b.example\r\nSubject: hello\r\nDate: Sun, 22 Jan 2023 12:00:00 +0100\r\nX: \x01odd\r\n\r\nbody è\r\n"

func TestAppendedMessageComesBackAsItWas(t *testing.T) {
	w := newWorld(t)
	c, _ := w.login("INBOX")
	date := time.Date(2001, 2, 3, 4, 5, 6, 0, time.FixedZone("", 3600))
	for _, body := range []string{letter, "no header at all", "", strings.Repeat(letter, 3_000)} {
		data, err := appendTo(c, "INBOX", body, &goimap.AppendOptions{Time: date, Flags: []goimap.Flag{goimap.FlagSeen, "$Work"}})
		require.NoError(t, err)
		got, err := c.Fetch(uidSet(data.UID), &goimap.FetchOptions{
			UID: true, Flags: true, InternalDate: true, RFC822Size: true, BodySection: []*goimap.FetchItemBodySection{wholeBody},
		}).Collect()
		require.NoError(t, err)
		require.Len(t, got, 1)
		require.Equal(t, body, string(got[0].FindBodySection(wholeBody)))
		require.Equal(t, int64(len(body)), got[0].RFC822Size)
		require.True(t, got[0].InternalDate.Equal(date))
		require.Equal(t, []goimap.Flag{goimap.FlagSeen, "$Work"}, got[0].Flags)
	}
}

func TestSectionsAreCutFromTheBytes(t *testing.T) {
	w := newWorld(t)
	w.deliver(letter)
	c, _ := w.login("INBOX")
	header := &goimap.FetchItemBodySection{Specifier: goimap.PartSpecifierHeader, Peek: true}
	text := &goimap.FetchItemBodySection{Specifier: goimap.PartSpecifierText, Peek: true, Partial: &goimap.SectionPartial{Offset: 2, Size: 3}}
	subject := &goimap.FetchItemBodySection{Specifier: goimap.PartSpecifierHeader, HeaderFields: []string{"Subject"}, Peek: true}
	got, err := c.Fetch(goimap.SeqSetNum(1), &goimap.FetchOptions{
		Envelope: true, BodyStructure: &goimap.FetchItemBodyStructure{Extended: true},
		BodySection: []*goimap.FetchItemBodySection{header, text, subject},
	}).Collect()
	require.NoError(t, err)
	require.Equal(t, letter[:len(letter)-len("body è\r\n")], string(got[0].FindBodySection(header)))
	require.Equal(t, "dy ", string(got[0].FindBodySection(text)))
	require.Equal(t, "Subject: hello\r\n\r\n", string(got[0].FindBodySection(subject)))
	require.Equal(t, "hello", got[0].Envelope.Subject)
}

func TestReadingABodySetsSeenUnlessPeeked(t *testing.T) {
	w := newWorld(t)
	w.deliver(letter)
	c, _ := w.login("INBOX")
	fetch := func(section *goimap.FetchItemBodySection) {
		_, err := c.Fetch(goimap.SeqSetNum(1), &goimap.FetchOptions{BodySection: []*goimap.FetchItemBodySection{section}}).Collect()
		require.NoError(t, err)
	}
	seen := func() bool {
		contents, err := w.store.Open(t.Context(), anna, "INBOX")
		require.NoError(t, err)
		return contents.Items[0].Flags.Has(`\Seen`)
	}
	fetch(wholeBody)
	require.False(t, seen())
	fetch(&goimap.FetchItemBodySection{})
	require.True(t, seen())
}

// TestSessionsSeeEachOther changes a mailbox in one session and looks at what
// another, which has it selected, is told and when (I6).
func TestSessionsSeeEachOther(t *testing.T) {
	w := newWorld(t)
	for range 4 {
		w.deliver(letter)
	}
	one, _ := w.login("INBOX")
	two, heard := w.login("INBOX")

	require.NoError(t, one.Store(goimap.SeqSetNum(2, 3), &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Flags: []goimap.Flag{goimap.FlagDeleted}}, nil).Close())
	require.NoError(t, one.Expunge().Close())
	require.NoError(t, one.Store(goimap.SeqSetNum(2), &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Flags: []goimap.Flag{"$Old"}}, nil).Close())
	w.deliver(letter)

	// A command that may not report expunges keeps the old numbers.
	found, err := two.Search(&goimap.SearchCriteria{}, nil).Wait()
	require.NoError(t, err)
	require.Equal(t, []uint32{1, 4}, found.AllSeqNums())
	expunged, exists := heard.take()
	require.Empty(t, expunged)
	require.Equal(t, []uint32{5}, exists)
	changed := <-heard.flags
	require.Equal(t, uint32(4), changed.SeqNum)
	require.Equal(t, []goimap.Flag{"$Old"}, changed.Flags)

	require.NoError(t, two.Noop().Wait())
	expunged, _ = heard.take()
	require.Equal(t, []uint32{3, 2}, expunged)
	got, err := two.Fetch(goimap.SeqSet{{Start: 1, Stop: 0}}, &goimap.FetchOptions{UID: true}).Collect()
	require.NoError(t, err)
	require.Len(t, got, 3)
	for i, uid := range []goimap.UID{1, 4, 5} {
		require.Equal(t, uint32(i+1), got[i].SeqNum)
		require.Equal(t, uid, got[i].UID)
	}
}

func TestFetchOfExpungedNumberSaysSo(t *testing.T) {
	w := newWorld(t)
	w.deliver(letter)
	w.deliver(letter)
	two, _ := w.login("INBOX")
	one, _ := w.login("INBOX")
	require.NoError(t, one.Store(goimap.SeqSetNum(1), &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Flags: []goimap.Flag{goimap.FlagDeleted}}, nil).Close())
	require.NoError(t, one.Expunge().Close())
	_, err := two.Fetch(goimap.SeqSetNum(1, 2), &goimap.FetchOptions{Flags: true}).Collect()
	refused(t, err, "EXPUNGEISSUED")
	_, err = two.Fetch(uidSet(1), &goimap.FetchOptions{Flags: true}).Collect()
	require.NoError(t, err, "by UID there is just nothing")
}

// TestFetchByUIDHasNoGaps expunges a message between a session's SELECT and its
// UID FETCH: the session is told first, so what it gets is numbered from 1 to n.
func TestFetchByUIDHasNoGaps(t *testing.T) {
	w := newWorld(t)
	for range 4 {
		w.deliver(letter)
	}
	two, heard := w.login("INBOX")
	one, _ := w.login("INBOX")
	_, err := one.Move(goimap.SeqSetNum(2), "INBOX").Wait()
	require.NoError(t, err)
	got, err := two.Fetch(goimap.UIDSet{{Start: 1}}, &goimap.FetchOptions{BodySection: []*goimap.FetchItemBodySection{wholeBody}}).Collect()
	require.NoError(t, err)
	expunged, exists := heard.take()
	require.Equal(t, []uint32{2}, expunged)
	require.Equal(t, []uint32{4}, exists, "the new one is told after")
	for i, uid := range []goimap.UID{1, 3, 4} {
		require.Equal(t, uint32(i+1), got[i].SeqNum)
		require.Equal(t, uid, got[i].UID)
		require.Equal(t, letter, string(got[i].FindBodySection(wholeBody)))
	}
}

func TestCopyAndMoveSayWhereTo(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.deliver(letter)
	}
	c, heard := w.login("INBOX")
	_, err := c.Copy(goimap.SeqSetNum(1), "Old").Wait()
	refused(t, err, goimap.ResponseCodeTryCreate)
	require.NoError(t, c.Create("Old", nil).Wait())
	copied, err := c.Copy(goimap.SeqSetNum(1, 3), "Old").Wait()
	require.NoError(t, err)
	require.Equal(t, "1,3", copied.SourceUIDs.String())
	require.Equal(t, "1:2", copied.DestUIDs.String())
	moved, err := c.Move(goimap.SeqSetNum(1, 2), "Old").Wait()
	require.NoError(t, err)
	require.Equal(t, "3:4", moved.DestUIDs.(goimap.UIDSet).String())
	expunged, _ := heard.take()
	require.Equal(t, []uint32{2, 1}, expunged)
	status, err := c.Status("Old", &goimap.StatusOptions{NumMessages: true, UIDNext: true, UIDValidity: true}).Wait()
	require.NoError(t, err)
	require.Equal(t, uint32(4), *status.NumMessages)
	require.Equal(t, goimap.UID(5), status.UIDNext)
	require.Equal(t, copied.UIDValidity, status.UIDValidity)
}

func TestUIDExpungeRemovesOnlyWhatItNames(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.deliver(letter)
	}
	c, heard := w.login("INBOX")
	require.NoError(t, c.Store(goimap.SeqSetNum(1, 2), &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Silent: true, Flags: []goimap.Flag{goimap.FlagDeleted}}, nil).Close())
	require.NoError(t, c.UIDExpunge(uidSet(2, 3)).Close())
	contents, err := w.store.Open(t.Context(), anna, "INBOX")
	require.NoError(t, err)
	require.Equal(t, uint32(1), contents.Items[0].UID)
	require.Equal(t, uint32(3), contents.Items[1].UID)
	heard.take()
}

func TestExaminedMailboxCannotBeChanged(t *testing.T) {
	w := newWorld(t)
	w.deliver(letter)
	c, _ := w.login("INBOX")
	deleted := &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Flags: []goimap.Flag{goimap.FlagDeleted}}
	require.NoError(t, c.Store(goimap.SeqSetNum(1), deleted, nil).Close())
	_, err := c.Select("INBOX", &goimap.SelectOptions{ReadOnly: true}).Wait()
	require.NoError(t, err)
	refused(t, c.Store(goimap.SeqSetNum(1), deleted, nil).Close(), "")
	refused(t, c.Expunge().Close(), "")
	require.NoError(t, c.UnselectAndExpunge().Wait())
	contents, err := w.store.Open(t.Context(), anna, "INBOX")
	require.NoError(t, err)
	require.Len(t, contents.Items, 1)
}

func TestSearchFinds(t *testing.T) {
	w := newWorld(t)
	w.deliver(letter)
	w.deliver(strings.ReplaceAll(letter, "hello", "Goodbye"))
	w.deliver(letter + strings.Repeat("x", 1000))
	c, _ := w.login("INBOX")
	require.NoError(t, c.Store(goimap.SeqSetNum(3), &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Flags: []goimap.Flag{goimap.FlagFlagged}}, nil).Close())
	day := time.Date(2023, 1, 22, 0, 0, 0, 0, time.UTC)
	for name, search := range map[string]struct {
		criteria goimap.SearchCriteria
		want     []uint32
	}{
		"all":      {goimap.SearchCriteria{}, []uint32{1, 2, 3}},
		"subject":  {goimap.SearchCriteria{Header: []goimap.SearchCriteriaHeaderField{{Key: "Subject", Value: "goodBYE"}}}, []uint32{2}},
		"text":     {goimap.SearchCriteria{Text: []string{"SUBJECT: HELLO"}}, []uint32{1, 3}},
		"body":     {goimap.SearchCriteria{Body: []string{"subject"}}, nil},
		"larger":   {goimap.SearchCriteria{Larger: 1000}, []uint32{3}},
		"flagged":  {goimap.SearchCriteria{Flag: []goimap.Flag{goimap.FlagFlagged}}, []uint32{3}},
		"not":      {goimap.SearchCriteria{Not: []goimap.SearchCriteria{{Flag: []goimap.Flag{goimap.FlagFlagged}}}}, []uint32{1, 2}},
		"or":       {goimap.SearchCriteria{Or: [][2]goimap.SearchCriteria{{{Larger: 1000}, {UID: []goimap.UIDSet{uidSet(2)}}}}}, []uint32{2, 3}},
		"sent":     {goimap.SearchCriteria{SentSince: day, SentBefore: day.AddDate(0, 0, 1)}, []uint32{1, 2, 3}},
		"old":      {goimap.SearchCriteria{Before: day}, nil},
		"last uid": {goimap.SearchCriteria{UID: []goimap.UIDSet{{{Start: 9, Stop: 0}}}}, []uint32{3}},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := c.Search(&search.criteria, nil).Wait()
			require.NoError(t, err)
			require.Equal(t, search.want, data.AllSeqNums())
		})
	}
}

func TestMailboxesAreListed(t *testing.T) {
	w := newWorld(t)
	c, _ := w.login("INBOX")
	for _, name := range []string{"Old", "Old/2022", "Entwürfe"} {
		require.NoError(t, c.Create(name, nil).Wait())
	}
	names := func(pattern string) (names []string) {
		data, err := c.List("", pattern, nil).Collect()
		require.NoError(t, err)
		for _, m := range data {
			names = append(names, m.Mailbox)
		}
		return names
	}
	require.Equal(t, []string{"Entwürfe", "INBOX", "Old", "Old/2022"}, names("*"))
	require.Equal(t, []string{"Entwürfe", "INBOX", "Old"}, names("%"))
	require.Equal(t, []string{"INBOX"}, names("inbox"))
	refused(t, c.Create("Old", nil).Wait(), goimap.ResponseCodeAlreadyExists)
	refused(t, c.Delete("INBOX").Wait(), goimap.ResponseCodeCannot)
	refused(t, c.Delete("nothing").Wait(), goimap.ResponseCodeNonExistent)
	require.NoError(t, c.Delete("Old").Wait())
	require.Equal(t, []string{"Old/2022"}, names("Old*"))
}

// TestMailboxMadeAgainIsAnother shows I5 to a session that has the old one
// selected: it is told that it is gone, and never sees an empty mailbox.
func TestMailboxMadeAgainIsAnother(t *testing.T) {
	w := newWorld(t)
	c, _ := w.login("INBOX")
	require.NoError(t, c.Create("Old", nil).Wait())
	_, err := appendTo(c, "Old", letter, nil)
	require.NoError(t, err)
	old, err := c.Select("Old", nil).Wait()
	require.NoError(t, err)
	require.NoError(t, w.store.DeleteMailbox(t.Context(), anna, "Old"))
	require.NoError(t, w.store.CreateMailbox(t.Context(), anna, "Old"))
	_, err = c.Fetch(goimap.SeqSetNum(1), &goimap.FetchOptions{Flags: true}).Collect()
	refused(t, err, goimap.ResponseCodeNonExistent)
	again, err := c.Select("Old", nil).Wait()
	require.NoError(t, err)
	require.Greater(t, again.UIDValidity, old.UIDValidity)
}

func TestLoginRefusesOnlyWhatIsDefinite(t *testing.T) {
	w := newWorld(t)
	c, _ := w.dial()
	refused(t, c.Login(anna, "wrong").Wait(), goimap.ResponseCodeAuthenticationFailed)
	refused(t, c.Login("nobody@libero.example", "x").Wait(), goimap.ResponseCodeAuthenticationFailed)
	refused(t, c.Login("no address", "x").Wait(), goimap.ResponseCodeAuthenticationFailed)
	w.replica.set(nil, store.ErrUnavailable)
	refused(t, c.Login(anna, "pw-"+anna).Wait(), goimap.ResponseCodeUnavailable)
	w.replica.set(nil, nil)
	require.NoError(t, c.Login(anna, "pw-"+anna).Wait())
}

// TestMovedInsideItsMailboxIsNew moves a message to where it is: under a new
// UID, which the session is told of.
func TestMovedInsideItsMailboxIsNew(t *testing.T) {
	w := newWorld(t)
	w.deliver(letter)
	w.deliver(letter)
	c, heard := w.login("INBOX")
	_, err := c.Move(goimap.SeqSetNum(1), "inbox").Wait()
	require.NoError(t, err)
	expunged, exists := heard.take()
	require.Equal(t, []uint32{1}, expunged)
	require.Equal(t, []uint32{2}, exists)
	_, err = c.Copy(goimap.SeqSetNum(2), "Inbox").Wait()
	require.NoError(t, err)
	_, exists = heard.take()
	require.Equal(t, []uint32{3}, exists)
	found, err := c.UIDSearch(&goimap.SearchCriteria{}, nil).Wait()
	require.NoError(t, err)
	require.Equal(t, []goimap.UID{2, 3, 4}, found.AllUIDs())
}

// TestSilentStoreHidesNobodyElsesChange stores silently after another session
// has changed the same message.
func TestSilentStoreHidesNobodyElsesChange(t *testing.T) {
	w := newWorld(t)
	w.deliver(letter)
	one, _ := w.login("INBOX")
	two, _ := w.login("INBOX")
	add := func(flag goimap.Flag) *goimap.StoreFlags {
		return &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Silent: true, Flags: []goimap.Flag{flag}}
	}
	require.NoError(t, two.Store(goimap.SeqSetNum(1), add("$Theirs"), nil).Close())
	told, err := one.Store(goimap.SeqSetNum(1), add("$Mine"), nil).Collect()
	require.NoError(t, err)
	require.Len(t, told, 1)
	require.Equal(t, []goimap.Flag{"$Mine", "$Theirs"}, told[0].Flags)
	told, err = one.Store(goimap.SeqSetNum(1), add("$Again"), nil).Collect()
	require.NoError(t, err)
	require.Empty(t, told)
}

// TestUIDCommandsReachMessagesNotToldOfYet stores flags of a message that came
// in since the mailbox was selected.
func TestUIDCommandsReachMessagesNotToldOfYet(t *testing.T) {
	w := newWorld(t)
	c, heard := w.login("INBOX")
	w.deliver(letter)
	change := &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Flags: []goimap.Flag{goimap.FlagSeen}}
	require.NoError(t, c.Store(uidSet(1), change, nil).Close())
	_, exists := heard.take()
	require.Equal(t, []uint32{1}, exists)
	got, err := c.Fetch(goimap.SeqSetNum(1), &goimap.FetchOptions{Flags: true}).Collect()
	require.NoError(t, err)
	require.Equal(t, []goimap.Flag{goimap.FlagSeen}, got[0].Flags)
}

// TestFetchOfManyBytesTakesSeveralReads copies one long message until its
// bodies are more than one read of the state brings.
func TestFetchOfManyBytesTakesSeveralReads(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat(letter, 12_000)
	w.deliver(long)
	c, _ := w.login("INBOX")
	for range 3 {
		_, err := c.Copy(goimap.SeqSet{{Start: 1, Stop: 0}}, "INBOX").Wait()
		require.NoError(t, err)
	}
	require.Greater(t, 8*len(long), 2*fetchBytes)
	cmd := c.Fetch(goimap.UIDSet{{Start: 1}}, &goimap.FetchOptions{BodySection: []*goimap.FetchItemBodySection{wholeBody}})
	for seq := uint32(1); seq <= 8; seq++ {
		m, err := cmd.Next().Collect()
		require.NoError(t, err)
		require.Equal(t, seq, m.SeqNum)
		require.True(t, long == string(m.FindBodySection(wholeBody)))
	}
	require.Nil(t, cmd.Next())
	require.NoError(t, cmd.Close())
}
