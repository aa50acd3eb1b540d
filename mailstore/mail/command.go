package mail

// Command is a change of the mail store. Every replica applies the same
// commands in the same order, so a command carries all that a change depends
// on: above all the time, which is the clock of the node that made it.
type Command interface {
	kind() byte
	put(w *writer)
	get(r *reader)
}

// The first byte of a command.
const (
	kindCreateAccounts byte = iota + 1
	kindSetClosed
	kindDeliver
	kindAppend
	kindCreateMailbox
	kindDeleteMailbox
	kindStore
	kindCopy
	kindExpunge
	kindStage
	kindSweep
	kindRaise
)

// NewAccount is an account to be made.
type NewAccount struct {
	Address  string
	Password Digest
}

// CreateAccounts makes accounts, each with an INBOX. One that exists is left
// as it is.
type CreateAccounts struct{ Accounts []NewAccount }

// SetClosed closes or reopens accounts.
type SetClosed struct {
	Closed   bool
	Accounts []string
}

// Content is the body of a message in a command. Of a long one Data is only the
// end, and the parts before it were stored by StagePart commands under Token.
type Content struct {
	Data   []byte
	Token  string
	Size   uint64
	Digest Digest
}

// Deliver puts one message into the INBOX of each recipient.
type Deliver struct {
	Date       int64
	Recipients []string
	Content    Content
}

// Append puts one message into a mailbox.
type Append struct {
	Account, Mailbox string
	Flags            Flags
	Date             int64
	Zone             int32
	Content          Content
}

// CreateMailbox makes a mailbox.
type CreateMailbox struct{ Account, Mailbox string }

// DeleteMailbox removes a mailbox and its messages.
type DeleteMailbox struct{ Account, Mailbox string }

// Range is the UIDs from First to Last, both included. The ranges of a command
// ascend and do not overlap.
type Range struct{ First, Last uint32 }

// Target names messages of one incarnation of a mailbox: a command against a
// mailbox that was deleted and made again in between does nothing.
type Target struct {
	Account, Mailbox string
	UIDValidity      uint32
	UIDs             []Range
}

// Store changes the flags of messages.
type Store struct {
	Target Target
	Op     FlagsOp
	Flags  Flags
}

// Copy copies messages to another mailbox, and with Move takes them out of the
// first in the same step.
type Copy struct {
	Target Target
	To     string
	Move   bool
}

// Expunge removes those messages of its target that are flagged \Deleted.
type Expunge struct{ Target Target }

// StagePart stores a part of a body ahead of the command that needs it. Parts
// are numbered from 0 and may arrive in any order.
type StagePart struct {
	Token string
	Part  uint32
	At    int64
	Data  []byte
}

// Sweep clears away a little of what deletions left to be cleared away.
type Sweep struct{}

// Raise gives every mailbox a UIDVALIDITY that none ever had: after a recovery,
// UIDs may have been given out that nobody remembers. Jump is how many
// UIDVALIDITYs may be among what was lost; Doubt says that UIDs may also be in
// use which their mailbox does not know of.
type Raise struct {
	Jump  uint64
	Doubt bool
}

// Encode returns a command's bytes.
func Encode(c Command) []byte {
	w := writer{make([]byte, 0, sizeHint(c))}
	w.byte(c.kind())
	c.put(&w)
	return w.b
}

// sizeHint guesses the size of a command, to allocate once.
func sizeHint(c Command) int {
	switch c := c.(type) {
	case *Deliver:
		return 128 + 64*len(c.Recipients) + len(c.Content.Data)
	case *Append:
		return 256 + len(c.Content.Data)
	case *StagePart:
		return 128 + len(c.Data)
	}
	return 128
}

// Decode reads a command. Its byte slices share memory with b.
func Decode(b []byte) (Command, error) {
	r := reader{b: b}
	c := newCommand(r.byte())
	if c == nil {
		return nil, ErrMalformed
	}
	c.get(&r)
	if err := r.end(); err != nil {
		return nil, err
	}
	return c, nil
}

func newCommand(kind byte) Command {
	switch kind {
	case kindCreateAccounts:
		return new(CreateAccounts)
	case kindSetClosed:
		return new(SetClosed)
	case kindDeliver:
		return new(Deliver)
	case kindAppend:
		return new(Append)
	case kindCreateMailbox:
		return new(CreateMailbox)
	case kindDeleteMailbox:
		return new(DeleteMailbox)
	case kindStore:
		return new(Store)
	case kindCopy:
		return new(Copy)
	case kindExpunge:
		return new(Expunge)
	case kindStage:
		return new(StagePart)
	case kindSweep:
		return new(Sweep)
	case kindRaise:
		return new(Raise)
	}
	return nil
}

