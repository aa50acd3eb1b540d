package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/cmd/mailload/control"
	"fourdays/harness/hist"
)

// adminFace is an HTTP server with a few answers.
func adminFace(t testing.TB) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s%s", r.Method, body)
	})
	mux.HandleFunc("/down", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "storage", http.StatusServiceUnavailable) })
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("x", textMost+9)) })
	mux.HandleFunc("/audit", func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, ann, r.URL.Query().Get("account"))
		io.WriteString(w, `{"account":"x","mailboxes":[
			{"mailbox":"INBOX","view":{"uidvalidity":7,"uidnext":3,"exists":1,"messages":[{"uid":2,"stored":"ab","digest":"cd","damage":"rot"}]}},
			{"mailbox":"Trash","view":{"uidvalidity":8,"uidnext":1,"exists":0}}]}`)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestAnAuditAnswersForEachMailboxAndThenForItself(t *testing.T) {
	h := begin(t, target{admin: adminFace(t)})
	h.send(&hist.Op{Kind: hist.Audit})
	inbox, trash, whole := h.receive(), h.receive(), h.receive()
	require.Equal(t, "INBOX", inbox.Mailbox)
	require.Equal(t, "rot", inbox.View.Messages[0].Damage)
	require.Equal(t, "Trash", trash.Mailbox)
	require.EqualValues(t, 8, trash.View.UIDValidity)
	require.Empty(t, whole.Mailbox)
	require.Equal(t, []string{"INBOX", "Trash"}, whole.Mailboxes)
	for _, op := range []*hist.Op{inbox, trash, whole} {
		require.EqualValues(t, 1, op.ID)
		require.Equal(t, hist.OK, op.Outcome)
	}
}

func TestAnAdminCallBringsBackStatusAndBody(t *testing.T) {
	h := begin(t, target{admin: adminFace(t)})
	got := h.must(&hist.Op{Kind: hist.Admin, Path: "/health"})
	require.Equal(t, "200 OK", got.Reply)
	require.Equal(t, "GET", got.Text)
	require.Equal(t, `POST{"all":true}`, h.must(&hist.Op{Kind: hist.Admin, Method: "POST", Path: "/health", Text: `{"all":true}`}).Text)
	require.Equal(t, hist.Unknown, h.ask(&hist.Op{Kind: hist.Admin, Path: "/down"}).Outcome)
	require.Equal(t, hist.No, h.ask(&hist.Op{Kind: hist.Admin, Path: "/nowhere"}).Outcome)
	require.Equal(t, hist.No, h.ask(&hist.Op{Kind: hist.Admin, Path: "/health x\r\nHost: evil"}).Outcome)
	require.Len(t, h.must(&hist.Op{Kind: hist.Admin, Path: "/long"}).Text, textMost)
}

func TestAnAnswerCutShortIsUnknown(t *testing.T) {
	for _, answer := range []string{
		"", "HTTP", "HTTP/1.0 2\r\n\r\n", "SSH-2.0-x\r\n\r\n", "HTTP/1.0 200 OK\r\nA", "HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
	} {
		face := scripted(t, dialogue("", "Content-Length", answer))
		got := begin(t, target{admin: face}).ask(&hist.Op{Kind: hist.Admin, Path: "/health"})
		require.Equal(t, hist.Unknown, got.Outcome, answer)
	}
	face := scripted(t, dialogue("", "Content-Length", "HTTP/1.0 200 OK\r\n\r\n{\"mailboxes\":[{"))
	require.Equal(t, hist.Unknown, begin(t, target{admin: face}).ask(&hist.Op{Kind: hist.Audit}).Outcome)
}

// TestAnswersComeInTheOrderOfCompletion: a delivery that hangs holds up nobody.
func TestAnswersComeInTheOrderOfCompletion(t *testing.T) {
	release := make(chan struct{})
	m := &mailbox{data: func(string) error { <-release; return nil }}
	h := begin(t, target{lmtp: lmtpFace(t, m), imap: imapFace(t)})
	slow := delivery(ann)
	slow.ID = 1
	h.send(slow)
	h.send(&hist.Op{ID: 2, Kind: hist.List})
	require.EqualValues(t, 2, h.receive().ID)
	close(release)
	require.EqualValues(t, 1, h.receive().ID)
}

