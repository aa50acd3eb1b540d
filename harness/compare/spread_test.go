package compare

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"fourdays/harness/recovery"
	"fourdays/harness/report"
)

// tenSeeds are the three variants of fate over ten seeds: what one-os loses and
// how long the others take depends on the seed.
func tenSeeds() (all []*report.Run) {
	for seed := range 10 {
		for _, r := range fate() {
			r.Seed, r.Digest = uint64(seed+1), fmt.Sprintf("%s %d", r.Digest, seed)
			if r.Mail.Lost > 0 {
				r.Mail.Lost += 3 * seed
			}
			if r.Recovery.RTAMS != nil {
				r.Recovery.RTAMS = ms(4_000 + int64(seed)*100)
			}
			h := 0.5 + float64(seed)/100
			if r.Variant.Name == "three-oses" {
				h /= 10
			}
			r.Recovery.MailboxHours, r.Recovery.PeakBacklog = &h, new(int)
			r.Arrays = wrote(1000+int64(seed), r.Variant.Name == "three-oses")
			all = append(all, r)
		}
	}
	return all
}

// wrote are two arrays on which so much was written; half as much again if more
// is set.
func wrote(n int64, more bool) (all []report.Array) {
	if more {
		n += n / 2
	}
	for _, name := range []string{"east", "west"} {
		all = append(all, report.Array{
			Name: name, OS: "acme/1.0", EndUsed: 1e6 + n*1000,
			Start: map[string]int64{"writes": 50, "bytes": 7}, End: map[string]int64{"writes": 50 + n, "bytes": 7 + 1000*n},
		})
	}
	return all
}

// TestExtraIsOfTheSameSeed: each run is set against the run of the first variant
// with its seed, so what a seed writes more in both is not extra.
func TestExtraIsOfTheSameSeed(t *testing.T) {
	s := Over(tenSeeds())
	require.Equal(t, "2,009 [2,002 … 2,016]", s.Variants[0].figure("writes").String())
	require.Equal(t, "+0 % ~", s.Variants[1].figure("writes").String())
	require.Equal(t, "+50 %", s.Variants[2].figure("writes").String())
	require.Equal(t, "2.01 MB [2 MB … 2.02 MB]", s.Variants[0].figure("bytes").String())
	runs := tenSeeds()
	for i := range runs {
		runs[i].Seed += uint64(100 * (i % 3)) // no seed is in two variants
	}
	require.Equal(t, "unknown", Over(runs).Variants[2].figure("writes").value())
	runs = tenSeeds()
	runs[0].Arrays[1].End = nil // broken off before
	require.Equal(t, 9, Over(runs).Variants[0].figure("writes").Known)
	require.Equal(t, 9, Over(runs).Variants[0].figure("used").Known)
}

// TestTheTableOverSeedsReadsAsItShould compares whole tables with testdata: as
// text, narrow, and as Markdown; and one with all that can go wrong.
func TestTheTableOverSeedsReadsAsItShould(t *testing.T) {
	odd := tenSeeds()[:9]
	odd[0].Verdict, odd[0].Why = report.Error, "n1 did not start"
	odd[4].Mail.Unread = 2
	odd[5].Seed, odd[8].Build.GuestSHA256 = 99, "another"
	for name, c := range map[string]struct {
		runs  []*report.Run
		width int
	}{"seeds-wide": {tenSeeds(), 0}, "seeds-narrow": {tenSeeds(), 80}, "seeds-odd": {odd, 0}} {
		var b bytes.Buffer
		require.NoError(t, Over(c.runs).Text(&b, c.width))
		golden(t, name+".txt", b.Bytes())
		for line := range bytes.Lines(b.Bytes()) {
			if c.width > 0 {
				require.LessOrEqual(t, utf8.RuneCount(line), c.width+1)
			}
		}
	}
	golden(t, "seeds.md", Over(tenSeeds()).Markdown())
	many := tenSeeds()
	for _, variant := range []string{"four", "five", "six"} {
		r := played(variant, 0, 1)
		r.Seed = 1
		many = append(many, r)
	}
	golden(t, "seeds-many.md", Over(many).Markdown())
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "%s; go test ./harness/compare -update", path)
}

// TestTheSameRunsAreTheSameBytes: whoever makes the table from the same runs gets
// the same file, and another digest for others.
func TestTheSameRunsAreTheSameBytes(t *testing.T) {
	once, err := EncodeSpreads([]*Spread{Over(tenSeeds())})
	require.NoError(t, err)
	again, err := EncodeSpreads([]*Spread{Over(tenSeeds())})
	require.NoError(t, err)
	require.Equal(t, string(once), string(again))
	require.Equal(t, Over(tenSeeds()).Markdown(), Over(tenSeeds()).Markdown())

	other := tenSeeds()
	other[7].Digest = "another"
	require.NotEqual(t, Over(tenSeeds()).Digest, Over(other).Digest)
	other[7].Digest = ""
	require.Empty(t, Over(other).Digest, "in real time there is none")
}

