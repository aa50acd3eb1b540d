package check

import (
	"fmt"
	"math/bits"
	"slices"
)

// readBit stands for the last look through IMAP among the replicas.
const readBit = 63

// Verdicts judges what has been added so far. More may be added afterwards.
func (j *Judge) Verdicts() Report {
	saved := j.tallies
	defer func() { j.tallies = saved }()
	f := &finale{Judge: j, full: 1<<len(j.nodes) - 1, excused: map[*slot]bool{}}
	f.gather()
	f.judgeLetters()
	f.judgeMailboxes()
	f.judgeRecipients()
	j.receipts()
	return f.report()
}

// finale is the state of one call of Verdicts.
type finale struct {
	*Judge
	full     uint64 // every believed replica
	mail     Mail
	message  Class
	flag     Class
	mailbox  Class
	openEnds int // messages neither delivered nor bounced, with the queue unknown
	unequal  int // mailboxes that not every believed replica was asked for
	queued   map[Recipient]bool
	kept     map[Recipient]Kept // in the spool
	excused  map[*slot]bool     // by a removal of something that nobody had named
}

// gather finds the last pictures that were taken when nothing moved any more,
// and marks in each copy who shows it.
func (f *finale) gather() {
	for _, l := range f.letters {
		for s := range copiesOf(l) {
			s.on, s.whole, s.damaged, s.bodiless = 0, 0, 0, 0
		}
	}
	for _, a := range f.accounts {
		for _, b := range a.order {
			f.gatherBox(a, b)
		}
	}
	for _, l := range f.letters {
		for s := range copiesOf(l) {
			s.whole = s.on &^ s.bodiless
		}
	}
}

func (f *finale) gatherBox(a *account, b *mailbox) {
	b.looked, b.holding, b.lost, b.blind = 0, 0, 0, b.countBlind()
	for node, at := range a.looks {
		if at < a.quietUS || at == before {
			continue
		}
		b.looked |= 1 << node
		if node >= len(b.audits) || b.audits[node] == nil || b.audits[node].sentUS < a.quietUS {
			continue
		}
		b.holding |= 1 << node
		b.audits[node].mark(node)
	}
	if b.read = f.lastRead(a, b); b.read {
		b.reading.mark(readBit)
		f.judgeUnreadable(b, b.reading)
	}
	for node, p := range b.audits {
		if p != nil {
			f.judgeBodies(b, node, p)
		}
	}
	for node := range f.nodes {
		if b.holding>>node&1 == 1 {
			f.judgeRisen(b, b.audits[node])
		}
	}
}

// lastRead tells whether the last look through IMAP is evidence of the end:
// nothing moved after it, and not every replica was audited later still.
func (f *finale) lastRead(a *account, b *mailbox) bool {
	if b.reading == nil || b.reading.sentUS < a.quietUS || b.reading.validity != b.validity {
		return false
	}
	return b.looked != f.full || f.full == 0 || slices.Min(a.looks) < b.reading.sentUS
}

func (p *picture) mark(bit int) {
	for _, s := range p.slots {
		s.on |= 1 << bit
	}
}

// countBlind counts the removals of messages that nobody ever named: each may
// have been the removal of a message that is missing.
func (b *mailbox) countBlind() int {
	n := b.loose
	for _, s := range b.live {
		if s.msg == nil && (s.gone() || s.mayGo || s.mayMove) {
			n++
		}
	}
	for _, s := range b.gone {
		if s.msg == nil {
			n++
		}
	}
	return n
}

// judgeRisen judges removed messages in the last audit of a serving replica,
// unless it may only be behind.
func (f *finale) judgeRisen(b *mailbox, p *picture) {
	if !f.majority(b) {
		return
	}
	for _, s := range p.slots {
		if s.gone() && s.goneUS < p.sentUS {
			f.resurrect(s, p.op)
		}
	}
	if next, shown := p.op.View.UIDNext, b.nexts.before(p.sentUS); next != 0 && p.validity == b.validity {
		f.count(checkI4, 1)
		if next < shown {
			f.violate(checkI4, nil, p.op, "UIDNEXT of %s is %d on %s, and %d had been shown", b.title(), next, p.op.Node, shown)
		}
	}
}

// fate is what became of one promised copy.
type fate uint8

