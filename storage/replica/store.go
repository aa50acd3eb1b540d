package replica

import (
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/hashicorp/raft"
)

// store is the one Badger database of a node: log, vote and state.
type store struct {
	db    *badger.DB
	watch *watchdog
	fail  func(error) // does not return unless a test says so

	detect func(string)

	log         *logStore
	stable      *stableStore
	state       *state
	promise     *promise       // nil without a promise device
	cache       *raft.LogCache // over log
	incarnation []byte
	owner       *Peer      // whose volume it is, nil where that is not known
	recovered   *Recovered // nil unless a recovery made this cluster of it
	before      *promised  // what that recovery found promised, as long as nothing newer is

	tableDamaged func(error) // decides what becomes of a running node

	curable    bool         // fenced for the state alone
	rotten     []string     // tables that do not match their checksums, at the open
	written    atomic.Int64 // bytes since the tables were last looked at
	frozen     atomic.Bool  // a table is damaged: the tree stays as it is
	compacting atomic.Bool
	compaction sync.WaitGroup // Badger must not be closed under one
}

// Badger's sizes, picked for the simulator, where each file is a heap buffer
// and every page of it may have to be compared at a sync.
const (
	memTableSize   = 1 << 20
	valueThreshold = 128 << 10 // above MaxCommand and its envelope: no value leaves the tree
	valueLogSize   = 1 << 20   // the least that Badger takes
	commitBytes    = 140 << 10 // Badger refuses above 15 % of the memtable
	commitKeys     = 1400
	entryOverhead  = 32 // what a key costs beside its bytes, at most
	maxCommandSize = MaxWrites + MaxReply + 4*MaxKey
	flattenAt      = 8 // level-0 tables
	openAttempts   = 3
)

func badgerOptions(dir string, log *logger, noSync bool) badger.Options {
	opt := badger.DefaultOptions(dir)
	opt.SyncWrites = !noSync
	opt.Logger = log
	opt.MetricsEnabled = false
	opt.DetectConflicts = false
	opt.Compression = options.None
	// Whole tables are checked when they are opened, and that is an error. A
	// block that is found damaged later would be skipped without a word, Get
	// would say "not found"; unchecked, the seals of our records speak up.
	opt.ChecksumVerificationMode = options.OnTableRead
	opt.VerifyValueChecksum = true
	opt.NumCompactors = 0 // each would tick every 50 ms; see compact
	opt.NumLevelZeroTables = flattenAt
	opt.NumLevelZeroTablesStall = 1 << 20 // nobody would end the stall
	opt.MemTableSize = memTableSize
	opt.ValueThreshold = valueThreshold
	opt.ValueLogFileSize = valueLogSize
	opt.BlockCacheSize, opt.IndexCacheSize = 0, 0
	opt.NumGoroutines = 1
	return opt
}

// openBadger opens again before it gives up: a power loss at the rotation of a
// memtable leaves an empty file behind that the first Open stumbles over and
// removes (badger #2207), with nothing lost.
//
// Tables whose blocks are rotten do not keep it from opening: what they hold is
// proved record by record. They are named.
func openBadger(opt badger.Options, detect func(string)) (db *badger.DB, rotten []string, err error) {
	for range openAttempts {
		if db, rotten, err = tryOpen(opt); err == nil {
			return db, rotten, nil
		}
		if !strings.Contains(err.Error(), "Create a new file") {
			break
		}
		detect("badger: an empty memtable file was left behind by a power loss, opened again (badger #2207)")
	}
	return nil, nil, fmt.Errorf("open badger: %w", err)
}

func tryOpen(opt badger.Options) (db *badger.DB, rotten []string, err error) {
	defer catch(&err)
	if rotten, err = checkTables(opt); err != nil {
		return nil, nil, err
	}
	if len(rotten) > 0 {
		opt.ChecksumVerificationMode = options.NoVerification
	}
	db, err = badger.Open(opt)
	return db, rotten, err
}

