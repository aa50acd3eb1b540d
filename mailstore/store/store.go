// Package store is the mail store: accounts, mailboxes and messages as a
// deterministic state machine on a replicated state store, and the calls by
// which the faces read and change it from any node.
//
// It owns the keys of the state, the rules of every command, the one place
// where a body is checked against its digest, and the keys that make a retried
// command harmless. It assumes what the replica promises: that a command whose
// Do returned nil is on a majority's storage, that ErrUnavailable means nothing
// was done and ErrUnknown that it may yet be, that Read is linearizable. What
// a command depends on is in the command; Apply reads no clock and no chance.
//
// It never imports a protocol, the array or the harness.
package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"fourdays/mailstore/mail"
	"fourdays/storage/replica"
)

// What a call may be refused for. Each is definite: it was answered by the
// replicated state, and nothing was done.
var (
	ErrNoAccount = errors.New("no such account")
	ErrClosed    = errors.New("account is not yet available")
	ErrNoMailbox = errors.New("no such mailbox")
	ErrNoTarget  = errors.New("no such mailbox to copy to")
	ErrExists    = errors.New("exists already")
	ErrForbidden = errors.New("not allowed")
	ErrExhausted = errors.New("no number left to give")
	ErrTooMany   = errors.New("too many keywords")
	ErrTooMuch   = errors.New("too many messages for one command")
	ErrPassword  = errors.New("wrong password")
	ErrTooLarge  = errors.New("message is too large")
	errStageLost = unavailable("the staged body is gone")
	errLost      = unavailable("a record that this needs was lost in a recovery")
	errMalformed = errors.New("the replica's answer does not decode")
	codeErrors   = [...]error{nil, ErrNoAccount, ErrClosed, ErrNoMailbox, ErrNoTarget, ErrExists, ErrForbidden, errStageLost, ErrExhausted, ErrTooMany, ErrTooMuch, errLost}
)

func codeError(c mail.Code) error { return codeErrors[c] }

// unavailable is an ErrUnavailable with its own words.
type unavailable string

func (u unavailable) Error() string        { return string(u) }
func (u unavailable) Is(target error) bool { return target == ErrUnavailable }

// Options say how a store behaves.
type Options struct {
	Node       string        // the node's name, part of every idempotency key
	Timeout    time.Duration // how long one call may take
	MaxMessage int           // bytes of the largest message taken
	NoDigest   bool          // a deliberate defect: bodies are not checked when read
}

// Store is one node's door to the replicated mail store. Its methods may be
// called from any goroutine.
type Store struct {
	replica Replica
	options Options
	run     string // this process, among all that this node ever was
	serial  atomic.Uint64

	mu   sync.Mutex
	open map[string]struct{} // accounts that were open when last seen
}

// New returns a store on a replica.
func New(replica Replica, options Options) *Store {
	var run [8]byte
	rand.Read(run[:])
	return &Store{
		replica: replica,
		options: options,
		run:     options.Node + "-" + hex.EncodeToString(run[:]) + "-",
		open:    make(map[string]struct{}),
	}
}

// MaxMessage is the size of the largest message taken, in bytes.
func (s *Store) MaxMessage() int { return s.options.MaxMessage }

// key returns an idempotency key that no other command has or will have.
func (s *Store) key() string {
	return s.run + strconv.FormatUint(s.serial.Add(1), 36)
}

func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.options.Timeout)
}

// Unavailable says why the state cannot be reached just now, "" when nothing is
// known against it. It never blocks.
func (s *Store) Unavailable() string { return s.replica.Status().Unavailable }

// do carries out one command. The error is of the replica or, when the command
// as a whole was refused, the refusal.
func (s *Store) do(ctx context.Context, key string, c mail.Command) (mail.Reply, error) {
	raw, err := s.replica.Do(ctx, key, mail.Encode(c))
	if err != nil {
		return mail.Reply{}, definite(err)
	}
	if len(raw) == 0 {
		return guess(c), nil
	}
	reply, err := mail.DecodeReply(raw)
	if err != nil {
		return mail.Reply{}, errors.Join(ErrUnknown, errMalformed)
	}
	return reply, codeError(reply.Code)
}

