package prove

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// TestSeatsTellAPopulationFromTheRest makes seats for each kind of pattern.
func TestSeatsTellAPopulationFromTheRest(t *testing.T) {
	for _, p := range []bug.Population{
		{OS: "acme/*"}, {OS: "acme/<1.2"}, {OS: "<NA05"}, {OS: "acme/>=2"}, {OS: "=SD15"}, {OS: "seagate/SD15"},
		{OS: "zfs/<=2.2.1"}, {OS: ">1.00"}, {OS: "intel/<4PC10362"}, {OS: "a?c[dm]e/[^x]*"},
		{OS: "acme/*", Array: "e*"}, {OS: "acme/*", Volume: "n[1-9]"}, {OS: "acme/*", Store: "ma?n"},
	} {
		all, err := seats(p, true)
		require.NoError(t, err, "%+v", p)
		require.Equal(t, []bool{true, true, true, false}, []bool{all[0].inside, all[1].inside, all[2].inside, all[3].inside}, "%+v", p)
		require.Equal(t, all[0].array, all[1].array)
		require.NotEqual(t, all[0].array, all[2].array)
		require.NotEqual(t, all[0].os, all[3].os)
	}
	one, err := seats(bug.Population{OS: "acme/*", Volume: "n1"}, true)
	require.NoError(t, err)
	require.Len(t, one, 1, "nobody else can have that name")
}

func TestSamplesAreMeant(t *testing.T) {
	for _, glob := range []string{"*.vlog", "wal/*", "mail/*/cur/[a-f]?", `odd\*`, "exact", "[^a]*"} {
		for i := range 3 {
			require.True(t, bug.MatchPath(glob, sample(glob, "", i)), "%s: %s", glob, sample(glob, "", i))
		}
	}
	require.NotEqual(t, sample("*.vlog", "", 1), sample("*.vlog", "", 2))
}

// TestABlockCertifiesItself damages a block in every byte.
func TestABlockCertifiesItself(t *testing.T) {
	b := make([]byte, blockSize)
	_, whole := inspect(b)
	require.False(t, whole, "zeros are no block")
	id := ident{"r0/f1", 7, 42}
	stamp(b, id)
	got, whole := inspect(b)
	require.True(t, whole)
	require.Equal(t, id, got)
	for i := range b {
		b[i] ^= 0x10
		_, whole = inspect(b)
		require.False(t, whole, "byte %d", i)
		b[i] ^= 0x10
	}
	next := make([]byte, blockSize)
	stamp(next, ident{"r0/f1", 7, 43})
	for s := 0; s < blockSize; s += array.SectorSize {
		require.NotEqual(t, b[s:s+array.SectorSize], next[s:s+array.SectorSize], "a torn block differs in each sector")
	}
}

// TestTheLedgerHoldsNobodyToWhatWasNotAnswered goes through the answers.
func TestTheLedgerHoldsNobodyToWhatWasNotAnswered(t *testing.T) {
	l := newLedger()
	l.created("f", true)
	l.wrote("f", 0, []uint32{1}, done)
	l.flushed("f", true)
	e := l.files["f"]
	at := func(v uint32) bool { return e.accepts(0, ident{"f", 0, v}) }
	require.True(t, at(1))
	require.False(t, e.accepts(0, ident{"f", 1, 1}), "another index")
	require.False(t, e.accepts(0, ident{"g", 0, 1}), "another file")

	l.wrote("f", 0, []uint32{2}, done)
	require.True(t, at(2))
	require.False(t, at(1), "the old version is stale at once")
	l.flushed("f", false)
	require.True(t, at(1), "the flush failed: what was promised may be there")
	l.flushed("f", true)
	require.False(t, at(1), "the next one succeeded")

	l.wrote("f", 0, []uint32{3}, failed)
	require.True(t, at(2) && at(3))
	l.wrote("f", 0, []uint32{4}, hung)
	l.wrote("f", 0, []uint32{5}, done)
	require.True(t, at(5) && at(4), "what was not answered may still come")
	require.False(t, at(3))

	l.wrote("f", 1, []uint32{6}, failed)
	require.Equal(t, []int{1, 2}, e.sizes)
	l.removed("f", hung)
	require.Equal(t, maybe, l.files["f"].is)
	l.removed("f", done)
	require.Equal(t, absent, l.files["f"].is)

	l.created("g", false)
	require.Equal(t, maybe, l.files["g"].is)
	l.created("g", true)
	l.moved("g", "h", done)
	require.Equal(t, present, l.files["h"].is)
	require.Equal(t, absent, l.files["g"].is)
	l.moved("h", "i", failed)
	require.True(t, l.files["i"].open && l.files["h"].open)
}

