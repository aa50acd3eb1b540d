package background

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"fourdays/storage/bug"
)

// BlockSize is what a place is: a block of 4 KiB.
const BlockSize = 4096

// stripe is how much of an array's address space lies on one drive before the
// next one's turn comes: 64 KiB, as in package array.
const stripe = 16 // blocks

// Fleet is what faults are drawn for.
type Fleet struct{ Arrays []Array }

// Array is one array: its drives, and the volumes that share their room evenly.
type Array struct {
	Name    string
	Drives  int
	Volumes []string
}

// Fault is one drawn fault: an episode on one drive, or on an array.
type Fault struct {
	Bug    bug.Bug // what it does at each of its places
	Array  string
	Drive  int           // of the first place
	At     time.Duration // of the first place
	Lasts  time.Duration // how long it goes on, if it ends by itself; 0 is for good
	Places []Place       // by time, at least one; the last may lie past the time drawn for
}

// Volume is the volume of the first place, "" for a fault of a whole drive.
func (f *Fault) Volume() string { return f.Places[0].Volume }

// Place is one place of a burst. A fault of a whole drive has no volume.
type Place struct {
	At     time.Duration
	Drive  int
	Volume string
	Offset int64 // into the volume's address space, in bytes
}

// Draw draws the faults that begin from one time to another, by time. The same
// seed gives the same list. Each array, drive and phenomenon has its own random
// stream: what is added to a fleet or to a profile changes nothing that was
// there, and a longer time only adds to the list.
func Draw(p Profile, f Fleet, from, until time.Duration, seed uint64) []Fault {
	d := &drawer{p: &p, from: from, until: until, seed: seed}
	for i := range f.Arrays {
		a := &f.Arrays[i]
		for j := range p.Phenomena {
			ph := &p.Phenomena[j]
			for drive := range a.Drives {
				d.episodes(ph, a, drive, ph.PerDriveYear, a.Name+"/"+strconv.Itoa(drive)+"/"+ph.ID())
			}
			d.episodes(ph, a, -1, ph.PerArrayYear, a.Name+"/"+ph.ID())
		}
	}
	slices.SortStableFunc(d.out, func(x, y Fault) int { return cmp.Compare(x.At, y.At) })
	return d.out
}

type drawer struct {
	p           *Profile
	from, until time.Duration
	seed        uint64
	out         []Fault
}

// episodes draws the episodes of one stream: a Poisson process. Drive -1 is any.
func (d *drawer) episodes(ph *Phenomenon, a *Array, drive int, perYear float64, name string) {
	if perYear <= 0 {
		return
	}
	rng := stream(d.seed, "background/"+name)
	end := float64(d.until) / float64(Year)
	for t := 0.0; ; {
		t += rng.ExpFloat64() / perYear
		if t >= end {
			return
		}
		on := drive
		if on < 0 {
			on = rng.IntN(a.Drives)
		}
		f := d.episode(ph, a, on, time.Duration(t*float64(Year)), rng)
		if f.At >= d.from {
			d.out = append(d.out, f)
		}
	}
}

// episode draws one episode.
func (d *drawer) episode(ph *Phenomenon, a *Array, drive int, at time.Duration, rng *rand.Rand) Fault {
	f := Fault{Bug: ph.Bug, Array: a.Name, Drive: drive, At: at, Lasts: ph.Lasts.draw(rng)}
	if !ph.Damages() {
		f.Places = []Place{{At: at, Drive: drive}}
		return f
	}
	blocks := d.p.blocks()
	block, since := rng.Int64N(blocks), time.Duration(0)
	n := ph.Burst.places(rng)
	f.Places = append(make([]Place, 0, n), a.place(at, drive, block, blocks))
	for ; n > 1; n-- {
		if ph.Burst.Across {
			drive = rng.IntN(a.Drives)
		}
		block, since = ph.Burst.next(rng, block, blocks), ph.Burst.delay(rng, since)
		f.Places = append(f.Places, a.place(at+since, drive, block, blocks))
	}
	slices.SortFunc(f.Places, func(x, y Place) int {
		return cmp.Or(cmp.Compare(x.At, y.At), cmp.Compare(x.Drive, y.Drive), cmp.Compare(x.Volume, y.Volume), cmp.Compare(x.Offset, y.Offset))
	})
	return f
}

// place finds whose data lie in a block of a drive.
func (a *Array) place(at time.Duration, drive int, block, blocks int64) Place {
	drives := int64(a.Drives)
	address := (block/stripe*drives+int64(drive))*stripe + block%stripe
	p := Place{At: at, Drive: drive}
	if n := int64(len(a.Volumes)); n > 0 {
		each := (blocks/stripe + 1) * drives * stripe / n
		i := min(address/each, n-1)
		p.Volume, address = a.Volumes[i], address-i*each
	}
	p.Offset = address * BlockSize
	return p
}
