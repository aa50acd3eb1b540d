package compare

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/check"
	"fourdays/harness/report"
)

func found() []*report.Run {
	long := int64(1200)
	variant := func(name string) *report.Variant { return &report.Variant{Name: name, Of: "dovecot", Title: "Dovecot"} }
	target := &report.Target{Server: "Dovecot", Version: "2.3", Settings: map[string]string{"FSYNC": "never"}}
	return []*report.Run{
		{Scenario: "dovecot-lost", Path: "d.yaml", Args: []string{"--world", "local"}, Title: "Power loss", Variant: variant("lost"), Seed: 7, Verdict: report.Fail,
			Target: target, Build: report.Build{Arch: "linux/amd64"}, UnavailableMS: &long,
			Mail:   check.Mail{Acknowledged: 1100, Lost: 3, Unread: 2, Altered: 1, Resurrected: 4},
			Checks: []check.Check{{Name: "D1", Title: "it is there", Verdict: check.Fail, Why: "message d1 is lost\nfirst: op 1"}, {Name: "R1", Verdict: check.Unknown}}},
		{Scenario: "dovecot-broken", Path: "d.yaml", Title: "Nothing", Variant: variant("broken"), Verdict: report.Error, Why: "no | dovecot"},
	}
}

func TestFindingsSayWhatWasSeenAndHowToSeeItAgain(t *testing.T) {
	require.Equal(t, `## Dovecot

Dovecot (2.3), on linux/amd64.

| | promised | lost | unread | altered | twice | back again | longest without service | checks that failed |
|---|--:|--:|--:|--:|--:|--:|--:|---|
| lost | 1,100 | 3 | 2 | 1 | 0 | 4 | 1.2 s | D1 |
| broken | error: no \| dovecot |

**lost**: Power loss; `+"`FSYNC=never`. `fourdays run d.yaml --world local --seed 7`"+`
- D1, it is there: message d1 is lost

**broken**: Nothing. `+"`fourdays run d.yaml --seed 0`"+`

`, string(Findings(found())))
}

func TestRemakeKeepsWhatIsWrittenByHand(t *testing.T) {
	from := fmt.Sprintf(madeFrom, "compare")
	file := "# Head\n" + from + "\nold\n" + madeTo + "\ntail\n"
	once, err := Remake([]byte(file), "compare", []byte("new\n"))
	require.NoError(t, err)
	require.Equal(t, "# Head\n"+from+"\n\nnew\n"+madeTo+"\ntail\n", string(once))
	twice, err := Remake(once, "compare", []byte("new\n"))
	require.NoError(t, err)
	require.Equal(t, string(once), string(twice))
	_, err = Remake([]byte("# Head\n"), "compare", nil)
	require.ErrorContains(t, err, "find the place for the tables")
	_, err = Remake([]byte(file), "margin", nil)
	require.ErrorContains(t, err, "made by fourdays margin", "each command has its own place")
}
