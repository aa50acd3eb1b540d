package check

import (
	"math/bits"
	"strings"

	"fourdays/harness/hist"
)

// String is the command whose answer was the promise.
func (o origin) String() string {
	return [...]string{"a view", "LMTP", "APPEND", "COPY", "MOVE"}[o]
}

// storageTrouble judges D5. A 5yz about the address, policy, the size of the
// message or a full mailbox is not storage trouble, but an address that the
// store has acknowledged cannot be unknown to it.
func (j *Judge) storageTrouble(a *account, l *letter, op *hist.Op, code int) {
	if op.Outcome == hist.Unknown || code == 0 || !j.serves(a) {
		return
	}
	j.count(checkD5, 1)
	if op.Outcome != hist.No || code < 500 {
		return
	}
	class, detail := enhanced(op.Reply)
	switch {
	case class == 1 && !a.known, class == 7, class == 2 && (detail == 2 || detail == 3), class == 3 && detail == 4:
		return
	}
	j.violate(checkD5, l, op, "a message for %s was refused for ever: %q", a.name, firstLine(op.Reply))
}

// serves tells whether the account's domain is one of the store's.
func (j *Judge) serves(a *account) bool {
	if len(j.in.Domains) == 0 {
		return true
	}
	_, domain, _ := strings.Cut(a.name, "@")
	for _, d := range j.in.Domains {
		if strings.EqualFold(d, domain) {
			return true
		}
	}
	return false
}

// resurrect records a message that is back after its removal was acknowledged.
func (j *Judge) resurrect(s *slot, op *hist.Op) {
	s.risen = true
	j.violate(checkI1, s.msg, op, "UID %d of %s was removed at %s and is back", s.uid, s.box.title(), clock(s.goneUS))
}

// judgeCopies judges D3 and R3, and counts what is more than once, back again,
// or in the wrong place. Legal is one copy per attempt that was not refused for
// ever, per APPEND that was not refused, and per COPY that was not refused;
// removals count as copies that were there.
func (f *finale) judgeCopies(l *letter) {
	there, destroyed, older := l.census(f)
	f.countDoubts(l, there)
	if l.stranger != nil && l.first == 0 {
		f.count(checkR3, 1)
		f.mail.Misfiled++
		f.violate(checkR3, l, l.stranger, "message %s was never sent to %s", l.key, l.acct.name)
		return
	}
	if there == 0 {
		return
	}
	f.count(checkR3, 1)
	if l.tries > 0 && l.tries == l.refused5 && l.appended == 0 {
		f.count(checkD2, 1)
		f.violate(checkD2, l, f.firstOp(l), "message %s was refused for ever to %s and is there", l.key, l.acct.name)
		return
	}
	f.count(checkD3, 1)
	excess := there + destroyed - int(l.tries-l.refused5+l.appended+l.copied) - l.acct.blindCopies
	meant := min(1, int(l.tries)) + min(1, int(l.appended)) + int(l.copied)
	switch {
	case excess <= 0:
	case l.declined > 0:
		f.violate(checkD6, l, f.firstOp(l), "message %s is in %s %d times after a command that was answered NO", l.key, l.acct.name, there)
	case older > 0:
		f.mail.Resurrected += excess
		f.violate(checkI1, l, f.firstOp(l), "message %s of %s was removed, and is back under a new UIDVALIDITY", l.key, l.acct.name)
	default:
		f.violate(checkD3, l, f.firstOp(l), "message %s is in the mailboxes of %s %d times, %d more than attempts could leave", l.key, l.acct.name, there, excess)
	}
	f.mail.Duplicated += max(0, there-max(1, meant))
}

// census counts the copies of l that are there, as the replica that has most of
// them shows it; those that were removed for certain; and those of them that
// were removed under an older UIDVALIDITY.
func (l *letter) census(f *finale) (there, destroyed, older int) {
	var per [64]int
	for s := range copiesOf(l) {
		if s.risen {
			f.mail.Resurrected++
		}
		if s.gone() {
			if s.uid != 0 && s.expunged && !s.movedOut && !s.mayMove {
				destroyed++
				if s.validity < s.box.validity {
					older++
				}
			}
			continue
		}
		for set := s.on; set != 0; set &= set - 1 {
			node := bits.TrailingZeros64(set)
			per[node]++
			there = max(there, per[node])
		}
	}
	return there, destroyed, older
}

