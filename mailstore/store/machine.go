package store

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"fourdays/mailstore/mail"
	"fourdays/storage/replica"
)

// errStorage marks what the storage failed with, which is no refusal.
var errStorage = errors.New("storage failed")

// Tx is what a command may do to the state: see its own writes, and those of
// the commands before it.
type Tx interface {
	View
	Set(key, value []byte) error
	Delete(key []byte) error
}

// Machine is the mail store's deterministic state machine.
type Machine struct {
	detect atomic.Pointer[func(string)]
}

// OnDetect sets who is told about damage that Apply comes across.
func (m *Machine) OnDetect(tell func(what string)) { m.detect.Store(&tell) }

// apply runs one command. An error is a failure of the storage, or bytes that do
// not decode; what a command was refused for is in its reply.
func (m *Machine) apply(tx Tx, cmd []byte) ([]byte, error) {
	command, err := mail.Decode(cmd)
	if err != nil {
		return nil, fmt.Errorf("decode command: %w", err)
	}
	s := &state{tx: tx, machine: m}
	reply := s.apply(command)
	if s.err != nil {
		return nil, s.err
	}
	return reply.Encode(), nil
}

// state is one command at work. The first failure of the storage stays in err
// and turns everything after it into nothing.
type state struct {
	tx      Tx
	machine *Machine
	err     error
	keys    int // written so far
	bytes   int
	reply   int // bytes of the reply so far, where they are counted
	raised  *raised
}

// What one command may write and answer is bounded by the replica. A command
// that works message by message stops when it comes near; these bounds, picked,
// leave room to finish the message it is at.
const (
	enoughKeys  = replica.MaxKeys - 64
	enoughBytes = replica.MaxWrites / 2
	enoughReply = replica.MaxReply - 4<<10
)

func (s *state) full() bool {
	return s.keys >= enoughKeys || s.bytes >= enoughBytes || s.reply >= enoughReply
}

func (s *state) apply(command mail.Command) mail.Reply {
	switch c := command.(type) {
	case *mail.Deliver:
		return s.deliver(c)
	case *mail.Append:
		return s.append(c)
	case *mail.Store:
		return s.store(c)
	case *mail.Copy:
		return s.copy(c)
	case *mail.Expunge:
		return s.expunge(c)
	case *mail.StagePart:
		return s.stage(c)
	case *mail.Sweep:
		return s.sweep()
	case *mail.CreateMailbox:
		return s.createMailbox(c)
	case *mail.DeleteMailbox:
		return s.deleteMailbox(c)
	case *mail.CreateAccounts:
		return s.createAccounts(c)
	case *mail.SetClosed:
		return s.setClosed(c)
	case *mail.Raise:
		return s.raise(c)
	}
	panic(fmt.Sprintf("store: no rule for command %T", command))
}

func (s *state) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// broken notes a failure of the storage.
func (s *state) broken(err error) {
	if err != nil {
		s.fail(fmt.Errorf("%w: %w", errStorage, err))
	}
}

// detected reports damage that the command can be carried out in spite of.
func (s *state) detected(what string) {
	if tell := s.machine.detect.Load(); tell != nil {
		(*tell)(what)
	}
}

func (s *state) get(key []byte) (value []byte, found bool) {
	if s.err != nil {
		return nil, false
	}
	value, err := s.tx.Get(key)
	switch {
	case err == nil:
		return value, true
	case errors.Is(err, replica.ErrLost):
		s.fail(err) // on every replica
	case !errors.Is(err, replica.ErrNotFound):
		s.broken(err)
	}
	return nil, false
}

func (s *state) set(key, value []byte) {
	if s.err == nil {
		s.keys++
		s.bytes += len(key) + len(value)
		s.broken(s.tx.Set(key, value))
	}
}

func (s *state) delete(key []byte) {
	if s.err == nil {
		s.keys++
		s.bytes += len(key)
		s.broken(s.tx.Delete(key))
	}
}

// next raises a counter and returns it; 0 when limit is passed.
func (s *state) next(counter byte, limit uint64) uint64 {
	key := keyCounter(counter)
	var n uint64
	if value, found := s.get(key); found {
		n = decodeCounter(value)
	}
	if n >= limit {
		return 0
	}
	s.set(key, encodeCounter(n+1))
	return n + 1
}

// account says whether an account may be used.
func (s *state) account(address string) mail.Code {
	record, found := s.accountRecord(address)
	switch {
	case !found:
		return mail.NoAccount
	case record.Closed:
		return mail.Closed
	}
	return mail.OK
}

func (s *state) accountRecord(address string) (mail.Account, bool) {
	value, found := s.get(keyAccount(address))
	if !found {
		return mail.Account{}, false
	}
	record, err := mail.DecodeAccount(value)
	if err != nil {
		s.fail(fmt.Errorf("account %s: %w", address, ErrDamaged))
	}
	return record, err == nil
}

// mailbox is a mailbox that a command works on. The record's UIDVALIDITY names
// the keys of its messages, shown is the one that clients know.
type mailbox struct {
	mail.Mailbox
	shown uint32
	key   []byte
}

func (s *state) mailbox(account, name string) (*mailbox, mail.Code) {
	if code := s.account(account); code != mail.OK {
		return nil, code
	}
	key := keyMailbox(account, name)
	value, found := s.get(key)
	if !found {
		return nil, mail.NoMailbox
	}
	record, err := mail.DecodeMailbox(value)
	if err != nil {
		s.fail(fmt.Errorf("mailbox %s of %s: %w", name, account, ErrDamaged))
		return nil, mail.NoMailbox
	}
	return &mailbox{record, s.raisedBy().shown(record.UIDValidity), key}, mail.OK
}

