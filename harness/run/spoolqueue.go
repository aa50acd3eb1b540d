package run

import (
	"encoding/base64"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fourdays/harness/hist"
	"fourdays/harness/letter"
	"fourdays/storage/vol"
)

// How an exchanger works through its queue. The waits are Postfix's
// minimal_backoff_time and maximal_backoff_time, and the window its
// default_destination_concurrency_limit. It never gives up: a provider raises
// that limit before anything bounces (picked).
const (
	spoolWaitFirst = 300 * time.Second
	spoolWaitMost  = 4000 * time.Second
	spoolWindow    = 20
	// spoolPatience is how long it waits for its own volume before it leaves the
	// queue alone; picked.
	spoolPatience = time.Minute
	// lmtpPatience is Postfix's lmtp_data_done_timeout.
	lmtpPatience = 600 * time.Second
	// spoolRefusals is after how many messages that the store puts off, and none
	// that it takes, a pass is given up: that many recipients are not the reason
	// (picked).
	spoolRefusals = 3
)

// pass is one way through the queue: one message at first, and when the store
// has taken that, many at a time.
type pass struct {
	sp     *spool
	names  []string
	window int
	open   int
	node   int  // whom it turns to
	putOff int  // messages that the store put off before it took one
	failed bool // the store, or the volume, does not do it now
}

// flush has every queue tried at once, as an operator does who knows that the
// store is back.
func (st *stage) flushSpools() {
	for _, sp := range st.spools {
		sp.wait = 0
		sp.later(0)
	}
}

// later plans a pass, unless one is planned that comes before.
func (sp *spool) later(d time.Duration) {
	at := sp.st.Now() + d
	if sp.planned != nil && *sp.planned <= at {
		return
	}
	sp.planned = &at
	plan := sp.planned
	sp.st.dueAt(at, func() {
		if plan == sp.planned {
			sp.planned = nil
			sp.begin()
		}
	})
}

// begin goes through the queue, unless it is being gone through.
func (sp *spool) begin() {
	if !sp.on || sp.holding || sp.pass != nil {
		return
	}
	p := &pass{sp: sp, window: 1}
	sp.pass = p
	files := sp.files
	p.ask(func(then func(vol.Result)) { sp.do(&vol.Op{Kind: vol.ReadDir, Path: spoolQueue}, then) }, func(r vol.Result) {
		if r.Errno != 0 && r.Errno != syscall.ENOENT {
			p.failed = true
		} else {
			p.list(r.Entries, files)
		}
		p.next()
	})
}

// list takes what the volume shows of the queue: that, and nothing else, is there
// to be passed on. What was removed and is back is passed on again. Of the files
// that were begun since, nobody has looked yet.
func (p *pass) list(entries []vol.Info, before int) {
	sp := p.sp
	for _, e := range entries {
		p.names = append(p.names, e.Name)
		if q := sp.ever[e.Name]; q != nil && sp.named(e.Name) == nil {
			q.passed = map[string]bool{}
			sp.mail = append(sp.mail, q)
		}
	}
	slices.SortStableFunc(p.names, func(a, b string) int { return sp.tries(a) - sp.tries(b) })
	for _, q := range sp.mail {
		n, _ := strconv.Atoi(q.name) // our own name
		q.missing = n <= before && !slices.Contains(p.names, q.name)
	}
}

// tries is how often a file was tried. What was put off stands behind the rest,
// so that it never keeps others from their turn.
func (sp *spool) tries(name string) int {
	if q := sp.named(name); q != nil {
		return q.tries
	}
	return 0
}

// waits says whether a message has a recipient that could be tried: the accounts
// that are closed are known here.
func (sp *spool) waits(q *queued) bool {
	return q.broken == "" && !q.missing && len(sp.open(q)) > 0
}

func (sp *spool) open(q *queued) (accounts []string) {
	for _, a := range q.accounts {
		if !q.passed[a] && !sp.st.front.closed[a] {
			accounts = append(accounts, a)
		}
	}
	return accounts
}

