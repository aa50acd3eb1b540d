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
		found, said := m.readAnew(n, account)
		m.t.Logf("%s through %s: %d letters; %s", account, n.name, len(found), said.said)
		require.Empty(m.t, part(m.ledger.compare(found)))
	}
}

// readAnew is what a new device of an account gets from a node.
func (m *mail) readAnew(n *node, account string) ([]held, synced) {
	d := newDevice(m.t, m.t.TempDir(), account)
	said := d.sync(m.t, n.imap, "--pull")
	return d.held(m.t), said
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
	for i := range letters {
		key := fmt.Sprintf("letter-%03d", i)
		m.until("it is promised", func() bool {
			return m.offer(n, t.TempDir(), key, letter.Make(key, ordinary), accounts[:1]) == nil
		})
	}
	require.NoError(t, m.w.Kill(n.name)) // started again, it has it all in tables
	m.start(n)
	m.until("it is back", n.serves)
	rule := m.arm(n, corrupts, "*.sst")
	m.until("corruption is read", func() bool {
		found, _ := m.readAnew(n, accounts[0])
		altered = len(part(m.ledger.compare(found))) > 0
		require.NoError(t, m.w.Invalidate(n.name))
		return m.observed(rule) && (altered || !patient)
	})
	return altered
}
