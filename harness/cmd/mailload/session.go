package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"fourdays/harness/cmd/mailload/control"
	"fourdays/harness/hist"
)

// session is one control connection.
type session struct {
	d     *driver
	conn  net.Conn
	start time.Time // of the run

	mu  sync.Mutex
	out *json.Encoder
}

func newSession(d *driver, conn net.Conn) *session {
	return &session{d: d, conn: conn, out: json.NewEncoder(conn)}
}

// run reads requests until the harness hangs up or says something that cannot
// be understood. What is still being asked then goes on, and its answers are
// dropped.
func (s *session) run() {
	defer s.conn.Close()
	in := bufio.NewReaderSize(s.conn, 64<<10)
	if err := s.greet(in); err != nil {
		s.refuse(err)
		return
	}
	for {
		line, err := readLine(in)
		if err != nil {
			s.refuse(err)
			return
		}
		group, err := control.Decode(line)
		if err != nil {
			s.refuse(err)
			return
		}
		go s.do(group)
	}
}

func (s *session) greet(in *bufio.Reader) error {
	line, err := readLine(in)
	if err != nil {
		return err
	}
	var hello control.Hello
	if err := json.Unmarshal(line, &hello); err != nil {
		return fmt.Errorf("decode hello: %w", err)
	}
	s.start = time.UnixMicro(hello.Start)
	if hello.Start == 0 {
		s.start = time.Now().Round(0).Add(-time.Duration(hello.NowUS) * time.Microsecond)
	}
	return nil
}

// readLine reads one line of at most control.MaxLine bytes.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if line = append(line, part...); len(line) > control.MaxLine {
			return nil, fmt.Errorf("read request: a line of more than %d bytes", control.MaxLine)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// refuse says what was not understood. Hanging up is no mistake.
func (s *session) refuse(err error) {
	if !errors.Is(err, io.EOF) {
		s.send(control.Refusal{Error: err.Error()})
	}
}

func (s *session) send(line any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A harness that hung up needs no answer.
	_ = s.out.Encode(line)
}

// do asks a group and answers for each of its ops.
func (s *session) do(group []*hist.Op) {
	sent := s.sinceStart()
	for _, op := range group {
		op.SentUS = sent
	}
	answers := s.d.do(group)
	now := s.sinceStart()
	for _, op := range answers {
		op.AnsweredUS = now
		s.send(op)
	}
}

// sinceStart goes by the wall clock, which moves over a leap of the simulator
// where the monotonic one does not; s.start has no monotonic reading.
func (s *session) sinceStart() int64 { return time.Since(s.start).Microseconds() }
