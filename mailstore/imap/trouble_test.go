package imap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/stretchr/testify/require"

	"fourdays/mailstore/store"
)

// commands is one command of each kind that needs the storage.
func commands(c *imapclient.Client) map[string]func() error {
	flagged := &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Flags: []goimap.Flag{goimap.FlagFlagged}}
	return map[string]func() error{
		"fetch": func() error { return c.Fetch(goimap.SeqSetNum(1), &goimap.FetchOptions{Flags: true}).Close() },
		"body": func() error {
			return c.Fetch(goimap.SeqSetNum(1), &goimap.FetchOptions{BodySection: []*goimap.FetchItemBodySection{wholeBody}}).Close()
		},
		"search":  func() error { _, err := c.Search(&goimap.SearchCriteria{}, nil).Wait(); return err },
		"status":  func() error { _, err := c.Status("INBOX", &goimap.StatusOptions{NumMessages: true}).Wait(); return err },
		"list":    func() error { _, err := c.List("", "*", nil).Collect(); return err },
		"store":   func() error { return c.Store(goimap.SeqSetNum(1), flagged, nil).Close() },
		"copy":    func() error { _, err := c.Copy(goimap.SeqSetNum(1), "INBOX").Wait(); return err },
		"move":    func() error { _, err := c.Move(goimap.SeqSetNum(1), "Old").Wait(); return err },
		"expunge": func() error { return c.Expunge().Close() },
		"append":  func() error { _, err := appendTo(c, "INBOX", letter, nil); return err },
		"create":  func() error { return c.Create("New", nil).Wait() },
		"delete":  func() error { return c.Delete("Old").Wait() },
		"select":  func() error { _, err := c.Select("INBOX", nil).Wait(); return err },
	}
}

// TestUnavailableStorageIsSaidToBeUnavailable shows D9: no command succeeds, no
// mailbox looks empty, and all is as it was when the storage is back.
func TestUnavailableStorageIsSaidToBeUnavailable(t *testing.T) {
	w := newWorld(t)
	w.deliver(letter)
	trouble := fmt.Errorf("no quorum\r\nA1 OK fine: %w", store.ErrUnavailable)
	c, _ := w.login("INBOX")
	for name := range commands(c) {
		t.Run(name, func(t *testing.T) {
			c, _ := w.login("INBOX")
			w.replica.set(trouble, trouble)
			defer w.replica.set(nil, nil)
			if name == "body" {
				withheld(t, c, commands(c)[name]())
				return
			}
			refused(t, commands(c)[name](), goimap.ResponseCodeUnavailable)
			require.NoError(t, c.Noop().Wait(), "the session goes on")
		})
	}
	contents, err := w.store.Open(t.Context(), anna, "INBOX")
	require.NoError(t, err)
	require.Len(t, contents.Items, 1)
}

// withheld requires that a FETCH of what messages say ended without an answer:
// clients take NO for the end of the message, mbsync for one.
func withheld(t *testing.T, c *imapclient.Client, err error) {
	t.Helper()
	require.Error(t, err)
	var answer *goimap.Error
	require.False(t, errors.As(err, &answer) && answer.Type == goimap.StatusResponseTypeNo, "answered: %v", err)
	<-c.Closed()
}

// TestWithheldMailIsNotANo looks at the wire itself: BYE says why, and not a
// byte follows.
func TestWithheldMailIsNotANo(t *testing.T) {
	w := newWorld(t)
	w.deliver(letter)
	conn, err := net.Dial("tcp", w.addr)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = fmt.Fprintf(conn, "a LOGIN %s pw-%s\r\nb SELECT INBOX\r\n", anna, anna)
	require.NoError(t, err)
	upTo(t, conn, "b OK [READ-WRITE] SELECT completed\r\n")
	trouble := fmt.Errorf("no quorum: %w", store.ErrUnavailable)
	w.replica.set(trouble, trouble)
	_, err = io.WriteString(conn, "c UID FETCH 1 (FLAGS)\r\nd UID FETCH 1 (BODY.PEEK[])\r\n")
	require.NoError(t, err)
	rest, _ := io.ReadAll(conn)
	require.Regexp(t, `^c NO \[UNAVAILABLE\] storage: no quorum: [^\n]*\r\n\* BYE storage: no quorum: [^\n]*\r\n$`, string(rest))
}

