package prove

import (
	"fmt"
	"slices"
	"time"

	"fourdays/storage/array"
	"fourdays/storage/bug"
)

// ready makes a rig, filled and healthy, in which the bug's counters are within
// reach.
func ready(b bug.Bug, seed uint64, alone bool) (*proof, error) {
	c := counted{}
	if len(counts(&b.Trigger))+len(levels(&b.Trigger)) > 0 {
		p, err := filled(b, seed, alone, c)
		if err != nil {
			return nil, err
		}
		p.waiting()
		c = p.count()
	}
	return filled(b, seed, alone, c)
}

func filled(b bug.Bug, seed uint64, alone bool, c counted) (*proof, error) {
	places, err := seats(b.Scope.Population, alone)
	if err != nil {
		return nil, fmt.Errorf("prove %s: %w", b.ID, err)
	}
	p := &proof{alone: alone, counted: c, layout: layoutFor(&b),
		started: map[string]array.Counters{}, booted: map[string]time.Duration{}, promoted: map[string]bool{}}
	p.rig, err = newRig(b, seed, places, func(name string, cfg *array.ArrayConfig) {
		p.tune(&b, cfg, name, !alone || name == places[0].array)
		p.started[name] = cfg.Counters
	})
	if err != nil {
		return nil, err
	}
	p.begin("healthy")
	for _, h := range p.hosts {
		p.prepare(h, p.layout)
		p.fillFirst(h)
	}
	if err := p.backup(p.hosts); err != nil {
		return nil, err
	}
	p.scan(p.hosts)
	return p, p.turnTo()
}

// fillFirst makes room that can be given back, for levels that fire below.
func (p *proof) fillFirst(h *host) {
	if !slices.ContainsFunc(levels(&p.bug.Trigger), func(l *bug.Level) bool { return l.Above == 0 }) {
		return
	}
	p.mkdirs(h, crowded)
	for i := range fillers {
		p.put(h, fillName(i), ballast)
	}
}

// turnTo makes the controller that has the bug the active one.
func (p *proof) turnTo() error {
	if c := p.bug.Scope.Population.Controller; c != nil {
		for range *c {
			if err := p.happensOn(p.hosts, bug.EventFailover); err != nil {
				return err
			}
		}
	}
	return nil
}

// layoutFor is how many files a proof needs, and which.
func layoutFor(b *bug.Bug) layout {
	l := layout{rounds: spare + 5}
	if lies(b) {
		l.rounds += len(losses)
	}
	if b.Plane != bug.Data {
		l.rounds += 2
	}
	for _, m := range matches(&b.Trigger) {
		l.name(m.Path)
		n, _ := shape{}.with(m).blocks()
		l.blocks = max(l.blocks, n+1)
	}
	l.name(b.Scope.Path)
	l.blocks = max(l.blocks, 2)
	return l
}

func (l *layout) name(glob string) {
	if glob != "" && !slices.Contains(l.patterns, glob) {
		l.patterns = append(l.patterns, glob)
	}
}

// count reads what a rehearsal has counted.
func (p *proof) count() counted {
	c := counted{arrays: map[string]array.Counters{}, volumes: map[string]array.Counters{}, used: map[string]int64{}, inodes: map[string]int64{}}
	for _, h := range p.hosts {
		if _, known := c.arrays[h.array]; !known {
			c.arrays[h.array] = p.fleets[sick].Counters(h.array)
			c.volumes[h.array] = h.sides[sick].counted
			c.inside = append(c.inside, h.array)
			if !h.inside {
				c.inside = c.inside[:len(c.inside)-1]
			}
			s := p.room(h)
			c.used[h.array], c.inodes[h.array] = s.Bytes-s.FreeBytes, s.Inodes-s.FreeInodes
		}
	}
	return c
}

// tune sets an array up for a bug.
func (p *proof) tune(b *bug.Bug, cfg *array.ArrayConfig, name string, nearby bool) {
	distance, hours := int64(near), int64(nearHours)
	if !nearby {
		distance, hours = far, farHours
	}
	cfg.Mirrored = b.Plane == bug.Link
	cfg.Cache, cfg.QueueDepth = cache, queueDepth
	if b.Scope.Extent == bug.ExtentDevice {
		cfg.Drives, cfg.Tolerance = 4, 1
	}
	if len(p.counted.arrays) > 0 {
		cfg.Counters = p.counted.start(b, name, distance)
	}
	for _, c := range counts(&b.Trigger) {
		if c.Clock == bug.PowerOnHours {
			if b.Scope.Extent == bug.ExtentDevice {
				cfg.Skew = skew
			}
			cfg.PowerOn = max(0, time.Duration(c.At-hours)*time.Hour-cfg.Skew)
		}
	}
	for _, l := range levels(&b.Trigger) {
		p.counted.room(cfg, l, name)
	}
}

// arm arms the bug on the sick side.
func (p *proof) arm(b bug.Bug) error {
	for _, c := range counts(&b.Trigger) {
		if c.Clock == bug.Uptime {
			p.clock.to(max(p.clock.now, time.Duration(c.At)*time.Second-nearHours*time.Hour))
			if err := p.bootOthers(); err != nil {
				return err
			}
		}
	}
	b.Shows = bug.Shows{} // of the bug as declared, not of one with a population of ours
	if _, err := p.fleets[sick].Arm(b, bug.Scope{}); err != nil {
		return fmt.Errorf("prove %s: %w", b.ID, err)
	}
	return nil
}

// bootOthers starts those arrays again that are not to reach their uptime.
func (p *proof) bootOthers() error {
	for _, name := range arrays(p.hosts) {
		if p.alone && name != p.hosts[0].array {
			if err := p.powerCycle(name); err != nil {
				return err
			}
		}
	}
	return nil
}
