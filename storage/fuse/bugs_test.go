//go:build linux

package fuse_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/catalog"
)

// TestEveryBugComesThroughTheKernel arms each shipped bug in turn under a program
// that does this and that, whatever it is answered. However it hangs or lies, the
// mount can be made to forget, be cut off within a bound and be made anew; and
// when the bug is fixed, the volume is one again.
func TestEveryBugComesThroughTheKernel(t *testing.T) {
	all := catalog.All()
	if testing.Short() {
		all = all[:10]
	}
	for _, b := range all {
		t.Run(b.ID, func(t *testing.T) {
			r := mounted(t, east(func(c *array.ArrayConfig) { c.Drives = 8 }))
			require.NoError(t, os.Mkdir(filepath.Join(r.dir, "work"), 0o755))
			busy := make(chan struct{})
			for seed := range uint64(3) {
				go meddle(filepath.Join(r.dir, "work"), seed, busy)
			}
			time.Sleep(5 * time.Millisecond) // they are at it
			b.Scope.Population = bug.Population{SameAddress: b.Scope.Population.SameAddress}
			rule, err := r.Arm(b, bug.Scope{})
			require.NoError(t, err)
			r.m.Invalidate()
			time.Sleep(20 * time.Millisecond)
			require.NoError(t, r.Failover("east"))
			time.Sleep(5 * time.Millisecond)
			close(busy)
			begin := time.Now()
			require.NoError(t, r.m.Abort())
			require.Less(t, time.Since(begin), 3*time.Second)
			r.v.PowerLoss()
			require.NoError(t, r.PowerLoss("east"))
			require.NoError(t, r.Disarm(rule.ID))
			require.NoError(t, r.PowerOn("east"))
			r.mount()
			require.NoError(t, os.WriteFile(filepath.Join(r.dir, "after"), []byte("well"), 0o644))
		})
	}
}

// meddle does what programs do, at random, until it is told to stop or hangs.
func meddle(dir string, seed uint64, stop chan struct{}) {
	rng := rand.New(rand.NewPCG(seed, 0))
	name := func() string { return filepath.Join(dir, fmt.Sprint(rng.IntN(5))) }
	for {
		select {
		case <-stop:
			return
		default:
		}
		switch rng.IntN(8) {
		case 0:
			os.ReadFile(name())
		case 1:
			os.Rename(name(), name())
		case 2:
			os.Remove(name())
		case 3:
			os.ReadDir(dir)
		case 4:
			os.Mkdir(name(), 0o755)
		default:
			write(name(), make([]byte, rng.IntN(50000)))
		}
	}
}

func write(path string, data []byte) {
	f, err := os.Create(path)
	if err != nil {
		return
	}
	defer f.Close()
	f.Write(data)
	f.Sync()
}
