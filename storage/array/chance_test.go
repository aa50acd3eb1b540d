package array_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// TestARareChanceIsAsOftenAsItSays counts hits of a chance so small that its gaps
// are slept through, over one volume and over two that share a trigger.
func TestARareChanceIsAsOftenAsItSays(t *testing.T) {
	for _, extent := range []bug.Extent{bug.ExtentVolume, bug.ExtentArray} {
		r := newRig(t, 3, func(c *array.Config) { c.Volumes["n4"] = array.VolumeConfig{Array: "east"} })
		r.arm(bugOf(t, `{chance: 0.0002}`, "transient", `{ops: [stat, readdir], reply: EIO}`, ""),
			bug.Scope{Extent: extent, Population: bug.Population{Array: "east"}})
		failed := 0
		for i := range 100_000 {
			v := r.Volume([]string{"n1", "n4"}[i%2])
			op := vol.Op{Kind: []vol.Kind{vol.Stat, vol.ReadDir, vol.Stat, vol.Statfs}[i%4], Path: "."}
			if do(t, v, op).Errno != 0 {
				require.NotEqual(t, vol.Statfs, op.Kind)
				failed++
			}
		}
		require.InDelta(t, 15, failed, 10, extent)
		require.Equal(t, failed, r.receipt().Fired)
	}
}

// TestAGapIsSleptThroughToTheOperation says that what sleeps wakes at the very
// operation: with the same draws, a chance that may sleep and one that may not
// (its scope has a path) hit the same reads.
func TestAGapIsSleptThroughToTheOperation(t *testing.T) {
	hits := func(scope string) (at []int) {
		r := newRig(t, 5)
		v := r.Volume("n1")
		f := write(t, v, "a", "x")
		r.arm(bugOf(t, `{chance: 0.0003}`, "transient", `{ops: [read, stat], reply: EIO}`, scope), onN1)
		for i := range 40_000 {
			kind := vol.Read
			if i%3 == 0 {
				kind = vol.Stat
			}
			if do(t, v, vol.Op{Kind: kind, File: f, Data: make([]byte, 1)}).Errno != 0 {
				at = append(at, i)
			}
			if i%7 == 0 {
				do(t, v, vol.Op{Kind: vol.Statfs}) // of no concern
			}
		}
		return at
	}
	want := hits(`{path: "*"}`)
	require.Greater(t, len(want), 3)
	require.Equal(t, want, hits(""))
}

// TestAChancePerByteHitsLargeReadsMore reads the same number of times in small
// and in large pieces, and finds the place that was hit within the piece.
func TestAChancePerByteHitsLargeReadsMore(t *testing.T) {
	count := func(size int) (failed int) {
		r := newRig(t, 2)
		v := r.Volume("n1")
		f := write(t, v, "a", strings.Repeat("x", 1<<16))
		r.arm(bugOf(t, `{chance: 0.000002, per: byte}`, "transient", `{ops: [read], reply: EIO}`, `{extent: sector}`), onN1)
		for range 3000 {
			if _, errno := readAt(t, v, f, 0, size); errno != 0 {
				failed++
			}
		}
		return failed
	}
	require.InDelta(t, 3000*0.002, count(1000), 6)
	require.InDelta(t, 3000*0.123, count(1<<16), 60, "1 - (1-2e-6)^65536")
}

// TestAChanceInsideAllIsDrawnForWhatTheOthersLetThrough arms a chance of one: it
// hits all writes that match, and nothing else uses it up.
func TestAChanceInsideAllIsDrawnForWhatTheOthersLetThrough(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(bugOf(t, `{all: [{match: {ops: [write], min: 10}}, {chance: 0.5}]}`, "transient", `{ops: [write], reply: EIO}`, ""), onN1)
	f := create(t, v, "a")
	small, large := 0, 0
	for range 400 {
		if do(t, v, vol.Op{Kind: vol.Write, File: f, Data: []byte("x")}).Errno != 0 {
			small++
		}
		if do(t, v, vol.Op{Kind: vol.Write, File: f, Data: make([]byte, 10)}).Errno != 0 {
			large++
		}
	}
	require.Zero(t, small)
	require.InDelta(t, 200, large, 40)
}

// TestAnEventDrawsItsChanceOnce is the power loss that hits one volume in some,
// or does not: the draw is not made again later.
func TestAnEventDrawsItsChanceOnce(t *testing.T) {
	hit := 0
	for seed := range uint64(200) {
		r := newRig(t, seed)
		v := r.Volume("n1")
		writeSync(t, v, "a", "x")
		r.arm(bugOf(t, `{all: [{event: power_loss}, {chance: 0.2}]}`, "permanent", `{action: wipe}`, ""), onN1)
		for range 20 {
			stat(t, v)
		}
		cycle(r, "east")
		gone := r.receipt().Fired
		for range 20 {
			stat(t, v)
			require.NoError(t, r.Event("east", "scrub"))
		}
		require.Equal(t, gone, r.receipt().Fired, "what did not happen at the event does not happen after it")
		hit += gone
	}
	require.InDelta(t, 40, hit, 18)
}

