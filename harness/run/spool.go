package run

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"fourdays/harness/hist"
	"fourdays/harness/letter"
	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/storage/vol"
)

// spool is the provider's own mail exchanger: it answers senders in the store's
// place, and its 250 is a promise. Each message is a file of its own on a volume
// of an array, written, synced and renamed before the answer, as the queues of
// mail servers are. It passes on what it has when the store takes it. It has
// power when its array has, and after a power cut it knows what its volume
// holds, and nothing else.
type spool struct {
	st     *stage
	array  string
	volume vol.Volume
	report report.Spool

	on       bool // it has power
	life     int  // how often it had it: what was asked of the volume before is void
	ready    bool // its folders are there
	files    int
	ever     map[string]*queued // every file that it began, by name
	mail     []*queued          // what it should have and has not passed on, in order
	sessions []*session
	unheard  map[*vol.Op]time.Duration // what the volume has not answered, and since when
	// refused is the last answer to a sender, if it was no promise: what the
	// world meets here now.
	refused *hist.Op

	pass    *pass          // over the queue, nil when none is under way
	planned *time.Duration // when the next begins
	wait    time.Duration  // before the next pass, after one that failed
	behind  bool           // something had to wait, and it has not been told that nothing does
	holding bool           // the run is over: nothing begins any more
}

// queued is one message of the queue: a file, and whom it is for.
type queued struct {
	name     string // of its file
	message  string
	size     int // of the message
	bytes    int // of the file
	bornUS   int64
	accounts []string
	tries    int
	// passed are the recipients that have it, as far as the exchanger remembers:
	// it keeps that in memory, and the file until all have it.
	passed  map[string]bool
	broken  string // why it can never be passed on
	missing bool   // the volume did not list it
}

// The folders of a spool: a file is written in one and renamed into the other.
const (
	spoolTemp  = "tmp"
	spoolQueue = "queue"
)

// spoolHead is the first line of a file.
const spoolHead = "spool 1\n"

// buildSpools makes the exchangers that the script names.
func (st *stage) buildSpools() {
	for _, name := range st.s.Spools() {
		st.spools = append(st.spools, &spool{
			st: st, array: name, volume: st.volume(scenario.SpoolVolume(name)), on: true, ever: map[string]*queued{}, unheard: map[*vol.Op]time.Duration{}, report: report.Spool{Array: name},
		})
	}
}

// spool is the exchanger on an array, nil if none lies there.
func (st *stage) spool(array string) *spool {
	for _, sp := range st.spools {
		if sp.array == array {
			return sp
		}
	}
	return nil
}

// do asks the volume. What is answered after a power cut is nobody's.
func (sp *spool) do(op *vol.Op, then func(vol.Result)) {
	life := sp.life
	sp.unheard[op] = sp.st.Now()
	sp.volume.Do(op, func(r vol.Result) {
		sp.st.w.At(sp.st.w.Now(), func() {
			if life == sp.life {
				delete(sp.unheard, op)
				then(r)
			}
		})
	})
}

// stuck says whether the volume hangs: it owes an answer for longer than the
// exchanger is patient.
func (sp *spool) stuck() bool {
	for _, since := range sp.unheard {
		if sp.st.Now()-since > spoolPatience {
			return true
		}
	}
	return false
}

// steps asks one after the other and stops at the first that fails. What an Open
// answers is meant by all that come after it, and a Read without room gets as
// much as the file has.
func (sp *spool) steps(ops []*vol.Op, then func(vol.Result)) {
	var file vol.FileID
	var info vol.Info
	var next func(i int, last vol.Result)
	next = func(i int, last vol.Result) {
		if i == len(ops) || last.Errno != 0 {
			if last.Errno != 0 && file != 0 {
				sp.do(&vol.Op{Kind: vol.Close, File: file}, func(vol.Result) {})
			}
			then(last)
			return
		}
		op := ops[i]
		switch op.Kind {
		case vol.Write, vol.Sync, vol.Close:
			op.File = file
		case vol.Read:
			op.File, op.Data = file, make([]byte, min(max(info.Size, 0), spoolMost))
		}
		sp.do(op, func(r vol.Result) {
			switch {
			case op.Kind == vol.Open && r.Errno == 0:
				file, info = r.File, r.Info
			case op.Kind == vol.Close:
				file = 0
			case op.Kind == vol.Mkdir && r.Errno == syscall.EEXIST:
				r.Errno = 0
			case op.Kind == vol.Write && r.Errno == 0 && r.N < len(op.Data):
				r.Errno = syscall.EIO
			case op.Kind == vol.Read && r.Errno == 0:
				op.Data = op.Data[:max(0, min(r.N, len(op.Data)))]
			}
			next(i+1, r)
		})
	}
	next(0, vol.Result{})
}