func TestALineThatIsNotUnderstoodEndsTheConnection(t *testing.T) {
	for _, line := range []string{
		"nonsense\n", "{}\n", "[]\n", "null\n", `{"kind":"bounce"}` + "\n", `{"kind":"read","colour":1}` + "\n",
		`{"group":[]}` + "\n", `{"group":[null]}` + "\n", `{"group":[{"kind":"read"},{"kind":"read"}]}` + "\n",
		`{"kind":"list"} {"kind":"list"}` + "\n",
		strings.Repeat("x", control.MaxLine+2) + "\n",
	} {
		h := begin(t, target{})
		go io.WriteString(h.conn, line) // the driver may hang up halfway
		raw, err := h.in.ReadBytes('\n')
		if err != nil {
			require.Greater(t, len(line), control.MaxLine) // its refusal was overtaken by a reset
			continue
		}
		var no control.Refusal
		require.NoError(t, json.Unmarshal(raw, &no))
		require.NotEmpty(t, no.Error)
		_, err = h.in.ReadByte()
		require.Error(t, err)
	}
}

func TestTheNextHarnessIsServedAfterTheFirst(t *testing.T) {
	l := door(t)
	go serve(l, newDriver(map[string]target{"n1": {admin: adminFace(t)}}))
	for range 3 {
		conn, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		io.WriteString(conn, `{"start":1}`+"\n"+`{"id":4,"kind":"admin","node":"n1","path":"/health"}`+"\n")
		line, err := bufio.NewReader(conn).ReadBytes('\n')
		require.NoError(t, err)
		require.Contains(t, string(line), `"outcome":"ok"`)
		require.NoError(t, conn.Close())
	}
}

func TestNodesAreParsedOrRefused(t *testing.T) {
	got, err := parseTargets("n1=10.0.0.1:24,10.0.0.1:143,10.0.0.1:80;n2=10.0.0.2:24,10.0.0.2:143,10.0.0.2:80")
	require.NoError(t, err)
	require.Equal(t, target{lmtp: "10.0.0.2:24", imap: "10.0.0.2:143", admin: "10.0.0.2:80"}, got["n2"])
	for _, text := range []string{"", "n1", "n1=a:1,b:2", "n1=a,b:2,c:3", "=a:1,b:2,c:3", "n1=a:1,b:2,c:3;n1=a:1,b:2,c:3"} {
		require.Error(t, run([]string{"-nodes", text}), text)
	}
}

func TestThePoolKeepsTheLatestAndHangsUpOnTheRest(t *testing.T) {
	p := pool[*fakeConn]{each: 2, all: 3}
	a, b, c, d, e := &fakeConn{}, &fakeConn{}, &fakeConn{}, &fakeConn{}, &fakeConn{}
	p.put("x", a)
	p.put("x", b)
	p.put("x", c) // one too many of x
	require.True(t, a.gone)
	p.put("y", d)
	p.put("z", e) // one too many in all
	require.True(t, b.gone)
	c.dead = true
	require.Nil(t, p.take("x"))
	require.True(t, c.gone)
	require.Same(t, d, p.take("y"))
	require.Nil(t, p.take("y"))
}

type fakeConn struct{ gone, dead bool }

func (c *fakeConn) rest() bool  { return true }
func (c *fakeConn) alive() bool { return !c.dead }
func (c *fakeConn) hangUp()     { c.gone = true }

func FuzzResponse(f *testing.F) {
	f.Add("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
	f.Fuzz(func(_ *testing.T, text string) {
		line, _, err := response(bufio.NewReader(strings.NewReader(text)), 100)
		if err == nil {
			_ = line[0] // callers look at it
		}
	})
}
