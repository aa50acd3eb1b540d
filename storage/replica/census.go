package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/btree"
)

// census knows, in memory, which records the state holds and with which seal.
// A seal proves that a record is whole, not that it is there, nor that it is
// the latest: a damaged block of a table makes Badger answer "not found" and
// skip keys in scans, a lost write leaves an older record with a good seal, and
// a lost deletion one that should be gone. What a read finds is held against
// the census.
//
// It also says what a copy from another node must be to take the place of a bad
// one: whose seal and length are those of the census is what this node lost.
//
// It costs memory for every key (BenchmarkCensus measures it), and spares
// nothing else; the disk is what is not believed.
type census struct {
	mu      sync.Mutex
	gen     uint32
	members *btree.BTreeG[member]

	// Of records that were deleted, only the latest are known one by one: a view
	// that was opened before may still see them.
	gone      map[string]uint64 // since which entry
	departed  []departure       // in order
	forgotten uint64            // those deleted up to this entry may be unknown
}

// keptDepartures is how many deletions are known one by one (picked: more than
// are made while a view is open, as far as anybody waits for one).
const keptDepartures = 4096

type departure struct {
	sub   string
	since uint64
}

// member is one record that must be there, since that entry was applied.
type member struct {
	sub   string
	seal  uint32
	size  uint32 // with the seal, in bytes
	since uint64
}

// is says whether sealed is this record: its seal fits, and is the one that is
// known, and so is its length.
func (m member) is(sealed []byte) bool {
	if uint32(len(sealed)) != m.size || m.size < sealSize || sealOf(sealed) != m.seal {
		return false
	}
	return intact([]byte(m.sub), sealed) == nil
}

func newCensus(gen uint32) *census {
	return &census{
		gen:     gen,
		members: btree.NewG(32, func(a, b member) bool { return a.sub < b.sub }),
		gone:    map[string]uint64{},
	}
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
		c.depart(sub, since)
		return
	}
	delete(c.gone, sub)
	c.members.ReplaceOrInsert(member{sub, sealOf(sealed), uint32(len(sealed)), since})
}

func (c *census) depart(sub string, since uint64) {
	c.gone[sub] = since
	c.departed = append(c.departed, departure{sub, since})
	if len(c.departed) <= keptDepartures {
		return
	}
	old := c.departed[0]
	c.departed = c.departed[1:]
	if c.gone[old.sub] == old.since {
		delete(c.gone, old.sub)
	}
	c.forgotten = old.since
}

// find is the member at sub. Without one, since is from when on there is none.
func (c *census) find(sub string) (m member, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m, ok = c.members.Get(member{sub: sub}); ok {
		return m, true
	}
	since, known := c.gone[sub]
	if !known {
		since = c.forgotten
	}
	return member{sub: sub, since: since}, false
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

// some are the first members at or after sub, within prefix, as many as fit into
// buf.
func (c *census) some(buf []member, sub, prefix string) []member {
	c.mu.Lock()
	defer c.mu.Unlock()
	buf = buf[:0]
	c.members.AscendGreaterOrEqual(member{sub: sub}, func(m member) bool {
		if !strings.HasPrefix(m.sub, prefix) {
			return false
		}
		buf = append(buf, m)
		return len(buf) < cap(buf)
	})
	return buf
}

// left says whether a record under prefix was deleted after that entry, or may
// have been.
func (c *census) left(prefix string, after uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.forgotten > after || slices.ContainsFunc(c.departed, func(d departure) bool {
		return d.since > after && strings.HasPrefix(d.sub, prefix)
	})
}

// watches says whether the census speaks of what v reads.
func (v *view) watches() bool { return v.census != nil && v.census.gen == v.gen && !v.trust }

// expect holds the record that was found at sub, nil for none, against the
// census.
func (v *view) expect(sub string, sealed []byte) error {
	if !v.watches() {
		return nil
	}
	m, ok := v.census.find(sub)
	switch {
	case !ok && sealed == nil, ok && sealed != nil && sealOf(sealed) == m.seal && uint32(len(sealed)) == m.size:
		return nil
	case !ok:
		return v.differs(m, "a deleted record came back")
	case sealed != nil:
		return v.differs(m, "an older record came back")
	}
	return v.differs(m, "the record is missing")
}

// differs is for a record that this view did not find as the census has it:
// damage, unless the census is ahead of the view.
func (v *view) differs(m member, how string) error {
	if m.since > v.applied && !v.exact {
		if err := v.stand(); err != nil {
			return err
		}
	}
	if m.since > v.applied {
		return nil
	}
	return fmt.Errorf("key %q: %s: %w", m.sub, how, ErrDamaged)
}

// stand looks up where exactly the view stands. Until then it is only known
// that it contains what had been applied when it was opened; a standpoint that
// is not there, or says less, is damage itself, and must not pass for a record
// that is not there. It need not be read unless a commit is under way.
func (v *view) stand() error {
	at, err := (*state)(nil).standpointIn(v)
	switch {
	case errors.Is(err, ErrNotFound) && v.applied == 0:
	case err != nil:
		return fmt.Errorf("read standpoint: %w: %s", ErrDamaged, err)
	case at.applied < v.applied:
		return fmt.Errorf("read standpoint: %d came back, the state is at %d: %w", at.applied, v.applied, ErrDamaged)
	default:
		v.applied = at.applied
	}
	v.exact = true
	return nil
}
