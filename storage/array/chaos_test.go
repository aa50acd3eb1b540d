package array_test

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// TestTheBooksBalanceWhateverHappens does random work while every kind of bug
// comes and goes and power and controllers fail, in both profiles. At the end
// everything is removed, and all room has to be free again.
func TestTheBooksBalanceWhateverHappens(t *testing.T) {
	fired := 0
	for _, profile := range []array.Profile{array.Ordered, array.Strict} {
		for seed := range uint64(12) {
			c := newChaos(t, seed, profile)
			for range 1500 {
				c.step()
			}
			c.clear()
			space := must(t, c.v, vol.Op{Kind: vol.Statfs}).Space
			require.Equal(t, space.Bytes, space.FreeBytes, "seed %d %s", seed, profile)
			require.Equal(t, space.Inodes-1, space.FreeInodes, "seed %d %s", seed, profile)
			for _, receipt := range c.Receipts() {
				fired += receipt.Fired
			}
		}
	}
	require.Greater(t, fired, 1000)
}

// chaos is a rig whose volume n1 suffers everything.
type chaos struct {
	*rig
	v     *array.Volume
	rng   *rand.Rand
	files []vol.FileID
	rules []array.Rule
}

func newChaos(t *testing.T, seed uint64, profile array.Profile) *chaos {
	r := newRig(t, seed, func(c *array.Config) { c.Volumes["n1"] = array.VolumeConfig{Array: "east", Profile: profile} },
		east(func(c *array.ArrayConfig) { c.Takeover, c.Capacity = time.Second, 2<<20 }))
	return &chaos{rig: r, v: r.Volume("n1"), rng: rand.New(rand.NewPCG(seed, 77))}
}

var chaoticEffects = []string{
	`{ops: [fsync, fsyncdir], persist: no}`, `{ops: [fsync], persist: late(3s)}`, `{ops: [fsync], persist: partial(4096)}`,
	`{ops: [fsync, fsyncdir], persist: no, lost_at: [node_power_loss]}`,
	`{ops: [write], persist: no}`, `{ops: [write], persist: partial(512)}`, `{ops: [write], persist: elsewhere}`,
	`{ops: [write], data: other}`, `{ops: [read], data: old(1)}`, `{ops: [read], data: cut(512)}`, `{ops: [write, rename], reply: EIO}`,
	`{ops: [write, fsync], reply: never}`, `{ops: [read, write], delay: 1s..9s}`,
	`{action: rollback}`, `{action: rollback, to: 5s}`, `{action: zero}`, `{action: wipe}`, `{action: drop_entries, part: 0.3}`,
	`{action: hide_entries, part: 0.5}`, `{action: readonly}`,
}

var chaoticTriggers = []string{`{event: arm}`, `{event: failover}`, `{event: power_cycle}`, `{chance: 0.2}`, `{event: flush}`}

func (c *chaos) path() string {
	return []string{"a", "b", "c", "d", "a/a", "b/b", "d/d", "d/e", "a/a/a"}[c.rng.IntN(9)]
}

func (c *chaos) step() {
	c.clock.Advance(time.Duration(c.rng.IntN(300)) * time.Millisecond)
	switch n := c.rng.IntN(200); {
	case n < 4:
		b := parse(c, "trigger: "+chaoticTriggers[c.rng.IntN(len(chaoticTriggers))]+"\npersistence: until_fix\neffect: "+
			chaoticEffects[c.rng.IntN(len(chaoticEffects))])
		c.rules = append(c.rules, c.arm(b, bug.Scope{}))
	case n < 8 && len(c.rules) > 0:
		require.NoError(c, c.Disarm(c.rules[0].ID))
		c.rules = c.rules[1:]
	case n < 10:
		require.NoError(c, c.Failover("east"))
	case n < 12:
		cycle(c.rig, "east")
	case n < 14:
		c.v.PowerLoss()
		c.files = nil
	case n < 16:
		c.v.Kill()
		c.files = nil
	case n < 17:
		require.NoError(c, c.Destage("east"))
	case n < 80 || len(c.files) == 0:
		c.try(c.nameOp(n))
	default:
		c.try(c.fileOp(n))
	}
}

func (c *chaos) try(op vol.Op) {
	c.v.Do(&op, func(res vol.Result) {
		if op.Kind == vol.Open && res.Errno == 0 {
			c.files = append(c.files, res.File)
		}
	})
}

func (c *chaos) nameOp(n int) vol.Op {
	switch {
	case n < 45:
		return vol.Op{Kind: vol.Open, Path: c.path(), Flag: os.O_RDWR | os.O_CREATE}
	case n < 55:
		return vol.Op{Kind: vol.Mkdir, Path: c.path()}
	case n < 60:
		return vol.Op{Kind: vol.Unlink, Path: c.path()}
	case n < 63:
		return vol.Op{Kind: vol.Rmdir, Path: c.path()}
	case n < 73:
		return vol.Op{Kind: vol.Rename, Path: c.path(), To: c.path()}
	case n < 76:
		return vol.Op{Kind: vol.SyncDir, Path: "."}
	}
	return vol.Op{Kind: vol.ReadDir, Path: c.path()}
}

func (c *chaos) fileOp(n int) vol.Op {
	i := c.rng.IntN(len(c.files))
	op := vol.Op{File: c.files[i], Off: c.rng.Int64N(30000), Size: c.rng.Int64N(30000), Data: make([]byte, 1+c.rng.IntN(9000))}
	for i := range op.Data {
		op.Data[i] = byte(c.rng.Uint32())
	}
	switch {
	case n < 140:
		op.Kind = vol.Write
	case n < 160:
		op.Kind = vol.Read
	case n < 180:
		op.Kind = vol.Sync
	case n < 188:
		op.Kind = vol.Truncate
	default:
		op.Kind = vol.Close
		c.files = append(c.files[:i], c.files[i+1:]...)
	}
	return op
}

// clear ends all faults, closes all files and removes what is left.
func (c *chaos) clear() {
	for _, rule := range c.rules {
		require.NoError(c, c.Disarm(rule.ID))
	}
	c.clock.Advance(time.Hour)
	c.v.Audit()
	c.v.Kill()
	c.remove(".")
}

func (c *chaos) remove(dir string) {
	for _, e := range must(c, c.v, vol.Op{Kind: vol.ReadDir, Path: dir}).Entries {
		p := dir + "/" + e.Name
		if dir == "." {
			p = e.Name
		}
		if e.Mode.IsDir() {
			c.remove(p)
			must(c, c.v, vol.Op{Kind: vol.Rmdir, Path: p})
		} else {
			must(c, c.v, vol.Op{Kind: vol.Unlink, Path: p})
		}
	}
}
