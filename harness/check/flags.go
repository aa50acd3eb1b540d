package check

import (
	"slices"
	"strings"

	"fourdays/harness/hist"
)

// This file judges D8. Of each flag of each copy only the last acknowledged
// change is judged, and only if nothing makes it doubtful: another change to
// the opposite that was in flight at the same time, or one that never got a
// definite answer, which may take effect at any later time. COPY and MOVE start
// afresh: a server need not carry flags over.

// flagState is the last change of one flag of one copy.
type flagState struct {
	flag       uint16
	set        bool
	doubtful   bool // changes to the opposite overlapped
	maySet     bool // a change without a definite answer sets it
	mayClear   bool
	acked      bool
	sentUS     int64
	answeredUS int64
	lost       *hist.Op // the first view that contradicts it
	lostUS     int64
	looked     bool     // some view would have shown the loss
	wrong      bool     // the last view through IMAP showed the loss
	lacking    uint64   // believed replicas whose last audit shows the loss
	lackingOp  *hist.Op // one of those audits
}

// others is the flag that stands for all that no change has named yet.
const others = 1<<16 - 1

// flagNames numbers the flags of a run.
type flagNames struct {
	numbers map[string]uint16
	list    []string
}

func newFlagNames() flagNames { return flagNames{numbers: map[string]uint16{}} }

// number is that of a flag, whatever its case; ok is false for \Recent, which
// nobody can change, and beyond what can be numbered.
func (f *flagNames) number(flag string) (n uint16, ok bool) {
	if n, ok := f.numbers[flag]; ok {
		return n, true
	}
	low := strings.ToLower(flag)
	n, ok = f.numbers[low]
	if low == `\recent` || !ok && len(f.list) >= 1<<15 {
		return 0, false
	}
	if !ok {
		n = uint16(len(f.list))
		f.list = append(f.list, strings.Clone(low))
		f.numbers[f.list[n]] = n
	}
	if len(f.numbers) < 1<<16 {
		f.numbers[strings.Clone(flag)] = n
	}
	return n, true
}

func (j *Judge) store(a *account, op *hist.Op) {
	b := a.mailbox(op.Mailbox)
	j.missed(b, op)
	if op.Outcome == hist.No {
		return
	}
	if !b.means(op) {
		unsure := *op
		unsure.Outcome = hist.Unknown
		op = &unsure
	}
	for _, uid := range op.UIDs {
		s := b.slot(uid)
		if s.msg != nil {
			j.remember(s.msg, op, uid, 0)
		}
		for _, flag := range op.Flags {
			j.changeFlag(s, flag, op.FlagsOp != "-", op)
		}
		if op.FlagsOp == "=" {
			j.clearOthers(s, op)
		}
	}
}

// clearOthers follows the other half of FLAGS: what is not named is cleared.
func (j *Judge) clearOthers(s *slot, op *hist.Op) {
	named := map[uint16]bool{}
	for _, flag := range op.Flags {
		if n, ok := j.flags.number(flag); ok {
			named[n] = true
		}
	}
	s.state(others)
	for i := range s.flags {
		if f := &s.flags[i]; !named[f.flag] {
			j.change(f, false, op)
		}
	}
}

// startFlags takes the flags that an acknowledged APPEND gave its message.
func (j *Judge) startFlags(a *account, b *mailbox, op *hist.Op, uid uint32) {
	if uid == 0 {
		return
	}
	for _, flag := range op.Flags {
		j.changeFlag(b.slot(uid), flag, true, op)
	}
}

func (j *Judge) changeFlag(s *slot, flag string, set bool, op *hist.Op) {
	if n, ok := j.flags.number(flag); ok {
		j.change(s.state(n), set, op)
	}
}

// mayFlag notes a change that may have happened though op was refused.
func (j *Judge) mayFlag(s *slot, flag string, set bool, op *hist.Op) {
	if n, ok := j.flags.number(flag); ok {
		s.state(n).may(set, op)
	}
}

func (s *slot) state(flag uint16) *flagState {
	for i := range s.flags {
		if s.flags[i].flag == flag {
			return &s.flags[i]
		}
	}
	fresh := flagState{}
	for i := range s.flags {
		if s.flags[i].flag == others {
			fresh = s.flags[i]
		}
	}
	fresh.flag = flag
	s.flags = append(s.flags, fresh)
	return &s.flags[len(s.flags)-1]
}

func (f *flagState) may(set bool, op *hist.Op) {
	f.maySet = f.maySet || set
	f.mayClear = f.mayClear || !set
	if f.lost != nil && op.SentUS <= f.lostUS && set != f.set {
		f.lost = nil
	}
}

