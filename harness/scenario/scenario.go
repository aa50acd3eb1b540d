// Package scenario reads and writes scenario files: the script of one rehearsal.
//
// It owns the shape of a scenario, its defaults, the limits on a file, every
// message about what is wrong in one, and the JSON Schema that editors use. It
// assumes that a scenario is judged on its own: whether a world can do what is
// asked is the world's business. It never imports a world, the mail store or
// the oracle.
package scenario

import (
	"time"

	"fourdays/storage/bug"
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
	Raft        Raft
	// Watchdog is how long a node waits for its storage before it says so.
	Watchdog time.Duration
	Network  Network
	// Unsafe are the deliberate defects of a negative control, see UnsafeNames.
	Unsafe []string
	// Bugs are defined in the file itself, beside those of the catalogue.
	Bugs []bug.Bug
	// Timeline is in the order of At; steps of one moment keep the file's order.
	Timeline []Step
	// Duration is the scripted time; nothing in Timeline lies past it.
	Duration time.Duration
	// Settle is what is added at the end, without faults or load, before the audit.
	Settle  time.Duration
	Expect  Expect
	Numbers []Number
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
