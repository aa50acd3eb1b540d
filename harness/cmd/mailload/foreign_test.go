package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
	"fourdays/harness/letter"
)

// This file is about mail servers of others: SMTP, no admin face, users and
// passwords of their own.

// smtpFace takes mail by SMTP, and answers the dot as m says for "all".
func smtpFace(t testing.TB, m *mailbox) string {
	t.Helper()
	l := door(t)
	s := smtp.NewServer(m)
	s.Domain = "libero.example"
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

func TestSMTPHasOneAnswerForAllRecipients(t *testing.T) {
	for _, c := range []struct {
		name string
		data func(string) error
		want hist.Outcome
		says string
	}{
		{"taken", nil, hist.OK, "250 "},
		{"refused", refuse(451, "disk"), hist.No, "451 4.3.0 disk [dot]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := begin(t, target{lmtp: smtpFace(t, &mailbox{data: c.data}), smtp: true})
			h.send(delivery(ann), delivery("bob@libero.example"))
			for range 2 {
				got := h.receive()
				require.Equal(t, c.want, got.Outcome, got.Reply)
				require.Contains(t, got.Reply, c.says)
			}
		})
	}
}

func TestSMTPWithoutAnAnswerIsUnknown(t *testing.T) {
	face := scripted(t, dialogue("220 hello\r\n", "EHLO", "250 hello\r\n", "MAIL", "250 ok\r\n", "RCPT", "250 ok\r\n", "DATA", "354 go\r\n", "X-Fourdays-Key", ""))
	got := begin(t, target{lmtp: face, smtp: true}).ask(delivery(ann))
	require.Equal(t, hist.Unknown, got.Outcome, got.Reply)
}

func TestAServerWithoutAdminFaceIsNotAskedThere(t *testing.T) {
	h := begin(t, target{lmtp: shut(t), imap: shut(t)})
	for _, kind := range []hist.Kind{hist.Admin, hist.Audit} {
		got := h.ask(&hist.Op{Kind: kind, Path: "/health"})
		require.Equal(t, hist.No, got.Outcome)
		require.Equal(t, "n1 has no admin face [connect]", got.Reply)
	}
}

func TestAddressesOfOthersAreParsed(t *testing.T) {
	got, err := parseTargets("n1=smtp:127.0.0.2:2525,127.0.0.2:143,")
	require.NoError(t, err)
	require.Equal(t, target{lmtp: "127.0.0.2:2525", imap: "127.0.0.2:143", smtp: true}, got["n1"])
	_, err = parseTargets("n1=smtp:nowhere,127.0.0.2:143,")
	require.ErrorContains(t, err, "parse nodes: n1: address nowhere")
}

// TestAccountsLogInAsTheirFileSays asks a server whose only user has the name
// and the password of the file.
func TestAccountsLogInAsTheirFileSays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accounts")
	require.NoError(t, os.WriteFile(path, []byte("boss@libero.example\t"+ann+"\tpw-"+ann+"\n"), 0o600))
	known, err := loadLogins(path)
	require.NoError(t, err)
	l := door(t)
	d := newDriver(map[string]target{"n1": {imap: imapFace(t)}})
	d.logins = known
	go serve(l, d)

	conn, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	h := harnessOn(t, conn)
	require.Equal(t, hist.OK, h.ask(&hist.Op{Kind: hist.List, Account: "boss@libero.example"}).Outcome)
	refused := h.ask(&hist.Op{Kind: hist.List, Account: "bob@libero.example"})
	require.Equal(t, hist.No, refused.Outcome)
	require.Contains(t, refused.Reply, "[login]")
}

func TestLoginsThatCannotBeReadEndTheDriver(t *testing.T) {
	for _, text := range []string{"ann\n", "ann\tann\n", "\tann\tpw\n", "a\tb\tc\td\n"} {
		_, err := readLogins(strings.NewReader(text))
		require.ErrorContains(t, err, "read logins: line 1 is not an account")
	}
	require.ErrorContains(t, run([]string{"-nodes", "n1=a:1,b:2,", "-logins", "/nowhere/at/all"}), "open logins")
}

