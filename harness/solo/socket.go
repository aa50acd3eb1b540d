package solo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// Bounds on the other side of a socket. Picked.
const (
	dialWait  = 2 * time.Second
	replyWait = 10 * time.Second // to take an answer
	endWait   = 5 * time.Second  // to end after an umount
	drainWait = 2 * time.Second  // to send the rest of a line that is too long
	drainMost = 64 << 20         // bytes of it that are taken
)

// Listen makes the socket of a mount. One that is there and answered by nobody
// is taken over.
func Listen(path string) (net.Listener, error) {
	l, err := net.Listen("unix", path)
	if err != nil && !Answers(path) {
		_ = os.Remove(path)
		l, err = net.Listen("unix", path)
	}
	if err != nil {
		return nil, fmt.Errorf("listen for commands: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("listen for commands: %w", err), l.Close())
	}
	return l, nil
}

// Answers says whether somebody listens on a socket.
func Answers(path string) bool {
	c, err := net.DialTimeout("unix", path, dialWait)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// Serve answers commands until the listener is closed.
func (s *Solo) Serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go s.converse(c)
	}
}

// Finish waits until commands that were being carried out are answered.
func (s *Solo) Finish() { s.busy.Wait() }

// converse answers one connection.
func (s *Solo) converse(c net.Conn) {
	defer c.Close()
	in := bufio.NewScanner(c)
	in.Buffer(make([]byte, 0, 4096), longest)
	for in.Scan() {
		if s.answer(c, in.Bytes()) != nil {
			return
		}
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		_ = reply(c, Response{Error: fmt.Sprintf("a command has at most %d bytes", longest)})
		drain(c)
	}
}

// drain takes what else comes. A socket that is closed before that takes the
// answer away from who is still sending.
func drain(c net.Conn) {
	if u, ok := c.(*net.UnixConn); ok {
		_ = u.CloseWrite()
	}
	_ = c.SetReadDeadline(time.Now().Add(drainWait))
	_, _ = io.CopyN(io.Discard, c, drainMost)
}

func (s *Solo) answer(c net.Conn, line []byte) error {
	s.busy.Add(1)
	defer s.busy.Done()
	r, err := ParseRequest(line)
	if err != nil {
		return reply(c, Response{Error: err.Error()})
	}
	return reply(c, s.Do(r))
}

func reply(c net.Conn, r Response) error {
	_ = c.SetWriteDeadline(time.Now().Add(replyWait))
	enc := json.NewEncoder(c)
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

// Ask has one command carried out by whoever listens on a socket. Once an umount
// is answered, it waits for the process to end. When ctx ends it returns; what was
// asked is carried out all the same.
func Ask(ctx context.Context, path string, r Request) (Response, error) {
	d := net.Dialer{Timeout: dialWait}
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return Response{}, fmt.Errorf("reach the mount: %w", err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	answer, err := ask(c, r)
	if err != nil && ctx.Err() != nil {
		return answer, fmt.Errorf("%s: no answer yet, but the mount is at it: %w", r.Do, ctx.Err())
	}
	if err == nil && r.Do == Umount {
		_ = c.SetReadDeadline(time.Now().Add(endWait))
		_, _ = io.Copy(io.Discard, c)
	}
	return answer, err
}

func ask(c net.Conn, r Request) (Response, error) {
	var answer Response
	err := json.NewEncoder(c).Encode(r)
	if err == nil {
		err = json.NewDecoder(c).Decode(&answer)
	}
	if err != nil {
		return answer, fmt.Errorf("ask the mount to %s: %w", r.Do, err)
	}
	if !answer.OK {
		return answer, errors.New(answer.Error)
	}
	return answer, nil
}
