package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"fourdays/storage/replica"
)

// config is what the command line says.
type config struct {
	id, data, promise     string
	peers                 []replica.Peer
	peerListen            string
	via                   map[string]string // where to dial instead
	lmtp, imap, admin     string
	domains               []string
	raftTimeout, watchdog time.Duration
	commandTimeout        time.Duration
	maxMessage            int
	unsafe                replica.Unsafe
	noDigest              bool
	join, recover         bool
	scrubEvery            time.Duration
	scrubRate             int64
}

const help = `mailnode is one node of a replicated mail store: mail in over LMTP, out over IMAP,
operations over HTTP. Any node takes any client.

usage: mailnode -id n1 -data DIR -peers n1=IP:PORT,... -peer-listen IP:PORT
                -lmtp IP:PORT -imap IP:PORT -admin IP:PORT -domains D,...

Three nodes on this machine (run it once for each of n1, n2, n3):

  P=n1=127.0.0.1:7001,n2=127.0.0.1:7002,n3=127.0.0.1:7003
  mailnode -id n1 -data /tmp/n1 -peers $P -peer-listen 127.0.0.1:7001 \
    -lmtp 127.0.0.1:2401 -imap 127.0.0.1:1431 -admin 127.0.0.1:8001 -domains libero.example
  curl -d '{"create":[{"address":"anna@libero.example"}]}' http://127.0.0.1:8001/accounts

A node whose storage lost what it promised is fenced. Start a new one in its place
(-id n2.2 -join, a new address, an empty volume), then tell any member:

  curl -d '{"remove":"n2","add":"n2.2","address":"127.0.0.1:7004"}' http://127.0.0.1:8001/replace

and again until it answers "promoted". When all are fenced, start one of them with
-recover, a new -id and a new address: it counts what is lost, and goes on alone.

An account's password is pw- and its address, unless another is given.

flags:
`

// unsafeNames are the deliberate defects, by the name that switches them on.
var unsafeNames = map[string]func(*config){
	"no-sync":   func(c *config) { c.unsafe.NoSync = true },
	"no-digest": func(c *config) { c.noDigest, c.unsafe.NoDigest = true, true },
	"no-fence":  func(c *config) { c.unsafe.NoFence = true },
	"guess":     func(c *config) { c.unsafe.Guess = true },
}

// parseFlags reads a command line. What is wrong is in the error; flag.ErrHelp
// means that help was asked for and written to out.
func parseFlags(args []string, out io.Writer) (*config, error) {
	var c config
	var peers, via, domains, defects string
	f := flag.NewFlagSet("mailnode", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&c.id, "id", "", "this node's `name`, one of -peers")
	f.StringVar(&c.data, "data", "", "`directory` on the volume for all that is kept")
	f.StringVar(&c.promise, "promise", "", "`directory` on a device that does not share the volume's fate, for the promise record; empty for none")
	f.StringVar(&peers, "peers", "", "all nodes of the first configuration, as `name=IP:PORT,...`")
	f.BoolVar(&c.join, "join", false, "this node is not in the first configuration: its volume is empty, and it waits until POST /replace on a member's admin face adds it; -peers names itself and some members")
	f.BoolVar(&c.recover, "recover", false, "make a new cluster of what this volume holds, when all replicas are fenced or a majority is lost; -id and -peer-listen are new ones, and the only ones in -peers. What was lost is counted. Refused while a majority of the old cluster lives")
	f.StringVar(&c.peerListen, "peer-listen", "", "`IP:PORT` where the other nodes reach this one")
	f.StringVar(&via, "via", "", "proxies on the way to the other nodes: where to dial instead of their addresses, as `IP:PORT=IP:PORT,...`")
	f.StringVar(&c.lmtp, "lmtp", "", "`IP:PORT` for mail in")
	f.StringVar(&c.imap, "imap", "", "`IP:PORT` for mail out")
	f.StringVar(&c.admin, "admin", "", "`IP:PORT` for operations")
	f.StringVar(&domains, "domains", "", "served mail `domains`, separated by commas")
	f.DurationVar(&c.raftTimeout, "raft-timeout", 2*time.Second, "raft's heartbeat and election timeout")
	f.DurationVar(&c.watchdog, "watchdog", 10*time.Second, "how long one storage operation may take before the node says that storage hangs")
	f.DurationVar(&c.commandTimeout, "command-timeout", 20*time.Second, "how long a client's command may take (picked)")
	f.IntVar(&c.maxMessage, "max-message", 32<<20, "largest message in `bytes` (picked)")
	f.DurationVar(&c.scrubEvery, "scrub-every", 0, "how long after a scrub of all that this node keeps the next one begins; 0 for only when POST /scrub on the admin face asks. What is bad is repaired from other nodes")
	f.Int64Var(&c.scrubRate, "scrub-rate", 10<<20, "how many `bytes` a scrub reads per second (picked); 0 for as many as it can")
	f.StringVar(&defects, "unsafe", "", "deliberate defects to show what they break, from `no-sync,no-digest,no-fence,guess`")
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		f.SetOutput(out)
		_, _ = io.WriteString(out, help)
		f.PrintDefaults()
		return nil, err
	}
	if err == nil && f.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if err == nil {
		err = c.complete(peers, via, domains, defects)
	}
	return &c, err
}

