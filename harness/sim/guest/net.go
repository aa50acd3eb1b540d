//go:build wasip1

package guest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

//go:wasmimport fourdays net_listen
func netListen(port uint32) uint32

//go:wasmimport fourdays net_unlisten
func netUnlisten(port uint32)

//go:wasmimport fourdays net_dial
func netDial(ip, port uint32) uint32

//go:wasmimport fourdays net_send
func netSend(id uint32, p unsafe.Pointer, n uint32) uint32

//go:wasmimport fourdays net_close
func netClose(id uint32)

// Listen is net.Listen for "tcp" addresses of the form IP:port.
func Listen(network, address string) (net.Listener, error) {
	open()
	addr, err := parse(address)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	if errno := syscall.Errno(netListen(uint32(addr.Port))); errno != 0 {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: addr, Err: errno}
	}
	l := &listener{addr: addr, queue: make(chan *conn, 4096), closed: make(chan struct{})}
	device.mu.Lock()
	device.ports[uint32(addr.Port)] = l
	device.mu.Unlock()
	return l, nil
}

// Dial is (*net.Dialer).DialContext for "tcp" addresses of the form IP:port.
func Dial(ctx context.Context, network, address string) (net.Conn, error) {
	open()
	addr, err := parse(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	ip := addr.IP.To4()
	c := newConn(addr)
	device.mu.Lock()
	c.id = netDial(uint32(ip[0])<<24|uint32(ip[1])<<16|uint32(ip[2])<<8|uint32(ip[3]), uint32(addr.Port))
	device.conns[c.id] = c
	device.mu.Unlock()
	select {
	case err = <-c.connected:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		c.Close()
		return nil, &net.OpError{Op: "dial", Net: network, Addr: addr, Err: err}
	}
	return c, nil
}

func parse(address string) (*net.TCPAddr, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, err
	}
	ip := net.ParseIP(host)
	if host == "" {
		ip = net.IPv4zero
	}
	if ip.To4() == nil {
		return nil, &net.AddrError{Err: "the simulated network takes IPv4 addresses, not names", Addr: address}
	}
	return &net.TCPAddr{IP: ip, Port: int(n)}, nil
}

type listener struct {
	addr   *net.TCPAddr
	queue  chan *conn
	once   sync.Once
	closed chan struct{}
}

func (l *listener) accepted(id uint32, peer string) {
	addr, err := parse(peer)
	if err != nil {
		netClose(id)
		return
	}
	c := newConn(addr)
	c.id, c.local = id, l.addr
	device.mu.Lock()
	device.conns[id] = c
	device.mu.Unlock()
	select {
	case l.queue <- c:
	default: // the backlog is full
		c.Close()
	}
}

// Accept waits for the next connection.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
	}
}

// Close stops listening; connections that nobody accepted are reset.
func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		netUnlisten(uint32(l.addr.Port))
		device.mu.Lock()
		delete(device.ports, uint32(l.addr.Port))
		device.mu.Unlock()
	})
	return nil
}

// Addr is the address that was asked for.
func (l *listener) Addr() net.Addr { return l.addr }

// conn is one end of a stream. Sending never blocks: the simulated network has
// room for everything in flight.
type conn struct {
	id          uint32
	local, peer *net.TCPAddr
	connected   chan error
	read, write deadline
	mu          sync.Mutex
	queue       [][]byte
	err         error // why there is nothing after the queue
	closed      bool
	more        chan struct{} // holds a token while queue or err may have changed
}

func newConn(peer *net.TCPAddr) *conn {
	return &conn{
		peer: peer, local: &net.TCPAddr{IP: net.IPv4zero},
		connected: make(chan error, 1), more: make(chan struct{}, 1),
		read: deadline{expired: make(chan struct{})}, write: deadline{expired: make(chan struct{})},
	}
}

func (c *conn) frame(kind uint32, errno syscall.Errno, payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch kind {
	case Connected:
		if errno != 0 {
			c.connected <- errno
			return
		}
		c.connected <- nil
	case Data:
		c.queue = append(c.queue, append([]byte(nil), payload...))
	case EOF:
		c.fail(io.EOF)
	case Reset:
		c.fail(errno)
	}
	c.signal()
}

