package external_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/harness/report"
	"fourdays/harness/run"
	"fourdays/harness/scenario"
)

// hurried is a variant of a shipped file, at two and a half times its speed.
func hurried(t *testing.T, path, variant string) *scenario.Scenario {
	t.Helper()
	all, _, err := scenario.LoadAll(path)
	require.NoError(t, err)
	i := slices.IndexFunc(all, func(s *scenario.Scenario) bool { return s.Variant.Name == variant })
	require.GreaterOrEqual(t, i, 0, "%s has no variant %s", path, variant)
	s := all[i]
	for _, at := range []*time.Duration{&s.Workload.Until, &s.Duration} {
		*at = *at * 2 / 5
	}
	for i := range s.Timeline {
		s.Timeline[i].At = s.Timeline[i].At * 2 / 5
	}
	return s
}

// TestDovecot plays the shipped files for both formats: nothing is wrong when
// nothing fails, and what was promised after an fsync survives a power loss.
func TestDovecot(t *testing.T) {
	need.FUSE(t)
	need.Root(t)
	need.Command(t, "dovecot", "dovecot-imapd dovecot-lmtpd")
	for _, format := range []string{"maildir", "mdbox"} {
		for _, variant := range []string{"quiet", "power-loss-always"} {
			t.Run(format+"/"+variant, func(t *testing.T) {
				t.Parallel()
				path := filepath.Join("../../scenarios/external", "dovecot-"+format+".yaml")
				r, err := run.Run(t.Context(), hurried(t, path, variant), run.Options{
					Dir: t.TempDir(), Folder: filepath.Dir(path), Place: place(t),
				})
				require.NoError(t, err)
				require.Equal(t, report.Pass, r.Verdict, r.Why)
				require.Greater(t, r.Mail.Acknowledged, 20)
				require.Zero(t, r.Mail.Lost+r.Mail.Unread+r.Mail.Altered)
				require.Contains(t, r.Target.Version, "2.")
				require.Equal(t, report.Serving, r.Nodes[0].State)
			})
		}
	}
}
