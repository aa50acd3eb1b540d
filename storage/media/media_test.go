package media_test

import (
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/storage/array"
	"fourdays/storage/media"
	"fourdays/storage/vol"
	"fourdays/storage/voltest"
)

func open(t testing.TB) *media.Media {
	dir := t.TempDir()
	m, err := media.Open(dir)
	require.NoError(t, err)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "the file has no name")
	return m
}

type clock struct{ start time.Time }

func (c clock) Now() time.Duration              { return time.Since(c.start) }
func (c clock) After(d time.Duration, f func()) { time.AfterFunc(d, f) }

func volume(t testing.TB, m array.Media, c vol.Clock, capacity int64) *array.Volume {
	f, err := array.New(c, 7, array.Config{Arrays: map[string]array.ArrayConfig{"a": {Capacity: capacity}},
		Volumes: map[string]array.VolumeConfig{"v": {Array: "a"}}, Media: m})
	require.NoError(t, err)
	return f.Volume("v")
}

// door waits for each answer.
type door struct{ v vol.Volume }

func (d door) Do(op vol.Op) vol.Result {
	answer := make(chan vol.Result, 1)
	d.v.Do(&op, func(res vol.Result) { answer <- res })
	return <-answer
}

// TestAnArrayOnMedia holds it to the suite, its flushes real.
func TestAnArrayOnMedia(t *testing.T) {
	m := open(t)
	voltest.Run(t, func(t *testing.T) voltest.Harness {
		v := volume(t, m, clock{time.Now()}, 0)
		return voltest.Harness{Door: door{media.NewSynced(v, m)}, Machine: v, Small: func() voltest.Door {
			return door{volume(t, m, clock{time.Now()}, 1<<20)}
		}}
	})
	_, used := m.Size()
	require.Positive(t, used)
}

// TestBlocksAreZeroAndApart gives blocks out and takes them back in random order.
func TestBlocksAreZeroAndApart(t *testing.T) {
	m := open(t)
	defer m.Close()
	rng := rand.New(rand.NewPCG(1, 1))
	held := map[*[media.BlockSize]byte]byte{}
	for range 20_000 {
		if len(held) > 0 && rng.IntN(3) == 0 {
			for b, mark := range held {
				require.Equal(t, mark, b[0])
				require.Equal(t, mark, b[media.BlockSize-1])
				delete(held, b)
				m.Free(b)
				break
			}
			continue
		}
		b := m.Block()
		if _, twice := held[b]; twice || *b != ([media.BlockSize]byte{}) {
			t.Fatal("somebody has it, or it is not zero")
		}
		held[b] = byte(1 + rng.IntN(255))
		b[0], b[media.BlockSize-1] = held[b], held[b]
	}
	reserved, used := m.Size()
	require.Equal(t, int64(len(held)*media.BlockSize), used)
	require.GreaterOrEqual(t, reserved, used)
}

// TestRoomComesBack when files are written anew over and over: the file stays
// far smaller than what was written.
func TestRoomComesBack(t *testing.T) {
	m := open(t)
	v := volume(t, m, clock{time.Now()}, 0)
	d := door{v}
	file := d.Do(vol.Op{Kind: vol.Open, Path: "a", Flag: os.O_CREATE | os.O_RDWR}).File
	p := make([]byte, 1<<20)
	rounds := 2000
	if testing.Short() {
		rounds = 600
	}
	for i := range rounds {
		p[0] = byte(i)
		d.Do(vol.Op{Kind: vol.Write, File: file, Off: int64(i%16) << 20, Data: p})
		d.Do(vol.Op{Kind: vol.Sync, File: file})
	}
	reserved, _ := m.Size()
	require.Less(t, reserved, int64(rounds<<20)/2)
	require.NoError(t, m.Err())
	got := make([]byte, 1)
	d.Do(vol.Op{Kind: vol.Read, File: file, Off: int64((rounds-1)%16) << 20, Data: got})
	require.Equal(t, byte(rounds-1), got[0])
	runtime.KeepAlive(v)
}

