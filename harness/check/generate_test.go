package check

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"fourdays/harness/hist"
	letters "fourdays/harness/letter"
)

// model is a mail store that does everything right, and writes its history.
type model struct {
	rng     *rand.Rand
	at      int64 // the moment of the next effect
	ops     []*hist.Op
	boxes   map[string]map[string]*modelBox
	users   []string
	digests map[string]string
	keys    int
	retries []*hist.Op
	queue   []Recipient
	nodes   []string
	uidplus bool
}

type modelBox struct {
	validity, next uint32
	modseq         uint64
	messages       []hist.Seen
	born           map[uint32]int64
}

const (
	modelUsers = 4
	jitter     = 5000 // µs that an operation takes at most before and after its effect
)

func newModel(seed uint64) *model {
	m := &model{
		rng: rand.New(rand.NewPCG(seed, 1)), at: 1e6, boxes: map[string]map[string]*modelBox{},
		uidplus: seed%3 > 0, digests: map[string]string{}, nodes: []string{"n1", "n2", "n3"},
	}
	for i := range modelUsers {
		user := fmt.Sprintf("u%d@libero.example", i)
		m.users = append(m.users, user)
		m.boxes[user] = map[string]*modelBox{inbox: m.newBox()}
	}
	return m
}

func (m *model) newBox() *modelBox {
	return &modelBox{validity: uint32(m.at / 1000), next: 1, born: map[uint32]int64{}}
}

// generate makes a history of n random operations and its final audit.
func generate(seed uint64, n int) (*model, Input) {
	m := newModel(seed)
	for range n {
		m.at += 200 + m.rng.Int64N(2000)
		m.step()
	}
	m.at += 1e6
	for _, op := range m.retries {
		m.queue = append(m.queue, Recipient{op.Account, op.Message})
	}
	m.audit()
	return m, Input{
		Replicas: []ReplicaState{{Node: "n1", Reachable: true}, {Node: "n2", Reachable: true}, {Node: "n3", Reachable: true}},
		Domains:  []string{"libero.example"}, Queued: m.queue, QueueKnown: true,
		Faults: []FaultReceipt{{Bug: "hang", Scope: "east", Fired: 3, MustRevert: true, Reverted: true}}, FaultsPlanned: 1,
	}
}

// history is the operations in the order of answers.
func (m *model) history() []*hist.Op {
	ops := slices.Clone(m.ops)
	slices.SortStableFunc(ops, func(a, b *hist.Op) int { return int(a.AnsweredUS - b.AnsweredUS) })
	for i, op := range ops {
		op.N = int64(i + 1)
	}
	return ops
}

func (m *model) step() {
	user := m.users[m.rng.IntN(len(m.users))]
	names := m.names(user)
	box := names[m.rng.IntN(len(names))]
	switch r := m.rng.IntN(100); {
	case r < 30:
		m.deliver()
	case r < 34:
		m.retry()
	case r < 40:
		m.append(user, box)
	case r < 47:
		m.transfer(hist.Copy, user, box, names[m.rng.IntN(len(names))])
	case r < 55:
		m.transfer(hist.Move, user, box, names[m.rng.IntN(len(names))])
	case r < 67:
		m.store(user, box)
	case r < 74:
		m.expunge(user, box)
	case r < 77:
		m.makeOrRemove(user)
	case r < 81:
		op := m.op(hist.List, user, "")
		op.Mailboxes = names
	case r < 85:
		op := m.op(hist.Status, user, box)
		op.View = m.view(user, box, hist.Status)
	case r < 88:
		op := m.op(hist.Search, user, box)
		op.View = m.view(user, box, hist.Search)
	default:
		op := m.op(hist.Read, user, box)
		op.Bodies = m.rng.IntN(2) == 0
		op.View = m.view(user, box, hist.Read)
	}
}

