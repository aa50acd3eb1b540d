package check

import (
	"fourdays/harness/hist"
)

// Judge reads a history once, in the order of answers, and judges it. It is not
// safe for concurrent use.
type Judge struct {
	in       Input
	lateUS   int64
	nodes    []string // those that are believed, by index
	believed map[string]int
	silent   int // replicas that cannot be reached
	fenced   int
	union    bool // nobody serves: the best surviving copies count

	byName   map[string]*account
	accounts []*account
	letters  []*letter
	recs     records
	words    words
	flags    flagNames
	uidplus  bool     // the server tells where things go
	stamp    uint32   // the view being gone through
	nameless bool     // it shows a message that nobody has named yet
	scratch  *picture // of a view that is not kept
	briefOp  *hist.Op // the brief that was made last
	tallies  [len(invariants)]tally
	// outside counts damage on replicas that are not believed.
	outside int
}

// New returns a Judge that has seen nothing.
func New(in Input) *Judge {
	j := &Judge{
		in: in, lateUS: in.LateUS, believed: map[string]int{}, byName: map[string]*account{},
		recs: records{n: 1}, words: newWords(), flags: newFlagNames(),
	}
	if j.lateUS == 0 {
		j.lateUS = 3600e6
	}
	for _, r := range in.Replicas {
		if r.Reachable && !r.Fenced {
			j.believe(r.Node)
		}
		if r.Fenced {
			j.fenced++
		}
		if !r.Reachable {
			j.silent++
		}
	}
	j.union = len(in.Replicas) > 0 && len(j.nodes) == 0
	for _, r := range in.Replicas {
		if j.union && r.Reachable {
			j.believe(r.Node)
		}
	}
	return j
}

func (j *Judge) believe(node string) {
	if _, ok := j.believed[node]; !ok && len(j.nodes) < 64 {
		j.believed[node] = len(j.nodes)
		j.nodes = append(j.nodes, node)
	}
}

// Add gives the next operation. The Judge does not change op and keeps no
// reference to it.
func (j *Judge) Add(op *hist.Op) {
	if op.Account == "" {
		return
	}
	a := j.account(op.Account)
	j.touch(a, op)
	j.uidplus = j.uidplus || len(op.NewUIDs) > 0
	switch op.Kind {
	case hist.Deliver:
		j.deliver(a, op)
	case hist.Bounce:
		j.bounce(a, op)
	case hist.Append:
		j.append(a, op)
	case hist.Copy, hist.Move:
		j.transfer(a, op)
	case hist.Store:
		j.store(a, op)
	case hist.Expunge:
		j.expunge(a, op)
	case hist.Create, hist.Delete:
		j.mailbox(a, op)
	case hist.List:
		j.list(a, op)
	case hist.Status, hist.Read, hist.Search:
		j.look(a, op)
	case hist.Audit:
		j.audit(a, op)
	}
	if op.Outcome == hist.OK && op.Kind != hist.Bounce && op.Node != hist.Spool {
		a.known = true
	}
}

// touch notes when the account may last have changed.
func (j *Judge) touch(a *account, op *hist.Op) {
	if op.Node == hist.Spool { // nothing reached the account
		return
	}
	switch op.Kind {
	case hist.Deliver, hist.Append, hist.Copy, hist.Move, hist.Store, hist.Expunge, hist.Create, hist.Delete:
		if op.Outcome != hist.No {
			a.quietUS = max(a.quietUS, op.AnsweredUS)
		}
	}
}

// missed notes that the store said that a mailbox which must exist does not.
func (j *Judge) missed(b *mailbox, op *hist.Op) {
	if op.Outcome == hist.No && b.mustExist(op) && denies(op.Reply) {
		j.hide(b, op)
	}
}

func (b *mailbox) exists(op *hist.Op) {
	if op.SentUS <= b.deletedUS {
		return
	}
	b.sinceUS = min(b.sinceUS, op.AnsweredUS)
}

func (b *mailbox) mustExist(op *hist.Op) bool {
	return b.sinceUS < op.SentUS && b.maybeUS > op.AnsweredUS
}

// hide keeps the first look that denied the mailbox.
func (j *Judge) hide(b *mailbox, op *hist.Op) {
	if b.hidden == nil {
		b.hidden, b.hideUS = j.brief(op), op.AnsweredUS
	}
}
