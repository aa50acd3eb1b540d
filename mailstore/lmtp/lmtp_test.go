package lmtp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"fourdays/mailstore/store"
)

// scripted is a store that answers as a test tells it to.
type scripted struct {
	unavailable string
	accepts     map[string]error
	results     map[string]error
	fail        error
	got         []byte
	recipients  []string
}

func (s *scripted) Accepts(_ context.Context, account string) error { return s.accepts[account] }
func (s *scripted) MaxMessage() int                                 { return 1000 }
func (s *scripted) Unavailable() string                             { return s.unavailable }

func (s *scripted) Deliver(_ context.Context, recipients []string, _ time.Time, data []byte) ([]error, error) {
	if s.fail != nil {
		return nil, s.fail
	}
	if len(data) > s.MaxMessage() {
		return nil, store.ErrTooLarge
	}
	s.got, s.recipients = data, recipients
	results := make([]error, len(recipients))
	for i, recipient := range recipients {
		results[i] = s.results[recipient]
	}
	return results, nil
}

// connect serves s on a loopback address and returns a connection to it that
// has been greeted.
func connect(t *testing.T, s Store) *textproto.Conn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := New(s, "n1", []string{"libero.example"}, io.Discard)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	raw, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, raw.SetDeadline(time.Now().Add(10*time.Second)))
	c := textproto.NewConn(raw)
	t.Cleanup(func() { _ = c.Close() })
	expect(t, c, 220)
	ask(t, c, 250, "LHLO test")
	ask(t, c, 250, "MAIL FROM:<sender@elsewhere.example>")
	return c
}

func expect(t *testing.T, c *textproto.Conn, code int) string {
	t.Helper()
	_, text, err := c.ReadResponse(code)
	require.NoError(t, err)
	return text
}

func ask(t *testing.T, c *textproto.Conn, code int, command string) string {
	t.Helper()
	require.NoError(t, c.PrintfLine("%s", command))
	return expect(t, c, code)
}

func send(t *testing.T, c *textproto.Conn, body string) {
	t.Helper()
	ask(t, c, 354, "DATA")
	w := c.DotWriter()
	_, err := io.WriteString(w, body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
}

func TestMessageIsStoredAsItCame(t *testing.T) {
	s := &scripted{}
	c := connect(t, s)
	ask(t, c, 250, "RCPT TO:<Anna@Libero.example>")
	body := "Subject: x\r\n\r\n.dot\r\n..two\r\nwith è and a tail\r\n"
	send(t, c, body)
	require.Contains(t, expect(t, c, 250), "stored")
	require.Equal(t, body, string(s.got))
	require.Equal(t, []string{"anna@libero.example"}, s.recipients)
}

func TestEachRecipientHasItsReply(t *testing.T) {
	s := &scripted{results: map[string]error{
		"closed@libero.example": store.ErrClosed, "gone@libero.example": store.ErrNoAccount, "full@libero.example": store.ErrExhausted,
	}}
	c := connect(t, s)
	names := []string{"anna", "closed", "gone", "anna", "full"}
	for _, name := range names {
		ask(t, c, 250, fmt.Sprintf("RCPT TO:<%s@libero.example>", name))
	}
	send(t, c, "x\r\n")
	for i, code := range []int{250, 450, 550, 250, 451} {
		require.Contains(t, expect(t, c, code), names[i])
	}
	ask(t, c, 250, "NOOP")
}

// TestRecipientsAreRefusedForWhatIsDefiniteOnly shows D5: storage trouble is
// never 5yz.
func TestRecipientsAreRefusedForWhatIsDefiniteOnly(t *testing.T) {
	const anna = "RCPT TO:<anna@libero.example>"
	accepts := func(err error) *scripted {
		return &scripted{accepts: map[string]error{"anna@libero.example": err}}
	}
	for name, c := range map[string]struct {
		store   *scripted
		command string
		code    int
		text    string
	}{
		"known":             {accepts(nil), anna, 250, ""},
		"unknown":           {accepts(store.ErrNoAccount), anna, 550, "5.1.1"},
		"closed":            {accepts(store.ErrClosed), anna, 450, "not yet available"},
		"no leader":         {accepts(store.ErrUnavailable), anna, 451, "4.3.0"},
		"damaged record":    {accepts(store.ErrDamaged), anna, 451, "4.3.0"},
		"anything else":     {accepts(errors.New("odd\r\n250 fine")), anna, 451, "odd  250 fine"},
		"storage hangs":     {&scripted{unavailable: "hung"}, anna, 451, "hung"},
		"foreign domain":    {accepts(nil), "RCPT TO:<anna@elsewhere.example>", 550, "5.7.1"},
		"foreign and down":  {&scripted{unavailable: "hung"}, "RCPT TO:<anna@elsewhere.example>", 550, "5.7.1"},
		"not quite address": {accepts(nil), "RCPT TO:<\"an na\"@libero.example>", 550, "5.1.3"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, ask(t, connect(t, c.store), c.code, c.command), c.text)
		})
	}
}

