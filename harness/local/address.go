package local

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"

	"fourdays/harness/world"
)

// block is a world's own 254 loopback addresses, 127.a.b.0/24, which it holds by
// a port on one of them.
type block struct {
	a, b  int
	claim net.Listener
}

// Hosts of a block that are no machine's.
const (
	driverHost = 253
	claimHost  = 254
	claimPort  = 4242 // picked
	linkHost   = 252
	most       = 250 // machines
)

// claimTries is how many blocks are tried. Picked: there are 16,000.
const claimTries = 100

// claimBlock finds addresses that no other world has. Which, is no secret of the
// seed: worlds run beside each other.
func claimBlock() (*block, error) {
	var last error
	for range claimTries {
		b := &block{a: 64 + rand.IntN(64), b: rand.IntN(256)}
		b.claim, last = net.Listen("tcp", fmt.Sprintf("%s:%d", b.host(claimHost), claimPort))
		if last == nil {
			return b, nil
		}
		if !errors.Is(last, syscall.EADDRINUSE) {
			break
		}
	}
	return nil, fmt.Errorf("claim loopback addresses: %w", last)
}

func (b *block) host(n int) string { return fmt.Sprintf("127.%d.%d.%d", b.a, b.b, n) }

func (b *block) release() { _ = b.claim.Close() }

// Address implements world.Addresses.
func (b *block) Address(machine int) string {
	if machine == world.Driver {
		return b.host(driverHost)
	}
	return b.host(machine + 1)
}

// moved is how far ports lie from home. Picked: below 1024 a port takes root,
// those that are well known may be taken on all addresses of this machine, and
// above 32768 the kernel gives them to who calls.
const moved = 20_000

// Port implements world.Addresses.
func (b *block) Port(n int) int { return n + moved }
