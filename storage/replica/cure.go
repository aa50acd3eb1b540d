package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// A node whose log, vote and promise are intact and whose state is not has lost
// nothing that others count on: the state is what the log made of it, and any
// replica that has applied as much has it too. It is fetched from one of them as
// a snapshot would be, beside the bad one, and takes its place in one commit. A
// crash in between leaves the node as it was.

// noticeRot takes note of tables that do not match their checksums.
func (s *store) noticeRot() {
	if len(s.rotten) > 0 {
		s.frozen.Store(true)
		s.detect(fmt.Sprintf("tables %s do not match their checksums: they stay on the volume, and are never rewritten. Replace this node",
			strings.Join(s.rotten, ", ")))
	}
}

// rot says why a volume with rotten tables cannot be used, "" if it can. Its
// records are proved one by one, but of an older vote or log entry that came to
// light where a newer one rotted only the promise knows.
func (s *store) rot() string {
	if len(s.rotten) == 0 || s.promise != nil {
		return ""
	}
	return fmt.Sprintf("tables %s do not match their checksums, and there is no promise record to hold the rest of the volume against",
		strings.Join(s.rotten, ", "))
}

// cureLater fetches the state of a fenced node where that is all that is wrong.
func (r *Replica) cureLater(s *store) {
	if !s.curable || len(r.others()) == 0 {
		return
	}
	r.opened.Add(1) // open has not ended
	go func() {
		defer r.opened.Done()
		r.cure(s)
	}()
}

// cure tries until it succeeds or the replica is closed.
func (r *Replica) cure(s *store) {
	for pause := firstReopen; ; pause = min(2*pause, lastReopen) {
		err := r.cureOnce(s)
		if err == nil {
			return
		}
		r.Detect(fmt.Sprintf("not cured: %v", err))
		select {
		case <-time.After(pause):
		case <-r.closing:
			return
		}
	}
}

func (r *Replica) cureOnce(s *store) error {
	if err := r.renewState(s); err != nil {
		return err
	}
	if r.phase.Load().name != fenced {
		return nil
	}
	return r.run(s)
}

// renewState returns when the state fits its sums.
func (r *Replica) renewState(s *store) error {
	err := r.watch.do("check", s.state.check)
	if err == nil {
		r.Detect("cured: the state is good at another look")
		return nil
	}
	for _, p := range r.others() {
		failed := r.fetchState(s, p)
		if failed == nil {
			failed = r.watch.do("check", s.state.check)
		}
		if failed == nil {
			r.Detect(fmt.Sprintf("cured: the state up to %d was fetched from %s", s.state.at.Load().applied, p.ID))
			return nil
		}
		err = errors.Join(err, fmt.Errorf("fetch the state from %s: %w", p.ID, failed))
	}
	return err
}

// idleTimeout is how long nothing may come of a state (picked).
const idleTimeout = 30 * time.Second

// fetchState takes in the state of another node.
func (r *Replica) fetchState(s *store, p Peer) error {
	ctx, cancel := context.WithTimeout(context.Background(), idleTimeout)
	defer cancel()
	conn, err := hello(ctx, r.cfg.Dial, p.Addr, r.greet(stateConn))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-r.closing:
			_ = conn.Close()
		case <-over:
		}
	}()
	return s.takeState(timely{conn})
}

// timely is a connection that must not rest for long.
type timely struct{ net.Conn }

// Read implements io.Reader.
func (t timely) Read(b []byte) (int, error) {
	_ = t.SetReadDeadline(time.Now().Add(idleTimeout))
	return t.Conn.Read(b)
}

// Write implements io.Writer.
func (t timely) Write(b []byte) (int, error) {
	_ = t.SetWriteDeadline(time.Now().Add(idleTimeout))
	return t.Conn.Write(b)
}

// takeState makes the state that comes from a stream the own one.
func (s *store) takeState(from io.Reader) error {
	in := &sink{store: s}
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if _, failed := in.Write(buf[:n]); failed != nil {
			return failed
		}
		if in.sent != nil {
			if at := s.state.at.Load().applied; in.sent.applied < at {
				return fmt.Errorf("it ends at %d, and this node was at %d", in.sent.applied, at)
			}
		}
		if errors.Is(err, io.EOF) {
			return in.finish()
		}
		if err != nil {
			return err
		}
	}
}

// finish is Close for a state that says itself up to where it goes.
func (s *sink) finish() error {
	if s.sent == nil || s.sent.configIndex == 0 {
		return fmt.Errorf("no state came: %w", io.ErrUnexpectedEOF)
	}
	if _, err := decodeConfig(s.sent.config); err != nil {
		return err
	}
	s.meta = standpoint{applied: s.sent.applied, appliedTerm: s.sent.appliedTerm,
		config: s.sent.config, configIndex: s.sent.configIndex}
	return s.Close()
}

// serveState sends this node's state, unless it is not worth having.
func (r *Replica) serveState(conn net.Conn, g greeting) {
	s := r.store.Load()
	if s == nil || r.phase.Load().name != running || g.cluster != r.identity() || r.watch.silent() > 0 {
		return
	}
	_, state, err := (&snapshots{s}).Open(snapshotID)
	if err != nil {
		return
	}
	defer func() { _ = state.Close() }()
	_, _ = io.Copy(timely{conn}, state)
}