// complete reads the lists and checks the whole.
func (c *config) complete(peers, via, domains, defects string) (err error) {
	for _, needed := range []struct{ flag, value string }{
		{"id", c.id}, {"data", c.data}, {"peers", peers}, {"domains", domains},
	} {
		if needed.value == "" {
			return fmt.Errorf("-%s is missing", needed.flag)
		}
	}
	if c.peers, err = parsePeers(peers); err != nil {
		return err
	}
	if !slices.ContainsFunc(c.peers, func(p replica.Peer) bool { return p.ID == c.id }) {
		return fmt.Errorf("-id %s is not one of -peers", c.id)
	}
	if err = c.wayBack(); err != nil {
		return err
	}
	if c.via, err = parseVia(via); err != nil {
		return err
	}
	if c.domains, err = parseDomains(domains); err != nil {
		return err
	}
	for _, a := range []struct{ flag, value string }{
		{"peer-listen", c.peerListen}, {"lmtp", c.lmtp}, {"imap", c.imap}, {"admin", c.admin},
	} {
		if _, err := netip.ParseAddrPort(a.value); err != nil {
			return fmt.Errorf("-%s %q is not IP:PORT", a.flag, a.value)
		}
	}
	if c.raftTimeout <= 0 || c.watchdog <= 0 || c.commandTimeout <= 0 || c.maxMessage <= 0 {
		return errors.New("-raft-timeout, -watchdog, -command-timeout and -max-message must be positive")
	}
	if c.scrubEvery < 0 || c.scrubRate < 0 {
		return errors.New("-scrub-every and -scrub-rate must not be negative")
	}
	return c.parseUnsafe(defects)
}

// wayBack checks -join and -recover against -peers.
func (c *config) wayBack() error {
	switch {
	case c.join && c.recover:
		return errors.New("-join and -recover exclude each other: the first needs a cluster that lives, the second one that does not")
	case c.join && len(c.peers) == 1:
		return errors.New("-join needs a member in -peers beside this node")
	case c.recover && len(c.peers) > 1:
		return fmt.Errorf("-recover begins a cluster of this node alone: -peers must be %s=IP:PORT only", c.id)
	}
	return nil
}

func parsePeers(list string) ([]replica.Peer, error) {
	var peers []replica.Peer
	for _, item := range strings.Split(list, ",") {
		id, addr, ok := strings.Cut(item, "=")
		if _, err := netip.ParseAddrPort(addr); err != nil || !ok || id == "" {
			return nil, fmt.Errorf("-peers: %q is not name=IP:PORT", item)
		}
		peers = append(peers, replica.Peer{ID: id, Addr: addr})
	}
	return peers, nil
}

func parseVia(list string) (map[string]string, error) {
	if list == "" {
		return nil, nil
	}
	via := map[string]string{}
	for _, item := range strings.Split(list, ",") {
		from, to, _ := strings.Cut(item, "=")
		_, err1 := netip.ParseAddrPort(from)
		_, err2 := netip.ParseAddrPort(to)
		if err1 != nil || err2 != nil || via[from] != "" {
			return nil, fmt.Errorf("-via: %q is not IP:PORT=IP:PORT, or there twice", item)
		}
		via[from] = to
	}
	return via, nil
}

// dialPeer dials another node, through its proxy if it has one.
func (c *config) dialPeer(ctx context.Context, network, address string) (net.Conn, error) {
	if to := c.via[address]; to != "" {
		address = to
	}
	return dial(ctx, network, address)
}

func parseDomains(list string) ([]string, error) {
	domains := strings.Split(strings.ToLower(list), ",")
	for _, domain := range domains {
		if domain == "" || strings.ContainsAny(domain, "@ \t") {
			return nil, fmt.Errorf("-domains: %q is not a domain", domain)
		}
	}
	return domains, nil
}

func (c *config) parseUnsafe(list string) error {
	if list == "" {
		return nil
	}
	for _, name := range strings.Split(list, ",") {
		set, ok := unsafeNames[name]
		if !ok {
			return fmt.Errorf("-unsafe: %q is none of no-sync, no-digest, no-fence, guess", name)
		}
		set(c)
	}
	return nil
}
