package prove_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
	"fourdays/storage/catalog"
	"fourdays/storage/prove"
)

// seeds are those that each shipped bug is proven at.
var seeds = []uint64{1, 2}

// some is how many of them: all, but one when tests are to be short.
func some() int {
	if testing.Short() {
		return 1
	}
	return len(seeds)
}

func alone(t *testing.T, b bug.Bug, seed uint64) prove.Result {
	t.Helper()
	r, err := prove.Alone(b, seed)
	require.NoError(t, err)
	return r
}

// TestEveryShippedBugIsAsItsFileSays shows each bug on bare arrays, with a
// healthy twin beside it that is asked the same and notices nothing.
func TestEveryShippedBugIsAsItsFileSays(t *testing.T) {
	for _, b := range catalog.All() {
		t.Run(b.ID, func(t *testing.T) {
			t.Parallel()
			for _, seed := range seeds[:some()] {
				r := alone(t, b, seed)
				require.Empty(t, r.Differences(b), "seed %d\n%s", seed, r)
			}
		})
	}
}

// TestEveryOtherEffectIsSeen does the same for bugs made for effects that no
// shipped bug has.
func TestEveryOtherEffectIsSeen(t *testing.T) {
	all, err := catalog.Load("testdata")
	require.NoError(t, err)
	for _, b := range all {
		t.Run(b.ID, func(t *testing.T) {
			t.Parallel()
			r := alone(t, b, 1)
			require.Empty(t, r.Differences(b), r)
		})
	}
}

// TestEveryTriggerIsProvoked walks triggers of every shape. Each has to fire
// when it is provoked, on what is in the population, and not before.
func TestEveryTriggerIsProvoked(t *testing.T) {
	for _, trigger := range []string{
		"{count: writes, at: 5000}", "{count: writes, at: 40}", "{count: bytes, at: 100000000000}", "{count: flushes, at: 4096}",
		"{count: files, at: 1000000}", "{count: names, at: 500}", "{count: power_losses, at: 3}", "{count: power_cycles, at: 320, every: 256}",
		"{count: uptime_s, at: 17971200}", "{count: power_on_hours, at: 32768}", "{count: ops, at: 60000, every: 7}",
		"{level: fill, above: 0.9}", "{level: fill, below: 0.5}", "{level: inodes, above: 0.8}", "{level: inodes, below: 0.3}",
		"{level: dirty, above: 0.5}", "{level: queue, above: 0.8}",
		"{event: scrub}", "{event: snapshot}", "{event: upgrade}", "{event: flush}", "{event: discard}", "{event: full_moon}", "{event: failover}",
		"{match: {ops: [write], flags: [append]}}", "{match: {ops: [open], flags: [create]}}", "{match: {ops: [write], flags: [direct, sequential]}}",
		"{match: {ops: [write], flags: [overwrite], min: 65536, aligned: 65536}}", "{match: {ops: [write], max: 512}}",
		"{match: {ops: [read], path: '*.vlog', older_than: 1000h}}", "{match: {ops: [rename, unlink], path: 'mail/*/cur'}}",
		"{match: {ops: [read], min: 8192}}", "{match: {ops: [truncate]}}", "{match: {ops: [rmdir]}}", "{match: {ops: [statfs]}}",
		"{overlap: [write, read], within: 5s}", "{overlap: [dedupe, write], within: 1m}", "{overlap: [failover, scrub], within: 1m}",
		"{chance: 0.001}", "{chance: 0.0001, per: byte}",
		"{time: 2h}", "{time: 2h, until: 3h}",
		"{all: [{event: rebalance}, {match: {ops: [write], flags: [append]}}, {chance: 0.01}]}",
		"{all: [{event: remirror}, {level: fill, above: 0.9}]}", "{all: [{time: 1h}, {count: files, at: 1000}, {event: failover}]}",
		"{arm: {count: power_on_hours, at: 70000}, fire: {event: power_cycle}}", "{arm: {match: {ops: [unlink]}}, fire: {overlap: [write, fsync], within: 1s}}",
		"{arm: {event: upgrade}, fire: {arm: {time: 4h}, fire: {match: {ops: [readdir]}}}}",
		"{any: [{event: failover}, {count: writes, at: 90000}]}",
	} {
		t.Run(trigger, func(t *testing.T) {
			t.Parallel()
			b := parse(t, "trigger: "+trigger+`
effect: {ops: [open, read, write, readdir, statfs, fsync, rename], reply: EIO}
scope: {extent: volume}
persistence: until_fix
shows: {to: [caller, user], reboot: stays, correlated: none}`)
			r := alone(t, b, 1)
			require.Positive(t, r.Fired)
			require.Empty(t, r.Silent)
			require.Empty(t, r.Twin)
			require.Empty(t, r.Early)
			require.Empty(t, r.Outside)
			require.Empty(t, r.Missed)
		})
	}
}

