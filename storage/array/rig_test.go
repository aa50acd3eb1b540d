package array_test

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/catalog"
	"fourdays/storage/vol"
	"fourdays/storage/voltest"
)

// rig is three instant arrays, east, west and north, with the volumes n1, n2
// and n3; north runs another OS.
type rig struct {
	testing.TB
	clock *voltest.Clock
	*array.Fleet
}

func newRig(t testing.TB, seed uint64, change ...func(*array.Config)) *rig {
	cfg := array.Config{
		Arrays: map[string]array.ArrayConfig{"east": {}, "west": {}, "north": {OS: "other/9.4"}},
		Volumes: map[string]array.VolumeConfig{"n1": {Array: "east", Store: "main"},
			"n2": {Array: "west", Store: "main"}, "n3": {Array: "north", Store: "main"}},
	}
	for _, f := range change {
		f(&cfg)
	}
	c := &voltest.Clock{}
	f, err := array.New(c, seed, cfg)
	require.NoError(t, err)
	return &rig{TB: t, clock: c, Fleet: f}
}

// east changes the configuration of the array east.
func east(change func(*array.ArrayConfig)) func(*array.Config) {
	return func(cfg *array.Config) {
		c := cfg.Arrays["east"]
		change(&c)
		cfg.Arrays["east"] = c
	}
}

var onN1 = bug.Scope{Population: bug.Population{Volume: "n1"}}

// arm arms a bug on n1, given by its catalogue id or as YAML without id and
// persistence.
func (r *rig) arm(b bug.Bug, scope bug.Scope) array.Rule {
	r.Helper()
	rule, err := r.Arm(b, scope)
	require.NoError(r, err)
	return rule
}

func shipped(t testing.TB, id string) bug.Bug {
	t.Helper()
	b, ok := catalog.Get(id)
	require.True(t, ok, id)
	return b
}

// always is a bug that does an effect to every operation from arming on.
func always(t testing.TB, effect string) bug.Bug {
	t.Helper()
	return parse(t, "trigger: {event: arm}\npersistence: until_fix\neffect: "+effect)
}

// once is a bug that does an effect to the next operation only.
func once(t testing.TB, effect string) bug.Bug {
	t.Helper()
	return parse(t, "trigger: {event: arm}\npersistence: once\neffect: "+effect)
}

func parse(t testing.TB, text string) bug.Bug {
	t.Helper()
	b, err := bug.Parse("test.yaml", []byte("id: test\n"+text))
	require.NoError(t, err)
	return b
}

// receipt is that of the only rule there was.
func (r *rig) receipt() array.Receipt {
	r.Helper()
	all := r.Receipts()
	require.Len(r, all, 1)
	return all[0]
}

func (r *rig) wantFired(n int, observed bool) {
	r.Helper()
	got := r.receipt()
	require.Equal(r, n, got.Fired, "fired")
	require.Equal(r, observed, got.Observed, "observed")
}

func try(v vol.Volume, op vol.Op) (res vol.Result, answered bool) {
	v.Do(&op, func(r vol.Result) { res, answered = r, true })
	return res, answered
}

// do is an operation whose answer must come at once.
func do(t testing.TB, v vol.Volume, op vol.Op) vol.Result {
	t.Helper()
	res, ok := try(v, op)
	require.True(t, ok, "%s %s is not answered", op.Kind, op.Path)
	return res
}

func must(t testing.TB, v vol.Volume, op vol.Op) vol.Result {
	t.Helper()
	res := do(t, v, op)
	require.Zero(t, res.Errno, "%s %s: %v", op.Kind, op.Path, res.Errno)
	return res
}

func create(t testing.TB, v vol.Volume, path string) vol.FileID {
	t.Helper()
	return must(t, v, vol.Op{Kind: vol.Open, Path: path, Flag: os.O_RDWR | os.O_CREATE}).File
}

func writeAt(t testing.TB, v vol.Volume, f vol.FileID, off int64, text string) {
	t.Helper()
	must(t, v, vol.Op{Kind: vol.Write, File: f, Off: off, Data: []byte(text)})
}

func write(t testing.TB, v vol.Volume, path, text string) vol.FileID {
	t.Helper()
	f := create(t, v, path)
	writeAt(t, v, f, 0, text)
	return f
}

func sync(t testing.TB, v vol.Volume, f vol.FileID) {
	t.Helper()
	must(t, v, vol.Op{Kind: vol.Sync, File: f})
}

func writeSync(t testing.TB, v vol.Volume, path, text string) {
	t.Helper()
	f := write(t, v, path, text)
	sync(t, v, f)
	must(t, v, vol.Op{Kind: vol.Close, File: f})
}

func read(t testing.TB, v vol.Volume, path string) (string, syscall.Errno) {
	t.Helper()
	res := do(t, v, vol.Op{Kind: vol.Open, Path: path})
	if res.Errno != 0 {
		return "", res.Errno
	}
	defer must(t, v, vol.Op{Kind: vol.Close, File: res.File})
	p := make([]byte, res.Info.Size)
	got := do(t, v, vol.Op{Kind: vol.Read, File: res.File, Data: p})
	return string(p[:got.N]), got.Errno
}

func wantRead(t testing.TB, v vol.Volume, path, text string) {
	t.Helper()
	got, errno := read(t, v, path)
	require.Zero(t, errno, "read %s: %v", path, errno)
	require.Equal(t, text, got)
}

func wantGone(t testing.TB, v vol.Volume, path string) {
	t.Helper()
	_, errno := read(t, v, path)
	require.Equal(t, syscall.ENOENT, errno, path)
}

func wantPristine(t testing.TB, v *array.Volume, path, text string) {
	t.Helper()
	got, err := v.Pristine(path)
	require.NoError(t, err)
	require.Equal(t, text, string(got))
}

func stat(t testing.TB, v vol.Volume) syscall.Errno {
	t.Helper()
	return do(t, v, vol.Op{Kind: vol.Stat, Path: "."}).Errno
}
