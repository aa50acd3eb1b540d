package scenario

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// own is a bug of the file with a trigger of its own; where it waits for a
// counter, somebody published at how much.
func own(trigger string) string {
	evidence := "{label: generic}"
	if strings.Contains(trigger, "count:") {
		evidence = "{label: remembered, sourced: [at]}"
	}
	return "bugs: [{id: a, evidence: " + evidence + ", trigger: " + trigger + ", effect: {ops: [read], reply: EIO}, persistence: permanent}]\nraft: {timeout: 2s}"
}

const raftLine, armLine = "raft: {timeout: 2s}", "arm: flush-lies, on: {os: acme/*}"

// TestWarningsSayWhatIsMostLikelyNotMeant edits the example: none of these is an
// error, and each is told with its place. Where no words are wanted, nothing is
// said.
func TestWarningsSayWhatIsMostLikelyNotMeant(t *testing.T) {
	example := string(read(t, "testdata/example.yaml"))
	for _, c := range []struct {
		name string
		edit []string
		want []string
	}{
		{"the example", nil, nil},
		{"no such OS", []string{"{os: acme/*}", "{os: nosuch/*}"}, []string{
			`test.yaml:27:36: flush-lies can never fire: on chooses nothing that is there; name what storage has: n1 on east (acme/1.0), n2 on west (acme/1.0), n3 on north (other/9.4)`}},
		{"what is not meant to fire", []string{"{os: acme/*}", "{os: nosuch/*}", "lost: 0", "lost: 0\n  checks: {H1: fail}"}, nil},
		{"no such node", []string{"{os: acme/*}", "{node: n7}"}, []string{`flush-lies can never fire: on chooses nothing`}},
		{"node of another OS", []string{"{os: acme/*}", "{os: acme/*, node: n3}"}, []string{`flush-lies can never fire: on chooses nothing`}},
		{"the leader", []string{"{os: acme/*}", "{node: leader}"}, nil},
		{"a device", []string{"{os: acme/*}", "{store: devices}"}, nil},
		{"an OS by upgrade", []string{"{os: acme/*}", "{os: acme/2.*}", "at: 60s, power_loss: [east, west]", "at: 60s, upgrade: {east: acme/2.0}"}, nil},
		{"an OS that was", []string{"{os: acme/*}", "{os: third/*}", "at: 60s, power_loss: [east, west]", "at: 60s, upgrade: {east: acme/2.0}",
			"{os: acme/1.0}\n    west", "{os: third/1.0}\n    west", "timeline:\n", "timeline:\n  - {at: 1s, upgrade: {east: acme/1.0}}\n"}, []string{`on chooses nothing`}},
		{"an event without its step", []string{raftLine, own("{event: failover}"), armLine, "arm: a, on: {array: east}"}, []string{
			`test.yaml:28:20: a can never fire: east: there is no failover`}},
		{"an event before it is armed", []string{raftLine, own("{event: power_loss}"), "at: 30s, " + armLine, "at: 90s, arm: a, on: {array: east}"}, []string{`there is no power_loss`}},
		{"an event with its step", []string{raftLine, own("{event: power_cycle}"), armLine, "arm: a, on: {array: east}"}, nil},
		{"an event that is told", []string{raftLine, own("{event: dedupe}"), armLine, "arm: a, on: {array: east}", "power_loss: [east, west]", "tell: {event: dedupe, on: [east]}"}, nil},
		{"an event elsewhere", []string{raftLine, own("{event: dedupe}"), armLine, "arm: a, on: {array: east}", "power_loss: [east, west]", "tell: {event: dedupe, on: [west]}"}, []string{`east: there is no dedupe`}},
		{"a failover after a crash", []string{raftLine, own("{event: failover}"), armLine, "arm: a, on: {array: east}", "power_loss: [east, west]", "crash: {arrays: [east], for: 5s}"}, nil},
		{"a copy", []string{raftLine, own("{event: snapshot}"), armLine, "arm: a, on: {array: east}", "power_loss: [east, west]", "copy: {name: a, of: [n1]}"}, nil},
		{"a time after the end", []string{raftLine, own("{time: 1h}"), armLine, "arm: a, on: {array: east}"}, []string{`a can never fire: east: the run ends at 4m, before 1h`}},
		{"hours that do not come", []string{raftLine, own("{count: power_on_hours, at: 32768}"), armLine, "arm: a, on: {array: east}"}, []string{`east: power_on_hours comes to 1 at most, not to 32768`}},
		{"hours that come", []string{raftLine, own("{count: power_on_hours, at: 32768}"), armLine, "arm: a, on: {array: east}", "{os: acme/1.0}\n    west", "{os: acme/1.0, power_on: 32767h58m}\n    west"}, nil},
		{"hours of the oldest drive", []string{raftLine, own("{count: power_on_hours, at: 32768}"), armLine, "arm: a, on: {array: east}", "{os: acme/1.0}\n    west", "{os: acme/1.0, drives: 4, power_on: 1000h, skew: 31768h}\n    west"}, nil},
		{"more than an array can do", []string{raftLine, own("{count: writes, at: 8000000}"), armLine, "arm: a, on: {array: east}"}, []string{`writes comes to 7680000 at most, not to 8000000`}},
		{"a counter with a start", []string{raftLine, own("{count: writes, at: 8000000}"), armLine, "arm: a, on: {array: east}", "{os: acme/1.0}\n    west", "{os: acme/1.0, counters: {writes: 7999000}}\n    west"}, nil},
		{"a number of somebody else", []string{raftLine, own("{count: writes, at: 8000000}"), armLine, "arm: a, on: {array: east}, reached_at: 612"}, []string{
			`test.yaml:28:54: a: reached_at 612 instead of 8000000, which is sourced; leave it out, or write down why`}},
		{"a number of ours", []string{raftLine, own("{chance: 0.01}"), armLine, "arm: a, on: {array: east}, chance: 1"}, nil},
		{"the same number", []string{raftLine, own("{count: writes, at: 612}"), armLine, "arm: a, on: {array: east}, reached_at: 612"}, nil},
		{"losses that do not come", []string{raftLine, own("{count: power_losses, at: 2}"), armLine, "arm: a, on: {array: east}"}, []string{`power_losses comes to 1 at most, not to 2`}},
		{"a gauge of what is not modelled", []string{raftLine, own("{level: dirty, above: 0.5}"), armLine, "arm: a, on: {array: east}"}, []string{`dirty comes to 0% at most, not to 50%`}},
		{"files that are not that old", []string{raftLine, own("{match: {ops: [read], older_than: 42h}}"), armLine, "arm: a, on: {array: east}"}, []string{`no file is older than`}},
		{"files that are", []string{raftLine, own("{match: {ops: [read], older_than: 42h}}"), armLine, "arm: a, on: {array: east}", "{os: acme/1.0}\n    west", "{os: acme/1.0, age: 42h}\n    west"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := example
			for i := 0; i < len(c.edit); i += 2 {
				require.Contains(t, src, c.edit[i])
				src = strings.Replace(src, c.edit[i], c.edit[i+1], 1)
			}
			s, err := Parse("test.yaml", []byte(src))
			require.NoError(t, err)
			var got []string
			for _, issue := range Warnings(s) {
				got = append(got, issue.In("test.yaml"))
			}
			require.Len(t, got, len(c.want), "%q", got)
			for i, want := range c.want {
				require.Contains(t, got[i], want)
				require.Regexp(t, `^test\.yaml:\d+:\d+: `, got[i])
			}
		})
	}
}

// TestShippedScenariosHaveNoWarnings: what is shipped is meant.
func TestShippedScenariosHaveNoWarnings(t *testing.T) {
	for _, path := range shipped(t) {
		all, _, err := LoadAll(path)
		require.NoError(t, err)
		for _, s := range all {
			require.Empty(t, Warnings(s), path)
		}
	}
}

// TestNeverIsAboutOneStep: the reason belongs to the arming that has it.
func TestNeverIsAboutOneStep(t *testing.T) {
	src := strings.Replace(string(read(t, "testdata/example.yaml")), "power_loss: [east, west]", "arm: lost-write, on: {node: n7}", 1)
	s, err := Parse("test.yaml", []byte(src))
	require.NoError(t, err)
	require.Empty(t, Never(s, 0))
	require.Equal(t, "on chooses nothing that is there", Never(s, 1))
	require.Empty(t, Never(s, 2))
}
