// Package links is the network between the machines of a live world: a proxy
// for each ordered pair of them, which can be slow, lose segments, or let
// nothing pass.
//
// It owns the proxies. It assumes that programs dial each other through them,
// and nothing else: what does not go through a proxy is not slowed. A cut shows
// as silence: what is on its way waits, new connections are made but carry
// nothing, and all goes on when the cut is mended. It is the only importer of
// Toxiproxy, of which it takes the streams and the toxics in them; it imports of
// the harness package world only.
package links

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"fourdays/harness/world"
)

// Links are the proxies of one world. They may be used from any goroutine.
type Links struct {
	host  string
	first world.Link

	mu    sync.Mutex
	rng   *rand.Rand
	pairs map[pair]*condition
	ways  map[way]*proxy
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
	return &Links{
		host: host, first: first, rng: rand.New(rand.NewPCG(seed, 0)),
		pairs: map[pair]*condition{}, ways: map[way]*proxy{},
	}
}

// Way is where a machine has to dial to reach an address on another machine.
func (l *Links) Way(from, to, address string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := way{from, to, address}
	if p := l.ways[w]; p != nil {
		return p.address(), nil
	}
	p, err := newProxy(l.host, address, &toxic{l.between(from, to)})
	if err != nil {
		return "", fmt.Errorf("link %s and %s: %w", from, to, err)
	}
	l.ways[w] = p
	return p.address(), nil
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
	for _, p := range l.ways {
		p.close()
	}
	clear(l.ways)
}
