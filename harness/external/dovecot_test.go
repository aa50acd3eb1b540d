package external_test

import (
	"os"
	"path/filepath"
	"regexp"
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

// seen are findings that these tests are not about, by format: the check, words
// in it, and words in the names of the scenarios that showed it.
// scenarios/external/README.md tells of each.
var seen = map[string]struct{ check, says, in string }{
	"maildir": {check: "D9", says: "was said to have"}, // STATUS counted too few in three of some thirty runs
	"mdbox":   {check: "D3", says: "is in the mailboxes of", in: "power-loss"},
}

// unexpected are the checks and expectations that did not hold, without what was
// seen. That fails "other checks" as well, which only repeats what the checks
// themselves say.
func unexpected(r *report.Run, format string) (all []string) {
	known, of := false, seen[format]
	for _, c := range r.Checks {
		switch {
		case c.Verdict != check.Fail:
		case c.Name == of.check && strings.Contains(c.Why, of.says) && strings.Contains(r.Scenario, of.in):
			known = true
		default:
			all = append(all, c.Name+": "+c.Why)
		}
	}
	for _, x := range r.Expectations {
		if x.Verdict != report.Pass && !(known && x.Name == "other checks") {
			all = append(all, x.Name+": "+x.Why)
		}
	}
	return all
}

// TestFindingsAreKnown: each is excused where it was seen, and nothing beside it.
func TestFindingsAreKnown(t *testing.T) {
	run := func(name, why string) *report.Run {
		return &report.Run{
			Checks:       []check.Check{{Name: name, Verdict: check.Fail, Why: why}},
			Expectations: []report.Expectation{{Name: "other checks", Verdict: report.Fail, Why: name}},
		}
	}
	count := "INBOX of u0003@libero.example was said to have 7 messages, at least 1 too few"
	require.Empty(t, unexpected(run("D9", count), "maildir"))
	require.Len(t, unexpected(run("D9", count), "mdbox"), 2)
	require.Len(t, unexpected(run("D9", "INBOX of u0003@libero.example was shown empty"), "maildir"), 2)
	require.Len(t, unexpected(run("D1", "lost"), "maildir"), 2)
	twice := "message a2 is in the mailboxes of u0001@libero.example 2 times, 1 more than attempts could leave"
	require.Len(t, unexpected(run("D3", twice), "mdbox"), 2, "without a power loss")
	cut := run("D3", twice)
	cut.Scenario = "dovecot-mdbox-power-loss-always"
	require.Empty(t, unexpected(cut, "mdbox"))
	require.Len(t, unexpected(run("D3", twice), "maildir"), 2)
}

// TestTheTablesAreThere: the page that tells of Dovecot was made by runs, and says
// of which version.
func TestTheTablesAreThere(t *testing.T) {
	text, err := os.ReadFile("../../scenarios/external/README.md")
	require.NoError(t, err)
	_, made, there := strings.Cut(string(text), "<!-- made by fourdays compare")
	require.True(t, there)
	for format, name := range map[string]string{"maildir": "Maildir", "mdbox": "mdbox"} {
		all, _, err := scenario.LoadAll("../../scenarios/external/dovecot-" + format + ".yaml")
		require.NoError(t, err)
		_, section, there := strings.Cut(made, "## Dovecot with "+name)
		require.True(t, there, format)
		section, _, _ = strings.Cut(section, "\n## ")
		require.Regexp(t, `Dovecot \(2\.\d+\.\d+`, section)
		for _, s := range all {
			require.Regexp(t, `(?m)^\| `+regexp.QuoteMeta(s.Variant.Name)+` \| \d+ \|`, section, format)
		}
	}
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
				require.Empty(t, unexpected(r, format), r.Why)
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
	require.Empty(t, unexpected(r, "maildir"), r.Why)
	require.Equal(t, report.Serving, r.Nodes[0].State)
	require.True(t, slices.ContainsFunc(r.Timeline, func(e report.Event) bool {
		return strings.Contains(e.Text, "n1 ended itself with code 137; the supervisor starts it again")
	}), "%v", r.Timeline)
}
