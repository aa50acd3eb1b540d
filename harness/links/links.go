// Package links is the network between the machines of a live world: a proxy
// for each ordered pair of them, which can be slow, lose segments, or let
// nothing pass.
//
// It owns the proxies. It assumes that programs dial each other through them,
// and nothing else: what does not go through a proxy is not slowed. A cut shows
// as silence: what is on its way waits, new connections are made but carry
// nothing, and all goes on when the cut is mended. It is the only importer of
// Toxiproxy; it imports of the harness package world only.
package links

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"fourdays/harness/world"
)

// Links are the proxies of one world. They may be used from any goroutine.
type Links struct {
	host   string
	first  world.Link
	server *toxiproxy.ApiServer

	mu    sync.Mutex
	rng   *rand.Rand
	pairs map[pair]*condition
	ways  map[way]*toxiproxy.Proxy
}

// pair is two machines, in the order of their names.
type pair struct{ a, b string }

func pairOf(a, b string) pair {
	if a > b {
		a, b = b, a
	}
	return pair{a, b}
}

// way is from one machine to an address of another.
type way struct{ from, to, address string }

// New makes a network whose proxies listen on an IP address of this machine.
// Each pair of machines is connected by first until Set says otherwise. The
// seed is for what is random in it; when segments come is not the seed's.
func New(host string, first world.Link, seed uint64) *Links {
	silent := zerolog.Nop()
	return &Links{
		host: host, first: first, rng: rand.New(rand.NewPCG(seed, 0)),
		server: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), silent),
		pairs:  map[pair]*condition{}, ways: map[way]*toxiproxy.Proxy{},
	}
}

// Way is where a machine has to dial to reach an address on another machine.
func (l *Links) Way(from, to, address string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := way{from, to, address}
	if p := l.ways[w]; p != nil {
		return p.Listen, nil
	}
	p := toxiproxy.NewProxy(l.server, from+" to "+to, net.JoinHostPort(l.host, "0"), address)
	for _, direction := range []string{"upstream", "downstream"} {
		if err := l.shape(p, direction, l.between(from, to)); err != nil {
			return "", err
		}
	}
	if err := p.Start(); err != nil {
		return "", fmt.Errorf("link %s and %s: %w", from, to, err)
	}
	l.ways[w] = p
	return p.Listen, nil
}

// shape puts our toxic into a proxy that has no connections yet.
func (l *Links) shape(p *toxiproxy.Proxy, direction string, c *condition) error {
	said := fmt.Sprintf(`{"name": %q, "type": %q, "stream": %q}`, direction, toxicName, direction)
	wrapped, err := p.Toxics.AddToxicJson(strings.NewReader(said))
	if err != nil {
		return fmt.Errorf("shape link %s: %w", p.Name, err)
	}
	wrapped.Toxic.(*toxic).condition = c
	return nil
}

// between is the condition of the network between two machines. Needs mu.
func (l *Links) between(a, b string) *condition {
	c := l.pairs[pairOf(a, b)]
	if c == nil {
		c = newCondition(l.first, rand.New(rand.NewPCG(l.rng.Uint64(), 0)))
		l.pairs[pairOf(a, b)] = c
	}
	return c
}

// Set changes the network between two machines, in both directions.
func (l *Links) Set(a, b string, link world.Link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.between(a, b).set(link)
}

// Close ends all connections and proxies.
func (l *Links) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.pairs {
		c.end()
	}
	for _, p := range slices.Collect(maps.Values(l.ways)) {
		p.Stop()
	}
	clear(l.ways)
}
