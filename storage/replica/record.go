package replica

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// Every value carries a checksum of its own over key and value, because Badger
// hides damage: it drops what it cannot read and goes on.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sealSize = 4

func checksum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

func seal(key, value []byte) []byte {
	sealed := make([]byte, sealSize, sealSize+len(value))
	binary.BigEndian.PutUint32(sealed, checksum(key, value))
	return append(sealed, value...)
}

func unseal(key, sealed []byte) ([]byte, error) {
	if isLost(key, sealed) {
		return nil, fmt.Errorf("key %q: %w", key, ErrLost)
	}
	if len(sealed) < sealSize || binary.BigEndian.Uint32(sealed) != checksum(key, sealed[sealSize:]) {
		return nil, fmt.Errorf("key %q: %w", key, ErrDamaged)
	}
	return sealed[sealSize:], nil
}

// lostMark turns the seal over nothing into the mark of a record that was found
// damaged in a recovery, when nobody had a good copy any more. The mark is kept,
// counted and copied like any record, so that what was lost is never taken for
// what never was.
const lostMark = 0x6c6f7374

func lostAt(key []byte) []byte {
	return binary.BigEndian.AppendUint32(nil, checksum(key, nil)^lostMark)
}

func isLost(key, sealed []byte) bool {
	return len(sealed) == sealSize && binary.BigEndian.Uint32(sealed) == checksum(key, nil)^lostMark
}

// intact tells whether a record of the state is as it was written, be it a
// value or the mark of one that is lost.
func intact(key, sealed []byte) error {
	if isLost(key, sealed) {
		return nil
	}
	_, err := unseal(key, sealed)
	return err
}

// The first byte of a Badger key says what it is.
const (
	metaSpace  = 'm' // few records by name
	logSpace   = 'l' // log entries by index
	stateSpace = 's' // state by generation; see subspaces below
)

// What follows the generation in a state key.
const (
	userSpace  = 'u' // the machine's own keys
	replySpace = 'i' // idempotency key → index and result
	orderSpace = 'j' // index → idempotency key, to forget old ones

	memberSpace = 'h' // ID → all that ever were members
)

func metaKey(name string) []byte { return append([]byte{metaSpace}, name...) }

func logKey(index uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{logSpace}, index)
}

func generationPrefix(gen uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{stateSpace}, gen)
}

const generationSize = 5

// stateKey is where sub is kept in generation gen.
func stateKey(gen uint32, sub []byte) []byte {
	return append(generationPrefix(gen), sub...)
}

// subKey is a key as its checksum and snapshots see it: without generation.
func subKey(space byte, key []byte) []byte {
	return append([]byte{space}, key...)
}

// pack and unpack are the one way in which records keep their fields: byte
// strings behind a length, numbers as varints.
type pack []byte

func (p *pack) number(n uint64) { *p = binary.AppendUvarint(*p, n) }

func (p *pack) bytes(b []byte) {
	p.number(uint64(len(b)))
	*p = append(*p, b...)
}

type unpack struct {
	rest []byte
	bad  bool
}

func (u *unpack) number() uint64 {
	n, size := binary.Uvarint(u.rest)
	if size <= 0 {
		u.bad, u.rest = true, nil
		return 0
	}
	u.rest = u.rest[size:]
	return n
}

func (u *unpack) bytes() []byte {
	n := u.number()
	if u.bad || n > uint64(len(u.rest)) {
		u.bad, u.rest = true, nil
		return nil
	}
	b := u.rest[:n:n]
	u.rest = u.rest[n:]
	return b
}

// err tells whether everything asked for was there.
func (u *unpack) err(what string) error {
	if u.bad {
		return fmt.Errorf("decode %s: %w", what, ErrDamaged)
	}
	return nil
}