// catch turns Badger's panics over damaged blocks into errors.
func catch(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("badger panicked: %v: %w", p, ErrDamaged)
	}
}

// openStore opens what is in the volume and reads where it stands.
func openStore(r *Replica) (*store, error) {
	s := &store{watch: r.watch, fail: r.fail, detect: r.Detect, tableDamaged: r.tableDamaged}
	if r.cfg.Recover {
		if err := r.watch.do("look", func() error { return volumeIsThere(r.cfg.Dir) }); err != nil {
			return nil, err
		}
	}
	opt := badgerOptions(filepath.Join(r.cfg.Dir, "state"), r.log, r.cfg.Unsafe.NoSync)
	err := r.watch.do("open", func() (err error) {
		s.db, s.rotten, err = openBadger(opt, r.Detect)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.noticeRot()
	if err := r.watch.do("load", func() error { return s.load(r) }); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *store) load(r *Replica) (err error) {
	if s.incarnation, err = s.meta("incarnation"); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("load incarnation: %w", err)
	}
	if err = s.loadOwner(); err != nil {
		return fmt.Errorf("load owner: %w", err)
	}
	if err = s.loadRecovered(); err != nil {
		return fmt.Errorf("load recovery: %w", err)
	}
	if s.stable, err = loadStable(s); err != nil {
		return fmt.Errorf("load vote: %w", err)
	}
	if s.state, err = loadState(s, r); err != nil {
		return fmt.Errorf("load state: %w", err)
	}
	if s.log, err = loadLog(s); err != nil {
		return fmt.Errorf("load log: %w", err)
	}
	return nil
}

// format gives an empty volume its incarnation, and says whose it is. The
// promise device learns of it first: a volume that nobody promised anything
// about may be formatted again.
func (s *store) format(owner Peer, cluster string) error {
	if s.incarnation != nil {
		return nil
	}
	s.incarnation = make([]byte, incarnationSize)
	if _, err := rand.Read(s.incarnation); err != nil {
		return fmt.Errorf("make incarnation: %w", err)
	}
	s.keepPromise()
	records := []record{sealedMeta("incarnation", s.incarnation), sealedMeta("owner", owner.encode())}
	if cluster != "" {
		records = append(records, sealedMeta("cluster", []byte(cluster)))
	}
	s.owner = &owner
	s.put("format", records)
	return nil
}

func (p Peer) encode() []byte {
	var b pack
	b.bytes([]byte(p.ID))
	b.bytes([]byte(p.Addr))
	return b
}

// loadOwner reads which node the volume is of, nil if that was not written down.
func (s *store) loadOwner() error {
	b, err := s.meta("owner")
	if err != nil {
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	}
	u := unpack{rest: b}
	s.owner = &Peer{string(u.bytes()), string(u.bytes())}
	return u.err("owner")
}

// record is one key to write; a nil value deletes it. Values are sealed.
type record struct{ key, value []byte }

func sealedMeta(name string, value []byte) record {
	key := metaKey(name)
	return record{key, seal(key, value)}
}

// put commits records at once and durably. A failure ends the process, because
// nobody knows what became of the write; where a test has it survive, the
// caller waits for ever instead.
func (s *store) put(op string, records []record) {
	err := s.watch.do(op, func() error { return s.commit(records) })
	if err != nil {
		s.fail(fmt.Errorf("%s: %w", op, err))
		select {}
	}
	s.compactIfDue(records)
}

func (s *store) commit(records []record) error {
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	for _, rec := range records {
		var err error
		if rec.value == nil {
			err = txn.Delete(rec.key)
		} else {
			err = txn.Set(rec.key, rec.value)
		}
		if err != nil {
			return fmt.Errorf("set %q: %w", rec.key, err)
		}
	}
	return txn.Commit()
}

// meta reads a record by name, ErrNotFound if there is none.
func (s *store) meta(name string) (value []byte, err error) {
	err = s.db.View(func(txn *badger.Txn) error {
		key := metaKey(name)
		sealed, err := getRaw(txn, key)
		if err != nil {
			return err
		}
		value, err = unseal(key, sealed)
		return err
	})
	return value, err
}

// getRaw reads a record with its seal. What Badger cannot read is damage.
func getRaw(txn *badger.Txn, key []byte) (value []byte, err error) {
	defer catch(&err)
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("get %q: %w: %w", key, ErrDamaged, err)
	}
	value, err = item.ValueCopy(nil)
	if err != nil {
		return nil, fmt.Errorf("get %q: %w: %w", key, ErrDamaged, err)
	}
	return value, nil
}

