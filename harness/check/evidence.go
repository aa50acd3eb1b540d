package check

import (
	"fmt"
	"strings"

	"fourdays/harness/hist"
)

// maxEvidence is how many operations of a message's history a check shows
// (picked).
const maxEvidence = 64

// rec is one operation on one message, small enough to keep them all.
type rec struct {
	n, intended, sent, answered int64
	by, node, reply             uint32 // words
	from, to                    uint32 // words: mailboxes
	uid, newUID                 uint32
	next                        uint32 // of the same message
	try                         uint32
	kind, outcome               uint32 // words
}

// records keeps recs in pieces, so that growing never copies. Number 0 is none.
type records struct {
	pieces [][]rec
	n      uint32
}

const pieceLen = 1 << 13

func (r *records) add(one rec) uint32 {
	at := r.n
	if int(at/pieceLen) == len(r.pieces) {
		r.pieces = append(r.pieces, make([]rec, pieceLen))
	}
	*r.at(at) = one
	r.n++
	return at
}

func (r *records) at(i uint32) *rec { return &r.pieces[i/pieceLen][i%pieceLen] }

// words gives each distinct string a number.
type words struct {
	numbers map[string]uint32
	list    []string
}

// maxWords bounds the memory that hostile replies can take (picked).
const maxWords = 1 << 16

func newWords() words { return words{numbers: map[string]uint32{"": 0}, list: []string{""}} }

func (w *words) number(s string) uint32 {
	if n, ok := w.numbers[s]; ok {
		return n
	}
	if len(w.list) >= maxWords {
		s = "(not kept)"
		if n, ok := w.numbers[s]; ok {
			return n
		}
	}
	s = strings.Clone(s[:min(len(s), 300)])
	n := uint32(len(w.list))
	w.list = append(w.list, s)
	w.numbers[s] = n
	return n
}

// remember notes that op concerned l.
func (j *Judge) remember(l *letter, op *hist.Op, uid, newUID uint32) {
	at := j.recs.add(rec{
		n: op.N, intended: op.IntendedUS, sent: op.SentUS, answered: op.AnsweredUS,
		by: j.words.number(op.By), node: j.words.number(op.Node), reply: j.words.number(op.Reply),
		from: j.words.number(op.Mailbox), to: j.words.number(op.To), uid: uid, newUID: newUID,
		try: uint32(op.Try), kind: j.words.number(string(op.Kind)), outcome: j.words.number(string(op.Outcome)),
	})
	if l.first == 0 {
		l.first = at
	} else {
		j.recs.at(l.last).next = at
	}
	l.last = at
}

// history is every operation on l that was kept, in order.
func (j *Judge) history(l *letter) []*hist.Op {
	var ops []*hist.Op
	if l == nil {
		return nil
	}
	for at := l.first; at != 0 && len(ops) < maxEvidence; at = j.recs.at(at).next {
		ops = append(ops, j.recs.at(at).op(l, j.words.list))
	}
	return ops
}

func (r *rec) op(l *letter, words []string) *hist.Op {
	op := &hist.Op{
		N: r.n, IntendedUS: r.intended, SentUS: r.sent, AnsweredUS: r.answered,
		Kind: hist.Kind(words[r.kind]), Outcome: hist.Outcome(words[r.outcome]),
		By: words[r.by], Node: words[r.node], Reply: words[r.reply], Mailbox: words[r.from], To: words[r.to],
		Try: int(r.try), Account: l.acct.name, Message: l.key,
	}
	if r.uid != 0 {
		op.UIDs = []uint32{r.uid}
	}
	if r.newUID != 0 {
		op.NewUIDs = []uint32{r.newUID}
	}
	return op
}

// brief is op without the messages of its view.
func (j *Judge) brief(op *hist.Op) *hist.Op {
	if j.briefOp == nil || j.briefOp.N != op.N || op.N == 0 {
		j.briefOp = brief(op)
	}
	return j.briefOp
}

func brief(op *hist.Op) *hist.Op {
	short := *op
	if op.View != nil {
		v := *op.View
		v.Messages = nil
		short.View = &v
	}
	if len(short.Text) > 300 {
		short.Text = short.Text[:300]
	}
	return &short
}

// view is op with only the message m in its view.
func view(op *hist.Op, m *hist.Seen) *hist.Op {
	short := brief(op)
	short.View.Messages = []hist.Seen{*m}
	return short
}

// tally is what one check has found so far.
type tally struct {
	judged, violations int
	first              *hist.Op
	firstLetter        *letter
	text               string
}

func (j *Judge) count(c invariant, n int) { j.tallies[c].judged += n }

// violate records a violation by op; l is the message concerned, or nil.
func (j *Judge) violate(c invariant, l *letter, op *hist.Op, format string, args ...any) {
	t := &j.tallies[c]
	t.violations++
	if t.first != nil && t.first.N <= op.N {
		return
	}
	t.first, t.firstLetter, t.text = brief(op), l, fmt.Sprintf(format, args...)
	if op.View != nil && len(op.View.Messages) == 1 {
		t.first.View.Messages = op.View.Messages
	}
}

// line is an operation in one line, for people.
func line(op *hist.Op) string {
	var b strings.Builder
	fmt.Fprintf(&b, "op %d %s by %s", op.N, op.Kind, op.By)
	for _, part := range []struct{ name, value string }{
		{"at", op.Node}, {"for", op.Account}, {"in", op.Mailbox}, {"to", op.To}, {"message", op.Message},
	} {
		if part.value != "" {
			fmt.Fprintf(&b, " %s %s", part.name, part.value)
		}
	}
	if len(op.UIDs) > 0 {
		fmt.Fprintf(&b, " UIDs %v", op.UIDs[:min(8, len(op.UIDs))])
	}
	if len(op.NewUIDs) > 0 {
		fmt.Fprintf(&b, " now %v", op.NewUIDs[:min(8, len(op.NewUIDs))])
	}
	if op.View != nil {
		fmt.Fprintf(&b, " showing %d", op.View.Exists)
	}
	fmt.Fprintf(&b, ", sent %s, answered %s: %s", clock(op.SentUS), clock(op.AnsweredUS), op.Outcome)
	if op.Reply != "" {
		fmt.Fprintf(&b, " %q", op.Reply)
	}
	return b.String()
}

// clock prints a time of the run in seconds.
func clock(us int64) string {
	sign := ""
	if us < 0 {
		sign, us = "-", -us
	}
	return fmt.Sprintf("%s%d.%06ds", sign, us/1e6, us%1e6)
}

// why is the failure in words: what, by which operation, and all that was done
// with its message.
func (j *Judge) why(t *tally) (string, []*hist.Op) {
	history := j.history(t.firstLetter)
	var b strings.Builder
	b.WriteString(t.text)
	if t.violations > 1 {
		fmt.Fprintf(&b, " (and %d more)", t.violations-1)
	}
	if t.first.Kind != "" {
		fmt.Fprintf(&b, "\nfirst: %s", line(t.first))
	}
	if t.firstLetter != nil {
		fmt.Fprintf(&b, "\nhistory of message %s for %s:", t.firstLetter.key, t.firstLetter.acct.name)
	}
	for _, op := range history {
		b.WriteString("\n  " + line(op))
	}
	return b.String(), history
}
