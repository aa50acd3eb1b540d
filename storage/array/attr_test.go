package array_test

import (
	"io/fs"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/vol"
)

// TestAttributesAreKept sets each attribute and finds it again, alone and in the
// listing, and what was not set unchanged.
func TestAttributesAreKept(t *testing.T) {
	v := newRig(t, 1).Volume("n1")
	writeSync(t, v, "a", "x")
	must(t, v, vol.Op{Kind: vol.SetAttr, Path: "a", Attr: &vol.Attr{Has: vol.HasPerm | vol.HasGID, Perm: 0o640 | 1<<12, UID: 5, GID: 7}})
	must(t, v, vol.Op{Kind: vol.SetAttr, Path: "a", Attr: &vol.Attr{Has: vol.HasMTime, MTime: -time.Hour}})

	got := must(t, v, vol.Op{Kind: vol.Stat, Path: "a"}).Info

	require.Equal(t, fs.FileMode(0o640), got.Mode, "bits that are none of a FileMode are left out")
	require.Equal(t, []any{uint32(0), uint32(7), -time.Hour}, []any{got.UID, got.GID, got.MTime})
	require.Equal(t, got, must(t, v, vol.Op{Kind: vol.ReadDir, Path: "."}).Entries[0])
	v.PowerLoss()
	require.Equal(t, got, must(t, v, vol.Op{Kind: vol.Stat, Path: "a"}).Info, "attributes are durable at once")
}

// TestASymbolicLinkIsAName shows that a link leads nowhere inside a volume: that
// is up to the kernel.
func TestASymbolicLinkIsAName(t *testing.T) {
	v := newRig(t, 1).Volume("n1")
	must(t, v, vol.Op{Kind: vol.Symlink, Path: "l", To: "../away"})
	require.Equal(t, syscall.EEXIST, do(t, v, vol.Op{Kind: vol.Symlink, Path: "l", To: "x"}).Errno)
	require.Equal(t, syscall.ELOOP, do(t, v, vol.Op{Kind: vol.Open, Path: "l"}).Errno)
	require.Equal(t, syscall.ENOTDIR, do(t, v, vol.Op{Kind: vol.Open, Path: "l/a"}).Errno)
	got := must(t, v, vol.Op{Kind: vol.Stat, Path: "l"}).Info
	require.Equal(t, []any{"../away", int64(7), fs.ModeSymlink}, []any{got.To, got.Size, got.Mode.Type()})
	must(t, v, vol.Op{Kind: vol.SyncDir, Path: "."})
	v.PowerLoss()
	require.Equal(t, got, must(t, v, vol.Op{Kind: vol.Stat, Path: "l"}).Info)
	must(t, v, vol.Op{Kind: vol.Unlink, Path: "l"})
}

// TestACanceledOperationDoesNothing lets go of writes that wait for the queue,
// for a controller and for a bug's fix: none is answered, and none comes later.
func TestACanceledOperationDoesNothing(t *testing.T) {
	r := newRig(t, 1, east(func(c *array.ArrayConfig) { c.Service = time.Second }))
	v := r.Volume("n1")
	var f vol.FileID
	v.Do(&vol.Op{Kind: vol.Open, Path: "a", Flag: os.O_RDWR | os.O_CREATE}, func(res vol.Result) { f = res.File })
	r.clock.Advance(2 * time.Second)
	cancel := func(after func()) {
		op := &vol.Op{Kind: vol.Write, File: f, Data: []byte("x")}
		v.Do(op, func(vol.Result) { t.Error("answered") })
		v.Cancel(op)
		v.Cancel(&vol.Op{})
		after()
		r.clock.Advance(time.Minute)
	}
	cancel(func() {})
	require.NoError(t, r.Crash("east", time.Minute))
	cancel(func() {})
	rule := r.arm(always(t, `{ops: [write], reply: never}`), onN1)
	cancel(func() { require.NoError(t, r.Disarm(rule.ID)) })

	op := &vol.Op{Kind: vol.Stat, File: f}
	size := int64(-1)
	v.Do(op, func(res vol.Result) { size = res.Info.Size })
	r.clock.Advance(time.Minute)
	require.Zero(t, size)
	v.Cancel(op) // an answered one: nothing happens
}

// TestWhatIsGoneIsForgotten writes and removes far more than stays in memory.
func TestWhatIsGoneIsForgotten(t *testing.T) {
	v := newRig(t, 1).Volume("n1")
	data := strings.Repeat("x", 8<<20)
	held := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := held()
	for range 40 {
		writeSync(t, v, "a", data)
		must(t, v, vol.Op{Kind: vol.Unlink, Path: "a"})
	}
	require.Less(t, held(), before+100<<20)
}