// ask asks the volume and does not wait for ever. A pass that was given up gets
// no answer.
func (p *pass) ask(ask func(func(vol.Result)), then func(vol.Result)) {
	answered := false
	p.open++
	settle := func(r vol.Result) {
		if answered || p.sp.pass != p {
			return
		}
		answered = true
		p.open--
		then(r)
	}
	ask(settle)
	p.sp.st.At(p.sp.st.Now()+spoolPatience, func() { settle(vol.Result{Errno: syscall.ETIMEDOUT}) })
}

// next begins with as many messages as may be under way, and ends the pass when
// there is nothing left.
func (p *pass) next() {
	if p.sp.pass != p {
		return
	}
	for p.open < p.window && len(p.names) > 0 && !p.failed && !p.sp.holding {
		name := p.names[0]
		p.names = p.names[1:]
		if q := p.sp.named(name); q != nil && p.sp.waits(q) {
			p.read(q)
		}
	}
	if p.open == 0 {
		p.end()
	}
}

func (sp *spool) named(name string) *queued {
	for _, q := range sp.mail {
		if q.name == name {
			return q
		}
	}
	return nil
}

// end plans the next pass: later and later while it fails, and none when there
// is nothing to try.
func (p *pass) end() {
	sp := p.sp
	sp.pass = nil
	sp.behind = sp.behind || p.failed
	sp.drained()
	switch {
	case p.failed:
		sp.wait = min(max(2*sp.wait, spoolWaitFirst), spoolWaitMost)
		sp.later(sp.wait)
	case slices.ContainsFunc(sp.mail, sp.waits): // what is not in the list, or came meanwhile
		sp.wait = max(sp.wait, spoolWaitFirst)
		sp.later(sp.wait)
	default:
		sp.wait = 0
	}
}

// read takes a message from the volume.
func (p *pass) read(q *queued) {
	name := spoolQueue + "/" + q.name
	data := &vol.Op{Kind: vol.Read}
	p.ask(func(then func(vol.Result)) {
		p.sp.steps([]*vol.Op{{Kind: vol.Open, Path: name, Flag: os.O_RDONLY}, data, {Kind: vol.Close}}, then)
	}, func(r vol.Result) {
		if r.Errno != 0 {
			p.failed = p.failed || r.Errno != syscall.ENOENT
			p.next()
			return
		}
		p.send(q, data.Data)
	})
}

// send passes a message on, as it was read: an exchanger knows of no digest.
func (p *pass) send(q *queued, file []byte) {
	accounts, raw, err := parseSpooled(file)
	if err != nil {
		q.broken = err.Error()
		p.sp.st.tell("detected", "the spool on %s puts %s aside: %v", p.sp.array, q.name, err)
		p.next()
		return
	}
	q.tries++
	var group []*hist.Op
	for _, a := range accounts {
		if !q.passed[a] && !p.sp.st.front.closed[a] && len(group) < 100 {
			group = append(group, p.delivery(q, a, raw))
		}
	}
	q.accounts = accounts
	if len(group) == 0 {
		p.finish(q)
		return
	}
	p.open++
	p.try(q, group, 0)
}

func (p *pass) delivery(q *queued, account string, raw []byte) *hist.Op {
	op := &hist.Op{
		Kind: hist.Deliver, By: hist.Spool, Account: account, Message: q.message, Size: q.size, Try: q.tries,
		IntendedUS: p.sp.st.Now().Microseconds(), TimeoutUS: p.sp.patience().Microseconds(),
	}
	if key, digest := letter.Read(raw); key != q.message || digest != letter.Digest(letter.Make(q.message, q.size)) {
		op.Text = base64.StdEncoding.EncodeToString(raw)
	}
	return op
}