func (m *model) names(user string) []string {
	var names []string
	for name := range m.boxes[user] {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// op adds an operation with its effect now.
func (m *model) op(kind hist.Kind, user, box string) *hist.Op {
	op := &hist.Op{
		Kind: kind, By: "reader", Node: m.nodes[m.rng.IntN(3)], Account: user, Mailbox: box, Outcome: hist.OK,
		SentUS: m.at - m.rng.Int64N(jitter), AnsweredUS: m.at + m.rng.Int64N(jitter),
	}
	op.IntendedUS = op.SentUS
	m.ops = append(m.ops, op)
	return op
}

// fate decides the outcome of a change, and tells whether it happens.
func (m *model) fate(op *hist.Op) bool {
	switch m.rng.IntN(20) {
	case 0:
		op.Outcome, op.Reply = hist.No, "NO [UNAVAILABLE] storage does not answer"
		return false
	case 1:
		op.Outcome, op.Reply = hist.Unknown, "connection lost"
		return m.rng.IntN(2) == 0
	}
	return true
}

func (m *model) key(prefix string) (key, digest string) {
	m.keys++
	key = fmt.Sprintf("%s%d", prefix, m.keys)
	digest = letters.Digest([]byte(key))
	m.digests[key] = digest
	return key, digest
}

func (m *model) deliver() {
	key, digest := m.key("d")
	first := m.rng.IntN(len(m.users))
	for i := range 1 + m.rng.IntN(3) {
		op := m.op(hist.Deliver, m.users[(first+i)%len(m.users)], "")
		op.By, op.Message, op.Digest, op.Try = "postfix", key, digest, 1
		m.finishDelivery(op)
	}
}

func (m *model) finishDelivery(op *hist.Op) {
	happens := m.fate(op)
	if op.Outcome == hist.No {
		op.Reply = "451 4.3.0 storage does not answer"
	}
	if happens {
		m.boxes[op.Account][inbox].add(hist.Seen{Message: op.Message, Digest: op.Digest}, m.at)
	}
	if op.Outcome != hist.OK {
		m.retries = append(m.retries, op)
	}
}

func (m *model) retry() {
	if len(m.retries) == 0 || m.retries[0].AnsweredUS > m.at-jitter {
		return
	}
	old := m.retries[0]
	m.retries = m.retries[1:]
	if m.rng.IntN(8) == 0 {
		op := m.op(hist.Bounce, old.Account, "")
		op.Message, op.By = old.Message, old.By
		return
	}
	op := m.op(hist.Deliver, old.Account, "")
	op.By, op.Message, op.Digest, op.Try, op.IntendedUS = old.By, old.Message, old.Digest, old.Try+1, old.IntendedUS
	m.finishDelivery(op)
}

func (b *modelBox) add(s hist.Seen, at int64) uint32 {
	b.modseq++
	s.UID, s.ModSeq, s.Size, s.InternalDate = b.next, b.modseq, 300, 1700000000+at/1e6
	b.born[s.UID] = at + jitter
	b.next++
	b.messages = append(b.messages, s)
	return s.UID
}

func (m *model) append(user, box string) {
	op := m.op(hist.Append, user, box)
	op.Message, op.Digest = m.key("a")
	op.Flags = []string{`\Seen`}
	if !m.fate(op) {
		return
	}
	b := m.boxes[user][box]
	uid := b.add(hist.Seen{Message: op.Message, Digest: op.Digest, Flags: op.Flags}, m.at)
	if op.Outcome == hist.OK && m.uidplus {
		op.NewUIDs, op.UIDValidity = []uint32{uid}, b.validity
	}
}

// pick chooses messages that the asker of op can know of.
func (m *model) pick(op *hist.Op) []int {
	b := m.boxes[op.Account][op.Mailbox]
	var at []int
	for i := range b.messages {
		if b.born[b.messages[i].UID] < op.SentUS && m.rng.IntN(3) == 0 && len(at) < 3 {
			at = append(at, i)
			op.UIDs = append(op.UIDs, b.messages[i].UID)
		}
	}
	return at
}

func (m *model) transfer(kind hist.Kind, user, from, to string) {
	op := m.op(kind, user, from)
	op.To = to
	at := m.pick(op)
	if len(at) == 0 {
		op.Kind, op.View = hist.Read, m.view(user, from, hist.Read)
		return
	}
	if !m.fate(op) {
		return
	}
	src, dst := m.boxes[user][from], m.boxes[user][to]
	var moved []hist.Seen
	for _, i := range at {
		moved = append(moved, src.messages[i])
	}
	if kind == hist.Move {
		src.remove(at)
	}
	var uids []uint32
	for _, s := range moved {
		uids = append(uids, dst.add(hist.Seen{Message: s.Message, Digest: s.Digest, Flags: s.Flags}, m.at))
	}
	if op.Outcome == hist.OK && m.uidplus {
		op.NewUIDs, op.UIDValidity = uids, dst.validity
	}
}

func (b *modelBox) remove(at []int) {
	for _, i := range slices.Backward(at) {
		b.messages = slices.Delete(b.messages, i, i+1)
	}
	b.modseq++
}

func (m *model) expunge(user, box string) {
	op := m.op(hist.Expunge, user, box)
	at := m.pick(op)
	if m.fate(op) {
		m.boxes[user][box].remove(at)
	}
}

func (m *model) store(user, box string) {
	op := m.op(hist.Store, user, box)
	at := m.pick(op)
	op.FlagsOp = []string{"+", "-", "="}[m.rng.IntN(3)]
	op.Flags = []string{[]string{`\Seen`, `\Flagged`, "work"}[m.rng.IntN(3)]}
	if !m.fate(op) {
		return
	}
	b := m.boxes[user][box]
	for _, i := range at {
		s := &b.messages[i]
		s.Flags = changed(s.Flags, op.FlagsOp, op.Flags[0])
		b.modseq++
		s.ModSeq = b.modseq
	}
}

func changed(flags []string, how, flag string) []string {
	switch how {
	case "=":
		return []string{flag}
	case "-":
		return slices.DeleteFunc(slices.Clone(flags), func(f string) bool { return f == flag })
	}
	if slices.Contains(flags, flag) {
		return flags
	}
	return append(slices.Clone(flags), flag)
}

func (m *model) makeOrRemove(user string) {
	name := fmt.Sprintf("Box%d", m.rng.IntN(2))
	b := m.boxes[user][name]
	if b == nil {
		op := m.op(hist.Create, user, name)
		if m.fate(op) {
			m.boxes[user][name] = m.newBox()
		}
		return
	}
	if op := m.op(hist.Delete, user, name); m.fate(op) {
		delete(m.boxes[user], name)
	}
	m.at += 2 * jitter // a mailbox made again has another UIDVALIDITY
}

func (m *model) view(user, box string, kind hist.Kind) *hist.View {
	b := m.boxes[user][box]
	v := &hist.View{UIDValidity: b.validity, UIDNext: b.next, Exists: uint32(len(b.messages))}
	if kind == hist.Status {
		return v
	}
	if kind == hist.Audit {
		v.ModSeq = b.modseq
	}
	for i, s := range b.messages {
		s.Flags = slices.Clone(s.Flags)
		switch kind {
		case hist.Search:
			s = hist.Seen{UID: s.UID}
		case hist.Audit:
			s.Stored = s.Digest
		default:
			s.Seq, s.ModSeq = uint32(i+1), 0
		}
		v.Messages = append(v.Messages, s)
	}
	return v
}

// audit looks at every mailbox of every replica, and at all of them through
// IMAP.
func (m *model) audit() {
	for _, user := range m.users {
		for _, name := range m.names(user) {
			for _, node := range m.nodes {
				m.at += jitter
				op := m.op(hist.Audit, user, name)
				op.By, op.Node, op.View = "audit", node, m.view(user, name, hist.Audit)
			}
			m.at += jitter
			op := m.op(hist.Read, user, name)
			op.By, op.Bodies, op.View = "audit", true, m.view(user, name, hist.Read)
		}
	}
}
