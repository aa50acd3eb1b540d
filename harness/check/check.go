// Package check is the oracle: it judges what was promised to the users of a
// mail store against what is still there.
//
// It owns the invariants of mail (research: RFC 5321, 9051, 2033), one check
// each with its own name and a verdict of three values, and the count of what
// became of the mail. It assumes a history in the order of answers, times on
// one clock, and that the messages are those of package letter, each key given
// to a store at most once per recipient and attempt. Exact rules, with what is
// deliberately forgiven, are in DESIGN.md beside this file.
//
// It is linear in operations plus messages shown, holds no operation it was
// given, and never imports a world, a clock, or the mail store.
package check

import "fourdays/harness/hist"

// Verdict is what a check says. Unknown means that nothing was there to judge
// by; it never means that all is well.
type Verdict string

// The verdicts.
const (
	Pass    Verdict = "pass"
	Fail    Verdict = "fail"
	Unknown Verdict = "unknown"
)

// Input is what the history does not say.
type Input struct {
	// Faults are the receipts of the faults that the scenario planned, and
	// FaultsPlanned how many there should be: a fault without a receipt did not
	// happen.
	Faults        []FaultReceipt
	FaultsPlanned int
	// Replicas says who may be believed in the end. When it is empty, every
	// node that answered an audit is taken to serve.
	Replicas []ReplicaState
	// Outside says that the store shows no replicas: all that is known of it in the
	// end is what was read through IMAP.
	Outside bool
	// Domains are the mail domains that the store serves; empty means all.
	Domains []string
	// Queued are the messages that senders still hold at the end, and
	// QueueKnown that the list is complete. Without it a message that was
	// neither delivered nor bounced cannot be judged.
	Queued     []Recipient
	QueueKnown bool
	// Spool is what the provider's own exchangers had accepted and not passed on,
	// as a look at its volumes found it at the end; what is not listed is not
	// there. SpoolKnown says that somebody looked.
	Spool      []Spooled
	SpoolKnown bool
	// LateUS is the delay from which a delivery counts as late; 0 means an hour
	// (picked).
	LateUS int64
	// End is told by Verdicts, once of each acknowledged message, what became of
	// it. It may be nil.
	End func(of Recipient, became Ending)
}

// Ending is what became of an acknowledged message.
type Ending string

// The endings; Mail counts them under these names.
const (
	Present Ending = "present"
	Removed Ending = "removed"
	Unread  Ending = "unread"
	Lost    Ending = "lost"
	Held    Ending = "held" // still in the provider's spool
)

// FaultReceipt is the harness's own evidence that a planned fault happened.
// Times are microseconds since the start of the run.
type FaultReceipt struct {
	Bug         string
	Scope       string
	PlannedAtUS int64
	Fired       int // how often
	FirstAtUS   int64
	LastAtUS    int64
	Reverted    bool
	RevertedUS  int64
	MustRevert  bool // the plan takes it back within the run
}

// ReplicaState is the state of one replica at the end of a run.
type ReplicaState struct {
	Node      string
	Fenced    bool
	Reason    string // why it is fenced
	Reachable bool
}

// Recipient is one message for one account.
type Recipient struct {
	Account string
	Message string
}

// Report is the judgement of a history.
type Report struct {
	Checks []Check `json:"checks"`
	Mail   Mail    `json:"mail"`
	// Classes are the losses by class, in the order message, flag, mailbox.
	Classes []Class `json:"classes"`
	// Accounts is the number of accounts that the history names.
	Accounts int `json:"accounts"`
}

// Check is one invariant and what became of it.
type Check struct {
	Name       string     `json:"name"`  // D1, I4, ...
	Title      string     `json:"title"` // the invariant in one line
	Source     string     `json:"source"`
	Verdict    Verdict    `json:"verdict"`
	Why        string     `json:"why"`
	Operations int        `json:"operations"` // how many facts were judged
	Violations int        `json:"violations"`
	First      *hist.Op   `json:"first,omitempty"`    // the first violating operation
	Evidence   []*hist.Op `json:"evidence,omitempty"` // the history of its message
}

// Mail is what became of the mail. A message is counted once per recipient.
// Acknowledged = Present + Lost + Removed + Unread + Held.
type Mail struct {
	Acknowledged int `json:"acknowledged"`
	Present      int `json:"present"`
	Lost         int `json:"lost"`
	Removed      int `json:"removed"` // by its owner, or possibly by its owner
	Unread       int `json:"unread"`  // nobody looked afterwards
	Altered      int `json:"altered"`
	Duplicated   int `json:"duplicated"` // copies beyond the one that was meant
	Resurrected  int `json:"resurrected"`
	Misfiled     int `json:"misfiled"`
	Delayed      int `json:"delayed"`
	Bounced      int `json:"bounced"`
	Ambiguous    int `json:"ambiguous"`
	Spooled      int `json:"spooled"` // accepted by the provider's exchangers, whatever came later
	Held         int `json:"held"`    // of those, still in their spool
}

// Class is the loss of one class of promises: "message", "flag" or "mailbox".
type Class struct {
	Name         string `json:"name"`
	Acknowledged int    `json:"acknowledged"`
	Lost         int    `json:"lost"`
	Unread       int    `json:"unread"` // never looked at afterwards
	// OldestLostUS is when the oldest lost promise was given, if Lost > 0.
	OldestLostUS int64 `json:"oldest_lost_us,omitempty"`
}