// spoolMost bounds what is read of a file: more is no file of a spool.
const spoolMost = 64 << 20

// session is one transaction of a sender with the exchanger.
type session struct {
	sp     *spool
	group  []*hist.Op
	done   func([]*hist.Op)
	sent   time.Duration
	over   bool // the sender has an answer, or has gone
	queued *queued
}

// accept takes a message for its recipients, or does not.
func (sp *spool) accept(group []*hist.Op, done func([]*hist.Op)) {
	s := &session{sp: sp, group: group, done: done, sent: sp.st.Now()}
	if !sp.on {
		s.answer(hist.No, unreachReply)
		return
	}
	if sp.stuck() { // whoever waits already waits; nobody else has to
		s.answer(hist.No, spoolRefusal(syscall.ETIMEDOUT))
		return
	}
	first := group[0]
	raw := letter.Make(first.Message, first.Size)
	for _, op := range group {
		op.Digest = letter.Digest(raw)
	}
	sp.files++
	s.queued = &queued{name: fmt.Sprintf("%08d", sp.files), message: first.Message, size: first.Size, bornUS: first.IntendedUS, passed: map[string]bool{}}
	sp.ever[s.queued.name] = s.queued
	for _, op := range group {
		s.queued.accounts = append(s.queued.accounts, op.Account)
	}
	sp.sessions = append(sp.sessions, s)
	sp.st.At(s.sent+time.Duration(first.TimeoutUS)*time.Microsecond, func() { s.answer(hist.Unknown, "no answer in time [dot]") })
	s.write(s.queued.file(raw))
}

// file is a message as the spool keeps it: whom it is for, and its bytes.
func (q *queued) file(raw []byte) []byte {
	var b bytes.Buffer
	b.WriteString(spoolHead)
	for _, a := range q.accounts {
		b.WriteString("for " + a + "\n")
	}
	b.WriteByte('\n')
	b.Write(raw)
	q.bytes = b.Len()
	return b.Bytes()
}

// parseSpooled reads a file of a spool: whom the message is for, and its bytes.
func parseSpooled(file []byte) (accounts []string, raw []byte, err error) {
	rest, ok := bytes.CutPrefix(file, []byte(spoolHead))
	if !ok {
		return nil, nil, fmt.Errorf("read queue file: it does not begin with %q", strings.TrimSpace(spoolHead))
	}
	for {
		line, after, ok := bytes.Cut(rest, []byte("\n"))
		switch account, is := strings.CutPrefix(string(line), "for "); {
		case !ok:
			return nil, nil, fmt.Errorf("read queue file: its recipients do not end")
		case len(line) == 0 && len(accounts) > 0:
			return accounts, after, nil
		case !is || account == "" || strings.ContainsFunc(account, unprintable):
			return nil, nil, fmt.Errorf("read queue file: %q is no recipient", line[:min(len(line), 80)])
		default:
			accounts = append(accounts, account)
		}
		rest = after
	}
}

func unprintable(r rune) bool { return r <= ' ' || r > '~' }

