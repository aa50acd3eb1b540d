package array

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/vol"
)

// still is a clock that stands.
type still struct{}

func (still) Now() time.Duration          { return 0 }
func (still) After(time.Duration, func()) {}

// rewriting is a volume with a file of 16 blocks, and what writes and syncs all of it.
func rewriting(t *testing.T, m Media) (*Volume, func(b byte)) {
	f, err := New(still{}, 1, Config{Arrays: map[string]ArrayConfig{"a": {}}, Volumes: map[string]VolumeConfig{"v": {Array: "a"}}, Media: m})
	require.NoError(t, err)
	v, p := f.Volume("v"), make([]byte, 16*BlockSize)
	var res vol.Result
	do := func(op vol.Op) {
		v.Do(&op, func(r vol.Result) { res = r })
		require.Zero(t, res.Errno)
	}
	do(vol.Op{Kind: vol.Open, Path: "f", Flag: os.O_CREATE | os.O_RDWR})
	file := res.File
	return v, func(b byte) {
		for i := range p {
			p[i] = b
		}
		do(vol.Op{Kind: vol.Write, File: file, Data: p})
		do(vol.Op{Kind: vol.Sync, File: file})
	}
}

// TestWhatIsWrittenAnewTakesNoNewMemory: with a file that is written over and over
// hardly anything is allocated, as each sync gives back what was there before.
func TestWhatIsWrittenAnewTakesNoNewMemory(t *testing.T) {
	_, write := rewriting(t, nil)
	write(1)
	write(2)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range 100 {
		write(byte(i))
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(100*16*BlockSize/10))
}

// counted are media that count what is out.
type counted struct{ out int }

func (c *counted) Block() *[BlockSize]byte { c.out++; return new([BlockSize]byte) }
func (c *counted) Free(*[BlockSize]byte)   { c.out-- }

// TestMediaGetBackWhatIsReplaced at once, and not when the collector finds it.
func TestMediaGetBackWhatIsReplaced(t *testing.T) {
	m := &counted{}
	_, write := rewriting(t, m)
	for i := range 100 {
		write(byte(i))
		require.Equal(t, 16, m.out)
	}
}

// TestACloneKeepsWhatItShares though the volume that it is of is written anew.
func TestACloneKeepsWhatItShares(t *testing.T) {
	v, write := rewriting(t, nil)
	for i := range byte(10) {
		write(i)
		c := v.Clone()
		write(i + 100)
		write(i + 200)
		p, err := c.Pristine("f")
		require.NoError(t, err)
		require.Len(t, p, 16*BlockSize)
		for _, n := range c.inodes { // it has a lock of its own, so it has a pool of its own
			require.Same(t, c.fleet.pool, n.truth.seen.blocks.pool)
			require.Same(t, c.fleet.pool, n.truth.acked.blocks.pool)
		}
		for _, b := range p {
			require.Equal(t, i, b)
		}
	}
}

// TestABlockWithoutAPlaceHasNoBytes: who forgot to share it gets no other's.
func TestABlockWithoutAPlaceHasNoBytes(t *testing.T) {
	tab := table{n: 2, pool: &pool{}}
	held := newBlock(1)
	tab.set(0, held)
	tab.set(1, held)
	tab.set(0, nil)
	require.NotNil(t, held.data)
	tab.set(1, held)
	require.NotNil(t, held.data, "it got its own place")
	tab.resize(0)
	require.Nil(t, held.data)
	require.Len(t, tab.pool.free, 1)
	fresh := tab.pool.block(1, false)
	require.Equal(t, [BlockSize]byte{}, *fresh.data)
	require.Empty(t, tab.pool.free)
}
