package margin

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/check"
	"fourdays/harness/hist"
	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/storage/bug"
	"fourdays/storage/catalog"
)

var update = flag.Bool("update", false, "rewrite the expected texts")

// three is a scenario with two arrays of one OS and one of another, of which the
// oldest drive of east is a thousand hours older than the array.
func three(t testing.TB) *scenario.Scenario {
	s, err := scenario.Parse("three.yaml", []byte(`
name: three
title: Nothing goes wrong
storage:
  arrays: {east: {os: acme/1.0, drives: 3, tolerance: 1, skew: 1000h, power_on: 500h}, west: {os: acme/1.0}, north: {os: other/9.4}}
  stores: {main: {n1: east, n2: west, n3: north}}
mail: {domains: [libero.example], mailboxes: 10}
workload: {deliver: 1/s, read: 1/s}
duration: 60s
settle: 20s
expect: {lost: 0}
`))
	require.NoError(t, err)
	return s
}

// quiet is a run of it: everything moves but power.
func quiet() *report.Run {
	r := &report.Run{Scenario: "three", Title: "Nothing goes wrong", Seed: 7, Verdict: report.Pass, Digest: "d0",
		Mail: check.Mail{Acknowledged: 100, Present: 100}, Population: report.Population{Mailboxes: 1000, Simulated: 10}}
	for i, name := range []string{"east", "west", "north"} {
		a := report.Array{Name: name, OS: "acme/1.0", EndMS: 80_000, Start: map[string]int64{}, End: map[string]int64{}}
		if name == "north" {
			a.OS = "other/9.4"
		}
		for _, c := range bug.Counters() {
			a.Start[string(c)], a.End[string(c)] = 100+int64(i), 400+int64(i)
		}
		a.End["power_losses"], a.End["power_cycles"] = a.Start["power_losses"], a.Start["power_cycles"]
		r.Arrays = append(r.Arrays, a)
	}
	return r
}

// met is a run in which the limit was met at 20 s.
func met(change func(*report.Run)) *report.Run {
	r := quiet()
	at, noticed := int64(20_000), int64(5_000)
	r.Faults = []report.Fault{{Bug: Hidden, Fired: 3, FirstAtMS: &at}}
	r.Recovery.TTDMS = &noticed
	change(r)
	return r
}

// history has one delivery and one read each second, each served or not.
func history(t testing.TB, in, out func(second int64) bool) *bytes.Buffer {
	var b bytes.Buffer
	w := hist.NewWriter(&b)
	for s := range int64(60) {
		for kind, served := range map[hist.Kind]func(int64) bool{hist.Deliver: in, hist.Read: out} {
			op := &hist.Op{ID: s, Kind: kind, By: "user", IntendedUS: s * 1e6, AnsweredUS: s*1e6 + 1000, Outcome: hist.No}
			if served(s) {
				op.Outcome = hist.OK
			}
			require.NoError(t, w.Write(op))
		}
	}
	require.NoError(t, w.Close())
	return &b
}

func always(int64) bool { return true }

func until20(s int64) bool { return s < 20 }

// TestDocumentedLimitsAreThoseOfTheCatalogue, if their number is from a source,
// and the next of those that come again.
func TestDocumentedLimitsAreThoseOfTheCatalogue(t *testing.T) {
	ids := func(all []Limit) (ids []string) {
		for _, l := range all {
			ids = append(ids, l.Bug)
			require.NotEmpty(t, l.Source)
			require.NotEmpty(t, l.Product)
		}
		return ids
	}
	require.Equal(t, []string{"crucial-m4-5184h", "hpe-32768", "sandisk-40000h", "netapp-70000"}, ids(Documented(catalog.All(), bug.PowerOnHours, 0)))
	require.Equal(t, []string{"sandisk-40000h", "netapp-70000"}, ids(Documented(catalog.All(), bug.PowerOnHours, 32768)), "what is behind is not ahead")
	require.Empty(t, Documented(catalog.All(), bug.Ops, 0), "the limit of libero-2023 is picked: nobody documents it")
	require.Empty(t, Documented(catalog.All(), bug.Names, 0), "that of zfs-077 too")
	again := Documented(catalog.All(), bug.PowerCycles, 320)
	require.Len(t, again, 1)
	require.EqualValues(t, 576, again[0].At, "at 320, and then every 256")
	require.Empty(t, Documented(catalog.All(), bug.Writes, math.MaxInt64-1), "beyond what a counter can hold")
}

