package replica

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// A forward is a request to another node: frames in both directions over one
// connection per pair of nodes, each a length, an id and a body. Answers come
// in any order.

const (
	askDo    = 'D' // apply a command under its idempotency key
	askIndex = 'R' // how far must a read wait?

	askReplace  = 'P' // advance a replacement
	askStanding = 'S' // what does this node hold? Any node answers.
	askInvite   = 'I' // will this node join? It answers itself.
	askReach    = 'W' // wait until this node has applied so far
	askDismiss  = 'X' // this node was removed
)

// verdict is what became of a request.
type verdict byte

const (
	_           verdict = iota
	done                // with the reply
	refused             // by the machine
	notDone             // definitely
	unknown             // it may be done or still be done
	notLeader           // not done; the answer may name the leader
	impossible          // refused before it came into the log
	verdictStop         // none
)

type request struct {
	kind    byte
	timeout time.Duration
	since   uint64 // the asker's position when it first asked; askReach: how far
	key     string
	cmd     []byte
}

type answer struct {
	verdict verdict
	leader  string // its ID, if known; with done, of who answers an askIndex
	body    []byte
	index   uint64 // askIndex: the position to wait for, and who says so
	term    uint64
	current uint64
}

const maxFrame = MaxCommand + MaxReply + 4*MaxKey

func encodeRequest(id uint64, q request) []byte {
	p := make(pack, 4, 64+len(q.cmd))
	p.number(id)
	p = append(p, q.kind)
	p.number(uint64(q.timeout))
	p.number(q.since)
	p.bytes([]byte(q.key))
	p.bytes(q.cmd)
	binary.BigEndian.PutUint32(p, uint32(len(p)-4))
	return p
}

func decodeRequest(frame []byte) (id uint64, q request, err error) {
	u := unpack{rest: frame}
	id = u.number()
	if len(u.rest) == 0 {
		u.bad = true
		return 0, q, u.err("request")
	}
	q.kind, u.rest = u.rest[0], u.rest[1:]
	q.timeout, q.since = time.Duration(u.number()), u.number()
	q.key, q.cmd = string(u.bytes()), u.bytes()
	return id, q, u.err("request")
}

func encodeAnswer(id uint64, a answer) []byte {
	p := make(pack, 4, 64+len(a.body))
	p.number(id)
	p = append(p, byte(a.verdict))
	p.bytes([]byte(a.leader))
	p.bytes(a.body)
	p.number(a.index)
	p.number(a.term)
	p.number(a.current)
	binary.BigEndian.PutUint32(p, uint32(len(p)-4))
	return p
}

func decodeAnswer(frame []byte) (id uint64, a answer, err error) {
	u := unpack{rest: frame}
	id = u.number()
	if len(u.rest) == 0 {
		u.bad = true
		return 0, a, u.err("answer")
	}
	a.verdict, u.rest = verdict(u.rest[0]), u.rest[1:]
	a.leader, a.body = string(u.bytes()), u.bytes()
	a.index, a.term, a.current = u.number(), u.number(), u.number()
	if a.verdict == 0 || a.verdict >= verdictStop {
		u.bad = true
	}
	return id, a, u.err("answer")
}

func readFrame(r *bufio.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxFrame {
		return nil, fmt.Errorf("frame of %d bytes: %w", n, ErrTooLarge)
	}
	frame := make([]byte, n)
	_, err := io.ReadFull(r, frame)
	return frame, err
}

// peer is the client's side: one connection, dialled when needed.
type peer struct {
	Peer
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	greet func(kind byte) greeting

	mu     sync.Mutex
	link   *link
	closed bool
}

func (r *Replica) newPeer(p Peer) *peer { return &peer{Peer: p, dial: r.cfg.Dial, greet: r.greet} }

// link is one connection with the requests in flight on it.
type link struct {
	conn    net.Conn
	write   sync.Mutex
	mu      sync.Mutex
	next    uint64
	waiting map[uint64]chan answer
	broken  bool
}

// ask sends q and waits for its answer. sent tells whether any of it may have
// left this node; without that a failure is definite.
func (p *peer) ask(ctx context.Context, q request) (a answer, sent bool, err error) {
	l, err := p.connect(ctx)
	if err != nil {
		return a, false, fmt.Errorf("dial %s: %w", p.ID, err)
	}
	id, got, ok := l.register()
	if !ok {
		return a, false, net.ErrClosed
	}
	defer l.forget(id)
	q.timeout = forwardTimeout
	if deadline, ok := ctx.Deadline(); ok {
		q.timeout = time.Until(deadline)
	}
	if err := l.send(encodeRequest(id, q)); err != nil {
		return a, true, fmt.Errorf("send to %s: %w", p.ID, err)
	}
	select {
	case a, ok := <-got:
		if !ok {
			return a, true, fmt.Errorf("wait for %s: %w", p.ID, net.ErrClosed)
		}
		return a, true, nil
	case <-ctx.Done():
		return a, true, ctx.Err()
	}
}

