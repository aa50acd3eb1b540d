package main

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"fourdays/harness/hist"
	"fourdays/harness/letter"
)

func delivery(account string) *hist.Op {
	return &hist.Op{Kind: hist.Deliver, By: "postfix/1", Account: account, Message: "d1", Size: 3000, Try: 1, TimeoutUS: 30e6}
}

func refuse(code int, words string) func(string) error {
	return func(string) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 3, 0}, Message: words}
	}
}

func TestADeliveryArrivesByteForByte(t *testing.T) {
	m := &mailbox{}
	h := begin(t, target{lmtp: lmtpFace(t, m)})
	got := h.ask(delivery(ann))
	require.Equal(t, hist.OK, got.Outcome, got.Reply)
	require.True(t, strings.HasPrefix(got.Reply, "250 "))
	want := letter.Make("d1", 3000)
	require.Equal(t, letter.Digest(want), got.Digest)
	taken, _ := m.seen()
	require.Equal(t, []string{string(want)}, taken)
	require.GreaterOrEqual(t, got.SentUS, int64(5e6)) // the hello said so
	require.GreaterOrEqual(t, got.AnsweredUS, got.SentUS)
}

func TestEachRecipientOfATransactionHasItsAnswer(t *testing.T) {
	m := &mailbox{
		rcpt: func(to string) error {
			if strings.HasPrefix(to, "gone") {
				return refuse(550, "no such user")(to)
			}
			return nil
		},
		data: func(to string) error {
			if strings.HasPrefix(to, "shut") {
				return refuse(450, "not yet available")(to)
			}
			return nil
		},
	}
	h := begin(t, target{lmtp: lmtpFace(t, m)})
	h.send(delivery(ann), delivery("gone@libero.example"), delivery("shut@libero.example"))
	got := map[string]*hist.Op{}
	for range 3 {
		op := h.receive()
		got[op.Account] = op
	}
	require.Equal(t, hist.OK, got[ann].Outcome)
	require.Equal(t, hist.No, got["gone@libero.example"].Outcome)
	require.Equal(t, "550 5.3.0 no such user [rcpt]", got["gone@libero.example"].Reply)
	require.Equal(t, hist.No, got["shut@libero.example"].Outcome)
	require.Contains(t, got["shut@libero.example"].Reply, "450 4.3.0 ")
	require.Contains(t, got["shut@libero.example"].Reply, "[dot]")
	taken, _ := m.seen()
	require.Len(t, taken, 1)
}

func TestOneConnectionServesManyDeliveries(t *testing.T) {
	m := &mailbox{}
	h := begin(t, target{lmtp: lmtpFace(t, m)})
	for range 5 {
		require.Equal(t, hist.OK, h.ask(delivery(ann)).Outcome)
	}
	_, connections := m.seen()
	require.Equal(t, 1, connections)
}