// TestWidthsAreInUnitsOfTheCounter: 2^31 milliseconds are 24.9 days of seconds.
func TestWidthsAreInUnitsOfTheCounter(t *testing.T) {
	up := Widths(bug.Uptime, 0)
	require.EqualValues(t, 2147484, up[0].At)
	require.Equal(t, "2^31 milliseconds", up[0].What)
	require.EqualValues(t, 1<<32, up[len(up)-1].At)
	require.EqualValues(t, 42949673, Widths(bug.Uptime, 42949672)[0].At, "497 days, in hundredths")
	require.EqualValues(t, int64(512)<<31, Widths(bug.Bytes, 0)[0].At)
	require.Empty(t, Widths(bug.Ops, 1<<32))
	for _, c := range bug.Counters() {
		require.NotEmpty(t, Widths(c, 0), c)
	}
}

// TestTheMarginIsWhatIsLeftAtThisRate, which for time is that of time.
func TestTheMarginIsWhatIsLeftAtThisRate(t *testing.T) {
	table := Of(three(t), quiet(), catalog.All())
	require.Len(t, table.Rows, 3*len(bug.Counters()))
	rows := map[string]Row{}
	for _, r := range table.Rows {
		rows[r.Array+" "+string(r.Counter)] = r
	}
	w := rows["west writes"]
	require.EqualValues(t, 401, w.Now)
	require.InDelta(t, 300.0/80*86400, w.PerDay, 1e-6)
	require.InDelta(t, (536e6-401)/w.PerDay, *w.Documented[0].Days, 1e-6)
	require.EqualValues(t, 1400, rows["east power_on_hours"].Now, "its oldest drive is a thousand hours older")
	require.EqualValues(t, 24, rows["east power_on_hours"].PerDay)
	require.EqualValues(t, 86400, rows["east uptime_s"].PerDay)
	require.Nil(t, rows["east power_cycles"].Documented[0].Days, "it does not move")
	require.EqualValues(t, 100, table.Stands)

	broken := quiet()
	broken.Arrays[0].EndMS = 0
	require.Nil(t, Of(three(t), broken, catalog.All()))
	require.Nil(t, Of(three(t), &report.Run{}, catalog.All()), "a record from before counters were kept")
}

// TestThePlanPutsALimitInsideTheRun: one for each counter that moves, on each
// array and on all of an OS that several have; each is a scenario that can be
// printed, read and played by itself.
func TestThePlanPutsALimitInsideTheRun(t *testing.T) {
	s := three(t)
	plan := Plan(s, quiet())
	require.Len(t, plan, 4*len(bug.Counters()), "three arrays, and one OS that two have")
	names := map[string]bool{}
	for _, c := range plan {
		require.False(t, names[c.Name()], c.Name())
		names[c.Name()] = true
		if c.Counter == bug.PowerCycles || c.Counter == bug.PowerLosses {
			require.Nil(t, c.Scenario)
			require.Equal(t, NotReached, Unreached(c).Result)
			require.Contains(t, c.Still, "power")
			continue
		}
		if c.Counter != bug.PowerOnHours {
			require.Greater(t, c.At, int64(100), c.Name())
			require.Less(t, c.At, int64(400), c.Name())
		}
		again, err := scenario.Parse(c.Name()+".yaml", scenario.Print(c.Scenario))
		require.NoError(t, err, c.Name())
		require.Equal(t, scenario.Print(c.Scenario), scenario.Print(again), c.Name())
		warnings := scenario.Warnings(again)
		require.Empty(t, warnings, "%s: what can never fire is no sweep", c.Name())
		require.Equal(t, time.Minute, c.Scenario.Settle)
	}
	require.Empty(t, s.Bugs, "the scenario itself is left as it was")
	require.Len(t, s.Timeline, 0)
}

// TestAnHourIsFullWithinTheRun: the array is dated, and is no younger than it was.
func TestAnHourIsFullWithinTheRun(t *testing.T) {
	for _, c := range Plan(three(t), quiet()) {
		if c.Counter != bug.PowerOnHours || c.Array != "east" {
			continue
		}
		east := c.Scenario.Storage.Arrays[0]
		require.Equal(t, time.Duration(c.At)*time.Hour, east.PowerOn+20*time.Second)
		require.GreaterOrEqual(t, east.PowerOn, 500*time.Hour)
		require.Zero(t, c.Scenario.Storage.Arrays[1].PowerOn, "no other array is touched")
		return
	}
	t.Fatal("no such case")
}

