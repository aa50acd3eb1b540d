package clients

import (
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/letter"
)

// Sizes of the story, all picked.
const (
	postmen  = 2  // senders at one time
	between  = 12 // promises from one turn of the story to the next
	bigger   = 60 << 10
	ordinary = 900
)

// mail is all the clients at work.
type mail struct {
	*store
	ledger  *ledger
	letters atomic.Int64
	owners  []*owner
	running sync.WaitGroup
	closed  chan struct{} // no new letters
}

func newMail(t testing.TB, more ...string) *mail {
	return &mail{store: newStore(t, more...), ledger: newLedger(), closed: make(chan struct{})}
}

// begin sets the clients to work.
func (m *mail) begin() {
	for i := range postmen {
		dir := m.t.TempDir()
		m.running.Go(func() { m.bring(i, dir) })
	}
	for i, account := range accounts {
		o := &owner{mail: m, device: newDevice(m.t, m.t.TempDir(), account), turn: i}
		o.make(m.t, inbox)
		m.owners = append(m.owners, o)
		m.running.Go(o.live)
	}
}

// bring is a postman: letter after letter, each until somebody promises it, at
// one node after the other.
func (m *mail) bring(turn int, dir string) {
	for !m.over() {
		n := int(m.letters.Add(1))
		key, size := fmt.Sprintf("letter-%03d", n), ordinary
		if n%7 == 0 {
			size = bigger
		}
		to := []string{accounts[n%3]}
		if n%5 == 0 {
			to = append(to, accounts[(n+1)%3])
		}
		for text := letter.Make(key, size); len(to) > 0; turn++ {
			if to = m.offer(m.nodes[turn%3], dir, key, text, to); len(to) > 0 {
				time.Sleep(retryWait)
			}
		}
	}
}

// offer delivers a letter once, and says for whom it has to be tried again.
func (m *mail) offer(n *node, dir, key string, text []byte, to []string) (again []string) {
	answers, _ := swaks(m.t, n.lmtp, dir, text, to)
	for _, account := range to {
		m.ledger.note(account, key, func(p *promise) {
			p.text, p.digest = plain(text), letter.Digest(text)
			switch answers[account] {
			case stored:
				p.told = true
				return
			case unheard:
				p.unheard++
			}
			again = append(again, account)
		})
	}
	return again
}

func (m *mail) over() bool {
	select {
	case <-m.closed:
		return true
	default:
		return m.t.Failed()
	}
}

// owner reads the mail of an account, and writes, flags and deletes.
type owner struct {
	*mail
	*device
	turn    int
	rounds  atomic.Int64 // synchronisations that did all
	written int
	pending string // a letter that was written and is not yet known to have arrived
}

// live is an owner's life: something is done to the mail, then it is synchronised.
func (o *owner) live() {
	for !o.over() {
		o.act()
		o.round(o.nodes[o.turn%3])
	}
}

// act does something to the mail.
func (o *owner) act() {
	if o.pending == "" && o.turn%2 == 0 {
		o.write()
	}
	o.turn++
	for _, f := range o.files(o.t) {
		if f.flags == "" && f.mailbox == inbox {
			o.change(f)
			return
		}
	}
}

// write puts a letter of one's own into the Maildir.
func (o *owner) write() {
	o.written++
	o.pending = fmt.Sprintf("own-%03d", o.written)
	text := plain(letter.Make(o.pending, ordinary))
	o.note(o.pending, func(p *promise) { p.text, p.flags = text, "S" })
	o.put(o.t, inbox, o.pending, "S", text)
}

// change flags a letter, or deletes every fourth if there is only one of it.
func (o *owner) change(f file) {
	flags := []string{"S", "FS", "RS", "ST"}[o.turn%4]
	o.note(f.key, func(p *promise) {
		if flags == "ST" && (!p.told || p.unheard > 0) {
			flags = "S"
		}
		p.flags, p.gone = flags, flags == "ST"
	})
	for _, copy := range o.files(o.t) {
		if copy.key == f.key {
			copy.flag(o.t, flags)
		}
	}
}

func (o *owner) note(key string, change func(*promise)) { o.ledger.note(o.account, key, change) }

// round synchronises through a node, and takes what was said for what it is: an
// owner's letter that was refused is offered again.
func (o *owner) round(n *node) synced {
	s := o.sync(o.t, n.imap)
	o.note(o.pending, func(p *promise) {
		if s.dropped && o.pending != "" {
			p.unheard++
		}
		if s.ok && o.pending != "" {
			p.told = true
		}
	})
	switch {
	case s.ok:
		o.pending = ""
		o.rounds.Add(1)
	case s.refused && o.pending != "":
		for _, f := range o.files(o.t) {
			if f.key == o.pending {
				f.renew(o.t)
			}
		}
	}
	return s
}

// pass lets so many more letters be promised, and every owner read all.
func (m *mail) pass(what string, also func() bool) {
	m.t.Helper()
	letters, rounds := m.ledger.told()+between, make([]int64, len(m.owners))
	for i, o := range m.owners {
		rounds[i] = o.rounds.Load() + 1
	}
	began := time.Now()
	m.until(what, func() bool {
		require.False(m.t, m.t.Failed())
		for i, o := range m.owners {
			if o.rounds.Load() < rounds[i] {
				return false
			}
		}
		return m.ledger.told() >= letters && (also == nil || also())
	})
	m.t.Logf("%-40s %5.1f s, %d promised", what, time.Since(began).Seconds(), m.ledger.told())
}

