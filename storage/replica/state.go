package replica

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
	"github.com/hashicorp/raft"
)

// standpoint is where the state stands. It is committed together with what it
// describes.
type standpoint struct {
	gen                  uint32
	applied, appliedTerm uint64
	count, bytes, sum    uint64 // of the records: how many, how long as a snapshot, and the sum of their checksums
	configIndex          uint64
	config               []byte
}

func (at *standpoint) encode() []byte {
	var p pack
	for _, n := range []uint64{uint64(at.gen), at.applied, at.appliedTerm, at.count, at.bytes, at.sum, at.configIndex} {
		p.number(n)
	}
	p.bytes(at.config)
	return p
}

func decodeStandpoint(b []byte) (*standpoint, error) {
	u := unpack{rest: b}
	at := &standpoint{gen: uint32(u.number()), applied: u.number(), appliedTerm: u.number(),
		count: u.number(), bytes: u.number(), sum: u.number(), configIndex: u.number(), config: u.bytes()}
	return at, u.err("standpoint")
}

// account adds a record to the sums, or takes it away.
func (at *standpoint) account(sub string, sealed []byte, add bool) {
	if sealed == nil {
		return
	}
	seal, size := sealOf(sealed), len(sealed)
	if !add {
		at.remove(sub, seal, size)
		return
	}
	at.count, at.bytes, at.sum = at.count+1, at.bytes+recordSize(len(sub), size), at.sum+weigh(sub, seal, size)
}

// remove takes a record away that is known by its seal and length.
func (at *standpoint) remove(sub string, seal uint32, size int) {
	if size > 0 {
		at.count, at.bytes, at.sum = at.count-1, at.bytes-recordSize(len(sub), size), at.sum-weigh(sub, seal, size)
	}
}

// weigh spreads a record's seal over 64 bits, so that sums of them tell sets
// of records apart.
func weigh(sub string, seal uint32, size int) uint64 {
	w := uint64(seal)<<32 | uint64(len(sub))<<20 ^ uint64(size)
	w = (w ^ w>>31) * 0x9e3779b97f4a7c15
	return w ^ w>>29
}

// state is raft's state machine: it applies entries to the machine, one commit
// for a batch, and remembers replies by idempotency key.
type state struct {
	*store
	machine Machine
	heal    *healer                    // nil in a store without peers
	trust   bool                       // Unsafe.NoDigest
	at      atomic.Pointer[standpoint] // durable
	ready   atomic.Uint64              // the newest term of which this node applied the leader's first command
	applied bell
	coming  atomic.Uint64          // up to where a commit that is under way may show already
	census  atomic.Pointer[census] // nil until the state was checked

	mu sync.Mutex // held while the state changes
}

func loadState(s *store, r *Replica) (*state, error) {
	st := &state{store: s, machine: r.cfg.Machine, heal: r.heal, trust: r.cfg.Unsafe.NoDigest}
	st.at.Store(&standpoint{})
	b, err := s.meta("state")
	if errors.Is(err, ErrNotFound) {
		return st, nil
	}
	if err != nil {
		return nil, err
	}
	at, err := decodeStandpoint(b)
	if err != nil {
		return nil, err
	}
	st.at.Store(at)
	return st, nil
}

// view opens a View of the active generation. The caller discards its txn.
func (st *state) view() (*view, *standpoint) {
	for {
		at := st.at.Load()
		txn := st.db.NewTransaction(false)
		if st.at.Load().gen == at.gen {
			return &view{txn: txn, gen: at.gen, detect: st.detect, trust: st.trust,
				census: st.census.Load(), applied: at.applied, exact: st.coming.Load() <= at.applied}, at
		}
		txn.Discard() // an older generation may be on its way out
	}
}

// look runs fn on a View of what is here, as it is.
func (st *state) look(fn func(View) error) error {
	v, _ := st.view()
	defer v.txn.Discard()
	return fn(v)
}

// manyViews is how often a question is put to a newer View (picked; each time a
// bad record must have been changed meanwhile).
const manyViews = 8

// ask runs fn on a View in which bad records are replaced by those of other
// nodes, as long as ctx allows.
func (st *state) ask(ctx context.Context, fn func(View) error) (err error) {
	for range manyViews {
		if err = st.askOnce(ctx, fn); !errors.Is(err, errOutdated) || ctx.Err() != nil {
			break
		}
	}
	return err
}

func (st *state) askOnce(ctx context.Context, fn func(View) error) error {
	v, _ := st.view()
	defer v.txn.Discard()
	v.heal, v.ctx = st.heal, ctx
	return fn(v)
}

// window is for how many entries the reply to an idempotency key is kept
// (picked). It counts entries, not time, because all replicas must agree.
const window = 10_000

