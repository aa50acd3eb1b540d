// Package hist is the history of a run: what was asked of the mail store, what
// it answered, and when.
//
// It owns the record of one operation and how a history is written to and read
// from history.jsonl. It assumes that times are counted from the start of the
// run on one clock. It never judges, and imports the standard library only.
package hist

// Kind says what was asked.
type Kind string

// The kinds of operations. All but Deliver, Bounce and Audit are IMAP.
const (
	Deliver Kind = "deliver" // one recipient of one LMTP transaction; Message, Body, Try
	Bounce  Kind = "bounce"  // a sender gave up on Message for Account and told its author
	Append  Kind = "append"  // Message, Body into Mailbox
	Copy    Kind = "copy"    // UIDs from Mailbox to To
	Move    Kind = "move"    // UIDs from Mailbox to To
	Store   Kind = "store"   // change Flags of UIDs by FlagsOp
	Expunge Kind = "expunge" // remove UIDs (UID EXPUNGE after marking them deleted)
	Create  Kind = "create"  // make Mailbox
	Delete  Kind = "delete"  // remove Mailbox
	List    Kind = "list"    // answers Mailboxes
	Status  Kind = "status"  // answers View without Messages
	Read    Kind = "read"    // answers View: EXAMINE and UID FETCH of the whole mailbox
	Search  Kind = "search"  // answers View with UIDs only
	Audit   Kind = "audit"   // answers View: one mailbox as one replica keeps it, through the admin face
	Admin   Kind = "admin"   // an HTTP call on the admin face: Method, Path; answers Reply and Text
)

// Outcome says what the answer promises.
type Outcome string

// OK is a promise. No is a definite refusal: nothing was done. Unknown is
// anything else: no answer, a broken connection, an answer cut short.
const (
	OK      Outcome = "ok"
	No      Outcome = "no"
	Unknown Outcome = "unknown"
)

// Spool is the Node of a delivery that the provider's own mail exchangers
// answered in the store's place, and the By of one with which they pass on what
// they had kept.
const Spool = "spool"

// Operator is the By of what an operator does with users' mail: an Append of his
// puts a message back that the account had, and promises no other one.
const Operator = "operator"

// Op is one operation. The fields above Sent are what was asked, those from
// Sent on what came back. Times are microseconds since the start of the run.
type Op struct {
	N       int64    `json:"n"`  // place in the history, from 1, in the order of answers
	ID      int64    `json:"id"` // the asker's own number, to match answers to questions
	Kind    Kind     `json:"kind"`
	By      string   `json:"by"`             // who asked: a sender, a reader, "archive", "audit"
	Node    string   `json:"node,omitempty"` // which node was asked
	Account string   `json:"account,omitempty"`
	Mailbox string   `json:"mailbox,omitempty"`
	To      string   `json:"to,omitempty"`
	Message string   `json:"message,omitempty"` // the key of a message, see package letter
	Size    int      `json:"size,omitempty"`    // bytes of the message to make
	UIDs    []uint32 `json:"uids,omitempty"`
	// Under is the UIDVALIDITY that UIDs are known under; a client that finds
	// another leaves the mailbox alone (RFC 9051 §2.3.1.1). 0 is not known.
	Under   uint32   `json:"under,omitempty"`
	FlagsOp string   `json:"flags_op,omitempty"` // "+", "-" or "="
	Flags   []string `json:"flags,omitempty"`
	Method  string   `json:"method,omitempty"`
	Path    string   `json:"path,omitempty"`
	Try     int      `json:"try,omitempty"` // the sender's attempt at this message, from 1
	Bodies  bool     `json:"bodies,omitempty"`
	// TimeoutUS is how long the client waits for an answer.
	TimeoutUS int64 `json:"timeout_us,omitempty"`
	// IntendedUS is when the open-loop plan wanted this, whenever it was sent.
	IntendedUS int64 `json:"intended_us"`

	SentUS     int64   `json:"sent_us"`
	AnsweredUS int64   `json:"answered_us"`
	Outcome    Outcome `json:"outcome"`
	Reply      string  `json:"reply,omitempty"`  // the protocol's own words, or the error
	Digest     string  `json:"digest,omitempty"` // SHA-256 (hex) of the message that was sent
	// NewUIDs and UIDValidity are APPENDUID or COPYUID: where things went.
	NewUIDs     []uint32 `json:"new_uids,omitempty"`
	UIDValidity uint32   `json:"uidvalidity,omitempty"`
	Mailboxes   []string `json:"mailboxes,omitempty"`
	View        *View    `json:"view,omitempty"`
	// Text is the body of the answer to Admin. In a question it is the body of
	// an Admin's, and of a Deliver the bytes (in base64) if they are not those of
	// Message and Size.
	Text string `json:"text,omitempty"`
}

// OfUser says that a user wanted an operation of the store, and not the harness, or
// the provider's exchangers.
func (op *Op) OfUser() bool {
	spooled := op.Node == Spool || op.By == Spool
	return !spooled && op.Kind != Bounce && op.Kind != Audit && op.Kind != Admin && op.By != "audit" && op.By != "archive" && op.By != Operator
}

// View is a mailbox as somebody saw it at one moment.
type View struct {
	UIDValidity uint32 `json:"uidvalidity"`
	UIDNext     uint32 `json:"uidnext"`
	Exists      uint32 `json:"exists"`
	ModSeq      uint64 `json:"modseq,omitempty"` // highest; Audit only
	// Messages are in the order of their sequence numbers.
	Messages []Seen `json:"messages,omitempty"`
}

// Seen is one message as somebody saw it.
type Seen struct {
	Seq          uint32   `json:"seq,omitempty"`
	UID          uint32   `json:"uid"`
	Flags        []string `json:"flags,omitempty"`
	InternalDate int64    `json:"internaldate,omitempty"` // Unix seconds
	Size         int64    `json:"size,omitempty"`         // RFC822.SIZE
	Message      string   `json:"message,omitempty"`      // the key found in it, "" when there is none
	Digest       string   `json:"digest,omitempty"`       // SHA-256 (hex) of what was read, when bodies were read
	ModSeq       uint64   `json:"modseq,omitempty"`       // Audit only
	Stored       string   `json:"stored,omitempty"`       // Audit only: the digest kept beside the body
	Damage       string   `json:"damage,omitempty"`       // why the body cannot be given; Read: by a server of others
}
