// Package admin is the face for operations: HTTP and JSON.
//
// It owns the shape of the requests and answers. /health, /raft and /detected
// answer at once, whatever the storage does; /digests and /audit read this
// node's own replica, without the leader and also while it is fenced, and give
// up after a time. What changes accounts, and /replace, may be asked for again:
// 503 says that it was not done, or not for all of them, and a dropped connection
// that nobody knows. 409 says that it must not be done. /scrub answers when a pass
// over this node's own replica is over; /raft says how far it is.
//
// It assumes that whoever reaches it may do all it offers. It never imports a
// mail protocol or the harness.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"time"

	"fourdays/mailstore/mail"
	"fourdays/mailstore/store"
	"fourdays/storage/replica"
)

// Limits of a request. Both picked.
const (
	maxBody      = 4 << 20
	readTimeout  = 30 * time.Second
	maxHeader    = 16 << 10
	maxAddresses = 20_000
)

// Store is what this face needs of the mail store.
type Store interface {
	CreateAccounts(ctx context.Context, accounts []mail.NewAccount) (made int, err error)
	SetClosed(ctx context.Context, closed, all bool, accounts []string) (done int, missing []string, err error)
	Raise(ctx context.Context, jump uint64) error
	Accounts() ([]string, error)
	Digests() (map[string]string, error)
	Audit(account string) ([]store.AuditedMailbox, error)
}

// Server answers operators.
type Server struct {
	http *http.Server
	face face
}

// Replica is what this face needs of the replicated state itself.
type Replica interface {
	Status() replica.Status
	Replace(ctx context.Context, q replica.Replacement) (replica.Progress, error)
	Scrub(ctx context.Context) (replica.Scrubbed, error)
}

type face struct {
	store    Store
	replica  Replica
	domains  []string
	patience time.Duration // for reads of the own replica, and for a replacement
}

// New returns a server. Accounts can be made in the given domains only; reads
// of the own replica and one step of a replacement may take as long as patience.
func New(s Store, r Replica, domains []string, patience time.Duration, problems io.Writer) *Server {
	f := face{s, r, domains, patience}
	return &Server{face: f, http: &http.Server{
		Handler:           f.routes(),
		ReadTimeout:       readTimeout,
		ReadHeaderTimeout: readTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(problems, "admin: ", 0),
	}}
}

// Serve takes connections until the listener or the server is closed.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(l) }

// Close closes the listeners and all connections.
func (s *Server) Close() error { return s.http.Close() }

func (f *face) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", f.health)
	mux.HandleFunc("GET /raft", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, f.replica.Status()) })
	mux.HandleFunc("GET /detected", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, f.replica.Status().Detected) })
	mux.HandleFunc("GET /digests", f.digests)
	mux.HandleFunc("GET /audit", f.audit)
	mux.HandleFunc("POST /accounts", f.create)
	mux.HandleFunc("POST /replace", f.replace)
	mux.HandleFunc("POST /scrub", f.scrub)
	mux.HandleFunc("POST /raise", f.raise)
	mux.HandleFunc("POST /accounts/close", f.setClosed(true))
	mux.HandleFunc("POST /accounts/open", f.setClosed(false))
	return mux
}

// health is what /health answers.
type health struct {
	ID          string `json:"id"`
	Role        string `json:"role"`
	Leader      string `json:"leader"`
	Fenced      bool   `json:"fenced"`
	Reason      string `json:"reason"`
	Unavailable string `json:"unavailable"`
	Detected    int    `json:"detected"`
}

func (f *face) health(w http.ResponseWriter, _ *http.Request) {
	s := f.replica.Status()
	answer(w, http.StatusOK, health{s.ID, s.Role, s.Leader, s.Fenced, s.Reason, s.Unavailable, len(s.Detected)})
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, code int, err error) {
	answer(w, code, map[string]string{"error": err.Error()})
}

