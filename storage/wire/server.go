package wire

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"fourdays/storage/vol"
)

// The bounds on what one connection may have in flight; beyond them it is not
// read from. Both picked: a kernel has far less.
const (
	maxFlying      = 1 << 16
	maxFlyingBytes = 512 << 20
)

// Server serves a volume on one connection.
type Server struct {
	conn net.Conn
	v    vol.Volume
	out  out
	wake chan struct{} // there is something to write that the reader did not make

	door sync.RWMutex // held while an operation is handed over
	shut bool
	inDo atomic.Bool // the reader will flush what is answered now

	mu      sync.Mutex
	landed  sync.Cond        // something in flight was answered
	flying  map[uint64]*call // not answered, nor let go of
	bytes   int
	ended   bool // nobody reads any more, or ought to
	last    uint64
	waiting map[uint64]chan struct{} // for an invalidation
}

// Serve serves a volume on a connection until that ends. It is NewServer and
// Server.Serve.
func Serve(conn net.Conn, v vol.Volume) error { return NewServer(conn, v).Serve() }

// NewServer prepares to serve a volume, whose Do must not block.
func NewServer(conn net.Conn, v vol.Volume) *Server {
	s := &Server{conn: conn, v: v, out: out{to: conn}, wake: make(chan struct{}, 1), waiting: map[uint64]chan struct{}{}, flying: map[uint64]*call{}}
	s.landed.L = &s.mu
	return s
}

// Serve works until the connection ends, whoever ends it. An error is about what
// the other side sent.
func (s *Server) Serve() error {
	written := make(chan struct{})
	go func() {
		defer close(written)
		s.write()
	}()
	in := bufio.NewReaderSize(s.conn, readBuffer)
	var err error
	for err == nil {
		err = s.frame(in)
	}
	_ = s.conn.Close()
	s.end()
	<-written
	return fault(err)
}

// fault is what the other side did wrong. To end the connection is nothing
// wrong, in the middle of a frame or not: it may have been killed.
func fault(err error) error {
	if errors.Is(err, errFrame) {
		return fmt.Errorf("read from connection: %w", err)
	}
	return nil
}

// Invalidate asks the other side to drop its caches. The channel is closed when
// it has, or the connection is gone.
func (s *Server) Invalidate() <-chan struct{} {
	done := make(chan struct{})
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		close(done)
		return done
	}
	s.last++
	id := s.last
	s.waiting[id] = done
	s.mu.Unlock()
	s.out.add(func(buf []byte) []byte {
		buf, _ = head(buf, frameInvalidate, id)
		return buf
	})
	s.nudge()
	return done
}

// Shut is what a power cut does: when it returns, no further operation reaches
// the volume, and none is answered any more. The connection stays.
func (s *Server) Shut() {
	s.out.mute()
	s.door.Lock()
	defer s.door.Unlock()
	s.shut = true
}

// Close ends the connection, and Serve.
func (s *Server) Close() error {
	err := s.conn.Close()
	s.end()
	return err
}

// call is an operation that came in, kept for the next when it is answered.
type call struct {
	request
	s    *Server
	data []byte
	size int
	done func(vol.Result) // answer, bound once
}

var calls = sync.Pool{New: func() any { return &call{} }}

func newCall(s *Server) *call {
	c := calls.Get().(*call)
	if c.s = s; c.done == nil {
		c.done = c.answer
	}
	return c
}

func (c *call) room(n int) []byte {
	if cap(c.data) < n {
		c.data = make([]byte, n)
	}
	return c.data[:n]
}

func (s *Server) frame(in *bufio.Reader) error {
	if in.Buffered() < headSize { // before waiting, answer
		if err := s.out.flush(); err != nil {
			return err
		}
	}
	h, err := take(in, headSize)
	if err != nil {
		return err
	}
	switch id := le.Uint64(h[8:]); h[0] {
	case frameOp:
		return s.operation(in, h)
	case frameInvalidated:
		s.invalidated(id)
		return nil
	case frameCancel:
		s.cancel(id)
		return nil
	}
	return errFrame
}