// TestEveryChanceIsAsLargeAsDeclared counts how often the shipped bugs with a
// chance fire.
func TestEveryChanceIsAsLargeAsDeclared(t *testing.T) {
	counted := 0
	for _, b := range catalog.All() {
		odds, err := prove.Rate(b, 1)
		require.NoError(t, err)
		for _, o := range odds {
			require.True(t, o.Within(), o.String())
			require.Positive(t, o.Tried)
		}
		if len(odds) > 0 {
			counted++
			last := odds[len(odds)-1]
			require.Positive(t, last.Low, "%s: no chance that is too small would be seen", b.ID)
			require.Less(t, last.High, 4*last.Low, "%s: nor one that is much too great", b.ID)
		}
	}
	require.Greater(t, counted, 10)
}

func shipped(t *testing.T, id string) bug.Bug {
	t.Helper()
	b, ok := catalog.Get(id)
	require.True(t, ok, id)
	return b
}

// TestAChancePerByteIsOneOfEveryByte counts operations of 4 KiB.
func TestAChancePerByteIsOneOfEveryByte(t *testing.T) {
	b := parse(t, `trigger: {chance: 0.00001, per: byte}
effect: {ops: [write], data: flip(1)}
scope: {extent: volume}
persistence: transient
shows: {to: [scrub, checksum, user], reboot: stays, correlated: none}`)
	odds, err := prove.Rate(b, 1)
	require.NoError(t, err)
	require.Len(t, odds, 1)
	require.InDelta(t, 0.04, odds[0].Chance, 0.001)
	require.True(t, odds[0].Within(), odds[0].String())
}

// TestAWrongChanceIsSeen counts a bug that fires three times as often as its
// bounds allow for.
func TestAWrongChanceIsSeen(t *testing.T) {
	b := shipped(t, "foreign-read")
	odds, err := prove.Rate(b.Sure(0.03), 1)
	require.NoError(t, err)
	declared, err := prove.Rate(b, 1)
	require.NoError(t, err)
	declared[0].Fired = odds[0].Fired
	require.False(t, declared[0].Within(), declared[0].String())
}

// TestAWrongDeclarationIsReported tells of each bug something that is not so, and
// wants the proof to say what.
func TestAWrongDeclarationIsReported(t *testing.T) {
	to := func(all ...bug.Observer) func(*bug.Bug) { return func(b *bug.Bug) { b.Shows.To = all } }
	reboot := func(r bug.Reboot) func(*bug.Bug) { return func(b *bug.Bug) { b.Shows.Reboot = r } }
	correlated := func(c bug.Correlation) func(*bug.Bug) { return func(b *bug.Bug) { b.Shows.Correlated = c } }
	for _, c := range []struct {
		id   string
		lie  func(*bug.Bug)
		want string
	}{
		{"bit-rot", to(bug.Checksum, bug.User), "shows.to does not say scrub, and one noticed"},
		{"bit-rot", to(bug.Caller, bug.Scrub, bug.Checksum, bug.User), "shows.to says caller, and none noticed anything"},
		{"stale-read", to(bug.Checksum, bug.User), "shows.to says checksum, and none noticed anything"},
		{"volume-rollback", to(), "shows.to does not say user, and one noticed"},
		{"libero-2023-readonly", to(bug.Caller, bug.User), "shows.to says user, and none noticed anything"},
		{"fail-slow", to(), "shows.to does not say caller, and one noticed"},
		{"libero-2023", reboot(bug.Clears), "shows.reboot says clears, and a power cycle showed: stays"},
		{"azure-2014", reboot(bug.Stays), "shows.reboot says stays, and a power cycle showed: clears"},
		{"volume-rollback", reboot(bug.Stays), "shows.reboot says stays, and a power cycle showed: worsens"},
		{"bit-rot", reboot(bug.Comes), "shows.reboot says returns, and a power cycle showed: stays"},
		{"libero-2023", correlated(bug.Independent), "shows.correlated says none, and one provocation showed: [system]"},
		{"bit-rot", correlated(bug.WholeSystem), "shows.correlated says system, and one provocation showed: [none os]"},
		{"lost-write", correlated(bug.CopiesOnly), "shows.correlated says copies, and one provocation showed: [none os]"},
		{"vmware-cbt", correlated(bug.Independent), "shows.correlated says none, and one provocation showed: [copies]"},
		{"volume-offline", func(b *bug.Bug) { b.Persistence = bug.Permanent }, "the bug is permanent, and after a fix operations are well"},
		{"bit-rot", correlated(bug.SameAddress), "shows.correlated says address, and one provocation showed: [none os]"},
	} {
		b := shipped(t, c.id)
		r := alone(t, b, 1)
		c.lie(&b)
		requireOnly(t, c.want, r.Differences(b))
	}
}

