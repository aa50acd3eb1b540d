package scenario

import (
	"cmp"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"fourdays/storage/bug"
)

// TestWhatPrintsParsesBack is the law of the format, on values nobody wrote.
func TestWhatPrintsParsesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := draw(t)
		printed := Print(want)
		got, err := Parse("printed.yaml", printed)
		if err != nil {
			t.Fatalf("%v\n%s", err, printed)
		}
		require.Equal(t, want, placeless(got), "%s", printed)
	})
}

func TestShippedAndTestFilesPrintAndParseBack(t *testing.T) {
	for _, path := range append(shipped(t), "testdata/example.yaml", "testdata/everything.yaml", "testdata/external.yaml") {
		for _, want := range mustParseAll(t, read(t, path)) {
			require.Equal(t, want, mustParse(t, Print(want)), path)
		}
	}
}

// FuzzParse holds that no input makes the parser panic, that every refusal
// names a place, and that whatever is accepted prints and parses back.
func FuzzParse(f *testing.F) {
	for _, path := range append(shipped(f), "testdata/example.yaml", "testdata/everything.yaml", "testdata/external.yaml") {
		src, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if _, err := ParseAll("f", src); err != nil {
			require.Regexp(t, `^f:\d+:\d+: .`, err.Error())
			return
		}
		for _, s := range mustParseAll(t, src) {
			require.Equal(t, s, mustParse(t, Print(s)))
			Warnings(s) // must not panic either
		}
	})
}

