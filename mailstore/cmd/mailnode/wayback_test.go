package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// set changes a flag of a node's command line.
func (n *node) set(flag, value string) {
	n.args[slices.Index(n.args, flag)+1] = value
}

func (n *node) get(flag string) string { return n.args[slices.Index(n.args, flag)+1] }

// successor is a node with another ID and address, and the same faces. It has
// its own storage, or that of the node it comes from.
func (c *cluster) successor(of *node, id string, fresh bool, flag string) *node {
	c.t.Helper()
	n := &node{id: id, lmtp: of.lmtp, imap: of.imap, admin: of.admin, args: []string{flag}}
	for _, arg := range of.args {
		if arg != "-join" && arg != "-recover" {
			n.args = append(n.args, arg)
		}
	}
	addr := freeAddr(c.t)
	n.set("-id", id)
	n.set("-peer-listen", addr)
	peers := id + "=" + addr
	if fresh {
		root := filepath.Dir(of.get("-data"))
		n.set("-data", filepath.Join(root, id))
		n.set("-promise", filepath.Join(root, id+"-promise"))
		peers += "," + c.nodes[0].id + "=" + c.nodes[0].get("-peer-listen")
	}
	n.set("-peers", peers)
	c.start(n)
	return n
}

// replace asks a node until old is replaced by add.
func (c *cluster) replace(through *node, old string, add *node) {
	c.t.Helper()
	order := fmt.Sprintf(`{"remove":%q,"add":%q,"address":%q}`, old, add.id, add.get("-peer-listen"))
	last := ""
	c.eventually("promoted", func() bool {
		response, err := http.Post("http://"+through.admin+"/replace", "application/json", strings.NewReader(order))
		if err != nil {
			return false
		}
		defer func() { _ = response.Body.Close() }()
		var answer struct{ Phase, Error string }
		_ = json.NewDecoder(response.Body).Decode(&answer)
		require.NotEqual(c.t, http.StatusConflict, response.StatusCode, answer.Error)
		last = answer.Phase
		return last == "promoted"
	})
}

type recoveredStatus struct {
	Cluster       string
	Configuration []struct {
		ID, Address string
		Voter       bool
	}
	Recovered *struct {
		From, Node string
		Lost       uint64  `json:"entries_lost"`
		AtMost     *uint64 `json:"entries_lost_at_most"`
	}
}

// TestTheWayBack loses first one volume and then two more. The first node is
// replaced while the cluster goes on; after the second blow a new cluster
// begins with the one copy that is left. No letter is missing at either step.
func TestTheWayBack(t *testing.T) {
	c := startCluster(t)
	letters := map[string]bool{}
	send := func(n *node, i int) {
		t.Helper()
		c.eventually("mail in", func() bool {
			code, err := deliver(n, letterNo(i))
			return err == nil && code == 250
		})
		letters[letterNo(i)] = true
	}
	send(c.nodes[0], 1)

	c.lose(c.nodes[2])
	third := c.successor(c.nodes[2], "n3.2", true, "-join")
	c.nodes[2] = third
	c.replace(c.nodes[1], "n3", third)
	send(third, 2)
	c.allThere(letters)
	c.sameEverywhere()

	var before, after recoveredStatus
	require.NoError(t, c.get(third, "/raft", &before))
	require.Len(t, before.Configuration, 3)
	for _, n := range c.nodes[:2] {
		c.lose(n)
		c.start(n)
	}
	c.kill(third)
	heir := c.successor(third, "n3.3", false, "-recover")
	c.nodes[2] = heir
	c.eventually("a leader", func() bool {
		var health struct{ Leader string }
		return c.get(heir, "/health", &health) == nil && health.Leader == "n3.3"
	})
	bodies, err := inbox(heir)
	require.NoError(t, err)
	require.Len(t, bodies, 2)
	require.NoError(t, c.get(heir, "/raft", &after))
	require.NotEqual(t, before.Cluster, after.Cluster)
	require.Equal(t, before.Cluster, after.Recovered.From)
	require.Equal(t, "n3.2", after.Recovered.Node)

	lost := slices.Clone(c.nodes[:2])
	c.nodes = []*node{heir} // whom newcomers ask
	for _, old := range lost {
		c.kill(old)
		n := c.successor(old, old.id+".2", true, "-join")
		c.nodes = append(c.nodes, n)
		c.replace(heir, old.id, n)
	}
	send(heir, 3)
	c.allThere(letters)
	c.sameEverywhere()
}