// TestWhereADeliveryFailsDecidesWhatItMeans plays servers that break off at
// each step: before the final dot that is a definite no, after it unknown.
func TestWhereADeliveryFailsDecidesWhatItMeans(t *testing.T) {
	to := []string{"LHLO", "250 hi\r\n", "MAIL", "250 ok\r\n", "RCPT", "250 ok\r\n", "DATA", "354 go\r\n"}
	for name, c := range map[string]struct {
		face    string
		outcome hist.Outcome
		reply   string
	}{
		"nobody listens": {shut(t), hist.No, "[connect]"},
		"busy":           {scripted(t, dialogue("421 4.3.2 too busy\r\n")), hist.No, "421 4.3.2 too busy [greeting]"},
		"no banner":      {scripted(t, dialogue("")), hist.No, "[greeting]"},
		"no SMTP":        {scripted(t, dialogue("* OK IMAP here\r\n")), hist.No, "[greeting]"},
		"mail dropped":   {scripted(t, dialogue("220 hi\r\n", to[:2]...)), hist.No, "[mail]"},
		"rcpt dropped":   {scripted(t, dialogue("220 hi\r\n", to[:4]...)), hist.No, "[rcpt]"},
		"data dropped":   {scripted(t, dialogue("220 hi\r\n", to[:6]...)), hist.No, "[data]"},
		"data refused":   {scripted(t, dialogue("220 hi\r\n", append(to[:6:6], "DATA", "452 4.3.1 full\r\n")...)), hist.No, "452 4.3.1 full [data]"},
		"dot dropped":    {scripted(t, dialogue("220 hi\r\n", append(to[:8:8], "\r\n", "")...)), hist.Unknown, ""},
		"dot refused":    {scripted(t, dialogue("220 hi\r\n", append(to[:8:8], ".\r\n", "554 5.6.0 no\r\n")...)), hist.No, "554 5.6.0 no [dot]"},
		"dot garbled":    {scripted(t, dialogue("220 hi\r\n", append(to[:8:8], ".\r\n", "what?\r\n")...)), hist.Unknown, "[dot]"},
		"dot half":       {scripted(t, dialogue("220 hi\r\n", append(to[:8:8], ".\r\n", "25")...)), hist.Unknown, "[dot]"},
		"dot strange":    {scripted(t, dialogue("220 hi\r\n", append(to[:8:8], ".\r\n", "252 maybe\r\n")...)), hist.Unknown, "[dot]"},
	} {
		t.Run(name, func(t *testing.T) {
			op := delivery(ann)
			op.Size = 0 // small enough to be sent in one go with its dot
			if name == "dot dropped" {
				op.Size = 300
			}
			got := begin(t, target{lmtp: c.face}).ask(op)
			require.Equal(t, c.outcome, got.Outcome, got.Reply)
			require.Contains(t, got.Reply, c.reply)
		})
	}
}

// TestTheSecondAnswerMayNeverCome: one recipient has its 250, the connection
// ends, and only the other's outcome is unknown.
func TestTheSecondAnswerMayNeverCome(t *testing.T) {
	half := scripted(t, func(in *bufio.Reader, conn net.Conn) {
		io.WriteString(conn, "220 hi\r\n")
		replies := []string{"250 hi\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"}
		for data := false; ; {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if !data {
				io.WriteString(conn, replies[0])
				replies = replies[1:]
				data = len(replies) == 0
			} else if line == ".\r\n" {
				io.WriteString(conn, "250 2.0.0 taken\r\n")
				return
			}
		}
	})
	h := begin(t, target{lmtp: half})
	h.send(delivery("a@libero.example"), delivery("b@libero.example"))
	got := map[string]*hist.Op{}
	for range 2 {
		op := h.receive()
		got[op.Account] = op
	}
	require.Equal(t, hist.OK, got["a@libero.example"].Outcome)
	require.Equal(t, hist.Unknown, got["b@libero.example"].Outcome)
}

func TestASilentServerIsGivenUpAtTheOpsTimeout(t *testing.T) {
	wait := make(chan struct{})
	defer close(wait)
	silent := scripted(t, func(*bufio.Reader, net.Conn) { <-wait })
	h := begin(t, target{lmtp: silent, imap: silent, admin: silent})
	op := delivery(ann)
	op.TimeoutUS = 50_000
	require.Equal(t, hist.No, h.ask(op).Outcome)
	read := h.ask(&hist.Op{Kind: hist.Read, Mailbox: "INBOX", TimeoutUS: 50_000})
	require.Equal(t, hist.No, read.Outcome, "it was never let in")
	require.Equal(t, hist.Unknown, h.ask(&hist.Op{Kind: hist.Admin, Path: "/health", TimeoutUS: 50_000}).Outcome)
}

// TestADeadIdleConnectionIsReplaced: the server hangs up between deliveries, and
// the next one does not suffer for it.
func TestADeadIdleConnectionIsReplaced(t *testing.T) {
	hungUp := make(chan struct{}, 9)
	face := scripted(t, func(in *bufio.Reader, conn net.Conn) {
		defer func() { hungUp <- struct{}{} }()
		dialogue("220 hi\r\n", "LHLO", "250 hi\r\n", "MAIL", "250 ok\r\n", "RCPT", "250 ok\r\n", "DATA", "354 go\r\n")(in, conn)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if line == ".\r\n" {
				io.WriteString(conn, "250 taken\r\n")
				conn.Close()
				return
			}
		}
	})
	h := begin(t, target{lmtp: face})
	for range 3 {
		got := h.ask(delivery(ann))
		require.Equal(t, hist.OK, got.Outcome, got.Reply)
		<-hungUp
	}
}