// TestStatusIsAskedOutsideTheMailbox plays a server that tells of the selected
// mailbox what the connection has seen last, as Dovecot does.
func TestStatusIsAskedOutsideTheMailbox(t *testing.T) {
	d := newDriver(map[string]target{"n1": {imap: scripted(t, dialogue("* OK [CAPABILITY IMAP4rev1 UNSELECT] hello\r\n",
		"LOGIN", "TAG OK [CAPABILITY IMAP4rev1 UNSELECT] in\r\n",
		"EXAMINE", "* 6 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 7] ok\r\nTAG OK [READ-ONLY] examined\r\n",
		"SEARCH", "* SEARCH\r\nTAG OK found\r\n",
		"UNSELECT", "TAG OK left\r\n",
		"STATUS", "* STATUS INBOX (MESSAGES 9 UIDNEXT 10 UIDVALIDITY 1)\r\nTAG OK told\r\n"))}})
	d.logins = logins{}
	look := d.do([]*hist.Op{{Kind: hist.Search, Node: "n1", Account: ann, Mailbox: "INBOX", TimeoutUS: 5e6}})[0]
	require.Equal(t, hist.OK, look.Outcome, look.Reply)
	told := d.do([]*hist.Op{{Kind: hist.Status, Node: "n1", Account: ann, Mailbox: "INBOX", TimeoutUS: 5e6}})[0]
	require.Equal(t, hist.OK, told.Outcome, told.Reply)
	require.EqualValues(t, 9, told.View.Exists)
}

// stumbler is an IMAP server that hangs up whenever it is to give the text of
// UID 2, and says no for UID 4.
func stumbler(in *bufio.Reader, conn net.Conn) {
	io.WriteString(conn, "* OK [CAPABILITY IMAP4rev1] hello\r\n")
	text := func(n int) string {
		raw := letter.Make(fmt.Sprint("d", n), 300)
		return fmt.Sprintf("* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n", n, n, len(raw), raw)
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		tag, command, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case strings.Contains(command, "EXAMINE"):
			io.WriteString(conn, "* 4 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 5] ok\r\n")
		case strings.Contains(command, "FETCH 1:*") && strings.Contains(command, "BODY"):
			io.WriteString(conn, text(1))
			return
		case strings.Contains(command, "FETCH 1:*"):
			for n := range 4 {
				fmt.Fprintf(conn, "* %d FETCH (UID %d FLAGS (\\Seen))\r\n", n+1, n+1)
			}
		case strings.Contains(command, "FETCH 2 "):
			return
		case strings.Contains(command, "FETCH 4 "):
			io.WriteString(conn, tag+" NO [SERVERBUG] broken\r\n")
			continue
		case strings.Contains(command, "FETCH 1 "):
			io.WriteString(conn, text(1))
		case strings.Contains(command, "FETCH 3 "):
			io.WriteString(conn, text(3))
		}
		io.WriteString(conn, tag+" OK done\r\n")
	}
}

func TestOneUnreadableMessageDoesNotHideTheOthers(t *testing.T) {
	d := newDriver(map[string]target{"n1": {imap: scripted(t, stumbler)}})
	read := func() *hist.Op {
		return d.do([]*hist.Op{{Kind: hist.Read, Node: "n1", Account: ann, Mailbox: "INBOX", Bodies: true, TimeoutUS: 20e6}})[0]
	}
	require.Equal(t, hist.Unknown, read().Outcome, "of our own store half an answer is none")

	d.logins = logins{}
	got := read()
	require.Equal(t, hist.OK, got.Outcome, got.Reply)
	require.Len(t, got.View.Messages, 4)
	require.EqualValues(t, 7, got.View.UIDValidity)
	for i, m := range got.View.Messages {
		require.EqualValues(t, i+1, m.UID)
		require.EqualValues(t, i+1, m.Seq)
		require.Equal(t, []string{`\Seen`}, m.Flags)
		if m.UID%2 == 1 {
			require.Equal(t, fmt.Sprint("d", m.UID), m.Message)
			require.Equal(t, letter.Digest(letter.Make(m.Message, 300)), m.Digest)
			require.Empty(t, m.Damage)
		}
	}
	require.Contains(t, got.View.Messages[1].Damage, "[fetch]")
	require.Contains(t, got.View.Messages[3].Damage, "SERVERBUG")
}
