package bug_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
)

// env is a run of an hour on two arrays: east is old and young in other ways
// than west.
func env() bug.Env {
	return bug.Env{
		Armed: 10 * time.Minute, Duration: time.Hour,
		Hosts: []bug.Host{{OS: "acme/1.0", Array: "east", Volume: "n1", Store: "main"}, {OS: "other/9", Array: "west", Volume: "n2", Store: "main"}},
		Arrays: map[string]bug.Reach{
			"east": {Counters: map[bug.Counter]int64{bug.PowerOnHours: 32000, bug.Ops: 600, bug.Files: 5},
				Gauges: map[bug.Gauge]float64{bug.Fill: 0.5}, Events: []string{"power_loss", "dedupe"}, Oldest: 48 * time.Hour, Controllers: 2},
			"west": {Counters: map[bug.Counter]int64{bug.PowerOnHours: 100, bug.Ops: 500},
				Gauges: map[bug.Gauge]float64{bug.Fill: 0.1, bug.Dirty: 0.3}, Events: []string{"failover"}, Oldest: time.Hour, Controllers: 3},
		},
	}
}

var onEast, onWest = "{population: {array: east}}", "{population: {array: west}}"

// TestNeverSaysWhy goes through the leaves and combinations: an empty reason is
// that it may fire.
func TestNeverSaysWhy(t *testing.T) {
	const everywhere = "{extent: system}"
	for _, c := range []struct{ trigger, scope, want string }{
		{"{count: power_on_hours, at: 32000}", onEast, ""},
		{"{count: power_on_hours, at: 32001}", onEast, "east: power_on_hours comes to 32000 at most, not to 32001"},
		{"{count: power_on_hours, at: 101}", onWest, "west: power_on_hours comes to 100 at most, not to 101"},
		{"{count: power_on_hours, at: 101}", "{}", ""},
		{"{count: power_on_hours, at: 70000}", "{extent: device}", "east: power_on_hours comes to 32000 at most, not to 70000; west: power_on_hours comes to 100 at most, not to 70000"},
		{"{count: bytes, at: 70000}", onEast, ""}, // not known
		{"{count: ops, at: 1100}", "{}", "east: ops comes to 600 at most, not to 1100; west: ops comes to 500 at most, not to 1100"},
		{"{count: ops, at: 1100}", everywhere, ""}, // both together
		{"{count: ops, at: 1101}", everywhere, "ops comes to 1100 at most, not to 1101"},
		{"{count: files, at: 1101}", everywhere, ""}, // of west nothing is known
		{"{level: fill, above: 0.5}", onEast, ""},
		{"{level: fill, above: 0.51}", onEast, "east: fill comes to 50% at most, not to 51%"},
		{"{level: fill, below: 0.01}", onEast, ""},
		{"{level: dirty, above: 0.31}", everywhere, ""},
		{"{level: fill, above: 0.31}", everywhere, ""},
		{"{event: power_loss}", onEast, ""},
		{"{event: power_loss}", onWest, "west: there is no power_loss"},
		{"{event: power_loss}", everywhere, ""},
		{"{event: rebuild}", everywhere, "there is no rebuild"},
		{"{event: arm}", onWest, ""},
		{"{event: flush}", onWest, ""},
		{"{event: discard}", onWest, ""},
		{"{match: {ops: [read]}}", onWest, ""},
		{"{match: {ops: [read], older_than: 48h}}", onEast, ""},
		{"{match: {ops: [read], older_than: 48h}}", everywhere, ""},
		{"{match: {ops: [read], older_than: 1008h}}", onEast, "east: no file is older than 48h, which is not yet 1008h"},
		{"{overlap: [write, read], within: 1s}", onWest, ""},
		{"{overlap: [dedupe, write], within: 1s}", onEast, ""},
		{"{overlap: [dedupe, write], within: 1s}", onWest, "west: there is no dedupe"},
		{"{overlap: [write, dedupe], within: 1s}", onWest, "west: there is no dedupe"},
		{"{chance: 1e-300}", onWest, ""},
		{"{chance: 1e-300, per: drive_hour}", onWest, ""},
		{"{time: 1h}", onEast, ""},
		{"{time: 1h1s}", onEast, "east: the run ends at 1h, before 1h0m1s"},
		{"{time: 1m, until: 10m}", onEast, "east: it is armed at 10m, and not before 10m"},
		{"{time: 1m, until: 11m}", onEast, ""},
		{"{any: [{event: rebuild}, {event: power_loss}]}", onEast, ""},
		{"{any: [{event: rebuild}, {time: 2h}]}", onEast, "east: there is no rebuild, and the run ends at 1h, before 2h"},
		{"{all: [{event: power_loss}, {chance: 0.5}]}", onEast, ""},
		{"{all: [{chance: 0.5}, {event: rebuild}]}", onEast, "east: there is no rebuild"},
		{"{all: [{time: 30m}, {time: 10m, until: 31m}]}", onEast, ""},
		{"{all: [{time: 30m}, {time: 10m, until: 30m}]}", onEast, "east: one part of it holds from 30m on, and another until 30m only"},
		{"{all: [{time: 30m}, {any: [{time: 10m, until: 20m}, {time: 15m, until: 25m}]}]}", onEast, "east: one part of it holds from 30m on, and another until 25m only"},
		{"{all: [{time: 30m}, {any: [{time: 10m, until: 20m}, {event: power_loss}]}]}", onEast, ""},
		{"{arm: {event: power_loss}, fire: {event: dedupe}}", onEast, ""},
		{"{arm: {event: power_loss}, fire: {event: rebuild}}", onEast, "east: there is no rebuild"},
		{"{arm: {count: power_on_hours, at: 70000}, fire: {event: power_loss}}", onEast, "east: power_on_hours comes to 32000 at most, not to 70000"},
		{"{arm: {time: 30m}, fire: {time: 20m, until: 30m}}", onEast, "east: one part of it holds from 30m on, and another until 30m only"},
		{"{arm: {time: 30m}, fire: {time: 20m, until: 31m}}", onEast, ""},
		{"{arm: {time: 20m, until: 25m}, fire: {time: 30m}}", onEast, ""},
		{"{all: [{arm: {time: 40m}, fire: {event: dedupe}}, {time: 20m, until: 30m}]}", onEast, "east: one part of it holds from 40m on, and another until 30m only"},
		{"{event: arm}", "{population: {os: acme/*}}", ""},
		{"{event: arm}", "{population: {os: acme/>1.0}}", "nothing is in scope (os=acme/>1.0 extent=volume); there are n1 on east (acme/1.0), n2 on west (other/9)"},
		{"{event: arm}", "{population: {controller: 1, array: east}}", ""},
		{"{event: arm}", "{population: {controller: 2, array: east}}", "east: controller 2 is never active: there are 2, counted from 0"},
		{"{event: arm}", "{population: {controller: 2}}", ""},
		{"{event: arm}", "{extent: system, population: {controller: 3}}", "controller 3 is never active: there are 3, counted from 0"},
	} {
		b, err := bug.Parse("x", []byte(withTrigger(c.trigger)+"scope: "+c.scope+"\n"))
		require.NoError(t, err, c.trigger)
		require.Equal(t, c.want, b.Never(env()), "%s on %s", c.trigger, c.scope)
	}
}