func TestStorageTroubleIsTemporaryAfterDataToo(t *testing.T) {
	c := connect(t, &scripted{fail: fmt.Errorf("no quorum: %w", store.ErrUnavailable)})
	ask(t, c, 250, "RCPT TO:<anna@libero.example>")
	ask(t, c, 250, "RCPT TO:<bruno@libero.example>")
	send(t, c, "x\r\n")
	expect(t, c, 451)
	expect(t, c, 451)
	ask(t, c, 250, "NOOP")
}

// TestUnknownOutcomeIsNotAnswered shows that a guess is never sent: after the
// message the connection ends without another byte.
func TestUnknownOutcomeIsNotAnswered(t *testing.T) {
	for name, err := range map[string]error{
		"unknown":                     store.ErrUnknown,
		"unknown after a failed part": errors.Join(store.ErrUnknown, store.ErrUnavailable),
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, &scripted{fail: err})
			ask(t, c, 250, "RCPT TO:<anna@libero.example>")
			ask(t, c, 250, "RCPT TO:<bruno@libero.example>")
			send(t, c, "x\r\n")
			rest, _ := io.ReadAll(c.R)
			require.Empty(t, string(rest))
		})
	}
}

func TestSizeLimit(t *testing.T) {
	line := strings.Repeat("x", 98) + "\r\n"
	for size, code := range map[int]int{1000: 250, 1001: 552, 5000: 552} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			c := connect(t, &scripted{})
			ask(t, c, 250, "RCPT TO:<anna@libero.example>")
			body := strings.Repeat(line, size/100)
			if over := size % 100; over > 0 {
				body = strings.Repeat("x", over) + body
			}
			send(t, c, body)
			expect(t, c, code)
			ask(t, c, 250, "NOOP")
		})
	}
	c := connect(t, &scripted{})
	ask(t, c, 250, "RSET")
	ask(t, c, 552, "MAIL FROM:<a@b> SIZE=1000000")
}

func TestEndlessLineIsNotStored(t *testing.T) {
	s := &scripted{}
	c := connect(t, s)
	ask(t, c, 250, "RCPT TO:<anna@libero.example>")
	ask(t, c, 354, "DATA")
	_, err := c.W.WriteString(strings.Repeat("x", 2*maxLine))
	if err == nil {
		_, _, err = c.ReadResponse(250)
	}
	require.Error(t, err)
	require.Nil(t, s.recipients)
}

func TestMessageCutShortIsNotStored(t *testing.T) {
	s := &scripted{}
	c := connect(t, s)
	ask(t, c, 250, "RCPT TO:<anna@libero.example>")
	ask(t, c, 354, "DATA")
	require.NoError(t, c.PrintfLine("only half of"))
	require.NoError(t, c.Close())
	require.Nil(t, s.recipients)
}

// TestGoSMTPClientIsServed speaks to the server as the load generator does.
func TestGoSMTPClientIsServed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &scripted{}
	server := New(s, "n1", []string{"libero.example"}, io.Discard)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	raw, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	c := smtp.NewClientLMTP(raw)
	defer func() { _ = c.Close() }()
	require.NoError(t, c.Mail("a@b", nil))
	require.NoError(t, c.Rcpt("anna@libero.example", nil))
	w, err := c.Data()
	require.NoError(t, err)
	_, err = io.WriteString(w, "x\r\n")
	require.NoError(t, err)
	replies, err := w.CloseWithLMTPResponse()
	require.NoError(t, err)
	require.Contains(t, replies["anna@libero.example"].StatusText, "stored")
}