// guess is the reply to a command of which the replica was told to pretend that
// it was done (replica.Unsafe.Guess); no command that was done replies nothing.
func guess(c mail.Command) mail.Reply {
	var reply mail.Reply
	switch c := c.(type) {
	case *mail.Deliver:
		reply.Codes = make([]mail.Code, len(c.Recipients))
	case *mail.CreateAccounts:
		reply.Codes = make([]mail.Code, len(c.Accounts))
	case *mail.SetClosed:
		reply.Codes = make([]mail.Code, len(c.Accounts))
	case *mail.Append:
		reply.To = []uint32{0}
	}
	return reply
}

// definite takes for unknown whatever does not say that nothing was done.
func definite(err error) error {
	var refusal *replica.Refusal
	switch {
	case errors.Is(err, ErrUnknown), errors.Is(err, ErrUnavailable):
		return err
	case errors.Is(err, replica.ErrLost):
		return errLost
	case errors.As(err, &refusal), errors.Is(err, replica.ErrTooLarge):
		return errors.Join(ErrTooMuch, err)
	}
	return errors.Join(ErrUnknown, err)
}

// change is do for a command that is complete in itself.
func (s *Store) change(ctx context.Context, c mail.Command) (mail.Reply, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.do(ctx, s.key(), c)
}

// content makes a message the body of a command, storing it ahead when it is
// too long for one. The key is that of the command to come.
func (s *Store) content(ctx context.Context, key string, now time.Time, data []byte) (mail.Content, error) {
	if len(data) > s.options.MaxMessage {
		return mail.Content{}, ErrTooLarge
	}
	c := mail.Content{Digest: sha256.Sum256(data), Size: uint64(len(data))}
	if len(data) <= chunkSize {
		c.Data = data
		return c, nil
	}
	c.Token = key
	parts := (len(data) - 1) / chunkSize
	c.Data = data[parts*chunkSize:]
	return c, s.stageParts(ctx, key, now, data[:parts*chunkSize])
}

// partsInFlight is how many parts of a body travel at a time. Picked.
const partsInFlight = 8

// stageParts stores parts of a body. That the outcome of one is unknown leaves
// nothing in doubt for the client: what is staged is in no mailbox.
func (s *Store) stageParts(ctx context.Context, token string, now time.Time, data []byte) error {
	var failed error
	results := make(chan error, partsInFlight)
	flying := 0
	for part := uint32(0); len(data) > 0 && failed == nil; part++ {
		if flying == partsInFlight {
			failed = <-results
			flying--
		}
		command := &mail.StagePart{Token: token, Part: part, At: now.Unix(), Data: data[:chunkSize]}
		go func() {
			_, err := s.do(ctx, token+"/"+strconv.FormatUint(uint64(command.Part), 10), command)
			results <- err
		}()
		data = data[chunkSize:]
		flying++
	}
	for ; flying > 0; flying-- {
		failed = cmp.Or(failed, <-results)
	}
	if errors.Is(failed, ErrUnknown) {
		return unavailable("a part of the message may not be stored: " + failed.Error())
	}
	return failed
}

// Deliver puts a message into the INBOX of each recipient: one result each, nil
// where it is stored. A non-nil error is the result of all of them.
func (s *Store) Deliver(ctx context.Context, recipients []string, now time.Time, data []byte) ([]error, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	key := s.key()
	content, err := s.content(ctx, key, now, data)
	if err != nil {
		return nil, err
	}
	reply, err := s.do(ctx, key, &mail.Deliver{Date: now.Unix(), Recipients: recipients, Content: content})
	if err != nil {
		return nil, err
	}
	if len(reply.Codes) != len(recipients) {
		return nil, errors.Join(ErrUnknown, errMalformed)
	}
	results := make([]error, len(recipients))
	for i, code := range reply.Codes {
		results[i] = codeError(code)
		s.learn(recipients[i], code == mail.OK)
	}
	return results, nil
}

// Where says where a message went.
type Where struct {
	UIDValidity uint32
	UID         uint32
}

// Append puts a message into a mailbox.
func (s *Store) Append(ctx context.Context, account, mailbox string, flags mail.Flags, date, now time.Time, data []byte) (Where, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	key := s.key()
	content, err := s.content(ctx, key, now, data)
	if err != nil {
		return Where{}, err
	}
	_, zone := date.Zone()
	reply, err := s.do(ctx, key, &mail.Append{
		Account: account, Mailbox: mailbox, Flags: flags,
		Date: date.Unix(), Zone: int32(zone), Content: content,
	})
	if err != nil {
		return Where{}, err
	}
	if len(reply.To) != 1 {
		return Where{}, errors.Join(ErrUnknown, errMalformed)
	}
	return Where{reply.UIDValidity, reply.To[0]}, nil
}

