// Package bug is the language in which storage bugs are declared.
//
// It owns what a bug is — trigger × effect × plane × scope × persistence, with
// evidence and with how it shows itself — and its YAML form: Parse says where a
// file is wrong and what would be right, and Print writes what Parse reads back
// to the same value. It assumes nothing about who carries a bug out.
//
// It imports the operations of package vol and a YAML reader, and never an
// array, a world or a mail store.
package bug

import (
	"syscall"
	"time"

	"fourdays/storage/vol"
)

// Bug is one bug of one product, as data.
type Bug struct {
	ID          string
	Title       string
	Evidence    Evidence
	Trigger     Trigger
	Effect      Effect
	Plane       Plane
	Scope       Scope
	Persistence Persistence
	Shows       Shows
}

// Evidence says where a bug is known from. Sourced and Picked name the keys
// whose values are from there and those that we chose.
type Evidence struct {
	Label   Label
	URL     string
	Note    string
	Sourced []string
	Picked  []string
}

// Label says how well a bug is known.
type Label string

// The labels: read in a public page, taken from notes that quote it,
// remembered without a source, or made up as a plain fault.
const (
	Read       Label = "read"
	Notes      Label = "notes"
	Remembered Label = "remembered"
	Generic    Label = "generic"
)

// Plane says what part of the storage a bug is in.
type Plane string

// The planes. The array carries out Data; the others are for what stands
// around it.
const (
	Data    Plane = "data"
	Control Plane = "control"
	Derived Plane = "derived"
	Link    Plane = "link"
	Report  Plane = "report"
)

// Shows says how a bug is seen from outside: what the harness proves before it
// judges anyone by it.
type Shows struct {
	Silent       bool // no reply tells of it
	RebootClears bool // a power cycle of the array ends it
}

// Persistence says for how long a trigger that has fired keeps the effect on.
// What was damaged meanwhile stays damaged.
type Persistence string

// The persistences.
const (
	Once        Persistence = "once"         // for one operation, and never again
	Transient   Persistence = "transient"    // for one operation each time it fires
	UntilReboot Persistence = "until_reboot" // until the array's next power cycle
	UntilFix    Persistence = "until_fix"    // until the vendor's fix
	Permanent   Persistence = "permanent"    // no fix ends it
)

// Extent says how much shares one trigger, and how far its effect reaches.
type Extent string

// The extents.
const (
	ExtentFile       Extent = "file"       // the file that fired it
	ExtentVolume     Extent = "volume"     // each volume for itself
	ExtentController Extent = "controller" // each array, while the controller that fired it is active
	ExtentArray      Extent = "array"      // each array for itself
	ExtentSystem     Extent = "system"     // everything in scope at once
)

// Scope is where a bug is: how far it reaches, who has it, and which files of
// those it touches.
type Scope struct {
	Extent     Extent
	Population Population
	Path       string // glob; all files if empty
}

// Population says who has a bug; empty fields do not restrict.
type Population struct {
	OS         string // glob or comparison: "acme/*", "acme/<1.2", "<NA05"
	Array      string // glob
	Volume     string // glob; a replica is known by its volume
	Store      string // glob
	Controller *int   // only while this one is active
}

// Empty reports whether everybody is in the population.
func (p Population) Empty() bool { return p == Population{} }

// Trigger is a leaf, or a combination of triggers: exactly one field is set.
type Trigger struct {
	Count   *Count
	Level   *Level
	Event   string
	Match   *Match
	Overlap *Overlap
	Chance  float64 // of each operation that the effect concerns
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
	Uptime       Counter = "uptime_s"
	PowerOnHours Counter = "power_on_hours"
)

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
)

// Match fires on an operation of a kind.
type Match struct {
	Ops  []vol.Kind
	Path string // glob
	Min  int64  // smallest size of a read or write in bytes
	Max  int64  // largest, 0 for any
}

// Overlap fires when the second operation follows the first on the same file
// within a time.
type Overlap struct {
	First, Second vol.Kind
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
	EventNodePowerLoss = "node_power_loss" // as a moment when a lie is lost
)

// Effect is what a bug does: to operations by the first fields, or to the whole
// volume by Action.
type Effect struct {
	Ops     []vol.Kind
	Reply   Reply
	Data    Change
	Persist Persist
	Delay   Delay
	LostAt  []string // when what a flush lied about is gone

	Action Action
	To     time.Duration // of a rollback: how far before it fires; 0 is the time of arming
	Part   float64       // share of the entries dropped or hidden
}

// Reply is the answer to an operation: Never is no answer, 0 the ordinary one,
// and anything else an error.
type Reply struct {
	Errno syscall.Errno
	Never bool
}

// Change says what happens to the bytes of a read or write.
type Change struct {
	Kind Corruption
	N    int64 // versions, bits or bytes, after its kind
}

// Corruption names a way to change bytes.
type Corruption string

// The ways to change bytes.
const (
	Same  Corruption = ""
	Zero  Corruption = "zero"  // zeros instead
	Old   Corruption = "old"   // what was synced N versions ago
	Other Corruption = "other" // another file's
	Flip  Corruption = "flip"  // N bits flipped
	Cut   Corruption = "cut"   // ends early, at a multiple of N bytes
)

// Persist says what becomes of a write, or of what a flush promises.
type Persist struct {
	Kind Durability
	Unit int64         // of a partial one
	Late time.Duration // of a late one
}

// Durability names what becomes of a write.
type Durability string

// The durabilities.
const (
	Yes       Durability = ""
	No        Durability = "no"
	Partial   Durability = "partial"   // the first units only
	Elsewhere Durability = "elsewhere" // at another address
	Late      Durability = "late"      // on the media only after a time
)

// Delay is added to an operation: something between Min and Max.
type Delay struct{ Min, Max time.Duration }

// Action is what a bug does to a whole volume.
type Action string

// The actions.
const (
	Rollback    Action = "rollback"
	Offline     Action = "offline"
	ReadOnly    Action = "readonly"
	ZeroAll     Action = "zero"
	Wipe        Action = "wipe"
	DropEntries Action = "drop_entries"
	HideEntries Action = "hide_entries"
)

// Lasting reports whether an action stays on, as against happening once.
func (a Action) Lasting() bool {
	return a == Offline || a == ReadOnly || a == HideEntries
}

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