// draw makes a scenario that fits together.
func draw(t *rapid.T) *Scenario {
	d := drawer{t}
	s := &Scenario{
		Name: d.name(), Title: d.text(), Description: rapid.OneOf(rapid.Just(""), rapid.Just(d.text())).Draw(t, "description"),
		Seed: rapid.Uint64().Draw(t, "seed"),
		Mail: Mail{Domains: []string{"a.example", "b-1.example"}, Mailboxes: d.n(1, 1000), Archive: d.n(0, 10)},
		Raft: Raft{Timeout: d.time(50*time.Millisecond, time.Minute)}, Watchdog: d.time(time.Second, time.Minute),
		Network:  Network{d.time(0, time.Second), d.time(0, time.Second), d.percent(0)},
		Duration: d.time(time.Hour, 300*day), Settle: d.time(0, time.Hour),
	}
	s.Mail.Population = s.Mail.Mailboxes + d.n(0, 1e6)
	s.Storage = d.storage()
	s.Workload = Workload{
		Deliver: d.rate(), Read: d.rate(), Change: d.rate(), Senders: rapid.SampledFrom(profiles).Draw(d.t, "senders"),
		From: d.time(0, time.Minute), Until: s.Duration - d.time(0, time.Minute), MaxSize: Bytes(d.n(256, 1e9)),
	}
	if rapid.Bool().Draw(t, "unsafe") {
		s.Unsafe = []string{"guess"}
	}
	for range d.n(0, 6) {
		s.Timeline = append(s.Timeline, d.step(s))
	}
	slices.SortStableFunc(s.Timeline, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	for range d.n(0, 4) {
		s.Playbook = append(s.Playbook, d.play(s))
	}
	for range d.n(0, 2) {
		s.Stop = append(s.Stop, d.halt())
	}
	s.Expect = d.expect()
	if len(s.Playbook) > 0 {
		s.Expect.Playbook = rapid.SampledFrom([]string{"", Done, Stuck, RefusedOne}).Draw(t, "playbook")
	}
	for i := range d.n(0, 2) {
		s.Numbers = append(s.Numbers, Number{d.text() + string(rune('a'+i)), d.text(), Picked})
	}
	return s
}

type drawer struct{ t *rapid.T }

func (d drawer) n(low, high int) int { return rapid.IntRange(low, high).Draw(d.t, "n") }

func (d drawer) name() string {
	return rapid.StringMatching(`[a-z0-9][a-z0-9-]{0,12}`).Draw(d.t, "name")
}

func (d drawer) text() string {
	return rapid.StringMatching(`[^\x00-\x20\x7f-\x{9f}][ -~äß€\n\t]{0,20}[^\x00-\x20\x7f-\x{9f}]`).Draw(d.t, "text")
}

func (d drawer) time(low, high time.Duration) time.Duration {
	return time.Duration(rapid.Int64Range(int64(low), int64(high)).Draw(d.t, "time"))
}

func (d drawer) percent(low int) Percent { return Percent(d.n(low, 1000)) / 10 }

func (d drawer) rate() Rate {
	unit := rapid.SampledFrom(rateUnits).Draw(d.t, "unit")
	most := min(1e6, mostPerSecond*unit.per.Seconds())
	return Rate{rapid.Float64Range(0, most).Draw(d.t, "rate"), unit.per}
}

func (d drawer) storage() Storage {
	s := Storage{Profile: Strict, Promise: rapid.Bool().Draw(d.t, "promise"), Direct: rapid.Bool().Draw(d.t, "direct")}
	for _, name := range []string{"east", "y", "1e3"}[:d.n(1, 3)] {
		s.Arrays = append(s.Arrays, d.array(name))
	}
	s.Stores = []Store{{"main", []Replica{{"n1", "east"}, {"n2", "east"}, {"n99", s.Arrays[len(s.Arrays)-1].Name}}}}
	return s
}

func (d drawer) array(name string) Array {
	a := Array{
		Name: name, OS: d.text(), Controllers: d.n(1, 8), Service: d.time(0, time.Second),
		Bandwidth: Bytes(d.n(1000, 1e9)), Capacity: Bytes(d.n(1e6, 1e12)),
		PowerOn: d.time(0, 100_000*time.Hour), Age: d.time(0, 100*day), Drives: d.n(3, 24), Tolerance: d.n(0, 2), Rebuild: d.time(0, day),
		Skew: d.time(0, 100*day), Cache: Bytes(d.n(4096, 1e6)), Queue: d.n(0, 100), Inodes: d.n(0, 1e6), Mirrored: true,
	}
	for _, counter := range CounterNames()[d.n(0, len(CounterNames())):] {
		a.Counters = append(a.Counters, Counter{bug.Counter(counter), int64(d.n(1, 1<<53))})
	}
	return a
}

func (d drawer) step(s *Scenario) Step {
	step := Step{At: d.time(0, s.Duration/2)}
	actions := []Action{
		nil, PowerLoss{[]string{"east", "n1"}}, PowerOn{[]string{"n99"}}, Kill{[]string{"n1"}}, Start{[]string{"n2"}},
		Restart{[]string{"n1", "n2"}}, Failover{[]string{"east"}},
		Crash{[]string{"east"}, d.time(time.Millisecond, time.Hour)}, d.upgrade(s), Tell{"dedupe", []string{"east"}},
		Scrub{Arrays: []string{"east"}}, Scrub{[]string{"east"}, []string{"n1"}}, Replace{"n1", "east"}, Recover{Best, true}, Copy{d.name(), []string{"n1", "n2"}}, Promote{[]string{"east"}}, Partition{[][]string{{"n1"}, {"n2", "n99"}}}, Heal{},
		Link{[2]string{"n1", "n2"}, d.time(0, time.Second), d.percent(0)}, Inbound{Policy: TempFail}, Inbound{Policy: Spool, On: "east"}, CloseAccounts{d.percent(1)},
		Reopen{Share: d.percent(1)}, Reopen{To: d.percent(1), Over: d.time(0, time.Minute), Steps: d.n(1, 20)}, Verify{},
	}
	step.Action = rapid.SampledFrom(actions).Draw(d.t, "action")
	replaced := func(o Step) bool { _, is := o.Action.(Replace); return is }
	if replaced(step) && slices.ContainsFunc(s.Timeline, replaced) {
		step.Action = Heal{} // two of one node with nothing between them are refused
	}
	if _, again := d.armed(s, "lost-write"); step.Action == nil && !again {
		step.Action = Arm{Bug: "lost-write", On: Scope{Array: "e*", Node: "n*"}, As: d.name()}
		step.Action = rapid.SampledFrom([]Action{step.Action, Arm{Bug: "lost-write", On: Scope{Volume: "*"}, As: "lost-write"}}).Draw(d.t, "arm")
	}
	if _, arm := step.Action.(Arm); !arm && (step.Action == nil || rapid.Bool().Draw(d.t, "noted")) {
		step.Note = d.text()
	}
	return step
}

func (d drawer) upgrade(s *Scenario) Action {
	up := Upgrade{To: []Upgraded{{"east", d.text()}}, OneWay: rapid.Bool().Draw(d.t, "one way")}
	ways := []string{"", AtOnce, Rolling}
	if s.Storage.Arrays[0].Controllers == 1 {
		ways = ways[:2]
	}
	if up.How = rapid.SampledFrom(ways).Draw(d.t, "how"); up.How != "" {
		up.Takes = d.time(time.Millisecond, time.Minute)
	}
	if up.How == Rolling {
		up.Step = up.Takes + d.time(0, time.Minute)
	}
	return up
}

// play draws a step of the playbook. What waits for the script to do something is
// left to the files.
func (d drawer) play(s *Scenario) Play {
	waits := []Condition{
		{Of: FencedNow, Op: ">=", N: int64(d.n(1, 3))}, {Of: ServeNow, Names: []string{"n2", "n99"}}, {Of: Unserved, Op: ">=", Time: d.time(time.Millisecond, time.Hour/2)},
		{Of: Noticed}, {Of: Alarmed, Names: []string{"east"}}, {Of: Moment, Time: d.time(0, s.Duration/2)},
	}
	p := Play{After: d.time(0, time.Minute)}
	if rapid.Bool().Draw(d.t, "waits") {
		p.Action, p.Within = Wait{rapid.SampledFrom(waits).Draw(d.t, "wait")}, d.time(time.Millisecond, time.Hour)
	} else {
		p.Action = rapid.SampledFrom([]Action{
			Restart{[]string{"n1"}}, Scrub{Nodes: []string{"n2"}}, Recover{From: Best}, Recover{From: "n99", Replace: true}, Verify{}, Reopen{Share: 100}, d.upgrade(s),
		}).Draw(d.t, "action")
	}
	if rapid.Bool().Draw(d.t, "noted") {
		p.Note = d.text()
	}
	return p
}

func (d drawer) halt() Halt {
	op := rapid.SampledFrom([]string{">", ">="}).Draw(d.t, "op")
	h := Halt{When: Condition{Of: rapid.SampledFrom([]string{Lost, Damaged, Refused}).Draw(d.t, "of"), Op: op, N: int64(d.n(1, 1e6))}}
	if rapid.Bool().Draw(d.t, "timed") {
		h = Halt{When: Condition{Of: Unserved, Op: op, Time: d.time(time.Second, day)}, Note: d.text()}
	}
	return h
}

func (d drawer) armed(s *Scenario, bug string) (string, bool) {
	for _, step := range s.Timeline {
		if arm, ok := step.Action.(Arm); ok && arm.Bug == bug {
			return arm.As, true
		}
	}
	return "", false
}

func (d drawer) expect() Expect {
	e := Expect{Grade: rapid.SampledFrom([]string{"", MayStop}).Draw(d.t, "grade")}
	for _, name := range CountNames()[d.n(0, 6):] {
		op := rapid.SampledFrom([]string{"=", ">=", "<=", ">", "<"}).Draw(d.t, "op")
		e.Counts = append(e.Counts, Count{name, Cond{op, int64(d.n(0, 1e6))}})
	}
	if rapid.Bool().Draw(d.t, "more") {
		within, yes := d.time(0, day), rapid.Bool().Draw(d.t, "available")
		e.RecoveredWithin, e.Available, e.Detected = &within, &yes, &yes
		e.Fenced, e.Down, e.Alarms = []string{"n1"}[:d.n(0, 1)], []string{"n99", "n2"}[:d.n(0, 2)], []string{"east"}[:d.n(0, 1)]
		e.StaysOpen = &yes
		e.UnavailableFor, e.Latency = &Length{">=", d.time(0, day)}, &Length{"<", d.time(0, day)}
		e.Refused = &Cond{">=", int64(d.n(0, 9))}
		e.Checks = []CheckWant{{"D1", "pass"}, {"H1", "unknown"}}
	}
	return e
}
