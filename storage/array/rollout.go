package array

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"fourdays/storage/bug"
)

// How says in which way an OS comes onto the controllers of an array.
type How string

// The ways. Hot is the vendor's promise: all controllers have the new OS at one
// moment, and nobody feels it. AtOnce stops the array, installs and starts it
// again. Rolling takes one controller after the other, those that stand by first.
const (
	Hot     How = ""
	AtOnce  How = "at_once"
	Rolling How = "rolling"
)

// Rollout is an OS that is to be installed on an array: newer, older or another.
type Rollout struct {
	OS    string
	How   How
	Takes time.Duration // for how long a controller that gets the OS is away; not of Hot
	Step  time.Duration // of Rolling: from the start of one controller to that of the next, at least Takes

	// OneWay says that the OS writes what no older one can read: from when all
	// controllers have it the array refuses every older OS of that product, and
	// every other product.
	OneWay bool

	// Tell, if it is there, is called without any lock held with what happens, and
	// over with the last of that: the OS is on all controllers, or the rollout
	// stopped.
	Tell func(text string, over bool)
}

// rollout is one under way.
type rollout struct {
	Rollout
	away bool // a controller is
}

func (r *Rollout) check() error {
	switch {
	case r.OS == "":
		return fmt.Errorf("no OS is named")
	case r.How != Hot && r.How != AtOnce && r.How != Rolling:
		return fmt.Errorf("%q is neither %s nor %s", r.How, Rolling, AtOnce)
	case r.How != Hot && r.Takes <= 0:
		return fmt.Errorf("a controller cannot be away for %v", r.Takes)
	case r.How == Rolling && r.Step < r.Takes:
		return fmt.Errorf("the next controller after %v, and each is away for %v", r.Step, r.Takes)
	}
	return nil
}

// Upgrade gives all controllers of an array another OS at one moment. Bugs are in
// scope by the new tag from now on, and what hung because of a bug that the new OS
// does not have goes on.
func (f *Fleet) Upgrade(name, os string) error {
	return f.Install(name, Rollout{OS: os})
}

// Install begins to give an array another OS. Bugs are in scope by the OS of the
// controller that serves. An array refuses, with an error and without any change:
// while a controller is away for another rollout; what is older than the OS of a
// rollout that was OneWay; and, but for Hot, without power, or to roll over a
// single controller. A rollout that waits for its next controller is given up for
// the new one. Where a controller cannot be spared, or power is lost, a rollout
// stops with an alarm and leaves each controller with the OS that it has.
func (f *Fleet) Install(name string, r Rollout) error {
	if err := r.check(); err != nil {
		return fmt.Errorf("upgrade array %q: %w", name, err)
	}
	var refused error
	err := f.on("upgrade", name, func(d *device) {
		if why := d.refuses(&r); why != "" {
			refused = fmt.Errorf("upgrade array %q to %s: %s", name, r.OS, why)
			return
		}
		f.install(d, &rollout{Rollout: r})
	})
	return cmp.Or(err, refused)
}

// Systems lists the OS of each controller of an array.
func (f *Fleet) Systems(name string) (all []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := f.arrays[name]; d != nil {
		for i := range d.controllers {
			all = append(all, d.controllers[i].os)
		}
	}
	return all
}

// refuses says why an array does not take an OS, "" if it does.
func (d *device) refuses(r *Rollout) string {
	switch {
	case d.rollout != nil && d.rollout.away:
		return "the upgrade to " + d.rollout.OS + " is under way, and a controller is away for it"
	case d.floor != "" && older(r.OS, d.floor):
		return "it cannot read what " + d.floor + " has written"
	case r.How != Hot && !d.on:
		return "it has no power"
	case r.How == Rolling && len(d.controllers) == 1:
		return "it has one controller, and nothing to roll over"
	}
	return ""
}

// older reports whether an OS is before another of its product, or of another one.
func older(os, than string) bool {
	product, version := cut(os)
	other, floor := cut(than)
	return product != other || bug.CompareVersions(version, floor) < 0
}

func cut(os string) (product, version string) {
	if product, version, ok := strings.Cut(os, "/"); ok {
		return product, version
	}
	return "", os
}

