package prove

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"time"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// How far a counter is from its limit when the bug is armed: near on arrays that
// will be led there, far on those that will not.
const (
	near      = 30
	far       = 100_000
	nearHours = 2
	farHours  = 10_000
	names     = 3_000 // more names in a directory than this are not made: the limit is lowered
)

// skew is by how much the drives of an array differ in age, when their age
// matters.
const skew = 3 * time.Hour

// counted is what has been counted by the time that a bug is armed; a rehearsal
// without it finds out.
type counted struct {
	arrays  map[string]array.Counters
	volumes map[string]array.Counters // of the first volume of each array
	inside  []string                  // arrays in the population
	used    map[string]int64          // bytes
	inodes  map[string]int64
}

// start are the counters with which an array has to start, so that when the bug
// is armed they are so far from their limits.
func (c counted) start(b *bug.Bug, name string, distance int64) array.Counters {
	had := c.arrays[name]
	e := b.Scope.Extent
	switch {
	case e == bug.ExtentSystem:
		had = array.Counters{}
		for _, each := range c.inside {
			had = sum(had, c.arrays[each])
		}
	case e == bug.ExtentVolume || e == "" || e.Place():
		had = c.volumes[name]
	}
	var out array.Counters
	for _, leaf := range counts(&b.Trigger) {
		if to := field(&out, leaf.Clock); to != nil && (e != bug.ExtentSystem || name == c.inside[0] || !slices.Contains(c.inside, name)) {
			*to = leaf.At - *field(&had, leaf.Clock) - distance
			if distance == near && !slices.Contains(worked, leaf.Clock) {
				*to = leaf.At - 1
			}
		}
	}
	return out
}

func sum(a, b array.Counters) array.Counters {
	for _, c := range ticking {
		*field(&a, c) += *field(&b, c)
	}
	return a
}

// ticking are the counters that an array starts from.
var ticking = []bug.Counter{bug.Ops, bug.Writes, bug.Flushes, bug.Files, bug.Bytes, bug.PowerLosses, bug.PowerCycles}

// field is a counter that an array starts from, nil for all others.
func field(c *array.Counters, name bug.Counter) *int64 {
	switch name {
	case bug.Ops:
		return &c.Ops
	case bug.Writes:
		return &c.Writes
	case bug.Flushes:
		return &c.Flushes
	case bug.Files:
		return &c.Files
	case bug.Bytes:
		return &c.Bytes
	case bug.PowerLosses:
		return &c.PowerLosses
	case bug.PowerCycles:
		return &c.PowerCycles
	}
	return nil
}

// reach brings a counter to its limit by honest work.
func (p *proof) reach(h *host, c *bug.Count) error {
	const steps = 2 * (near + names)
	for range steps {
		if p.value(h, c.Clock) >= c.At {
			return p.crowdIn(h, c)
		}
		if err := p.tick(h, c); err != nil {
			return err
		}
	}
	return unreachable(fmt.Sprintf("the counter %s did not reach %d, it is %d", c.Clock, c.At, p.value(h, c.Clock)))
}

// value reads a counter as the bug does.
func (p *proof) value(h *host, clock bug.Counter) int64 {
	f := p.fleets[sick]
	at := f.Counters(h.array)
	e := p.bug.Scope.Extent
	switch {
	case clock == bug.Names:
		return int64(h.crowd)
	case clock == bug.Uptime:
		return int64((p.clock.now - p.booted[h.array]) / time.Second)
	case clock == bug.PowerOnHours:
		return at.PowerOnHours
	case clock == bug.PowerLosses || clock == bug.PowerCycles:
	case e == bug.ExtentVolume || e == "" || e.Place():
		own := sum(h.sides[sick].counted, p.started[h.array])
		return *field(&own, clock)
	case e == bug.ExtentSystem:
		at = array.Counters{}
		for _, name := range arrays(p.inside()) {
			at = sum(at, f.Counters(name))
		}
	}
	return *field(&at, clock)
}

// crowded is the directory in which names are counted, and crowd begins each of
// them.
const (
	crowded = "crowd"
	crowd   = crowded + "/c"
)

// tick makes a counter go on.
func (p *proof) tick(h *host, c *bug.Count) error {
	left := c.At - p.value(h, c.Clock)
	switch c.Clock {
	case bug.PowerLosses, bug.PowerCycles:
		return p.powerCycle(h.array)
	case bug.Uptime:
		p.clock.advance(time.Duration(left) * time.Second)
	case bug.PowerOnHours:
		p.clock.advance(time.Duration(left) * time.Hour)
	case bug.Names:
		p.mkdirs(h, crowded)
		for i := range left {
			p.close(h, p.open(h, crowd+strconv.FormatInt(i, 10), os.O_RDWR|os.O_CREATE))
			h.crowd++
		}
	case bug.Files:
		p.put(h, p.newName(h, p.targets(h, "")[0]), 1)
	case bug.Ops:
		p.do(h, vol.Op{Kind: vol.Stat, Path: "."}, nil)
	default:
		p.overwrite(h, p.targets(h, "")[0], 0, 1, 0)
	}
	return nil
}

