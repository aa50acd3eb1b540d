package mail

// Code is the result of a command, or of one recipient or account of it.
type Code byte

// The results. All but OK mean that nothing was done.
const (
	OK        Code = iota
	NoAccount      // there is no such account
	Closed         // the account exists and is not available yet
	NoMailbox      // there is no such mailbox, or it is another by now
	NoTarget       // there is no mailbox to copy to
	Exists         // there is one already
	Forbidden      // may not be done at all, as deleting INBOX
	StageLost      // the body is not there: not stored, or cleaned away
	Exhausted      // a counter has no next value
	TooMany        // more keywords than a message may have
	TooMuch        // more messages than one command may copy
	Lost           // a record that it needs was lost in a recovery
	lastCode  = Lost
)

// Changed is a message whose flags a Store looked at, as they are now.
type Changed struct {
	UID   uint32
	Flags Flags
}

// Reply is what a command did. Which fields are set depends on the command.
type Reply struct {
	Code  Code
	Codes []Code // Deliver, CreateAccounts: one per recipient or account
	// UIDValidity and To say where messages went, From which they were.
	UIDValidity uint32
	From, To    []uint32
	Changed     []Changed // Store
	// More means that the command stopped at its bound, after UID Last, and has
	// to be given again for the rest.
	More bool
	Last uint32
	// Before and After are the mailbox's highest mod-sequence around the
	// command: a session that knew all up to Before knows all up to After.
	Before, After uint64
}

// Encode returns the reply's bytes.
func (p *Reply) Encode() []byte {
	w := writer{make([]byte, 0, 16+4*len(p.To)+8*len(p.Changed))}
	w.byte(byte(p.Code))
	list(&w, p.Codes, func(c Code) { w.byte(byte(c)) })
	w.uint(uint64(p.UIDValidity))
	w.uids(p.From)
	w.uids(p.To)
	list(&w, p.Changed, func(c Changed) {
		w.uint(uint64(c.UID))
		w.flags(c.Flags)
	})
	w.bool(p.More)
	w.uint(uint64(p.Last))
	w.uint(p.Before)
	w.uint(p.After)
	return w.b
}

// DecodeReply reads a Reply.
func DecodeReply(b []byte) (p Reply, err error) {
	r := reader{b: b}
	p.Code = r.code()
	p.Codes = take(&r, r.code)
	p.UIDValidity = r.uint32()
	p.From = r.uids()
	p.To = r.uids()
	p.Changed = take(&r, func() Changed { return Changed{UID: r.uint32(), Flags: r.flags()} })
	p.More = r.bool()
	p.Last = r.uint32()
	p.Before = r.uint()
	p.After = r.uint()
	return p, r.end()
}

func (r *reader) code() Code {
	c := Code(r.byte())
	if c > lastCode {
		r.fail()
	}
	return c
}