// patience is how long the exchanger waits for the store; in real time no longer
// than users are watched.
func (sp *spool) patience() time.Duration {
	if d := sp.st.pace.senders(sp.st.s); d > 0 {
		return min(d, lmtpPatience)
	}
	return lmtpPatience
}

// try asks a node, and the next one if it cannot be reached.
func (p *pass) try(q *queued, group []*hist.Op, turn int) {
	st := p.sp.st
	for _, op := range group {
		op.ID, op.Node = 0, st.nodes[(p.node+turn)%len(st.nodes)].name
	}
	st.route(group)
	st.drv.ask(group, func(answers []*hist.Op) {
		for _, op := range answers {
			st.record(op)
		}
		if p.sp.pass != p {
			return
		}
		if turn+1 < len(st.nodes) && len(answers) > 0 && unreachable(answers) {
			p.try(q, group, turn+1)
			return
		}
		p.node += turn
		p.open--
		p.answered(q, group, answers)
	})
}

// unreachable says whether a node did not even let the exchanger in.
func unreachable(answers []*hist.Op) bool {
	return !slices.ContainsFunc(answers, func(op *hist.Op) bool {
		return op.Outcome != hist.No || !strings.HasSuffix(op.Reply, "[connect]") && !strings.HasSuffix(op.Reply, "[greeting]")
	})
}

// answered draws the conclusions for each recipient.
func (p *pass) answered(q *queued, group, answers []*hist.Op) {
	p.failed = p.failed || len(answers) < len(group)
	putOff := false
	for _, op := range answers {
		switch {
		case op.Outcome == hist.OK:
			p.window = spoolWindow
			q.passed[op.Account] = true
			p.sp.report.Delivered++
		case op.Outcome == hist.No && strings.HasPrefix(op.Reply, "5"):
			q.passed[op.Account] = true
			p.bounce(q, op)
		case op.Outcome == hist.No && strings.HasSuffix(op.Reply, "[rcpt]"): // this recipient alone, it may be
			putOff = true
		default:
			p.failed = true
		}
	}
	if putOff && p.window < spoolWindow {
		p.putOff++
		p.failed = p.failed || p.putOff >= spoolRefusals
	}
	p.finish(q)
}

// bounce tells the author that the store will not have it.
func (p *pass) bounce(q *queued, refused *hist.Op) {
	p.sp.report.Bounced++
	now := p.sp.st.Now().Microseconds()
	p.sp.st.record(&hist.Op{
		Kind: hist.Bounce, By: hist.Spool, Account: refused.Account, Message: q.message, Size: q.size, Try: q.tries,
		IntendedUS: now, SentUS: now, AnsweredUS: now, Outcome: hist.OK, Reply: refused.Reply,
	})
}

// finish removes a message that all its recipients have.
func (p *pass) finish(q *queued) {
	if slices.ContainsFunc(q.accounts, func(a string) bool { return !q.passed[a] }) {
		p.next()
		return
	}
	p.ask(func(then func(vol.Result)) {
		p.sp.do(&vol.Op{Kind: vol.Unlink, Path: spoolQueue + "/" + q.name}, then)
	}, func(r vol.Result) {
		if r.Errno != 0 && r.Errno != syscall.ENOENT {
			p.failed = true
		} else {
			p.sp.forget(q)
		}
		p.next()
	})
}

// forget takes a message out of the queue.
func (sp *spool) forget(q *queued) {
	sp.mail = slices.DeleteFunc(sp.mail, func(o *queued) bool { return o == q })
}

// drained notes that nothing is left that could ever be passed on.
func (sp *spool) drained() {
	left := slices.ContainsFunc(sp.mail, func(q *queued) bool { return !q.missing && q.broken == "" })
	if left || sp.report.Messages == 0 || sp.report.DrainedAtMS != nil {
		return
	}
	sp.report.DrainedAtMS = ms(sp.st.Now())
	if sp.behind {
		sp.behind = false
		sp.st.tell("mail", "the spool on %s is empty", sp.array)
	}
}