// TestOutcomesAreToldApart: each case damages a run in one way.
func TestOutcomesAreToldApart(t *testing.T) {
	c := Case{Counter: bug.Writes, Array: "east", At: 200, Scenario: three(t)}
	judge := func(r *report.Run, in, out func(int64) bool) Outcome {
		o, err := Judge(c, quiet(), r, history(t, in, out))
		require.NoError(t, err)
		return o
	}
	none := func(*report.Run) {}
	o := judge(met(none), always, always)
	require.Equal(t, Survives, o.Result)
	require.EqualValues(t, 40_000, *o.HeldMS)
	require.Equal(t, Share{20, 20}, o.In, "of the later half, 40 to 60 s")
	require.False(t, o.Warned)
	require.EqualValues(t, 5_000, *o.NoticedMS)

	require.Equal(t, Halves, judge(met(none), until20, always).Result)
	require.Equal(t, Stops, judge(met(none), until20, until20).Result)
	lost := judge(met(func(r *report.Run) { r.Mail.Lost = 2 }), until20, until20)
	require.Equal(t, Loses, lost.Result)
	require.Equal(t, 2, lost.Harmed)
	require.Equal(t, Unknown, judge(met(func(r *report.Run) { r.Mail.Unread = 2 }), always, always).Result)
	require.Equal(t, Unknown, judge(met(func(r *report.Run) { r.Faults = nil }), always, always).Result, "it was not met")
	require.Equal(t, Unknown, judge(met(func(r *report.Run) { r.Verdict = report.Error }), always, always).Result)
	kept, err := Judge(c, quiet(), met(none), strings.NewReader(`{"n":1,"id":1,"kind":"deliver","by":"user","node":"spool","intended_us":50000000,"sent_us":50000000,"answered_us":50001000,"outcome":"ok"}`+"\n"))
	require.NoError(t, err)
	require.Zero(t, kept.In.Asked, "what the provider's exchangers accept is no service of the store")
	empty, err := Judge(c, quiet(), met(none), strings.NewReader(""))
	require.NoError(t, err)
	require.Equal(t, Unknown, empty.Result, "nobody asked")

	base := quiet()
	base.Mail.Lost = 2
	same, err := Judge(c, base, met(func(r *report.Run) { r.Mail.Lost = 2 }), history(t, always, always))
	require.NoError(t, err)
	require.Equal(t, Survives, same.Result, "as much is lost without the limit")

	require.True(t, judge(met(func(r *report.Run) { r.Alarms = []report.Alarm{{AtMS: 19_000}} }), always, always).Warned)
	require.False(t, judge(met(func(r *report.Run) { r.Alarms = []report.Alarm{{AtMS: 19_000, Scripted: true}, {AtMS: 21_000}} }), always, always).Warned)
}

// TestTheTableReadsAsItShould compares the whole table with testdata, and the same
// runs with the same bytes.
func TestTheTableReadsAsItShould(t *testing.T) {
	made := func() *Table {
		table := Of(three(t), quiet(), catalog.All())
		table.Again = "fourdays margin three.yaml --seed 7"
		for _, c := range Plan(three(t), quiet()) {
			o := Unreached(c)
			if c.Still == "" {
				run, in := met(func(*report.Run) {}), always
				if c.OS != "" {
					in = until20
				}
				if c.Name() == "array-north-ops" {
					run.Faults = nil
				}
				var err error
				o, err = Judge(c, quiet(), run, history(t, in, always))
				require.NoError(t, err)
				o.Dir = "runs/x"
			}
			table.Sweep = append(table.Sweep, o)
		}
		table.Close()
		return table
	}
	var b bytes.Buffer
	require.NoError(t, made().Text(&b))
	for name, got := range map[string][]byte{"table.txt": b.Bytes(), "table.md": made().Markdown()} {
		if *update {
			require.NoError(t, os.WriteFile("testdata/"+name, got, 0o644))
		}
		want, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "go test ./harness/margin -update")
	}
	once, err := Encode(made())
	require.NoError(t, err)
	twice, err := Encode(made())
	require.NoError(t, err)
	require.Equal(t, string(once), string(twice))
	var back Table
	require.NoError(t, json.Unmarshal(once, &back))
	require.Equal(t, Schema, back.Schema)

	alone := Of(three(t), quiet(), catalog.All())
	alone.Close()
	require.NotContains(t, alone.Answer.Answer, "array", "nothing was swept, so nothing is said of it")
	require.Contains(t, strings.Join(alone.Cannot, " "), "the sweep was left out")
}

func TestDaysReadAsPeopleSayThem(t *testing.T) {
	d := func(v float64) *float64 { return &v }
	for want, days := range map[string]*float64{
		"not at this rate": nil, "12.0 hours": d(0.5), "208 days": d(208.2), "2.9 years": d(1060), "12 years": d(4400), "> 1,000 years": d(4e5),
	} {
		require.Equal(t, want, Days(days))
	}
}
