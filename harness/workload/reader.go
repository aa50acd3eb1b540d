package workload

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"fourdays/harness/hist"
)

// What readers do, in shares. All picked, after imaptest's profile "normal":
// mostly looking, some moving and deleting, few searches.
var (
	readKinds   = []hist.Kind{hist.Read, hist.Status, hist.Search, hist.List}
	readWeights = weigh([]float64{85, 8, 4, 3})

	changeKinds   = []hist.Kind{hist.Store, hist.Move, hist.Append, hist.Copy, hist.Expunge}
	changeWeights = weigh([]float64{55, 18, 12, 7, 8})

	boxNames   = append([]string{"INBOX"}, Folders...)
	boxWeights = weigh([]float64{85, 5, 5, 5})

	flagNames = []string{`\Seen`, `\Flagged`, `\Answered`, `$Label1`}
	flagOps   = []string{"+", "+", "-", "="}
)

// most is how many messages one change touches at most. Picked.
const most = 3

// reading is a reader's question that is about to be asked.
type reading struct {
	account int32
	op      *hist.Op
}

func (e *Engine) drawRead(rng *rand.Rand, at time.Duration) task {
	account := int32(e.people.draw(rng))
	op := &hist.Op{Kind: readKinds[readWeights.draw(rng)], Mailbox: boxNames[boxWeights.draw(rng)], By: "reader"}
	op.Bodies = rng.Float64() < e.cfg.Bodies && op.Kind == hist.Read
	if op.Kind == hist.List {
		op.Mailbox = ""
	}
	op.IntendedUS = at.Microseconds()
	return reading{account, op}
}

func (r reading) wants(*Engine, time.Duration) (bool, []int32) { return false, []int32{r.account} }

func (r reading) run(e *Engine) {
	e.count.Reads++
	e.read(r.account, r.op, func(*hist.Op) {})
}

// read asks a reader's question and learns from the answer.
func (e *Engine) read(account int32, op *hist.Op, done func(*hist.Op)) {
	e.consult(account, op, 0, func(op *hist.Op) {
		e.learnView(account, op)
		done(op)
	})
}

// consult asks one question of a node that can be reached.
func (e *Engine) consult(account int32, op *hist.Op, turn int, done func(*hist.Op)) {
	ask := *op
	ask.Account, ask.Node = e.cfg.Accounts[account], e.node(uint64(account), uint64(op.IntendedUS), turn)
	ask.TimeoutUS = e.cfg.ReadTimeout.Microseconds()
	e.ask([]*hist.Op{&ask}, func(ops []*hist.Op) {
		if e.leap == nil && turn+1 < len(e.cfg.Nodes) && unreachable(ops) {
			e.consult(account, op, turn+1, done)
			return
		}
		switch ops[0].Outcome {
		case hist.No:
			e.count.Refused++
		case hist.Unknown:
			e.count.Unknown++
		}
		done(ops[0])
	})
}

// changing is a change of a mailbox that is about to happen.
type changing struct {
	account int32
	op      *hist.Op
	rng     *rand.Rand // its own: what it draws depends on what is there
}

func (e *Engine) drawChange(rng *rand.Rand, at time.Duration) task {
	e.changes++
	c := changing{account: int32(e.people.draw(rng)), rng: stream(e.cfg.Seed, "workload/change/"+strconv.Itoa(e.changes))}
	c.op = &hist.Op{Kind: changeKinds[changeWeights.draw(rng)], Mailbox: "INBOX", By: "changer", IntendedUS: at.Microseconds()}
	switch c.op.Kind {
	case hist.Append:
		c.op.Mailbox, c.op.Message, c.op.Flags = "Sent", "p"+strconv.Itoa(e.changes), []string{`\Seen`}
		c.op.Size = e.cfg.Sizes.draw(rng)
	case hist.Copy:
		c.op.To = "Archive"
	case hist.Move:
		c.op.To = []string{"Trash", "Trash", "Archive"}[rng.IntN(3)]
	case hist.Expunge:
		c.op.Mailbox = []string{"Trash", "Trash", "INBOX"}[rng.IntN(3)]
	case hist.Store:
		c.op.FlagsOp = flagOps[rng.IntN(len(flagOps))]
		c.op.Flags = pickFlags(rng)
	}
	return c
}

