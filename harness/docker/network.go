package docker

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/containerd/errdefs"
	apinet "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// The addresses of worlds: each takes one of the /24 networks of this block,
// which is picked. In it .1 is the harness, and nodes begin at firstNode.
var block = netip.MustParsePrefix("10.213.0.0/16")

const (
	firstNode = 10
	mostNodes = 200
)

// network is a bridge of one world's own.
type network struct {
	id, name string
	subnet   netip.Prefix
}

// address is the one of that number in the subnet.
func (n *network) address(i int) netip.Addr {
	b := n.subnet.Addr().As4()
	b[3] += byte(i)
	return netip.AddrFrom4(b)
}

func (n *network) gateway() netip.Addr { return n.address(1) }

func (n *network) node(i int) netip.Addr { return n.address(firstNode + i) }

// network makes a bridge on the first subnet that is free, looking from one
// that is this process's own: two that start at once seldom meet.
func (e *engine) network(ctx context.Context, run string, from int) (*network, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	taken, err := hostNetworks()
	if err != nil {
		return nil, err
	}
	for i := range 256 {
		subnet := subnet(from + i)
		if overlaps(subnet, taken) {
			continue
		}
		n, err := e.bridge(ctx, run, subnet)
		if err == nil || !isTaken(err) {
			return n, err
		}
	}
	return nil, fmt.Errorf("make network: every subnet of %v is taken", block)
}

// subnet is one of the block's, by any number.
func subnet(i int) netip.Prefix {
	b := block.Addr().As4()
	b[2] = byte(i)
	return netip.PrefixFrom(netip.AddrFrom4(b), 24)
}

// bridge makes a network on that subnet.
func (e *engine) bridge(ctx context.Context, run string, subnet netip.Prefix) (*network, error) {
	n := &network{name: "fourdays-" + run, subnet: subnet}
	made, err := e.api.NetworkCreate(ctx, n.name, client.NetworkCreateOptions{
		Driver: "bridge", Labels: labels(run),
		IPAM: &apinet.IPAM{Config: []apinet.IPAMConfig{{Subnet: subnet, Gateway: n.gateway()}}},
	})
	if err != nil {
		return nil, fmt.Errorf("make network on %v: %w", subnet, err)
	}
	n.id = made.ID
	return n, nil
}

// isTaken says whether the engine refused a subnet that another network has.
func isTaken(err error) bool {
	return errdefs.IsPermissionDenied(err) || errdefs.IsConflict(err)
}

// hostNetworks are those that this machine is on.
func hostNetworks() (all []netip.Prefix, err error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list networks of this machine: %w", err)
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			all = append(all, p.Masked())
		}
	}
	return all, nil
}

func overlaps(p netip.Prefix, taken []netip.Prefix) bool {
	for _, t := range taken {
		if t.Overlaps(p) {
			return true
		}
	}
	return false
}

// removeNetwork removes a network. One that is not there is no error.
func (e *engine) removeNetwork(ctx context.Context, id string) error {
	_, err := e.api.NetworkRemove(ctx, id, client.NetworkRemoveOptions{})
	if err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("remove network: %w", err)
	}
	return nil
}
