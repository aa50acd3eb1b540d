package sim

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// guests are the programs under testdata and the engine that runs them, made
// once.
var guests struct {
	mu       sync.Mutex
	engine   *Engine
	programs map[string]*Program
}

func init() { parts["harness/sim/testdata/toyfs"] = []string{"storage/vol"} }

// guestProgram is a program under testdata and an engine to run it.
func guestProgram(t testing.TB, name string) (*Engine, *Program) {
	t.Helper()
	guests.mu.Lock()
	defer guests.mu.Unlock()
	cache, err := CacheDir()
	require.NoError(t, err)
	if guests.engine == nil {
		guests.engine, err = NewEngine(cache)
		require.NoError(t, err)
		guests.programs = map[string]*Program{}
	}
	if guests.programs[name] == nil {
		root, err := FindSource()
		require.NoError(t, err)
		b := Builder{Root: root, Cache: cache, Progress: func(s string) { t.Log(s) }}
		guests.programs[name], err = b.Build(context.Background(), "harness/sim/testdata/"+name)
		require.NoError(t, err)
	}
	return guests.engine, guests.programs[name]
}

// toy is the program that most tests run.
func toy(t testing.TB) (*Engine, *Program) {
	t.Helper()
	return guestProgram(t, "toy")
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
