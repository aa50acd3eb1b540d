package scenario

import "time"

// Step is one line of the timeline: at a moment, one action. A step with only a
// Note has no action.
type Step struct {
	At     time.Duration
	Note   string // shown in the report
	Action Action // nil for a bare note
}

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

// Restart ends node programs and starts them again at once.
type Restart struct{ Nodes []string }

// Failover makes arrays change their controller.
type Failover struct{ Arrays []string }

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

// Inbound is how mail from outside is answered from now on.
type Inbound struct{ Policy string }

// The policies of Inbound.
const (
	Open        = "open"        // accepted
	TempFail    = "tempfail"    // 4yz to every recipient
	Refuse      = "refuse"      // 5yz to every recipient
	Unreachable = "unreachable" // no connection
)

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
func (Restart) Verb() string { return "restart" }

// Verb names the action in the file.
func (Failover) Verb() string { return "failover" }

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
