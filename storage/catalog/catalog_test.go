package catalog_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
	"fourdays/storage/catalog"
)

// promised is what the array is said to rehearse at least.
var promised = []string{"libero-2023", "libero-2023-eio", "libero-2023-readonly", "flush-lies", "lost-write",
	"torn-write", "misdirected-write", "bit-rot", "stale-read", "foreign-read", "zeroed-read", "fail-slow",
	"volume-rollback", "volume-offline", "netapp-70000"}

func TestThePromisedBugsAreThere(t *testing.T) {
	for _, id := range promised {
		b, ok := catalog.Get(id)
		require.True(t, ok, id)
		require.Equal(t, id, b.ID)
		text, ok := catalog.Source(id)
		require.True(t, ok)
		require.Contains(t, string(text), "id: "+id)
	}
	_, ok := catalog.Get("no-such-bug")
	require.False(t, ok)
	_, ok = catalog.Source("no-such-bug")
	require.False(t, ok)
}

func TestAllIsInOrderAndItsOwn(t *testing.T) {
	bugs := catalog.All()
	require.True(t, slices.IsSortedFunc(bugs, func(a, b bug.Bug) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	}))
	bugs[0].ID = "changed"
	require.NotEqual(t, "changed", catalog.All()[0].ID)
}

// number finds the keys in a printed trigger or effect whose value has a digit.
var number = regexp.MustCompile(`([a-z_]+): (?:[a-z_]+\()?[0-9]`)

// TestEveryNumberIsSourcedOrPicked shows that no figure in the catalogue is
// without its origin.
func TestEveryNumberIsSourcedOrPicked(t *testing.T) {
	for _, b := range catalog.All() {
		t.Run(b.ID, func(t *testing.T) {
			require.NotEmpty(t, b.Title)
			require.NotEmpty(t, b.Evidence.Label)
			known := append(slices.Clone(b.Evidence.Sourced), b.Evidence.Picked...)
			alone := b
			alone.Evidence, alone.Title, alone.ID = bug.Evidence{}, "", "x"
			for _, m := range number.FindAllStringSubmatch(string(bug.Print(alone)), -1) {
				require.Contains(t, known, m[1])
			}
		})
	}
}

func TestEveryBugPrintsAndParsesBack(t *testing.T) {
	for _, b := range catalog.All() {
		again, err := bug.Parse(b.ID, bug.Print(b))
		require.NoError(t, err)
		require.Equal(t, b, again)
	}
}

func TestLoadReadsADirectory(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "README"), []byte("not a bug"), 0o644))
	text, _ := catalog.Source("fail-slow")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "fail-slow.yaml"), text, 0o644))
	bugs, err := catalog.Load(dir)
	require.NoError(t, err)
	want, _ := catalog.Get("fail-slow")
	require.Equal(t, []bug.Bug{want}, bugs)
}

func TestLoadReportsAllThatIsWrong(t *testing.T) {
	dir := t.TempDir()
	text, _ := catalog.Source("fail-slow")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other.yaml"), text, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "wrong.yaml"), []byte("id: wrong\nfoo: bar\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "big.yaml"), make([]byte, bug.MaxFile+1), 0o644))
	_, err := catalog.Load(dir)
	require.ErrorContains(t, err, "other.yaml:1:1: the bug in it is fail-slow, so the file has to be fail-slow.yaml")
	require.ErrorContains(t, err, `wrong.yaml:2:1: unknown key "foo"`)
	require.ErrorContains(t, err, "big.yaml:1:1: 1048577 bytes are too many")
	_, err = catalog.Load(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