const (
	fine   fate = iota
	absent      // gone from a replica that could catch up, still on another
	vanished
	unread
	removed // by its owner, or possibly by its owner
)

// ending is the word for others.
func (f fate) ending() Ending {
	switch f {
	case fine:
		return Present
	case vanished:
		return Lost
	case unread:
		return Unread
	}
	return Removed
}

// fateOf judges one promised copy by the last looks. With the body unreadable
// wherever it is, a copy has vanished.
func (f *finale) fateOf(s *slot) fate {
	b := s.box
	if s.gone() || f.excused[s] || s.mayGo || s.mayMove || b.maybeUS != never {
		return removed
	}
	looked, whole := b.looked, s.whole
	if b.read {
		looked |= 1 << readBit
	}
	switch {
	case looked == 0:
		return unread
	case whole&looked == 0 && (b.looked == f.full && f.quorate() || b.read):
		return vanished
	case whole&looked == 0:
		return unread
	case b.looked&^s.on != 0 && f.majority(b):
		return absent
	}
	return fine
}

// majority says whether the replicas that were looked at can agree among
// themselves. Fewer may be behind what the others hold, for nobody can bring
// them up to date.
func (j *Judge) majority(b *mailbox) bool {
	return 2*bits.OnesCount64(b.looked) > len(j.in.Replicas)
}

// quorate says whether the believed replicas meet every majority: only then is
// what none of them holds gone. A copy may sit on those that could not be read.
func (f *finale) quorate() bool { return 2*len(f.nodes) >= len(f.in.Replicas) }

func (f *finale) judgeLetters() {
	f.queued = make(map[Recipient]bool, len(f.in.Queued))
	for _, r := range f.in.Queued {
		f.queued[r] = true
	}
	f.gatherSpool()
	f.message.Name, f.flag.Name, f.mailbox.Name = "message", "flag", "mailbox"
	for _, l := range f.letters {
		f.judgePromises(l)
		f.judgeOutcome(l)
		f.judgeCopies(l)
		f.judgeSender(l)
		for s := range copiesOf(l) {
			f.judgeFlags(s, &f.flag)
			f.numbered(s, l)
		}
	}
}

// judgePromises judges D1, D6 and D9 for every promised copy of l.
func (f *finale) judgePromises(l *letter) {
	for s := range copiesOf(l) {
		if s.missing != nil && f.fateOf(s) != vanished && !(s.uid == 0 && s.box.blind > 0) {
			f.violate(checkD9, l, s.missing, "%s did not show a message of %s that is still kept", s.missing.Kind, s.box.title())
		}
		if !s.promised() {
			continue
		}
		fate := f.fateOf(s)
		if fate == vanished && s.uid == 0 && s.box.blind > 0 {
			s.box.blind--
			f.excused[s] = true
			fate = removed
		}
		if fate == unread || fate == removed {
			continue
		}
		f.judgePromise(l, s, fate)
	}
}

func (f *finale) judgePromise(l *letter, s *slot, fate fate) {
	f.count(checkD1, 1)
	told := s.origin == appended || s.origin == copied || s.origin == moved
	if told || s.declined {
		f.count(checkD6, 1)
	}
	switch {
	case fate == vanished:
		s.box.lost++
		if s.origin != copied && f.outcome(l) != vanished {
			f.violate(checkD1, l, f.lastLook(s), "the promised copy in %s is nowhere that serves", s.box.title())
		}
		if told || s.declined {
			f.violate(checkD6, l, f.lastLook(s), "%s was answered OK and the copy in %s is gone", s.origin, s.box.title())
		}
	case fate == absent && s.origin != copied:
		f.violate(checkD1, l, f.lastLook(s), "the promised copy in %s is missing on %s", s.box.title(), f.names(s.box.looked&^s.on))
	}
}

// judgeOutcome counts l among the mail.
func (f *finale) judgeOutcome(l *letter) {
	if l.spooledUS != never {
		f.mail.Spooled++
	}
	if l.ackedUS == never {
		if l.spooledUS != never {
			f.judgeStranded(l)
		}
		return
	}
	f.mail.Acknowledged++
	f.message.Acknowledged++
	became := f.outcome(l).ending()
	if f.in.End != nil {
		f.in.End(Recipient{Account: l.acct.name, Message: l.key}, became)
	}
	switch became {
	case Present:
		f.mail.Present++
	case Lost:
		f.mail.Lost++
		f.message.lose(l.ackedUS)
		f.violate(checkD1, l, f.lossOp(l), "message %s for %s was acknowledged at %s and is lost", l.key, l.acct.name, clock(l.ackedUS))
	case Unread:
		f.mail.Unread++
		f.message.Unread++
	default:
		f.mail.Removed++
	}
}

