package replica

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/stretchr/testify/require"
)

// BenchmarkScrub compares a scrub with reading the same bytes from the same
// Badger and hashing them, for bodies and for small index records: "ratio" is
// how much of that bandwidth the scrub has. Both run in turn on the same data.
func BenchmarkScrub(b *testing.B) {
	for name, size := range map[string]int{"bodies": 40 << 10, "index": 100} {
		b.Run(name, func(b *testing.B) {
			c := newCluster(b, 1, func(c *cluster) { c.unsafe.NoSync = true })
			r := c.leader()
			stock(b, r, 16<<20/(size+200), size)
			var scrubbed, read float64
			for range b.N {
				scrubbed += timed(b, func() uint64 {
					got, err := r.Scrub(context.Background())
					require.NoError(b, err)
					require.Zero(b, got.Damaged)
					return got.Bytes
				})
				read += timed(b, func() uint64 { return readAndHash(b, r) })
			}
			b.ReportMetric(scrubbed/float64(b.N)/1e6, "scrub-MB/s")
			b.ReportMetric(read/float64(b.N)/1e6, "read-MB/s")
			b.ReportMetric(scrubbed/read, "ratio")
		})
	}
}

// stock puts records into a node's state as a snapshot would.
func stock(b *testing.B, r *Replica, n, size int) {
	b.Helper()
	st := r.store.Load().state
	st.mu.Lock()
	defer st.mu.Unlock()
	at := *st.at.Load()
	value := make([]byte, size)
	var batch []record
	for i := range n {
		sub := fmt.Appendf(nil, "ukey-%016d", i)
		sealed := seal(sub, value)
		at.account(string(sub), sealed, true)
		st.census.Load().note(string(sub), sealed, at.applied)
		batch = append(batch, record{stateKey(at.gen, sub), sealed})
		if len(batch)*(size+64) > commitBytes/2 || len(batch) == commitKeys-1 {
			st.put("stock", batch)
			batch = nil
		}
	}
	st.put("stock", append(batch, sealedMeta("state", at.encode())))
	st.at.Store(&at)
}

// timed runs f and returns bytes per second.
func timed(b *testing.B, f func() uint64) float64 {
	b.Helper()
	began := time.Now()
	bytes := f()
	return float64(bytes) / float64(time.Since(began)) * 1e9
}

// readAndHash is the least that a scrub has to do.
func readAndHash(b *testing.B, r *Replica) (bytes uint64) {
	b.Helper()
	var all uint32
	require.NoError(b, r.store.Load().db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			item := it.Item()
			bytes += uint64(len(item.Key()))
			err := item.Value(func(value []byte) error {
				bytes += uint64(len(value))
				all ^= checksum(item.Key(), value)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	runtime.KeepAlive(all)
	return bytes
}

// BenchmarkCensus is what the census costs in memory for each record, keys of
// 24 bytes included, with a million of them.
func BenchmarkCensus(b *testing.B) {
	const records = 1_000_000
	for range b.N {
		before := heap()
		c := newCensus(0)
		for i := range records {
			sub := fmt.Sprintf("u%023d", i)
			c.note(sub, []byte{1, 2, 3, 4, 5}, 1)
		}
		b.ReportMetric(float64(heap()-before)/records, "B/record")
		runtime.KeepAlive(c)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