func (f *finale) countDoubts(l *letter, there int) {
	switch {
	case l.unsure > 0, l.delivered == 0 && l.refused4 > 0 && there > 0:
		f.mail.Ambiguous++
	}
	if l.bounced {
		f.mail.Bounced++
	}
	if l.delivered > 0 && l.ackedUS-l.intendedUS > f.lateUS {
		f.mail.Delayed++
	}
}

// judgeSender judges D4. Who bounced a message that an exchanger had not answered,
// and passed on later, could not know. A message that was acknowledged and is gone is D1's;
// an attempt without a definite answer that left a copy counts as delivered.
func (f *finale) judgeSender(l *letter) {
	if l.tries+l.offered == 0 {
		return
	}
	there := l.spooledUS != never
	for s := range copiesOf(l) {
		there = there || s.on != 0 || s.gone()
	}
	switch {
	case l.bounced && l.delivered > 0 && (l.delivered > l.passedOn || l.spooledUS != never):
		f.count(checkD4, 1)
		f.violate(checkD4, l, f.lastOp(l), "message %s for %s was delivered, and bounced", l.key, l.acct.name)
	case l.bounced, l.delivered > 0, l.spooledUS != never:
		f.count(checkD4, 1)
	case f.queued[Recipient{l.acct.name, l.key}]:
	case !f.in.QueueKnown:
		f.openEnds++
	case !there:
		f.count(checkD4, 1)
		f.violate(checkD4, l, f.lastOp(l), "message %s for %s was neither delivered nor bounced, and nobody holds it", l.key, l.acct.name)
	}
}

// judgeRecipients judges D2: of the messages with several recipients, each that
// was acknowledged is kept as if it were the only one.
func (f *finale) judgeRecipients() {
	first := make(map[string]*letter, len(f.letters))
	shared := map[string][]*letter{}
	for _, l := range f.letters {
		if l.delivered == 0 {
			continue
		}
		other := first[l.key]
		if other == nil {
			first[l.key] = l
			continue
		}
		if shared[l.key] == nil {
			shared[l.key] = []*letter{other}
		}
		shared[l.key] = append(shared[l.key], l)
	}
	for _, l := range f.letters { // in the order of the history, not of the map
		if group := shared[l.key]; len(group) > 0 && group[0] == l {
			f.judgeGroup(group)
		}
	}
}

func (f *finale) judgeGroup(group []*letter) {
	kept, lost := 0, (*letter)(nil)
	for _, l := range group {
		switch f.outcome(l) {
		case fine, removed:
			kept++
		case vanished:
			lost = l
		default:
			continue
		}
		f.count(checkD2, 1)
	}
	if lost != nil && kept > 0 {
		f.violate(checkD2, lost, f.lossOp(lost), "message %s was acknowledged for %d recipients and %s lost it alone", lost.key, len(group), lost.acct.name)
	}
}

// judgeMailboxes judges R1, the rest of D9, and the class of mailboxes.
func (f *finale) judgeMailboxes() {
	for _, a := range f.accounts {
		for _, b := range a.order {
			f.judgeHidden(b)
			f.judgeCreated(b)
			if b.holding != 0 {
				f.judgeEqual(b)
			}
		}
	}
}

func (f *finale) judgeHidden(b *mailbox) {
	if b.hidden != nil {
		f.violate(checkD9, nil, b.hidden, "%s was said not to exist", b.title())
	}
	for _, s := range b.shorts {
		if s.n > b.lost {
			f.violate(checkD9, nil, s.op, "%s was said to have %d messages, at least %d too few", b.title(), s.op.View.Exists, s.n)
		}
	}
}

// judgeCreated judges mailboxes that were made and not deleted.
func (f *finale) judgeCreated(b *mailbox) {
	if !b.created || b.maybeUS != never {
		return
	}
	f.mailbox.Acknowledged++
	switch {
	case b.holding != 0 || b.read:
	case b.looked == f.full && f.full != 0 && f.quorate():
		f.mailbox.lose(b.createdOp.AnsweredUS)
		f.violate(checkD9, nil, b.createdOp, "%s was made and is nowhere that serves", b.title())
	default:
		f.mailbox.Unread++
	}
}

