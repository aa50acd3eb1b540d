package replica

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"
)

// View reads the state as it was at one moment.
type View interface {
	// Get reads the value at key, ErrNotFound if there is none.
	Get(key []byte) ([]byte, error)
	// Scan visits the keys that begin with prefix, in order, from key from on
	// (nil: from the first), until fn returns false. Key and value are valid
	// only during the call.
	Scan(prefix, from []byte, fn func(key, value []byte) bool) error
}

// view is a View of one generation in one transaction.
type view struct {
	txn    *badger.Txn
	gen    uint32
	detect func(string)
	trust  bool // a deliberate defect: seals are not looked at

	census  *census // nil: not taken yet
	applied uint64  // where the transaction stands, at least
	exact   bool    // and just there

	heal *healer         // where damage is mended; nil: damage is an error
	ctx  context.Context // for how long; nil: as long as a storage operation may take
}

// get reads the sealed value at a sub key.
func (v *view) get(sub []byte) ([]byte, error) {
	sealed, err := getRaw(v.txn, stateKey(v.gen, sub))
	if bad := v.judge(string(sub), sealed, err); bad != nil {
		if sealed, bad = v.mend(string(sub), bad); bad != nil {
			return nil, bad
		}
	}
	if sealed == nil {
		return nil, ErrNotFound
	}
	return sealed, nil
}

// scan visits sealed values by sub key, checked. Where the storage does not
// show a record, or not the right one, that record is looked up by itself.
func (v *view) scan(prefix, from []byte, fn func(sub, sealed []byte) bool) error {
	var failed error
	err := v.walk(string(prefix), string(from), func(sub string, sealed []byte, bad error) bool {
		if bad != nil {
			sealed, failed = v.get([]byte(sub))
			if errors.Is(failed, ErrNotFound) {
				failed = nil
				return true
			}
		}
		return failed == nil && fn([]byte(sub), sealed)
	})
	return cmp.Or(failed, v.damage(err))
}

// judge says what is wrong with what was read at sub: a record, or nil and why
// there is none.
func (v *view) judge(sub string, sealed []byte, err error) error {
	if err == nil {
		err = v.inspect([]byte(sub), sealed)
	}
	if err == nil || errors.Is(err, ErrNotFound) {
		return v.expect(sub, sealed)
	}
	return err
}

// inspect says whether a record is what was written.
func (v *view) inspect(sub, sealed []byte) error {
	if v.trust && len(sealed) >= sealSize {
		return nil
	}
	return intact(sub, sealed)
}

// damage records what a read ran into.
func (v *view) damage(err error) error {
	if errors.Is(err, ErrDamaged) && v.detect != nil {
		v.detect(err.Error())
	}
	return err
}

// Get implements View.
func (v *view) Get(key []byte) ([]byte, error) {
	sub := subKey(userSpace, key)
	sealed, err := v.get(sub)
	if err != nil {
		return nil, err
	}
	return valueOf(sub, sealed)
}

// valueOf is the value of an intact record, ErrLost if all that is left of it is
// the mark.
func valueOf(sub, sealed []byte) ([]byte, error) {
	if isLost(sub, sealed) {
		return nil, fmt.Errorf("key %q: %w", sub, ErrLost)
	}
	return sealed[sealSize:], nil
}

// Scan implements View.
func (v *view) Scan(prefix, from []byte, fn func(key, value []byte) bool) error {
	var lost error
	err := v.scan(subKey(userSpace, prefix), subKey(userSpace, from), func(sub, sealed []byte) bool {
		value, err := valueOf(sub, sealed)
		lost = err
		return err == nil && fn(sub[1:], value)
	})
	return cmp.Or(err, lost)
}

// batch is the state as it becomes while entries are applied and not yet
// committed: what was written, over what is there.
type batch struct {
	base    *view
	written map[string][]byte // sealed; nil is deleted
	known   map[string][]byte // what base holds, for the keys read so far; nil is nothing
	size    int
	ready   uint64 // the term whose leader's first entry is in here, if it is
	broken  error  // the base could not be read: nothing of this may be committed
}

func newBatch(base *view) *batch {
	return &batch{base: base, written: map[string][]byte{}, known: map[string][]byte{}}
}

// before is what the base holds at sub, nil for nothing.
func (b *batch) before(sub string) []byte {
	if sealed, ok := b.known[sub]; ok {
		return sealed
	}
	sealed, err := b.base.get([]byte(sub))
	switch {
	case errors.Is(err, ErrNotFound):
		sealed = nil
	case err != nil:
		b.broken = errors.Join(b.broken, err)
		return nil
	}
	b.known[sub] = sealed
	return sealed
}

