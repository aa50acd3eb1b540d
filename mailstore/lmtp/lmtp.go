// Package lmtp is the face by which mail comes in: LMTP (RFC 2033), one reply
// per recipient.
//
// It owns what the store's results mean in LMTP's words. A 250 is a promise and
// is given only for what the store says is done. Trouble with the storage is
// 4yz, and 5yz only what is definite: no such account, not our domain, too
// large. When nobody knows whether a message will be stored, the connection is
// dropped without a reply, as a reply would be a guess. A message is stored
// exactly as it came; no header is put before it.
//
// It never imports the replica, IMAP or the harness. It is the only importer of
// go-smtp besides the load generator.
package lmtp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"slices"
	"time"

	"github.com/emersion/go-smtp"

	"fourdays/mailstore/mail"
	"fourdays/mailstore/store"
)

// Limits of a session. All picked; the times are RFC 5321's order of magnitude.
const (
	maxRecipients = 50        // of one message: they travel in one command with it
	maxLine       = 1 << 20   // far above RFC 5321's 1000: go-smtp answers a longer one with a reset
	maxAhead      = 256 << 10 // bytes made room for on the client's word
	readTimeout   = 5 * time.Minute
	writeTimeout  = time.Minute
)

// Store is what this face needs of the mail store.
type Store interface {
	Accepts(ctx context.Context, account string) error
	Deliver(ctx context.Context, recipients []string, now time.Time, data []byte) ([]error, error)
	MaxMessage() int
	Unavailable() string
}

// Server takes mail in.
type Server struct{ smtp *smtp.Server }

// New returns a server for the mail of some domains. It calls itself name, and
// writes what goes wrong with connections to problems.
func New(s Store, name string, domains []string, problems io.Writer) *Server {
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{store: s, domains: domains, conn: c.Conn()}, nil
	}))
	server.LMTP = true
	server.Domain = name
	server.MaxRecipients = maxRecipients
	// go-smtp refuses what reaches its limit, the store what exceeds its own.
	server.MaxMessageBytes = int64(s.MaxMessage()) + 1
	server.MaxLineLength = maxLine
	server.ReadTimeout, server.WriteTimeout = readTimeout, writeTimeout
	server.ErrorLog = log.New(problems, "lmtp: ", 0)
	return &Server{server}
}

// Serve takes connections until the listener or the server is closed.
func (s *Server) Serve(l net.Listener) error { return s.smtp.Serve(l) }

// Close closes the listeners and all connections.
func (s *Server) Close() error { return s.smtp.Close() }

// session is one connection.
type session struct {
	store      Store
	domains    []string
	conn       net.Conn
	size       int      // as announced with MAIL
	recipients []string // as the client spells them
	accounts   []string // as the store does
}

// Mail implements smtp.Session.
func (s *session) Mail(_ string, opts *smtp.MailOptions) error {
	s.size = int(opts.Size)
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	account, err := mail.Address(to)
	if err != nil {
		return reply(550, 5, 1, 3, "not a mail address")
	}
	if !slices.Contains(s.domains, mail.Domain(account)) {
		return reply(550, 5, 7, 1, "not our domain")
	}
	if why := s.store.Unavailable(); why != "" {
		return unavailable(why)
	}
	if err := s.store.Accepts(context.Background(), account); err != nil {
		return s.translate(err)
	}
	s.recipients = append(s.recipients, to)
	s.accounts = append(s.accounts, account)
	return nil
}

// Data implements smtp.Session; go-smtp uses LMTPData.
func (s *session) Data(io.Reader) error { return reply(451, 4, 3, 0, "LMTP only") }

// LMTPData implements smtp.LMTPSession.
func (s *session) LMTPData(r io.Reader, status smtp.StatusCollector) error {
	message := bytes.NewBuffer(make([]byte, 0, min(max(s.size, 4<<10), maxAhead)+bytes.MinRead))
	if _, err := message.ReadFrom(r); err != nil {
		return s.unread(err)
	}
	results, err := s.store.Deliver(context.Background(), s.accounts, time.Now(), message.Bytes())
	if err != nil {
		return s.translate(err)
	}
	for i, result := range results {
		if result == nil {
			status.SetStatus(s.recipients[i], reply(250, 2, 0, 0, "stored"))
			continue
		}
		status.SetStatus(s.recipients[i], s.translate(result))
	}
	return nil
}

// unread answers for a message that did not arrive whole.
func (s *session) unread(err error) error {
	var refused *smtp.SMTPError
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, smtp.ErrTooLongLine):
		return reply(554, 5, 6, 0, "line is too long")
	}
	return reply(451, 4, 4, 2, "message did not arrive")
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.size, s.recipients, s.accounts = 0, nil, nil }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

// translate says in LMTP's words what the store answered. What may yet be
// stored is not answered: the connection is dropped.
func (s *session) translate(err error) error {
	switch {
	case errors.Is(err, store.ErrUnknown):
		_ = s.conn.Close()
		return reply(451, 4, 3, 0, "nobody reads this: the connection is closed")
	case errors.Is(err, store.ErrUnavailable):
		return unavailable(err.Error())
	case errors.Is(err, store.ErrClosed):
		return reply(450, 4, 2, 1, "account is not yet available")
	case errors.Is(err, store.ErrNoAccount):
		return reply(550, 5, 1, 1, "no such account")
	case errors.Is(err, store.ErrTooLarge):
		return reply(552, 5, 3, 4, "message is too large")
	}
	return reply(451, 4, 3, 0, clean(err.Error()))
}

func unavailable(why string) error { return reply(451, 4, 3, 0, clean("storage: "+why)) }

// clean keeps a text on one line, as every line of a reply needs a code.
func clean(s string) string {
	return string(bytes.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, []byte(s)))
}

func reply(code, class, subject, detail int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{class, subject, detail}, Message: text}
}
