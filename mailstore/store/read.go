package store

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"fourdays/mailstore/mail"
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
	err := s.read(ctx, func(v View) error {
		_, err := openAccount(v, account)
		return err
	})
	s.learn(account, err == nil)
	return err
}

// Login checks a password.
func (s *Store) Login(ctx context.Context, account, password string) error {
	return s.read(ctx, func(v View) error {
		record, err := readAccount(v, account)
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
	})
}

// List returns the mailboxes of an account by name.
func (s *Store) List(ctx context.Context, account string) (mailboxes []NamedMailbox, err error) {
	err = s.read(ctx, func(v View) error {
		if _, err := openAccount(v, account); err != nil {
			return err
		}
		mailboxes, err = scanMailboxes(v, account)
		return err
	})
	return mailboxes, err
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
func (s *Store) Open(ctx context.Context, account, name string) (contents Contents, err error) {
	err = s.read(ctx, func(v View) error {
		contents, err = openMailbox(v, account, name)
		return err
	})
	return contents, err
}

// Known is what a session knows of a mailbox.
type Known struct {
	Account, Mailbox string
	UIDValidity      uint32
	ModSeq           uint64
}

// Look reads a mailbox that a session knows: ErrNoMailbox when it is gone or
// another one by now. In the same read, at the same moment, it calls fn with
// the contents, the known ones when nothing changed; fn may be nil.
func (s *Store) Look(ctx context.Context, known Known, fn func(Contents, Bodies) error) error {
	return s.read(ctx, func(v View) error {
		if _, err := openAccount(v, known.Account); err != nil {
			return err
		}
		record, err := readMailbox(v, known.Account, known.Mailbox)
		if err != nil {
			return err
		}
		if record.UIDValidity != known.UIDValidity {
			return ErrNoMailbox
		}
		contents := Contents{Mailbox: record, Same: record.ModSeq == known.ModSeq}
		if !contents.Same {
			if contents.Items, err = readItems(v, record.UIDValidity); err != nil {
				return err
			}
		}
		return fn(contents, Bodies{v, s})
	})
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

// read runs fn on a linearizable view, within the time of one call. fn may run
// more than once.
func (s *Store) read(ctx context.Context, fn func(View) error) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.replica.Read(ctx, fn)
}

func readAccount(v View, address string) (mail.Account, error) {
	value, err := v.Get(keyAccount(address))
	if errors.Is(err, ErrNotFound) {
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
	if errors.Is(err, ErrNotFound) {
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
	return Contents{Mailbox: record, Items: items}, err
}
