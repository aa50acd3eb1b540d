package prove

import (
	"fmt"
	"slices"
	"time"

	"fourdays/storage/array"
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

type fleet = *array.Fleet

// eventScrub is told to an array by its own scrub.
const eventScrub = "scrub"

// away is how long a controller that a proof lets crash is away, picked longer
// than the caller's patience.
const away = 10 * time.Minute

// losses are the moments that can take what a flush lied about.
var losses = []string{bug.EventPowerLoss, bug.EventFailover, bug.EventNodePowerLoss, bug.EventEviction}

// lies reports whether an effect acknowledges flushes that did not happen.
func lies(b *bug.Bug) bool {
	return b.Effect.Persist.Kind != bug.Yes && (slices.Contains(b.Effect.Ops, vol.Sync) || slices.Contains(b.Effect.Ops, vol.SyncDir))
}

// lostAt are the moments at which a bug loses what it lied about.
func lostAt(b *bug.Bug) []string {
	if !lies(b) {
		return nil
	}
	if len(b.Effect.LostAt) > 0 {
		return b.Effect.LostAt
	}
	return []string{bug.EventPowerLoss, bug.EventFailover}
}

// happens lets an event happen to a host and its array, on both sides.
func (p *proof) happens(h *host, event string) error {
	switch event {
	case bug.EventFailover:
		return p.both(func(f fleet) error { return f.Failover(h.array) })
	case bug.EventUpgrade:
		return p.both(func(f fleet) error { return f.Upgrade(h.array, h.os) })
	case bug.EventNodePowerLoss:
		h.powerLoss()
		return nil
	case bug.EventEviction:
		return nil // every proof closes what it opens
	case eventScrub:
		return p.both(func(f fleet) error {
			_, err := f.Scrub(h.array)
			return err
		})
	case "promote":
		return p.promote([]*host{h})
	}
	return p.both(func(f fleet) error { return f.Event(h.array, event) })
}

// powerLoss is one of the node.
func (h *host) powerLoss() {
	for i := range h.sides {
		h.sides[i].v.PowerLoss()
	}
}

func (p *proof) happensOn(hosts []*host, event string) error {
	told := map[string]bool{}
	for _, h := range hosts {
		if event != bug.EventNodePowerLoss && told[h.array] {
			continue
		}
		told[h.array] = true
		if err := p.event(h, event); err != nil {
			return err
		}
	}
	return nil
}

func (p *proof) workAll(hosts []*host) {
	for _, h := range hosts {
		p.work(h, p.layout)
	}
	p.round++
}

// consequences does ordinary work under the bug and brings about what its effect
// waits for: the moments at which a lie is lost, a restore, a crash, a
// promotion. Moments that a lie is said to outlive come first.
func (p *proof) consequences(hosts []*host) error {
	p.begin("worked")
	p.workAll(hosts)
	p.scan(p.watched(hosts))
	if lies(&p.bug) {
		return p.lose(hosts)
	}
	switch p.bug.Plane {
	case bug.Derived:
		return p.copyAndRestore(hosts)
	case bug.Link:
		return p.promote(hosts)
	case bug.Control, bug.Report:
		return p.crash(hosts)
	}
	return nil
}

// watched are the hosts that are looked at after something was done to some.
func (p *proof) watched(hosts []*host) []*host {
	if p.alone {
		return hosts
	}
	return p.hosts
}

func (p *proof) lose(hosts []*host) error {
	own := lostAt(&p.bug)
	moments := slices.DeleteFunc(slices.Clone(losses), func(e string) bool { return slices.Contains(own, e) })
	for _, event := range append(moments, own...) {
		p.begin("lost at " + event)
		p.workAll(hosts)
		if err := p.happensOn(hosts, event); err != nil {
			return err
		}
		p.clock.advance(takeover)
		p.scan(p.watched(hosts))
	}
	return nil
}

// copyName is the name of the copy that a proof takes.
const copyName = "backup"

// restored is the stage in which copies are read back.
const restored = "restored"

// backup takes a copy of volumes, for bugs of copies; the first is a full one,
// later ones are incremental.
func (p *proof) backup(hosts []*host) error {
	if p.bug.Plane != bug.Derived {
		return nil
	}
	for _, h := range hosts {
		ok, err := p.told(h, "copy", func(f fleet) error { return f.Copy(h.volume, copyName) })
		if err != nil {
			return err
		}
		for i := range h.sides {
			if ok[i] {
				h.sides[i].copied = h.sides[i].ledger.clone()
			}
		}
	}
	return nil
}

// restore makes volumes what their copies hold.
func (p *proof) restore(hosts []*host) error {
	for _, h := range hosts {
		ok, err := p.told(h, "restore", func(f fleet) error { return f.Restore(h.volume, copyName) })
		if err != nil {
			return err
		}
		for i := range h.sides {
			if ok[i] {
				h.sides[i].ledger = h.sides[i].copied.clone()
			}
		}
	}
	return nil
}

// told asks both sides for something that may fail. What only the sick side
// refuses is noticed by the caller; the twin has to do it.
func (p *proof) told(h *host, what string, do func(fleet) error) (ok [sides]bool, err error) {
	if err := do(p.fleets[well]); err != nil {
		return ok, fmt.Errorf("prove %s: %w", p.bug.ID, err)
	}
	ok[well] = true
	if err := do(p.fleets[sick]); err != nil {
		p.notice(h, bug.Caller, what+": "+err.Error())
		return ok, nil
	}
	ok[sick] = true
	return ok, nil
}

// copyAndRestore takes another copy, goes on working, and reads the copy back.
// Before that the volumes themselves are looked at.
func (p *proof) copyAndRestore(hosts []*host) error {
	p.begin("copied")
	if err := p.backup(hosts); err != nil {
		return err
	}
	p.workAll(hosts)
	p.scan(p.watched(hosts))
	p.begin(restored)
	if err := p.restore(hosts); err != nil {
		return err
	}
	p.scan(p.watched(hosts))
	return nil
}

// promote lets the other site take over what was mirrored there.
func (p *proof) promote(hosts []*host) error {
	p.begin("promoted")
	for _, name := range arrays(hosts) {
		if p.promoted[name] {
			continue // there is no mirror any more
		}
		p.promoted[name] = true
		if err := p.both(func(f fleet) error { return f.Promote(name) }); err != nil {
			return err
		}
	}
	p.scan(p.watched(hosts))
	return nil
}

// crash takes the active controllers away, longer than the caller will wait, or
// the power for what is about that. Arrays have something to say about either.
func (p *proof) crash(hosts []*host) error {
	before := p.stage
	p.begin("crashed")
	for _, name := range arrays(hosts) {
		var err error
		if slices.Contains(p.bug.Effect.Acts, bug.PowerOn) {
			err = p.powerCycle(name)
		} else {
			err = p.both(func(f fleet) error { return f.Crash(name, away) })
		}
		if err != nil {
			return err
		}
	}
	p.workAll(hosts)
	p.clock.advance(away)
	p.scan(p.watched(hosts))
	p.worse = p.worse || slices.Contains(p.bug.Effect.Acts, bug.PowerOn) && p.stage.worseThan(before)
	return nil
}
