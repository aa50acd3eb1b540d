package run

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/catalog"
)

// sampled are the pairs that -short plays: a lie, a limit, a silent damage.
var sampled = []string{"flush-lies", "libero-2023", "bit-rot"}

// TestEveryBugHasItsPair: one file for each bug of the catalogue, named after it,
// and none beside.
func TestEveryBugHasItsPair(t *testing.T) {
	files, err := filepath.Glob("../../scenarios/regress/*.yaml")
	require.NoError(t, err)
	var pairs, bugs []string
	for _, file := range files {
		s := load(t, file)
		require.Equal(t, s.Name, s.Proves, file)
		require.Equal(t, s.Name+".yaml", filepath.Base(file))
		pairs = append(pairs, s.Name)
	}
	for _, b := range catalog.All() {
		bugs = append(bugs, b.ID)
	}
	require.ElementsMatch(t, bugs, pairs)
}

// TestEveryBugProvesItselfInACluster plays every pair: with the bug its stated
// outcome, without it nothing wrong, and neither does what is expected of the
// other. Some two processor seconds for a run.
func TestEveryBugProvesItselfInACluster(t *testing.T) {
	for _, b := range catalog.All() {
		if testing.Short() && !slices.Contains(sampled, b.ID) {
			continue
		}
		t.Run(b.ID, func(t *testing.T) {
			t.Parallel()
			p, err := Pair(t.Context(), load(t, "../../scenarios/regress/"+b.ID+".yaml"), Options{Dir: t.TempDir(), Place: programs(t)})
			require.NoError(t, err)
			require.True(t, p.Proved, strings.Join(p.Why, "\n"))
			require.NotEmpty(t, p.Apart)
		})
	}
}
