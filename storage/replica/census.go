package replica

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"

	"github.com/google/btree"
)

// census knows, in memory, which records the state holds and with which seal.
// A seal proves that a record is whole, not that it is there, nor that it is
// the latest: a damaged block of a table makes Badger answer "not found" and
// skip keys in scans, and a lost write leaves an older record with a good seal.
// What a read finds is held against the census.
//
// It costs memory for every key, some hundred bytes, and spares nothing else;
// the disk is what is not believed.
type census struct {
	mu      sync.Mutex
	gen     uint32
	members *btree.BTreeG[member]
}

// member is one record that must be there, since that entry was applied.
type member struct {
	sub   string
	seal  uint32
	since uint64
}

func newCensus(gen uint32) *census {
	return &census{gen: gen, members: btree.NewG(32, func(a, b member) bool { return a.sub < b.sub })}
}

// note takes in what a commit is about to make of a record. It comes before
// the commit: a reader that still sees the older record learns from since that
// it may.
func (c *census) note(sub string, sealed []byte, since uint64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if sealed == nil {
		c.members.Delete(member{sub: sub})
		return
	}
	c.members.ReplaceOrInsert(member{sub, sealOf(sealed), since})
}

func sealOf(sealed []byte) uint32 { return binary.BigEndian.Uint32(sealed) }

// next is the first member at or after sub, within prefix.
func (c *census) next(sub, prefix string) (m member, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members.AscendGreaterOrEqual(member{sub: sub}, func(found member) bool {
		m, ok = found, strings.HasPrefix(found.sub, prefix)
		return false
	})
	return m, ok
}

// watches says whether the census speaks of what v reads.
func (v *view) watches() bool { return v.census != nil && v.census.gen == v.gen && !v.trust }

// expect holds the record that was found at sub, nil for none, against the
// census.
func (v *view) expect(sub string, sealed []byte) error {
	if !v.watches() {
		return nil
	}
	m, ok := v.census.next(sub, sub)
	if !ok || m.sub != sub || sealed != nil && sealOf(sealed) == m.seal {
		return nil
	}
	return v.missed(m, sealed != nil)
}

// gap says whether a scan passed over a member: from is where it was, to what
// it found next, "" for the end.
func (v *view) gap(prefix, from, to string) error {
	for v.watches() {
		m, ok := v.census.next(from, prefix)
		if !ok || to != "" && m.sub >= to {
			return nil
		}
		if err := v.missed(m, false); err != nil {
			return err
		}
		from = m.sub + "\x00"
	}
	return nil
}

// missed is for a member that this view did not find as it should be: damage,
// unless the member is younger than the view.
func (v *view) missed(m member, found bool) error {
	if v.applied == 0 {
		at, err := (*state)(nil).standpointIn(v)
		if err != nil {
			return fmt.Errorf("read standpoint: %w", err)
		}
		v.applied = at.applied
	}
	switch {
	case m.since > v.applied:
		return nil
	case found:
		return fmt.Errorf("key %q: an older record came back: %w", m.sub, ErrDamaged)
	}
	return fmt.Errorf("key %q: the record is missing: %w", m.sub, ErrDamaged)
}
