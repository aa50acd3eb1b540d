package store

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"fourdays/mailstore/mail"
	"fourdays/storage/replica"
)

// maxOpen bounds what is remembered of open accounts. Picked.
const maxOpen = 1 << 16

// learn remembers whether an account was open just now.
func (s *Store) learn(account string, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !open {
		delete(s.open, account)
		return
	}
	if len(s.open) >= maxOpen {
		clear(s.open)
	}
	s.open[account] = struct{}{}
}

func (s *Store) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.open)
}

// Accepts says whether mail for an account may be offered: nil, ErrNoAccount,
// ErrClosed or the replica's error. A nil may be out of date, as Deliver has
// the last word; a refusal never is.
func (s *Store) Accepts(ctx context.Context, account string) error {
	s.mu.Lock()
	_, open := s.open[account]
	s.mu.Unlock()
	if open {
		return nil
	}
	_, err := read(ctx, s, func(v View) (mail.Account, error) { return openAccount(v, account) })
	s.learn(account, err == nil)
	return err
}

// Login checks a password.
func (s *Store) Login(ctx context.Context, account, password string) error {
	record, err := read(ctx, s, func(v View) (mail.Account, error) { return readAccount(v, account) })
	if err != nil {
		return err
	}
	hash := mail.HashPassword(account, password)
	if subtle.ConstantTimeCompare(hash[:], record.Password[:]) != 1 {
		return ErrPassword
	}
	if record.Closed {
		return ErrClosed
	}
	return nil
}

// List returns the mailboxes of an account by name.
func (s *Store) List(ctx context.Context, account string) ([]NamedMailbox, error) {
	return read(ctx, s, func(v View) ([]NamedMailbox, error) {
		if _, err := openAccount(v, account); err != nil {
			return nil, err
		}
		return scanMailboxes(v, account)
	})
}

// Item is a message of a mailbox.
type Item struct {
	UID uint32
	mail.Message
}

// Contents is a mailbox with its messages by UID.
type Contents struct {
	mail.Mailbox
	Items []Item
	// Same means that the mailbox is as the caller knows it; Items are left out.
	Same bool
}

// Open reads a mailbox.
func (s *Store) Open(ctx context.Context, account, name string) (Contents, error) {
	return read(ctx, s, func(v View) (Contents, error) { return openMailbox(v, account, name) })
}

// Known is what a session knows of a mailbox.
type Known struct {
	Account, Mailbox string
	UIDValidity      uint32
	ModSeq           uint64
}

// Look reads a mailbox that a session knows, or ErrNoMailbox when it is gone or
// another one by now, and in the same moment what fn makes of it. The fn may be
// left behind, still running, when the time is up: it must touch nothing but
// its arguments and what it returns.
func Look[T any](ctx context.Context, s *Store, known Known, fn func(Contents, Bodies) (T, error)) (T, error) {
	return read(ctx, s, func(v View) (none T, err error) {
		contents, err := look(v, known)
		if err != nil {
			return none, err
		}
		return fn(contents, Bodies{v, s})
	})
}

func look(v View, known Known) (Contents, error) {
	if _, err := openAccount(v, known.Account); err != nil {
		return Contents{}, err
	}
	record, err := readMailbox(v, known.Account, known.Mailbox)
	if err != nil {
		return Contents{}, err
	}
	shown, err := shownMailbox(v, record)
	if err != nil {
		return Contents{}, err
	}
	if shown.UIDValidity != known.UIDValidity {
		return Contents{}, ErrNoMailbox
	}
	contents := Contents{Mailbox: shown, Same: record.ModSeq == known.ModSeq}
	if !contents.Same {
		contents.Items, err = readItems(v, record.UIDValidity)
	}
	return contents, err
}

// Bodies reads bodies at the moment of a Look.
type Bodies struct {
	view  View
	store *Store
}

// Body returns the bytes of a message as they came in. Anything else is an
// error: ErrDamaged, which the node records, or the storage's.
func (b Bodies) Body(m *mail.Message) ([]byte, error) {
	body, err := readBody(b.view, m)
	if err == nil && !b.store.options.NoDigest {
		err = checkBody(m, body)
	}
	if errors.Is(err, ErrDamaged) {
		b.store.replica.Detect(err.Error())
	}
	return body, err
}

// read returns what fn finds on a linearizable view, within the time of one
// call.
func read[T any](ctx context.Context, s *Store, fn func(View) (T, error)) (none T, err error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	found := new(T) // fn's alone unless Read succeeds
	err = s.replica.Read(ctx, func(v View) error {
		value, err := fn(v)
		if err == nil {
			*found = value
		}
		return err
	})
	if err != nil {
		return none, err
	}
	return *found, nil
}

func readAccount(v View, address string) (mail.Account, error) {
	value, err := v.Get(keyAccount(address))
	if errors.Is(err, replica.ErrNotFound) {
		return mail.Account{}, ErrNoAccount
	}
	if err != nil {
		return mail.Account{}, err
	}
	record, err := mail.DecodeAccount(value)
	if err != nil {
		return record, fmt.Errorf("account %s: %w", address, ErrDamaged)
	}
	return record, nil
}

func openAccount(v View, address string) (mail.Account, error) {
	record, err := readAccount(v, address)
	if err == nil && record.Closed {
		err = ErrClosed
	}
	return record, err
}

func readMailbox(v View, account, name string) (mail.Mailbox, error) {
	value, err := v.Get(keyMailbox(account, name))
	if errors.Is(err, replica.ErrNotFound) {
		return mail.Mailbox{}, ErrNoMailbox
	}
	if err != nil {
		return mail.Mailbox{}, err
	}
	record, err := mail.DecodeMailbox(value)
	if err != nil {
		return record, fmt.Errorf("mailbox %s of %s: %w", name, account, ErrDamaged)
	}
	return record, nil
}

func readItems(v View, uidValidity uint32) ([]Item, error) {
	var items []Item
	err := scanMessages(v, uidValidity, allUIDs[0], func(uid uint32, m mail.Message) bool {
		items = append(items, Item{uid, m})
		return true
	})
	return items, err
}

func openMailbox(v View, account, name string) (Contents, error) {
	if _, err := openAccount(v, account); err != nil {
		return Contents{}, err
	}
	record, err := readMailbox(v, account, name)
	if err != nil {
		return Contents{}, err
	}
	items, err := readItems(v, record.UIDValidity)
	if err != nil {
		return Contents{}, err
	}
	shown, err := shownMailbox(v, record)
	return Contents{Mailbox: shown, Items: items}, err
}
