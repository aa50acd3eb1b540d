package replica

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/hashicorp/raft"
)

// A recovery makes a new cluster of what one volume of an old one still holds.
// It is an operator's decision: what the volume lacks is lost from then on.
//
// Everything is prepared beside what is there, and one commit switches. Before
// it the volume is that of the old node as ever, after it that of the new one,
// and the same start goes on from wherever it was. The promise record follows
// after the commit: until it has, the volume says so (see unsettled).

// Recovered says what a recovery made this cluster of, and what it lacks.
type Recovered struct {
	From    string `json:"from"`     // the old cluster
	Node    string `json:"node"`     // whose volume it was, "" if it does not say
	HeldLog uint64 `json:"held_log"` // the last log entry that was still there

	// Lost counts the entries that were promised to be kept, here or by who else
	// answered, and are not there. At least so many of them were certainly
	// committed; AtMost is nil if nobody can tell, because not enough promise
	// records could be asked.
	Lost    uint64  `json:"entries_lost"`
	AtLeast uint64  `json:"entries_lost_at_least"`
	AtMost  *uint64 `json:"entries_lost_at_most"`

	Damaged uint64   `json:"records_damaged"`        // found altered, and marked as lost
	Keys    []string `json:"damaged_keys,omitempty"` // the first of them, quoted
	Missing uint64   `json:"records_missing"`        // gone without a trace, at least
}

// Complete tells whether it is certain that nothing is lost.
func (d *Recovered) Complete() bool {
	return d.AtMost != nil && *d.AtMost == 0 && d.Damaged == 0 && d.Missing == 0
}

// Recoverer is a Machine that has to do something before anybody is served by a
// recovered cluster: the command is the first that is applied there, nil for
// none.
type Recoverer interface {
	Recovered(d *Recovered) (cmd []byte)
}

// listedKeys bounds Recovered.Keys (picked).
const listedKeys = 100

const unsettledName = "unsettled" // meta: the promise that a recovery found, until a new one is written

// recover is idempotent. It returns the store to go on with; a *Refusal is
// final.
func (r *Replica) recover(s *store) (*store, error) {
	if s.recovered != nil && s.owner != nil && s.owner.ID == r.cfg.ID {
		return s, nil // done before
	}
	w := &recovery{Replica: r, store: s, lack: &Recovered{}}
	err := w.prepare()
	if err == nil {
		err = w.commit()
	}
	s.close()
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(r.cfg.Log, "replica %s: recovered: cluster %s begins with what was left of %s\n", r.cfg.ID, w.cluster, w.lack.From)
	return openStore(r)
}

// recovery is one at work.
type recovery struct {
	*Replica
	store   *store
	cluster string
	lack    *Recovered

	config  raft.Configuration // the old one
	now     standpoint         // as it will be
	promise *promised          // of this node, nil if nothing is known of it
}

func no(format string, args ...any) error { return refusal("recover: "+format, args...) }

// prepare checks that there is something to recover and that it may be, and
// makes a clean copy of the state if this one is damaged. Nothing that counts
// is written.
func (w *recovery) prepare() error {
	for _, step := range []func() error{w.checkVolume, w.checkPromise, w.checkNames, w.checkOthers} {
		if err := step(); err != nil {
			return err
		}
	}
	return w.survey()
}

// checkVolume refuses a volume without a copy.
func (w *recovery) checkVolume() error {
	s := w.store
	at := s.state.at.Load()
	if s.incarnation == nil || s.log.last() == 0 && at.applied == 0 {
		return no("this volume is empty: nothing to begin a cluster with")
	}
	if len(s.rotten) > 0 && w.cfg.Promise == "" {
		return no("tables %s rotted, and a node on this volume needs a promise record from now on: give it one", strings.Join(s.rotten, ", "))
	}
	first := s.log.first.Load()
	if at.applied+1 < first {
		return no("the state of this volume ends at entry %d and its log begins at %d: what lies between is missing", at.applied, first)
	}
	id, err := s.meta("cluster")
	if err != nil && !errors.Is(err, ErrNotFound) {
		return no("which cluster this volume is of cannot be read: %v", err)
	}
	w.lack.From = string(id)
	if s.owner != nil {
		w.lack.Node = s.owner.ID
	}
	w.config, err = s.latestConfig()
	if err == nil && len(w.config.Servers) == 0 {
		err = fmt.Errorf("there is none: %w", ErrDamaged)
	}
	if err != nil {
		return no("the configuration of the old cluster: %v", err)
	}
	return nil
}

