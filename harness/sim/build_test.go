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

// TestAFailedBuildSaysWhereAndLeavesNothing: neither the half-made program nor
// the folder that it was made in.
func TestAFailedBuildSaysWhereAndLeavesNothing(t *testing.T) {
	t.Parallel()
	root, err := FindSource()
	require.NoError(t, err)
	b := Builder{Root: root, Cache: t.TempDir()}
	_, err = b.Build(t.Context(), "harness/sim/testdata/broken")
	require.ErrorContains(t, err, "build harness/sim/testdata/broken for the simulator: go build: ")
	require.ErrorContains(t, err, "main.go:4:15: undefined: missing")
	left, err := filepath.Glob(filepath.Join(b.Cache, "*", "*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestWithoutSourcesThereIsAdvice: an installed binary far from its sources.
func TestWithoutSourcesThereIsAdvice(t *testing.T) {
	b := Builder{Root: t.TempDir(), Cache: t.TempDir()}
	_, err := b.Build(t.Context(), "mailstore/cmd/mailnode")
	require.ErrorIs(t, err, ErrNoSource)
	require.ErrorContains(t, err, "run it from a checkout")
}

// TestEverythingInAGuestIsInItsKey: a program is built again when something
// changes that it is made of.
func TestEverythingInAGuestIsInItsKey(t *testing.T) {
	root := t.TempDir()
	for _, f := range []string{"go.mod", "go.sum", "a/main.go", "harness/sim/guest/net.go"} {
		write(t, root, f, "package a")
	}
	b := Builder{Root: root}
	key := func() string {
		k, err := b.key(t.Context(), "a")
		require.NoError(t, err)
		return k
	}
	seen := map[string]bool{key(): true}
	require.True(t, seen[key()])
	for _, f := range []string{"go.sum", "a/main.go", "a/other.go", "harness/sim/guest/net.go"} {
		write(t, root, f, "package a // changed")
		require.False(t, seen[key()], f)
		seen[key()] = true
	}
	write(t, root, "a/main_test.go", "package a")
	require.True(t, seen[key()], "tests are not in it")
}

func write(t *testing.T, root, file, text string) {
	name := filepath.Join(root, file)
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
}