// crowdIn acts in the crowded directory, if that is where a limit was reached.
func (p *proof) crowdIn(h *host, c *bug.Count) error {
	if c.Clock != bug.Names {
		return nil
	}
	for _, k := range append([]vol.Kind{vol.Open}, p.bug.Effect.Ops...) {
		for i := range tries {
			p.act(h, k, crowd+strconv.Itoa(i), shape{flags: []bug.Flag{bug.Create}})
		}
	}
	return nil
}

// level fills or empties what a gauge shows, and acts while it is so.
func (p *proof) level(h *host, l *bug.Level, around shape) error {
	switch l.Gauge {
	case bug.Queue:
		p.burst(h, int(l.Above*queueDepth)+queueDepth/2)
	case bug.Dirty:
		p.soil(h, int(l.Above*cache/blockSize)+1, around)
	default:
		return p.fill(h, l)
	}
	return nil
}

// The sizes of what gauges show, picked so that a proof can fill them.
const (
	queueDepth = 16
	cache      = 1 << 20
)

// flight is an operation of a burst.
type flight struct {
	op       vol.Op
	versions []uint32
	asked    [sides]*asked
}

// burst submits so many operations at once, of those that the effect concerns.
func (p *proof) burst(h *host, n int) {
	target := p.targets(h, "")[0]
	f := p.open(h, target, os.O_RDWR)
	var all []flight
	for i := range n {
		one := flight{op: vol.Op{Kind: vol.Sync}}
		if i%2 == 0 || !slices.Contains(p.bug.Effect.Ops, vol.Sync) {
			one.op = vol.Op{Kind: vol.Write, Off: int64(i / 2 * blockSize)}
			one.op.Data, one.versions = p.compose(h, target, i/2, 1)
		}
		one.asked = p.submit(h, one.op, f)
		all = append(all, one)
	}
	for i, one := range all {
		p.wait(one.asked[:])
		p.compare(h, one.op, f, one.asked[sick], one.asked[well])
		for s, a := range one.asked {
			if one.versions != nil && a.how != skipped {
				h.sides[s].ledger.wrote(target, i/2, one.versions, a.how)
			}
		}
	}
	p.sync(h, f)
	p.close(h, f)
}

// soil writes so many blocks without a flush, acts, and flushes.
func (p *proof) soil(h *host, n int, around shape) {
	p.mkdirs(h, crowded)
	f := p.open(h, path.Join(crowded, fmt.Sprintf("soil%d", h.turn)), os.O_RDWR|os.O_CREATE)
	for at := 0; at < n; at += readSize {
		p.write(h, f, at, readSize, 0)
	}
	_ = p.perform(h, around)
	p.sync(h, f)
	p.close(h, f)
}

// filler is what a file that fills has at most, in blocks; so many fillers are
// there from the beginning for a level that fires below.
const (
	filler  = 256
	fillers = 64
	ballast = 16 // blocks of each of those
)

func fillName(i int) string { return fmt.Sprintf("%s/fill%d", crowded, i) }

// fill writes until a level above holds, or removes until one below does.
func (p *proof) fill(h *host, l *bug.Level) error {
	p.mkdirs(h, crowded)
	for i := range 4 * names {
		if l.Holds(p.gauge(h, l.Gauge)) {
			return nil
		}
		name := fillName(i)
		switch {
		case l.Above == 0:
			p.unlink(h, name)
			continue
		case h.sides[well].ledger.files[name] != nil:
		case l.Gauge == bug.Inodes:
			p.close(h, p.open(h, name, os.O_RDWR|os.O_CREATE))
		default:
			p.put(h, name, p.missing(h, l))
		}
	}
	return unreachable(fmt.Sprintf("the gauge %s is not there, it is %.3f", l.Gauge, p.gauge(h, l.Gauge)))
}

// missing is how many blocks the next filler should have.
func (p *proof) missing(h *host, l *bug.Level) int {
	left := l.Above - p.gauge(h, l.Gauge)
	return min(filler, 1+int(left*float64(p.room(h).Bytes)/blockSize))
}

func (p *proof) gauge(h *host, g bug.Gauge) float64 {
	s := p.room(h)
	if g == bug.Inodes {
		return 1 - float64(s.FreeInodes)/float64(s.Inodes)
	}
	return 1 - float64(s.FreeBytes)/float64(s.Bytes)
}

// room is what the healthy twin says about it.
func (p *proof) room(h *host) vol.Space {
	return p.do(h, vol.Op{Kind: vol.Statfs}, nil)[well].res.Space
}

// room is how large an array is for a level to be within reach of what is on it.
func (c counted) room(cfg *array.ArrayConfig, l *bug.Level, name string) {
	used, to, spare := c.used[name], &cfg.Capacity, int64(fillers*ballast*blockSize)
	switch {
	case len(c.arrays) == 0:
		return
	case l.Gauge == bug.Inodes:
		used, to, spare = c.inodes[name], &cfg.Inodes, fillers
	case l.Gauge != bug.Fill:
		return
	}
	if l.Above > 0 {
		*to = int64(2 * float64(used) / l.Above)
		if l.Gauge == bug.Fill {
			*to = max(*to, int64(float64(workRoom)/(1.001-l.Above)))
		}
		return
	}
	*to = int64(float64(used-spare/2) / l.Below)
}

// workRoom is the room that is left for work when a level above is reached.
const workRoom = 1 << 20
