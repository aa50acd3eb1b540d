package array_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
	"fourdays/storage/voltest"
)

// history does random work through a door that waits, and writes down what was
// answered. Inode times are left out: they are what may differ.
func history(door voltest.Door, v *array.Volume, crashes bool) []string {
	rng := rand.New(rand.NewPCG(5, 5))
	var out []string
	note := func(op vol.Op, r vol.Result) {
		line := fmt.Sprint(op.Kind, op.Path, r.Errno, r.N, r.Info.Size, r.Info.Ino, r.Space)
		for _, e := range r.Entries {
			line += fmt.Sprint(" ", e.Name, e.Size)
		}
		if op.Kind == vol.Read {
			line += fmt.Sprintf(" %x", op.Data[:r.N])
		}
		out = append(out, line)
	}
	for range 800 {
		path := fmt.Sprint("f", rng.IntN(6))
		open := vol.Op{Kind: vol.Open, Path: path, Flag: os.O_RDWR | os.O_CREATE}
		res := door.Do(open)
		note(open, res)
		ops := []vol.Op{{Kind: vol.Write, Data: []byte(path + fmt.Sprint(rng.Uint64()))}, {Kind: vol.Sync}, {Kind: vol.Truncate, Size: rng.Int64N(9000)},
			{Kind: vol.Read, Data: make([]byte, 300)}, {Kind: vol.Statfs}, {Kind: vol.ReadDir, Path: "."},
			{Kind: vol.Rename, Path: path, To: fmt.Sprint("f", rng.IntN(6))}, {Kind: vol.Unlink, Path: path}}
		op := ops[rng.IntN(len(ops))]
		if op.Path == "" && op.Kind != vol.Statfs {
			op.File, op.Off = res.File, rng.Int64N(9000)
		}
		note(op, door.Do(op))
		door.Do(vol.Op{Kind: vol.Close, File: res.File})
		if crashes && rng.IntN(40) == 0 {
			v.PowerLoss()
		}
	}
	return out
}

// TestHarmlessTroubleChangesNoAnswer does the same work on an array that takes
// no time, one that does, one that is slow, one that fails over again and again,
// and one whose counters are watched by a bug that never fires.
func TestHarmlessTroubleChangesNoAnswer(t *testing.T) {
	for _, crashes := range []bool{false, true} {
		run := func(cfg array.ArrayConfig, upset func(*rig)) []string {
			r := newRig(t, 8, east(func(c *array.ArrayConfig) { *c = cfg }))
			upset(r)
			return history(voltest.Direct(r.Volume("n1"), r.clock), r.Volume("n1"), crashes)
		}
		quiet := func(*rig) {}
		want := run(array.ArrayConfig{}, quiet)
		require.Equal(t, want, run(array.Picked(), quiet), "service time")
		require.Equal(t, want, run(array.Picked(), func(r *rig) { r.arm(shipped(t, "fail-slow"), onN1) }), "slowness")
		require.Equal(t, want, run(array.Picked(), func(r *rig) { r.arm(shipped(t, "libero-2023").At(1<<60), bug.Scope{}) }), "a limit out of reach")
		nimble := array.Picked()
		nimble.Takeover = time.Millisecond
		require.Equal(t, want, run(nimble, (*rig).failOverOften), "failovers")
	}
}

// failOverOften lets the array fail over 200 times in the second to come.
func (r *rig) failOverOften() {
	for i := range 200 {
		r.clock.After(time.Duration(i)*5*time.Millisecond, func() { require.NoError(r, r.Failover("east")) })
	}
}
