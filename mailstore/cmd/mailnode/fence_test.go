package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/stretchr/testify/require"
)

// lose empties a node's volume while it is down; its promise record stays.
func (c *cluster) lose(n *node) {
	c.t.Helper()
	c.kill(n)
	require.NoError(c.t, os.RemoveAll(n.args[slices.Index(n.args, "-data")+1]))
}

// TestFencedNodeServesNobodyAndSaysWhy takes a node's volume away. The node
// comes back without what it promised: it refuses mail for the time being and
// says why on its admin face, while the others go on.
func TestFencedNodeServesNobodyAndSaysWhy(t *testing.T) {
	c := startCluster(t)
	code, err := deliver(c.nodes[0], letterNo(1))
	require.NoError(t, err)
	require.Equal(t, 250, code)
	victim := c.nodes[2]
	_, err = inbox(victim)
	require.NoError(t, err, "the victim has applied the message")

	c.lose(victim)
	c.start(victim)
	var health struct {
		Fenced bool
		Reason string
	}
	c.eventually("a fence", func() bool { return c.get(victim, "/health", &health) == nil && health.Fenced })
	require.NotEmpty(t, health.Reason)
	code, err = deliver(victim, letterNo(2))
	require.NoError(t, err)
	require.Equal(t, 451, code)
	_, err = inbox(victim)
	var answer *goimap.Error
	require.ErrorAs(t, err, &answer)
	require.Equal(t, goimap.ResponseCodeUnavailable, answer.Code)
	var audit struct{ Accounts []string }
	require.NoError(t, c.get(victim, "/audit", &audit), "audits go on behind the fence")

	c.eventually("mail elsewhere", func() bool {
		code, err := deliver(c.nodes[0], letterNo(3))
		return err == nil && code == 250
	})
}

// TestWithoutFenceALostVolumeGoesUnnoticed is what the fence is for.
func TestWithoutFenceALostVolumeGoesUnnoticed(t *testing.T) {
	c := startCluster(t)
	_, err := deliver(c.nodes[0], letterNo(1))
	require.NoError(t, err)
	victim := c.nodes[2]
	_, err = inbox(victim)
	require.NoError(t, err)
	c.lose(victim)
	victim.args = append(victim.args, "-unsafe", "no-fence")
	c.start(victim)
	c.eventually("its vote", func() bool { return c.leader() != nil })
	require.NotContains(t, strings.ToLower(victim.log.String()), "fenced")
}
