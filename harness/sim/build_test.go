package sim

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var toys struct {
	once    sync.Once
	engine  *Engine
	program *Program
	err     error
}

// toy is the program under testdata/toy and an engine to run it, made once.
func toy(t testing.TB) (*Engine, *Program) {
	t.Helper()
	toys.once.Do(func() {
		cache, err := CacheDir()
		require.NoError(t, err)
		root, err := FindSource()
		require.NoError(t, err)
		b := Builder{Root: root, Cache: cache, Progress: func(s string) { t.Log(s) }}
		if toys.engine, toys.err = NewEngine(cache); toys.err == nil {
			toys.program, toys.err = b.Build(context.Background(), "harness/sim/testdata/toy")
		}
	})
	require.NoError(t, toys.err)
	return toys.engine, toys.program
}

// TestEditRefusesAChangedLibrary: an edit that no longer fits must not be
// skipped silently, or the guest would run without the shim.
func TestEditRefusesAChangedLibrary(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f.go"), []byte("a b a"), 0o600))
	require.NoError(t, edit{"f.go", "b", "c"}.apply(dir))
	require.ErrorContains(t, edit{"f.go", "a", "c"}.apply(dir), "2 times, not once")
	require.ErrorContains(t, edit{"f.go", "x", "c"}.apply(dir), "0 times, not once")
}