// TestAMedianIsNotGuessed: what was watched and not over counts as that much or
// more, and the median says so only if it is among them.
func TestAMedianIsNotGuessed(t *testing.T) {
	most := func(v float64) *float64 { return &v }
	for name, c := range map[string]struct {
		values []value
		want   Range
	}{
		"all known":               {[]value{{1, 1}, {2, 2}, {9, 9}}, Range{2, most(2)}},
		"the longest is censored": {[]value{{1, 1}, {2, 2}, {9, beyond}}, Range{2, most(2)}},
		"the middle is censored":  {[]value{{1, 1}, {8, beyond}, {9, beyond}}, Range{8, nil}},
		"between the two":         {[]value{{1, 1}, {9, beyond}}, Range{5, nil}},
		// watched for 3 only: it may be the shortest or the longest
		"a short watch":           {[]value{{2, 2}, {3, beyond}, {4, 4}, {5, 5}, {6, 6}}, Range{4, most(5)}},
		"some could not be found": {[]value{{0, 2}, {0, 2}, {0, 0}}, Range{0, most(2)}},
	} {
		require.Equal(t, c.want, interval(c.values).Median, name)
	}
	require.Nil(t, interval(nil))
}

// TestAnIntervalNeedsSixRuns, and is that of order statistics: of ten values the
// second and the ninth.
func TestAnIntervalNeedsSixRuns(t *testing.T) {
	var v []value
	for i := range 10 {
		v = append(v, value{float64(i), float64(i)})
	}
	require.Nil(t, interval(v[:5]).From)
	six := interval(v[:6])
	require.Equal(t, []float64{0, 5}, []float64{six.From.Least, six.To.Least})
	ten := interval(v)
	require.Equal(t, []float64{1, 4.5, 8}, []float64{ten.From.Least, ten.Median.Least, ten.To.Least})
	v[8].hi, v[9].hi = beyond, beyond
	require.Nil(t, interval(v).To.Most, "the upper end is not known")
	require.NotNil(t, interval(v).From.Most)
}

// TestChanceIsThatOfAllWaysToDeal compares p with what dealing the values out in
// every way gives: it is never less, ties and unequal numbers of runs included,
// and the same where each variant has as many.
func TestChanceIsThatOfAllWaysToDeal(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		a, b := few(draw), few(draw)
		want, got := dealt(a, b), *chance(a, b)
		require.GreaterOrEqual(t, got, want-1e-9, "%v and %v", a, b)
		require.LessOrEqual(t, got, 1.0)
		if len(a) == len(b) {
			require.InDelta(t, want, got, 1e-9, "%v and %v", a, b)
		}
	}
	two, three := []value{{5, 5}, {6, 6}}, []value{{0, 0}, {0, 0}, {0, 0}}
	require.InDelta(t, 0.2, *chance(two, three), 1e-9, "benchmath alone says 0")
	require.InDelta(t, 0.2, *chance(three, two), 1e-9)
}

func few(draw *rand.Rand) (v []value) {
	for range 1 + draw.IntN(5) {
		v = append(v, *exactly(float64(draw.IntN(4))))
	}
	return v
}

// dealt is twice the share of all ways to deal the values out that are as far
// out, on the side on which the variants are.
func dealt(a, b []value) float64 {
	all := slices.Concat(a, b)
	is := above(a, b, lower, lower)
	down, up, ways := 0, 0, 0
	for mask := range 1 << len(all) {
		var x, y []value
		for i, v := range all {
			if mask>>i&1 == 1 {
				x = append(x, v)
			} else {
				y = append(y, v)
			}
		}
		if len(x) != len(a) {
			continue
		}
		ways++
		if above(x, y, lower, lower) <= is {
			down++
		}
		if above(x, y, lower, lower) >= is {
			up++
		}
	}
	return min(1, 2*float64(min(down, up))/float64(ways))
}

// TestADifferenceIsMoreThanChance: known p of the U test, and none where what is
// not known could turn it round.
func TestADifferenceIsMoreThanChance(t *testing.T) {
	four := func(from float64) (v []value) {
		for i := range 4 {
			v = append(v, value{from + float64(i), from + float64(i)})
		}
		return v
	}
	require.InDelta(t, 0.02857, *chance(four(0), four(10)), 1e-5)
	require.InDelta(t, 0.1, *chance(four(0)[:3], four(10)[:3]), 1e-5, "three of each can show nothing")
	require.Equal(t, 1.0, *chance(four(0), four(0)))
	require.Nil(t, chance(nil, four(0)))

	waits := []value{{20, beyond}, {20, beyond}, {20, beyond}, {20, beyond}}
	require.InDelta(t, 0.02857, *chance(four(0), waits), 1e-5, "all are longer, however long")
	require.Equal(t, 1.0, *chance(waits, waits), "nobody knows which is longer")
	short := []value{{1, beyond}, {1, beyond}, {1, beyond}, {1, beyond}}
	require.Equal(t, 1.0, *chance(four(5), short), "it may be shorter or longer")
}

