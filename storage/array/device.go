package array

import "time"

// device is one array.
type device struct {
	name    string
	cfg     ArrayConfig // OS is that of the active controller
	volumes []*Volume

	fleet *Fleet

	on     bool
	since  time.Duration // of the last power on
	before time.Duration // powered time before that

	controllers []controller
	active      int
	serving     bool          // the active controller does its work
	busy        time.Duration // when it will be idle
	turn        int           // what was begun in an earlier turn is void
	flying      map[*request]struct{}
	waiting     []*request // for a controller
	rollout     *rollout   // of an OS, that is under way
	coming      string     // the OS of an upgrade that has not served yet
	floor       string     // the OS that wrote what no older one can read

	told map[*rule]bool // which bugs it has raised an alarm about

	usedBlocks, usedInodes int64
	losses, cycles         int64   // of power
	group                  []drive // of the RAID group
}

func newDevice(f *Fleet, name string, cfg ArrayConfig) *device {
	d := &device{fleet: f, name: name, cfg: cfg, flying: map[*request]struct{}{}, told: map[*rule]bool{},
		controllers: make([]controller, cfg.Controllers)}
	d.setOS(cfg.OS)
	d.powerUp(f.clock.Now())
	d.runsSince(f.clock.Now() - cfg.PowerOn)
	return d
}

// powerUp starts an array and all its controllers.
func (d *device) powerUp(now time.Duration) {
	d.on, d.since, d.busy, d.serving = true, now, 0, true
	for i := range d.controllers {
		d.controllers[i].start(now)
	}
}

// runsSince says that the array was started before the run, and ran since then.
// What powered counts begins with the run all the same.
func (d *device) runsSince(t time.Duration) {
	d.before = t - d.since
	d.since = t
	for i := range d.controllers {
		d.controllers[i].since = t
	}
}

// powerDown stops it; what was in flight is never answered.
func (d *device) powerDown(now time.Duration) {
	d.before += now - d.since
	d.on, d.serving = false, false
	d.turn++
	for _, v := range d.volumes {
		v.dropInFlight()
	}
}

// instant reports whether an operation takes no time at all now.
func (d *device) instant() bool {
	return d.serving && d.cfg.Service == 0 && d.cfg.Bandwidth == 0 && d.busy == 0
}

// cost is how long the active controller works on an operation.
func (d *device) cost(bytes int) time.Duration {
	cost := d.cfg.Service
	if d.cfg.Bandwidth > 0 {
		cost += time.Duration(float64(bytes) / float64(d.cfg.Bandwidth) * float64(time.Second))
	}
	return cost
}

// admit puts an operation at the end of the active controller's queue and says
// how long it will take from now; a factor slow of 0 is 1.
func (d *device) admit(now time.Duration, bytes int, slow float64) time.Duration {
	cost := d.cost(bytes)
	if slow > 0 {
		cost = time.Duration(float64(cost) * slow)
	}
	d.busy = max(d.busy, now) + cost
	wait := d.busy - now
	if wait == 0 {
		d.busy = 0
	}
	return wait
}

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
	PowerLosses, PowerCycles           int64 // of the array
}

func (c Counters) plus(o Counters) Counters {
	return Counters{c.Ops + o.Ops, c.Writes + o.Writes, c.Flushes + o.Flushes, c.Files + o.Files,
		c.Bytes + o.Bytes, c.PowerOnHours + o.PowerOnHours, c.PowerLosses + o.PowerLosses, c.PowerCycles + o.PowerCycles}
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
		sum = sum.plus(v.counters())
	}
	sum.PowerOnHours = int64((d.cfg.PowerOn + d.before + d.uptime(now)) / time.Hour)
	sum.PowerLosses += d.losses
	sum.PowerCycles += d.cycles
	return sum
}
