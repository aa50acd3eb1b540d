package main

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"time"

	badger "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// store works on a Badger in a directory: "write" fills it, "lazy" does so
// without syncing, "turn" fills one memtable after the other while something
// else beats, "read" counts what is there, "mix" does a bit of everything and
// closes it, "dump" prints all of it, "poll" reads for half a minute.
func store(mode, dir string) {
	db := open(dir, mode != "lazy")
	switch mode {
	case "write", "lazy":
		fill(db)
		return // without a Close: what a killed program leaves
	case "turn":
		go turn(db)
		for i := range 1000 {
			fmt.Println("beat", i)
			time.Sleep(10 * time.Millisecond)
		}
	case "read":
		read(db)
	case "mix":
		mix(db)
	case "dump":
		dump(db)
	case "poll":
		poll(db)
	}
	check(db.Close())
}

// open tries twice: a power loss at the rotation of a memtable leaves an empty
// file behind that the first try removes.
func open(dir string, sync bool) *badger.DB {
	opt := badger.DefaultOptions(dir).WithSyncWrites(sync).WithLoggingLevel(badger.WARNING).
		WithMemTableSize(1 << 20).WithValueLogFileSize(2 << 20).WithNumCompactors(0).
		WithValueThreshold(64 << 10).WithCompression(options.None).WithBlockCacheSize(0).
		WithVerifyValueChecksum(true).WithMetricsEnabled(false)
	db, err := badger.Open(opt)
	if err != nil {
		db, err = badger.Open(opt)
	}
	check(err)
	return db
}

func key(i int) []byte   { return fmt.Appendf(nil, "key%06d", i) }
func value(i int) string { return fmt.Sprintf("value %d %0500d", i, i) }

func fill(db *badger.DB) {
	for i := range 3000 {
		check(db.Update(func(tx *badger.Txn) error { return tx.Set(key(i), []byte(value(i))) }))
		fmt.Println("put", i)
	}
}

// turn fills a memtable with every fortieth record.
func turn(db *badger.DB) {
	for i := range 1000 {
		check(db.Update(func(tx *badger.Txn) error { return tx.Set(key(i), make([]byte, 25<<10)) }))
		fmt.Println("put", i)
	}
}

func get(db *badger.DB, k []byte) (v []byte, err error) {
	err = db.View(func(tx *badger.Txn) error {
		item, err := tx.Get(k)
		if err != nil {
			return err
		}
		v, err = item.ValueCopy(nil)
		return err
	})
	return v, err
}

func read(db *badger.DB) {
	n := 0
	for ; ; n++ {
		v, err := get(db, key(n))
		if err == badger.ErrKeyNotFound {
			break
		}
		check(err)
		if string(v) != value(n) {
			panic("damaged")
		}
	}
	fmt.Println("read", n)
}

// mix sets, overwrites and deletes records of all sizes, enough to fill several
// memtables, and merges tables now and then.
func mix(db *badger.DB) {
	rng := rand.New(rand.NewPCG(7, 7))
	for i := range 600 {
		check(db.Update(func(tx *badger.Txn) error {
			for range 1 + rng.IntN(4) {
				k := key(rng.IntN(500))
				if rng.IntN(5) == 0 {
					check(tx.Delete(k))
					continue
				}
				v := make([]byte, rng.IntN(1+rng.IntN(10000)))
				for j := range v {
					v[j] = byte(rng.Uint32())
				}
				check(tx.Set(k, v))
			}
			return nil
		}))
		if i%250 == 249 {
			check(db.Flatten(1))
		}
	}
	big := make([]byte, 100<<10) // goes to the value log
	check(db.Update(func(tx *badger.Txn) error { return tx.Set([]byte("big"), big) }))
	fmt.Println("mixed")
}

func dump(db *badger.DB) {
	check(db.View(func(tx *badger.Txn) error {
		it := tx.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			v, err := it.Item().ValueCopy(nil)
			check(err)
			fmt.Printf("%s %d %x\n", it.Item().Key(), len(v), sha256.Sum256(v))
		}
		return nil
	}))
	fmt.Println("dumped")
}

// poll reads one record twenty times a second and says how that went.
func poll(db *badger.DB) {
	for i := range 600 {
		began := time.Now()
		v, err := get(db, key(i%100))
		fate := "good"
		switch {
		case err != nil:
			fate = "error " + err.Error()
		case string(v) != value(i%100):
			fate = "damaged"
		}
		fmt.Println("poll", i, time.Since(began).Milliseconds(), fate)
		time.Sleep(50 * time.Millisecond)
	}
}
