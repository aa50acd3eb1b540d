// Command mailload is the driver of a run: it asks the nodes what the harness
// tells it to ask, with real LMTP, IMAP and HTTP, and reports what they said.
//
// It owns the clients and what their answers mean: ok is a promise, no a
// definite refusal, unknown anything else. It decides nothing: what to ask and
// when is the harness's, over one control connection (see package control). It
// is an ordinary program and also a guest of the simulator, so it listens and
// dials through the seams only, and it keeps no timers but the deadlines of
// connections. It imports of the harness only hist, letter and control, and
// nothing of the mail store.
//
// A reply is the server's own words, and then for what was not accepted how far
// it came, in brackets: [connect], [greeting], [login], [select], [mail],
// [rcpt], [data], [dot], [command]. LMTP replies begin with their three digits.
// What failed without words of the server has the error instead.
//
// Mail servers of others have no admin face, have users and passwords of their
// own (-logins), and may take mail by SMTP, where one answer is for all.
//
// Beyond what hist says: a copy or move that was answered with COPYUID has its
// UIDs replaced by the sources that the server named, so that UIDs[i] went to
// NewUIDs[i]. Store and Expunge answer with the UIDVALIDITY of their mailbox.
// An Admin request may bring a body in Text. An Audit is answered by one op for
// each mailbox and then by the request itself, its Mailbox empty and its
// Mailboxes the names.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "mailload:", run(os.Args[1:]))
	os.Exit(1)
}

// run serves until it cannot.
func run(args []string) error {
	flags := flag.NewFlagSet("mailload", flag.ContinueOnError)
	address := flags.String("control", "127.0.0.1:9000", "`IP:port` to listen on for the harness")
	nodes := flags.String("nodes", "", "the nodes: `n1=LMTP,IMAP,ADMIN;n2=…`, each an IP:port; smtp:IP:port for LMTP, and nothing for ADMIN, of servers that are not ours")
	file := flags.String("logins", "", "`FILE` with account, user and password in each line, between tabs")
	if err := flags.Parse(args); err != nil {
		return err
	}
	targets, err := parseTargets(*nodes)
	if err != nil {
		return err
	}
	known, err := loadLogins(*file)
	if err != nil {
		return err
	}
	door, err := listen("tcp", *address)
	if err != nil {
		return fmt.Errorf("listen for the harness: %w", err)
	}
	fmt.Fprintf(os.Stderr, "mailload: listening on %s for %d nodes\n", door.Addr(), len(targets))
	d := newDriver(targets)
	d.logins = known
	return serve(door, d)
}

func loadLogins(path string) (logins, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open logins: %w", err)
	}
	defer file.Close()
	return readLogins(file)
}

// serve takes one control connection after the other.
func serve(door net.Listener, d *driver) error {
	for {
		conn, err := door.Accept()
		if err != nil {
			return fmt.Errorf("accept the harness: %w", err)
		}
		newSession(d, conn).run()
	}
}
