package prove_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/storage/bug"
)

// TestAProofSaysWhatItReplaced proves a bug of each kind of value that a rig is
// too small for, and one that is taken as it is.
func TestAProofSaysWhatItReplaced(t *testing.T) {
	for id, want := range map[string][]string{
		"intel-320-8mb": {"size 8000000 → 524288: a proof stores little", "chance 0.02 → 1: what is provoked has to come"},
		"gmail-2011":    {"part 0.1 → 0.25: a proof makes few names", "os any → acme/*: so that somebody is outside"},
		"lost-write":    {"os any → acme/*: so that somebody is outside", "chance 0.001 → 1: what is provoked has to come"},
		"hpe-32768":     nil,
	} {
		r := alone(t, shipped(t, id), 1)
		require.Equal(t, want, r.Changed, id)
		for _, c := range r.Changed {
			require.Contains(t, r.String(), "changed for the proof: "+c+"\n", id)
		}
	}
}

// TestFewerNamesLeaveOtherCountersAlone counts names beside writes.
func TestFewerNamesLeaveOtherCountersAlone(t *testing.T) {
	b := parse(t, `trigger: {any: [{count: names, at: 100000}, {count: writes, at: 70000}]}
effect: {ops: [open, write], reply: EIO}
scope: {extent: volume, population: {os: "acme/*"}}
persistence: until_fix
shows: {to: [caller, user], reboot: stays, correlated: os}`)
	r := alone(t, b, 1)
	require.Equal(t, []string{"names at 100000 → 3000: a proof makes few names"}, r.Changed)
	require.Empty(t, r.Silent)
	require.EqualValues(t, 100000, b.Trigger.Any[0].Count.At, "the bug that was given stays as it is")
}

// TestAResizeThatShrinksNothingIsNotMadeToShrink gives a volume more than its
// array has.
func TestAResizeThatShrinksNothingIsNotMadeToShrink(t *testing.T) {
	for _, size := range []string{"68719476736", "1000000000000000"} {
		b := parse(t, "trigger: {event: shake}\neffect: {action: resize, size: "+size+`}
persistence: permanent
shows: {to: [caller, scrub, user], reboot: stays, correlated: none}`)
		r := alone(t, b, 1)
		require.NotEmpty(t, r.Differences(b), size)
		require.NotContains(t, r.To, bug.User)
	}
}

// TestAFixLeavesAVolumeSmall says of a bug that ends with the fix what is so of
// one that does not.
func TestAFixLeavesAVolumeSmall(t *testing.T) {
	for _, persistence := range []bug.Persistence{bug.Once, bug.UntilFix, bug.Permanent} {
		b := parse(t, `trigger: {event: shake}
effect: {action: resize, size: 8000000}
persistence: `+string(persistence)+`
shows: {to: [caller, scrub, user], reboot: stays, correlated: none}`)
		r := alone(t, b, 1)
		require.Empty(t, r.Differences(b), persistence)
		require.NotEmpty(t, r.Unwell, persistence)
	}
}
