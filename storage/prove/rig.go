package prove

import (
	"fmt"
	"time"

	"fourdays/storage/array"
	"fourdays/storage/bug"
)

// The sides of a rig.
const (
	sick  = iota // has the bug
	well         // has none, and is asked the same
	sides        // how many
)

// The time that the arrays of a rig take, picked so that slowness shows.
const (
	service   = time.Millisecond
	bandwidth = 100 << 20
	takeover  = 5 * time.Second
)

// seat is one volume of a rig: what it is called on both sides, and where.
type seat struct {
	volume, array, store, os string
	inside                   bool // in the bug's population
}

// host is one volume, on both sides.
type host struct {
	seat
	sides   [sides]side
	version uint32 // of the last block written
	turn    int    // of the files to provoke with
	made    int    // names
	crowd   int    // names in one directory
	hung    bool   // an operation was not answered
}

type side struct {
	v       *array.Volume
	ledger  *ledger
	copied  *ledger // as of the last copy
	hangs   int     // operations in a row that were not answered
	refused int     // files in a row that could not be read
	counted array.Counters
	scratch []byte // for reads
}

// rig is the arrays of one proof and the bug armed on one side of them.
type rig struct {
	bug    bug.Bug
	clock  *clock
	fleets [sides]*array.Fleet
	hosts  []*host
	stage  *Stage
	stages []*Stage
	twin   []string // what the healthy side noticed
	round  int      // of work
	apart  []string // how the sick side differed from its twin, noticed or not: the first of each kind
	quiet  bool     // nothing that the bug may wait for is to happen by a scan
	worse  bool     // a power cycle that the trigger waits for made it worse
}

// newRig makes the arrays, empty and healthy.
func newRig(b bug.Bug, seed uint64, seats []seat, tune func(array string, c *array.ArrayConfig)) (*rig, error) {
	r := &rig{bug: b, clock: &clock{}}
	cfg := array.Config{Arrays: map[string]array.ArrayConfig{}, Volumes: map[string]array.VolumeConfig{}}
	for _, s := range seats {
		c := array.ArrayConfig{OS: s.os, Service: service, Bandwidth: bandwidth, Takeover: takeover}
		tune(s.array, &c)
		cfg.Arrays[s.array] = c
		cfg.Volumes[s.volume] = array.VolumeConfig{Array: s.array, Store: s.store}
	}
	for i := range r.fleets {
		f, err := array.New(r.clock, seed, cfg)
		if err != nil {
			return nil, fmt.Errorf("prove %s: %w", b.ID, err)
		}
		r.fleets[i] = f
	}
	for _, s := range seats {
		h := &host{seat: s}
		for i := range h.sides {
			h.sides[i] = side{v: r.fleets[i].Volume(s.volume), ledger: newLedger()}
		}
		r.hosts = append(r.hosts, h)
	}
	return r, nil
}

// both does something to both fleets.
func (r *rig) both(do func(*array.Fleet) error) error {
	for _, f := range r.fleets {
		if err := do(f); err != nil {
			return fmt.Errorf("prove %s: %w", r.bug.ID, err)
		}
	}
	return nil
}

// arrays are those of the hosts, each once.
func arrays(hosts []*host) []string {
	var all []string
	seen := map[string]bool{}
	for _, h := range hosts {
		if !seen[h.array] {
			seen[h.array] = true
			all = append(all, h.array)
		}
	}
	return all
}

func (r *rig) fired() int {
	n := 0
	for _, rec := range r.fleets[sick].Receipts() {
		n += rec.Fired
	}
	return n
}
