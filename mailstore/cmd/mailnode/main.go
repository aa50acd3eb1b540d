// Command mailnode is one node of the replicated mail store.
//
// It owns the command line, the listeners and the order in which things start:
// the replica first, as it returns at once and opens its volume in the
// background, then the faces, which say "unavailable" until it is ready. It
// assumes that IP:PORT addresses are its own. It never imports the harness, and
// touches the world through the variables of seam.go only.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"fourdays/mailstore/admin"
	"fourdays/mailstore/imap"
	"fourdays/mailstore/lmtp"
	"fourdays/mailstore/store"
	"fourdays/storage/replica"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	c, err := parseFlags(os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "mailnode: %v\nmailnode -help explains the flags\n", err)
		os.Exit(exitUsage)
	}
	log := &lines{out: os.Stderr, prefix: "mailnode " + c.id + ": "}
	if err := run(c, log); err != nil {
		fmt.Fprintln(log, err)
		os.Exit(exitFailed)
	}
}

// lines writes whole lines, each with a prefix.
type lines struct {
	mu     sync.Mutex
	out    io.Writer
	prefix string
}

// Write implements io.Writer.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := io.WriteString(l.out, l.prefix+string(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// run serves until a face fails.
func run(c *config, log io.Writer) error {
	ears, err := listenAll(c)
	if err != nil {
		return err
	}
	machine := new(store.Machine)
	r, err := replica.Start(replica.Config{
		ID: c.id, Dir: c.data, Promise: c.promise, Peers: c.peers, Join: c.join, Recover: c.recover,
		Listener: ears["peer-listen"], Dial: c.dialPeer, Fsync: fsync,
		Timeout: c.raftTimeout, Watchdog: c.watchdog, ScrubEvery: c.scrubEvery, ScrubRate: c.scrubRate,
		Machine: machine, Log: log, Unsafe: c.unsafe,
		Fatal: func(err error) {
			fmt.Fprintf(log, "this node ends: %v\n", err)
			os.Exit(exitFailed)
		},
	})
	if err != nil {
		return err
	}
	machine.OnDetect(r.Detect)
	s := store.New(r, store.Options{Node: c.id, Timeout: c.commandTimeout, MaxMessage: c.maxMessage, NoDigest: c.noDigest})
	failed := make(chan error, 3)
	face := func(name string, serve func(net.Listener) error, l net.Listener) {
		go func() { failed <- fmt.Errorf("%s face: %w", name, serve(l)) }()
	}
	face("lmtp", lmtp.New(s, c.id, c.domains, log).Serve, coalescing{ears["lmtp"]})
	face("imap", imap.New(s, log).Serve, coalescing{ears["imap"]})
	face("admin", admin.New(s, r, c.domains, c.commandTimeout, log).Serve, ears["admin"])
	fmt.Fprintf(log, "serving lmtp %s, imap %s, admin %s\n", c.lmtp, c.imap, c.admin)
	return <-failed
}

// listenAll opens all listeners, by the name of their flag.
func listenAll(c *config) (map[string]net.Listener, error) {
	ears := make(map[string]net.Listener)
	for _, a := range []struct{ flag, address string }{
		{"peer-listen", c.peerListen}, {"lmtp", c.lmtp}, {"imap", c.imap}, {"admin", c.admin},
	} {
		l, err := listen("tcp", a.address)
		if err != nil {
			return nil, fmt.Errorf("listen for -%s: %w", a.flag, err)
		}
		ears[a.flag] = l
	}
	return ears, nil
}
