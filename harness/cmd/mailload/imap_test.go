package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
	"fourdays/harness/letter"
)

func (h *harness) must(op *hist.Op) *hist.Op {
	h.t.Helper()
	got := h.ask(op)
	require.Equal(h.t, hist.OK, got.Outcome, got.Reply)
	return got
}

// TestALifeOfAMessage walks through every kind of IMAP op against go-imap's own
// server and looks at the mailbox after each.
func TestALifeOfAMessage(t *testing.T) {
	h := begin(t, target{imap: imapFace(t)})
	first := h.must(&hist.Op{Kind: hist.Append, Mailbox: "INBOX", Message: "p1", Size: 5000, Flags: []string{`\Seen`}})
	require.Len(t, first.NewUIDs, 1)
	require.NotZero(t, first.UIDValidity)
	h.must(&hist.Op{Kind: hist.Append, Mailbox: "INBOX", Message: "p2", Size: 300})

	read := h.must(&hist.Op{Kind: hist.Read, Mailbox: "INBOX"})
	require.EqualValues(t, 2, read.View.Exists)
	require.Equal(t, first.UIDValidity, read.View.UIDValidity)
	require.Equal(t, []string{"p1", "p2"}, []string{read.View.Messages[0].Message, read.View.Messages[1].Message})
	require.Equal(t, []string{`\Seen`}, read.View.Messages[0].Flags)
	require.EqualValues(t, 5000, read.View.Messages[0].Size)
	require.NotZero(t, read.View.Messages[0].InternalDate)
	require.Empty(t, read.View.Messages[0].Digest, "bodies were not asked for")

	read = h.must(&hist.Op{Kind: hist.Read, Mailbox: "INBOX", Bodies: true})
	require.Equal(t, first.Digest, read.View.Messages[0].Digest)
	require.Equal(t, letter.Digest(letter.Make("p1", 5000)), first.Digest)
	require.Equal(t, []string{`\Seen`}, read.View.Messages[0].Flags, "looking changes nothing")

	uid := first.NewUIDs
	h.must(&hist.Op{Kind: hist.Store, Mailbox: "INBOX", UIDs: uid, FlagsOp: "+", Flags: []string{`\Flagged`}})
	h.must(&hist.Op{Kind: hist.Store, Mailbox: "INBOX", UIDs: uid, FlagsOp: "-", Flags: []string{`\Seen`}})
	read = h.must(&hist.Op{Kind: hist.Read, Mailbox: "INBOX"})
	require.Equal(t, []string{`\Flagged`}, read.View.Messages[0].Flags)

	copied := h.must(&hist.Op{Kind: hist.Copy, Mailbox: "INBOX", UIDs: []uint32{uid[0], 4000}, To: "Archive"})
	require.Equal(t, uid, copied.UIDs, "the server names the sources it had")
	require.Len(t, copied.NewUIDs, 1)
	moved := h.must(&hist.Op{Kind: hist.Move, Mailbox: "INBOX", UIDs: uid, To: "Trash"})
	require.Len(t, moved.NewUIDs, 1)
	require.EqualValues(t, 1, h.must(&hist.Op{Kind: hist.Status, Mailbox: "INBOX"}).View.Exists)

	found := h.must(&hist.Op{Kind: hist.Search, Mailbox: "Trash", Message: "p1"})
	require.Equal(t, moved.NewUIDs[0], found.View.Messages[0].UID)
	require.Empty(t, h.must(&hist.Op{Kind: hist.Search, Mailbox: "Trash", Message: "p2"}).View.Messages)

	h.must(&hist.Op{Kind: hist.Expunge, Mailbox: "Trash", UIDs: moved.NewUIDs})
	gone := h.must(&hist.Op{Kind: hist.Read, Mailbox: "Trash"})
	require.Empty(t, gone.View.Messages)
	require.Greater(t, gone.View.UIDNext, moved.NewUIDs[0])

	h.must(&hist.Op{Kind: hist.Create, Mailbox: "New"})
	require.Equal(t, []string{"Archive", "INBOX", "New", "Trash"}, h.must(&hist.Op{Kind: hist.List}).Mailboxes)
	h.must(&hist.Op{Kind: hist.Delete, Mailbox: "New"})
	require.NotContains(t, h.must(&hist.Op{Kind: hist.List}).Mailboxes, "New")
}