// judgeEqual judges R1 for one mailbox.
func (f *finale) judgeEqual(b *mailbox) {
	if f.union || len(f.nodes) < 2 {
		return
	}
	if b.looked != f.full {
		f.unequal++
	}
	if bits.OnesCount64(b.looked) < 2 {
		return
	}
	f.count(checkR1, 1)
	first := bits.TrailingZeros64(b.holding)
	p := b.audits[first]
	for node := range f.nodes {
		switch {
		case b.looked>>node&1 == 0:
		case b.holding>>node&1 == 0:
			f.violate(checkR1, nil, p.op, "%s is on %s and not on %s", b.title(), f.nodes[first], f.nodes[node])
		case b.audits[node].sum != p.sum:
			f.unlike(b, p, b.audits[node])
		}
	}
}

// unlike names the first difference between two replicas.
func (f *finale) unlike(b *mailbox, p, q *picture) {
	where, uid := "in its counters", uint32(0)
	for i := range max(len(p.prints), len(q.prints)) {
		switch {
		case i >= len(p.prints) || i < len(q.prints) && q.prints[i].uid < p.prints[i].uid:
			uid = q.prints[i].uid
		case i >= len(q.prints) || q.prints[i] != p.prints[i]:
			uid = p.prints[i].uid
		default:
			continue
		}
		where = "from UID on"
		break
	}
	var l *letter
	if s, _ := b.find(uid, 0); s != nil {
		l = s.msg
	}
	if uid == 0 {
		f.violate(checkR1, l, q.op, "%s differs between %s and %s %s", b.title(), p.op.Node, q.op.Node, where)
		return
	}
	f.violate(checkR1, l, q.op, "%s differs between %s and %s from UID %d on", b.title(), p.op.Node, q.op.Node, uid)
}

// countAltered counts the messages that a reader got with other bytes, or that
// every replica which shows them keeps with other bytes.
func (f *finale) countAltered() int {
	n := 0
	for _, l := range f.letters {
		altered := l.altered
		for s := range copiesOf(l) {
			nodes := s.on & f.full
			altered = altered || nodes != 0 && s.damaged&nodes == nodes
		}
		if altered {
			n++
		}
	}
	return n
}

// lastLook is a look that should have shown s: the first through IMAP, or else
// the last audit of the first replica without it.
func (f *finale) lastLook(s *slot) *hist.Op {
	if s.missing != nil {
		return s.missing
	}
	for node := range f.nodes {
		if s.box.holding>>node&1 == 1 && s.whole>>node&1 == 0 {
			return s.box.audits[node].op
		}
	}
	return f.lastOp(s.msg)
}

// lossOp is a look that should have shown some copy of l.
func (f *finale) lossOp(l *letter) *hist.Op {
	for s := range copiesOf(l) {
		if s.promised() && f.fateOf(s) == vanished {
			return f.lastLook(s)
		}
	}
	return f.lastOp(l)
}

func (j *Judge) firstOp(l *letter) *hist.Op {
	if l.first == 0 {
		return l.stranger
	}
	return j.recs.at(l.first).op(l, j.words.list)
}

func (j *Judge) lastOp(l *letter) *hist.Op {
	if l.first == 0 {
		return l.stranger
	}
	return j.recs.at(l.last).op(l, j.words.list)
}

// receipts judges H1.
func (j *Judge) receipts() {
	j.count(checkH1, len(j.in.Faults))
	for i := len(j.in.Faults); i < j.in.FaultsPlanned; i++ {
		j.violate(checkH1, nil, &hist.Op{}, "%d faults were planned and %d have receipts", j.in.FaultsPlanned, len(j.in.Faults))
	}
	for _, r := range j.in.Faults {
		switch {
		case r.Fired == 0:
			j.violate(checkH1, nil, &hist.Op{}, "fault %s on %s, planned at %s, never fired", r.Bug, r.Scope, clock(r.PlannedAtUS))
		case r.MustRevert && !r.Reverted:
			j.violate(checkH1, nil, &hist.Op{}, "fault %s on %s fired %d times and was never taken back", r.Bug, r.Scope, r.Fired)
		}
	}
}
