package run

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"fourdays/harness/hist"
	"fourdays/harness/scenario"
)

// inbound changes how mail from outside is answered.
func (st *stage) inbound(a scenario.Inbound) {
	st.front.policy, st.front.spool = a.Policy, st.spool(a.On)
	st.front.anew()
	if _, away := policyReplies[a.Policy]; away && st.ev.Milestones.InboundClosedMS == nil {
		st.ev.Milestones.InboundClosedMS = ms(st.Now())
	}
	where := ""
	if a.On != "" {
		where = " on " + a.On
	}
	st.tell("mail", "inbound mail: %s%s", a.Policy, where)
	if a.Policy == scenario.Open {
		st.flushSpools()
	}
}

// closeAccounts makes accounts "not yet available": at the front at once, in
// the store as soon as it can be told.
func (st *stage) closeAccounts(share scenario.Percent) {
	n := int(math.Ceil(share.Fraction() * float64(len(st.accounts))))
	var closing []string
	for _, a := range st.order()[:n] {
		if !st.front.closed[a] {
			closing = append(closing, a)
			st.front.closed[a], st.front.pending[a] = true, true
			st.ev.closes(a, st.Now())
		}
	}
	st.tell("operator", "%d accounts are closed", len(closing))
	st.tellStore("/accounts/close", closing, func() {
		for _, a := range closing {
			delete(st.front.pending, a)
		}
	})
}

// order is the order in which cohorts close and open: the seed's.
func (st *stage) order() []string {
	list := append([]string(nil), st.accounts...)
	st.random("cohorts").Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// retryStore is how often the operator tries again to tell a store that does
// not answer. Picked.
const retryStore = 30 * time.Second

// tellStore asks the nodes in turn until one has done it.
func (st *stage) tellStore(path string, accounts []string, done func()) {
	body, err := json.Marshal(map[string][]string{"accounts": accounts})
	if err != nil {
		st.fail(err)
		return
	}
	if len(accounts) == 0 {
		done()
		return
	}
	st.insist(path, string(body), done)
}

// insist asks the nodes in turn, again and again, until one has done it.
func (st *stage) insist(path, body string, done func()) {
	var try func(i int)
	try = func(i int) {
		st.admin(st.nodes[i%len(st.nodes)].name, "POST", path, body, func(op *hist.Op) {
			switch {
			case op != nil && op.Outcome == hist.OK:
				done()
			case (i+1)%len(st.nodes) != 0:
				try(i + 1)
			default:
				st.At(st.Now()+retryStore, func() { try(i + 1) })
			}
		})
	}
	try(0)
}

// reopen opens cohorts: one now, or several spread over a time. Where the
// script verifies first, nothing opens before that has passed.
func (st *stage) reopen(a scenario.Reopen) {
	if st.verified.asked && !st.verified.passed {
		st.verified.then = append(st.verified.then, func() { st.reopen(a) })
		st.tell("operator", "reopening waits for the verification")
		return
	}
	if a.Steps == 0 {
		st.open(len(st.accounts) - len(st.front.closed) + st.count(a.Share))
		return
	}
	start, from := st.Now(), len(st.accounts)-len(st.front.closed)
	to := st.count(a.To)
	for i := range a.Steps {
		at := start
		if a.Steps > 1 {
			at += a.Over * time.Duration(i) / time.Duration(a.Steps-1)
		}
		n := from + (to-from)*(i+1)/a.Steps
		st.dueAt(at, func() { st.open(n) })
	}
}

func (st *stage) count(share scenario.Percent) int {
	return int(math.Round(share.Fraction() * float64(len(st.accounts))))
}

// open makes accounts available until n are.
func (st *stage) open(n int) {
	var opening []string
	available := len(st.accounts) - len(st.front.closed)
	for _, a := range st.order() {
		if available+len(opening) >= n {
			break
		}
		if st.front.closed[a] {
			opening = append(opening, a)
		}
	}
	st.tellStore("/accounts/open", opening, func() {
		for _, a := range opening {
			delete(st.front.closed, a)
			delete(st.front.pending, a)
			st.ev.opens(a, st.Now())
		}
		st.front.anew()
		m := &st.ev.Milestones
		if m.FirstReopenMS == nil {
			m.FirstReopenMS = ms(st.Now())
		}
		m.LastReopenMS = ms(st.Now())
		st.flushSpools()
		st.tell("operator", "%d accounts reopened, %d of %d are open", len(opening), len(st.accounts)-len(st.front.closed), len(st.accounts))
	})
}

// verification is an audit of every replica: the script's, or the last one.
type verification struct {
	asked   bool // by the script
	running bool
	passed  bool
	seen    map[string]string // account and mailbox to what the first replica showed
	wrong   string
	then    []func()
}

// verify reads every mailbox on every replica: all there, none damaged, all
// replicas the same. done is called when that has passed, or failed.
func (st *stage) verify(done func()) {
	st.verified = verification{asked: true, running: true, seen: map[string]string{}}
	st.ev.Milestones.VerifyFromMS = ms(st.Now())
	st.tell("operator", "verification of every mailbox on every replica begins")
	st.engine.Audit(0, st.pace.window, func(unanswered int) {
		v := &st.verified
		v.running = false
		defer st.looked(done)
		if unanswered > 0 && v.wrong == "" {
			v.wrong = fmt.Sprintf("%d questions were not answered", unanswered)
		}
		if v.wrong != "" {
			st.tell("detected", "verification failed: %s; nothing is reopened", v.wrong)
			return
		}
		v.passed = true
		st.ev.Milestones.VerifiedMS = ms(st.Now())
		st.ev.agreed(st.Now())
		st.tell("operator", "verification passed: %d mailboxes, equal on %d replicas", len(v.seen), len(st.nodes))
		for _, f := range v.then {
			f()
		}
	})
}

// looked lets the conditions see what a verification has found.
func (st *stage) looked(done func()) {
	if err := st.judgeSoFar(); err != nil {
		st.fail(err)
		return
	}
	st.consider()
	done()
}

// look compares one mailbox on one replica with what was seen before. What a
// fenced replica holds is not compared: it does not serve.
func (st *stage) look(op *hist.Op) {
	v := &st.verified
	if !v.running || op.Kind != hist.Audit || op.View == nil || st.node(op.Node).last.Fenced {
		return
	}
	for _, m := range op.View.Messages {
		if m.Damage != "" || m.Digest != m.Stored {
			v.wrong = fmt.Sprintf("%s/%s, UID %d on %s: %s", op.Account, op.Mailbox, m.UID, op.Node, m.Damage)
			return
		}
	}
	shown, err := json.Marshal(op.View)
	if err != nil {
		v.wrong = err.Error()
		return
	}
	key := op.Account + "/" + op.Mailbox
	switch first, ok := v.seen[key]; {
	case !ok:
		v.seen[key] = string(shown)
	case first != string(shown):
		v.wrong = fmt.Sprintf("%s differs between replicas, on %s for one", key, op.Node)
	}
}
