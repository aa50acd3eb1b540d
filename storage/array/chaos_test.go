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
	fired, kinds := 0, map[string]bool{}
	for _, profile := range []array.Profile{array.Ordered, array.Strict} {
		for seed := range uint64(30) {
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
				if receipt.Fired > 0 {
					kinds[c.effects[receipt.ID]] = true
				}
			}
		}
	}
	require.Greater(t, fired, 1000)
	require.Len(t, kinds, len(chaoticEffects), "each of them has done something")
}

// chaos is a rig whose volume n1 suffers everything.
type chaos struct {
	*rig
	v     *array.Volume
	rng   *rand.Rand
	files []vol.FileID
	rules []array.Rule

	effects map[string]string // by rule
}

func newChaos(t *testing.T, seed uint64, profile array.Profile) *chaos {
	r := newRig(t, seed, func(c *array.Config) { c.Volumes["n1"] = array.VolumeConfig{Array: "east", Profile: profile} },
		east(func(c *array.ArrayConfig) {
			c.Takeover, c.Capacity, c.Mirrored = time.Second, 2<<20, true
			c.Drives, c.Tolerance, c.Rebuild, c.Skew = 5, 1, 3*time.Second, time.Hour
		}))
	return &chaos{rig: r, v: r.Volume("n1"), rng: rand.New(rand.NewPCG(seed, 77)), effects: map[string]string{}}
}

var chaoticEffects = []string{
	`{ops: [fsync, fsyncdir], persist: no}`, `{ops: [fsync], persist: late(3s)}`, `{ops: [fsync], persist: partial(4096)}`,
	`{ops: [fsync, fsyncdir], persist: no, lost_at: [node_power_loss]}`,
	`{ops: [write], persist: no}`, `{ops: [write], persist: partial(512)}`, `{ops: [write], persist: elsewhere}`,
	`{ops: [write], persist: behind}`, `{ops: [write], data: flip(2)}`, `{ops: [read, write], data: zero}`,
	`{ops: [fsync], reply: EIO, persist: no, lost_at: [eviction]}`, `{ops: [fsync], persist: no, lost_at: [eviction, failover]}`,
	`{ops: [read, write], reply: EIO}`,
	`{ops: [write], data: other}`, `{ops: [read], data: old(1)}`, `{ops: [read], data: cut(512)}`, `{ops: [write, rename], reply: EIO}`,
	`{ops: [write, fsync], reply: never}`, `{ops: [read, write], delay: 1s..9s}`,
	`{action: rollback}`, `{action: rollback, to: 5s}`, `{action: zero}`, `{action: zero, bytes: 512..20000}`, `{action: wipe}`,
	`{action: drop_entries, part: 0.3}`, `{action: hide_entries, part: 0.5}`, `{action: readonly}`,
	`{action: resurrect, part: 0.5}`, `{action: alias}`, `{action: resize, size: 400000}`,
	"{action: crash, for: 1s..20s}\nscope: {extent: array}",
	"{ops: [takeover], reply: never}\nplane: control\nscope: {extent: array}", "{ops: [takeover, power_on], delay: 1s..9s}\nplane: control\nscope: {extent: array}",
	"{ops: [copy], persist: no}\nplane: derived", "{ops: [copy, restore], data: flip(3)}\nplane: derived", "{ops: [restore], data: other}\nplane: derived",
	"{ops: [mirror], persist: no}\nplane: link", "{ops: [mirror], data: zero}\nplane: link",
}

var chaoticTriggers = []string{`{event: arm}`, `{event: failover}`, `{event: power_cycle}`, `{event: discard}`, `{event: flush}`,
	`{all: [{event: discard}, {chance: 0.2}]}`, `{chance: 0.3}`, `{chance: 0.0001, per: byte}`, `{chance: 1, per: drive_hour}`,
	`{overlap: [write, fsync], within: 2s}`, `{count: writes, at: 5, every: 11}`, `{arm: {match: {ops: [open]}}, fire: {match: {ops: [write, fsync]}}}`}

var chaoticPersistences = []string{"once", "transient", "transient(0.5)", "until_reboot", "until_reboot(5s)", "until_fix", "until_fix", "until_fix", "permanent"}

var chaoticExtents = []bug.Extent{bug.ExtentSector, bug.ExtentBlock, bug.ExtentChunk, bug.ExtentFile, bug.ExtentDirectory,
	"", "", "", bug.ExtentDevice, bug.ExtentController, bug.ExtentArray, bug.ExtentSystem}

func pick[T any](c *chaos, from []T) T { return from[c.rng.IntN(len(from))] }

func (c *chaos) path() string {
	return []string{"a", "b", "c", "d", "a/a", "b/b", "d/d", "d/e", "a/a/a"}[c.rng.IntN(9)]
}

func (c *chaos) step() {
	c.clock.Advance(time.Duration(c.rng.IntN(300)) * time.Millisecond)
	switch n := c.rng.IntN(200); {
	case n < 4:
		effect := chaoticEffects[c.rng.IntN(len(chaoticEffects))]
		b, err := bug.Parse("test.yaml", []byte("id: test\ntrigger: "+pick(c, chaoticTriggers)+"\npersistence: "+pick(c, chaoticPersistences)+"\neffect: "+effect))
		if err != nil { // not everything goes together
			b = parse(c, "trigger: {event: arm}\npersistence: until_fix\neffect: "+effect)
		}
		scope := bug.Scope{Population: bug.Population{SameAddress: c.rng.IntN(5) == 0}}
		if len(b.Effect.Ops) > 0 && b.Effect.Action == "" {
			scope.Extent = pick(c, chaoticExtents)
		}
		rule := c.arm(b, scope)
		c.rules, c.effects[rule.ID] = append(c.rules, rule), effect
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
	case n < 23:
		c.operate(n)
	case n < 80 || len(c.files) == 0:
		c.try(c.nameOp(n))
	default:
		c.try(c.fileOp(n))
	}
}

// operate is what the people on duty do, whether or not it helps.
func (c *chaos) operate(n int) {
	switch n {
	case 17:
		_ = c.Copy("n1", c.path())
	case 18:
		_ = c.Restore("n1", c.path())
	case 19:
		_, _ = c.Scrub("east")
	case 20:
		_ = c.Crash("east", 5*time.Second)
	case 21:
		if c.rng.IntN(10) == 0 {
			_ = c.Promote("east")
		}
	case 22:
		up := array.Rollout{OS: []string{"acme/1.0", "acme/1.1"}[c.rng.IntN(2)], How: []array.How{array.Hot, array.AtOnce, array.Rolling}[c.rng.IntN(3)], Takes: time.Second, Step: 2 * time.Second}
		_ = c.Install("east", up)
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
	cycle(c.rig, "east") // controllers that had no takeover
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

// TestChaosIsOneHistory runs the same chaos twice and compares all that can be
// asked of an array, so that no part of it is in the order of a map.
func TestChaosIsOneHistory(t *testing.T) {
	run := func(seed uint64) []any {
		c := newChaos(t, seed, array.Ordered)
		for range 1500 {
			c.step()
		}
		found, _ := c.Scrub("east")
		return []any{c.Receipts(), c.Alarms(), c.v.Audit(), found, c.Counters("east")}
	}
	for seed := range uint64(6) {
		require.Equal(t, run(seed), run(seed), seed)
	}
	require.NotEqual(t, run(1), run(2))
}
