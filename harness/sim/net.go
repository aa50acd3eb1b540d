package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"syscall"
	"time"

	"github.com/tetratelabs/wazero/api"

	"fourdays/harness/sim/guest"
	"fourdays/harness/world"
)

// Link is what the network does to bytes between two machines. A lost segment
// is sent again after the retransmission timeout, as TCP does, so loss shows
// as delay.
type Link = world.Link

// retransmit is the delay of a lost segment: Linux's smallest timeout.
const retransmit = 200 * time.Millisecond

// pair is two machines, in the order of their names; the harness itself has an
// empty name.
type pair struct{ a, b string }

func pairOf(a, b string) pair {
	if a > b {
		a, b = b, a
	}
	return pair{a, b}
}

type network struct {
	s     *Sim
	links map[pair]Link
	held  map[pair][]func() // what waits at a cut, in order
	rng   *rand.Rand
}

func (n *network) init(s *Sim) {
	*n = network{s: s, links: map[pair]Link{}, held: map[pair][]func(){}, rng: s.Rand("network")}
}

// SetLink changes the network between two machines; what a cut held back is
// sent when it is mended.
func (s *Sim) SetLink(a, b string, l Link) {
	p := pairOf(a, b)
	s.net.links[p] = l
	if l.Cut {
		return
	}
	held := s.net.held[p]
	delete(s.net.held, p)
	for _, f := range held {
		s.after(l.Latency+retransmit, f)
	}
}

// Link is the network between two machines as it is now.
func (s *Sim) Link(a, b string) Link {
	if l, ok := s.net.links[pairOf(a, b)]; ok {
		return l
	}
	return s.cfg.Net
}

// end is one end of a stream: in a program, or in the harness.
type end struct {
	name   string // of the machine, "" for the harness
	g      *process
	host   *Conn
	id     uint32
	peer   *end
	last   time.Duration // when the latest frame to this end arrives
	closed bool
}

// frame is one piece of news for a program.
type frame struct {
	kind, id, arg uint32
	payload       []byte
}

// carry brings f from one machine to another, in order per receiving end.
func (n *network) carry(from string, to *end, f func()) {
	p := pairOf(from, to.name)
	l := n.s.Link(from, to.name)
	if from == "" || to.name == "" {
		l = Link{}
	}
	if l.Cut {
		n.held[p] = append(n.held[p], f)
		return
	}
	d := l.Latency
	if l.Jitter > 0 {
		d += time.Duration(n.rng.Int64N(int64(l.Jitter)))
	}
	if l.Loss > 0 && n.rng.Float64() < l.Loss {
		d += retransmit
	}
	to.last = max(to.last, n.s.now+d)
	n.s.world.Add(to.last, f)
}

// send puts a frame on its way to an end.
func (n *network) send(from, to *end, kind, arg uint32, payload []byte) {
	n.s.trace.event(n.s.Now(), "send", from.name, uint64(kind)<<32|uint64(from.id), payload)
	n.carry(from.name, to, func() { n.arrive(to, kind, arg, payload) })
}

// arrive hands a frame over, or answers as the machine's kernel does for a
// stream that nobody has any more.
func (n *network) arrive(to *end, kind, arg uint32, payload []byte) {
	if to.host != nil && !to.closed {
		to.host.frame(kind, payload)
		return
	}
	if to.g != nil && !to.g.dead && !to.closed {
		to.g.push(frame{kind, to.id, arg, payload})
		return
	}
	m := n.s.machines[to.name]
	if kind == guest.Data && to.peer != nil && !to.peer.closed && (m == nil || m.up) {
		n.send(to, to.peer, guest.Reset, wasiErrno(syscall.ECONNRESET), nil)
	}
}

// down ends the streams of a machine: a killed program's peers are told by its
// kernel, those of one without power hear only when it is back.
func (n *network) down(m *Machine, power bool) {
	for _, id := range sortedKeys(m.conns) {
		e := m.conns[id]
		e.closed = true
		switch {
		case e.peer == nil || e.peer.closed:
		case power:
			m.orphans = append(m.orphans, e)
		default:
			n.send(e, e.peer, guest.Reset, wasiErrno(syscall.ECONNRESET), nil)
		}
	}
	m.conns, m.listen = map[uint32]*end{}, map[uint32]bool{}
}

// back tells those who still wait for a machine that lost power that their
// streams are gone.
func (n *network) back(m *Machine) {
	for _, e := range m.orphans {
		if !e.peer.closed {
			n.send(e, e.peer, guest.Reset, wasiErrno(syscall.ECONNRESET), nil)
		}
	}
	m.orphans = nil
}

