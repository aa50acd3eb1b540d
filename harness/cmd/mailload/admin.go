package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"fourdays/harness/hist"
)

// How much of an answer is taken: of an audit, and of what goes into a history.
const (
	auditMost = 256 << 20
	textMost  = 1 << 20
)

// call makes an HTTP call on the admin face: its answer's status line is the
// reply and its body the text, cut at textMost. 2xx is ok, 4xx a refusal, and
// anything else unknown once the request is on the way, since a request that
// changes something may have been carried out.
func call(address string, op *hist.Op, deadline time.Time) {
	method := op.Method
	if method == "" {
		method = "GET"
	}
	if !token(method) || !strings.HasPrefix(op.Path, "/") || strings.ContainsAny(op.Path, " \r\n") {
		op.Outcome, op.Reply = hist.No, words(errAsked, "command")
		return
	}
	line, body, stage, err := exchange(address, method, op.Path, op.Text, textMost, deadline)
	op.Text = ""
	if err != nil {
		op.Outcome, op.Reply = hist.No, words(err, stage)
		if stage == "command" {
			op.Outcome = hist.Unknown
		}
		return
	}
	op.Reply, op.Text, op.Outcome = line, string(body), hist.Unknown
	switch {
	case line[0] == '2':
		op.Outcome = hist.OK
	case line[0] == '4':
		op.Outcome = hist.No
	}
}

func token(s string) bool {
	for _, c := range s {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}

// exchange speaks HTTP/1.0, where an answer ends with its connection or after
// its Content-Length. The whole of net/http would cost the simulator more to
// compile than all else in this program. The status line is returned without
// its version.
func exchange(address, method, path, body string, limit int64, deadline time.Time) (line string, answer []byte, stage string, err error) {
	w, err := connect(address, deadline)
	if err != nil {
		return "", nil, "connect", err
	}
	defer w.Close()
	_, err = fmt.Fprintf(w, "%s %s HTTP/1.0\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", method, path, address, len(body), body)
	if err != nil {
		return "", nil, "command", err
	}
	line, answer, err = response(bufio.NewReader(w), limit)
	return line, answer, "command", err
}

func response(r *bufio.Reader, limit int64) (line string, body []byte, err error) {
	in := textproto.NewReader(bufio.NewReader(io.LimitReader(r, limit+64<<10)))
	first, err := in.ReadLine()
	if err != nil {
		return "", nil, fmt.Errorf("read status line: %w", err)
	}
	version, line, _ := strings.Cut(first, " ")
	if !strings.HasPrefix(version, "HTTP/1.") || len(line) < 3 {
		return "", nil, fmt.Errorf("read status line: %.40q is not HTTP", first)
	}
	header, err := in.ReadMIMEHeader()
	if err != nil {
		return "", nil, fmt.Errorf("read header: %w", err)
	}
	body, err = io.ReadAll(io.LimitReader(in.R, limit))
	if err != nil {
		return "", nil, fmt.Errorf("read body: %w", err)
	}
	want, err := strconv.ParseInt(header.Get("Content-Length"), 10, 64)
	if err == nil && int64(len(body)) < min(want, limit) {
		return "", nil, fmt.Errorf("read body: %d of %d bytes: %w", len(body), want, io.ErrUnexpectedEOF)
	}
	return line, body, nil
}

// audited is what the admin face answers to an audit of an account.
type audited struct {
	Mailboxes []struct {
		Mailbox string     `json:"mailbox"`
		View    *hist.View `json:"view"`
	} `json:"mailboxes"`
}

// audit reads an account as one node keeps it.
func audit(address string, op *hist.Op, deadline time.Time) []*hist.Op {
	line, body, stage, err := exchange(address, "GET", "/audit?account="+url.QueryEscape(op.Account), "", auditMost, deadline)
	if err != nil {
		op.Outcome, op.Reply = hist.Unknown, words(err, stage)
		if stage == "connect" {
			op.Outcome = hist.No
		}
		return []*hist.Op{op}
	}
	op.Reply, op.Outcome = line, hist.No
	if line[0] != '2' {
		return []*hist.Op{op}
	}
	var found audited
	if err := json.Unmarshal(body, &found); err != nil {
		op.Outcome, op.Reply = hist.Unknown, words(fmt.Errorf("decode audit: %w", err), "command")
		return []*hist.Op{op}
	}
	op.Outcome = hist.OK
	return append(found.split(op), op)
}

// split makes one answer of each mailbox, and names them in the request's own.
func (a *audited) split(op *hist.Op) []*hist.Op {
	var answers []*hist.Op
	var names []string
	for _, m := range a.Mailboxes {
		if m.Mailbox == "" || m.View == nil {
			op.Outcome, op.Reply = hist.Unknown, "a mailbox without a name or a view [command]"
			continue
		}
		one := *op
		one.Mailbox, one.View = m.Mailbox, m.View
		answers, names = append(answers, &one), append(names, m.Mailbox)
	}
	op.Mailboxes = names
	return answers
}
