package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"fourdays/mailstore/mail"
	"fourdays/storage/replica"
)

// stageLife is how old a staged body may grow, by the clocks of the nodes that
// send commands, before the next one that is staged clears it away. Picked:
// far more than a node tries for, far less than a volume takes to fill.
const stageLife = 3600

// maxParts bounds a body at 704 MiB. Picked; the faces refuse far sooner.
const maxParts = 1 << 14

// fewChunks is how many chunks of a body are removed at once, with the last
// message that points to it; those of a longer one are left to Sweep. Picked.
const fewChunks = 8

// content is the body of a message that is being put into mailboxes.
type content struct {
	mail.Content
	body   uint64 // 0 until the first message points to it
	staged uint32 // chunks that are stored already
	refs   uint32
}

// content finds the body of a command: in it, or the end in it and the rest
// staged.
func (s *state) content(c mail.Content) (*content, mail.Code) {
	found := &content{Content: c}
	if c.Token == "" {
		return found, mail.OK
	}
	stage, ok := s.stageRecord(c.Token)
	staged := uint64(stage.Parts) * chunkSize
	if !ok || stage.Parts == 0 || stage.Parts != stage.Limit || c.Size != staged+uint64(len(c.Data)) {
		return nil, mail.StageLost
	}
	found.body, found.staged = stage.Body, stage.Parts
	s.delete(keyStage(c.Token))
	return found, mail.OK
}

// settle writes down a body that messages point to now, or clears away one that
// none does.
func (s *state) settle(c *content) {
	if c.refs == 0 {
		s.deleteChunks(c.body, c.staged)
		return
	}
	if len(c.Data) > 0 {
		s.set(keyChunk(c.body, c.staged), c.Data)
	}
	record := mail.Body{Refs: c.refs, Size: c.Size}
	s.set(keyBody(c.body), record.Encode())
}

// put appends a message with the content to a mailbox and returns its UID, or 0
// when the mailbox has no UID left.
func (s *state) put(m *mailbox, c *content, message mail.Message) uint32 {
	s.passTaken(m)
	if m.UIDNext == 1<<32-1 {
		return 0
	}
	uid := m.UIDNext
	if c.body == 0 {
		c.body = bodyOf(m.UIDValidity, uid)
	}
	c.refs++
	message.Body, message.Size, message.Digest = c.body, c.Size, c.Digest
	s.add(m, message)
	return uid
}

// add gives a message the next UID and mod-sequence of a mailbox. The caller
// saves the mailbox.
func (s *state) add(m *mailbox, message mail.Message) {
	m.ModSeq++
	message.ModSeq = m.ModSeq
	s.set(keyMessage(m.UIDValidity, m.UIDNext), message.Encode())
	m.UIDNext++
}

func (s *state) deliver(c *mail.Deliver) mail.Reply {
	body, code := s.content(c.Content)
	if code != mail.OK {
		return mail.Reply{Code: code}
	}
	reply := mail.Reply{Codes: make([]mail.Code, 0, len(c.Recipients))}
	for _, recipient := range c.Recipients {
		m, code := s.recipient(recipient)
		if code == mail.OK {
			if s.put(m, body, mail.Message{Date: c.Date}) == 0 {
				code = mail.Exhausted
			} else {
				s.save(m)
			}
		}
		reply.Codes = append(reply.Codes, code)
	}
	s.settle(body)
	return reply
}

// recipient finds the INBOX of one recipient of many. What is lost of it is not
// the others' matter.
func (s *state) recipient(address string) (*mailbox, mail.Code) {
	m, code := s.mailbox(address, mail.Inbox)
	if errors.Is(s.err, replica.ErrLost) {
		s.err = nil
		return nil, mail.Lost
	}
	return m, code
}

func (s *state) append(c *mail.Append) mail.Reply {
	body, code := s.content(c.Content)
	if code != mail.OK {
		return mail.Reply{Code: code}
	}
	m, code := s.mailbox(c.Account, c.Mailbox)
	if code != mail.OK {
		s.settle(body)
		return mail.Reply{Code: code}
	}
	reply := mail.Reply{UIDValidity: m.shown, Before: m.ModSeq}
	uid := s.put(m, body, mail.Message{Date: c.Date, Zone: c.Zone, Flags: c.Flags})
	s.settle(body)
	if uid == 0 {
		return mail.Reply{Code: mail.Exhausted}
	}
	s.save(m)
	reply.To, reply.After = []uint32{uid}, m.ModSeq
	return reply
}

func (s *state) copy(c *mail.Copy) mail.Reply {
	from, code := s.target(&c.Target)
	if code != mail.OK {
		return mail.Reply{Code: code}
	}
	to := from
	if c.To != c.Target.Mailbox {
		if to, code = s.mailbox(c.Target.Account, c.To); code != mail.OK {
			return mail.Reply{Code: mail.NoTarget}
		}
	}
	messages := s.messages(from.UIDValidity, c.Target.UIDs)
	if tooMuch(messages) {
		return mail.Reply{Code: mail.TooMuch}
	}
	if uint64(to.UIDNext)+uint64(len(messages)) >= 1<<32-1 {
		return mail.Reply{Code: mail.Exhausted}
	}
	reply := mail.Reply{UIDValidity: to.shown, Before: from.ModSeq, After: from.ModSeq}
	if len(messages) == 0 {
		return reply
	}
	for _, message := range messages {
		reply.From = append(reply.From, message.uid)
		s.passTaken(to)
		reply.To = append(reply.To, to.UIDNext)
		s.add(to, message.Message)
		if c.Move {
			s.delete(keyMessage(from.UIDValidity, message.uid))
		} else {
			s.retain(message.Body)
		}
	}
	if c.Move {
		from.ModSeq++
		s.save(from)
	}
	s.save(to)
	reply.After = from.ModSeq
	return reply
}