// prior is the seal and the length of what the base holds at sub, 0 for nothing.
// It need not be read where the census knows it: a bad record that is written
// over is none.
func (b *batch) prior(sub string) (seal uint32, size int) {
	if _, read := b.known[sub]; !read && b.base.watches() {
		m, _ := b.base.census.find(sub)
		return m.seal, int(m.size)
	}
	if old := b.before(sub); old != nil {
		return sealOf(old), len(old)
	}
	return 0, 0
}

// changes says whether the batch makes of sub anything but what is known to be
// there.
func (b *batch) changes(sub string) bool {
	old, read := b.known[sub]
	return !read || !bytes.Equal(old, b.written[sub]) || (old == nil) != (b.written[sub] == nil)
}

func (b *batch) get(sub string) []byte {
	if sealed, ok := b.written[sub]; ok {
		return sealed
	}
	return b.before(sub)
}

func (b *batch) set(sub string, sealed []byte) {
	b.written[sub] = sealed
	b.size += len(sub) + len(sealed) + entryOverhead
}

// Tx is a View that can also write. It sees its own writes and those of
// earlier commands.
type Tx struct {
	batch   *batch
	written map[string][]byte // this command's, until it is not refused
	size    int
	tooBig  error
}

// Get implements View.
func (t *Tx) Get(key []byte) ([]byte, error) {
	sub := string(subKey(userSpace, key))
	sealed, ok := t.written[sub]
	if !ok {
		sealed = t.batch.get(sub)
	}
	if t.batch.broken != nil {
		return nil, t.batch.broken
	}
	if sealed == nil {
		return nil, ErrNotFound
	}
	return valueOf([]byte(sub), sealed)
}

// Set writes value at key. It refuses what is above MaxKey, MaxValue,
// MaxWrites or MaxKeys, and the whole command is refused with it.
func (t *Tx) Set(key, value []byte) error {
	if len(value) > MaxValue {
		return t.refuse("value of %d bytes at %q: %w", len(value), key, ErrTooLarge)
	}
	sub := subKey(userSpace, key)
	return t.write(sub, seal(sub, value))
}

// Delete removes key, if it is there.
func (t *Tx) Delete(key []byte) error { return t.write(subKey(userSpace, key), nil) }

func (t *Tx) write(sub, sealed []byte) error {
	if len(sub) > MaxKey {
		return t.refuse("key of %d bytes: %w", len(sub), ErrTooLarge)
	}
	t.size += len(sub) + len(sealed) + entryOverhead
	t.written[string(sub)] = sealed
	if t.size > MaxWrites || len(t.written) > MaxKeys {
		return t.refuse("command writes %d bytes at %d keys: %w", t.size, len(t.written), ErrTooLarge)
	}
	return nil
}

func (t *Tx) refuse(format string, args ...any) error {
	t.tooBig = fmt.Errorf(format, args...)
	return t.tooBig
}

// Scan implements View: what this command and this batch wrote, merged into
// what is there.
func (t *Tx) Scan(prefix, from []byte, fn func(key, value []byte) bool) error {
	p, f := subKey(userSpace, prefix), subKey(userSpace, from)
	over, keys := t.overlay(p, f)
	next, more := 0, true
	visit := func(until []byte) {
		for ; more && next < len(keys) && (until == nil || keys[next] < string(until)); next++ {
			if sealed := over[keys[next]]; sealed != nil {
				more = fn([]byte(keys[next])[1:], sealed[sealSize:])
			}
		}
	}
	var lost error
	err := t.batch.base.scan(p, f, func(sub, sealed []byte) bool {
		visit(sub)
		if _, ok := over[string(sub)]; more && !ok {
			value, err := valueOf(sub, sealed)
			lost = err
			more = err == nil && fn(sub[1:], value)
		}
		return more
	})
	if err != nil {
		t.batch.broken = errors.Join(t.batch.broken, err)
		return err
	}
	visit(nil)
	return lost
}

// overlay is what was written under prefix from from on, and its keys in order.
func (t *Tx) overlay(prefix, from []byte) (over map[string][]byte, keys []string) {
	over = map[string][]byte{}
	for _, written := range []map[string][]byte{t.batch.written, t.written} {
		for sub, sealed := range written {
			if sub >= string(from) && bytes.HasPrefix([]byte(sub), prefix) {
				over[sub] = sealed
			}
		}
	}
	for sub := range over {
		keys = append(keys, sub)
	}
	slices.Sort(keys)
	return over, keys
}