// TestAPermanentBugIsNotWellAfterAFix tells of one that a fix would end it.
func TestAPermanentBugIsNotWellAfterAFix(t *testing.T) {
	b := shipped(t, "kcl-3par")
	r := alone(t, b, 1)
	b.Persistence = bug.UntilFix
	d := r.Differences(b)
	require.NotEmpty(t, d)
	for _, one := range d {
		require.Contains(t, one, "after the fix operations are not well: caller on n")
	}
}

// TestWhatShouldNotBeNoticedIsADifference puts into a result what no rig should
// ever show.
func TestWhatShouldNotBeNoticedIsADifference(t *testing.T) {
	b := shipped(t, "bit-rot")
	r := alone(t, b, 1)
	n := []prove.Notice{{By: bug.Caller, Volume: "n4", What: "x", Count: 1}}
	for want, change := range map[string]func(*prove.Result){
		"noticed before the trigger: caller on n4: x":                        func(r *prove.Result) { r.Early = n },
		"noticed outside the population: caller on n4: x":                    func(r *prove.Result) { r.Outside = n },
		"the healthy twin is not healthy: y":                                 func(r *prove.Result) { r.Twin = []string{"y"} },
		"n3 is in the population, was provoked, and nobody noticed anything": func(r *prove.Result) { r.Missed = []string{"n3"} },
		"trigger 1 of 2 did not fire":                                        func(r *prove.Result) { r.Silent = []string{"trigger 1 of 2 did not fire"} },
		"the trigger was provoked and did not fire: nothing is shown":        func(r *prove.Result) { r.Fired = 0 },
	} {
		changed := r
		change(&changed)
		requireOnly(t, want, changed.Differences(b))
	}
}

// requireOnly wants one difference, that begins as given.
func requireOnly(t *testing.T, want string, got []string) {
	t.Helper()
	require.Len(t, got, 1, "wanted: %s\ngot: %s", want, strings.Join(got, "\n"))
	require.Contains(t, got[0], want)
}

// parse is a bug by its trigger, effect and persistence.
func parse(t *testing.T, text string) bug.Bug {
	t.Helper()
	b, err := bug.Parse("test.yaml", []byte(`id: test
title: A bug of a test
class: corruption
operator: {sees: x, clears: x, worsens: x}
evidence: {label: generic}
`+text))
	require.NoError(t, err)
	return b
}

// TestWhatCannotFireIsNoProof gives bugs whose triggers cannot come true.
func TestWhatCannotFireIsNoProof(t *testing.T) {
	for _, trigger := range []string{
		"{all: [{time: 2h, until: 3h}, {event: failover}, {time: 5h}]}",
		"{all: [{match: {ops: [read]}}, {match: {ops: [write]}}]}",
		"{time: 0s, until: 1ms}",
		"{all: [{level: fill, above: 0.9}, {level: fill, below: 0.1}]}",
	} {
		b := parse(t, "trigger: "+trigger+`
effect: {ops: [read, write], reply: EIO}
scope: {extent: volume}
persistence: until_fix
shows: {to: [caller, user], reboot: stays, correlated: none}`)
		d := alone(t, b, 1).Differences(b)
		require.NotEmpty(t, d, trigger)
		require.Contains(t, strings.Join(d, "\n"), "did not fire", trigger)
	}
}

// TestAProofFollowsFromItsSeed holds two proofs of one seed against each other.
func TestAProofFollowsFromItsSeed(t *testing.T) {
	for _, id := range []string{"ssd-power-fault", "misdirected-write", "ontap-poison-takeover"} {
		b := shipped(t, id)
		one, other := alone(t, b, 3), alone(t, b, 3)
		require.Equal(t, one, other, id)
		require.Equal(t, one.String(), other.String())
	}
}

// TestAResultReadsAsATable shows what the command line prints.
func TestAResultReadsAsATable(t *testing.T) {
	text := alone(t, shipped(t, "lost-write"), 1).String()
	lines := strings.Split(text, "\n")
	require.Regexp(t, `^lost-write: fired \d+ times; a reboot stays; correlated \[none os\]$`, lines[0])
	require.Regexp(t, `^stage +fired +caller +scrub +checksum +user +first$`, lines[1])
	require.Regexp(t, `(?m)^worked +\d+ +- +- +notices +notices +(user|checksum) on n1, \d+ times: r\d`, text)
	require.Contains(t, text, "none or os: whether it is one volume or all with one OS is the evidence's word, not shown here\n")
	require.NotContains(t, alone(t, shipped(t, "libero-2023"), 1).String(), "none or os")
	for _, l := range lines {
		require.LessOrEqual(t, len(l), 160, fmt.Sprintf("a line fits a terminal: %s", l))
	}
}
