//go:build linux

package fuse_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"fourdays/ci/need"
)

// store is a database that maps its files, behind the two things that a test asks
// of it.
type store interface {
	put(i uint64) error
	count() (uint64, error)
	close() error
}

func init() {
	opens := map[string]func(dir string) (store, error){"badger": openBadger, "bbolt": openBolt}
	clients["put"] = func(args []string) error { return putAll(opens[args[0]], args[1], args[2]) }
	clients["count"] = func(args []string) error { return countAll(opens[args[0]], args[1]) }
}

// putAll commits keys one after the other and says so of each that is durable.
func putAll(open func(string) (store, error), dir, n string) error {
	s, err := open(dir)
	if err != nil {
		return err
	}
	last, err := strconv.ParseUint(n, 10, 64)
	if err != nil {
		return err
	}
	for i := range last {
		if err := s.put(i); err != nil {
			return err
		}
	}
	say("committed")
	return s.close()
}

// countAll opens again, and a second time if need be: badger needs it where a
// power loss has left an empty memtable, though nothing is lost.
func countAll(open func(string) (store, error), dir string) error {
	s, err := open(dir)
	if err != nil {
		if s, err = open(dir); err != nil {
			return err
		}
	}
	n, err := s.count()
	if err != nil {
		return err
	}
	fmt.Println("count", n)
	return s.close()
}

type badgerStore struct{ *badger.DB }

func openBadger(dir string) (store, error) {
	db, err := badger.Open(badger.DefaultOptions(dir).WithSyncWrites(true).WithLogger(nil))
	return badgerStore{db}, err
}

func key(i uint64) []byte { return binary.BigEndian.AppendUint64(nil, i) }

func value(i uint64) []byte { return []byte(strings.Repeat(fmt.Sprint(i), 200)) }

func (s badgerStore) put(i uint64) error {
	return s.Update(func(tx *badger.Txn) error { return tx.Set(key(i), value(i)) })
}

func (s badgerStore) count() (n uint64, err error) {
	err = s.View(func(tx *badger.Txn) error {
		it := tx.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			v, err := it.Item().ValueCopy(nil)
			if err != nil || string(v) != string(value(n)) {
				return fmt.Errorf("value %d: %w", n, errors.Join(err, errors.New("it is another")))
			}
			n++
		}
		return nil
	})
	return n, err
}

func (s badgerStore) close() error { return s.Close() }

type boltStore struct{ *bbolt.DB }

func openBolt(dir string) (store, error) {
	db, err := bbolt.Open(filepath.Join(dir, "db"), 0o600, nil)
	return boltStore{db}, err
}

func (s boltStore) put(i uint64) error {
	return s.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte("b"))
		if err != nil {
			return err
		}
		return b.Put(key(i), value(i))
	})
}

func (s boltStore) count() (n uint64, err error) {
	err = s.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("b")).ForEach(func(_, v []byte) error {
			if string(v) != string(value(n)) {
				return fmt.Errorf("value %d is another", n)
			}
			n++
			return nil
		})
	})
	return n, err
}

func (s boltStore) close() error { return s.Close() }

// TestStoresThatMapTheirFilesKeepWhatTheyCommitted commits, cuts the power, and
// finds every commit that was answered, whole.
func TestStoresThatMapTheirFilesKeepWhatTheyCommitted(t *testing.T) {
	for _, name := range []string{"badger", "bbolt"} {
		t.Run(name, func(t *testing.T) {
			r := mounted(t)
			c := start(t, "put", name, r.dir, "300")
			c.hears("committed")
			r.powerCut(c)
			start(t, "count", name, r.dir).hears("count 300")
		})
	}
}

// TestSQLiteKeepsWhatItCommitted does so with SQLite in WAL mode, which shares
// an index in memory between processes.
func TestSQLiteKeepsWhatItCommitted(t *testing.T) {
	need.Command(t, "sqlite3", "sqlite3")
	r := mounted(t)
	db := filepath.Join(r.dir, "db")
	var script strings.Builder
	script.WriteString("pragma journal_mode=wal;\npragma synchronous=full;\ncreate table t(i integer primary key, text);\n")
	for i := range 200 {
		fmt.Fprintf(&script, "insert into t values(%d, hex(zeroblob(500)));\n", i)
	}
	cmd := exec.Command("sqlite3", "-bail", db)
	c := startCommand(t, cmd)
	fmt.Fprint(c.in, script.String(), "select 'committed';\n")
	c.hears("wal")
	c.hears("committed")
	other, err := exec.Command("sqlite3", db, "select count(*) from t").CombinedOutput()
	require.NoError(t, err, string(other))
	require.Equal(t, "200\n", string(other), "another process sees them through shared memory")
	r.powerCut(c)
	again, err := exec.Command("sqlite3", db, "select count(*) from t; pragma integrity_check").CombinedOutput()
	require.NoError(t, err, string(again))
	require.Equal(t, "200\nok\n", string(again))
}