// TestAGapInBytesIsSleptThroughToTheByte is the same for bytes: the same sectors
// are bad whether the chance slept or not.
func TestAGapInBytesIsSleptThroughToTheByte(t *testing.T) {
	fired := func(scope string) (got []string) {
		r := newRig(t, 6)
		v := r.Volume("n1")
		f := write(t, v, "a", strings.Repeat("x", 1<<18))
		r.arm(bugOf(t, `{chance: 0.000005, per: byte}`, "transient", `{ops: [read], data: zero}`, scope), onN1)
		for i := range 200 {
			p, _ := readAt(t, v, f, int64(i%4)<<16, 1<<16)
			if at := strings.IndexByte(p, 0); at >= 0 {
				got = append(got, fmt.Sprint(i, " ", at, " ", strings.Count(p, "\x00")))
			}
		}
		return got
	}
	want := fired(`{extent: sector, path: "*"}`)
	require.Greater(t, len(want), 20)
	require.Equal(t, want, fired(`{extent: sector}`))
}

// TestAChanceOnAPathCountsThatPathOnly does nearly all of the work elsewhere.
func TestAChanceOnAPathCountsThatPathOnly(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(bugOf(t, `{chance: 0.0005}`, "transient", `{ops: [stat], reply: EIO}`, `{path: a}`), onN1)
	create(t, v, "a")
	create(t, v, "b")
	failed := 0
	for i := range 50_000 {
		path := "b"
		if i%50 == 0 {
			path = "a"
		}
		if do(t, v, vol.Op{Kind: vol.Stat, Path: path}).Errno != 0 {
			failed++
		}
	}
	require.LessOrEqual(t, failed, 4, "a thousand operations, one hit in two thousand")
}

// TestASleepingChanceOutlivesAChangeOfItsVolumes takes a volume out of the unit
// and puts another in, while the chance is far away.
func TestASleepingChanceOutlivesAChangeOfItsVolumes(t *testing.T) {
	r := newRig(t, 1)
	r.arm(bugOf(t, `{chance: 0.0005}`, "transient", `{ops: [stat], reply: EIO}`, `{extent: system, population: {os: "acme/<2"}}`), bug.Scope{})
	failed := func(ops int, names ...string) (n int) {
		for i := range ops {
			if stat(t, r.Volume(names[i%len(names)])) != 0 {
				n++
			}
		}
		return n
	}
	require.InDelta(t, 50, failed(100_000, "n2"), 22)
	require.NoError(t, r.Upgrade("west", "acme/2.0"))
	require.InDelta(t, 20, failed(40_000, "n1"), 14)
	require.Zero(t, failed(10_000, "n2"))
	require.NoError(t, r.Upgrade("west", "acme/1.1"))
	require.InDelta(t, 20, failed(40_000, "n1", "n2"), 14)
}

// TestAnActionsChancePerOperationIsNotDrawnAtEvents tells an array of many things
// that the bug does not wait for.
func TestAnActionsChancePerOperationIsNotDrawnAtEvents(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.arm(bugOf(t, `{chance: 0.5}`, "once", `{action: wipe, ops: [stat]}`, ""), onN1)
	r.arm(bugOf(t, `{any: [{event: fault}, {chance: 0.5}]}`, "once", `{action: wipe, ops: [stat]}`, ""), onN1)
	for range 20 {
		require.NoError(t, r.Event("east", "scrub"))
		cycle(r, "east")
	}
	require.Zero(t, r.Receipts()[0].Fired)
	require.Zero(t, r.Receipts()[1].Fired)
	for range 20 {
		stat(t, v)
	}
	require.Equal(t, 1, r.Receipts()[0].Fired+r.Receipts()[1].Fired, "the second finds it empty")
	require.Equal(t, 1, r.Receipts()[0].Masked+r.Receipts()[1].Masked)
}

// TestAnActionThatKeepsSnapshotsSleepsAllTheSame counts the hits of an action that
// has to see every flush for another reason.
func TestAnActionThatKeepsSnapshotsSleepsAllTheSame(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := create(t, v, "a")
	r.arm(bugOf(t, `{chance: 0.0004}`, "transient", `{action: rollback, to: 1h, ops: [fsync]}`, ""), onN1)
	for range 200_000 {
		sync(t, v, f)
	}
	require.InDelta(t, 80, r.receipt().Fired+r.receipt().Masked, 25)
}

// TestWhatOthersLetThroughNeedNotBeWhatTheEffectIsOn draws at writes for an effect
// on reads.
func TestWhatOthersLetThroughNeedNotBeWhatTheEffectIsOn(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	writeSync(t, v, "a", "x")
	r.failsRead(`{all: [{match: {ops: [write]}}, {chance: 1}]}`, "transient")
	require.False(t, readFails(t, v, "a"))
	writeSync(t, v, "a", "y")
	require.True(t, readFails(t, v, "a"))
	require.False(t, readFails(t, v, "a"))
}

