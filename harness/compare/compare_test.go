package compare

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"fourdays/harness/check"
	"fourdays/harness/recovery"
	"fourdays/harness/report"
)

var update = flag.Bool("update", false, "rewrite the expected texts")

func ms(v int64) *int64 { return &v }

// played is a run of one variant: so much mail lost, so many replicas fenced.
func played(variant string, lost, fenced int) *report.Run {
	r := &report.Run{
		Scenario: "fate-" + variant, Path: "x/fate.yaml", Title: "Replicas with " + variant, Seed: 7, Verdict: report.Pass,
		Args:       []string{"--variant", variant},
		Variant:    &report.Variant{Name: variant, Of: "fate", Title: "One bug, and who has it"},
		Mail:       check.Mail{Acknowledged: 1268, Present: 1268 - lost, Lost: lost, Delayed: 3, Bounced: 1},
		Audit:      report.Audit{Asked: 12, Answered: 12},
		Population: report.Population{Mailboxes: 12, Simulated: 12},
		Digest:     "d-" + variant,
	}
	r.Recovery = recovery.Recovery{ImpactMS: ms(45_000), RTAMS: ms(4_200)}
	r.UnavailableMS, r.Available = ms(3_100), new(bool)
	*r.Available = fenced < 2
	for i, n := range []string{"n1", "n2", "n3"} {
		state := report.Serving
		if i < fenced {
			state = report.Fenced
		}
		r.Nodes = append(r.Nodes, report.Node{ID: n, Array: "a" + n, OS: "acme/1.0", State: state})
	}
	if fenced > 1 {
		r.UnavailableMS = ms(55_000)
		r.Audit.Answered = 0
		r.Recovery.RTAMS = nil
		r.Recovery.Censored = []recovery.Censor{{Name: "rta_ms", OverMS: 55_000}}
	}
	return r
}

func fate() []*report.Run {
	return []*report.Run{played("one-os", 1045, 3), played("two-oses", 0, 2), played("three-oses", 0, 1)}
}

func table(runs ...*report.Run) *Table {
	var dirs []string
	for _, r := range runs {
		dirs = append(dirs, "runs/"+r.Scenario)
	}
	return Of(runs, dirs)
}

// TestTheTableReadsAsItShould compares whole tables with testdata, as wide as a
// pipe takes them and turned for a narrow terminal.
func TestTheTableReadsAsItShould(t *testing.T) {
	odd := fate()
	odd[1].Verdict, odd[1].Why = report.Inconclusive, "the bug did not fire"
	odd[2].Nodes, odd[2].Mail.Unread = odd[2].Nodes[:1], 12
	odd[2].Audit = report.Audit{}
	odd = append(odd, &report.Run{Scenario: "fate-broken", Verdict: report.Error, Why: "n1 did not start", Variant: &report.Variant{Name: "broken"}})
	odd[2].Recovery, odd[2].UnavailableMS = recovery.Recovery{}, nil
	for name, c := range map[string]struct {
		runs  []*report.Run
		width int
	}{"wide": {fate(), 0}, "narrow": {fate(), 80}, "pieces": {fate(), 45}, "odd": {odd, 0}} {
		var b bytes.Buffer
		require.NoError(t, table(c.runs...).Text(&b, c.width))
		path := "testdata/" + name + ".txt"
		if *update {
			require.NoError(t, os.WriteFile(path, b.Bytes(), 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), b.String(), "%s; go test ./harness/compare -update", path)
		for line := range strings.Lines(b.String()) {
			require.Equal(t, strings.TrimRight(line, " \n")+"\n", line, "blanks at the end")
			if c.width >= 80 {
				require.LessOrEqual(t, utf8.RuneCountInString(line), c.width+1)
			}
		}
	}
}

// TestTheTableNeedsNothingButRunJSON makes it before and after a round trip.
func TestTheTableNeedsNothingButRunJSON(t *testing.T) {
	var again []*report.Run
	for _, r := range fate() {
		data, err := report.Encode(r)
		require.NoError(t, err)
		back, err := report.Decode(data)
		require.NoError(t, err)
		again = append(again, back)
	}
	require.Equal(t, table(fate()...), table(again...))
}

func TestTheTableIsJSON(t *testing.T) {
	data, err := Encode([]*Table{table(fate()...)})
	require.NoError(t, err)
	var back []*Table
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, table(fate()...), back[0])
	require.Equal(t, Schema, back[0].Schema)
}