// TestWhatNeverHappenedHasALimit by the rule of three, and what nobody can be sure
// of is not counted as no.
func TestWhatNeverHappenedHasALimit(t *testing.T) {
	s := Over(tenSeeds())
	f := s.Variants[1].figure("loses")
	require.Equal(t, "0 of 10 (≤ 3/10)", f.String())
	require.InDelta(t, 0.3, *f.AtMost, 1e-9)
	require.True(t, f.Differs)

	runs := tenSeeds()
	runs[1].Mail.Unread = 5
	require.Equal(t, "0 of 9 (≤ 3/9)", Over(runs).Variants[1].figure("loses").String())
	require.Equal(t, "0 of 3 ~", Over(tenSeeds()[:9]).Variants[2].figure("alters").String(), "three runs limit nothing")
}

// TestRowsThatSayNothingAreLeftOut: what was closed again, unread or left in a spool
// has a row only where some run had it.
func TestRowsThatSayNothingAreLeftOut(t *testing.T) {
	text := func(runs []*report.Run) string { return string(Over(runs).Markdown()) }
	for label, change := range map[string]func(*report.Run){
		"| runs that closed again |":     func(r *report.Run) { r.Recovery.Reclosed = []recovery.Reclosed{{}} },
		"| mail left in a spool |":       func(r *report.Run) { r.Mail.Held = 1 },
		"| mail nobody could look for |": func(r *report.Run) { r.Mail.Unread = 1 },
	} {
		runs := tenSeeds()
		require.NotContains(t, text(runs), label)
		change(runs[13])
		require.Contains(t, text(runs), label)
	}
}

// TestOnlyWhatFollowsIsSaid: each case takes a reason away.
func TestOnlyWhatFollowsIsSaid(t *testing.T) {
	require.Equal(t, "Acknowledged mail was lost or altered in one-os (10 of 10 runs). It was in no run of two-oses (10 runs) and three-oses (10 runs). "+
		"Mailbox-hours were fewer in three-oses (0.055) than in one-os (0.55).", Over(tenSeeds()).Conclusion)

	runs := tenSeeds()
	runs[1].Mail.Unread = 1
	require.Contains(t, Over(runs).Conclusion, "It was in no run of three-oses (10 runs).", "of two-oses nobody knows")
	runs = tenSeeds()
	runs[1].Verdict = report.Error
	require.Empty(t, Over(runs).Conclusion, "a run without an outcome")
	var alone []*report.Run
	for _, r := range tenSeeds() {
		if r.Variant.Name == "one-os" {
			alone = append(alone, r)
		}
	}
	require.Empty(t, Over(alone).Conclusion, "there is nothing beside it")
}

// TestWhatIsNotLikeForLikeIsNoted: seeds, builds, worlds, and runs without an
// outcome.
func TestWhatIsNotLikeForLikeIsNoted(t *testing.T) {
	require.Empty(t, Over(tenSeeds()).Notes)
	for want, change := range map[string]func(r *report.Run){
		"one-os":     func(r *report.Run) { r.Seed = 77 },
		"builds":     func(r *report.Run) { r.Build.GuestSHA256 = "x" },
		"worlds":     func(r *report.Run) { r.World = "local" },
		"equally":    func(r *report.Run) { r.Arrays[0].EndMS = 99 },
		"no outcome": func(r *report.Run) { r.Verdict = report.Aborted },
	} {
		runs := tenSeeds()
		change(runs[4])
		notes := Over(runs).Notes
		require.NotEmpty(t, notes, want)
		require.True(t, slices.ContainsFunc(notes, func(n string) bool { return bytes.Contains([]byte(n), []byte(want)) }), "%s: %q", want, notes)
	}
}

// TestNobodyCutOffTookNoTime: where nothing failed, mailboxes were back at once;
// where nobody knows, nothing is said.
func TestNobodyCutOffTookNoTime(t *testing.T) {
	calm, none := played("a", 0, 0), played("a", 0, 0)
	calm.Recovery = recovery.Recovery{}
	none.Recovery = recovery.Recovery{ImpactMS: ms(1)}
	for _, m := range measures() {
		switch m.key {
		case "reopened_first_ms", "reopened_t50_ms", "reopened_t100_ms", "rta_ms", "mailbox_hours":
			require.Equal(t, exactly(0), m.of(calm), m.key)
			require.Nil(t, m.of(none), m.key)
		}
	}
}