func (c *conn) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *conn) signal() {
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// Read fills b with what has come, waiting for at least one byte.
func (c *conn) Read(b []byte) (int, error) {
	for {
		if c.read.over() {
			return 0, c.opError("read", os.ErrDeadlineExceeded)
		}
		if n, err := c.take(b); n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		select {
		case <-c.more:
		case <-c.read.wait():
		}
	}
}

func (c *conn) take(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for n < len(b) && len(c.queue) > 0 {
		k := copy(b[n:], c.queue[0])
		n += k
		if c.queue[0] = c.queue[0][k:]; len(c.queue[0]) == 0 {
			c.queue = c.queue[1:]
		}
	}
	switch {
	case len(c.queue) > 0:
		c.signal()
		return n, nil
	case n > 0:
		if c.err != nil || c.closed {
			c.signal()
		}
		return n, nil
	case c.closed:
		return 0, c.opError("read", net.ErrClosed)
	case c.err != nil && !errors.Is(c.err, io.EOF):
		c.signal()
		return 0, c.opError("read", c.err)
	case c.err != nil:
		c.signal()
		return 0, io.EOF
	}
	return 0, nil
}

// Write sends all of b.
func (c *conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	closed, err := c.closed, c.err
	c.mu.Unlock()
	switch {
	case closed:
		return 0, c.opError("write", net.ErrClosed)
	case err != nil && err != io.EOF:
		return 0, c.opError("write", err)
	case c.write.over():
		return 0, c.opError("write", os.ErrDeadlineExceeded)
	case len(b) == 0:
		return 0, nil
	}
	if errno := syscall.Errno(netSend(c.id, unsafe.Pointer(unsafe.SliceData(b)), uint32(len(b)))); errno != 0 {
		return 0, c.opError("write", errno)
	}
	return len(b), nil
}

// Close ends both directions; the peer reads what was sent and then EOF.
func (c *conn) Close() error {
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	c.queue = nil
	c.signal()
	c.mu.Unlock()
	if closed {
		return c.opError("close", net.ErrClosed)
	}
	c.read.set(time.Time{})
	netClose(c.id)
	device.mu.Lock()
	delete(device.conns, c.id)
	device.mu.Unlock()
	return nil
}

func (c *conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.peer, Err: err}
}

// LocalAddr is this end's address.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the other end's address.
func (c *conn) RemoteAddr() net.Addr { return c.peer }

// SetDeadline sets both deadlines; a zero time is none.
func (c *conn) SetDeadline(t time.Time) error {
	c.read.set(t)
	c.write.set(t)
	return nil
}

// SetReadDeadline bounds reads, waiting ones included.
func (c *conn) SetReadDeadline(t time.Time) error { c.read.set(t); return nil }

// SetWriteDeadline makes writes after t fail; none ever waits.
func (c *conn) SetWriteDeadline(t time.Time) error { c.write.set(t); return nil }

// deadline is a moment that can be moved; expired is closed when it has come or
// been moved. Its timer is started only when somebody waits: most deadlines are
// moved again before that, and every timer costs a wake-up of the whole program.
type deadline struct {
	mu      sync.Mutex
	at      time.Time
	timer   *time.Timer
	waited  bool // somebody may wait for expired
	expired chan struct{}
}

func (d *deadline) over() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.at.IsZero() && !time.Now().Before(d.at)
}

// set moves the moment. Whoever waits looks again.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = t
	d.release()
}

func (d *deadline) release() {
	if d.waited {
		d.waited = false
		close(d.expired)
		d.expired = make(chan struct{})
	}
}

func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	ch := d.expired
	d.waited = true
	if d.timer == nil && !d.at.IsZero() {
		d.timer = time.AfterFunc(time.Until(d.at), func() { d.fire(ch) })
	}
	return ch
}

func (d *deadline) fire(ch chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.expired == ch {
		d.timer = nil
		d.release()
	}
}