// latestConfig is the newest configuration in log or state.
func (s *store) latestConfig() (raft.Configuration, error) {
	at := s.state.at.Load()
	config := at.config
	for i := max(at.applied+1, s.log.first.Load()); i <= s.log.last(); i++ {
		var entry raft.Log
		if err := s.db.View(func(txn *badger.Txn) error { return readLog(txn, i, &entry) }); err != nil {
			return raft.Configuration{}, err
		}
		if entry.Type == raft.LogConfiguration {
			config = entry.Data
		}
	}
	return decodeConfig(config)
}

// checkPromise reads what this node promised. The record itself stays as it is.
func (w *recovery) checkPromise() error {
	if w.cfg.Promise == "" {
		return nil
	}
	p, known, err := openPromise(w.cfg.Promise, w.cfg.Fsync)
	if errors.Is(err, errPromiseDamaged) {
		return no("%v: it cannot be counted what is lost. Without -promise it is taken for unknown", err)
	}
	if err != nil {
		return err
	}
	defer p.file.Close()
	if !known {
		return nil
	}
	if string(p.kept.incarnation) != string(w.store.incarnation) {
		return no("the volume is another one (%x) than the promise is about (%x)", w.store.incarnation, p.kept.incarnation)
	}
	kept := p.kept
	w.promise = &kept
	return nil
}

// checkNames refuses an ID or address of the old cluster: others may hold what
// was promised under it.
func (w *recovery) checkNames() error {
	ever, _, err := w.store.state.members()
	if err != nil {
		return no("the members of the old cluster: %v", err)
	}
	for _, p := range peersOf(w.config) {
		ever[p.ID] = &membership{address: p.Addr}
	}
	for id, m := range ever {
		switch {
		case id == w.cfg.ID:
			return no("%s was a member of the old cluster: the new one needs a new ID", id)
		case m.address == w.self.Addr:
			return no("%s was the address of %s in the old cluster: the new one needs a new address", m.address, id)
		}
	}
	if w.lack.Node == w.cfg.ID {
		return no("the volume is that of %s: the new cluster needs a new ID", w.cfg.ID)
	}
	return nil
}

// checkOthers asks the old members. If a majority of the voters still follows a
// leader there is nothing to recover.
func (w *recovery) checkOthers() error {
	var voters []Peer
	for _, s := range w.config.Servers {
		if s.Suffrage == raft.Voter && string(s.ID) != w.lack.Node {
			voters = append(voters, Peer{string(s.ID), string(s.Address)})
		}
	}
	need := votersIn(w.config)/2 + 1
	answers := make([]*standing, len(voters))
	for end := time.Now().Add(lastCall * w.cfg.Timeout); ; {
		led, may, leader := w.poll(voters, answers)
		if led >= need {
			return no("the old cluster lives: %d of its %d voters follow %s. Have this node replaced instead (POST /replace)", led, votersIn(w.config), leader)
		}
		if may < need || time.Now().After(end) {
			break
		}
		select {
		case <-time.After(w.cfg.Timeout):
		case <-w.closing:
			return errors.New("closed")
		}
	}
	w.count(answers, need)
	return nil
}

// lastCall is for how many raft timeouts a majority may be silent or without a
// leader before it is taken for gone (picked: several elections).
const lastCall = 10

// poll asks the voters once more. It says how many follow a leader, and how many
// may yet.
func (w *recovery) poll(voters []Peer, answers []*standing) (led, may int, leader string) {
	for i, s := range w.askStandings(context.Background(), voters) {
		answers[i] = cmp.Or(s, answers[i])
		switch {
		case s == nil:
			may++
		case s.whole && s.leader != "":
			led, may, leader = led+1, may+1, s.leader
		case s.whole || s.phase == opening:
			may++
		}
	}
	return led, may, leader
}

func votersIn(c raft.Configuration) (n int) {
	for _, s := range c.Servers {
		if s.Suffrage == raft.Voter {
			n++
		}
	}
	return n
}

