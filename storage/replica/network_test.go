package replica

import (
	"context"
	"net"
	"sync"
)

// network is one of a test's own: any number of them have the same addresses.
type network struct {
	mu    sync.Mutex
	doors map[string]*door
}

func newNetwork() *network { return &network{doors: map[string]*door{}} }

// door is a listener on it; behind it is a real one, so that connections have
// deadlines and buffers.
type door struct {
	net.Listener
	net  *network
	name string
}

func (n *network) listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &door{l, n, addr}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.doors[addr] = d
	return d, nil
}

// Close implements net.Listener.
func (d *door) Close() error {
	d.net.mu.Lock()
	defer d.net.mu.Unlock()
	if d.net.doors[d.name] == d {
		delete(d.net.doors, d.name)
	}
	return d.Listener.Close()
}

func (n *network) dial(ctx context.Context, kind, addr string) (net.Conn, error) {
	n.mu.Lock()
	d := n.doors[addr]
	n.mu.Unlock()
	if d == nil {
		return nil, net.ErrClosed
	}
	return new(net.Dialer).DialContext(ctx, kind, d.Listener.Addr().String())
}