func TestWhatTheServerRefusesIsNo(t *testing.T) {
	h := begin(t, target{imap: imapFace(t)})
	for _, op := range []*hist.Op{
		{Kind: hist.Read, Mailbox: "Nowhere"},
		{Kind: hist.Append, Mailbox: "Nowhere", Message: "p1", Size: 9000},
		{Kind: hist.Copy, Mailbox: "INBOX", UIDs: []uint32{1}, To: "Nowhere"},
		{Kind: hist.Delete, Mailbox: "Nowhere"},
		{Kind: hist.Create, Mailbox: "INBOX"},
		{Kind: hist.Read, Mailbox: "INBOX", Account: "stranger@libero.example"},
		{Kind: hist.Store, Mailbox: "INBOX", FlagsOp: "+"},
		{Kind: hist.Store, Mailbox: "INBOX", FlagsOp: "?", UIDs: []uint32{1}},
		{Kind: hist.Store, Mailbox: "INBOX", FlagsOp: "+", UIDs: []uint32{0}},
	} {
		got := h.ask(op)
		require.Equal(t, hist.No, got.Outcome, "%s %s", op.Kind, got.Reply)
		require.Nil(t, got.View)
	}
	h.must(&hist.Op{Kind: hist.Append, Mailbox: "INBOX", Message: "p2", Size: 300})
}

// TestUIDsOfAnotherMailboxAreNotUsed: a mailbox that was made anew has other
// messages under the old numbers. A client that knows it under another
// UIDVALIDITY changes nothing there.
func TestUIDsOfAnotherMailboxAreNotUsed(t *testing.T) {
	h := begin(t, target{imap: imapFace(t)})
	h.must(&hist.Op{Kind: hist.Append, Mailbox: "INBOX", Message: "p1", Size: 300})
	seen := h.must(&hist.Op{Kind: hist.Read, Mailbox: "INBOX"}).View
	uid := seen.Messages[0].UID
	for _, op := range []*hist.Op{
		{Kind: hist.Store, FlagsOp: "+", Flags: []string{`\Seen`}}, {Kind: hist.Copy, To: "Trash"},
		{Kind: hist.Move, To: "Trash"}, {Kind: hist.Expunge},
	} {
		op.Mailbox, op.UIDs, op.Under = "INBOX", []uint32{uid}, seen.UIDValidity+1
		got := h.ask(op)
		require.Equal(t, hist.No, got.Outcome, "%s %s", op.Kind, got.Reply)
		require.Equal(t, seen.UIDValidity, got.UIDValidity)
	}
	require.Equal(t, seen.Messages, h.must(&hist.Op{Kind: hist.Read, Mailbox: "INBOX"}).View.Messages)
	h.must(&hist.Op{Kind: hist.Move, Mailbox: "INBOX", UIDs: []uint32{uid}, Under: seen.UIDValidity, To: "Trash"})
}