// TestAChanceNeedsSomethingToBeDrawnFor is about actions that happen at once.
func TestAChanceNeedsSomethingToBeDrawnFor(t *testing.T) {
	const why = "east: its chance is drawn for nothing: an action that happens at once needs ops, or an event beside the chance in an all"
	e := bug.Env{Hosts: []bug.Host{{Array: "east", Volume: "n1"}}}
	for _, c := range []struct{ trigger, effect, want string }{
		{"{chance: 0.5}", "{action: wipe}", why},
		{"{arm: {event: discard}, fire: {chance: 0.5}}", "{action: wipe}", why},
		{"{all: [{level: fill, above: 0.9}, {chance: 0.5}]}", "{action: wipe}", why},
		{"{any: [{event: failover}, {chance: 0.5}]}", "{action: wipe}", ""},
		{"{chance: 0.5, per: drive_hour}", "{action: wipe}", ""},
		{"{chance: 0.5}", "{ops: [unlink], action: wipe}", ""},
		{"{chance: 0.5}", "{action: offline}", ""},
		{"{chance: 0.5}", "{ops: [read], data: zero}", ""},
		{"{all: [{chance: 0.5}, {event: failover}]}", "{action: wipe}", ""},
		{"{all: [{any: [{event: a}, {overlap: [b, write], within: 1s}]}, {arm: {time: 1s}, fire: {chance: 0.5}}]}", "{action: wipe}", ""},
	} {
		b, err := bug.Parse("x", []byte("id: x\npersistence: once\ntrigger: "+c.trigger+"\neffect: "+c.effect))
		require.NoError(t, err)
		require.Equal(t, c.want, b.Never(e), "%s %s", c.trigger, c.effect)
	}
}

// TestNeverKnowsNothingOfAnEmptyEnv shows that facts that are not there bound
// nothing, for every trigger that there is.
func TestNeverKnowsNothingOfAnEmptyEnv(t *testing.T) {
	unknown := bug.Env{Hosts: []bug.Host{{Array: "east", Volume: "n1"}, {Array: "west", Volume: "n2"}}}
	for name, text := range validTriggers {
		for _, scope := range []string{"", "scope: {extent: system}\n"} {
			b, err := bug.Parse(name, []byte(withTrigger(text)+scope))
			require.NoError(t, err)
			require.Empty(t, b.Never(unknown), name)
		}
	}
	b := bug.Bug{Trigger: bug.Trigger{Event: bug.EventArm}}
	require.Equal(t, "nothing is in scope (extent=volume); there are no volumes", b.Never(bug.Env{}))
}

// TestNoEventsAreNotUnknownEvents shows the difference between an array to which
// nothing happens and one of which nothing is known.
func TestNoEventsAreNotUnknownEvents(t *testing.T) {
	e := bug.Env{Hosts: []bug.Host{{Array: "east", Volume: "n1"}}, Arrays: map[string]bug.Reach{"east": {Events: []string{}}}}
	b := bug.Bug{Trigger: bug.Trigger{Event: bug.EventFailover}}
	require.Equal(t, "east: there is no failover", b.Never(e))
	e.Arrays["east"] = bug.Reach{}
	require.Empty(t, b.Never(e))
}
