package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"fourdays/mailstore/mail"
)

// Audits read this node's own replica, whatever it is worth: without the
// leader, and also while it is fenced.

// Accounts lists the accounts that this replica has.
func (s *Store) Accounts() (accounts []string, err error) {
	err = s.replica.Local(func(v View) error {
		accounts, err = scanAccounts(v)
		return err
	})
	return accounts, err
}

// Digests returns a digest of each mailbox that this replica has, by
// "address/name". Two replicas that hold the same have the same digests.
func (s *Store) Digests() (map[string]string, error) {
	digests := make(map[string]string)
	err := s.replica.Local(func(v View) error {
		accounts, err := scanAccounts(v)
		if err != nil {
			return err
		}
		for _, account := range accounts {
			if err := digestMailboxes(v, account, digests); err != nil {
				return err
			}
		}
		return nil
	})
	return digests, err
}

func digestMailboxes(v View, account string, digests map[string]string) error {
	mailboxes, err := scanMailboxes(v, account)
	if err != nil {
		return err
	}
	for _, m := range mailboxes {
		digest, err := digestMailbox(v, m.Mailbox)
		if err != nil {
			return err
		}
		digests[account+"/"+m.Name] = digest
	}
	return nil
}

// digestMailbox is over all that a client can tell two mailboxes apart by: the
// counters and, of each message, UID, MODSEQ, INTERNALDATE, flags, size and the
// digest of its body. Where the body is kept is left out.
func digestMailbox(v View, m mail.Mailbox) (string, error) {
	sum := sha256.New()
	sum.Write(m.Encode())
	var line []byte
	err := scanMessages(v, m.UIDValidity, allUIDs[0], func(uid uint32, message mail.Message) bool {
		message.Body = 0
		line = message.Append(binary.BigEndian.AppendUint32(line[:0], uid))
		sum.Write(line)
		return true
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

// AuditedMailbox is a mailbox as this replica stores it.
type AuditedMailbox struct {
	NamedMailbox
	Messages []AuditedMessage
	Damage   string // why not all messages could be read
}

// AuditedMessage is a message as this replica stores it.
type AuditedMessage struct {
	Item
	Found  mail.Digest // of the body as it is now; zero when there is none
	Damage string      // why the body cannot be given to a client
}

// Audit reads everything that this replica has of an account, bodies included.
// Damage is part of the answer, not an error.
func (s *Store) Audit(account string) (audited []AuditedMailbox, err error) {
	err = s.replica.Local(func(v View) error {
		if _, err := readAccount(v, account); err != nil {
			return err
		}
		mailboxes, err := scanMailboxes(v, account)
		if err != nil {
			return err
		}
		audited = make([]AuditedMailbox, 0, len(mailboxes))
		for _, m := range mailboxes {
			audited = append(audited, auditMailbox(v, m))
		}
		return nil
	})
	return audited, err
}

func auditMailbox(v View, m NamedMailbox) AuditedMailbox {
	audited := AuditedMailbox{NamedMailbox: m}
	if shown, err := shownMailbox(v, m.Mailbox); err == nil {
		audited.Mailbox = shown
	}
	items, err := readItems(v, m.UIDValidity)
	if err != nil {
		audited.Damage = err.Error()
	}
	for _, item := range items {
		message := AuditedMessage{Item: item}
		body, err := readBody(v, &item.Message)
		if err == nil {
			message.Found = sha256.Sum256(body)
			if message.Found != item.Digest || uint64(len(body)) != item.Size {
				err = ErrDamaged
			}
		}
		if err != nil {
			message.Damage = err.Error()
		}
		audited.Messages = append(audited.Messages, message)
	}
	return audited
}