// The faults. The tables of the store are corrupted now and then only, so that
// its node gives out something.
const (
	errs     = "trigger: {event: arm}\npersistence: until_fix\neffect: {ops: [read, write, fsync], reply: EIO}"
	hangs    = "trigger: {event: arm}\npersistence: until_fix\neffect: {ops: [read, write, fsync], reply: never}"
	corrupts = "trigger: {chance: 0.2}\npersistence: transient\neffect: {ops: [read], data: flip(1)}"
)

// fail lets a node's array fail while mail goes on.
func (m *mail) fail(n *node, what, fault, path string, meanwhile func(*node)) {
	rule := m.arm(n, fault, path)
	m.pass("its array "+what, func() bool { return m.observed(rule) })
	if meanwhile != nil {
		meanwhile(n)
	}
	m.disarm(n, rule)
	m.until(n.name+" serves again after its array "+what, n.serves)
}

// finish lets everybody end what they have begun.
func (m *mail) finish() {
	close(m.closed)
	done := make(chan struct{})
	go func() { m.running.Wait(); close(done) }()
	m.until("the clients end", func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	for _, n := range m.nodes {
		m.until("all is read through "+n.name, func() bool {
			all := true
			for i, ok := range each(m.owners, func(o *owner) bool { return o.round(n).ok }) {
				all = all && ok && m.owners[i].pending == ""
			}
			return all
		})
	}
}

// each does something with all of a list at one time.
func each[A, B any](list []A, do func(A) B) []B {
	results := make([]B, len(list))
	var all sync.WaitGroup
	for i, a := range list {
		all.Go(func() { results[i] = do(a) })
	}
	all.Wait()
	return results
}

// TestMailSurvivesAFailingArray: while swaks brings mail and mbsync reads,
// writes, flags and deletes it through all three nodes, the array of one of them
// fails with errors, hangs, and corrupts what is read, and at last its node
// loses power. Who was promised something has it in the end, as it was, once;
// what was deleted is gone; and so it is on every replica.
func TestMailSurvivesAFailingArray(t *testing.T) {
	m := newMail(t)
	m.begin()
	m.pass("all is well", nil)
	n := m.leader()
	m.fail(n, "answers EIO", errs, "", nil)
	m.pass("after that", nil)
	m.fail(n, "hangs", hangs, "", nil)
	m.pass("after that", nil)
	m.fail(n, "corrupts what is read", corrupts, "*.sst", m.readsNothingWrong)
	m.cutPower(n)
	m.pass("its power is cut", nil)
	m.start(n)
	m.until(n.name+" is back", n.serves)
	m.pass("it is back", nil)
	m.finish()
	m.judge()
}

// judge compares what everybody holds with what was promised.
func (m *mail) judge() {
	var all []held
	for _, o := range m.owners {
		all = append(all, o.held(m.t)...)
	}
	require.Empty(m.t, m.ledger.compare(all), "in the Maildirs")
	for _, n := range m.nodes {
		fresh := m.readAll(n)
		require.Empty(m.t, m.ledger.compare(fresh), "read anew through %s", n.name)
		require.Len(m.t, fresh, len(all))
	}
	m.judgeReplicas(len(all))
	m.t.Logf("%d letters promised, %d answers lost, %d held", m.ledger.told(), m.ledger.unheard(), len(all))
}

// readAll is everything that new devices get from a node.
func (m *mail) readAll(n *node) (fresh []held) {
	m.until("all is read anew through "+n.name, func() bool {
		fresh = nil
		all := true
		for _, got := range each(accounts, func(account string) reading { return m.readAnew(n, account) }) {
			fresh, all = append(fresh, got.held...), all && got.ok
		}
		return all
	})
	return fresh
}

// judgeReplicas looks into every replica: all hold the same, nothing of it is
// damaged, it is as many messages as the clients have, and of each letter that
// came by swaks the very bytes.
func (m *mail) judgeReplicas(messages int) {
	for _, n := range m.nodes {
		there := 0
		for _, account := range accounts {
			m.until("replicas are alike", func() bool {
				return reflect.DeepEqual(m.nodes[0].audit(m.t, account), n.audit(m.t, account))
			})
			copies := n.audit(m.t, account).copies(m.t)
			for _, number := range copies {
				there += number
			}
			require.Empty(m.t, m.ledger.compareReplica(account, copies), "on %s", n.name)
		}
		require.Equal(m.t, messages, there, "on %s", n.name)
	}
}

// copies counts messages by their digests. None may be damaged.
func (a audited) copies(t testing.TB) map[string]int {
	copies := map[string]int{}
	for _, box := range a.Mailboxes {
		require.Empty(t, box.Damage)
		for _, msg := range box.View.Messages {
			require.Empty(t, msg.Damage)
			require.Equal(t, msg.Stored, msg.Digest)
			copies[msg.Digest]++
		}
	}
	return copies
}
