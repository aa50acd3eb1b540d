package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

const anna = "anna@libero.example"

// program builds mailnode once for all tests.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "mailnode")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "mailnode")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// node is one process.
type node struct {
	id, lmtp, imap, admin string
	args                  []string
	cmd                   *exec.Cmd
	log                   *bytes.Buffer
}

// cluster is three processes on loopback with directories of the test.
type cluster struct {
	t       *testing.T
	program string
	nodes   []*node
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func startCluster(t *testing.T, flags ...string) *cluster {
	t.Helper()
	path, err := program()
	require.NoError(t, err)
	c := &cluster{t: t, program: path}
	root := t.TempDir()
	var peers []string
	for i := range 3 {
		n := &node{id: fmt.Sprintf("n%d", i+1), lmtp: freeAddr(t), imap: freeAddr(t), admin: freeAddr(t)}
		addr := freeAddr(t)
		peers = append(peers, n.id+"="+addr)
		n.args = append([]string{
			"-id", n.id, "-data", filepath.Join(root, n.id), "-promise", filepath.Join(root, n.id+"-promise"),
			"-peer-listen", addr, "-lmtp", n.lmtp, "-imap", n.imap, "-admin", n.admin,
			"-domains", "libero.example", "-raft-timeout", "300ms", "-watchdog", "10s",
		}, flags...)
		c.nodes = append(c.nodes, n)
	}
	for _, n := range c.nodes {
		n.args = append(n.args, "-peers", strings.Join(peers, ","))
		c.start(n)
	}
	t.Cleanup(func() {
		for _, n := range c.nodes {
			c.kill(n)
			if t.Failed() {
				t.Logf("%s: %s", n.id, n.log)
			}
		}
	})
	c.eventually("a leader", func() bool { return c.leader() != nil })
	code, text := c.post(c.nodes[0], "/accounts", `{"create":[{"address":"`+anna+`"}]}`)
	require.Equal(t, http.StatusOK, code, text)
	return c
}

func (c *cluster) start(n *node) {
	c.t.Helper()
	n.log = new(bytes.Buffer)
	n.cmd = exec.Command(c.program, n.args...)
	n.cmd.Stderr = n.log
	require.NoError(c.t, n.cmd.Start())
}

// kill is SIGKILL.
func (c *cluster) kill(n *node) {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
}

func (c *cluster) eventually(what string, done func() bool) {
	c.t.Helper()
	require.Eventually(c.t, done, 60*time.Second, 50*time.Millisecond, what)
}

func (c *cluster) get(n *node, path string, into any) error {
	ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.admin+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}

func (c *cluster) post(n *node, path, body string) (int, string) {
	c.t.Helper()
	response, err := http.Post("http://"+n.admin+path, "application/json", strings.NewReader(body))
	require.NoError(c.t, err)
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}

// leader is the node that all reachable nodes take for the leader, nil if they
// do not agree or one of them is not available.
func (c *cluster) leader() *node {
	var leader string
	for _, n := range c.nodes {
		var health struct{ Leader, Unavailable string }
		if err := c.get(n, "/health", &health); err != nil || health.Unavailable != "" || leader != "" && leader != health.Leader {
			return nil
		}
		leader = health.Leader
	}
	for _, n := range c.nodes {
		if n.id == leader {
			return n
		}
	}
	return nil
}

// deliver sends one message and returns what the node answered, or an error
// when it did not answer.
func deliver(n *node, body string) (code int, err error) {
	conn, err := net.DialTimeout("tcp", n.lmtp, 5*time.Second)
	if err != nil {
		return 0, err
	}
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	c := smtp.NewClientLMTP(conn)
	defer func() { _ = c.Close() }()
	if err := c.SendMail("sender@elsewhere.example", []string{anna}, strings.NewReader(body)); err != nil {
		if refused, ok := err.(*smtp.SMTPError); ok {
			return refused.Code, nil
		}
		if refused, ok := err.(smtp.LMTPDataError); ok {
			return refused[anna].Code, nil
		}
		return 0, err
	}
	return 250, nil
}

func letterNo(i int) string {
	return fmt.Sprintf("Subject: %d\r\n\r\nnumber %d\r\n%s\r\n", i, i, strings.Repeat("0123456789\r\n", i%7*1000))
}

// inbox reads all messages of anna's INBOX from a node: body by UID.
func inbox(n *node) (map[goimap.UID]string, error) {
	conn, err := net.DialTimeout("tcp", n.imap, 5*time.Second)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	c := imapclient.New(conn, nil)
	defer func() { _ = c.Close() }()
	if err := c.Login(anna, "pw-"+anna).Wait(); err != nil {
		return nil, err
	}
	selected, err := c.Select("INBOX", &goimap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		return nil, err
	}
	bodies := map[goimap.UID]string{}
	if selected.NumMessages == 0 {
		return bodies, nil
	}
	section := &goimap.FetchItemBodySection{Peek: true}
	messages, err := c.Fetch(goimap.UIDSet{{Start: 1}}, &goimap.FetchOptions{UID: true, BodySection: []*goimap.FetchItemBodySection{section}}).Collect()
	for _, m := range messages {
		bodies[m.UID] = string(m.FindBodySection(section))
	}
	return bodies, err
}

// TestNothingAcknowledgedIsMissing kills the leader while mail comes in through
// all nodes, starts it again, and reads everything back from each node; and
// once more after all three were killed at once.
func TestNothingAcknowledgedIsMissing(t *testing.T) {
	c := startCluster(t)
	const total = 60
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	count := 0
	killAt := make(chan struct{})
	var senders sync.WaitGroup
	for s := range 3 {
		senders.Go(func() {
			for i := s; i < total; i += 3 {
				body := letterNo(i)
				for attempt := i; ; attempt++ {
					if code, err := deliver(c.nodes[attempt%3], body); err == nil && code == 250 {
						break
					}
				}
				mu.Lock()
				acknowledged[body] = true
				if count++; count == total/3 {
					close(killAt)
				}
				mu.Unlock()
			}
		})
	}
	<-killAt
	victim := c.leader()
	require.NotNil(t, victim)
	c.kill(victim)
	senders.Wait()
	require.Len(t, acknowledged, total)
	c.start(victim)
	c.eventually("all nodes", func() bool { return c.leader() != nil })

	c.allThere(acknowledged)
	c.sameEverywhere()

	for _, n := range c.nodes {
		c.kill(n)
	}
	for _, n := range c.nodes {
		c.start(n)
	}
	c.eventually("all nodes again", func() bool { return c.leader() != nil })
	c.allThere(acknowledged)
	c.sameEverywhere()
}

// allThere requires that each node gives out all that was acknowledged.
func (c *cluster) allThere(acknowledged map[string]bool) {
	c.t.Helper()
	for _, n := range c.nodes {
		bodies, err := inbox(n)
		require.NoError(c.t, err)
		have := map[string]bool{}
		for _, body := range bodies {
			have[body] = true
		}
		for body := range acknowledged {
			require.True(c.t, have[body], "%s misses %.20q", n.id, body)
		}
	}
}

// sameEverywhere waits until all replicas have equal digests, and requires that
// none of them holds or has found any damage.
func (c *cluster) sameEverywhere() {
	c.t.Helper()
	c.eventually("equal digests", func() bool {
		var digests [3]map[string]string
		for i, n := range c.nodes {
			if c.get(n, "/digests", &digests[i]) != nil {
				return false
			}
		}
		return len(digests[0]) > 0 && fmt.Sprint(digests[0]) == fmt.Sprint(digests[1]) && fmt.Sprint(digests[0]) == fmt.Sprint(digests[2])
	})
	for _, n := range c.nodes {
		var audit bytes.Buffer
		var raw json.RawMessage
		require.NoError(c.t, c.get(n, "/audit?account="+anna, &raw))
		audit.Write(raw)
		require.NotContains(c.t, audit.String(), "damage")
		var detected []string
		require.NoError(c.t, c.get(n, "/detected", &detected))
		require.Empty(c.t, detected)
	}
}

// TestWithoutMajorityNothingIsPromised kills two of three: the third goes on
// answering, and what it says is "not now".
func TestWithoutMajorityNothingIsPromised(t *testing.T) {
	c := startCluster(t, "-command-timeout", "1s")
	code, err := deliver(c.nodes[0], letterNo(1))
	require.NoError(t, err)
	require.Equal(t, 250, code)
	bodies, err := inbox(c.nodes[0])
	require.NoError(t, err)
	require.Len(t, bodies, 1)
	c.kill(c.nodes[1])
	c.kill(c.nodes[2])
	c.eventually("a definite refusal", func() bool {
		code, err := deliver(c.nodes[0], letterNo(2))
		return err == nil && code == 451
	})
	_, err = inbox(c.nodes[0])
	var answer *goimap.Error
	require.ErrorAs(t, err, &answer)
	require.Equal(t, goimap.ResponseCodeUnavailable, answer.Code)
	var health struct{ Unavailable string }
	require.NoError(t, c.get(c.nodes[0], "/health", &health))
	require.NotEmpty(t, health.Unavailable)
	var audit json.RawMessage
	require.NoError(t, c.get(c.nodes[0], "/audit?account="+anna, &audit))
	require.Contains(t, string(audit), `"exists":1`)

	c.start(c.nodes[1])
	c.eventually("mail again", func() bool {
		bodies, err := inbox(c.nodes[0])
		return err == nil && len(bodies) >= 1
	})
}

// TestSessionsOnDifferentNodesSeeEachOther changes flags on one node and reads
// them on another right after the answer.
func TestSessionsOnDifferentNodesSeeEachOther(t *testing.T) {
	c := startCluster(t)
	code, err := deliver(c.nodes[0], letterNo(1))
	require.NoError(t, err)
	require.Equal(t, 250, code)
	var clients []*imapclient.Client
	for _, n := range c.nodes {
		client, err := imapclient.DialInsecure(n.imap, nil)
		require.NoError(t, err)
		defer func() { _ = client.Close() }()
		require.NoError(t, client.Login(anna, "pw-"+anna).Wait())
		selected, err := client.Select("INBOX", nil).Wait()
		require.NoError(t, err)
		require.Equal(t, uint32(1), selected.NumMessages)
		clients = append(clients, client)
	}
	for i := range 30 {
		keyword := goimap.Flag(fmt.Sprintf("k%d", i))
		change := &goimap.StoreFlags{Op: goimap.StoreFlagsSet, Silent: true, Flags: []goimap.Flag{keyword}}
		require.NoError(t, clients[i%3].Store(goimap.SeqSetNum(1), change, nil).Close())
		got, err := clients[(i+1)%3].Fetch(goimap.SeqSetNum(1), &goimap.FetchOptions{Flags: true}).Collect()
		require.NoError(t, err)
		require.Equal(t, []goimap.Flag{keyword}, got[0].Flags)
	}
	c.sameEverywhere()
}
