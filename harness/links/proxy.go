package links

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
)

// dialTimeout is how long the machine behind a proxy may take to accept. Picked.
const dialTimeout = 10 * time.Second

// proxy takes connections and passes on what they carry, both ways through the
// toxic. Toxiproxy's own comes with a web server and with metrics, which would
// make the harness half as large again.
type proxy struct {
	ear   net.Listener
	to    string
	toxic *toxic

	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
}

func newProxy(host, to string, x *toxic) (*proxy, error) {
	ear, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	p := &proxy{ear: ear, to: to, toxic: x, conns: map[net.Conn]bool{}}
	go p.accept()
	return p, nil
}

func (p *proxy) address() string { return p.ear.Addr().String() }

func (p *proxy) accept() {
	for {
		conn, err := p.ear.Accept()
		if err == nil {
			go p.serve(conn)
			continue
		}
		if p.over() {
			return
		}
		time.Sleep(dialTimeout / 100) // no files left, most likely
	}
}

// serve carries one connection until either side ends it.
func (p *proxy) serve(near net.Conn) {
	far, err := net.DialTimeout("tcp", p.to, dialTimeout)
	if err != nil {
		reset(near)
		return
	}
	if !p.keep(near, far) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.carry(near, far) })
	both.Go(func() { p.carry(far, near) })
	both.Wait()
	p.drop(near, far)
}

// reset ends a connection as a machine does on which nobody listens.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// carry passes on what comes from one side, and then the end of it.
func (p *proxy) carry(from, to net.Conn) {
	in, out := make(chan *stream.StreamChunk, onTheWay), make(chan *stream.StreamChunk)
	go func() {
		w := stream.NewChanWriter(in)
		_, _ = io.Copy(w, from) // its end is all there is to say
		_ = w.Close()
	}()
	go toxics.NewToxicStub(in, out).Run(&toxics.ToxicWrapper{Toxic: p.toxic, Toxicity: 1})
	_, err := io.Copy(to, stream.NewChanReader(out))
	_ = to.Close()
	if err != nil {
		_ = from.Close() // nobody will take the rest
		for range out {
		}
	}
}

// keep notes connections that close has to end; it ends them if that was before.
func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.closed {
			_ = c.Close()
		}
		p.conns[c] = true
	}
	return !p.closed
}

func (p *proxy) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
		delete(p.conns, c)
	}
}

func (p *proxy) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

func (p *proxy) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	_ = p.ear.Close()
	for c := range p.conns {
		_ = c.Close()
	}
}
