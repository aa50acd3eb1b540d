package replica

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// The first byte of a connection says what it is for; see greeting.
const (
	raftConn    = 'R'
	forwardConn = 'F'
	stateConn   = 'T' // the whole state comes back
)

// mux shares one listener between raft and forwards, and can cut this node's
// own raft connections.
type mux struct {
	listener net.Listener
	self     address
	greet    func(kind byte) greeting
	raft     chan net.Conn // accepted for raft
	open     atomic.Bool   // raft accepts

	mu     sync.Mutex
	out    map[net.Conn]bool // dialled by raft
	in     map[net.Conn]bool // accepted
	isCut  bool
	closed bool
	done   chan struct{}
}

// address is the advertised one: the listener's may be a wildcard.
type address string

// Network implements net.Addr.
func (address) Network() string { return "tcp" }

// String implements net.Addr.
func (a address) String() string { return string(a) }

func newMux(l net.Listener, self string, greet func(kind byte) greeting) *mux {
	return &mux{listener: l, self: address(self), greet: greet, raft: make(chan net.Conn),
		out: map[net.Conn]bool{}, in: map[net.Conn]bool{}, done: make(chan struct{})}
}

// accept runs until the listener is closed.
func (m *mux) accept(serve func(net.Conn, greeting)) {
	for {
		conn, err := m.listener.Accept()
		if err != nil {
			select {
			case <-m.done:
				return
			case <-time.After(acceptPause):
			}
			continue
		}
		go m.welcome(conn, serve)
	}
}

const (
	acceptPause  = 100 * time.Millisecond // after a failed accept; picked
	helloTimeout = 10 * time.Second       // for the greeting; picked
)

func (m *mux) welcome(conn net.Conn, serve func(net.Conn, greeting)) {
	if !m.track(m.in, conn) {
		return
	}
	_ = conn.SetReadDeadline(time.Now().Add(helloTimeout))
	g, err := readGreeting(conn)
	_ = conn.SetReadDeadline(time.Time{})
	switch own := m.greet(raftConn).cluster; {
	case err == nil && (g.kind == forwardConn || g.kind == stateConn):
		serve(conn, g)
	case err == nil && g.kind == raftConn && m.open.Load() && g.cluster == own:
		select {
		case m.raft <- &tracked{Conn: conn, forget: func() { m.untrack(m.in, conn) }}:
			return
		case <-m.done:
		}
	}
	_ = conn.Close()
	m.untrack(m.in, conn)
}

// track keeps conn so that it can be closed from here; it closes it at once if
// it is too late for that.
func (m *mux) track(set map[net.Conn]bool, conn net.Conn) bool {
	m.mu.Lock()
	late := m.closed
	if !late {
		set[conn] = true
	}
	m.mu.Unlock()
	if late {
		_ = conn.Close()
	}
	return !late
}

func (m *mux) untrack(set map[net.Conn]bool, conn net.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(set, conn)
}

// cut ends this node's outgoing raft connections and makes no new ones: no
// heartbeat, no entry, no request for a vote leaves it.
func (m *mux) cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.isCut = true
	for conn := range m.out {
		_ = conn.Close()
	}
}

func (m *mux) mend() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.isCut = false
}

func (m *mux) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	m.closed, m.isCut = true, true
	close(m.done)
	_ = m.listener.Close()
	for conn := range m.out {
		_ = conn.Close()
	}
	for conn := range m.in {
		_ = conn.Close()
	}
}

// tracked forgets a connection when it is closed.
type tracked struct {
	net.Conn
	once   sync.Once
	forget func()
}

// Close closes the connection.
func (t *tracked) Close() error {
	t.once.Do(t.forget)
	return t.Conn.Close()
}

var errCut = errors.New("this node's raft connections are cut")

// streams is the mux as raft's stream layer.
type streams struct {
	*mux
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	stop chan struct{}
	once sync.Once
}

// Accept implements net.Listener.
func (s *streams) Accept() (net.Conn, error) {
	select {
	case conn := <-s.raft:
		return conn, nil
	case <-s.stop:
	}
	return nil, net.ErrClosed
}

// Addr implements net.Listener.
func (s *streams) Addr() net.Addr { return s.self }

// Close implements net.Listener. The listener itself belongs to the mux.
func (s *streams) Close() error {
	s.once.Do(func() { close(s.stop) })
	return nil
}

// Dial implements raft.StreamLayer.
func (s *streams) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	s.mu.Lock()
	refused := s.isCut
	s.mu.Unlock()
	if refused {
		return nil, errCut
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := hello(ctx, s.dial, string(to), s.greet(raftConn))
	if err != nil {
		return nil, err
	}
	if !s.track(s.out, conn) {
		return nil, errCut
	}
	s.mu.Lock()
	late := s.isCut
	s.mu.Unlock()
	out := &tracked{Conn: conn, forget: func() { s.untrack(s.out, conn) }}
	if late {
		_ = out.Close()
		return nil, errCut
	}
	return out, nil
}
