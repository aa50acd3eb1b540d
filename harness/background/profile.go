// Package background draws the faults that storage has anyway: independent
// ones, at the rates that field studies counted, in bursts where they counted
// bursts.
//
// It owns the profiles with their evidence, the draw, and the odds that faults
// which know nothing of each other meet on a quorum of copies. It assumes that
// somebody else carries the faults out. It imports package bug and a YAML
// reader, and never an array, a scenario or a world.
package background

import (
	"time"

	"fourdays/storage/bug"
)

// Year is the year that rates are counted per: 365 days.
const Year = 365 * day

const day = 24 * time.Hour

// Event is the trigger of what comes true at the places that were drawn for it,
// when they say. What has another trigger is armed at its time and waits: a write
// that is to be lost has to come first.
const Event = "background"

// Profile is what goes wrong with one class of drives by itself.
type Profile struct {
	Name      string
	Title     string
	DriveTB   float64 // capacity of a drive in 10^12 bytes; picked in every profile
	Phenomena []Phenomenon
}

// Phenomenon is one kind of fault: how often it comes, in what bursts, and as a
// bug what one of it does. The bug's id names it, and the bug's evidence speaks
// for the numbers here too: each of their keys is in its Sourced or its Picked.
type Phenomenon struct {
	PerDriveYear float64 // episodes; either this or the next is set
	PerArrayYear float64
	Burst        Burst
	Lasts        Lasts
	Bug          bug.Bug
}

// Burst is how many places an episode hits, where and when. The zero Burst is
// one place.
type Burst struct {
	Pareto float64 // P(at least n places) = n to the power of -Pareto
	Most   float64 // and never more than so many
	Again  float64 // instead: after each place another one with this probability

	AdjacentShare float64 // of the places: the block after the one before
	NearShare     float64 // of the others: within NearMB of the one before
	NearMB        float64 // 10^6 bytes, to either side

	SoonShare   float64 // of the places: at most SoonMinutes after the one before
	SoonMinutes float64
	EpisodeDays float64 // the others: any time within so many days of the first
	Across      bool    // each place is on any drive of the array, not on one
}

// Lasts is how long an episode that ends by itself goes on: the shares of those
// found within an hour, a day, a week, a month and a year. Unknown is the share
// of which nobody told; they are drawn like the others (picked). The zero Lasts
// is for good.
type Lasts struct{ Minutes, Hours, Days, Weeks, Months, Unknown float64 }

// Accelerated is the profile with all rates multiplied. What is in a burst, and
// how long it lasts, stays. An accelerated field is not the field: whoever shows
// a result of it has to say so.
func (p Profile) Accelerated(by float64) Profile {
	out := p
	out.Phenomena = append([]Phenomenon(nil), p.Phenomena...)
	for i := range out.Phenomena {
		out.Phenomena[i].PerDriveYear *= by
		out.Phenomena[i].PerArrayYear *= by
	}
	return out
}

// ID is the name of the phenomenon.
func (ph *Phenomenon) ID() string { return ph.Bug.ID }

// Damages reports whether the fault is about places: some data of a copy are
// wrong or cannot be read.
func (ph *Phenomenon) Damages() bool { return ph.Bug.Scope.Extent != bug.ExtentDevice }

// FailsDrive reports whether the fault takes a whole drive away.
func (ph *Phenomenon) FailsDrive() bool {
	r := ph.Bug.Effect.Reply
	return ph.Bug.Scope.Extent == bug.ExtentDevice && (r.Errno != 0 || r.Never)
}

// Damage is how many places an array of so many drives has damaged in a year, on
// average.
func (p *Profile) Damage(drives int) (places float64) {
	for i := range p.Phenomena {
		if ph := &p.Phenomena[i]; ph.Damages() {
			places += ph.PerYear(drives) * ph.Burst.mean()
		}
	}
	return places
}

// PerYear is how many episodes an array of so many drives has in a year.
func (ph *Phenomenon) PerYear(drives int) float64 {
	return ph.PerDriveYear*float64(drives) + ph.PerArrayYear
}

// blocks is how many blocks a drive has.
func (p *Profile) blocks() int64 { return int64(p.DriveTB * 1e12 / BlockSize) }