// TestAFullDirectoryIsNoEnd: blocks lie in memory then, and that is said.
func TestAFullDirectoryIsNoEnd(t *testing.T) {
	need.Root(t) // to mount a small file system
	dir := t.TempDir()
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=70m"))
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	m, err := media.Open(dir)
	require.NoError(t, err)
	d := door{volume(t, m, clock{time.Now()}, 0)}
	file := d.Do(vol.Op{Kind: vol.Open, Path: "a", Flag: os.O_CREATE | os.O_RDWR}).File
	p := make([]byte, 1<<20)
	for i := range 80 {
		p[0] = byte(i)
		require.Equal(t, len(p), d.Do(vol.Op{Kind: vol.Write, File: file, Off: int64(i) << 20, Data: p}).N)
	}
	require.ErrorIs(t, m.Err(), syscall.ENOSPC)
	for i := range 80 {
		got := make([]byte, 1)
		d.Do(vol.Op{Kind: vol.Read, File: file, Off: int64(i) << 20, Data: got})
		require.Equal(t, byte(i), got[0])
	}
	_, err = media.Open(dir)
	require.ErrorContains(t, err, "reserve 64 MiB")
}

func TestNoSuchDirectory(t *testing.T) {
	_, err := media.Open("/nowhere")
	require.ErrorContains(t, err, "make media")
}

// answers is a volume that keeps what it is asked until the test answers.
type answers struct {
	ops   []*vol.Op
	dones []func(vol.Result)
}

func (a *answers) Do(op *vol.Op, done func(vol.Result)) {
	a.ops, a.dones = append(a.ops, op), append(a.dones, done)
}

func (a *answers) Cancel(op *vol.Op) { a.ops[0], a.dones[0] = nil, nil }

// TestAFlushIsAnsweredOnce each, a failed one as it is, and a canceled one never.
func TestAFlushIsAnsweredOnce(t *testing.T) {
	a := &answers{}
	s := media.NewSynced(a, open(t))
	var all sync.WaitGroup
	var mu sync.Mutex
	got := map[int]syscall.Errno{}
	flush := func(i int) *vol.Op {
		all.Add(1)
		op := &vol.Op{Kind: vol.Sync, File: 1}
		s.Do(op, func(res vol.Result) {
			mu.Lock()
			defer mu.Unlock()
			got[i] = res.Errno
			all.Done()
		})
		return op
	}
	canceled := &vol.Op{Kind: vol.Sync}
	s.Do(canceled, func(vol.Result) { t.Error("answered") })
	s.Cancel(canceled)
	require.Nil(t, a.ops[0], "the volume was told")
	for i := range 20 {
		flush(i)
	}
	require.Nil(t, a.dones[0])
	for i, done := range a.dones[1:] {
		if i == 7 {
			done(vol.Result{Errno: syscall.ENOSPC})
			continue
		}
		done(vol.Result{})
	}
	all.Wait()
	require.Len(t, got, 20)
	require.Equal(t, syscall.ENOSPC, got[7])
	require.Zero(t, got[8])
}

// BenchmarkWriteSync is a block written and flushed: in memory, on media, and on
// media that are on the disk.
func BenchmarkWriteSync(b *testing.B) {
	for _, name := range []string{"memory", "media", "synced"} {
		b.Run(name, func(b *testing.B) {
			var m *media.Media
			v := vol.Volume(volume(b, nil, clock{time.Now()}, 0))
			if name != "memory" {
				m = open(b)
				v = volume(b, m, clock{time.Now()}, 0)
			}
			if name == "synced" {
				v = media.NewSynced(v, m)
			}
			d := door{v}
			file := d.Do(vol.Op{Kind: vol.Open, Path: "a", Flag: os.O_CREATE | os.O_RDWR}).File
			p := make([]byte, media.BlockSize)
			i := int64(0)
			b.SetBytes(media.BlockSize)
			for b.Loop() {
				d.Do(vol.Op{Kind: vol.Write, File: file, Off: i % 4096 * media.BlockSize, Data: p})
				d.Do(vol.Op{Kind: vol.Sync, File: file})
				i++
			}
		})
	}
}
