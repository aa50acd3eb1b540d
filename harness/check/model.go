package check

import (
	"math"
	"slices"
	"strings"

	"fourdays/harness/hist"
)

// never is a time after every other, and before one before every other: runs
// prepare at negative times.
const (
	never  = math.MaxInt64
	before = math.MinInt64
)

const inbox = "INBOX"

// account is one user as the promises made to them describe it.
type account struct {
	name    string
	boxes   map[string]*mailbox
	order   []*mailbox // as they first appeared
	letters map[string]*letter
	known   bool // the store has acknowledged something of it
	// quietUS is when the last thing that may have changed it was answered.
	quietUS int64
	// looks is, per replica, when the last audit of any mailbox was sent.
	looks []int64
	// blindCopies counts the copies made of messages that nobody had named yet.
	blindCopies int
	// blindUS is the earliest sending of a removal of something without a name.
	blindUS int64
}

// letter is one message for one account: what was asked, and every copy.
type letter struct {
	key    string
	acct   *account
	digest string // of what was sent
	copies *slot  // linked by nextCopy, newest first

	intendedUS int64 // the earliest
	sentUS     int64 // the first attempt of any kind; never if there was none
	ackedUS    int64 // the first OK to a delivery or an append; never if none
	spooledUS  int64 // the first OK of the provider's exchangers; never if none

	offered   uint32 // deliveries that the provider's exchangers answered
	tries     uint32 // deliveries attempted at the store
	delivered uint32 // of those, acknowledged
	passedOn  uint32 // of those, to the provider's exchangers and not to a sender
	unsure    uint32 // of those, and of appends, without a definite answer
	refused4  uint32
	refused5  uint32
	appended  uint32 // appends that were or may have been done
	copied    uint32 // copies that were or may have been made
	declined  uint32 // appends, copies and moves answered NO
	bounced   bool
	altered   bool // a reader got other bytes

	first, last uint32   // its operations, as indexes into Judge.recs
	stranger    *hist.Op // the first view that showed it before any source was known
}

// How a copy came about.
type origin uint8

const (
	seen      origin = iota // a view showed it; nobody promised it
	delivered               // LMTP 250
	appended                // OK to APPEND
	copied                  // OK to COPY
	moved                   // OK to MOVE
)

// slot is one copy of a message: a place in a mailbox. While uid is 0 the copy
// is promised but nobody has been told where.
type slot struct {
	box      *mailbox
	msg      *letter // nil while nobody has said what is there
	nextCopy *slot
	source   *slot // where it was copied or moved from, if that had no name yet
	uid      uint32
	validity uint32
	stamp    uint32 // the last view that showed it
	origin   origin
	shown    bool // a view has shown what is there
	expunged bool // removal by expunge or deletion of the mailbox was acknowledged
	movedOut bool // removal by move was acknowledged
	mayGo    bool // an expunge or deletion without a definite answer
	mayMove  bool // a move without a definite answer
	declined bool // an operation on it was answered NO
	copied   int  // how often it was, or may have been, copied before it was named

	sinceUS int64 // promised at; every view sent later must show it
	bornUS  int64 // what put it here was sent at
	maybeUS int64 // the earliest sending of a removal that may have worked
	goneUS  int64 // the first acknowledgement of a removal; never while it lives

	size, date int64  // as first shown
	digest     string // as first read
	flags      []flagState
	missing    *hist.Op // the first view that should have shown it
	missingUS  int64    // when that view was answered
	risen      bool     // shown after its removal was acknowledged
	on, whole  uint64   // who shows it in the end; with a body
	damaged    uint64   // who shows it with another body, or none
	bodiless   uint64   // who shows it with none
}

func (s *slot) gone() bool     { return s.expunged || s.movedOut }
func (s *slot) promised() bool { return s.sinceUS != never }

// due tells whether a view taken between sent and answered must show s.
func (s *slot) due(sentUS, answeredUS int64) bool {
	return s.sinceUS < sentUS && s.maybeUS > answeredUS && s.box.maybeUS > answeredUS
}

// mailbox is one mailbox of one account under its latest UIDVALIDITY.
type mailbox struct {
	acct *account
	name string

	validity   uint32
	validityUS int64 // first shown at
	// settledUS is when an answer first showed this era: only what was asked
	// later means its UIDs. never after a deletion, until the next answer.
	settledUS int64
	live      []*slot // by UID
	dead      int     // how many of live are gone
	gone      map[uint32]*slot
	unplaced  []*slot // promised, place unknown
	nexts     steps   // UIDNEXT as shown
	tops      steps   // the highest UID known
	shorts    []short // counts that were too low

	sinceUS   int64            // known to exist since; never if not
	maybeUS   int64            // the earliest sending of a deletion that may have worked
	deletedUS int64            // the last acknowledged deletion; before if none
	removalUS int64            // the last answer to a deletion that worked, or may have
	reborn    bool             // it was, or may have been, deleted at some time
	created   bool             // by an acknowledged CREATE
	loose     int              // removals by UIDs of an era that is not certain
	looseUIDs map[uint32]int64 // the earliest sending of each
	blindUS   int64            // the earliest sending of a removal of something without a name
	hidden    *hist.Op
	hideUS    int64

	looked    uint64 // the replicas whose last look was the end
	holding   uint64 // of those, which have this mailbox
	read      bool   // the last look through IMAP was the end
	blind     int    // removals of messages that nobody ever named
	lost      int    // copies found lost
	createdOp *hist.Op
	reading   *picture   // the last look through IMAP
	audits    []*picture // the last audit per replica
}

