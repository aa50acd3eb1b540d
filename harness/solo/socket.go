package solo

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// Bounds on the other side of a socket. Picked.
const (
	dialWait  = 2 * time.Second
	replyWait = 10 * time.Second // to take an answer
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

// converse answers one connection.
func (s *Solo) converse(c net.Conn) {
	defer c.Close()
	in := bufio.NewScanner(c)
	in.Buffer(make([]byte, 0, 4096), longest)
	for in.Scan() {
		r, err := ParseRequest(in.Bytes())
		answer := Response{}
		if err != nil {
			answer.Error = err.Error()
		} else {
			answer = s.Do(r)
		}
		if reply(c, answer) != nil {
			return
		}
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		_ = reply(c, Response{Error: fmt.Sprintf("a command has at most %d bytes", longest)})
	}
}

func reply(c net.Conn, r Response) error {
	_ = c.SetWriteDeadline(time.Now().Add(replyWait))
	enc := json.NewEncoder(c)
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

// Ask has one command carried out by whoever listens on a socket.
func Ask(path string, r Request) (Response, error) {
	var answer Response
	c, err := net.DialTimeout("unix", path, dialWait)
	if err != nil {
		return answer, fmt.Errorf("reach the mount: %w", err)
	}
	defer c.Close()
	if err = json.NewEncoder(c).Encode(r); err == nil {
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
