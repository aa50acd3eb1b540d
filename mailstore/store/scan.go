package store

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"fourdays/mailstore/mail"
	"fourdays/storage/replica"
)

// scanMessages calls fn for the messages of a mailbox in a range, by UID.
func scanMessages(v View, uidValidity uint32, r mail.Range, fn func(uid uint32, m mail.Message) bool) error {
	var damaged error
	err := v.Scan(keyMessages(uidValidity), keyMessage(uidValidity, r.First), func(key, value []byte) bool {
		uid := uidOf(key)
		if uid > r.Last {
			return false
		}
		m, err := mail.DecodeMessage(value)
		if err != nil {
			damaged = fmt.Errorf("message %d of mailbox %d: %w", uid, uidValidity, ErrDamaged)
			return false
		}
		return fn(uid, m)
	})
	return errors.Join(err, damaged)
}

func scanAccounts(v View) ([]string, error) {
	var accounts []string
	prefix := []byte{accountKey}
	err := v.Scan(prefix, prefix, func(key, _ []byte) bool {
		accounts = append(accounts, string(key[1:]))
		return true
	})
	return accounts, err
}

// NamedMailbox is a mailbox with its name.
type NamedMailbox struct {
	Name string
	mail.Mailbox
}

func scanMailboxes(v View, account string) ([]NamedMailbox, error) {
	var mailboxes []NamedMailbox
	var damaged error
	prefix := keyMailboxes(account)
	err := v.Scan(prefix, prefix, func(key, value []byte) bool {
		record, err := mail.DecodeMailbox(value)
		if err != nil {
			damaged = fmt.Errorf("mailbox %s of %s: %w", key[len(prefix):], account, ErrDamaged)
			return false
		}
		mailboxes = append(mailboxes, NamedMailbox{string(key[len(prefix):]), record})
		return true
	})
	return mailboxes, errors.Join(err, damaged)
}

type namedStage struct {
	token string
	mail.Stage
}

func scanStages(v View) ([]namedStage, error) {
	var stages []namedStage
	var damaged error
	prefix := []byte{stageKey}
	err := v.Scan(prefix, prefix, func(key, value []byte) bool {
		record, err := mail.DecodeStage(value)
		if err != nil {
			damaged = fmt.Errorf("stage %s: %w", key[1:], ErrDamaged)
			return false
		}
		stages = append(stages, namedStage{string(key[1:]), record})
		return true
	})
	return stages, errors.Join(err, damaged)
}

// readBody returns the bytes of a stored message, whatever they are.
func readBody(v View, m *mail.Message) ([]byte, error) {
	var body []byte
	for index := range chunksOf(m.Size) {
		chunk, err := v.Get(keyChunk(m.Body, index))
		if errors.Is(err, replica.ErrNotFound) {
			return nil, fmt.Errorf("chunk %d of body %x is missing: %w", index, m.Body, ErrDamaged)
		}
		if err != nil {
			return nil, err
		}
		if index == 0 && uint64(len(chunk)) == m.Size {
			return chunk, nil
		}
		if body == nil {
			body = make([]byte, 0, min(m.Size, 64<<20))
		}
		body = append(body, chunk...)
	}
	return body, nil
}

// checkBody says whether bytes are those that came in.
func checkBody(m *mail.Message, body []byte) error {
	if uint64(len(body)) != m.Size || sha256.Sum256(body) != m.Digest {
		return fmt.Errorf("body %x does not match its digest: %w", m.Body, ErrDamaged)
	}
	return nil
}

func encodeCounter(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func decodeCounter(b []byte) uint64 {
	if len(b) != 8 {
		return 1<<64 - 1 // exhausted: better no new value than one used before
	}
	return binary.BigEndian.Uint64(b)
}
