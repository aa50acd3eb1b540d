package replica

import (
	"cmp"
	"context"
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

// volumeIsThere refuses to recover from a folder that holds no volume, before
// Badger makes one of it.
func volumeIsThere(dir string) error {
	_, err := os.Stat(filepath.Join(dir, "state", badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return no("there is no volume in %s: nothing to begin a cluster with", dir)
	}
	return err
}