// count works out what is lost: what was promised, here and by the others that
// answered, against what is here. Every committed entry was promised by a
// majority, so once that many are known, none can be beyond the farthest.
func (w *recovery) count(answers []*standing, need int) {
	at, end := w.store.state.at.Load(), *w.store.log.end.Load()
	if at.applied > end.index {
		end = position{at.applied, at.appliedTerm}
	}
	var far position // the farthest that was promised
	var done uint64  // applied somewhere, so certainly committed
	known := 0
	note := func(p position, applied uint64) {
		known++
		if far.below(p) {
			far = p
		}
		far.index, done = max(far.index, p.index), max(done, applied)
	}
	if w.promise != nil {
		note(position{w.promise.last, w.promise.lastTerm}, w.promise.applied)
	}
	for _, s := range answers {
		switch {
		case s == nil:
		case s.promise:
			note(s.kept, s.done)
		case s.last.index > 0:
			far.index, done = max(far.index, s.last.index), max(done, s.applied)
		}
	}
	far.index = max(far.index, w.store.log.beyond)
	from := end.index
	if end.term < far.term {
		from = at.applied // what lies above may never have been committed
	}
	w.lack.HeldLog = end.index
	w.lack.Lost = max(far.index, from) - from
	w.lack.AtLeast = max(done, end.index) - end.index
	if known >= need {
		most := w.lack.Lost
		w.lack.AtMost = &most
	}
}

// survey reads all of the state. What is damaged is marked as lost in a copy
// beside it, which takes its place with the commit.
func (w *recovery) survey() error {
	st := w.store.state
	w.now = *st.at.Load()
	have := standpoint{}
	look := func(sub, sealed []byte) error {
		if intact(sub, sealed) != nil {
			w.lack.Damaged++
			if len(w.lack.Keys) < listedKeys {
				w.lack.Keys = append(w.lack.Keys, fmt.Sprintf("%q", sub))
			}
			sealed = lostAt(sub)
		}
		have.account(string(sub), sealed, true)
		return nil
	}
	if err := w.watch.do("survey", func() error { return st.eachRaw(look) }); err != nil {
		return no("the state of this volume cannot be read to its end: %v", err)
	}
	if w.now.count > have.count {
		w.lack.Missing = w.now.count - have.count
	} else if w.lack.Damaged == 0 && (w.now.sum != have.sum || w.now.count != have.count) {
		w.lack.Missing = 1 // at least: another record stands where one was
	}
	w.now.count, w.now.bytes, w.now.sum = have.count, have.bytes, have.sum
	if w.lack.Damaged > 0 {
		return w.copy()
	}
	return nil
}

// eachRaw visits the records of the active generation as they are.
func (st *state) eachRaw(fn func(sub, sealed []byte) error) error {
	v, at := st.view()
	defer v.txn.Discard()
	return scanRaw(v.txn, generationPrefix(at.gen), nil, func(key, sealed []byte) (bool, error) {
		return true, fn(key[generationSize:], sealed)
	})
}

// copy writes the state anew, in the next generation.
func (w *recovery) copy() error {
	if err := w.store.state.removeLeftovers(); err != nil && !w.store.frozen.Load() {
		return fmt.Errorf("recover: %w", err)
	}
	w.now.gen++
	out := &sink{store: w.store}
	err := w.store.state.eachRaw(func(sub, sealed []byte) error {
		if intact(sub, sealed) != nil {
			sealed = lostAt(sub)
		}
		out.add(record{stateKey(w.now.gen, sub), append([]byte(nil), sealed...)})
		return nil
	})
	if err != nil {
		return no("the state of this volume cannot be read to its end: %v", err)
	}
	if len(out.batch) > 0 {
		w.store.put("recover copy", out.batch)
	}
	return nil
}

// commit switches from the old cluster to the new one.
func (w *recovery) commit() error {
	fresh := make([]byte, incarnationSize+identityBytes)
	if _, err := rand.Read(fresh); err != nil {
		return fmt.Errorf("recover: make identity: %w", err)
	}
	w.cluster = hex.EncodeToString(fresh[incarnationSize:])
	records := append(w.begins(),
		sealedMeta("incarnation", fresh[:incarnationSize]),
		sealedMeta("owner", w.self.encode()),
		sealedMeta("cluster", []byte(w.cluster)),
		sealedMeta("recovered", w.lack.encode()),
		sealedMeta(unsettledName, w.promise.encode()),
		sealedMeta("state", w.now.encode()))
	w.store.put("recover", records)
	return nil
}