// TestWhereAnIMAPCommandFailsDecidesWhatItMeans plays servers that break off.
func TestWhereAnIMAPCommandFailsDecidesWhatItMeans(t *testing.T) {
	in := []string{"LOGIN", "TAG OK [CAPABILITY IMAP4rev1 UIDPLUS MOVE] hi\r\n"}
	selected := append(in[:2:2], "INBOX", "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n* OK [UIDNEXT 9] n\r\nTAG OK done\r\n")
	hello := "* OK [CAPABILITY IMAP4rev1] hi\r\n"
	flag := hist.Op{Kind: hist.Store, Mailbox: "INBOX", UIDs: []uint32{1}, FlagsOp: "+", Flags: []string{`\Seen`}}
	move := hist.Op{Kind: hist.Move, Mailbox: "INBOX", UIDs: []uint32{1}, To: "Trash"}
	expunge := hist.Op{Kind: hist.Expunge, Mailbox: "INBOX", UIDs: []uint32{1}}
	read := hist.Op{Kind: hist.Read, Mailbox: "INBOX"}
	put := hist.Op{Kind: hist.Append, Mailbox: "INBOX", Message: "p1", Size: 300}
	for name, c := range map[string]struct {
		op      hist.Op
		hello   string
		steps   []string
		outcome hist.Outcome
		reply   string
	}{
		"bye":               {read, "* BYE [UNAVAILABLE] closed\r\n", nil, hist.No, "BYE [UNAVAILABLE] closed [greeting]"},
		"no greeting":       {read, "", nil, hist.No, "[greeting]"},
		"login refused":     {read, hello, []string{"LOGIN", "TAG NO [UNAVAILABLE] not yet\r\n"}, hist.No, "NO [UNAVAILABLE] not yet [login]"},
		"login dropped":     {read, hello, []string{"LOGIN", ""}, hist.No, "[login]"},
		"examine refused":   {read, hello, append(in[:2:2], "EXAMINE", "TAG NO [UNAVAILABLE] disk\r\n"), hist.No, "NO [UNAVAILABLE] disk [select]"},
		"examine dropped":   {read, hello, append(in[:2:2], "EXAMINE", ""), hist.Unknown, "[select]"},
		"select dropped":    {flag, hello, append(in[:2:2], "SELECT", ""), hist.No, "[select]"},
		"fetch dropped":     {read, hello, append(selected[:4:4], "FETCH", "* 1 FETCH (UID 1 FLAGS ("), hist.Unknown, "[command]"},
		"fetch refused":     {read, hello, append(selected[:4:4], "FETCH", "* 1 FETCH (UID 1 FLAGS ())\r\nTAG NO [SERVERBUG] rot\r\n"), hist.No, "NO [SERVERBUG] rot"},
		"store dropped":     {flag, hello, append(selected[:4:4], "STORE", ""), hist.Unknown, "[command]"},
		"store refused":     {flag, hello, append(selected[:4:4], "STORE", "TAG BAD no\r\n"), hist.No, "BAD no"},
		"move endless":      {move, hello, append(selected[:4:4], "MOVE", "* OK [COPYUID 7 1:4294967295 1:4294967295] m\r\nTAG OK done\r\n"), hist.Unknown, "no finite set"},
		"move uneven":       {move, hello, append(selected[:4:4], "MOVE", "* OK [COPYUID 7 1:2 1] m\r\nTAG OK done\r\n"), hist.Unknown, "became"},
		"expunge half":      {expunge, hello, append(selected[:4:4], "STORE", "TAG OK done\r\n", "EXPUNGE", "TAG NO busy\r\n"), hist.Unknown, "refused halfway"},
		"append refused":    {put, hello, append(in[:2:2], "APPEND", "TAG NO [OVERQUOTA] full\r\n"), hist.No, "NO [OVERQUOTA] full"},
		"append too soon":   {put, hello, append(in[:2:2], "APPEND", "TAG OK done\r\n"), hist.Unknown, "before it was sent"},
		"append dropped":    {put, hello, append(in[:2:2], "APPEND", "+ go on\r\n", "X-Fourdays-Key", ""), hist.Unknown, "[command]"},
		"wrong tag":         {put, hello, append(in[:2:2], "APPEND", "X99 OK done\r\n"), hist.Unknown, "[command]"},
		"literal too large": {read, hello, append(selected[:4:4], "FETCH", "* 1 FETCH (UID 1 BODY[] {999999999999}\r\nx"), hist.Unknown, ""},
		"nonsense":          {read, hello, append(selected[:4:4], "FETCH", "\x00\xff(((\r\n"), hist.Unknown, "[command]"},
	} {
		t.Run(name, func(t *testing.T) {
			op := c.op
			op.TimeoutUS = 30e6
			got := begin(t, target{imap: scripted(t, dialogue(c.hello, c.steps...))}).ask(&op)
			require.Equal(t, c.outcome, got.Outcome, got.Reply)
			require.Contains(t, got.Reply, c.reply)
			require.Nil(t, got.View)
		})
	}
}

func TestAnUnknownNodeOrAClosedFaceIsNo(t *testing.T) {
	h := begin(t, target{imap: shut(t), lmtp: shut(t), admin: shut(t)})
	for _, kind := range []hist.Kind{hist.Read, hist.Append, hist.Deliver, hist.Audit, hist.Admin} {
		got := h.ask(&hist.Op{Kind: kind, Mailbox: "INBOX", Message: "m", Path: "/health"})
		require.Equal(t, hist.No, got.Outcome, kind)
		require.Contains(t, got.Reply, "[connect]")
	}
	h.write(`{"id":9,"kind":"list","node":"n9"}` + "\n")
	require.Contains(t, h.receive().Reply, `no node "n9"`)
}