// The kinds of entries.
const (
	entryReady   = 'N' // a new leader's first: from here on its reads are current
	entryCommand = 'C'
)

// encodeCommand makes an entry. since is a position before which the key was
// not used.
func encodeCommand(key string, since uint64, cmd []byte) []byte {
	p := pack{entryCommand}
	p.bytes([]byte(key))
	p.number(since)
	return append(p, cmd...)
}

// result is what an entry came to; also how it is remembered.
type result struct {
	reply   []byte
	refusal string
	refused bool
	err     error // the entry's fate is unknown on this node
}

func (res *result) encode(index uint64) []byte {
	var p pack
	p.number(index)
	p.bytes(res.reply)
	if res.refused {
		p.bytes([]byte(res.refusal))
	}
	return p
}

func decodeResult(b []byte) (*result, error) {
	u := unpack{rest: b}
	u.number()
	res := &result{reply: u.bytes()}
	if len(u.rest) > 0 {
		res.refused, res.refusal = true, string(u.bytes())
	}
	return res, u.err("reply")
}

var (
	errNotApplied = errors.New("the entry was not applied here")
	errTooLate    = errors.New("the command came too late to know whether it was applied before")
)

// Apply implements raft.FSM; raft uses ApplyBatch.
func (st *state) Apply(entry *raft.Log) any { return st.ApplyBatch([]*raft.Log{entry})[0] }

// ApplyBatch applies entries in as few commits as fit. Entries that the state
// already contains are skipped.
func (st *state) ApplyBatch(entries []*raft.Log) []any {
	st.mu.Lock()
	defer st.mu.Unlock()
	results := make([]any, len(entries))
	for i := range results {
		results[i] = &result{err: errNotApplied}
	}
	for done := 0; done < len(entries); {
		done += st.applySome(entries[done:], results[done:])
	}
	st.applied.ring()
	return results
}

// applySome applies as many entries as fit into one commit, at least one.
func (st *state) applySome(entries []*raft.Log, results []any) (done int) {
	v, before := st.view()
	defer v.txn.Discard()
	v.heal, v.exact = st.heal, true // nobody else commits
	b, at := newBatch(v), *before
	for _, entry := range entries {
		if done > 0 && (b.size+maxCommandSize > commitBytes || len(b.written)+MaxKeys > commitKeys) {
			break
		}
		if entry.Index > at.applied {
			results[done] = st.applyOne(b, &at, entry)
		}
		done++
	}
	if b.broken != nil {
		st.fail(fmt.Errorf("apply: %w", b.broken))
		select {}
	}
	if at.applied > before.applied {
		records := st.settle(b, &at)
		st.coming.Store(at.applied)
		st.put("apply", records)
		st.at.Store(&at)
	}
	if b.ready > 0 {
		st.ready.Store(b.ready)
	}
	return done
}

// settle turns a batch into records and brings the sums up to date.
func (st *state) settle(b *batch, at *standpoint) []record {
	subs := make([]string, 0, len(b.written))
	for sub := range b.written {
		subs = append(subs, sub)
	}
	slices.Sort(subs)
	records := make([]record, 0, len(subs)+1)
	for _, sub := range subs {
		seal, size := b.prior(sub)
		if !b.changes(sub) {
			continue
		}
		sealed := b.written[sub]
		at.remove(sub, seal, size)
		at.account(sub, sealed, true)
		st.census.Load().note(sub, sealed, at.applied)
		records = append(records, record{stateKey(at.gen, []byte(sub)), sealed})
	}
	if b.broken != nil {
		st.fail(fmt.Errorf("apply: %w", b.broken))
		select {}
	}
	return append(records, sealedMeta("state", at.encode()))
}

func (st *state) applyOne(b *batch, at *standpoint, entry *raft.Log) *result {
	st.forget(b, at.applied, entry.Index)
	at.applied, at.appliedTerm = entry.Index, entry.Term
	if entry.Type == raft.LogConfiguration {
		st.remember(b, at.config, entry)
		at.config, at.configIndex = entry.Data, entry.Index
		return &result{}
	}
	if len(entry.Data) == 0 || entry.Data[0] != entryCommand {
		b.ready = entry.Term
		return &result{}
	}
	u := unpack{rest: entry.Data[1:]}
	key, since := u.bytes(), u.number()
	return st.once(b, entry.Index, since, key, u.rest)
}

// once runs a command unless its key was seen before. A command that is so late
// that its key may have been seen and forgotten is not run.
func (st *state) once(b *batch, index, since uint64, key, cmd []byte) *result {
	sub := subKey(replySpace, key)
	if sealed := b.get(string(sub)); sealed != nil {
		if isLost(sub, sealed) {
			return &result{err: fmt.Errorf("the reply is not known: %w", ErrLost)}
		}
		res, err := decodeResult(sealed[sealSize:])
		if err != nil {
			b.broken = errors.Join(b.broken, err)
		}
		return res
	}
	if index > since+window {
		return &result{err: errTooLate}
	}
	res := st.run(b, cmd)
	b.set(string(sub), seal(sub, res.encode(index)))
	order := orderKey(index)
	b.known[string(order)] = nil // no entry had this index before
	b.set(string(order), seal(order, key))
	return res
}

