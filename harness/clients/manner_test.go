package clients

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/letter"
)

// odd are texts that are hard to carry.
var odd = map[string]string{
	"dots":      ".\r\n..\r\n.two\r\n...\r\n",
	"eight-bit": "perch\xe9 no, \u00e8 vero\r\n\xff\xfe\r\n",
	"long-line": strings.Repeat("x", 5000) + "\r\n",
	"blank":     "\r\n\r\n\r\n",
	"big":       strings.Repeat(strings.Repeat("0123456789abcdef", 4)+"\r\n", 20_000),
}

func oddLetter(key string) []byte {
	return []byte("X-Fourdays-Key: " + key + "\r\nSubject: " + key + "\r\n\r\n" + odd[key])
}

// TestClientsGetTheirWay uses more of what the two programs can do, on a store
// that is well.
func TestClientsGetTheirWay(t *testing.T) {
	t.Parallel()
	s := newStore(t, "-raft-timeout", "5s", "-watchdog", "10s", "-command-timeout", "15s") // though the machine is busy
	s.leader()
	for name, test := range map[string]func(*testing.T, *store){
		"texts arrive as they are":             textsArrive,
		"each recipient has an answer":         eachRecipient,
		"two devices become alike":             devicesAlike,
		"pull only pulls and push only pushes": oneWay,
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

// sync makes devices like the store, one after the other.
func (s *store) sync(t *testing.T, devices ...*device) {
	t.Helper()
	for i, d := range devices {
		end := d.sync(t, s.nodes[i%3].imap)
		require.True(t, end.ok, end.said)
	}
}

// texts are what a device holds in a mailbox, by the keys of letters.
func (d *device) texts(t *testing.T, mailbox string) map[string]string {
	found := map[string]string{}
	for _, f := range d.files(t) {
		if f.mailbox == mailbox {
			require.NotContains(t, found, f.key)
			found[f.key] = string(f.text)
		}
	}
	return found
}

// textsArrive sends hard texts by swaks, with pipelining, and by mbsync, and
// reads both on another device.
func textsArrive(t *testing.T, s *store) {
	one, two := newDevice(t, t.TempDir(), accounts[0]), newDevice(t, t.TempDir(), accounts[0])
	one.make(t, "Odd")
	want := map[string]string{}
	for key := range odd {
		text := oddLetter(key)
		want[key] = string(plain(text))
		answers, said := swaks(t, s.nodes[1].lmtp, t.TempDir(), text, accounts[:1], "--pipeline")
		require.Equal(t, stored, answers[accounts[0]], said)
		one.put(t, "Odd", key, "S", plain(text))
	}
	s.sync(t, one, two)
	for _, d := range []*device{one, two} {
		require.Equal(t, want, d.texts(t, inbox))
		require.Equal(t, want, d.texts(t, "Odd"))
	}
}

// eachRecipient sends one message to two accounts and to nobody.
func eachRecipient(t *testing.T, s *store) {
	to := []string{accounts[1], "nobody@mail.example", accounts[2], "anna@elsewhere.example"}
	for _, how := range []string{"--no-pipeline", "--pipeline"} {
		text := letter.Make("for"+how, ordinary)
		answers, said := swaks(t, s.nodes[2].lmtp, t.TempDir(), text, to, how)
		require.Equal(t, map[string]answer{to[0]: stored, to[1]: refused, to[2]: stored, to[3]: refused}, answers, said)
		for _, account := range accounts[1:] {
			d := newDevice(t, t.TempDir(), account)
			s.sync(t, d)
			require.Equal(t, string(plain(text)), d.texts(t, inbox)["for"+how])
		}
	}
}

// devicesAlike does on one device what another has to follow: letters, folders
// below folders, flags, deletions.
func devicesAlike(t *testing.T, s *store) {
	one, two := newDevice(t, t.TempDir(), accounts[1]), newDevice(t, t.TempDir(), accounts[1])
	const below = "Work/Old ones"
	one.make(t, "Work")
	one.make(t, below)
	for _, key := range []string{"a", "b", "c"} {
		one.put(t, below, key, "", plain(letter.Make(key, ordinary)))
	}
	s.sync(t, one, two)
	require.Len(t, two.texts(t, below), 3)
	for _, f := range two.files(t) {
		if f.mailbox == below {
			f.flag(t, map[string]string{"a": "FS", "b": "ST", "c": "RS"}[f.key])
		}
	}
	s.sync(t, two, one, two)
	for _, d := range []*device{one, two} {
		flags := map[string]string{}
		for _, f := range d.files(t) {
			if f.mailbox == below {
				flags[f.key] = f.flags
			}
		}
		require.Equal(t, map[string]string{"a": "FS", "c": "RS"}, flags)
	}
}

// oneWay synchronises one direction at a time.
func oneWay(t *testing.T, s *store) {
	d := newDevice(t, t.TempDir(), accounts[2])
	d.make(t, inbox)
	d.put(t, inbox, "mine", "", plain(letter.Make("mine", ordinary)))
	answers, said := swaks(t, s.nodes[0].lmtp, t.TempDir(), letter.Make("theirs", ordinary), accounts[2:])
	require.Equal(t, stored, answers[accounts[2]], said)

	leader := s.leader() // it has all that is promised
	before := leader.size(t, accounts[2], inbox)
	require.True(t, d.sync(t, s.nodes[1].imap, "--pull").ok)
	require.Contains(t, d.texts(t, inbox), "theirs")
	require.Equal(t, before, leader.size(t, accounts[2], inbox))

	answers, said = swaks(t, s.nodes[0].lmtp, t.TempDir(), letter.Make("later", ordinary), accounts[2:])
	require.Equal(t, stored, answers[accounts[2]], said)
	require.True(t, d.sync(t, s.nodes[2].imap, "--push").ok)
	require.NotContains(t, d.texts(t, inbox), "later")
	require.Equal(t, before+2, leader.size(t, accounts[2], inbox))
}

// size is how many messages a replica has in a mailbox.
func (n *node) size(t testing.TB, account, mailbox string) int {
	for _, box := range n.audit(t, account).Mailboxes {
		if box.Mailbox == mailbox {
			return len(box.View.Messages)
		}
	}
	return 0
}