// write puts the file on the volume: first under another name, and durable
// before it gets its own.
func (s *session) write(file []byte) {
	sp, temp, name := s.sp, spoolTemp+"/"+s.queued.name, spoolQueue+"/"+s.queued.name
	var ops []*vol.Op
	if !sp.ready {
		ops = []*vol.Op{{Kind: vol.Mkdir, Path: spoolTemp}, {Kind: vol.Mkdir, Path: spoolQueue}, {Kind: vol.SyncDir, Path: "."}}
	}
	ops = append(ops,
		&vol.Op{Kind: vol.Open, Path: temp, Flag: os.O_CREATE | os.O_EXCL | os.O_WRONLY},
		&vol.Op{Kind: vol.Write, Data: file}, &vol.Op{Kind: vol.Sync}, &vol.Op{Kind: vol.Close},
		&vol.Op{Kind: vol.Rename, Path: temp, To: name}, &vol.Op{Kind: vol.SyncDir, Path: spoolQueue},
	)
	sp.steps(ops, func(r vol.Result) {
		if r.Errno != 0 {
			sp.do(&vol.Op{Kind: vol.Unlink, Path: temp}, func(vol.Result) {})
			s.answer(hist.No, spoolRefusal(r.Errno))
			return
		}
		sp.ready = true
		s.kept()
	})
}

// spoolRefusal is the answer when the volume does not take a file: it may be
// asked for again (RFC 5321 §4.2.1).
func spoolRefusal(e syscall.Errno) string {
	if e == syscall.ENOSPC || e == syscall.EDQUOT {
		return "452 4.3.1 the queue has no room [dot]"
	}
	return fmt.Sprintf("451 4.3.0 the queue cannot be written: %v [dot]", e)
}

// kept notes that the file is in the queue. The sender may have gone: then it
// comes again with a message that is on its way already.
func (s *session) kept() {
	sp, q := s.sp, s.queued
	sp.mail = append(sp.mail, q)
	sp.report.Messages++
	if messages, size := sp.room(); messages > sp.report.PeakMessages || size > sp.report.PeakBytes {
		sp.report.PeakMessages, sp.report.PeakBytes = max(messages, sp.report.PeakMessages), max(size, sp.report.PeakBytes)
	}
	sp.report.DrainedAtMS = nil
	s.answer(hist.OK, "250 2.0.0 queued [dot]")
	sp.later(sp.wait)
}

// room is how much the queue holds.
func (sp *spool) room() (messages, size int64) {
	for _, q := range sp.mail {
		if !q.missing {
			messages, size = messages+1, size+int64(q.bytes)
		}
	}
	return messages, size
}

// answer ends a session, once.
func (s *session) answer(outcome hist.Outcome, reply string) {
	if s.over {
		return
	}
	s.over = true
	sp, now := s.sp, s.sp.st.Now()
	for i, other := range sp.sessions {
		if other == s {
			sp.sessions = append(sp.sessions[:i], sp.sessions[i+1:]...)
			break
		}
	}
	for _, op := range s.group {
		op.Node, op.Outcome, op.Reply = hist.Spool, outcome, reply
		op.SentUS, op.AnsweredUS = s.sent.Microseconds(), now.Microseconds()
	}
	recipients := int64(len(s.group))
	if outcome == hist.OK {
		sp.refused = nil
		sp.report.Accepted += recipients
		if sp.report.FirstAtMS == nil {
			sp.report.FirstAtMS = ms(now)
		}
	} else {
		sp.refused = s.group[0]
		sp.report.Refused += recipients
	}
	sp.st.w.At(sp.st.w.Now(), func() { s.done(s.group) })
}

// powerLoss ends the exchanger with its array: connections break, and what was
// not durable is gone.
func (sp *spool) powerLoss() {
	sp.on, sp.ready, sp.pass, sp.planned = false, false, nil, nil
	sp.life++
	clear(sp.unheard)
	sp.volume.(vol.Machine).PowerLoss() // every volume of an array is one
	for _, s := range append([]*session(nil), sp.sessions...) {
		s.answer(hist.Unknown, "connection lost [dot]")
	}
	for _, q := range sp.mail {
		q.passed = map[string]bool{}
	}
}

// powerOn starts it again. It begins with a look at its queue.
func (sp *spool) powerOn() {
	sp.on, sp.wait = true, 0
	sp.later(0)
}

// idle says that nothing is under way.
func (sp *spool) idle() bool { return sp.pass == nil && len(sp.sessions) == 0 }
