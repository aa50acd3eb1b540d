package clients

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/letter"
)

// letters are enough that some of them are hit. Picked.
const letters = 20

// readsNothingWrong reads everything anew through a node whose array lies: what
// it gives out is right.
func (m *mail) readsNothingWrong(n *node) {
	for _, account := range accounts {
		got := m.readAnew(n, account)
		m.t.Logf("%s through %s: %d letters; %s", account, n.name, len(got.held), got.said)
		require.Empty(m.t, part(m.ledger.compare(got.held)))
	}
}

// reading is what came of one synchronisation of a new device.
type reading struct {
	synced
	held []held
}

// readAnew is what a new device of an account gets from a node.
func (m *mail) readAnew(n *node, account string) reading {
	d := newDevice(m.t, m.t.TempDir(), account)
	return reading{d.sync(m.t, n.imap, "--pull"), d.held(m.t)}
}

// TestDigestsKeepCorruptionFromClients corrupts what one node reads, under nodes
// as they are and under nodes that do not check digests: there mbsync gets
// altered letters, which the comparison tells.
func TestDigestsKeepCorruptionFromClients(t *testing.T) {
	t.Parallel()
	t.Run("checked", func(t *testing.T) { require.False(t, getsAltered(t, false)) })
	t.Run("unchecked", func(t *testing.T) { require.True(t, getsAltered(t, true, "-unsafe", "no-digest")) })
}

// getsAltered reads mail through a node whose array corrupts it until that was
// felt, or until altered mail came out.
func getsAltered(t *testing.T, patient bool, more ...string) (altered bool) {
	m := newMail(t, more...)
	n := m.nodes[1]
	m.fill(n)
	rule := m.arm(n, corrupts, "*.sst")
	m.until("corruption is read", func() bool {
		altered = len(part(m.ledger.compare(m.readAnew(n, accounts[0]).held))) > 0
		require.NoError(t, m.w.Invalidate(n.name))
		return m.observed(rule) && (altered || !patient)
	})
	return altered
}

// TestAGoodCopyIsLentToANodeThatReadsWrong: mbsync gets every letter from a node
// whose array corrupts what it reads, while it does so: the node reads the right
// one from another.
func TestAGoodCopyIsLentToANodeThatReadsWrong(t *testing.T) {
	t.Parallel()
	m := newMail(t)
	n := m.nodes[2]
	m.fill(n)
	rule := m.arm(n, corrupts, "*.sst")
	m.until("all is read, and some of it had been corrupted", func() bool {
		require.NoError(t, m.w.Invalidate(n.name))
		got := m.readAnew(n, accounts[0])
		require.Empty(t, part(m.ledger.compare(got.held)))
		return got.ok && m.observed(rule) && len(m.ledger.compare(got.held)) == 0
	})
}

// fill brings letters, and makes a node keep them in tables.
func (m *mail) fill(n *node) {
	dir := m.t.TempDir()
	for i := range letters {
		key := fmt.Sprintf("letter-%03d", i)
		m.until("it is promised", func() bool {
			return m.offer(n, dir, key, letter.Make(key, ordinary), accounts[:1]) == nil
		})
	}
	require.NoError(m.t, m.w.Kill(n.name)) // started again, it has it all in tables
	m.start(n)
	m.until("it is back", n.serves)
}
