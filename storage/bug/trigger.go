package bug

import (
	"slices"
	"time"

	"fourdays/storage/vol"
)

// Trigger is a leaf, or a combination of triggers: exactly one field is set.
type Trigger struct {
	Count   *Count
	Level   *Level
	Event   string
	Match   *Match
	Overlap *Overlap
	Chance  *Chance
	Time    *Time
	All     []Trigger
	Any     []Trigger
	Arm     *Trigger // and then Fire
	Fire    *Trigger
}

// Count fires when a hidden counter reaches At, and again every Every.
type Count struct {
	Clock Counter
	At    int64
	Every int64
}

// Counter names a hidden counter.
type Counter string

// The counters.
const (
	Ops          Counter = "ops"
	Writes       Counter = "writes"
	Flushes      Counter = "flushes"
	Files        Counter = "files"
	Bytes        Counter = "bytes"
	Names        Counter = "names"        // in the directory of the operation
	PowerLosses  Counter = "power_losses" // of the array
	PowerCycles  Counter = "power_cycles" // of the array
	Uptime       Counter = "uptime_s"
	PowerOnHours Counter = "power_on_hours"
)

// Counters lists every counter, in the order in which they are told.
func Counters() []Counter { return slices.Clone(counters) }

// Level fires while a gauge, a share of its maximum, is at least Above or at
// most Below; one of them is set.
type Level struct {
	Gauge Gauge
	Above float64
	Below float64
}

// Gauge names a share of something that can be full.
type Gauge string

// The gauges.
const (
	Fill   Gauge = "fill"
	Inodes Gauge = "inodes"
	Dirty  Gauge = "dirty" // of the array's cache, with what was not flushed yet
	Queue  Gauge = "queue" // of the array's queue, with operations in flight
)

// Match fires on an operation of a kind. Zero fields do not restrict.
type Match struct {
	Ops       []vol.Kind
	Path      string        // glob
	Flags     []Flag        // all of them
	Min, Max  int64         // size of a read or write in bytes
	Aligned   int64         // both ends at multiples of so many bytes
	OlderThan time.Duration // the file was last written so long ago
}

// Flag is how an operation is made.
type Flag string

// The flags.
const (
	Direct     Flag = "direct"     // on a file opened with O_DIRECT
	Append     Flag = "append"     // a write that begins at the end of the file
	Sequential Flag = "sequential" // begins where the last one on this open ended
	Create     Flag = "create"     // an open that makes the file
	Overwrite  Flag = "overwrite"  // a write that begins within the file
)

// Chance fires with a probability; Burst more places follow on average, within
// Near bytes of the first.
type Chance struct {
	P     float64
	Per   Hazard
	Burst int64
	Near  int64
}

// Hazard is what a chance is counted per.
type Hazard string

// The hazards.
const (
	PerOp        Hazard = ""           // each operation that the effect concerns, or each event of the trigger around it
	PerByte      Hazard = "byte"       // each byte that such an operation moves
	PerDriveHour Hazard = "drive_hour" // each hour that each drive is on
)

// Overlap fires when the second follows the first within a time, on the same
// file if both are operations. Each is an operation, by its name, or an event.
type Overlap struct {
	First, Second string
	Within        time.Duration
}

// Time fires from At, counted from the start of the run, until Until; forever
// if that is 0.
type Time struct{ At, Until time.Duration }

// The events that arrays report by themselves; others are told to them.
const (
	EventArm           = "arm" // the moment of arming
	EventPowerLoss     = "power_loss"
	EventPowerCycle    = "power_cycle"
	EventFailover      = "failover"
	EventUpgrade       = "upgrade"
	EventFlush         = "flush"
	EventDiscard       = "discard"         // room was given back: an unlink or truncate
	EventNodePowerLoss = "node_power_loss" // as a moment when a lie is lost
	EventEviction      = "eviction"        // likewise: the file was closed, and left the node's cache
)

// At is the bug with every counter of its trigger reached at n instead: how a
// scenario puts a hidden limit where the run will come to it.
func (b Bug) At(n int64) Bug {
	b.Trigger = b.Trigger.at(n)
	return b
}

func (t Trigger) at(n int64) Trigger {
	if t.Count != nil {
		c := *t.Count
		c.At = n
		t.Count = &c
	}
	t.All, t.Any = atEach(t.All, n), atEach(t.Any, n)
	if t.Arm != nil && t.Fire != nil {
		arm, fire := t.Arm.at(n), t.Fire.at(n)
		t.Arm, t.Fire = &arm, &fire
	}
	return t
}

func atEach(ts []Trigger, n int64) []Trigger {
	if ts == nil {
		return nil
	}
	out := make([]Trigger, len(ts))
	for i, t := range ts {
		out[i] = t.at(n)
	}
	return out
}

// Sure is the bug with every chance of its trigger at p: how a proof makes a
// rare bug come in minutes.
func (b Bug) Sure(p float64) Bug {
	b.Trigger = b.Trigger.sure(p)
	return b
}

func (t Trigger) sure(p float64) Trigger {
	if t.Chance != nil {
		c := *t.Chance
		c.P, c.Per = p, PerOp
		t.Chance = &c
	}
	t.All, t.Any = sureEach(t.All, p), sureEach(t.Any, p)
	if t.Arm != nil && t.Fire != nil {
		arm, fire := t.Arm.sure(p), t.Fire.sure(p)
		t.Arm, t.Fire = &arm, &fire
	}
	return t
}

func sureEach(ts []Trigger, p float64) []Trigger {
	out := slices.Clone(ts)
	for i := range out {
		out[i] = out[i].sure(p)
	}
	return out
}
