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
	"slices"
	"time"
)

// Bug is one bug of one product, as data.
type Bug struct {
	ID          string
	Title       string
	Class       Class
	Operator    Operator
	Evidence    Evidence
	Trigger     Trigger
	Effect      Effect
	Plane       Plane
	Scope       Scope
	Persistence Persistence
	RetryOK     float64       // of Transient: the chance that the next try at the same place is right; 0 is 1
	Returns     time.Duration // of UntilReboot: how long after the reboot it is back; 0 is never
	Shows       Shows
}

// Class is what kind of trouble a bug is, for those who look for one.
type Class string

// The classes.
const (
	ClassLimit        Class = "hidden-limit" // a counter or level nobody was told of
	ClassCrash        Class = "crash-loss"   // power loss, flush and crash
	ClassCorruption   Class = "corruption"   // wrong data, mostly silent
	ClassAvailability Class = "availability" // slow, hung, failed over, out of reach
)

// Operator is what the people on duty would know, in plain words.
type Operator struct {
	Sees    string // what it looks like from outside
	Clears  string // what ends it
	Worsens string // what makes it worse
}

// Evidence says where a bug is known from. Sourced and Picked name the keys
// whose values are from there and those that we chose.
type Evidence struct {
	Label      Label
	Confidence Confidence
	Product    string // what had it, and when
	URL        string
	Note       string
	Sourced    []string
	Picked     []string
}

// Label says how a bug is known.
type Label string

// The labels: read in a public page, taken from notes that quote it,
// remembered without a source, or made up as a plain fault.
const (
	Read       Label = "read"
	Notes      Label = "notes"
	Remembered Label = "remembered"
	Generic    Label = "generic"
)

// Confidence says how sure we are that it was so; empty for what is generic.
type Confidence string

// The confidences.
const (
	High   Confidence = "high"
	Medium Confidence = "medium"
	Low    Confidence = "low"
)

// Plane says what part of the storage a bug is in.
type Plane string

// The planes.
const (
	Data    Plane = "data"    // what is stored and how it is served
	Control Plane = "control" // who serves it: takeover, power
	Derived Plane = "derived" // copies: snapshots, backups, clones
	Link    Plane = "link"    // the mirror at the other site
	Report  Plane = "report"  // what the array says about itself
)

// Shows says how a bug is seen from outside: what package prove shows on a bare
// array before anyone is judged by it.
type Shows struct {
	To         []Observer // who notices by the time that all of it has happened; none is nobody
	Reboot     Reboot     // what a power cycle of the array does about it
	Correlated Correlation
}

// Silent reports whether no answer of the array tells of the bug.
func (s Shows) Silent() bool { return !slices.Contains(s.To, Caller) }

// Observer is somebody who may notice a bug.
type Observer string

// The observers, from the nearest to the farthest.
const (
	Caller   Observer = "caller"   // gets an error, no answer, or one that is late or says something false about the room
	Scrub    Observer = "scrub"    // the array's own: each block against the checksum stored with it
	Checksum Observer = "checksum" // the application's, stored in the block that it covers
	User     Observer = "user"     // knows what should be there, and in which version
)

// Reboot is what a power cycle of the array does about a bug.
type Reboot string

// The effects of a reboot.
const (
	Clears  Reboot = "clears"
	Stays   Reboot = "stays"
	Worsens Reboot = "worsens"
	Comes   Reboot = "returns" // clears, and comes back by itself
)

// Correlation is what is hit together.
type Correlation string

// The correlations.
const (
	Independent Correlation = "none"    // one volume at a time
	SameOS      Correlation = "os"      // everything with the same firmware or OS, each when its own trigger comes
	WholeSystem Correlation = "system"  // everything in scope at once
	SameAddress Correlation = "address" // the same logical address on every replica
	CopiesOnly  Correlation = "copies"  // snapshots and backups, not what they are of
)

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

// The extents. The first five are places: each that fires is hit by itself.
const (
	ExtentSector     Extent = "sector"     // 512 bytes of a file
	ExtentBlock      Extent = "block"      // 4 KiB
	ExtentChunk      Extent = "chunk"      // 64 KiB
	ExtentFile       Extent = "file"       // the file that fired it
	ExtentDirectory  Extent = "directory"  // the directory, and what is right in it
	ExtentVolume     Extent = "volume"     // each volume for itself
	ExtentDevice     Extent = "device"     // each drive of an array; what the RAID level tolerates is not felt
	ExtentController Extent = "controller" // each array, while the controller that fired it is active
	ExtentArray      Extent = "array"      // each array for itself
	ExtentSystem     Extent = "system"     // everything in scope at once
)

// Place reports whether an extent is a part of a volume.
func (e Extent) Place() bool {
	return e == ExtentSector || e == ExtentBlock || e == ExtentChunk || e == ExtentFile || e == ExtentDirectory
}

// Scope is where a bug is: how far it reaches, who has it, and which files of
// those it touches.
type Scope struct {
	Extent     Extent
	Population Population
	Path       string // glob; all files if empty
}

// Population says who has a bug; empty fields do not restrict.
type Population struct {
	OS          string // glob or comparison: "acme/*", "acme/<1.2", "<NA05"
	Array       string // glob
	Volume      string // glob; a replica is known by its volume
	Store       string // glob
	Controller  *int   // only while this one is active
	SameAddress bool   // a place that fires is hit on every volume in scope
}

// Empty reports whether everybody is in the population.
func (p Population) Empty() bool { return p == Population{} }