// begins is the log of the new cluster: behind what the old one left come the
// configuration, of this node alone, in a term above all that the volume knows,
// and the machine's first command.
func (w *recovery) begins() []record {
	s, end := w.store, *w.store.log.end.Load()
	if w.now.applied > end.index {
		end = position{w.now.applied, w.now.appliedTerm}
	}
	term := max(s.stable.kept.Load().term, end.term) + 1
	next := func(kind raft.LogType, data []byte) record {
		end = position{end.index + 1, term}
		return encodeLog(&raft.Log{Index: end.index, Term: term, Type: kind, Data: data, AppendedAt: time.Now()})
	}
	only := raft.Configuration{Servers: []raft.Server{{ID: raft.ServerID(w.self.ID), Address: raft.ServerAddress(w.self.Addr)}}}
	records := []record{next(raft.LogConfiguration, raft.EncodeConfiguration(only))}
	if m, ok := w.cfg.Machine.(Recoverer); ok {
		if cmd := m.Recovered(w.lack); cmd != nil {
			records = append(records, next(raft.LogCommand, encodeCommand("recovered "+w.cluster, end.index, cmd)))
		}
	}
	var ballot pack
	ballot.number(term)
	ballot.number(0)
	ballot.bytes(nil)
	records = append(records, sealedMeta("ballot", ballot),
		sealedMeta("end", binary.BigEndian.AppendUint64(nil, end.index)))
	if w.now.applied > 0 {
		records = append(records, sealedMeta("first", binary.BigEndian.AppendUint64(nil, w.now.applied+1)))
	}
	return records
}

func (d *Recovered) encode() []byte {
	var p pack
	p.bytes([]byte(d.From))
	p.bytes([]byte(d.Node))
	for _, n := range []uint64{d.HeldLog, d.Lost, d.AtLeast, d.Damaged, d.Missing} {
		p.number(n)
	}
	most := uint64(0)
	if d.AtMost != nil {
		most = *d.AtMost + 1
	}
	p.number(most)
	for _, key := range d.Keys {
		p.bytes([]byte(key))
	}
	return p
}

func decodeRecovered(b []byte) (*Recovered, error) {
	u := unpack{rest: b}
	d := &Recovered{From: string(u.bytes()), Node: string(u.bytes()), HeldLog: u.number(),
		Lost: u.number(), AtLeast: u.number(), Damaged: u.number(), Missing: u.number()}
	if most := u.number(); most > 0 {
		most--
		d.AtMost = &most
	}
	for len(u.rest) > 0 && !u.bad {
		d.Keys = append(d.Keys, string(u.bytes()))
	}
	return d, u.err("recovered")
}

// loadRecovered reads whether a recovery made this cluster of the volume, and
// whether its promise has yet to be written.
func (s *store) loadRecovered() error {
	b, err := s.meta("recovered")
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if s.recovered, err = decodeRecovered(b); err != nil {
		return err
	}
	switch b, err = s.meta(unsettledName); {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	s.before, err = decodePromised(b)
	return err
}

// unsettled tells whether a recovery has yet to write its promise: what is
// there, if anything, is just what it found.
func (s *store) unsettled(p *promise, known bool) bool {
	switch {
	case s.before == nil:
		return false
	case !known:
		return s.before.incarnation == nil
	}
	return p.kept.equal(*s.before)
}

// settleRecovery writes the promise of a recovered node, and then that this is
// done.
func (s *store) settleRecovery() {
	if s.before == nil {
		return
	}
	s.keepPromise()
	s.put("recover settle", []record{{key: metaKey(unsettledName)}})
	s.before = nil
}

// volumeIsThere refuses to recover from a folder that holds no volume, before
// Badger makes one of it.
func volumeIsThere(dir string) error {
	_, err := os.Stat(filepath.Join(dir, "state", badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return no("there is no volume in %s: nothing to begin a cluster with", dir)
	}
	return err
}