// TestAChanceIsDrawnForNothingWhereThereIsNothing: an action that happens at once
// concerns no operation, so without an event, a match or an overlap beside it a
// chance never comes true, as Never says.
func TestAChanceIsDrawnForNothingWhereThereIsNothing(t *testing.T) {
	for trigger, fires := range map[string]bool{
		`{chance: 0.5}`: false,
		`{arm: {event: shake}, fire: {chance: 0.5}}`:                 false,
		`{all: [{time: 1s}, {chance: 0.5}]}`:                         false,
		`{any: [{event: nothing}, {chance: 0.5}]}`:                   false,
		`{all: [{event: shake}, {chance: 1}]}`:                       true,
		`{all: [{match: {ops: [stat]}}, {chance: 0.5}]}`:             true,
		`{all: [{overlap: [shake, stat], within: 1h}, {chance: 1}]}`: true,
	} {
		for scope, action := range map[string]string{"": "wipe", "{extent: block}": "zero"} {
			b := bugOf(t, trigger, "permanent", "{action: "+action+"}", scope)
			r := newRig(t, 1)
			v := r.Volume("n1")
			writeSync(t, v, "a", strings.Repeat("x", 100_000))
			r.arm(b, onN1)
			r.clock.Advance(2 * time.Second)
			require.NoError(t, r.Event("east", "shake"))
			for range 200 {
				do(t, v, vol.Op{Kind: vol.Stat, Path: "a"})
			}
			never := b.Never(bug.Env{Hosts: []bug.Host{{OS: array.PickedOS, Array: "east", Volume: "n1", Store: "main"}},
				Arrays: map[string]bug.Reach{"east": {Events: []string{"shake"}}}})
			require.Equal(t, fires, never == "", "%s %s: %s", trigger, scope, never)
			require.Equal(t, fires, r.receipt().Fired > 0, "%s %s", trigger, scope)
		}
	}
}

// TestAChanceOfALastingActionIsDrawnForWhatItConcerns: being read-only concerns
// writes, and reads do not bring it about.
func TestAChanceOfALastingActionIsDrawnForWhatItConcerns(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	f := write(t, v, "a", "x")
	r.arm(bugOf(t, `{chance: 1}`, "permanent", `{action: readonly}`, ""), onN1)
	readAt(t, v, f, 0, 1)
	stat(t, v)
	r.wantFired(0, false)
	require.Equal(t, syscall.EROFS, do(t, v, vol.Op{Kind: vol.Write, File: f, Data: []byte("y")}).Errno)
}

// TestLeavingABugOutLeavesTheDiceOfTheOthers arms a bug alone, after one that never
// fires, and after another arming of itself: only the last changes its draws.
func TestLeavingABugOutLeavesTheDiceOfTheOthers(t *testing.T) {
	b := bugOf(t, `{chance: 0.3}`, "transient", `{ops: [read], reply: EIO}`, "")
	idle := bugOf(t, `{event: nothing}`, "permanent", `{ops: [read], reply: EIO}`, "")
	draws := func(first ...string) string {
		r := newRig(t, 1)
		v := r.Volume("n1")
		f := write(t, v, "a", "x")
		for _, id := range first {
			idle.ID = id
			r.arm(idle, onN1)
		}
		r.arm(b, onN1)
		return errnos(t, v, f, 40)
	}
	alone := draws()
	require.Contains(t, alone, "x")
	require.Equal(t, alone, draws("idle"))
	require.Equal(t, alone, draws("idle", "another"))
	require.NotEqual(t, alone, draws(b.ID))
}

// TestWhatAListingHidesDoesNotDependOnOtherBugs hides the same names, whatever else
// is armed.
func TestWhatAListingHidesDoesNotDependOnOtherBugs(t *testing.T) {
	listing := func(first bool) []vol.Info {
		r := newRig(t, 1)
		v := r.Volume("n1")
		for i := range 40 {
			writeSync(t, v, fmt.Sprint("f", i), "x")
		}
		if first {
			idle := bugOf(t, `{event: nothing}`, "permanent", `{ops: [read], reply: EIO}`, "")
			idle.ID = "idle"
			r.arm(idle, onN1)
		}
		r.arm(always(t, `{action: hide_entries, part: 0.5}`), onN1)
		return must(t, v, vol.Op{Kind: vol.ReadDir, Path: "."}).Entries
	}
	require.Less(t, len(listing(false)), 40)
	require.Equal(t, listing(false), listing(true))
}

// errnos reads so many times and shows which reads failed.
func errnos(t *testing.T, v vol.Volume, f vol.FileID, reads int) string {
	var all strings.Builder
	for range reads {
		if _, errno := readAt(t, v, f, 0, 1); errno != 0 {
			all.WriteByte('x')
		} else {
			all.WriteByte('.')
		}
	}
	return all.String()
}
