package replica

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// The promise record says, on a device of its own, what this node has told
// others that it keeps: a term, a vote, a log up to here. It is written after
// the volume and before the answer goes out. A volume that holds less was
// rolled back or has lost something, and must not vote.

const incarnationSize = 16

type promised struct {
	incarnation    []byte
	term, voteTerm uint64
	vote           []byte
	last, lastTerm uint64
	applied        uint64
}

// promise is the open promise file: two slots, written in turn, so that one is
// always whole.
type promise struct {
	fsync func(*os.File) error
	torn  bool // a slot was found that is not whole

	mu   sync.Mutex
	file *os.File
	seq  uint64
	kept promised // what the newest slot says

	shown atomic.Pointer[promised] // kept, for those who must not wait for the device
}

const (
	slotSize     = 4096 // how far apart slots are: the blocks of most devices
	recordWidth  = 512  // what is written of a slot: the sector of all devices
	promiseMagic = 0x70726f6d
)

var errPromiseDamaged = errors.New("the promise record is damaged")

// openPromise opens the promise file in dir. known tells whether there was a
// promise in it.
func openPromise(dir string, fsync func(*os.File) error) (p *promise, known bool, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, false, fmt.Errorf("open promise: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "promise"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, false, fmt.Errorf("open promise: %w", err)
	}
	p = &promise{fsync: fsync, file: file}
	content, err := io.ReadAll(file)
	if err == nil {
		known, err = p.load(content)
	}
	if err != nil {
		_ = file.Close()
		return nil, false, fmt.Errorf("read promise: %w", err)
	}
	return p, known, nil
}

// load takes the newest whole slot. One slot may be torn by a crash, or not be
// there yet; a file in which no slot is whole was damaged.
func (p *promise) load(content []byte) (known bool, err error) {
	if len(content) == 0 {
		return false, nil
	}
	for off := 0; off < len(content); off += slotSize {
		slot := content[off:min(off+slotSize, len(content))]
		seq, kept, err := decodePromise(slot)
		switch {
		case err == nil && seq > p.seq:
			p.seq, p.kept, known = seq, kept, true
		case err != nil && len(bytes.Trim(slot, "\x00")) > 0:
			p.torn = true
		}
	}
	if !known {
		return false, errPromiseDamaged
	}
	kept := p.kept
	p.shown.Store(&kept)
	return true, nil
}

// encode packs k; nil is a promise of nothing.
func (k *promised) encode() []byte {
	if k == nil {
		k = new(promised)
	}
	var p pack
	p.bytes(k.incarnation)
	p.number(k.term)
	p.number(k.voteTerm)
	p.bytes(k.vote)
	p.number(k.last)
	p.number(k.lastTerm)
	p.number(k.applied)
	return p
}

func decodePromised(b []byte) (*promised, error) {
	u := unpack{rest: b}
	k := &promised{incarnation: u.bytes(), term: u.number(), voteTerm: u.number(), vote: u.bytes(),
		last: u.number(), lastTerm: u.number(), applied: u.number()}
	if len(k.incarnation) == 0 {
		k.incarnation = nil
	}
	return k, u.err("promise")
}

func encodePromise(seq uint64, k promised) []byte {
	var body pack
	body.number(seq)
	body = append(body, k.encode()...)
	slot := binary.BigEndian.AppendUint32(nil, promiseMagic)
	slot = binary.BigEndian.AppendUint32(slot, uint32(len(body)))
	slot = binary.BigEndian.AppendUint32(slot, checksum(nil, body))
	slot = append(slot, body...)
	return append(slot, make([]byte, max(recordWidth-len(slot), 0))...)
}

func decodePromise(slot []byte) (seq uint64, k promised, err error) {
	if len(slot) < 12 || binary.BigEndian.Uint32(slot) != promiseMagic {
		return 0, k, errPromiseDamaged
	}
	size := binary.BigEndian.Uint32(slot[4:])
	if uint64(size) > uint64(len(slot)-12) || binary.BigEndian.Uint32(slot[8:]) != checksum(nil, slot[12:12+size]) {
		return 0, k, errPromiseDamaged
	}
	u := unpack{rest: slot[12 : 12+size]}
	seq = u.number()
	if u.bad {
		return 0, k, errPromiseDamaged
	}
	kept, err := decodePromised(u.rest)
	return seq, *kept, err
}

// write makes k the promise, durably.
func (p *promise) write(k promised) error {
	if p.seq > 0 && k.equal(p.kept) {
		return nil
	}
	slot := encodePromise(p.seq+1, k)
	if _, err := p.file.WriteAt(slot, int64((p.seq+1)%2)*slotSize); err != nil {
		return fmt.Errorf("write promise: %w", err)
	}
	if err := p.fsync(p.file); err != nil {
		return fmt.Errorf("sync promise: %w", err)
	}
	p.seq++
	p.kept = k
	p.shown.Store(&k)
	return nil
}

func (k promised) equal(o promised) bool {
	return bytes.Equal(k.incarnation, o.incarnation) && bytes.Equal(k.vote, o.vote) && k.term == o.term &&
		k.voteTerm == o.voteTerm && k.last == o.last && k.lastTerm == o.lastTerm && k.applied == o.applied
}

// keepPromise writes down what is durable on the volume by now.
func (s *store) keepPromise() {
	if s.promise == nil {
		return
	}
	s.promise.mu.Lock()
	err := s.watch.do("promise", func() error { return s.promise.write(s.standing()) })
	s.promise.mu.Unlock()
	if err != nil {
		s.fail(err)
		select {}
	}
}

// kept is what was promised, nil if nothing is known of it. It does not block.
func (s *store) kept() *promised {
	if s.promise == nil {
		return nil
	}
	return s.promise.shown.Load()
}

// standing is what the volume holds, in the terms of a promise.
func (s *store) standing() promised {
	b, at, end := s.stable.kept.Load(), s.state.at.Load(), s.log.end.Load()
	k := promised{
		incarnation: s.incarnation, term: b.term, voteTerm: b.voteTerm, vote: b.vote,
		last: end.index, lastTerm: end.term, applied: at.applied,
	}
	if at.applied > k.last {
		k.last, k.lastTerm = at.applied, at.appliedTerm
	}
	return k
}

// broken says in which way the volume holds less than was promised, "" if it
// does not.
func (s *store) broken(p promised) string {
	v := s.standing()
	switch {
	case s.incarnation == nil && p.term == 0 && p.last == 0:
		return ""
	case s.incarnation == nil:
		return fmt.Sprintf("the volume is empty, but log entry %d was promised", p.last)
	case !bytes.Equal(s.incarnation, p.incarnation):
		return fmt.Sprintf("the volume is another one (%x) than the promise is about (%x)", s.incarnation, p.incarnation)
	case v.term < p.term:
		return fmt.Sprintf("term %d was promised, the volume holds %d", p.term, v.term)
	case v.voteTerm < p.voteTerm || v.voteTerm == p.voteTerm && !bytes.Equal(v.vote, p.vote):
		return fmt.Sprintf("the vote for %q in term %d was promised, the volume holds %q in %d", p.vote, p.voteTerm, v.vote, v.voteTerm)
	case v.last < p.last:
		return fmt.Sprintf("log entry %d was promised, the volume ends at %d", p.last, v.last)
	case v.applied < p.applied:
		return fmt.Sprintf("state up to %d was promised, the volume holds it up to %d", p.applied, v.applied)
	}
	if term, known := s.termAt(p.last); known && term != p.lastTerm {
		return fmt.Sprintf("log entry %d was promised of term %d, the volume holds it of term %d", p.last, p.lastTerm, term)
	}
	return ""
}