func (s *Server) invalidated(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if done := s.waiting[id]; done != nil {
		close(done)
		delete(s.waiting, id)
	}
}

func (s *Server) operation(in *bufio.Reader, h []byte) (err error) {
	c := newCall(s)
	if c.request, err = readRequest(in, h, c.room); err != nil {
		return err
	}
	c.size = len(c.op.Data)
	if err := s.takeOff(c); err != nil {
		return err
	}
	s.inDo.Store(true)
	s.handOver(c)
	s.inDo.Store(false)
	return nil
}

func (s *Server) handOver(c *call) {
	s.door.RLock()
	defer s.door.RUnlock()
	if !s.shut {
		s.v.Do(&c.op, c.done)
	}
}

// takeOff waits until there is room for one more operation in flight.
func (s *Server) takeOff(c *call) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.full(c.size) && !s.ended {
		s.mu.Unlock()
		err := s.out.flush()
		s.mu.Lock()
		if err != nil {
			return err
		}
		if s.full(c.size) && !s.ended {
			s.landed.Wait()
		}
	}
	if s.ended {
		return net.ErrClosed
	}
	if s.flying[c.id] != nil {
		return fmt.Errorf("%w: two operations with number %d", errFrame, c.id)
	}
	s.flying[c.id] = c
	s.bytes += c.size
	return nil
}

func (s *Server) full(size int) bool {
	return len(s.flying) >= maxFlying || len(s.flying) > 0 && s.bytes+size > maxFlyingBytes
}

// answer sends the answer to an operation. It never blocks on the connection.
func (c *call) answer(res vol.Result) {
	s := c.s
	if !s.land(c) {
		s.forget(c, &res)
		return
	}
	s.send(c, &res)
	c.s, c.op = nil, vol.Op{}
	calls.Put(c)
	if !s.inDo.Load() {
		s.nudge()
	}
}

// land takes an operation out of those in flight, whose answer it is then to
// give. It says whether it was there.
func (s *Server) land(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flying[c.id] != c {
		return false
	}
	delete(s.flying, c.id)
	s.bytes -= c.size
	s.landed.Signal()
	return true
}

// cancel lets go of an operation, if the volume can and has not answered yet.
func (s *Server) cancel(id uint64) {
	v, can := s.v.(vol.Canceler)
	s.mu.Lock()
	c := s.flying[id]
	s.mu.Unlock()
	if c == nil || !can {
		return
	}
	if s.land(c) {
		v.Cancel(&c.op)
		s.send(c, &vol.Result{Errno: syscall.EINTR})
	}
}

// forget gives back what an operation has got that was answered while it was let
// go of. The call is not used anew: the volume may have it in hand.
func (s *Server) forget(c *call, res *vol.Result) {
	if c.op.Kind == vol.Open && res.Errno == 0 {
		s.v.Do(&vol.Op{Kind: vol.Close, File: res.File}, func(vol.Result) {})
	}
}

func (s *Server) send(c *call, res *vol.Result) {
	var data []byte
	if !carries(c.op.Kind) {
		data = c.op.Data[:max(0, min(res.N, len(c.op.Data)))]
	}
	s.out.add(func(buf []byte) []byte { return appendResult(buf, c.id, res, data) })
}

// nudge wakes the writer.
func (s *Server) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// write writes what was answered outside of the reader.
func (s *Server) write() {
	for range s.wake {
		if s.out.flush() != nil {
			_ = s.conn.Close()
		}
		if s.over() {
			return
		}
	}
}

func (s *Server) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// end lets go of whoever waits.
func (s *Server) end() {
	s.mu.Lock()
	s.ended = true
	for id, done := range s.waiting {
		close(done)
		delete(s.waiting, id)
	}
	s.landed.Broadcast()
	s.mu.Unlock()
	s.nudge()
}