// change follows one acknowledged or uncertain change.
func (j *Judge) change(f *flagState, set bool, op *hist.Op) {
	if op.Outcome != hist.OK {
		f.may(set, op)
		return
	}
	if f.lost != nil && op.SentUS <= f.lostUS && set != f.set {
		f.lost = nil // it may have been changed when the view was taken
	}
	if !f.acked || op.SentUS > f.answeredUS {
		if f.lost != nil {
			j.loseFlag(f)
		}
		lost := flagState{flag: f.flag, maySet: f.maySet, mayClear: f.mayClear}
		*f = lost
		f.acked, f.set, f.sentUS, f.answeredUS = true, set, op.SentUS, op.AnsweredUS
		return
	}
	f.doubtful = f.doubtful || set != f.set
	f.answeredUS = max(f.answeredUS, op.AnsweredUS)
}

// sure tells whether the flag's state is known at the time a view was sent.
func (f *flagState) sure(sentUS int64) bool {
	opposite := f.maySet
	if f.set {
		opposite = f.mayClear
	}
	return f.acked && f.flag != others && !f.doubtful && !opposite && f.answeredUS < sentUS
}

// flagsShown compares the flags in a view with the last changes.
func (j *Judge) flagsShown(s *slot, m *hist.Seen, op *hist.Op) {
	for i := range s.flags {
		f := &s.flags[i]
		if !f.sure(op.SentUS) || m.Damage != "" {
			continue
		}
		f.looked = true
		j.count(checkD8, 1)
		f.wrong = j.has(m.Flags, f.flag) != f.set
		if f.lost == nil && f.wrong {
			f.lost, f.lostUS = view(op, m), op.AnsweredUS
		}
	}
}

// flagsKept does the same for an audit. A replica may lag, so only its last
// audit will count, and only if that was the end.
func (j *Judge) flagsKept(s *slot, m *hist.Seen, op *hist.Op) {
	node := j.believed[op.Node]
	for i := range s.flags {
		f := &s.flags[i]
		if !f.sure(op.SentUS) || m.Damage != "" {
			continue
		}
		f.looked = true
		j.count(checkD8, 1)
		f.lacking &^= 1 << node
		if j.has(m.Flags, f.flag) != f.set {
			f.lacking |= 1 << node
			f.lackingOp = view(op, m)
		}
	}
}

func (j *Judge) has(flags []string, n uint16) bool {
	return slices.ContainsFunc(flags, func(flag string) bool {
		m, ok := j.flags.number(flag)
		return ok && m == n
	})
}

// loseFlag records a change that was seen undone before the next one.
func (j *Judge) loseFlag(f *flagState) {
	j.violate(checkD8, nil, f.lost, "flag %s was acknowledged as %s and then shown otherwise", j.flags.list[f.flag], setOrCleared(f.set))
}

func setOrCleared(set bool) string {
	if set {
		return "set"
	}
	return "cleared"
}

// judgeFlags judges D8 in the end, and counts the class of flag changes.
func (j *Judge) judgeFlags(s *slot, class *Class) {
	for i := range s.flags {
		f := &s.flags[i]
		if !f.acked || f.flag == others {
			continue
		}
		kept := !s.gone() && !s.mayGo && !s.mayMove
		lost := f.lost != nil && f.sure(f.lostUS+1)
		lacking := f.lacking & s.box.looked
		behind := lacking != 0 && !j.majority(s.box)
		if behind {
			lacking = 0
		}
		switch {
		case lost:
			j.flagLost(s, f, f.lost)
		case kept && lacking != 0 && f.sure(never):
			j.flagLost(s, f, f.lackingOp)
		}
		if !kept {
			continue
		}
		class.Acknowledged++
		switch {
		case lost && f.wrong || lacking != 0 && lacking == s.box.looked && f.sure(never):
			class.lose(f.answeredUS)
		case !f.looked || behind:
			class.Unread++
		}
	}
}

func (j *Judge) flagLost(s *slot, f *flagState, op *hist.Op) {
	j.violate(checkD8, s.msg, op, "flag %s of UID %d of %s was acknowledged as %s at %s and is not",
		j.flags.list[f.flag], s.uid, s.box.title(), setOrCleared(f.set), clock(f.answeredUS))
}

func (c *Class) lose(atUS int64) {
	if c.Lost == 0 || atUS < c.OldestLostUS {
		c.OldestLostUS = atUS
	}
	c.Lost++
}
