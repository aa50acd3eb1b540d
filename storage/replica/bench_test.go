package replica

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkDo is one write of 2 KiB through three nodes in one process, with
// nothing else going on and with sixteen callers at once. Syncs are off: it is
// the processor time that counts in the simulator.
func BenchmarkDo(b *testing.B) {
	for _, callers := range []int{1, 16} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			c := newCluster(b, 3, func(c *cluster) { c.unsafe.NoSync, c.timeout = true, time.Second })
			lead := c.leader()
			body := make([]byte, 2<<10)
			b.ResetTimer()
			var wg sync.WaitGroup
			for w := range callers {
				wg.Go(func() {
					for i := w; i < b.N; i += callers {
						_, err := lead.Do(context.Background(), fmt.Sprint(i), fmt.Appendf(nil, "set k%d %s", i%1000, body))
						require.NoError(b, err)
					}
				})
			}
			wg.Wait()
		})
	}
}

// BenchmarkRead is a linearizable read on the leader and on a follower.
func BenchmarkRead(b *testing.B) {
	c := newCluster(b, 3, func(c *cluster) { c.timeout = time.Second })
	c.do(c.leader(), "k", "set a 1")
	for name, r := range map[string]*Replica{"leader": c.leader(), "follower": c.followers()[0]} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				_, err := read(r, context.Background(), "a")
				require.NoError(b, err)
			}
		})
	}
}