func TestTriggersFallIntoAlternatives(t *testing.T) {
	event := func(name string) bug.Trigger { return bug.Trigger{Event: name} }
	any := func(all ...bug.Trigger) bug.Trigger { return bug.Trigger{Any: all} }
	arm, fire := any(event("a"), event("b")), any(event("c"), bug.Trigger{All: []bug.Trigger{event("d"), any(event("e"), event("f"))}})
	all := alternatives(bug.Trigger{Arm: &arm, Fire: &fire})
	require.Len(t, all, 6)
	for _, one := range all {
		walk(&one, func(k *bug.Trigger) { require.Empty(t, k.Any) })
	}
	require.Equal(t, "b", all[5].Arm.Event)
	require.Equal(t, []bug.Trigger{event("d"), event("f")}, all[5].Fire.All)
}

// TestPatienceIsAboutWhatIsDone says for triggers whether a look at everything,
// and whether work, could make them fire.
func TestPatienceIsAboutWhatIsDone(t *testing.T) {
	effect := bug.Effect{Ops: []vol.Kind{vol.Write}, Reply: bug.Reply{Never: true}}
	for _, c := range []struct {
		trigger    bug.Trigger
		look, work bool
	}{
		{bug.Trigger{Event: bug.EventArm}, false, false},
		{bug.Trigger{Event: bug.EventFailover}, true, true},
		{bug.Trigger{Event: bug.EventDiscard}, true, false},
		{bug.Trigger{Count: &bug.Count{Clock: bug.Ops, At: 9}}, false, false},
		{bug.Trigger{Count: &bug.Count{Clock: bug.Uptime, At: 9}}, true, true},
		{bug.Trigger{Chance: &bug.Chance{P: 1}}, true, false},
		{bug.Trigger{Time: &bug.Time{At: time.Hour}}, true, true},
		{bug.Trigger{Time: &bug.Time{At: time.Second}}, false, false},
		{bug.Trigger{Match: &bug.Match{Ops: []vol.Kind{vol.Read}}}, false, false},
		{bug.Trigger{Match: &bug.Match{Ops: []vol.Kind{vol.Read}, OlderThan: time.Hour}}, false, false},
		{bug.Trigger{Match: &bug.Match{Ops: []vol.Kind{vol.Write}}}, true, false},
		{bug.Trigger{Overlap: &bug.Overlap{First: "write", Second: "read", Within: 1}}, true, false},
		{bug.Trigger{All: []bug.Trigger{{Event: bug.EventArm}, {Event: "x"}}}, true, true},
		{bug.Trigger{Any: []bug.Trigger{{Event: bug.EventArm}, {Event: "x"}}}, false, false},
	} {
		b := &bug.Bug{Trigger: c.trigger, Effect: effect}
		require.Equal(t, c.look, idle{b, looking, true, time.Minute}.patient(&b.Trigger), "look: %+v", c.trigger)
		require.Equal(t, c.work, idle{b, working, true, time.Minute}.patient(&b.Trigger), "work: %+v", c.trigger)
	}
}

// TestTheBoundsOfARate are those of the binomial distribution.
func TestTheBoundsOfARate(t *testing.T) {
	low, high := binomial(10_000, 0.5)
	require.InDelta(t, 5000-238, low, 3)
	require.InDelta(t, 5000+238, high, 3)
	low, high = binomial(1000, 1e-6)
	require.Equal(t, 0, low)
	require.LessOrEqual(t, high, 2)
	low, high = binomial(50, 1)
	require.Equal(t, []int{50, 50}, []int{low, high})
	require.False(t, Odds{Fired: 49, Low: 50, High: 50}.Within())
	require.False(t, Odds{Fired: 51, Low: 50, High: 50}.Within())
}
