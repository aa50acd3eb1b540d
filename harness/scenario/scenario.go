// Package scenario reads and writes scenario files: the script of one rehearsal.
//
// It owns the shape of a scenario, its defaults, the limits on a file, every
// message about what is wrong in one, and the JSON Schema that editors use. It
// assumes that a scenario is judged on its own: whether a world can do what is
// asked is the world's business. It never imports a world, the mail store or
// the oracle.
package scenario

import (
	"cmp"
	"slices"
	"time"

	"fourdays/storage/bug"
	"fourdays/storage/catalog"
)

// Scenario is one parsed file. Every default is filled in.
type Scenario struct {
	Name        string
	Title       string
	Description string
	Seed        uint64
	Storage     Storage
	Mail        Mail
	Workload    Workload
	// External is the mail server that is tested, nil for our own store.
	External *External
	Raft     Raft
	// Watchdog is how long a node waits for its storage before it says so.
	Watchdog time.Duration
	Network  Network
	// Unsafe are the deliberate defects of a negative control, see UnsafeNames.
	Unsafe []string
	// Proves is the ID of the bug whose proof pair this is, "" if it is none:
	// with the bug armed what is expected comes out, and without it nothing does.
	Proves string
	// Bugs are defined in the file itself, beside those of the catalogue.
	Bugs []bug.Bug
	// Others are bugs from outside the file, beside those of the catalogue; they
	// are not printed.
	Others []bug.Bug
	// Background is the faults that the arrays have anyway; nil for none.
	Background *Background
	// Timeline is in the order of At; steps of one moment keep the file's order.
	Timeline []Step
	// Playbook is what the operator does, one step after the other, from the start
	// of the script.
	Playbook []Play
	// Stop ends the run at once when one of them holds.
	Stop []Halt
	// Duration is the scripted time; nothing in Timeline lies past it.
	Duration time.Duration
	// Settle is what is added at the end, without faults or load, before the audit.
	Settle  time.Duration
	Expect  Expect
	Numbers []Number
	// Variant is which variant of its file it is. It prints as the whole scenario
	// that it is.
	Variant Variant
}

// Storage is the hardware: arrays, and which replica lives on which.
type Storage struct {
	Arrays []Array // in the file's order
	Stores []Store // in the file's order
	// Profile is Ordered or Strict.
	Profile string
	// Promise says that every node has a small device beside its volume that
	// remembers what it promised.
	Promise bool
	// Direct says that the nodes' file systems are mounted so that every file is
	// opened with O_DIRECT.
	Direct bool
}

// What an array promises about directory entries.
const (
	Ordered = "ordered" // an fsynced file keeps its name
	Strict  = "strict"  // a name is durable only after fsync of its directory
)

// Array is one storage array.
type Array struct {
	Name        string
	OS          string // "vendor/version"
	Controllers int
	Service     time.Duration // of one operation
	Bandwidth   Bytes         // per second and controller
	Capacity    Bytes

	// What follows is 0 where the file does not say, and then not modelled.

	PowerOn   time.Duration // powered before the scenario's zero
	Age       time.Duration // how long ago what is there before a bug is armed was written
	Drives    int           // of its RAID group
	Tolerance int           // of them that may fail at one time unfelt
	Rebuild   time.Duration // onto a spare
	Skew      time.Duration // the oldest drive was in service so much longer than the youngest
	Cache     Bytes         // for what is not on the media yet
	Queue     int           // operations that it takes at one time
	Inodes    int           // files and directories that it holds
	Mirrored  bool          // another site keeps a copy of every volume
	Counters  []Counter     // in the order of CounterNames
}

// Counter is what a hidden counter of an array begins with.
type Counter struct {
	Of    bug.Counter
	Value int64
}

// CounterNames are the counters that a file can give a start, in the order they
// print.
func CounterNames() []string {
	return []string{"ops", "writes", "flushes", "files", "bytes", "power_losses", "power_cycles"}
}

// Store is one replica group.
type Store struct {
	Name     string
	Replicas []Replica // in the file's order
}

// Replica is one node and the array that its volume lives on.
type Replica struct {
	Node  string // "n1" to "n99"
	Array string
}

// Mail is the mail system before anything goes wrong.
type Mail struct {
	Domains   []string
	Mailboxes int // how many accounts are simulated
	Archive   int // messages in each before the run
	// Population is what the sample stands for; it equals Mailboxes when the
	// file does not say.
	Population int
}

// Workload is what people and senders do. Rates are those of the sample.
type Workload struct {
	Deliver Rate
	Read    Rate
	Change  Rate // flags, copies, moves, expunges
	Senders string
	From    time.Duration
	Until   time.Duration // the scenario's Duration when the file does not say
	MaxSize Bytes         // of one message
	// Clients is how many mail programs each mailbox has that come back by
	// themselves after an outage, NewClients which share of them then fetches
	// everything, for their owners have set them up anew.
	Clients    int
	NewClients Percent
}

// Raft is how the replicas' consensus is tuned.
type Raft struct {
	Timeout time.Duration // heartbeat and election
}

// Network is what every link does unless a step changes it.
type Network struct {
	Latency time.Duration
	Jitter  time.Duration
	Loss    Percent
}

// Number says where a figure of the scenario comes from.
type Number struct {
	Name   string
	Value  string
	Source string // an address, or "picked"
}

// Picked marks a number that nobody published: it is ours.
const Picked = "picked"

// Nodes lists the nodes of all stores in the file's order.
func (s *Scenario) Nodes() []string {
	var names []string
	for _, store := range s.Storage.Stores {
		for _, r := range store.Replicas {
			names = append(names, r.Node)
		}
	}
	return names
}

// Array returns the array of that name, or nil.
func (s *Scenario) Array(name string) *Array {
	for i := range s.Storage.Arrays {
		if s.Storage.Arrays[i].Name == name {
			return &s.Storage.Arrays[i]
		}
	}
	return nil
}

// Bug returns the definition of a bug that the scenario can arm: its own, or
// else one of Others, or else the shipped one.
func (s *Scenario) Bug(id string) (bug.Bug, bool) {
	for _, b := range slices.Concat(s.Bugs, s.Others) {
		if b.ID == id {
			return b, true
		}
	}
	return catalog.Get(id)
}

// Used are the definitions of what the scenario arms and does not define
// itself, in the order of their IDs.
func (s *Scenario) Used() (used []bug.Bug) {
	for _, step := range s.Timeline {
		arm, ok := step.Action.(Arm)
		is := func(b bug.Bug) bool { return b.ID == arm.Bug }
		if !ok || slices.ContainsFunc(s.Bugs, is) || slices.ContainsFunc(used, is) {
			continue
		}
		if b, known := s.Bug(arm.Bug); known {
			used = append(used, b)
		}
	}
	slices.SortFunc(used, func(a, b bug.Bug) int { return cmp.Compare(a.ID, b.ID) })
	return used
}

// ArrayOf returns the array that a node's volume lives on, or nil.
func (s *Scenario) ArrayOf(node string) *Array {
	for _, store := range s.Storage.Stores {
		for _, r := range store.Replicas {
			if r.Node == node {
				return s.Array(r.Array)
			}
		}
	}
	return nil
}

// UnsafeNames are the deliberate defects a scenario may ask of the node, as
// negative controls: each must make a check fail.
func UnsafeNames() []string { return []string{"no-sync", "no-digest", "no-fence", "guess"} }