// tooMuch says whether messages are too many to copy in one step, which is the
// only way in which they may be copied.
func tooMuch(messages []indexed) bool {
	bytes := 0
	for _, message := range messages {
		bytes += 128 + replySize(message.Flags) // the keys, the records and the reply, rounded up
	}
	return 2*len(messages) > enoughKeys || bytes > enoughBytes
}

// retain counts one more message that points to a body.
func (s *state) retain(body uint64) {
	if record, found := s.bodyRecord(body); found {
		record.Refs++
		s.set(keyBody(body), record.Encode())
	}
}

// release counts one message less, and removes a body that none points to.
func (s *state) release(body uint64) {
	record, found := s.bodyRecord(body)
	if !found {
		return
	}
	if record.Refs > 1 {
		record.Refs--
		s.set(keyBody(body), record.Encode())
		return
	}
	s.deleteChunks(body, chunksOf(record.Size))
	s.delete(keyBody(body))
}

// bodyRecord reads a body's record. One that is not there costs no more than
// its chunks, which then stay for ever: nothing that a client is told depends
// on it, so the replicas go on in step.
func (s *state) bodyRecord(body uint64) (mail.Body, bool) {
	value, found := s.get(keyBody(body))
	if errors.Is(s.err, replica.ErrLost) {
		s.err = nil // as if it were not there
	}
	if !found {
		if s.err == nil {
			s.detected(fmt.Sprintf("body %x: its record is missing", body))
		}
		return mail.Body{}, false
	}
	record, err := mail.DecodeBody(value)
	if err != nil {
		s.detected(fmt.Sprintf("body %x: its record does not decode", body))
	}
	return record, err == nil
}

// deleteChunks removes the first chunks of a body, or leaves them to Sweep.
func (s *state) deleteChunks(body uint64, chunks uint32) {
	if chunks > fewChunks {
		s.set(keySweepBody(body), encodeCounter(uint64(chunks)))
		return
	}
	for index := range chunks {
		s.delete(keyChunk(body, index))
	}
}

func (s *state) stageRecord(token string) (mail.Stage, bool) {
	value, found := s.get(keyStage(token))
	if !found {
		return mail.Stage{}, false
	}
	record, err := mail.DecodeStage(value)
	if err != nil {
		s.fail(fmt.Errorf("stage %s: %w", token, ErrDamaged))
	}
	return record, err == nil
}

// stage stores a part of a body. Each is a whole chunk.
func (s *state) stage(c *mail.StagePart) mail.Reply {
	if c.Token == "" || len(c.Data) != chunkSize || c.Part >= maxParts {
		return mail.Reply{Code: mail.StageLost}
	}
	record, found := s.stageRecord(c.Token)
	if !found {
		s.clearStages(c.At)
		record = mail.Stage{Body: stagedBody | s.next(stageCounter, stagedBody-1), At: c.At}
	}
	s.set(keyChunk(record.Body, c.Part), c.Data)
	record.Parts++
	record.Limit = max(record.Limit, c.Part+1)
	s.set(keyStage(c.Token), record.Encode())
	return mail.Reply{}
}

// clearStages removes what was staged long before now and never used.
func (s *state) clearStages(now int64) {
	stages, err := scanStages(s.tx)
	if err != nil {
		s.fail(err)
		return
	}
	for _, stage := range stages {
		if now-stage.At > stageLife && !s.full() {
			s.deleteChunks(stage.Body, stage.Limit)
			s.delete(keyStage(stage.token))
		}
	}
}

// sweep clears away a little of what deletions left. More says that there is
// more.
func (s *state) sweep() mail.Reply {
	for !s.full() {
		key, value := s.first([]byte{sweepKey})
		switch {
		case key == nil:
			return mail.Reply{}
		case key[1] == bodyKey:
			s.sweepBody(key, value)
		default:
			s.sweepMessages(key)
		}
	}
	return mail.Reply{More: s.err == nil}
}

// sweepBody removes chunks from the last to the first, as far as it gets.
func (s *state) sweepBody(key, value []byte) {
	body, chunks := binary.BigEndian.Uint64(key[2:]), decodeCounter(value)
	for ; chunks > 0 && !s.full(); chunks-- {
		s.delete(keyChunk(body, uint32(chunks-1)))
	}
	if chunks == 0 {
		s.delete(key)
		return
	}
	s.set(key, encodeCounter(chunks))
}

func (s *state) sweepMessages(key []byte) {
	uidValidity := binary.BigEndian.Uint32(key[2:])
	for _, message := range s.messages(uidValidity, allUIDs) {
		if s.full() {
			return
		}
		s.remove(uidValidity, message)
	}
	s.delete(key)
}

// first returns the first record under a prefix.
func (s *state) first(prefix []byte) (key, value []byte) {
	if s.err != nil {
		return nil, nil
	}
	err := s.tx.Scan(prefix, prefix, func(k, v []byte) bool {
		key, value = bytes.Clone(k), bytes.Clone(v)
		return false
	})
	if err != nil {
		s.fail(err)
		return nil, nil
	}
	return key, value
}