func (s *state) save(m *mailbox) { s.set(m.key, m.Mailbox.Encode()) }

// target finds the mailbox of a command, in the incarnation that it means.
func (s *state) target(t *mail.Target) (*mailbox, mail.Code) {
	m, code := s.mailbox(t.Account, t.Mailbox)
	if code == mail.OK && m.shown != t.UIDValidity {
		return nil, mail.NoMailbox
	}
	return m, code
}

// indexed is a message with its UID.
type indexed struct {
	uid uint32
	mail.Message
}

// messages lists those messages of a mailbox that ranges name, by UID.
func (s *state) messages(uidValidity uint32, ranges []mail.Range) []indexed {
	var found []indexed
	for _, r := range ranges {
		if s.err != nil {
			return nil
		}
		err := scanMessages(s.tx, uidValidity, r, func(uid uint32, m mail.Message) bool {
			found = append(found, indexed{uid, m})
			return true
		})
		if err != nil {
			s.fail(err)
		}
	}
	return found
}

var allUIDs = []mail.Range{{First: 1, Last: 1<<32 - 1}}

// newMailbox returns the UIDVALIDITY that clients will see, 0 when there is none
// left.
func (s *state) newMailbox(account, name string) (shown uint32) {
	raised := s.raisedBy()
	uidValidity := uint32(s.next(uidValidityCounter, min(maxUIDValidity, 1<<32-1-raised.by)))
	if uidValidity == 0 {
		return 0
	}
	record := mail.Mailbox{UIDValidity: uidValidity, UIDNext: 1, ModSeq: 1}
	s.set(keyMailbox(account, name), record.Encode())
	return raised.shown(uidValidity)
}

func (s *state) createMailbox(c *mail.CreateMailbox) mail.Reply {
	_, code := s.mailbox(c.Account, c.Mailbox)
	switch {
	case code == mail.OK:
		return mail.Reply{Code: mail.Exists}
	case code != mail.NoMailbox:
		return mail.Reply{Code: code}
	}
	uidValidity := s.newMailbox(c.Account, c.Mailbox)
	if uidValidity == 0 {
		return mail.Reply{Code: mail.Exhausted}
	}
	return mail.Reply{UIDValidity: uidValidity}
}

func (s *state) deleteMailbox(c *mail.DeleteMailbox) mail.Reply {
	if c.Mailbox == mail.Inbox {
		return mail.Reply{Code: mail.Forbidden}
	}
	m, code := s.mailbox(c.Account, c.Mailbox)
	if code != mail.OK {
		return mail.Reply{Code: code}
	}
	s.delete(m.key)
	s.set(keySweepMessages(m.UIDValidity), encodeCounter(0))
	return mail.Reply{UIDValidity: m.shown}
}

func (s *state) expunge(c *mail.Expunge) mail.Reply {
	m, code := s.target(&c.Target)
	if code != mail.OK {
		return mail.Reply{Code: code}
	}
	reply := mail.Reply{UIDValidity: m.shown, Before: m.ModSeq, After: m.ModSeq}
	doomed := s.messages(m.UIDValidity, c.Target.UIDs)
	doomed = slices.DeleteFunc(doomed, func(i indexed) bool { return i.Flags.System&mail.Deleted == 0 })
	if len(doomed) == 0 {
		return reply
	}
	for _, message := range doomed {
		if reply.More = s.full(); reply.More {
			break
		}
		s.remove(m.UIDValidity, message)
		reply.From = append(reply.From, message.uid)
		reply.Last = message.uid
	}
	m.ModSeq++
	s.save(m)
	reply.After = m.ModSeq
	return reply
}

func (s *state) remove(uidValidity uint32, message indexed) {
	s.delete(keyMessage(uidValidity, message.uid))
	s.release(message.Body)
}

func (s *state) store(c *mail.Store) mail.Reply {
	m, code := s.target(&c.Target)
	if code != mail.OK {
		return mail.Reply{Code: code}
	}
	reply := mail.Reply{UIDValidity: m.shown, Before: m.ModSeq, After: m.ModSeq}
	messages := s.messages(m.UIDValidity, c.Target.UIDs)
	if len(c.Flags.Keywords) > 0 && slices.ContainsFunc(messages, overflows(c)) {
		return mail.Reply{Code: mail.TooMany}
	}
	for _, message := range messages {
		if reply.More = s.full(); reply.More {
			break
		}
		flags, _ := message.Flags.Apply(c.Op, c.Flags)
		if !flags.Equal(message.Flags) {
			message.Flags, message.ModSeq = flags, m.ModSeq+1
			s.set(keyMessage(m.UIDValidity, message.uid), message.Encode())
			reply.After = m.ModSeq + 1
		}
		reply.Changed = append(reply.Changed, mail.Changed{UID: message.uid, Flags: flags})
		reply.Last = message.uid
		s.reply += replySize(flags)
	}
	if reply.After != m.ModSeq {
		m.ModSeq = reply.After
		s.save(m)
	}
	return reply
}

// overflows tells for which messages a change has too many keywords.
func overflows(c *mail.Store) func(indexed) bool {
	return func(message indexed) bool {
		_, ok := message.Flags.Apply(c.Op, c.Flags)
		return !ok
	}
}

// replySize is the most that one message takes of a reply.
func replySize(flags mail.Flags) int {
	size := 8
	for _, keyword := range flags.Keywords {
		size += 2 + len(keyword)
	}
	return size
}
