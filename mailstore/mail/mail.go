// Package mail is the vocabulary of the mail store: addresses, mailbox names,
// flags, the records kept on storage and the commands that change them, each
// with its one binary form.
//
// It assumes that what it decodes may come from a damaged disk or a hostile
// peer: a decoder never panics, never allocates more than a small multiple of
// its input, and accepts only the bytes that its encoder would have written, so
// replicas that decode the same bytes agree to the last bit.
//
// It never imports the state machine, the replica, a protocol or the harness.
package mail

import (
	"errors"
	"strings"
)

// Limits of names. All picked.
const (
	MaxAddress     = 254 // bytes of an address
	MaxMailboxName = 255 // bytes of a mailbox name
	MaxKeyword     = 64  // bytes of a keyword
	MaxKeywords    = 32  // keywords of one message
)

// Inbox is the mailbox that every account has and none can delete.
const Inbox = "INBOX"

// Delimiter separates the levels of a mailbox name.
const Delimiter = '/'

// What can be wrong with a name.
var (
	ErrBadAddress = errors.New("not a mail address")
	ErrBadMailbox = errors.New("not a mailbox name")
	ErrBadFlag    = errors.New("not a flag")
)

// Address returns the one spelling of an address under which an account is
// kept: lower case, checked to be local@domain of printable ASCII.
func Address(s string) (string, error) {
	at := strings.LastIndexByte(s, '@')
	if at <= 0 || at == len(s)-1 || len(s) > MaxAddress {
		return "", ErrBadAddress
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '<' || c == '>' || c == '@' && i != at {
			return "", ErrBadAddress
		}
	}
	return strings.ToLower(s), nil
}

// Domain returns the part of an address after its @.
func Domain(address string) string {
	return address[strings.LastIndexByte(address, '@')+1:]
}

// MailboxName returns the one spelling of a mailbox name: INBOX in capitals,
// everything else as it came. Wildcards, control characters and empty levels
// are refused.
func MailboxName(s string) (string, error) {
	if strings.EqualFold(s, Inbox) {
		return Inbox, nil
	}
	if s == "" || len(s) > MaxMailboxName || s[0] == Delimiter || s[len(s)-1] == Delimiter {
		return "", ErrBadMailbox
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < ' ' || c == 0x7f || c == '*' || c == '%':
			return "", ErrBadMailbox
		case c == Delimiter && s[i-1] == Delimiter:
			return "", ErrBadMailbox
		}
	}
	return s, nil
}
