package report

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/check"
	"fourdays/harness/hist"
	"fourdays/harness/scenario"
)

var update = flag.Bool("update", false, "rewrite the expected texts")

// TestTextReadsAsItShould compares whole summaries with testdata, so that a
// change of wording is seen as it will be read.
func TestTextReadsAsItShould(t *testing.T) {
	broken := calm()
	broken.Mail = check.Mail{Acknowledged: 10, Present: 9, Lost: 1}
	broken.Checks[0].Verdict, broken.Checks[0].Why = check.Fail, "message m-7 for a@libero.example was acknowledged at +12 s and is on no replica"
	broken.Checks[0].First = &hist.Op{AnsweredUS: 60e6}
	broken.Faults = []Fault{lying(31_000)}
	aborted := calm()
	aborted.Verdict, aborted.Why = Aborted, "interrupted at +31 s"
	full := expecting(nothingLost())
	full.Numbers = []scenario.Number{{Name: "inbound closed", Value: "18h", Source: "https://example.org/a"}, {Name: "hang", Value: "every operation", Source: scenario.Picked}}
	for name, c := range map[string]struct {
		run *Run
		s   *scenario.Scenario
	}{
		"outage": {outage(), full}, "calm": {calm(), expecting(nothingLost())},
		"lost": {broken, expecting(nothingLost())}, "aborted": {aborted, expecting(nothingLost())},
	} {
		Complete(c.run, c.s)
		var b bytes.Buffer
		require.NoError(t, Text(&b, c.run, "runs/"+name))
		path := "testdata/" + name + ".txt"
		if *update {
			require.NoError(t, os.WriteFile(path, b.Bytes(), 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), b.String(), "%s; go test ./harness/report -update", path)
		for line := range strings.Lines(b.String()) {
			require.Equal(t, strings.TrimRight(line, " \n")+"\n", line, "blanks at the end")
		}
	}
}

// TestTextNeedsNothingButRunJSON prints a run before and after a round trip.
func TestTextNeedsNothingButRunJSON(t *testing.T) {
	r := outage()
	Complete(r, expecting(nothingLost()))
	data, err := Encode(r)
	require.NoError(t, err)
	again, err := Decode(data)
	require.NoError(t, err)
	var a, b bytes.Buffer
	require.NoError(t, Text(&a, r, "d"))
	require.NoError(t, Text(&b, again, "d"))
	require.Equal(t, a.String(), b.String())
}

// TestTheCommandThatRepeatsARunIsWhole holds it to everything that was given.
func TestTheCommandThatRepeatsARunIsWhole(t *testing.T) {
	r := &Run{Scenario: "calm", Seed: 7}
	require.Equal(t, "fourdays run calm.yaml --seed 7", r.Again())
	r.Path, r.Args = "x/calm.yaml", []string{"--variant", "one-os"}
	require.Equal(t, "fourdays run x/calm.yaml --variant one-os --seed 7", r.Again())
}

func TestUnitsAreForPeople(t *testing.T) {
	for in, want := range map[int64]string{
		0: "0 s", 340: "340 ms", 4200: "4.2 s", 60_000: "1m", 200_000: "3m20s",
		72 * hour: "72h", 88*hour + 720_000: "88h12m", -1500: "-1.5 s",
	} {
		require.Equal(t, want, Span(in))
	}
	require.Equal(t, "9,000,000", Count(9_000_000))
	require.Equal(t, "-1,000", Count(-1000))
	require.Equal(t, "999", Count(999))
	require.Equal(t, "1 mailbox", plural(1, "mailbox"))
	require.Equal(t, "2 mailboxes", plural(2, "mailbox"))
}

// TestALiveRunClaimsNoDigest: what real programs did in real time is not given
// again by a seed, and nothing was simulated but the arrays.
func TestALiveRunClaimsNoDigest(t *testing.T) {
	var out strings.Builder
	require.NoError(t, Text(&out, &Run{
		Scenario: "calm", Seed: 3, World: "local", Args: []string{"--world", "local"}, WallMS: 9_000, VirtualMS: 6_000,
		Population: Population{Mailboxes: 12, Simulated: 12},
	}, ""))
	text := out.String()
	require.Contains(t, text, "12 mailboxes; programs, kernel and time are real, the arrays are simulated")
	require.Contains(t, text, "6 s of real time, 9 s in all; world local")
	require.Contains(t, text, "digest none: ")
	require.Contains(t, text, "--world local --seed 3")
	require.NotContains(t, text, "virtual")
}

func TestTheServerOfOthersIsNamed(t *testing.T) {
	r := calm()
	r.Target = &Target{Server: "Dovecot", Version: "2.3.19\n", Settings: map[string]string{"FSYNC": "never", "FORMAT": "maildir"}}
	var b bytes.Buffer
	require.NoError(t, Text(&b, r, ""))
	require.Contains(t, b.String(), "\n  tested: Dovecot (2.3.19), FORMAT=maildir, FSYNC=never\n")
}
