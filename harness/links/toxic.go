package links

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"

	"fourdays/harness/world"
)

const (
	// segmentSize is what Ethernet carries of a TCP stream at once.
	segmentSize = 1460
	// retransmit is the delay of a lost segment: Linux's smallest timeout.
	retransmit = 200 * time.Millisecond
	// onTheWay is how many pieces of a stream may be on their way. Picked.
	onTheWay = 1024
)

// condition is what the network between two machines is like now.
type condition struct {
	mu      sync.Mutex
	link    world.Link
	rng     *rand.Rand
	changed chan struct{} // closed by the next change
	ended   bool
}

func newCondition(l world.Link, rng *rand.Rand) *condition {
	return &condition{link: l, rng: rng, changed: make(chan struct{})}
}

func (c *condition) set(l world.Link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.link = l
	close(c.changed)
	c.changed = make(chan struct{})
}

// end lets everything pass, as nobody will receive it.
func (c *condition) end() {
	c.set(world.Link{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
}

// cut says whether nothing passes, and when to ask again.
func (c *condition) cut() (bool, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link.Cut, c.changed
}

// delay is how long a piece of a stream takes.
func (c *condition) delay(size int) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.link.Latency
	if c.link.Jitter > 0 {
		d += time.Duration(c.rng.Int64N(int64(c.link.Jitter)))
	}
	segments := float64((size + segmentSize - 1) / segmentSize)
	if c.link.Loss > 0 && c.rng.Float64() < 1-math.Pow(1-c.link.Loss, segments) {
		d += retransmit
	}
	return d
}

// toxic is what happens to the streams through one proxy. Toxiproxy's own toxics
// count in whole milliseconds, and the one that lets nothing pass drops what it
// holds.
type toxic struct{ condition *condition }

// Pipe implements toxics.Toxic: pieces are passed on in order, each when its
// time has come and nothing is cut; the end of the stream is one of them.
func (x *toxic) Pipe(stub *toxics.ToxicStub) {
	for {
		select {
		case <-stub.Interrupt:
			return
		case piece := <-stub.Input:
			if !x.hold(stub, piece) {
				return
			}
			if piece == nil {
				stub.Close()
				return
			}
			stub.Output <- piece
		}
	}
}

// hold waits until a piece may pass. False means that the stream was taken away
// from us, which nobody does while it carries something.
func (x *toxic) hold(stub *toxics.ToxicStub, piece *stream.StreamChunk) bool {
	if piece != nil {
		if wait := x.condition.delay(len(piece.Data)) - time.Since(piece.Timestamp); wait > 0 {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-stub.Interrupt:
				return false
			}
		}
	}
	for {
		cut, changed := x.condition.cut()
		if !cut {
			return true
		}
		select {
		case <-changed:
		case <-stub.Interrupt:
			return false
		}
	}
}
