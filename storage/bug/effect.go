package bug

import (
	"syscall"
	"time"

	"fourdays/storage/vol"
)

// Effect is what a bug does: to operations by the first fields, or to the whole
// volume by Action. With an action, Ops and Reply say how the operation that
// fires it is answered.
type Effect struct {
	Ops     []vol.Kind
	Acts    []Act // instead of Ops in planes other than data
	Reply   Reply
	Data    Change
	Persist Persist
	Delay   Delay
	Slow    Slow
	LostAt  []string // when what a flush lied about is gone

	Action Action
	To     time.Duration // of a rollback: how far before it fires; 0 is the time of arming
	Part   float64       // share of the entries dropped, hidden or back
	Bytes  Span          // of zero: how much, at a random address; 0 is everything
	Size   int64         // of resize: what is left, in bytes
	For    Delay         // of crash: how long the controller is away
}

// Act is something that is asked of an array, or that it does by itself, beside
// serving a volume.
type Act string

// The acts, each of one plane.
const (
	Takeover Act = "takeover" // control: the next controller takes over
	PowerOn  Act = "power_on" // control: the array starts
	Copy     Act = "copy"     // derived: a block goes into a copy
	Restore  Act = "restore"  // derived: a copy is read back
	Mirror   Act = "mirror"   // link: a block goes to the other site
	Space    Act = "space"    // report: how much room there is
	Alarm    Act = "alarm"    // report: the array says that something is wrong
)

// Plane is where an act belongs.
func (a Act) Plane() Plane {
	switch a {
	case Takeover, PowerOn:
		return Control
	case Copy, Restore:
		return Derived
	case Mirror:
		return Link
	}
	return Report
}

// Slow multiplies the time that an operation takes by something between Min and
// Max; 0 is not at all.
type Slow struct{ Min, Max float64 }

// Span is a number of bytes between Min and Max.
type Span struct{ Min, Max int64 }

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
	Behind    Durability = "behind"    // over what was written just before
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
	HideEntries Action = "hide_entries" // unlisted, and opened by name all the same
	Resurrect   Action = "resurrect"    // what was deleted is back
	Alias       Action = "alias"        // two blocks become one
	Resize      Action = "resize"
	Crash       Action = "crash" // of the active controller
)

// Lasting reports whether an action stays on, as against happening once.
func (a Action) Lasting() bool {
	return a == Offline || a == ReadOnly || a == HideEntries
}