func (p *peer) connect(ctx context.Context) (*link, error) {
	p.mu.Lock()
	l, shut := p.link, p.closed
	p.mu.Unlock()
	if shut {
		return nil, net.ErrClosed
	}
	if l != nil {
		return l, nil
	}
	conn, err := hello(ctx, p.dial, p.Addr, p.greet(forwardConn))
	if err != nil {
		return nil, err
	}
	l = &link{conn: conn, waiting: map[uint64]chan answer{}}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.link != nil { // another request was faster
		_ = conn.Close()
		if p.closed {
			return nil, net.ErrClosed
		}
		return p.link, nil
	}
	p.link = l
	go p.receive(l)
	return l, nil
}

// receive hands out answers until the connection breaks.
func (p *peer) receive(l *link) {
	in := bufio.NewReader(l.conn)
	for {
		frame, err := readFrame(in)
		if err != nil {
			break
		}
		id, a, err := decodeAnswer(frame)
		if err != nil {
			break
		}
		l.mu.Lock()
		got := l.waiting[id]
		delete(l.waiting, id)
		l.mu.Unlock()
		if got != nil {
			got <- a
		}
	}
	p.mu.Lock()
	if p.link == l {
		p.link = nil
	}
	p.mu.Unlock()
	l.fail()
}

func (p *peer) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.link != nil {
		_ = p.link.conn.Close()
	}
}

func (l *link) register() (id uint64, got chan answer, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	got = make(chan answer, 1)
	l.waiting[l.next] = got
	return l.next, got, !l.broken
}

func (l *link) forget(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, id)
}

// forwardTimeout is how long the other node may take for a request of a caller
// without a deadline (picked).
const forwardTimeout = 30 * time.Second

// sendTimeout bounds how long a peer may not take what we send (picked).
const sendTimeout = 10 * time.Second

func (l *link) send(frame []byte) error {
	l.write.Lock()
	defer l.write.Unlock()
	_ = l.conn.SetWriteDeadline(time.Now().Add(sendTimeout))
	_, err := l.conn.Write(frame)
	if err != nil {
		_ = l.conn.Close() // part of a frame may be out
	}
	return err
}

// fail tells everyone who waits that no answer will come.
func (l *link) fail() {
	_ = l.conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = true
	for id, got := range l.waiting {
		close(got)
		delete(l.waiting, id)
	}
}

// serveForwards answers the requests of one connection, each in its own
// goroutine, until it breaks.
func (r *Replica) serveForwards(conn net.Conn, g greeting) {
	if g.kind == stateConn {
		r.serveState(conn, g)
		return
	}
	l := &link{conn: conn}
	in := bufio.NewReader(conn)
	for {
		frame, err := readFrame(in)
		if err != nil {
			return
		}
		id, q, err := decodeRequest(frame)
		if err != nil {
			return
		}
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), q.timeout)
			defer cancel()
			_ = l.send(encodeAnswer(id, r.answer(ctx, g, q))) // a broken connection is the asker's unknown
		}()
	}
}

// answer is what a request from another node gets: first what concerns this
// node itself, then what only a leader can say.
func (r *Replica) answer(ctx context.Context, g greeting, q request) answer {
	switch {
	case q.kind == askStanding:
		return r.answerStanding(g)
	case q.kind == askInvite:
		return r.answerInvite(g, q)
	case r.alien(g):
		return answer{verdict: notDone, body: []byte("this node belongs to another cluster")}
	case q.kind == askReach:
		return r.answerReach(ctx, q)
	case q.kind == askDismiss:
		return r.answerDismiss()
	}
	return r.serve(ctx, q)
}

// serve answers as the leader, without passing it on.
func (r *Replica) serve(ctx context.Context, q request) answer {
	switch q.kind {
	case askCopy:
		return r.serveCopy(q)
	case askEntry:
		return r.serveEntry(q)
	}
	if !r.leads() {
		return answer{verdict: notLeader, leader: r.knownLeader()}
	}
	switch q.kind {
	case askDo:
		return r.apply(ctx, q)
	case askIndex:
		at, err := r.leaderIndex(ctx)
		if err != nil {
			return answer{verdict: notDone}
		}
		return answer{verdict: done, leader: r.cfg.ID, index: at.index, term: at.term, current: at.current}
	case askReplace:
		return r.replaceHere(ctx, q)
	}
	return answer{verdict: notDone}
}

// knownLeader is the ID of the leader that raft knows of, "" if there is none
// or if it is this node and cannot lead.
func (r *Replica) knownLeader() string {
	n := r.node.Load()
	if n == nil {
		return ""
	}
	_, id := n.raft.LeaderWithID()
	if string(id) == r.cfg.ID && !r.leads() {
		return ""
	}
	return string(id)
}
