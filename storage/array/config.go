package array

import (
	"fmt"
	"time"
)

// Profile says when the names in a directory are durable.
type Profile string

// The profiles. Ordered is like ext4: metadata becomes durable in order, and an
// fsynced file keeps its name. In Strict a name is durable only after fsync of
// its directory.
const (
	Ordered Profile = "ordered"
	Strict  Profile = "strict"
)

// Config is what there is: arrays, and volumes on them.
type Config struct {
	Arrays  map[string]ArrayConfig
	Volumes map[string]VolumeConfig

	// Prepared is when, by the clock, the preparation ends: what is stored by then
	// and not written since is as old as its array says. Zero: when the first bug
	// is armed.
	Prepared time.Duration

	// Media is where the bytes of all volumes lie; nil is this process's memory.
	Media Media
}

// ArrayConfig describes one array. Zero fields of OS, Controllers, Capacity and
// Inodes take the defaults below; a zero Service and Bandwidth mean that the
// array takes no time, and operations are answered inside Do.
type ArrayConfig struct {
	OS          string        // version tag, as "acme/1.0"
	Controllers int           // one is active, the others wait
	Service     time.Duration // time per operation
	Bandwidth   int64         // bytes per second of the active controller
	Takeover    time.Duration // how long nothing moves after a failover
	Capacity    int64         // bytes, shared by the array's volumes
	Inodes      int64         // files and directories, likewise
	Counters    Counters      // what the hidden counters start from, but for PowerOnHours

	PowerOn    time.Duration // how long powered before the run, without a break
	Age        time.Duration // at the end of the preparation, how long ago what is stored counts as written
	Drives     int           // of its RAID group; 0: the array is one device that nothing protects
	Tolerance  int           // drives that may be failed at one time without anybody feeling it
	Rebuild    time.Duration // how long a rebuild onto a spare takes; 0: there is no spare
	Skew       time.Duration // the oldest drive was in service so much longer than the youngest, the others evenly between
	Cache      int64         // bytes of write cache, for the gauge dirty
	QueueDepth int           // operations at one time, for the gauge queue
	Mirrored   bool          // another site keeps a synchronous mirror of every volume
}

// VolumeConfig places a volume.
type VolumeConfig struct {
	Array   string
	Store   string  // the replica set it belongs to
	Profile Profile // Ordered if empty
	Direct  bool    // the host opens every file with O_DIRECT
	Of      string  // the volume in whose place it comes: bugs on that one by its name are on this one too
}

// The defaults, all picked: a mid-range flash array as seen by one client.
const (
	PickedOS          = "acme/1.0"
	PickedControllers = 2
	PickedService     = 200 * time.Microsecond
	PickedBandwidth   = int64(400 << 20)
	PickedTakeover    = 5 * time.Second
	PickedCapacity    = int64(64 << 30)
	PickedInodes      = int64(4 << 20)
)

// Picked is an array with every default, service time and bandwidth included.
func Picked() ArrayConfig {
	return ArrayConfig{Service: PickedService, Bandwidth: PickedBandwidth, Takeover: PickedTakeover}.filled()
}

func (c ArrayConfig) filled() ArrayConfig {
	if c.OS == "" {
		c.OS = PickedOS
	}
	if c.Controllers == 0 {
		c.Controllers = PickedControllers
	}
	if c.Capacity == 0 {
		c.Capacity = PickedCapacity
	}
	if c.Inodes == 0 {
		c.Inodes = PickedInodes
	}
	return c
}

func (c ArrayConfig) check(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("array without a name")
	case c.Controllers < 0:
		return fmt.Errorf("array %s: %d controllers", name, c.Controllers)
	case c.Service < 0 || c.Takeover < 0:
		return fmt.Errorf("array %s: negative time", name)
	case c.PowerOn < 0 || c.Age < 0 || c.Rebuild < 0 || c.Skew < 0:
		return fmt.Errorf("array %s: negative age, time powered, rebuild or skew", name)
	case c.Drives < 0 || c.Tolerance < 0 || c.Tolerance > 0 && c.Tolerance >= c.Drives:
		return fmt.Errorf("array %s: %d of %d drives tolerated", name, c.Tolerance, c.Drives)
	case c.Cache < 0 || c.QueueDepth < 0:
		return fmt.Errorf("array %s: negative cache or queue", name)
	case c.Counters.PowerOnHours != 0:
		return fmt.Errorf("array %s: power-on hours start from how long it was powered", name)
	case c.Bandwidth < 0 || c.Capacity < 0 || c.Inodes < 0:
		return fmt.Errorf("array %s: negative bandwidth, capacity or inodes", name)
	}
	return nil
}

func (c VolumeConfig) check(name string, arrays map[string]ArrayConfig) error {
	if name == "" {
		return fmt.Errorf("volume without a name")
	}
	if _, ok := arrays[c.Array]; !ok {
		return fmt.Errorf("volume %s: no array %q", name, c.Array)
	}
	switch c.Profile {
	case "", Ordered, Strict:
		return nil
	}
	return fmt.Errorf("volume %s: profile %q is neither %s nor %s", name, c.Profile, Ordered, Strict)
}
