package array

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// Fleet is all arrays of a run and the bugs armed on them.
type Fleet struct {
	clock   vol.Clock
	seed    uint64
	pool    *pool
	arrays  map[string]*device
	volumes map[string]*Volume
	order   []*Volume // by name

	prepared time.Duration // when the preparation ends, and what is stored counts as old; 0 is not said
	aged     time.Duration // when that was decided, if it was not said

	rules  []*rule
	alarms []Alarm
	timers []*timer           // in the order of their moments
	ears   map[string][]*rule // who waits for an event; nil is not known
	looks  int                // how often a rule was looked at
	moved  int64              // bytes of the operation that is counted
	seq    uint64             // of the last operation in flight

	mu    sync.Mutex
	ready []answer
}

type answer struct {
	done func(vol.Result)
	res  vol.Result
	tell func() // instead: somebody who began something is told of it
}

// New makes the arrays and volumes of cfg, empty and powered on.
func New(clock vol.Clock, seed uint64, cfg Config) (*Fleet, error) {
	f := &Fleet{clock: clock, seed: seed, pool: &pool{media: cfg.Media}, prepared: cfg.Prepared, arrays: map[string]*device{}, volumes: map[string]*Volume{}}
	if cfg.Prepared < 0 {
		return nil, fmt.Errorf("make arrays: prepared at %v", cfg.Prepared)
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Arrays)) {
		c := cfg.Arrays[name]
		if err := c.check(name); err != nil {
			return nil, fmt.Errorf("make arrays: %w", err)
		}
		f.arrays[name] = newDevice(f, name, c.filled())
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Volumes)) {
		c := cfg.Volumes[name]
		if err := c.check(name, cfg.Arrays); err != nil {
			return nil, fmt.Errorf("make volumes: %w", err)
		}
		d := f.arrays[c.Array]
		v := newVolume(f, d, name, c)
		d.volumes = append(d.volumes, v)
		f.volumes[name] = v
		f.order = append(f.order, v)
	}
	return f, nil
}

// Volume is the volume of that name, or nil.
func (f *Fleet) Volume(name string) *Volume { return f.volumes[name] }

// Volumes lists the names of the volumes in order.
func (f *Fleet) Volumes() []string { return slices.Sorted(maps.Keys(f.volumes)) }

// Arrays lists the names of the arrays in order.
func (f *Fleet) Arrays() []string { return slices.Sorted(maps.Keys(f.arrays)) }

// stream is the fleet's random numbers for one purpose.
func (f *Fleet) stream(name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(f.seed, h.Sum64()))
}

// answer keeps an answer until the lock is let go.
func (f *Fleet) answer(done func(vol.Result), res vol.Result) {
	f.ready = append(f.ready, answer{done: done, res: res})
}

// unlock lets go of the lock and then gives the answers that are ready.
func (f *Fleet) unlock() {
	ready := f.ready
	f.ready = nil
	f.mu.Unlock()
	for _, a := range ready {
		if a.tell != nil {
			a.tell()
		} else {
			a.done(a.res)
		}
	}
}

func (f *Fleet) later(d time.Duration, do func()) {
	f.clock.After(d, func() {
		f.mu.Lock()
		defer f.unlock()
		do()
	})
}

// on does something to an array by name, under the lock.
func (f *Fleet) on(verb, name string, do func(*device)) error {
	f.mu.Lock()
	defer f.unlock()
	d := f.arrays[name]
	if d == nil {
		return fmt.Errorf("%s array %q: there is no such array", verb, name)
	}
	do(d)
	return nil
}

// PowerLoss cuts the power of an array. Its cache keeps what was acknowledged;
// operations in flight are never answered, and until PowerOn all others fail
// with EIO.
func (f *Fleet) PowerLoss(name string) error {
	return f.on("cut power of", name, func(d *device) {
		if !d.on {
			return
		}
		d.losses++
		f.event(d, bug.EventPowerLoss)
		d.powerDown(f.clock.Now())
		d.breakOff("its power was lost")
		d.loseCache(lostAtPowerLoss)
	})
}

// PowerOn gives the power back, and with it all controllers that had crashed. A
// bug of the control plane may prevent it: then it takes another try.
func (f *Fleet) PowerOn(name string) error {
	return f.on("power on", name, func(d *device) {
		if d.on {
			return
		}
		f.unless(d, bug.PowerOn, func() {
			if d.on {
				return
			}
			d.powerUp(f.clock.Now())
			d.cycles++
			f.reboot(d)
			f.event(d, bug.EventPowerCycle)
		})
	})
}

// Destage makes an array write its cache to the media, lies included.
func (f *Fleet) Destage(name string) error {
	return f.on("destage", name, func(d *device) {
		for _, v := range d.volumes {
			v.destage(len(v.lies))
		}
	})
}

// Event tells the triggers that something happened to an array: "scrub",
// "rebuild", "snapshot", or any other name that a bug waits for.
func (f *Fleet) Event(name, event string) error {
	return f.on("tell", name, func(d *device) { f.event(d, event) })
}

// OS is the version tag of an array, that of the controller which serves, or "" if
// there is none of that name.
func (f *Fleet) OS(name string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := f.arrays[name]; d != nil {
		return d.cfg.OS
	}
	return ""
}
