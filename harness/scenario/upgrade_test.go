package scenario

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
)

// TestAnUpgradeTakesItsTime fills in what a file does not say, and refuses to roll
// over a single controller.
func TestAnUpgradeTakesItsTime(t *testing.T) {
	src := string(read(t, "testdata/everything.yaml"))
	with := func(step string) string {
		return strings.Replace(src, "upgrade: {west: acme/1.2, north: \"9.5\"}", step, 1)
	}
	for text, want := range map[string]Upgrade{
		"upgrade: {west: a/2}":                                      {},
		"upgrade: {west: a/2}, one_way: true":                       {OneWay: true},
		"upgrade: {west: a/2}, how: at_once":                        {How: AtOnce, Takes: 5 * time.Minute},
		"upgrade: {west: a/2}, how: rolling":                        {How: Rolling, Takes: 5 * time.Minute, Step: 10 * time.Minute},
		"upgrade: {west: a/2}, how: rolling, takes: 20m":            {How: Rolling, Takes: 20 * time.Minute, Step: 20 * time.Minute},
		"upgrade: {west: a/2}, how: rolling, takes: 1s, step: 500h": {},
		"upgrade: {east: a/2}, how: rolling":                        {},
	} {
		s, err := Parse("test.yaml", []byte(with(text)))
		switch {
		case strings.Contains(text, "500h"):
			require.ErrorContains(t, err, "the upgrade of west ends at 500h0m11s, past the end; want the last controller back within the duration, 96h")
		case strings.Contains(text, "east"):
			require.ErrorContains(t, err, "array east has one controller: there is nothing to roll over; want how: at_once, or controllers: 2")
		default:
			require.NoError(t, err, text)
			want.To = []Upgraded{{"west", "a/2"}}
			require.Equal(t, want, step(s, "upgrade"), text)
		}
	}
}

// TestAnOSThatIsLeftCanStillFire: while an upgrade rolls the old OS is there too,
// and a bug of it that is armed then is no mistake.
func TestAnOSThatIsLeftCanStillFire(t *testing.T) {
	s := mustParse(t, read(t, "testdata/example.yaml"))
	to := []Upgraded{{"east", "acme/2.0"}, {"west", "acme/2.0"}}
	late := Step{At: 20 * time.Second, Action: Arm{Bug: "bit-rot", As: "late", On: Scope{OS: "acme/1.*"}}}
	for how, warnings := range map[string]int{"": 1, Rolling: 0} {
		s.Timeline = []Step{{At: 10 * time.Second, Action: Upgrade{To: to, How: how, Takes: 20 * time.Second, Step: time.Minute}}, late}
		if how == "" {
			s.Timeline[0].Action = Upgrade{To: to}
		}
		require.Len(t, Warnings(s), warnings, how)
	}
	require.Contains(t, s.events(s.Array("east"), 0), bug.EventUpgrade)
}