// TestNothingIsConcludedThatDoesNotFollow: each case takes away a reason.
func TestNothingIsConcludedThatDoesNotFollow(t *testing.T) {
	require.Empty(t, table(fate()[0]).Conclusion, "one run is compared with nothing")
	for _, verdict := range []string{report.Inconclusive, report.Error, report.Aborted, ""} {
		runs := fate()
		runs[1].Verdict = verdict
		require.Empty(t, table(runs...).Conclusion, verdict)
	}
	unread := fate()
	unread[2].Mail.Unread = 1
	require.NotContains(t, table(unread...).Conclusion, "no other", "some was never looked for")
	nobody := fate()
	nobody[2].Audit.Asked, nobody[2].Audit.Answered = 0, 0
	require.NotContains(t, table(nobody...).Conclusion, "reached", "nobody asked")
	same := []*report.Run{played("a", 0, 1), played("b", 0, 1)}
	require.Equal(t, "No acknowledged mail was lost or altered in any of them.", table(same...).Conclusion)
	same[1].UnavailableMS = nil
	require.NotContains(t, table(same...).Conclusion, "served")
}

func TestWhatDiffersIsConcluded(t *testing.T) {
	require.Equal(t, "Acknowledged mail was lost or altered in one-os (1,045 of 1,268), and in no other. "+
		"At the end every mailbox could be reached in three-oses, none in one-os and two-oses.", table(fate()...).Conclusion)

	all := []*report.Run{played("a", 3, 1), played("b", 4, 1)}
	all[1].Mail.Altered = 2
	all[1].Audit.Answered = 5
	require.Equal(t, "Acknowledged mail was lost or altered in all of them: a (3 of 1,268) and b (6 of 1,268). "+
		"At the end every mailbox could be reached in a, 5 of 12 in b.", table(all...).Conclusion)

	dark := []*report.Run{played("a", 0, 1), played("b", 0, 1), played("c", 2, 1)}
	dark[0].Mail.Unread, dark[2].Mail.Unread = 1268, 7
	require.Equal(t, "Acknowledged mail was lost or altered in c (2 of 1,268). "+
		"Some of it nobody could look for in a (1,268 of 1,268) and c (7 of 1,268).", table(dark...).Conclusion)
	require.Equal(t, "No acknowledged mail was lost or altered in b. "+
		"Some of it nobody could look for in a (1,268 of 1,268).", table(dark[:2]...).Conclusion)

	slow := []*report.Run{played("a", 0, 1), played("b", 0, 1), played("c", 0, 1)}
	slow[1].UnavailableMS, *slow[1].Available = ms(1_800_000), false
	require.Equal(t, "No acknowledged mail was lost or altered in any of them. "+
		"Nobody was served for 3.1 s in a, the shortest, and for > 30m in b, the longest.", table(slow...).Conclusion)
}

// TestTheCommandMakesTheWholeTable, with what was given beside the variant.
func TestTheCommandMakesTheWholeTable(t *testing.T) {
	runs := fate()
	for _, r := range runs {
		r.Args = append([]string{"--bugs", "mine"}, r.Args...)
	}
	require.Equal(t, "fourdays compare x/fate.yaml --bugs mine --seed 7", table(runs...).Again)
	runs[1].Seed, runs[2].Path = 8, "y.yaml"
	require.Equal(t, "fourdays compare x/fate.yaml y.yaml --bugs mine", table(runs...).Again)
}

// TestARunWithoutVariantsHasItsOwnName: any runs can stand side by side.
func TestARunWithoutVariantsHasItsOwnName(t *testing.T) {
	r := played("a", 0, 0)
	r.Variant = nil
	got := table(r)
	require.Equal(t, "fate-a", got.Rows[0].Variant)
	var b bytes.Buffer
	require.NoError(t, got.Text(&b, 0))
	require.True(t, strings.HasPrefix(strings.TrimSpace(b.String()), "mail"), "no title of one stands for all:\n%s", b.String())
}