func pickFlags(rng *rand.Rand) []string {
	flags := []string{flagNames[rng.IntN(len(flagNames))]}
	if other := flagNames[rng.IntN(len(flagNames))]; other != flags[0] && rng.IntN(4) == 0 {
		flags = append(flags, other)
	}
	return flags
}

func (c changing) wants(*Engine, time.Duration) (bool, []int32) { return false, []int32{c.account} }

// run makes the change. A reader who does not know what is in the mailbox looks
// first.
func (c changing) run(e *Engine) {
	e.count.Changes++
	if c.op.Kind == hist.Append {
		e.consult(c.account, c.op, 0, func(op *hist.Op) { e.learnNew(c.account, op) })
		return
	}
	if c.try(e) {
		return
	}
	look := &hist.Op{Kind: hist.Read, Mailbox: c.op.Mailbox, By: "changer", IntendedUS: c.op.IntendedUS}
	e.read(c.account, look, func(seen *hist.Op) {
		if seen.Outcome == hist.OK && !c.try(e) {
			e.count.Skipped++
		}
	})
}

// try asks for the change if there are messages to change. Messages on which a
// change is under way are left alone, as by a client that waits for its
// answers.
func (c changing) try(e *Engine) bool {
	b := e.boxes[boxKey{c.account, c.op.Mailbox}]
	uids := b.pick(c.rng, 1+c.rng.IntN(most))
	if len(uids) == 0 {
		return false
	}
	op := *c.op
	op.UIDs, op.Under = uids, b.validity
	b.hold(uids)
	e.consult(c.account, &op, 0, func(answer *hist.Op) {
		b.free(uids)
		if answer.Outcome == hist.OK && (op.Kind == hist.Move || op.Kind == hist.Expunge) {
			b.forget(uids)
		}
		if answer.Outcome == hist.No && answer.UIDValidity != 0 && answer.UIDValidity != b.validity {
			delete(e.boxes, boxKey{c.account, op.Mailbox}) // what is known of it is of no use: look first
		}
		e.learnNew(c.account, answer)
	})
	return true
}

// boxKey names a mailbox.
type boxKey struct {
	account int32
	name    string
}

// box is what the readers know of a mailbox from the last look at it.
type box struct {
	validity uint32
	uids     []uint32        // ascending
	busy     map[uint32]bool // a change is under way
}

func (b *box) pick(rng *rand.Rand, n int) []uint32 {
	if b == nil {
		return nil
	}
	var free []uint32
	for _, u := range b.uids {
		if !b.busy[u] {
			free = append(free, u)
		}
	}
	if len(free) == 0 {
		return nil
	}
	at := rng.IntN(len(free))
	return slices.Clone(free[at:min(at+n, len(free))])
}

func (b *box) hold(uids []uint32) {
	for _, u := range uids {
		b.busy[u] = true
	}
}

func (b *box) free(uids []uint32) {
	for _, u := range uids {
		delete(b.busy, u)
	}
}

func (b *box) forget(uids []uint32) {
	b.uids = slices.DeleteFunc(b.uids, func(u uint32) bool { return slices.Contains(uids, u) })
}

// learnView takes over what a look at a mailbox showed.
func (e *Engine) learnView(account int32, op *hist.Op) {
	if op.Kind != hist.Read || op.Outcome != hist.OK || op.View == nil {
		return
	}
	key := boxKey{account, op.Mailbox}
	b := e.boxes[key]
	if b == nil || b.validity != op.View.UIDValidity {
		b = &box{validity: op.View.UIDValidity, busy: map[uint32]bool{}}
		e.boxes[key] = b
	}
	b.uids = b.uids[:0]
	for _, m := range op.View.Messages {
		b.uids = append(b.uids, m.UID)
	}
	slices.Sort(b.uids)
}

// learnNew takes over where a change put messages.
func (e *Engine) learnNew(account int32, op *hist.Op) {
	to := op.To
	if op.Kind == hist.Append {
		to = op.Mailbox
	}
	b := e.boxes[boxKey{account, to}]
	if op.Outcome != hist.OK || b == nil || b.validity != op.UIDValidity {
		return
	}
	for _, u := range op.NewUIDs {
		if at, there := slices.BinarySearch(b.uids, u); !there {
			b.uids = slices.Insert(b.uids, at, u)
		}
	}
}