func (st *state) run(b *batch, cmd []byte) *result {
	tx := &Tx{batch: b, written: map[string][]byte{}}
	reply, err := st.machine.Apply(tx, cmd)
	if tx.tooBig != nil {
		err = tx.tooBig
	}
	if err == nil && len(reply) > MaxReply {
		err = fmt.Errorf("reply of %d bytes: %w", len(reply), ErrTooLarge)
	}
	if err != nil {
		return &result{refused: true, refusal: limit(err.Error(), MaxKey)}
	}
	for sub, sealed := range tx.written {
		b.set(sub, sealed)
	}
	return &result{reply: reply}
}

func limit(s string, n int) string { return s[:min(len(s), n)] }

func orderKey(index uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{orderSpace}, index)
}

// forget drops the replies that leave the window when applied advances to
// index. Each entry drops what entered one window before it.
func (st *state) forget(b *batch, applied, index uint64) {
	for old := max(applied, window) - window + 1; old+window <= index; old++ {
		order := string(orderKey(old))
		sealed := b.get(order)
		if sealed == nil {
			continue
		}
		b.set(order, nil)
		b.set(string(subKey(replySpace, sealed[sealSize:])), nil)
	}
}

// check reads the whole state and compares it with its sums. The first time it
// also takes the census.
func (st *state) check() error {
	v, at := st.view()
	defer v.txn.Discard()
	switch committed, err := st.standpointIn(v); {
	case err == nil:
		at = committed // a commit may have come between
	case !errors.Is(err, ErrNotFound) || at.applied > 0:
		return fmt.Errorf("read standpoint: %w: %s", ErrDamaged, err)
	}
	var have standpoint
	taken := newCensus(at.gen)
	prefix := generationPrefix(at.gen)
	err := scanRaw(v.txn, prefix, nil, func(key, sealed []byte) (bool, error) {
		sub := key[generationSize:]
		if err := intact(sub, sealed); err != nil {
			return false, err
		}
		have.account(string(sub), sealed, true)
		taken.note(string(sub), sealed, at.applied)
		return true, nil
	})
	if err != nil {
		return err
	}
	if have.count != at.count || have.bytes != at.bytes || have.sum != at.sum {
		return fmt.Errorf("the state holds %d records of %d bytes, it should be %d of %d: %w",
			have.count, have.bytes, at.count, at.bytes, ErrDamaged)
	}
	st.census.CompareAndSwap(nil, taken)
	return nil
}

// Snapshot implements raft.FSM. The state is durable where it is: a snapshot
// only says up to where.
func (st *state) Snapshot() (raft.FSMSnapshot, error) { return here{}, nil }

// Restore implements raft.FSM. An installed snapshot became the state when it
// was complete; see snapshots.
func (st *state) Restore(source io.ReadCloser) error {
	st.applied.ring()
	return source.Close()
}

// removeLeftovers deletes generations that are not the active one.
func (st *state) removeLeftovers() error {
	active := st.at.Load().gen
	if err := st.clear(generationPrefix(0), generationPrefix(active)); err != nil {
		return err
	}
	return st.clear(generationPrefix(active+1), []byte{stateSpace + 1})
}

// clear deletes the state keys in [from, to) in bounded commits.
func (st *state) clear(from, to []byte) error {
	for before := []byte(nil); ; {
		var old []record
		err := st.db.View(func(txn *badger.Txn) error {
			return scanRaw(txn, []byte{stateSpace}, from, func(key, _ []byte) (bool, error) {
				if bytes.Compare(key, to) >= 0 {
					return false, nil
				}
				old = append(old, record{key: bytes.Clone(key)})
				return len(old) < commitKeys, nil
			})
		})
		switch {
		case err != nil || len(old) == 0:
			return err
		case bytes.Equal(old[0].key, before):
			return fmt.Errorf("key %q was deleted and is still there: %w", before, ErrDamaged)
		}
		before = old[0].key
		st.put("clean up", old)
	}
}

// standpointIn reads the standpoint that belongs to exactly what v sees.
func (*state) standpointIn(v *view) (*standpoint, error) {
	key := metaKey("state")
	sealed, err := getRaw(v.txn, key)
	if err != nil {
		return nil, err
	}
	value, err := unseal(key, sealed)
	if err != nil {
		return nil, err
	}
	return decodeStandpoint(value)
}
