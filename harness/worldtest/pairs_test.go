package worldtest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/run"
)

// pairs are the proof pairs that are played in real time, by world: one of
// each kind of bug that shows within a minute.
var pairs = map[string][]string{
	"local": {
		"bit-rot", "crucial-m4-5184h", "drbd-9026", "failover-forgets", "flush-lies",
		"fsyncgate", "libero-2023", "lost-write", "stale-read", "volume-rollback",
	},
	"docker": {"bit-rot", "flush-lies", "libero-2023"},
}

// TestPairsInRealTime: the bug is seen, and nothing but the bug, by the same
// files as in the simulator.
func TestPairsInRealTime(t *testing.T) {
	for kind, list := range pairs {
		for _, name := range list {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				p := place(t, kind)
				enter(t, 2)
				got, err := run.Pair(t.Context(), load(t, "../../scenarios/regress/"+name+".yaml"), run.Options{Dir: t.TempDir(), Place: p})
				require.NoError(t, err)
				require.True(t, got.Proved, strings.Join(got.Why, "\n"))
			})
		}
	}
}
