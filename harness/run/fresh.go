package run

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"fourdays/harness/hist"
	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/harness/workload"
)

// kept is a node's life before the mailboxes were made fresh, to go back to.
type kept struct {
	n     *node
	old   identity
	array string
}

// raiseBy is by how much every UIDVALIDITY rises with one request. Those of a new
// group count from 1, and those of the old one may have risen in a recovery, by as
// much. Each group that comes into service is asked for more requests than the one
// before: what they add up to grows with their square. Picked, as the store's own.
const raiseBy = 1 << 20

// fresh starts all nodes on empty volumes as a group of their own. Nobody gets in
// before it has accounts and UIDVALIDITYs that no client has seen.
func (st *stage) fresh(spares []scenario.Spare, done func(error)) {
	switch {
	case st.replacing != "":
		done(refuse("%s is being replaced", st.replacing))
		return
	case len(st.kept) > 0:
		done(refuse("the mailboxes are fresh already"))
		return
	}
	st.front.away = true
	var members []string
	next := map[string]identity{}
	for _, s := range spares {
		n := st.node(s.Node)
		i := n.next()
		i.volume, i.group = s.Name, st.group+1
		next[n.name] = i
		members = append(members, i.id+"="+st.peerAt(n, i))
		st.kept = append(st.kept, kept{n, n.identity, n.array})
	}
	st.tell("operator", "the doors are closed, and all nodes start on empty volumes: %s", strings.Join(members, ", "))
	st.group++
	st.raises += 2
	if !st.everybody(func(n *node) (identity, string) {
		i := next[n.name]
		i.members = members
		return i, st.fleet.Volume(i.volume).Array()
	}) {
		return
	}
	st.awaitLeader(0, func() {
		st.raise(st.raises, func() {
			st.insist("/accounts", st.accountsBody(), func() { st.folders(done) })
		})
	})
}

// folders makes in the fresh accounts what every account has, and opens the doors.
func (st *stage) folders(done func(error)) {
	st.engine.Load(0, st.pace.window, func(workload.Loaded) {
		st.tellStore("/accounts/close", st.notAvailable(), func() {
			st.front.away = false
			st.tell("operator", "the doors are open: %d fresh mailboxes", len(st.accounts))
			done(nil)
		})
	})
}

// everybody ends the programs of all nodes, and starts them with other identities. It
// says whether that could be done.
func (st *stage) everybody(next func(*node) (identity, string)) bool {
	for _, n := range st.nodes {
		n.wanted = false
		if !st.w.Running(n.name) {
			continue
		}
		if err := st.w.Kill(n.name); err != nil {
			st.fail(err)
			return false
		}
	}
	for _, n := range st.nodes {
		i, array := next(n)
		if err := st.become(n, i, array); err != nil {
			st.fail(err)
			return false
		}
	}
	return true
}

// awaitLeader goes on when a node leads and serves.
func (st *stage) awaitLeader(asks int, then func()) {
	if st.book.closed || st.ev.Stopped != nil {
		return
	}
	st.probe(func() {
		if slices.ContainsFunc(st.nodes, func(n *node) bool { return n.last.Role == leader && n.state() == report.Serving }) {
			then()
			return
		}
		st.dueAt(st.Now()+min(askSoon<<max(0, min(asks-askInVain, 12)), askSeldom), func() { st.awaitLeader(asks+1, then) })
	})
}

// raise asks so often for higher UIDVALIDITYs.
func (st *stage) raise(times int, then func()) {
	if times == 0 {
		then()
		return
	}
	st.insist("/raise", fmt.Sprintf(`{"by":%d}`, raiseBy), func() { st.raise(times-1, then) })
}

// stocked is one message in a fresh mailbox.
type stocked struct {
	account, mailbox, message string
	size                      int
	flags                     []string
}

// sent is what is known of a message by its digest.
type sent struct {
	message string
	size    int
}

// quietFor is how long a merge waits for users whose commands are under way when
// the doors close. Picked: longer than a node lets a command take.
const quietFor = time.Minute

// merge brings the old group back and appends to its mailboxes what is in the
// fresh ones.
func (st *stage) merge(done func(error)) {
	if len(st.kept) == 0 {
		done(refuse("there is nothing fresh to merge"))
		return
	}
	st.front.away = true
	st.tell("operator", "the doors are closed, and what is in the fresh mailboxes is read")
	st.quiet(st.Now()+quietFor, func() {
		st.takeStock(st.accounts, nil, func(found []stocked, err error) {
			if err != nil {
				st.front.away = false
				done(err)
				return
			}
			st.back(found, done)
		})
	})
}

// quiet waits until no user's command is under way.
func (st *stage) quiet(until time.Duration, then func()) {
	for _, op := range st.drv.asked {
		if op.OfUser() && st.Now() < until {
			st.dueAt(st.Now()+time.Second, func() { st.quiet(until, then) })
			return
		}
	}
	then()
}

