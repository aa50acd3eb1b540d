package run

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/check"
	"fourdays/harness/report"
)

// TestDefectsAreCaught runs each negative control twice: as it is, with a
// protection of the node switched off, and as its twin, with everything the
// same but the protection there. The first must fail by the checks that are
// for that damage, the second must pass.
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
		file := filepath.Join("testdata", "control-"+c.defect+".yaml")
		t.Run(c.defect, func(t *testing.T) {
			t.Parallel()
			s := load(t, file)
			require.Equal(t, []string{c.defect}, s.Unsafe)
			r, _ := rehearse(t, s)
			require.Equal(t, report.Fail, r.Verdict, r.Why)
			require.Subset(t, failing(r), c.checks)
		})
		t.Run(c.defect+" twin", func(t *testing.T) {
			t.Parallel()
			s := load(t, file)
			s.Unsafe = nil
			r, _ := rehearse(t, s)
			require.Empty(t, failing(r))
			require.Equal(t, report.Pass, r.Verdict, r.Why)
		})
	}
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
