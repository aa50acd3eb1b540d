package array_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// idle is a kind of rule that has nothing to do with what is measured.
type idle struct{ name, trigger, effect, path string }

var idles = []idle{
	{"OtherOperation", `{event: arm}`, `{ops: [mkdir], reply: EIO}`, ""},
	{"OtherPath", `{event: arm}`, `{ops: [stat, read, write], reply: EIO}`, "*.mem"},
	{"UnreachedCounter", `{count: ops, at: 1000000000000}`, `{ops: [stat, read, write], reply: EIO}`, ""},
	{"TinyChance", `{chance: 1e-12}`, `{ops: [stat, read, write], reply: EIO}`, ""},
	{"Event", `{all: [{event: scrub}, {chance: 0.01}]}`, `{action: wipe}`, ""},
	{"Drive", `{chance: 1e-9, per: drive_hour}`, `{ops: [read], reply: EIO}`, ""},
	{"OtherMatch", `{match: {ops: [stat, read, write], path: "*.mem"}}`, `{ops: [stat, read, write], reply: EIO}`, ""},
}

// armMany arms n rules of a kind.
func (r *rig) armMany(kind idle, n int) {
	r.Helper()
	for range n {
		r.arm(bugOf(r, kind.trigger, "until_fix", kind.effect, ""), bug.Scope{Path: kind.path, Population: onN1.Population})
	}
}

// TestARuleThatCannotMatchIsNotLookedAt counts looks at rules instead of time:
// however many are armed, reads, writes, stats and opens of files that were seen
// before look at none.
func TestARuleThatCannotMatchIsNotLookedAt(t *testing.T) {
	for _, kind := range idles {
		for _, n := range []int{1, 30, 300} {
			r := newRig(t, 1)
			v := r.Volume("n1")
			r.armMany(kind, n)
			f := create(t, v, "a")
			work := func() {
				for i := range 50 {
					writeAt(t, v, f, int64(i), "x")
					readAt(t, v, f, 0, 100)
					must(t, v, vol.Op{Kind: vol.Stat, Path: "a"})
					must(t, v, vol.Op{Kind: vol.Close, File: create(t, v, "b")})
				}
				sync(t, v, f)
			}
			work()
			before := r.Looks()
			work()
			require.Zero(t, r.Looks()-before, "%s: %d rules", kind.name, n)
		}
	}
}

// TestAnEventIsToldToThoseWhoWaitForIt says the same of events: a discard, which
// every removal of a file is.
func TestAnEventIsToldToThoseWhoWaitForIt(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.armMany(idles[0], 500)
	r.arm(bugOf(t, `{all: [{event: discard}, {match: {ops: [read]}}]}`, "until_fix", `{ops: [read], reply: EIO}`, ""), onN1)
	writeSync(t, v, "a", "x")
	writeSync(t, v, "b", "x")
	require.False(t, readFails(t, v, "b"))
	must(t, v, vol.Op{Kind: vol.Unlink, Path: "a"})
	require.True(t, readFails(t, v, "b"))
}

// TestANewPathIsLookedAtOnce bounds what the first operation on a path costs: each
// rule is looked at for it a few times, and then no more.
func TestANewPathIsLookedAtOnce(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.armMany(idles[1], 100)
	f := create(t, v, "a")
	before := r.Looks()
	readAt(t, v, f, 0, 1)
	first := r.Looks() - before
	require.LessOrEqual(t, first, 300)
	for range 100 {
		readAt(t, v, f, 0, 1)
	}
	require.Equal(t, first, r.Looks()-before)
}

// TestARuleThatFiresOnItsPathIsLookedAtThere is the control of the counts above.
func TestARuleThatFiresOnItsPathIsLookedAtThere(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(bugOf(t, `{chance: 0.5}`, "transient", `{ops: [stat], reply: EIO}`, `{path: a}`), onN1)
	create(t, v, "a")
	create(t, v, "b")
	look := func(path string) int {
		do(t, v, vol.Op{Kind: vol.Stat, Path: path})
		before := r.Looks()
		do(t, v, vol.Op{Kind: vol.Stat, Path: path})
		return r.Looks() - before
	}
	require.Equal(t, 1, look("a"))
	require.Zero(t, look("b"))
}

// TestManySleepersWakeAtTheirOwnCounts arms counters that are reached one after
// the other, and checks that each fires at its own operation.
func TestManySleepersWakeAtTheirOwnCounts(t *testing.T) {
	r := newRig(t, 1, func(c *array.Config) { c.Volumes["n4"] = array.VolumeConfig{Array: "east"} })
	n1, n4 := r.Volume("n1"), r.Volume("n4")
	for i := range 20 {
		at := 100 + 37*i
		b := bugOf(t, fmt.Sprintf(`{count: ops, at: %d}`, at), "once", `{ops: [stat], reply: EIO}`, "")
		r.arm(b, bug.Scope{Extent: bug.ExtentArray, Population: bug.Population{Array: "east"}})
	}
	var failed []int
	for i := 1; i <= 1000; i++ {
		v := n1
		if i%3 == 0 {
			v = n4
		}
		if stat(t, v) != 0 {
			failed = append(failed, i)
		}
	}
	require.Len(t, failed, 20)
	for i, at := range failed {
		require.Equal(t, 100+37*i, at)
	}
}

// cpu is the processor time that the program has used: what others take of the
// machine does not count.
func cpu() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkArmed is the price of rules that do not match, for an operation on an
// open file and one on a path. DESIGN.md has the medians.
func BenchmarkArmed(b *testing.B) {
	for _, op := range []vol.Op{{Kind: vol.Read, Data: make([]byte, 512)}, {Kind: vol.Stat, Path: "a"}} {
		for _, kind := range idles[:4] {
			for _, n := range []int{0, 1, 10, 100, 1000} {
				b.Run(fmt.Sprintf("%s/%s/%d", op.Kind, kind.name, n), func(b *testing.B) {
					r := newRig(b, 1)
					r.armMany(kind, n)
					v := r.Volume("n1")
					f := write(b, v, "a", string(make([]byte, 4096)))
					op := op
					if op.Kind == vol.Read {
						op.File = f
					}
					done := func(vol.Result) {}
					start, i := cpu(), 0
					for b.Loop() {
						v.Do(&op, done)
						i++
					}
					b.ReportMetric(float64(cpu()-start)/float64(i), "cpu-ns/op")
				})
			}
		}
	}
}

// TestATimeThatIsOverIsNotLookedAt arms a window, and looks after it.
func TestATimeThatIsOverIsNotLookedAt(t *testing.T) {
	r := newRig(t, 1)
	v := r.Volume("n1")
	r.arm(bugOf(t, `{time: 1m, until: 2m}`, "transient", `{ops: [stat], reply: EIO}`, ""), onN1)
	var looked []bool
	for range 3 {
		stat(t, v)
		before := r.Looks()
		stat(t, v)
		looked = append(looked, r.Looks() > before)
		r.clock.Advance(time.Minute)
	}
	require.Equal(t, []bool{false, true, false}, looked)
}