func (f *Fleet) install(d *device, r *rollout) {
	d.rollout, d.coming = r, r.OS
	switch r.How {
	case AtOnce:
		f.stopAll(d, r)
	case Rolling:
		f.roll(d, r)
	default:
		d.setOS(r.OS)
		f.takeUp(d)
		f.finish(d, r)
	}
}

func (d *device) setOS(os string) {
	for i := range d.controllers {
		d.controllers[i].os = os
	}
}

// adopt makes the OS of the active controller that of the array.
func (f *Fleet) adopt(d *device) {
	if d.cfg.OS != d.controllers[d.active].os {
		f.takeUp(d)
	}
}

// takeUp is the same where the two may be equal: the event of an upgrade is when
// its OS first serves.
func (f *Fleet) takeUp(d *device) {
	d.cfg.OS = d.controllers[d.active].os
	if d.coming == d.cfg.OS {
		d.coming = ""
		f.event(d, bug.EventUpgrade)
	}
	f.rebind()
	if r := d.rollout; r != nil && r.How != Hot {
		f.report(r, fmt.Sprintf("%s: %s serves, on controller %d", d.name, d.cfg.OS, d.active), false)
	}
}

// stopAll takes all controllers away until they have the OS. To an array this is
// a reboot, in which its drives keep their power.
func (f *Fleet) stopAll(d *device, r *rollout) {
	r.away = true
	d.halt()
	for i := range d.controllers {
		d.controllers[i].leave()
	}
	d.loseCache(lostAtFailover)
	f.at(f.clock.Now()+r.Takes, func() {
		if d.rollout == r {
			f.startAll(d, r)
		}
	})
}

func (f *Fleet) startAll(d *device, r *rollout) {
	now := f.clock.Now()
	d.setOS(r.OS)
	for i := range d.controllers {
		d.controllers[i].start(now)
	}
	d.before, d.since = d.before+now-d.since, now
	f.reboot(d)
	f.activate(d, d.active, false)
	f.finish(d, r)
}

// leave takes a controller away; what was to bring it back is void.
func (c *controller) leave() { c.up, c.boots = false, c.boots+1 }

// roll takes away the next controller that has another OS. The others serve: if
// it was the active one, one of those that have the new OS takes over.
func (f *Fleet) roll(d *device, r *rollout) {
	i := d.behind(r.OS)
	switch {
	case d.rollout != r:
		return
	case i < 0:
		f.finish(d, r)
		return
	case !d.controllers[i].up, i == d.active && d.standby() < 0:
		d.breakOff("a controller is not running")
		return
	}
	r.away = true
	d.controllers[i].leave()
	now := f.clock.Now()
	f.at(now+r.Takes, func() { f.changed(d, r, i) })
	f.at(now+r.Step, func() { f.roll(d, r) })
	if i == d.active && d.serving {
		d.halt()
		d.loseCache(lostAtFailover)
		f.takeOver(d, d.standby())
	}
}

// behind is the next controller without an OS, the active one last, or -1.
func (d *device) behind(os string) int {
	for k := range d.controllers {
		if i := (d.active + 1 + k) % len(d.controllers); d.controllers[i].os != os {
			return i
		}
	}
	return -1
}

// changed is a controller that comes back with the OS.
func (f *Fleet) changed(d *device, r *rollout, i int) {
	if d.rollout != r {
		return
	}
	r.away = false
	d.controllers[i].os = r.OS
	f.report(r, fmt.Sprintf("%s: controller %d has %s", d.name, i, r.OS), false)
	f.comeBack(d, i)
	if d.behind(r.OS) < 0 {
		f.finish(d, r)
	}
}

func (f *Fleet) finish(d *device, r *rollout) {
	d.rollout = nil
	if r.OneWay {
		d.floor = r.OS
	}
	f.report(r, fmt.Sprintf("%s: %s is on every controller", d.name, r.OS), true)
}

// breakOff ends the rollout that is under way, if there is one, and says so.
func (d *device) breakOff(why string) {
	r := d.rollout
	if r == nil {
		return
	}
	d.rollout = nil
	text := fmt.Sprintf("the upgrade to %s stopped: %s", r.OS, why)
	d.alarm(text, nil)
	d.fleet.report(r, d.name+": "+text, true)
}

// report tells whoever began the rollout.
func (f *Fleet) report(r *rollout, text string, over bool) {
	if r.Tell != nil {
		f.ready = append(f.ready, answer{tell: func() { r.Tell(text, over) }})
	}
}