// takeStock reads one account after the other.
func (st *stage) takeStock(accounts []string, found []stocked, then func([]stocked, error)) {
	if len(accounts) == 0 {
		then(found, nil)
		return
	}
	i := max(0, slices.IndexFunc(st.nodes, func(n *node) bool { return n.last.Role == leader }))
	op := &hist.Op{
		Kind: hist.Audit, By: hist.Operator, Node: st.nodes[i].name, Account: accounts[0],
		IntendedUS: st.Now().Microseconds(), TimeoutUS: st.pace.patience.Microseconds(),
	}
	st.drv.ask([]*hist.Op{op}, func(answers []*hist.Op) {
		for _, a := range answers {
			if a.Outcome != hist.OK {
				then(nil, refuse("what is in the fresh mailboxes of %s cannot be read: %s", accounts[0], a.Reply))
				return
			}
			found = append(found, st.stock(a)...)
		}
		if len(answers) == 0 {
			then(nil, refuse("what is in the fresh mailboxes of %s cannot be read", accounts[0]))
			return
		}
		st.takeStock(accounts[1:], found, then)
	})
}

// stock is what one mailbox holds. What nobody sent cannot be given on.
func (st *stage) stock(op *hist.Op) (found []stocked) {
	if op.View == nil {
		return nil
	}
	for _, m := range op.View.Messages {
		of, known := st.sent[m.Stored]
		if !known || m.Damage != "" {
			st.tell("detected", "UID %d of %s/%s cannot be taken along", m.UID, op.Account, op.Mailbox)
			continue
		}
		flags := slices.DeleteFunc(slices.Clone(m.Flags), func(f string) bool { return f == `\Recent` })
		found = append(found, stocked{op.Account, op.Mailbox, of.message, of.size, flags})
	}
	return found
}

// back starts the old group, and fills its mailboxes.
func (st *stage) back(found []stocked, done func(error)) {
	st.tell("operator", "the group from before comes back; %d messages are to be taken along", len(found))
	before := st.kept
	st.group, st.kept = before[0].old.group, nil
	st.raises++
	if !st.everybody(func(n *node) (identity, string) {
		k := before[slices.IndexFunc(before, func(k kept) bool { return k.n == n })]
		return k.old, k.array
	}) {
		return
	}
	st.awaitLeader(0, func() {
		st.raise(st.raises, func() {
			st.tellStore("/accounts/open", st.accounts, func() { st.append(found, len(found), 0, done) })
		})
	})
}

// append puts one message after the other into its mailbox, until all are there.
func (st *stage) append(left []stocked, all, try int, done func(error)) {
	if st.book.closed || st.ev.Stopped != nil {
		return
	}
	if len(left) == 0 {
		st.tellStore("/accounts/close", st.notAvailable(), func() {
			st.front.away = false
			st.tell("operator", "%d messages were taken along, and the doors are open", all)
			done(nil)
		})
		return
	}
	m := left[0]
	op := &hist.Op{
		Kind: hist.Append, By: hist.Operator, Node: st.nodes[try%len(st.nodes)].name, Account: m.account, Mailbox: m.mailbox,
		Message: m.message, Size: m.size, Flags: m.flags, Try: try + 1,
		IntendedUS: st.Now().Microseconds(), TimeoutUS: st.pace.patience.Microseconds(),
	}
	st.drv.ask([]*hist.Op{op}, func(answers []*hist.Op) {
		for _, a := range answers {
			st.record(a)
			if a.Outcome == hist.OK {
				st.append(left[1:], all, 0, done)
				return
			}
			if strings.Contains(a.Reply, "TRYCREATE") {
				left[0].mailbox = "INBOX" // a folder that the user made meanwhile
			}
		}
		st.dueAt(st.Now()+min(time.Second<<min(try, 6), time.Minute), func() { st.append(left, all, try+1, done) })
	})
}

// learnSent keeps what is needed to send a message again.
func (st *stage) learnSent(op *hist.Op) {
	if st.merges && op.Digest != "" && op.Message != "" && (op.Kind == hist.Deliver || op.Kind == hist.Append) {
		st.sent[op.Digest] = sent{op.Message, op.Size}
	}
}

// accountsBody asks for all accounts.
func (st *stage) accountsBody() string {
	type account struct {
		Address  string `json:"address"`
		Password string `json:"password"`
	}
	var create struct {
		Create []account `json:"create"`
	}
	for _, a := range st.accounts {
		create.Create = append(create.Create, account{a, "pw-" + a})
	}
	body, _ := json.Marshal(create) // it has no channels or functions
	return string(body)
}

// notAvailable are the accounts that are not available, in order.
func (st *stage) notAvailable() (closed []string) {
	for _, a := range st.accounts {
		if st.front.closed[a] {
			closed = append(closed, a)
		}
	}
	return closed
}