func sortedKeys[K ~uint32, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// connect asks for a stream to ip:port on behalf of e.
func (n *network) connect(e *end, ip, port uint32) {
	n.s.trace.event(n.s.Now(), "dial", e.name, uint64(ip)<<16|uint64(port), nil)
	m := n.s.byIP[ip]
	if m == nil {
		n.s.after(0, func() { n.connected(e, syscall.EHOSTUNREACH) })
		return
	}
	n.carry(e.name, &end{name: m.spec.Name}, func() { n.accept(e, m, port) })
}

// synRetry is how long a request for a stream that met silence waits before it
// is sent again: Linux's first timeout.
const synRetry = time.Second

// accept is a request that arrived. A machine without power says nothing, and
// the request is repeated.
func (n *network) accept(e *end, m *Machine, port uint32) {
	if e.closed {
		return
	}
	if !m.up {
		n.s.after(synRetry, func() { n.accept(e, m, port) })
		return
	}
	if m.proc == nil || !m.listen[port] {
		n.carry(m.spec.Name, e, func() { n.connected(e, syscall.ECONNREFUSED) })
		return
	}
	other := m.newEnd()
	other.peer, e.peer = e, other
	m.proc.push(frame{guest.Accepted, other.id, port, []byte(n.address(e))})
	n.carry(m.spec.Name, e, func() { n.connected(e, 0) })
}

func (n *network) address(e *end) string {
	ip := [4]byte{127, 0, 0, 1}
	if m := n.s.machines[e.name]; m != nil {
		binary.BigEndian.PutUint32(ip[:], m.ip)
	}
	return netip.AddrFrom4(ip).String() + ":" + strconv.Itoa(int(40000+e.id%20000))
}

func (n *network) connected(e *end, errno syscall.Errno) {
	switch {
	case e.closed:
	case e.host != nil:
		e.host.connected(errno)
	case !e.g.dead:
		e.g.push(frame{guest.Connected, e.id, wasiErrno(errno), nil})
	}
}

// close ends a stream from one side.
func (n *network) close(e *end) {
	if e.closed {
		return
	}
	e.closed = true
	if e.peer != nil && !e.peer.closed {
		n.send(e, e.peer, guest.EOF, 0, nil)
	}
}

func (m *Machine) newEnd() *end {
	m.lastConn++
	e := &end{name: m.spec.Name, g: m.proc, id: m.lastConn}
	m.conns[e.id] = e
	return e
}

func netListen(g *process, a []uint64) syscall.Errno {
	if g.m.listen[uint32(a[0])] {
		return syscall.EADDRINUSE
	}
	g.m.listen[uint32(a[0])] = true
	return 0
}

func netUnlisten(g *process, a []uint64) syscall.Errno {
	delete(g.m.listen, uint32(a[0]))
	return 0
}

// netDial answers the number of the new stream; how it went comes as a frame.
func netDial(ctx context.Context, mod api.Module, stack []uint64) {
	g := caller(ctx, mod)
	g.call()
	e := g.m.newEnd()
	g.m.sim.net.connect(e, uint32(stack[0]), uint32(stack[1]))
	stack[0] = uint64(e.id)
}

func netSend(g *process, a []uint64) syscall.Errno {
	e := g.m.conns[uint32(a[0])]
	if e == nil || e.peer == nil {
		return syscall.EPIPE
	}
	data := append([]byte(nil), g.mem(a[1], a[2])...)
	for chunk := range slices.Chunk(data, guest.MaxPayload) {
		g.m.sim.net.send(e, e.peer, guest.Data, 0, chunk)
	}
	return 0
}

func netClose(g *process, a []uint64) syscall.Errno {
	if e := g.m.conns[uint32(a[0])]; e != nil {
		g.m.sim.net.close(e)
		delete(g.m.conns, uint32(a[0]))
	}
	return 0
}

// push queues news for a program and wakes it.
func (g *process) push(f frame) {
	g.frames = append(g.frames, f)
	g.wake()
}

// readDevice gives the program as many whole frames as fit.
func (g *process) readDevice(f *file, a []uint64) syscall.Errno {
	for len(g.frames) == 0 {
		if f.nonblock {
			return syscall.EAGAIN
		}
		g.park()
	}
	bufs, _ := g.iovecs(a[1], a[2])
	out, n := bufs[0], 0
	for len(g.frames) > 0 && n+guest.HeaderSize+len(g.frames[0].payload) <= len(out) {
		f := g.frames[0]
		g.frames = g.frames[1:]
		for i, v := range []uint32{f.kind, f.id, f.arg, uint32(len(f.payload))} {
			binary.LittleEndian.PutUint32(out[n+4*i:], v)
		}
		n += guest.HeaderSize + copy(out[n+guest.HeaderSize:], f.payload)
	}
	g.put32(a[3], uint32(n))
	return 0
}

// Conn is a stream between the harness and a program. Its callbacks run as
// events of the world.
type Conn struct {
	s      *Sim
	end    *end
	opened func(err error)
	data   func([]byte)
	gone   func()
}

// Dial opens a stream to an address in the world. opened is told once how it
// went, data gets every piece that comes, gone is told when it is over.
func (s *Sim) Dial(address string, opened func(error), data func([]byte), gone func()) (*Conn, error) {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	c := &Conn{s: s, opened: opened, data: data, gone: gone}
	c.end = &end{host: c}
	ip := ap.Addr().As4()
	s.net.connect(c.end, binary.BigEndian.Uint32(ip[:]), uint32(ap.Port()))
	return c, nil
}

// ErrClosed is what a stream that is over answers.
var ErrClosed = errors.New("stream is closed")

// Send puts p on the stream.
func (c *Conn) Send(p []byte) error {
	if c.end.closed || c.end.peer == nil {
		return ErrClosed
	}
	for chunk := range slices.Chunk(append([]byte(nil), p...), guest.MaxPayload) {
		c.s.net.send(c.end, c.end.peer, guest.Data, 0, chunk)
	}
	return nil
}

// Close ends the stream.
func (c *Conn) Close() { c.s.net.close(c.end) }

func (c *Conn) connected(errno syscall.Errno) {
	if errno != 0 {
		c.end.closed = true
		c.opened(errno)
		return
	}
	c.opened(nil)
}

func (c *Conn) frame(kind uint32, payload []byte) {
	if kind == guest.Data {
		c.data(payload)
		return
	}
	c.end.closed = true
	c.gone()
}

func parseIP(s string) (uint32, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return 0, fmt.Errorf("%q is not an IPv4 address", s)
	}
	ip := a.As4()
	return binary.BigEndian.Uint32(ip[:]), nil
}

// Machines are the names of all machines, sorted.
func (s *Sim) Machines() []string {
	names := make([]string, 0, len(s.machines))
	for name := range s.machines {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