// CreateMailbox makes a mailbox.
func (s *Store) CreateMailbox(ctx context.Context, account, name string) error {
	_, err := s.change(ctx, &mail.CreateMailbox{Account: account, Mailbox: name})
	return err
}

// DeleteMailbox removes a mailbox and what is in it.
func (s *Store) DeleteMailbox(ctx context.Context, account, name string) error {
	_, err := s.change(ctx, &mail.DeleteMailbox{Account: account, Mailbox: name})
	if err == nil {
		s.sweep(ctx)
	}
	return err
}

// sweep has cleared away what a deletion left. It may fail: what is left then
// is in nobody's way, and the next sweep finds it.
func (s *Store) sweep(ctx context.Context) {
	for {
		reply, err := s.change(ctx, &mail.Sweep{})
		if err != nil || !reply.More {
			return
		}
	}
}

// SetFlags changes the flags of messages. The reply lists them all.
func (s *Store) SetFlags(ctx context.Context, target mail.Target, op mail.FlagsOp, flags mail.Flags) (mail.Reply, error) {
	return s.piecewise(ctx, target, func(target mail.Target) mail.Command {
		return &mail.Store{Target: target, Op: op, Flags: flags}
	})
}

// Expunge removes those of the messages that are flagged \Deleted.
func (s *Store) Expunge(ctx context.Context, target mail.Target) (mail.Reply, error) {
	return s.piecewise(ctx, target, func(target mail.Target) mail.Command {
		return &mail.Expunge{Target: target}
	})
}

// Copy copies messages, or moves them, in one step: all or none.
func (s *Store) Copy(ctx context.Context, target mail.Target, to string, move bool) (mail.Reply, error) {
	return s.change(ctx, &mail.Copy{Target: target, To: to, Move: move})
}

// piecewise gives a command again until it has been through all its messages.
// When only a later piece fails, what was done is not nothing: ErrUnknown.
func (s *Store) piecewise(ctx context.Context, target mail.Target, command func(mail.Target) mail.Command) (mail.Reply, error) {
	total, err := s.change(ctx, command(target))
	for err == nil && total.More {
		target.UIDs = above(target.UIDs, total.Last)
		var piece mail.Reply
		if piece, err = s.change(ctx, command(target)); err != nil {
			return total, errors.Join(ErrUnknown, err)
		}
		total.From = append(total.From, piece.From...)
		total.Changed = append(total.Changed, piece.Changed...)
		if piece.Before != total.After {
			total.Before = 0 // somebody else's change came between
		}
		total.After, total.More, total.Last = piece.After, piece.More, piece.Last
	}
	return total, err
}

// above returns what ranges hold above a UID.
func above(ranges []mail.Range, uid uint32) []mail.Range {
	var rest []mail.Range
	for _, r := range ranges {
		if r.Last > uid {
			rest = append(rest, mail.Range{First: max(r.First, uid+1), Last: r.Last})
		}
	}
	return rest
}

// accountsPerCommand bounds a command that makes or closes accounts. Picked.
const accountsPerCommand = 100

// CreateAccounts makes accounts, and says how many of them were new.
func (s *Store) CreateAccounts(ctx context.Context, accounts []mail.NewAccount) (made int, err error) {
	for len(accounts) > 0 {
		n := min(len(accounts), accountsPerCommand)
		reply, err := s.change(ctx, &mail.CreateAccounts{Accounts: accounts[:n]})
		if err != nil {
			return made, err
		}
		for _, code := range reply.Codes {
			if code == mail.OK {
				made++
			}
		}
		accounts = accounts[n:]
	}
	return made, nil
}

// SetClosed closes or reopens accounts, all of them when all is set, and says
// how many there were and which are not there.
func (s *Store) SetClosed(ctx context.Context, closed, all bool, accounts []string) (done int, missing []string, err error) {
	if all {
		accounts, err = read(ctx, s, scanAccounts)
	}
	for len(accounts) > 0 && err == nil {
		n := min(len(accounts), accountsPerCommand)
		var reply mail.Reply
		reply, err = s.change(ctx, &mail.SetClosed{Closed: closed, Accounts: accounts[:n]})
		for i, code := range reply.Codes {
			if code == mail.OK {
				done++
			} else {
				missing = append(missing, accounts[i])
			}
		}
		accounts = accounts[n:]
	}
	s.forget()
	return done, missing, err
}