func (*CreateAccounts) kind() byte { return kindCreateAccounts }
func (*SetClosed) kind() byte      { return kindSetClosed }
func (*Deliver) kind() byte        { return kindDeliver }
func (*Append) kind() byte         { return kindAppend }
func (*CreateMailbox) kind() byte  { return kindCreateMailbox }
func (*DeleteMailbox) kind() byte  { return kindDeleteMailbox }
func (*Store) kind() byte          { return kindStore }
func (*Copy) kind() byte           { return kindCopy }
func (*Expunge) kind() byte        { return kindExpunge }
func (*StagePart) kind() byte      { return kindStage }
func (*Sweep) kind() byte          { return kindSweep }
func (*Raise) kind() byte          { return kindRaise }

func (c *CreateAccounts) put(w *writer) {
	list(w, c.Accounts, func(a NewAccount) {
		w.string(a.Address)
		w.fixed(a.Password[:])
	})
}

func (c *CreateAccounts) get(r *reader) {
	c.Accounts = take(r, func() NewAccount {
		a := NewAccount{Address: r.string()}
		r.fixed(a.Password[:])
		return a
	})
}

func (c *SetClosed) put(w *writer) {
	w.bool(c.Closed)
	w.strings(c.Accounts)
}

func (c *SetClosed) get(r *reader) {
	c.Closed = r.bool()
	c.Accounts = r.strings()
}

func (c *Content) put(w *writer) {
	w.string(c.Token)
	w.fixed(c.Digest[:])
	if c.Token != "" {
		w.uint(c.Size)
	}
	w.bytes(c.Data)
}

func (c *Content) get(r *reader) {
	c.Token = r.string()
	r.fixed(c.Digest[:])
	if c.Token != "" {
		c.Size = r.uint()
	}
	c.Data = r.bytes()
	if c.Token == "" {
		c.Size = uint64(len(c.Data))
	}
}

func (c *Deliver) put(w *writer) {
	w.int(c.Date)
	w.strings(c.Recipients)
	c.Content.put(w)
}

func (c *Deliver) get(r *reader) {
	c.Date = r.int()
	c.Recipients = r.strings()
	c.Content.get(r)
}

func (c *Append) put(w *writer) {
	w.string(c.Account)
	w.string(c.Mailbox)
	w.flags(c.Flags)
	w.int(c.Date)
	w.int(int64(c.Zone))
	c.Content.put(w)
}

func (c *Append) get(r *reader) {
	c.Account = r.string()
	c.Mailbox = r.string()
	c.Flags = r.flags()
	c.Date = r.int()
	c.Zone = r.zone()
	c.Content.get(r)
}

func (c *CreateMailbox) put(w *writer) { w.string(c.Account); w.string(c.Mailbox) }
func (c *CreateMailbox) get(r *reader) { c.Account, c.Mailbox = r.string(), r.string() }
func (c *DeleteMailbox) put(w *writer) { w.string(c.Account); w.string(c.Mailbox) }
func (c *DeleteMailbox) get(r *reader) { c.Account, c.Mailbox = r.string(), r.string() }

func (t *Target) put(w *writer) {
	w.string(t.Account)
	w.string(t.Mailbox)
	w.uint(uint64(t.UIDValidity))
	w.ranges(t.UIDs)
}

func (t *Target) get(r *reader) {
	t.Account = r.string()
	t.Mailbox = r.string()
	t.UIDValidity = r.uint32()
	t.UIDs = r.ranges()
}

func (c *Store) put(w *writer) {
	c.Target.put(w)
	w.byte(byte(c.Op))
	w.flags(c.Flags)
}

func (c *Store) get(r *reader) {
	c.Target.get(r)
	c.Op = FlagsOp(r.byte())
	if c.Op > RemoveFlags {
		r.fail()
	}
	c.Flags = r.flags()
}

func (c *Copy) put(w *writer) {
	c.Target.put(w)
	w.string(c.To)
	w.bool(c.Move)
}

func (c *Copy) get(r *reader) {
	c.Target.get(r)
	c.To = r.string()
	c.Move = r.bool()
}

func (c *Expunge) put(w *writer) { c.Target.put(w) }
func (c *Expunge) get(r *reader) { c.Target.get(r) }

func (c *StagePart) put(w *writer) {
	w.string(c.Token)
	w.uint(uint64(c.Part))
	w.int(c.At)
	w.bytes(c.Data)
}

func (c *StagePart) get(r *reader) {
	c.Token = r.string()
	c.Part = r.uint32()
	c.At = r.int()
	c.Data = r.bytes()
}

func (*Sweep) put(*writer) {}
func (*Sweep) get(*reader) {}

func (c *Raise) put(w *writer) { w.uint(c.Jump); w.bool(c.Doubt) }
func (c *Raise) get(r *reader) { c.Jump, c.Doubt = r.uint(), r.bool() }
