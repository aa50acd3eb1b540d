package store

import (
	"encoding/binary"
)

// The first byte of a key says what its record is.
const (
	accountKey byte = 'a' // address → mail.Account
	mailboxKey byte = 'm' // address, 0, name → mail.Mailbox
	messageKey byte = 'u' // UIDVALIDITY, UID → mail.Message
	bodyKey    byte = 'b' // body → mail.Body
	chunkKey   byte = 'c' // body, index → bytes
	stageKey   byte = 's' // token → mail.Stage
	counterKey byte = 'n' // one of the counters → its last value
	sweepKey   byte = 'g' // bodyKey, body → its number of chunks; messageKey, UIDVALIDITY → 0
)

// The counters.
const (
	uidValidityCounter byte = 'v'
	stageCounter       byte = 's'
	raiseCounter       byte = 'r' // what recoveries have added to every UIDVALIDITY, see raised
)

func keyAccount(address string) []byte {
	return append(append(make([]byte, 0, 1+len(address)), accountKey), address...)
}

// keyMailboxes is what the keys of all mailboxes of an account begin with.
func keyMailboxes(address string) []byte {
	key := append(make([]byte, 0, 2+len(address)+16), mailboxKey)
	return append(append(key, address...), 0)
}

func keyMailbox(address, name string) []byte {
	return append(keyMailboxes(address), name...)
}

// keyMessages is what the keys of all messages of a mailbox begin with.
func keyMessages(uidValidity uint32) []byte {
	key := append(make([]byte, 0, 9), messageKey)
	return binary.BigEndian.AppendUint32(key, uidValidity)
}

func keyMessage(uidValidity, uid uint32) []byte {
	return binary.BigEndian.AppendUint32(keyMessages(uidValidity), uid)
}

// uidOf returns the UID at the end of a message's key.
func uidOf(key []byte) uint32 {
	return binary.BigEndian.Uint32(key[len(key)-4:])
}

func keyBody(body uint64) []byte {
	key := append(make([]byte, 0, 9), bodyKey)
	return binary.BigEndian.AppendUint64(key, body)
}

func keyChunk(body uint64, index uint32) []byte {
	key := append(make([]byte, 0, 13), chunkKey)
	key = binary.BigEndian.AppendUint64(key, body)
	return binary.BigEndian.AppendUint32(key, index)
}

func keyStage(token string) []byte {
	return append(append(make([]byte, 0, 1+len(token)), stageKey), token...)
}

func keyCounter(counter byte) []byte { return []byte{counterKey, counter} }

// keySweepBody and keySweepMessages mark what is deleted and not yet cleared
// away: the chunks of a body, the messages of a mailbox.
func keySweepBody(body uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{sweepKey, bodyKey}, body)
}

func keySweepMessages(uidValidity uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{sweepKey, messageKey}, uidValidity)
}

// A body that came in one command is named after the first message that points
// to it, which is unique for ever as no UID is used twice. One that was staged
// gets a number of its own; the highest bit tells the two kinds apart.
const stagedBody = 1 << 63

func bodyOf(uidValidity, uid uint32) uint64 {
	return uint64(uidValidity)<<32 | uint64(uid)
}

// chunkSize is how much of a body one value holds and one command carries.
// Picked, below what the replica takes of either.
const chunkSize = 44 << 10

func chunksOf(size uint64) uint32 {
	return uint32((size + chunkSize - 1) / chunkSize)
}

// maxUIDValidity keeps the names of bodies clear of stagedBody.
const maxUIDValidity = 1<<31 - 1
