package mail

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddressHasOneSpelling(t *testing.T) {
	for in, want := range map[string]string{
		"a@b":                           "a@b",
		"Anna.R@Libero.Example":         "anna.r@libero.example",
		"":                              "",
		"a":                             "",
		"@b":                            "",
		"a@":                            "",
		"a@b@c":                         "",
		"a b@c":                         "",
		"a\x00@c":                       "",
		"è@c":                           "",
		strings.Repeat("a", 254) + "@b": "",
	} {
		got, err := Address(in)
		require.Equal(t, want, got, in)
		require.Equal(t, want == "", err != nil, in)
	}
	require.Equal(t, "libero.example", Domain("a@libero.example"))
}

func TestMailboxNames(t *testing.T) {
	for in, want := range map[string]string{
		"inbox": "INBOX", "Old": "Old", "a/b": "a/b", "Entwürfe": "Entwürfe",
		"": "", "/a": "", "a/": "", "a//b": "", "a*": "", "a%": "", "a\x00": "", "a\r\nb": "",
		strings.Repeat("x", 256): "",
	} {
		got, err := MailboxName(in)
		require.Equal(t, want, got, in)
		require.Equal(t, want == "", err != nil, in)
	}
}

func TestFlagsAreASet(t *testing.T) {
	f, err := ParseFlags([]string{`\seen`, "b", "A", "B", `\Seen`})
	require.NoError(t, err)
	require.Equal(t, []string{`\Seen`, "A", "b"}, f.Names())
	require.True(t, f.Has("B") && f.Has(`\SEEN`) && !f.Has(`\Deleted`) && !f.Has("c"))
	for _, bad := range []string{`\Recent`, `\`, "a b", "", "(", strings.Repeat("k", 65)} {
		_, err := ParseFlags([]string{bad})
		require.ErrorIs(t, err, ErrBadFlag, bad)
	}
}

func TestStoreChangesFlags(t *testing.T) {
	had := Flags{System: Seen | Draft, Keywords: []string{"a", "c"}}
	change := Flags{System: Seen | Flagged, Keywords: []string{"B", "C"}}
	for op, want := range map[FlagsOp]Flags{
		SetFlags:    change,
		AddFlags:    {System: Seen | Draft | Flagged, Keywords: []string{"a", "B", "c"}},
		RemoveFlags: {System: Draft, Keywords: []string{"a"}},
	} {
		got, ok := had.Apply(op, change)
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	require.Equal(t, []string{"a", "c"}, had.Keywords, "the operand stays as it was")
}

// samples is one command of each kind, with everything set.
func samples() []Command {
	to := Target{Account: "a@b", Mailbox: "M", UIDValidity: 7, UIDs: []Range{{1, 1}, {3, 1<<32 - 1}}}
	flags := Flags{System: Seen, Keywords: []string{"a", "B"}}
	return []Command{
		&CreateAccounts{[]NewAccount{{"a@b", Digest{1}}, {"c@d", Digest{2}}}},
		&SetClosed{true, []string{"a@b"}},
		&Deliver{-5, []string{"a@b", "c@d"}, Content{Data: []byte("x"), Size: 1, Digest: Digest{3}}},
		&Append{"a@b", "M", flags, 1 << 40, -3600, Content{Data: []byte("end"), Token: "t", Size: 1 << 20}},
		&CreateMailbox{"a@b", "M"}, &DeleteMailbox{"a@b", "M"},
		&Store{to, RemoveFlags, flags}, &Copy{to, "N", true}, &Expunge{to},
		&StagePart{"t", 3, 99, []byte("data")}, &Sweep{}, &Raise{9, true},
	}
}

func TestCommandsComeBackAsTheyWere(t *testing.T) {
	for _, c := range samples() {
		got, err := Decode(Encode(c))
		require.NoError(t, err)
		require.Equal(t, c, got)
		require.Equal(t, kindRaise, byte(len(samples())), "every kind has a sample")
	}
}

func TestNothingButWhatWasWrittenDecodes(t *testing.T) {
	for _, c := range samples() {
		b := Encode(c)
		for n := range b {
			_, err := Decode(b[:n])
			require.ErrorIs(t, err, ErrMalformed, "%T cut at %d", c, n)
		}
		_, err := Decode(append(bytes.Clone(b), 0))
		require.ErrorIs(t, err, ErrMalformed, "%T with a byte more", c)
	}
}

func TestHostileCountAllocatesLittle(t *testing.T) {
	hostile := append([]byte{kindSetClosed, 1}, 0xff, 0xff, 0xff, 0xff, 0x0f)
	require.Less(t, testing.AllocsPerRun(10, func() { _, _ = Decode(hostile) }), 10.0)
	_, err := Decode(hostile)
	require.ErrorIs(t, err, ErrMalformed)
}

func FuzzCommand(f *testing.F) {
	for _, c := range samples() {
		f.Add(Encode(c))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := Decode(b); err == nil {
			require.Equal(t, b, Encode(c))
		}
	})
}

// FuzzRecords gives every record's decoder the same bytes.
func FuzzRecords(f *testing.F) {
	m := Message{ModSeq: 3, Date: 1674388800, Zone: 3600, Size: 9, Body: 1 << 63, Flags: Flags{Keywords: []string{"k"}}}
	f.Add(m.Encode())
	reply := Reply{Codes: []Code{OK, Closed}, From: []uint32{1}, To: []uint32{2}, Changed: []Changed{{1, m.Flags}}, More: true, Last: 4, After: 5}
	f.Add(reply.Encode())
	f.Add((&Mailbox{1, 2, 3}).Encode())
	f.Add((&Account{Closed: true}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		same(t, b, DecodeMessage, (*Message).Encode)
		same(t, b, DecodeReply, (*Reply).Encode)
		same(t, b, DecodeMailbox, (*Mailbox).Encode)
		same(t, b, DecodeAccount, (*Account).Encode)
		same(t, b, DecodeBody, (*Body).Encode)
		same(t, b, DecodeStage, (*Stage).Encode)
	})
}

func same[T any](t *testing.T, b []byte, decode func([]byte) (T, error), encode func(*T) []byte) {
	if v, err := decode(b); err == nil {
		require.Equal(t, b, encode(&v))
	}
}