// scanRaw visits the records under prefix from key from on, in order, until fn
// ends it. The slices are valid only during the call. What Badger cannot read is
// damage.
func scanRaw(txn *badger.Txn, prefix, from []byte, fn func(key, sealed []byte) (more bool, err error)) error {
	if len(from) == 0 {
		from = prefix
	}
	c, err := openCursor(txn, prefix)
	if err != nil {
		return fmt.Errorf("scan %q: %w", prefix, err)
	}
	defer c.it.Close()
	found, err := c.step(func() { c.it.Seek(from) })
	for more := true; found && more && err == nil; {
		if more, err = fn(c.key, c.sealed); more && err == nil {
			found, err = c.step(c.it.Next)
		}
	}
	if err != nil {
		return fmt.Errorf("scan %q: %w", prefix, err)
	}
	return nil
}

// cursor is an iterator of Badger's whose panics are errors.
type cursor struct {
	it          *badger.Iterator
	prefix      []byte
	key, sealed []byte
}

func openCursor(txn *badger.Txn, prefix []byte) (c *cursor, err error) {
	defer catch(&err)
	return &cursor{it: txn.NewIterator(badger.IteratorOptions{Prefix: prefix}), prefix: prefix}, nil
}

func (c *cursor) step(move func()) (found bool, err error) {
	defer catch(&err)
	if move(); !c.it.ValidForPrefix(c.prefix) {
		return false, nil
	}
	item := c.it.Item()
	c.key = item.Key()
	return true, item.Value(func(sealed []byte) error {
		c.sealed = sealed // the item's own copy, until it moves on
		return nil
	})
}

// compactIfDue looks at the tables each time that about one of them was
// written, and flattens the tree when level 0 is due: eight tables, or half of
// what lies below, whichever is more, so that rewriting stays proportional.
func (s *store) compactIfDue(records []record) {
	var size int64
	for _, rec := range records {
		size += int64(len(rec.key) + len(rec.value))
	}
	if s.written.Add(size) < memTableSize || !s.compacting.CompareAndSwap(false, true) {
		return
	}
	s.written.Store(0)
	s.compaction.Go(func() {
		defer s.compacting.Store(false)
		if s.compactionDue() {
			s.compact()
		}
	})
}

// compact flattens the tree, unless a table is damaged: Badger would drop what
// it cannot read, and the damage with it.
func (s *store) compact() {
	if err := s.verifyTables(); err != nil {
		s.frozen.Store(true)
		s.tableDamaged(err)
		return
	}
	// An error means that there was nothing to do, or that the store is
	// closing: what cannot be written shows at the next commit.
	_ = s.db.Flatten(1)
}

func (s *store) verifyTables() (err error) {
	defer catch(&err)
	return s.db.VerifyChecksum()
}

func (s *store) compactionDue() bool {
	if s.db.IsClosed() || s.frozen.Load() {
		return false
	}
	levels := s.db.Levels()
	var below int64
	for _, l := range levels[1:] {
		below += l.Size
	}
	top := levels[0]
	return top.NumTables >= flattenAt && (top.Size >= below/2 || top.NumTables >= 4*flattenAt)
}

// close does not report what fails now: everything promised is durable.
func (s *store) close() {
	s.compaction.Wait()
	_ = s.db.Close()
	if s.promise != nil {
		_ = s.promise.file.Close()
	}
}