// fail answers for what the store could not do. When it may have been done, the
// connection is dropped.
func fail(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, store.ErrUnknown):
		panic(http.ErrAbortHandler)
	case errors.Is(err, store.ErrNoAccount):
		refuse(w, http.StatusNotFound, err)
	default:
		refuse(w, http.StatusServiceUnavailable, err)
	}
}

var errSlow = errors.New("storage does not answer")

// local runs a read of the own replica, but waits no longer than patience.
func local[T any](f *face, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := read()
		done <- result{value, err}
	}()
	timer := time.NewTimer(f.patience)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.value, r.err
	case <-timer.C:
		var none T
		return none, errSlow
	}
}

func (f *face) digests(w http.ResponseWriter, _ *http.Request) {
	digests, err := local(f, f.store.Digests)
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, http.StatusOK, digests)
}

// account is one to be made.
type account struct {
	Address  string `json:"address"`
	Password string `json:"password"`
}

// DefaultPassword is an account's password unless another is given.
func DefaultPassword(address string) string { return "pw-" + address }

func (f *face) create(w http.ResponseWriter, r *http.Request) {
	accounts, err := f.parseCreate(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	// Not r.Context(): net/http ends that when the time to read a request is up.
	made, err := f.store.CreateAccounts(context.WithoutCancel(r.Context()), accounts)
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]int{"created": made, "existing": len(accounts) - made})
}

func (f *face) parseCreate(body io.Reader) ([]mail.NewAccount, error) {
	var request struct {
		Create []account `json:"create"`
	}
	if err := parse(body, &request); err != nil {
		return nil, err
	}
	if n := len(request.Create); n == 0 || n > maxAddresses {
		return nil, fmt.Errorf("create: %d accounts, want 1 to %d", n, maxAddresses)
	}
	accounts := make([]mail.NewAccount, len(request.Create))
	for i, a := range request.Create {
		address, err := mail.Address(a.Address)
		if err != nil {
			return nil, fmt.Errorf("create[%d]: %q: %w", i, a.Address, err)
		}
		if !slices.Contains(f.domains, mail.Domain(address)) {
			return nil, fmt.Errorf("create[%d]: %s: domain is not served here", i, address)
		}
		if a.Password == "" {
			a.Password = DefaultPassword(address)
		}
		accounts[i] = mail.NewAccount{Address: address, Password: mail.HashPassword(address, a.Password)}
	}
	return accounts, nil
}

// choice is whose accounts to close or open.
type choice struct {
	Accounts []string `json:"accounts"`
	All      bool     `json:"all"`
}

func parseChoice(body io.Reader) (choice, error) {
	var c choice
	if err := parse(body, &c); err != nil {
		return c, err
	}
	if c.All == (len(c.Accounts) > 0) || len(c.Accounts) > maxAddresses {
		return c, fmt.Errorf(`want {"all": true}, or "accounts" with 1 to %d addresses`, maxAddresses)
	}
	for i, a := range c.Accounts {
		address, err := mail.Address(a)
		if err != nil {
			return c, fmt.Errorf("accounts[%d]: %q: %w", i, a, err)
		}
		c.Accounts[i] = address
	}
	return c, nil
}

func (f *face) setClosed(closed bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := parseChoice(r.Body)
		if err != nil {
			refuse(w, http.StatusBadRequest, err)
			return
		}
		done, missing, err := f.store.SetClosed(context.WithoutCancel(r.Context()), closed, c.All, c.Accounts)
		if err != nil {
			fail(w, err)
			return
		}
		answer(w, http.StatusOK, map[string]any{"done": done, "missing": append([]string{}, missing...)})
	}
}

// parse reads one JSON object: no unknown keys, nothing after it, not too long.
func parse(body io.Reader, into any) error {
	limited := &io.LimitedReader{R: body, N: maxBody + 1}
	d := json.NewDecoder(limited)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the object")
		}
	}
	if limited.N <= 0 {
		err = fmt.Errorf("longer than %d bytes", maxBody)
	}
	if err != nil {
		return fmt.Errorf("parse request: %w", err)
	}
	return nil
}
