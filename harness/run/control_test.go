package run

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/check"
	"fourdays/harness/report"
)

// lucky is how many seeds a defect has to show itself. Each run repeats exactly,
// but which messages are under way at a fault changes with every change of the
// node.
const lucky = 5

// TestDefectsAreCaught runs each negative control with a protection of the node
// switched off, and its twin: the same seed, everything the same, and the
// protection there. The first must fail by the checks that are for that damage;
// the second must pass.
func TestDefectsAreCaught(t *testing.T) {
	for _, c := range []struct {
		defect string
		checks []string
	}{
		{"no-sync", []string{"D1", "D8"}},
		{"no-digest", []string{"I2", "I8"}},
		{"no-fence", []string{"D1", "R1"}},
		{"guess", []string{"D1"}},
	} {
		t.Run(c.defect, func(t *testing.T) {
			t.Parallel()
			s := load(t, filepath.Join("testdata", "control-"+c.defect+".yaml"))
			require.Equal(t, []string{c.defect}, s.Unsafe)
			for s.Seed = 1; s.Seed <= lucky; s.Seed++ {
				r, _ := rehearse(t, s)
				if !contains(failing(r), c.checks) {
					continue
				}
				require.Equal(t, report.Fail, r.Verdict, r.Why)
				twin := *s
				twin.Unsafe = nil
				r, _ = rehearse(t, &twin)
				require.Empty(t, intersect(failing(r), c.checks), "seed %d", s.Seed)
				if len(failing(r)) == 0 {
					require.Equal(t, report.Pass, r.Verdict, r.Why)
					return
				}
			}
			t.Fatalf("no seed up to %d shows the defect and passes without it", lucky)
		})
	}
}

func contains(list, all []string) bool { return len(intersect(all, list)) == len(all) }

func intersect(a, b []string) (both []string) {
	for _, x := range a {
		if slices.Contains(b, x) {
			both = append(both, x)
		}
	}
	return both
}

// failing names the checks that a run fails.
func failing(r *report.Run) []string {
	var names []string
	for _, c := range r.Checks {
		if c.Verdict == check.Fail {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return names
}
