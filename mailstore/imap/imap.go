// Package imap is the face by which mail goes out: IMAP4rev1 with UIDPLUS, MOVE,
// NAMESPACE and ESEARCH.
//
// It owns the sessions: what each client was told of its mailbox, and so which
// message a sequence number means; and what the store's results mean in IMAP's
// words. Every answer comes from one linearizable read or one command. Trouble
// with the storage is NO [UNAVAILABLE], never an empty mailbox and never a
// failed login. The connection is closed without a tagged reply when nobody
// knows whether a change will happen, as a reply would be a guess, and when it
// is the text of messages that cannot be had, as clients misunderstand NO.
//
// It assumes that one goroutine at a time calls a session, as go-imap does. It
// never imports the replica, LMTP or the harness. It is the only importer of
// go-imap besides the load generator.
package imap

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"slices"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"fourdays/mailstore/mail"
	"fourdays/mailstore/store"
)

// Server gives mail out.
type Server struct{ imap *imapserver.Server }

// New returns a server that writes what goes wrong with connections to
// problems. Logins need no TLS: the network is the rehearsal's own.
func New(s *store.Store, problems io.Writer) *Server {
	return &Server{imapserver.New(&imapserver.Options{
		NewSession: func(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &session{store: s, conn: c}, &imapserver.GreetingData{}, nil
		},
		Caps: goimap.CapSet{
			goimap.CapIMAP4rev1:   {},
			goimap.CapUIDPlus:     {},
			goimap.CapMove:        {},
			goimap.CapNamespace:   {},
			goimap.CapESearch:     {},
			goimap.CapChildren:    {},
			goimap.CapLiteralPlus: {}, // spares a round trip per APPEND
		},
		Logger:       log.New(problems, "imap: ", 0),
		InsecureAuth: true,
	})}
}

// Serve takes connections until the listener or the server is closed.
func (s *Server) Serve(l net.Listener) error { return s.imap.Serve(l) }

// Close closes the listeners and all connections.
func (s *Server) Close() error { return s.imap.Close() }

// session is one connection.
type session struct {
	store   *store.Store
	conn    *imapserver.Conn
	account string
	view    *view // the selected mailbox, nil for none

	// What the command that just succeeded left for Poll to know:
	settled     bool // it looked at the state itself, there is no need to look again
	holdExpunge bool // no EXPUNGE may be sent in its answer
}

// drop ends the connection without an answer.
func (s *session) drop() error {
	_ = s.conn.NetConn().Close()
	return &goimap.Error{Type: goimap.StatusResponseTypeBye, Text: "nobody reads this: the connection is closed"}
}

// answers are the words for what the store refuses.
var answers = []struct {
	err  error
	code goimap.ResponseCode
	text string
}{
	{store.ErrClosed, goimap.ResponseCodeUnavailable, "account is not yet available"},
	{store.ErrNoMailbox, goimap.ResponseCodeNonExistent, "no such mailbox"},
	{store.ErrNoTarget, goimap.ResponseCodeTryCreate, "no such mailbox"},
	{store.ErrExists, goimap.ResponseCodeAlreadyExists, "mailbox exists"},
	{store.ErrForbidden, goimap.ResponseCodeCannot, "not allowed"},
	{store.ErrTooLarge, goimap.ResponseCodeTooBig, "message is too large"},
	{store.ErrTooMuch, goimap.ResponseCodeLimit, "too many messages for one command"},
	{store.ErrTooMany, goimap.ResponseCodeLimit, "too many keywords"},
	{mail.ErrBadMailbox, goimap.ResponseCodeCannot, "not a mailbox name"},
	{mail.ErrBadFlag, goimap.ResponseCodeCannot, "not a flag that can be stored"},
}

// translate says in IMAP's words what the store answered.
func (s *session) translate(err error) error {
	if errors.Is(err, store.ErrUnknown) {
		return s.drop()
	}
	for _, answer := range answers {
		if errors.Is(err, answer.err) {
			return no(answer.code, answer.text)
		}
	}
	if imapErr := (*goimap.Error)(nil); errors.As(err, &imapErr) {
		return err
	}
	return no(goimap.ResponseCodeUnavailable, clean("storage: "+err.Error()))
}

func no(code goimap.ResponseCode, text string) error {
	return &goimap.Error{Type: goimap.StatusResponseTypeNo, Code: code, Text: text}
}

// clean keeps a text on one line.
func clean(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c >= 0x7f {
			b[i] = ' '
		}
	}
	return string(b)
}

// Close implements imapserver.Session.
func (s *session) Close() error { return nil }

// Login implements imapserver.Session. Only a definite answer of the state is a
// failure to authenticate.
func (s *session) Login(username, password string) error {
	account, err := mail.Address(username)
	if err != nil {
		return imapserver.ErrAuthFailed
	}
	err = s.store.Login(context.Background(), account, password)
	switch {
	case errors.Is(err, store.ErrNoAccount), errors.Is(err, store.ErrPassword):
		return imapserver.ErrAuthFailed
	case err != nil:
		return s.translate(err)
	}
	s.account = account
	return nil
}

// Namespace implements imapserver.SessionNamespace.
func (s *session) Namespace() (*goimap.NamespaceData, error) {
	return &goimap.NamespaceData{Personal: []goimap.NamespaceDescriptor{{Delim: mail.Delimiter}}}, nil
}

// Idle implements imapserver.Session. What changed is told when the client ends
// it: nothing in a node wakes up for an idle client.
func (s *session) Idle(_ *imapserver.UpdateWriter, stop <-chan struct{}) error {
	<-stop
	return nil
}

// Poll implements imapserver.Session: it tells the client what has changed in
// its mailbox. It never fails for the storage's sake, because the command that
// it follows is done; what it cannot see now the next one tells.
func (s *session) Poll(w *imapserver.UpdateWriter, allowExpunge bool) error {
	settled, hold := s.settled, s.holdExpunge
	s.settled, s.holdExpunge = false, false
	if s.view == nil {
		return nil
	}
	if !settled {
		s.refresh()
	}
	return s.view.report(w, allowExpunge && !hold)
}

// refresh looks at the selected mailbox, if it can.
func (s *session) refresh() {
	contents, err := look(s, justContents)
	if err == nil {
		s.view.sync(contents)
	}
}

func justContents(c store.Contents, _ store.Bodies) (store.Contents, error) { return c, nil }

// look reads the selected mailbox. A look that fails may leave fn behind with
// the entries of the view, so the session goes on with others.
func look[T any](s *session, fn func(store.Contents, store.Bodies) (T, error)) (T, error) {
	got, err := store.Look(context.Background(), s.store, s.view.known, fn)
	if err != nil {
		s.view.entries = slices.Clone(s.view.entries)
	}
	return got, err
}
