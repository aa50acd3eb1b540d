package replica

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// transport is raft's network transport with a place in the middle, where
// requests from the network can be turned away and requests of our own put in.
type transport struct {
	net  *raft.NetworkTransport
	in   chan raft.RPC
	done chan struct{}
	once sync.Once
	gate atomic.Pointer[gate] // nil: this node may vote for whom it likes
}

func newTransport(layer raft.StreamLayer, timeout time.Duration, log hclog.Logger) *transport {
	t := &transport{
		net: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			Stream: layer, MaxPool: 3, Timeout: timeout, Logger: log,
		}),
		in: make(chan raft.RPC), done: make(chan struct{}),
	}
	go t.relay()
	return t
}

func (t *transport) relay() {
	for {
		select {
		case rpc := <-t.net.Consumer():
			if g := t.gate.Load(); g != nil && g.refuses(t, &rpc) {
				continue
			}
			if !t.inject(rpc) {
				return
			}
		case <-t.done:
			return
		}
	}
}

// inject gives raft a request as if it came from the network.
func (t *transport) inject(rpc raft.RPC) bool {
	select {
	case t.in <- rpc:
		return true
	case <-t.done:
		return false
	}
}

var errGated = errors.New("this node does not vote before a leader has caught it up")

// Consumer implements raft.Transport.
func (t *transport) Consumer() <-chan raft.RPC { return t.in }

// LocalAddr implements raft.Transport.
func (t *transport) LocalAddr() raft.ServerAddress { return t.net.LocalAddr() }

// AppendEntriesPipeline implements raft.Transport.
func (t *transport) AppendEntriesPipeline(id raft.ServerID, to raft.ServerAddress) (raft.AppendPipeline, error) {
	return t.net.AppendEntriesPipeline(id, to)
}

// AppendEntries implements raft.Transport.
func (t *transport) AppendEntries(id raft.ServerID, to raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	return t.net.AppendEntries(id, to, req, resp)
}

// RequestVote implements raft.Transport.
func (t *transport) RequestVote(id raft.ServerID, to raft.ServerAddress, req *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	if g := t.gate.Load(); g != nil {
		if ok, _ := g.allows(req.Term, position{req.LastLogIndex, req.LastLogTerm}); !ok {
			return errGated
		}
	}
	return t.net.RequestVote(id, to, req, resp)
}

// RequestPreVote implements raft.WithPreVote.
func (t *transport) RequestPreVote(id raft.ServerID, to raft.ServerAddress, req *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	if g := t.gate.Load(); g != nil {
		ok, least := g.allows(req.Term, position{req.LastLogIndex, req.LastLogTerm})
		if !ok && least > req.Term { // raft shall ask again in a newer term
			*resp = raft.RequestPreVoteResponse{RPCHeader: req.RPCHeader, Term: least}
			return nil
		}
		if !ok {
			return errGated
		}
	}
	return t.net.RequestPreVote(id, to, req, resp)
}

// InstallSnapshot implements raft.Transport.
func (t *transport) InstallSnapshot(id raft.ServerID, to raft.ServerAddress, req *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	return t.net.InstallSnapshot(id, to, req, resp, data)
}

// EncodePeer implements raft.Transport.
func (t *transport) EncodePeer(id raft.ServerID, addr raft.ServerAddress) []byte {
	return t.net.EncodePeer(id, addr)
}

// DecodePeer implements raft.Transport.
func (t *transport) DecodePeer(b []byte) raft.ServerAddress { return t.net.DecodePeer(b) }

// SetHeartbeatHandler implements raft.Transport.
func (t *transport) SetHeartbeatHandler(cb func(raft.RPC)) { t.net.SetHeartbeatHandler(cb) }

// TimeoutNow implements raft.Transport.
func (t *transport) TimeoutNow(id raft.ServerID, to raft.ServerAddress, req *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	return t.net.TimeoutNow(id, to, req, resp)
}

// Close implements raft.WithClose.
func (t *transport) Close() error {
	t.once.Do(func() { close(t.done) })
	return t.net.Close()
}