// TestUnknownOutcomeEndsTheConnection shows that no tagged reply is sent when
// nobody knows what one would be true.
func TestUnknownOutcomeEndsTheConnection(t *testing.T) {
	w := newWorld(t)
	w.deliver(letter)
	unknown := errors.Join(store.ErrUnknown, store.ErrUnavailable)
	for _, name := range []string{"store", "copy", "move", "expunge", "append", "create", "delete"} {
		t.Run(name, func(t *testing.T) {
			c, _ := w.login("INBOX")
			w.replica.set(unknown, nil)
			defer w.replica.set(nil, nil)
			err := commands(c)[name]()
			require.Error(t, err)
			var answer *goimap.Error
			require.False(t, errors.As(err, &answer), "answered: %v", err)
		})
	}
}

// TestNotAByteFollowsAnUnknownOutcome looks at the wire itself.
func TestNotAByteFollowsAnUnknownOutcome(t *testing.T) {
	w := newWorld(t)
	conn, err := net.Dial("tcp", w.addr)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = fmt.Fprintf(conn, "a LOGIN %s pw-%s\r\nb NOOP\r\n", anna, anna)
	require.NoError(t, err)
	upTo(t, conn, "b OK NOOP completed\r\n")
	w.replica.set(store.ErrUnknown, nil)
	_, err = io.WriteString(conn, "c CREATE New\r\n")
	require.NoError(t, err)
	rest, _ := io.ReadAll(conn)
	require.Empty(t, string(rest))
}

func upTo(t *testing.T, r io.Reader, end string) {
	t.Helper()
	var got []byte
	for b := make([]byte, 1); !bytes.HasSuffix(got, []byte(end)); got = append(got, b[0]) {
		_, err := io.ReadFull(r, b)
		require.NoError(t, err, "after %q", got)
	}
}

func TestClosedAccountIsNotYetAvailable(t *testing.T) {
	w := newWorld(t)
	w.deliver(letter)
	closed := func(closed bool) {
		_, _, err := w.store.SetClosed(t.Context(), closed, true, nil)
		require.NoError(t, err)
	}
	c, _ := w.login("INBOX")
	for name := range commands(c) {
		t.Run(name, func(t *testing.T) {
			c, _ := w.login("INBOX")
			closed(true)
			defer closed(false)
			err := commands(c)[name]()
			if name == "body" {
				withheld(t, c, err)
				return
			}
			refused(t, err, goimap.ResponseCodeUnavailable)
			require.ErrorContains(t, err, "not yet available")
		})
	}
	closed(true)
	other, _ := w.dial()
	refused(t, other.Login(anna, "pw-"+anna).Wait(), goimap.ResponseCodeUnavailable)
	_, _, err := w.store.SetClosed(t.Context(), false, false, []string{anna})
	require.NoError(t, err)
	require.NoError(t, other.Login(anna, "pw-"+anna).Wait())
}

// TestDamagedBodyIsWithheld alters what the storage shows of one message of
// three: the others are given out, that one never, and the node knows.
func TestDamagedBodyIsWithheld(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.deliver(letter)
	}
	chunks := 0
	w.replica.alter = func(key, value []byte) []byte {
		if key[0] == 'c' {
			if chunks++; chunks == 2 {
				value = bytes.Replace(value, []byte("body"), []byte("BODY"), 1)
			}
		}
		return value
	}
	c, _ := w.login("INBOX")
	cmd := c.Fetch(goimap.SeqSetNum(1, 2, 3), &goimap.FetchOptions{BodySection: []*goimap.FetchItemBodySection{wholeBody}})
	var seqs []uint32
	for m := cmd.Next(); m != nil; m = cmd.Next() {
		data, err := m.Collect()
		require.NoError(t, err)
		require.Equal(t, letter, string(data.FindBodySection(wholeBody)))
		seqs = append(seqs, data.SeqNum)
	}
	withheld(t, c, cmd.Close())
	require.Equal(t, []uint32{1, 3}, seqs)
	require.Contains(t, w.replica.Status().Detected[0], "does not match its digest")
}
