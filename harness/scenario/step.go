package scenario

import (
	"slices"
	"time"
)

// Step is one line of the timeline: at a moment, one action. A step with only a
// Note has no action.
type Step struct {
	At     time.Duration
	Note   string // shown in the report
	Action Action // nil for a bare note

	where map[string]place // of its keys in the file, and of itself under ""
}

// place is where something stands in a file, from 1; 0 is not known.
type place struct{ line, column int }

// Action is what a step does: one of the types below.
type Action interface {
	// Verb is the action's key in the file.
	Verb() string
	// print renders the action's keys as they stand in a flow mapping.
	print() string
}

// Arm puts a bug of the catalogue, or of the file, on a part of the storage.
type Arm struct {
	Bug string
	On  Scope
	As  string // what Disarm and Fix call it; the bug's ID when the file does not say
	// ReachedAt puts every counter that the bug waits for there instead, and
	// Chance every chance that it takes; 0 is as the bug says.
	ReachedAt int64
	Chance    float64
}

// Scope chooses volumes. Each field is a glob, empty for any; all must match.
type Scope struct {
	OS, Array, Volume, Node, Store string
}

// Disarm takes a bug away at once, with what it still hides.
type Disarm struct{ Name string }

// Fix is the vendor's fix of a bug: what the bug blocks goes on.
type Fix struct{ Name string }

// PowerLoss cuts the power of arrays and nodes.
type PowerLoss struct{ Targets []string }

// PowerOn brings power back to arrays and nodes.
type PowerOn struct{ Targets []string }

// Kill ends node programs, as kill -9 does.
type Kill struct{ Nodes []string }

// Start starts node programs that were killed.
type Start struct{ Nodes []string }

// Stop ends servers gracefully, by the hook of an external target.
type Stop struct{ Nodes []string }

// Restart ends node programs and starts them again at once.
type Restart struct{ Nodes []string }

// Failover makes arrays change their controller.
type Failover struct{ Arrays []string }

// Upgrade gives arrays another OS, newer or older.
type Upgrade struct {
	To []Upgraded // in the file's order
	// How is "" for all controllers at one moment that nobody feels, AtOnce or
	// Rolling.
	How    string
	Takes  time.Duration // that a controller is away; with How
	Step   time.Duration // from one controller to the next; of Rolling
	OneWay bool          // what the OS writes no older one can read
}

// The ways of Upgrade.
const (
	AtOnce  = "at_once" // the array stops, and starts with the new OS
	Rolling = "rolling" // one controller after the other, while another serves
)

// How long an upgrade takes, if a file does not say. Both are picked.
const (
	upgradeTakes = 5 * time.Minute
	upgradeStep  = 10 * time.Minute
)

// Upgraded is one array and its new OS.
type Upgraded struct{ Array, OS string }

// Tell has something happen to arrays that bugs may wait for, by its name.
type Tell struct {
	Event string
	On    []string
}

// Scrub has arrays check every block against the checksum they stored with it,
// and nodes every record against its digest.
type Scrub struct{ Arrays, Nodes []string }

// Crash takes the active controllers of arrays away for a time.
type Crash struct {
	Arrays []string
	For    time.Duration
}

// Copy makes the arrays keep copies of volumes: whole at first, and later of
// one name what has changed.
type Copy struct {
	Name string
	Of   []string // nodes
}

// Restore makes the volumes of nodes that are down what a copy held.
type Restore struct {
	Copy string
	To   []string // nodes
}

// Promote makes the mirrors of arrays at the other site the ones that serve.
type Promote struct{ Arrays []string }

// Partition cuts every link between nodes of different groups.
type Partition struct{ Groups [][]string }

// Heal brings every link back to what Network says.
type Heal struct{}

// Link changes one link.
type Link struct {
	Between [2]string
	Latency time.Duration
	Loss    Percent
}

// Inbound is how mail from outside is answered from now on. On is the array that
// a Spool lies on, "" for the other policies.
type Inbound struct{ Policy, On string }

// The policies of Inbound.
const (
	Open        = "open"        // as the store answers
	TempFail    = "tempfail"    // 4yz to every recipient
	Refuse      = "refuse"      // 5yz to every recipient
	Unreachable = "unreachable" // no connection
	Spool       = "spool"       // accepted by the provider's exchangers, kept, and passed on
	Lose        = "lose"        // accepted by them and thrown away: a negative control
)

// Policies are the policies of Inbound, in the order that messages list them.
func Policies() []string { return []string{Open, TempFail, Refuse, Unreachable, Spool, Lose} }

// SpoolVolume is the volume of the spool on an array.
func SpoolVolume(array string) string { return array + "-spool" }

// Spools are the arrays that a spool lies on, in the order in which steps name
// them. Each has one volume, from the beginning on.
func (s *Scenario) Spools() (arrays []string) {
	for _, step := range s.steps() {
		a, ok := step.Action.(Inbound)
		if ok && a.Policy == Spool && !slices.Contains(arrays, a.On) {
			arrays = append(arrays, a.On)
		}
	}
	return arrays
}

// CloseAccounts makes accounts "not yet available".
type CloseAccounts struct{ Share Percent } // of all accounts

// Reopen makes closed accounts available again. Either Share of all accounts
// opens at once, or To is reached in Steps equal cohorts spread evenly: the
// first at the step's moment, the last Over later. A Reopen that follows a
// Verify waits for its pass.
type Reopen struct {
	Share Percent
	To    Percent
	Over  time.Duration
	Steps int
}

// Verify audits every mailbox on every replica.
type Verify struct{}

// Leap freezes the programs and moves the clocks to Until. The population of
// senders goes on.
type Leap struct{ Until time.Duration }

// Verb names the action in the file.
func (Arm) Verb() string { return "arm" }

// Verb names the action in the file.
func (Disarm) Verb() string { return "disarm" }

// Verb names the action in the file.
func (Fix) Verb() string { return "fix" }

// Verb names the action in the file.
func (PowerLoss) Verb() string { return "power_loss" }

// Verb names the action in the file.
func (PowerOn) Verb() string { return "power_on" }

// Verb names the action in the file.
func (Kill) Verb() string { return "kill" }

// Verb names the action in the file.
func (Start) Verb() string { return "start" }

// Verb names the action in the file.
func (Stop) Verb() string { return "stop" }

// Verb names the action in the file.
func (Restart) Verb() string { return "restart" }

// Verb names the action in the file.
func (Failover) Verb() string { return "failover" }

// Verb names the action in the file.
func (Upgrade) Verb() string { return "upgrade" }

// Verb names the action in the file.
func (Tell) Verb() string { return "tell" }

// Verb names the action in the file.
func (Scrub) Verb() string { return "scrub" }

// Verb names the action in the file.
func (Crash) Verb() string { return "crash" }

// Verb names the action in the file.
func (Copy) Verb() string { return "copy" }

// Verb names the action in the file.
func (Restore) Verb() string { return "restore" }

// Verb names the action in the file.
func (Promote) Verb() string { return "promote" }

// Verb names the action in the file.
func (Partition) Verb() string { return "partition" }

// Verb names the action in the file.
func (Heal) Verb() string { return "heal" }

// Verb names the action in the file.
func (Link) Verb() string { return "link" }

// Verb names the action in the file.
func (Inbound) Verb() string { return "inbound" }

// Verb names the action in the file.
func (CloseAccounts) Verb() string { return "close_accounts" }

// Verb names the action in the file.
func (Reopen) Verb() string { return "reopen" }

// Verb names the action in the file.
func (Verify) Verb() string { return "verify" }

// Verb names the action in the file.
func (Leap) Verb() string { return "leap" }
