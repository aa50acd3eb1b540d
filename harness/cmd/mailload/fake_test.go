package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"fourdays/harness/cmd/mailload/control"
	"fourdays/harness/hist"
)

const ann = "ann@libero.example"

// door listens on loopback and closes at the end of the test.
func door(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// shut is the address of a face that nobody listens on.
func shut(t testing.TB) string {
	t.Helper()
	l := door(t)
	l.Close()
	return l.Addr().String()
}

// scripted is a face that treats every connection as play says.
func scripted(t testing.TB, play func(in *bufio.Reader, conn net.Conn)) string {
	t.Helper()
	l := door(t)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				play(bufio.NewReader(conn), conn)
			}()
		}
	}()
	return l.Addr().String()
}

// dialogue answers each line whose words contain a step's first half with its
// second half, in turn; after the last step it hangs up.
func dialogue(greeting string, steps ...string) func(*bufio.Reader, net.Conn) {
	return func(in *bufio.Reader, conn net.Conn) {
		io.WriteString(conn, greeting)
		for i := 0; i < len(steps); i += 2 {
			tag := ""
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if strings.Contains(line, steps[i]) {
					tag, _, _ = strings.Cut(line, " ")
					break
				}
				if strings.Contains(line, "CAPABILITY") {
					tag, _, _ = strings.Cut(line, " ")
					io.WriteString(conn, "* CAPABILITY IMAP4rev1 UIDPLUS MOVE\r\n"+tag+" OK done\r\n")
				}
			}
			io.WriteString(conn, strings.ReplaceAll(steps[i+1], "TAG", tag))
		}
	}
}

// mailbox is an LMTP face of go-smtp whose answers a test decides.
type mailbox struct {
	rcpt, data func(to string) error

	mu          sync.Mutex
	taken       []string
	connections int
}

func (m *mailbox) seen() (taken []string, connections int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.taken, m.connections
}

func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.connections++
	return &lmtpSession{box: m}, nil
}

type lmtpSession struct {
	box *mailbox
	to  []string
}

func say(f func(string) error, to string) error {
	if f == nil {
		return nil
	}
	return f(to)
}

func (s *lmtpSession) Reset()        { s.to = nil }
func (s *lmtpSession) Logout() error { return nil }

func (s *lmtpSession) Mail(string, *smtp.MailOptions) error { return nil }

func (s *lmtpSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := say(s.box.rcpt, to); err != nil {
		return err
	}
	s.to = append(s.to, to)
	return nil
}

func (s *lmtpSession) Data(io.Reader) error { return say(s.box.data, "all") }

func (s *lmtpSession) LMTPData(r io.Reader, status smtp.StatusCollector) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	for _, to := range s.to {
		err := say(s.box.data, to)
		s.box.mu.Lock()
		if err == nil {
			s.box.taken = append(s.box.taken, string(raw))
		}
		s.box.mu.Unlock()
		status.SetStatus(to, err)
	}
	return nil
}

func lmtpFace(t testing.TB, m *mailbox) string {
	t.Helper()
	l := door(t)
	s := smtp.NewServer(m)
	s.LMTP, s.Domain = true, "libero.example"
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

// imapFace is go-imap's server that keeps mail in memory, with one account.
func imapFace(t testing.TB) string {
	t.Helper()
	user := imapmemserver.NewUser(ann, "pw-"+ann)
	for _, name := range []string{"INBOX", "Archive", "Trash"} {
		require.NoError(t, user.Create(name, nil))
	}
	mem := imapmemserver.New()
	mem.AddUser(user)
	s := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return mem.NewSession(), nil, nil
		},
		Caps:         imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapUIDPlus: {}, imap.CapMove: {}},
		InsecureAuth: true,
	})
	l := door(t)
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

// harness is the other end of a control connection.
type harness struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

// begin starts a driver for one node, n1, and connects to it.
func begin(t testing.TB, at target) *harness {
	t.Helper()
	l := door(t)
	go serve(l, newDriver(map[string]target{"n1": at}))
	conn, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	return harnessOn(t, conn)
}

// harnessOn greets a driver.
func harnessOn(t testing.TB, conn net.Conn) *harness {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	h := &harness{t, conn, bufio.NewReader(conn)}
	h.write(`{"now_us": 5000000}` + "\n")
	return h
}

func (h *harness) write(line string) {
	h.t.Helper()
	_, err := io.WriteString(h.conn, line)
	require.NoError(h.t, err)
}

func (h *harness) send(group ...*hist.Op) {
	h.t.Helper()
	for i, op := range group {
		if op.ID == 0 {
			op.ID = int64(i + 1)
		}
		op.Node, op.Account = "n1", op.Account+strings.Repeat(ann, max(0, 1-len(op.Account)))
	}
	line, err := control.Encode(group)
	require.NoError(h.t, err)
	h.write(string(line))
}

func (h *harness) receive() *hist.Op {
	h.t.Helper()
	line, err := h.in.ReadBytes('\n')
	require.NoError(h.t, err)
	op := new(hist.Op)
	require.NoError(h.t, json.Unmarshal(line, op))
	return op
}

// ask sends one op and takes its answer.
func (h *harness) ask(op *hist.Op) *hist.Op {
	h.t.Helper()
	h.send(op)
	return h.receive()
}
