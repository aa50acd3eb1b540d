package sim

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTheCacheKeepsTheNewest: old builds go, new ones and other files stay.
func TestTheCacheKeepsTheNewest(t *testing.T) {
	cache := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(cache, "guest"), 0o755))
	name := func(i int) string { return filepath.Join(cache, "guest", fmt.Sprintf("p-%02d.wasm", i)) }
	for i := range keepCached + 3 {
		require.NoError(t, os.WriteFile(name(i), nil, 0o600))
		at := time.Unix(int64(i), 0)
		require.NoError(t, os.Chtimes(name(i), at, at))
	}
	prune(cache)
	require.NoFileExists(t, name(2))
	require.FileExists(t, name(3))
	require.FileExists(t, name(keepCached+2))
}
