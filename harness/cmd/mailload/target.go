package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// target is where the faces of a node are. Mail is brought by LMTP, or by SMTP
// to a server that has no LMTP; a server that is not ours has no admin face.
type target struct {
	lmtp, imap, admin string
	smtp              bool // lmtp is the address of an SMTP server
}

// bySMTP stands before the address of a server that takes mail by SMTP.
const bySMTP = "smtp:"

func parseTargets(text string) (map[string]target, error) {
	targets := map[string]target{}
	for _, part := range strings.Split(text, ";") {
		name, faces, ok := strings.Cut(part, "=")
		addresses := strings.Split(faces, ",")
		if !ok || name == "" || len(addresses) != 3 {
			return nil, fmt.Errorf("parse nodes: %q is not name=LMTP,IMAP,ADMIN", part)
		}
		if _, twice := targets[name]; twice {
			return nil, fmt.Errorf("parse nodes: %s is there twice", name)
		}
		t := target{imap: addresses[1], admin: addresses[2]}
		t.lmtp, t.smtp = strings.CutPrefix(addresses[0], bySMTP)
		if err := t.check(); err != nil {
			return nil, fmt.Errorf("parse nodes: %s: %w", name, err)
		}
		targets[name] = t
	}
	return targets, nil
}

func (t target) check() error {
	addresses := []string{t.lmtp, t.imap}
	if t.admin != "" {
		addresses = append(addresses, t.admin)
	}
	var errs []error
	for _, a := range addresses {
		_, _, err := net.SplitHostPort(a)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// logins are the users and passwords of accounts. What is not in it logs in as
// accounts of our own store do.
type logins map[string][2]string

func (l logins) of(account string) (user, password string) {
	if login, known := l[account]; known {
		return login[0], login[1]
	}
	return account, "pw-" + account
}

// readLogins reads lines of account, user and password, between tabs.
func readLogins(from io.Reader) (logins, error) {
	all := logins{}
	lines := bufio.NewScanner(from)
	for n := 1; lines.Scan(); n++ {
		words := strings.Split(lines.Text(), "\t")
		if len(words) != 3 || words[0] == "" {
			return nil, fmt.Errorf("read logins: line %d is not an account, a user and a password between tabs", n)
		}
		all[words[0]] = [2]string{words[1], words[2]}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read logins: %w", err)
	}
	return all, nil
}
