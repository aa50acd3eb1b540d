package live

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"fourdays/harness/world"
)

// ErrClosed is what a stream that is over, or not open yet, answers.
var ErrClosed = errors.New("stream is closed")

// dialTimeout is how long a program may take to accept a stream. Picked.
const dialTimeout = 5 * time.Second

// pieceSize is how much of a stream one callback gets at most. Picked.
const pieceSize = 64 << 10

// stream is a connection between the harness and a program.
type stream struct {
	loop   *Loop
	opened func(error)
	data   func([]byte)
	gone   func()

	mu      sync.Mutex
	conn    net.Conn
	open    bool // opened was told so
	closed  bool
	waiting []byte        // to be sent
	more    chan struct{} // there is something to send
}

// Dial opens a stream to an address, as world.Network says. The callbacks are
// called in Run.
func (l *Loop) Dial(address string, opened func(error), data func([]byte), gone func()) (world.Conn, error) {
	if _, err := netip.ParseAddrPort(address); err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	s := &stream{loop: l, opened: opened, data: data, gone: gone, more: make(chan struct{}, 1)}
	go s.dial(address)
	return s, nil
}

func (s *stream) dial(address string) {
	conn, err := net.DialTimeout("tcp", address, dialTimeout)
	if err != nil {
		s.tell(func() { s.finish(); s.opened(err) })
		return
	}
	s.mu.Lock()
	late := s.closed
	s.conn = conn
	s.mu.Unlock()
	if late {
		_ = conn.Close()
		return
	}
	s.tell(s.begin)
	go s.write(conn)
	s.read(conn)
}

func (s *stream) begin() {
	s.mu.Lock()
	s.open = true
	s.mu.Unlock()
	s.opened(nil)
}

// tell calls f in Run, unless the harness has closed the stream, and returns
// when that is over: what nobody takes is left to the network.
func (s *stream) tell(f func()) {
	done := make(chan struct{})
	s.loop.Post(func() {
		defer close(done)
		if !s.isClosed() {
			f()
		}
	})
	select {
	case <-done:
	case <-s.loop.over:
		s.finish()
	}
}

func (s *stream) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *stream) read(conn net.Conn) {
	buf := make([]byte, pieceSize)
	for {
		n, err := conn.Read(buf)
		if n > 0 {
			s.tell(func() { s.data(buf[:n]) })
		}
		if err != nil {
			s.tell(func() { s.finish(); s.gone() })
			return
		}
	}
}

// write sends what waits. It ends with the connection.
func (s *stream) write(conn net.Conn) {
	for range s.more {
		s.mu.Lock()
		p := s.waiting
		s.waiting = nil
		s.mu.Unlock()
		if _, err := conn.Write(p); err != nil {
			_ = conn.Close() // the reader tells
			return
		}
	}
}

// Send implements world.Conn. It never waits for the program.
func (s *stream) Send(p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.open {
		return ErrClosed
	}
	s.waiting = append(s.waiting, p...)
	select {
	case s.more <- struct{}{}:
	default:
	}
	return nil
}

// Close implements world.Conn. No callback comes after it.
func (s *stream) Close() { s.finish() }

// finish ends the stream once.
func (s *stream) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	close(s.more)
	if s.conn != nil {
		_ = s.conn.Close()
	}
}