// steps is a quantity that only rises, over time.
type steps []step

type step struct {
	atUS  int64
	value uint32
}

func (s *steps) rise(atUS int64, value uint32) {
	if n := len(*s); n == 0 || (*s)[n-1].value < value {
		*s = append(*s, step{atUS, value})
	}
}

// before is the highest value shown before the given time.
func (s steps) before(us int64) uint32 {
	i, _ := slices.BinarySearchFunc(s, us, func(e step, us int64) int {
		if e.atUS < us {
			return -1
		}
		return 1
	})
	if i == 0 {
		return 0
	}
	return s[i-1].value
}

// short is a count that was too low by n, unless removals still in flight
// account for it.
type short struct {
	op         *hist.Op
	answeredUS int64
	n          int
}

// picture is what one look at a mailbox showed.
type picture struct {
	op       *hist.Op // without messages
	sentUS   int64
	validity uint32
	slots    []*slot
	sum      uint64  // of everything shown; audits only
	prints   []print // per message; audits only
	harm     []harm
}

// print is the sum of everything that an audit showed of one message.
type print struct {
	uid uint32
	sum uint64
}

// harm is a message whose body is not what was sent.
type harm struct {
	slot     *slot
	bodiless bool
	op       *hist.Op
	text     string
}

func (j *Judge) account(name string) *account {
	a := j.byName[name]
	if a == nil {
		a = &account{name: name, boxes: map[string]*mailbox{}, letters: map[string]*letter{}, quietUS: before, blindUS: never}
		j.byName[name] = a
		j.accounts = append(j.accounts, a)
	}
	return a
}

func (a *account) mailbox(name string) *mailbox {
	if name == "" || strings.EqualFold(name, inbox) {
		name = inbox
	}
	b := a.boxes[name]
	if b == nil {
		name = strings.Clone(name)
		b = &mailbox{acct: a, name: name, sinceUS: never, maybeUS: never, blindUS: never, settledUS: never, deletedUS: before, removalUS: before}
		a.boxes[name] = b
		a.order = append(a.order, b)
	}
	return b
}

func (j *Judge) letter(a *account, key string) *letter {
	l := a.letters[key]
	if l == nil {
		key = strings.Clone(key)
		l = &letter{key: key, acct: a, intendedUS: never, sentUS: never, ackedUS: never, spooledUS: never}
		a.letters[key] = l
		j.letters = append(j.letters, l)
	}
	return l
}

// find is the slot of uid, nil if nobody has spoken of it. hint is where in
// live it probably is.
func (b *mailbox) find(uid uint32, hint int) (*slot, int) {
	if hint < len(b.live) && b.live[hint].uid == uid {
		return b.live[hint], hint
	}
	i, ok := b.index(uid)
	if ok {
		return b.live[i], i
	}
	return b.gone[uid], i
}

func (b *mailbox) index(uid uint32) (int, bool) {
	if n := len(b.live); n == 0 || b.live[n-1].uid < uid {
		return n, false
	}
	return slices.BinarySearchFunc(b.live, uid, func(s *slot, uid uint32) int {
		return int(int64(s.uid) - int64(uid))
	})
}

// place puts s at its UID.
func (b *mailbox) place(s *slot) {
	s.validity = b.validity
	if us, ok := b.looseUIDs[s.uid]; ok {
		s.mayGo, s.mayMove, s.maybeUS = true, true, min(s.maybeUS, us)
	}
	i, ok := b.index(s.uid)
	if ok { // the UID was used twice; the old slot stays with its letter
		b.live[i] = s
		return
	}
	delete(b.gone, s.uid)
	b.live = slices.Insert(b.live, i, s)
}

// slot is the slot of uid, made if need be.
func (b *mailbox) slot(uid uint32) *slot {
	s, _ := b.find(uid, len(b.live))
	if s == nil {
		s = b.fresh(nil)
		s.uid = uid
		b.place(s)
	}
	return s
}

func (b *mailbox) fresh(l *letter) *slot {
	s := &slot{box: b, sinceUS: never, bornUS: never, maybeUS: never, goneUS: never, date: -1, size: -1}
	s.is(l)
	return s
}

// is learns what message is in s.
func (s *slot) is(l *letter) {
	if s.msg == nil && l != nil {
		s.msg, s.nextCopy, l.copies = l, l.copies, s
		l.copied += uint32(s.copied)
		s.box.acct.blindCopies -= s.copied
		if s.source != nil && s.source.msg == nil {
			s.source.box.recognise(s.source, l)
		}
	}
}

// bury counts a slot that has gone, and clears the dead away when they are
// many.
func (b *mailbox) bury(s *slot) {
	if s.uid == 0 {
		return
	}
	if b.dead++; b.dead < 32 || b.dead < len(b.live)/2 {
		return
	}
	if b.gone == nil {
		b.gone = map[uint32]*slot{}
	}
	b.live = slices.DeleteFunc(b.live, func(s *slot) bool {
		if s.gone() {
			b.gone[s.uid] = s
		}
		return s.gone()
	})
	b.dead = 0
}