// outcome is what became of a message as a whole: it is lost when a copy that
// should be there vanished and no other copy is there, or when all copies were
// last seen on an uncertain move and none arrived.
func (f *finale) outcome(l *letter) fate {
	var vanishedOne, unreadOne, moving, destroyed bool
	for s := range copiesOf(l) {
		if s.whole != 0 && !s.gone() {
			return fine
		}
		destroyed = destroyed || s.expunged || s.mayGo || s.box.maybeUS != never
		moving = moving || s.mayMove && !s.gone() && s.promised()
		if !s.promised() {
			continue
		}
		switch f.fateOf(s) {
		case vanished:
			vanishedOne = true
		case unread, absent:
			unreadOne = true
		}
	}
	switch {
	case vanishedOne:
		return vanished
	case unreadOne:
		return unread
	case !moving || destroyed || l.acct.mayHaveRemoved():
		return removed
	case !f.lookedAll(l.acct):
		return unread
	}
	return vanished
}

// mayHaveRemoved tells whether something was removed from the account that
// nobody had named, and that may be any message.
func (a *account) mayHaveRemoved() bool {
	for _, b := range a.order {
		if b.reborn || b.countBlind() > 0 {
			return true
		}
	}
	return false
}

// lookedAll tells whether the last looks covered every mailbox of an account.
func (f *finale) lookedAll(a *account) bool {
	for _, b := range a.order {
		if b.looked != f.full && !b.read {
			return false
		}
	}
	return true
}

func (f *finale) report() Report {
	f.mail.Altered += f.countAltered()
	r := Report{Mail: f.mail, Classes: []Class{f.message, f.flag, f.mailbox}, Accounts: len(f.accounts), Checks: make([]Check, len(invariants))}
	for i := range invariants {
		r.Checks[i] = f.verdict(invariant(i))
	}
	return r
}

func (f *finale) verdict(i invariant) Check {
	t := &f.tallies[i]
	c := Check{Name: invariants[i].name, Title: invariants[i].title, Source: invariants[i].source, Operations: t.judged, Violations: t.violations}
	doubt := f.doubt(i)
	switch {
	case t.violations > 0:
		c.Verdict = Fail
		c.Why, c.Evidence = f.why(t)
		if t.first.Kind != "" {
			c.First = t.first
		}
	case doubt != "":
		c.Verdict, c.Why = Unknown, doubt
	case i == checkH1 && len(f.in.Faults) == 0:
		c.Verdict, c.Why = Pass, "no fault was planned"
	case t.judged == 0:
		c.Verdict, c.Why = Unknown, "nothing to judge it by"
	default:
		c.Verdict, c.Why = Pass, fmt.Sprintf("held %d times", t.judged)
	}
	return c
}

// doubt says why a check that found nothing wrong may not pass.
func (f *finale) doubt(i invariant) string {
	switch {
	case i == checkD1 && f.mail.Unread > 0:
		return fmt.Sprintf("%d of %d acknowledged messages were not looked for afterwards", f.mail.Unread, f.mail.Acknowledged)
	case i == checkD4 && f.openEnds > 0:
		return fmt.Sprintf("%d messages were neither delivered nor bounced, and what senders still hold is not known", f.openEnds)
	case (i == checkR1 || i == checkR2) && f.in.Outside:
		return "the server shows no replicas and no index of its own"
	case i == checkR1 && f.union:
		return "no replica serves"
	case i == checkR1 && len(f.nodes) < 2:
		return "fewer than two replicas serve"
	case i == checkR1 && f.unequal > 0:
		return fmt.Sprintf("%d mailboxes were not audited on every serving replica", f.unequal)
	}
	return ""
}

// names lists the replicas in a set.
func (f *finale) names(set uint64) string {
	text := ""
	for ; set != 0; set &= set - 1 {
		if node := bits.TrailingZeros64(set); node < len(f.nodes) {
			text += " " + f.nodes[node]
		}
	}
	return text[min(1, len(text)):]
}
