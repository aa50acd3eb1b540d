package array

import (
	"time"

	"fourdays/storage/vol"
)

// device is one array.
type device struct {
	name    string
	cfg     ArrayConfig
	volumes []*Volume

	on     bool
	since  time.Duration // of the last power on
	before time.Duration // powered time before that
	active int
	busy   time.Duration // when the active controller will be idle

	usedBlocks, usedInodes int64
}

// instant reports whether an operation takes no time at all now.
func (d *device) instant() bool {
	return d.cfg.Service == 0 && d.cfg.Bandwidth == 0 && d.busy == 0
}

// admit puts an operation at the end of the active controller's queue and says
// how long it will take from now.
func (d *device) admit(now time.Duration, bytes int) time.Duration {
	cost := d.cfg.Service
	if d.cfg.Bandwidth > 0 {
		cost += time.Duration(float64(bytes) / float64(d.cfg.Bandwidth) * float64(time.Second))
	}
	d.busy = max(d.busy, now) + cost
	wait := d.busy - now
	if wait == 0 {
		d.busy = 0
	}
	return wait
}

// carry adds the time since the last power on to what came before.
func (d *device) carry(now time.Duration) { d.before += now - d.since }

func (d *device) uptime(now time.Duration) time.Duration {
	if !d.on {
		return 0
	}
	return now - d.since
}

// Counters are what an array or a volume has done so far: what hidden limits
// count.
type Counters struct {
	Ops, Writes, Flushes, Files, Bytes int64
	PowerOnHours                       int64
}

func (c Counters) plus(o Counters) Counters {
	return Counters{c.Ops + o.Ops, c.Writes + o.Writes, c.Flushes + o.Flushes, c.Files + o.Files,
		c.Bytes + o.Bytes, c.PowerOnHours + o.PowerOnHours}
}

func (v *Volume) count(op *vol.Op) {
	v.counters.Ops++
	switch op.Kind {
	case vol.Write:
		v.counters.Writes++
		v.counters.Bytes += int64(len(op.Data))
	case vol.Sync, vol.SyncDir:
		v.counters.Flushes++
	}
}

// Counters reads what an array has done, with what it started from.
func (f *Fleet) Counters(name string) Counters {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.arrays[name]
	if d == nil {
		return Counters{}
	}
	return d.counters(f.clock.Now())
}

func (d *device) counters(now time.Duration) Counters {
	sum := d.cfg.Counters
	for _, v := range d.volumes {
		sum = sum.plus(v.counters)
	}
	sum.PowerOnHours += int64((d.before + d.uptime(now)) / time.Hour)
	return sum
}
