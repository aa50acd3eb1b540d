package replica

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
)

// A cluster has an identity, which every replica of it keeps on its volume and
// says at the beginning of every connection. After a recovery there may be two
// clusters whose members once were of one, and neither may take the other's
// entries, votes or questions for its own.

// maxName is how long an identity, an ID or an address may be: one byte says
// how long it is.
const maxName = 255

// identityBytes is how many bytes an identity has before it is written in hex.
const identityBytes = 8

// firstIdentity is the identity of the cluster that begins with these voters.
// Each of them works it out for itself.
func firstIdentity(peers []Peer) string {
	lines := make([]string, len(peers))
	for i, p := range peers {
		lines[i] = p.ID + "=" + p.Addr
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:identityBytes])
}

// identity is this node's cluster, "" as long as it is not known: before the
// volume is open, and before a node that joins was asked in.
func (r *Replica) identity() string {
	if id := r.cluster.Load(); id != nil {
		return *id
	}
	return ""
}

// identify reads from the volume which cluster it belongs to.
func (r *Replica) identify(s *store) error {
	id, err := s.meta("cluster")
	switch {
	case err == nil:
	case !errors.Is(err, ErrNotFound):
		return fmt.Errorf("load identity: %w", err)
	case r.cfg.Join || r.cfg.Recover:
		return nil
	default:
		id = []byte(firstIdentity(r.cfg.Peers))
	}
	r.setIdentity(string(id))
	return nil
}

func (r *Replica) setIdentity(id string) { r.cluster.Store(&id) }

// greeting opens a connection: what it is for, and who speaks.
type greeting struct {
	kind          byte
	cluster, from string
}

func (r *Replica) greet(kind byte) greeting { return greeting{kind, r.identity(), r.cfg.ID} }

func (g greeting) encode() []byte {
	b := append([]byte{g.kind, byte(len(g.cluster))}, g.cluster...)
	return append(append(b, byte(len(g.from))), g.from...)
}

func readGreeting(r io.Reader) (g greeting, err error) {
	var kind [1]byte
	if _, err = io.ReadFull(r, kind[:]); err != nil {
		return g, err
	}
	g.kind = kind[0]
	if g.cluster, err = readName(r); err == nil {
		g.from, err = readName(r)
	}
	return g, err
}

func readName(r io.Reader) (string, error) {
	var size [1]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return "", err
	}
	name := make([]byte, size[0])
	_, err := io.ReadFull(r, name)
	return string(name), err
}

// alien tells whether who speaks is of another cluster than this node. One that
// does not know yet is no alien: its volume may hang.
func (r *Replica) alien(g greeting) bool {
	own := r.identity()
	return g.cluster != "" && own != "" && g.cluster != own
}

// hello dials and says what the connection is for.
func hello(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), to string, g greeting) (net.Conn, error) {
	conn, err := dial(ctx, "tcp", to)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(g.encode()); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}
