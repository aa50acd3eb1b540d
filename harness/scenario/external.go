package scenario

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ExternalTarget is the word for a target that is not ours.
const ExternalTarget = "external"

// External is a mail server of others: how to reach it, how to log in, and the
// commands that start it, stop it and look after it.
type External struct {
	Server string // what it is, for people
	// LMTP and SMTP are where it takes mail, one of them is "", and IMAP where it
	// is read: IP:port, or :port at the address that the world gives the node.
	LMTP, SMTP, IMAP string
	// User and Password are how an account logs in, see Fill.
	User, Password string
	// Logins are the accounts, in the file's order; empty means that they are
	// made up, as those of our own store are.
	Logins []Login
	Env    []Var // for the hooks, in the file's order
	Hooks  Hooks

	where place // of the section in the file
}

// Login is one account that exists, and its password.
type Login struct{ Account, Password string }

// Var is one variable of the hooks' environment.
type Var struct{ Name, Value string }

// Hook is a command that /bin/sh runs in the scenario's folder, and how long it
// may take. One without Run is not there.
type Hook struct {
	Run    string
	Within time.Duration
}

// Hooks are the commands of an external target.
type Hooks struct {
	// Start stays in the foreground while the server lives. Within is how long it
	// may take until the server is healthy.
	Start Hook
	Stop  Hook // gracefully
	Kill  Hook // before all that Start left is killed
	// Check succeeds if the server is healthy. Without it, its IMAP greeting is.
	Check    Hook
	Accounts Hook // makes the accounts, once, when the server is healthy
	Version  Hook // prints what exactly is tested, once
}

// hookWithin is how long a hook may take if the file does not say. Picked.
const hookWithin = 30 * time.Second

// all are the hooks by their keys, in the order they print.
func (h *Hooks) all() []hookKey {
	return []hookKey{
		{"start", &h.Start}, {"stop", &h.Stop}, {"kill", &h.Kill},
		{"check", &h.Check}, {"accounts", &h.Accounts}, {"version", &h.Version},
	}
}

type hookKey struct {
	key  string
	hook *Hook
}

// blanks are the words in braces that Fill knows.
var blanks = []string{"{account}", "{local}", "{domain}"}

// Fill puts an account into a pattern: {account}, or its parts {local} and
// {domain}.
func Fill(pattern, account string) string {
	local, domain, _ := strings.Cut(account, "@")
	return strings.NewReplacer(blanks[0], account, blanks[1], local, blanks[2], domain).Replace(pattern)
}

// Credentials are the user name and the password of an account.
func (x *External) Credentials(account string) (user, password string) {
	password = Fill(x.Password, account)
	for _, l := range x.Logins {
		if l.Account == account {
			password = l.Password
		}
	}
	return Fill(x.User, account), password
}

// foreign are the actions that need a face which only our own store has, or a
// network between several nodes, or virtual time.
var foreign = map[string]string{
	"partition": "there is one node", "link": "there is one node", "heal": "there is one node",
	"close_accounts": "only the project's own store can close accounts",
	"reopen":         "only the project's own store can close accounts",
	"verify":         "only the project's own store shows each replica; every mailbox is read through IMAP at the end",
	"leap":           "it lives in real time",
	"replace":        "it has no replicas",
	"recover":        "it has no replicas",
	"fresh":          "it has no replicas",
	"merge":          "it has no replicas",
}

// External is the check of a whole file with an external target, and the reverse.
func (d *decoder) external(target, section place, s *Scenario) {
	x := s.External
	switch {
	case section.line == 0 && target.line == 0:
		d.ours(s)
		return
	case section.line == 0:
		d.issue(target, "add external: with its addresses and hooks", "the target is external and nothing says where it is")
		return
	case target.line == 0:
		d.issue(section, "add target: external", "external describes a server that is not the target")
		return
	}
	d.oneNode(target, s)
	for _, step := range s.steps() {
		if step.Action == nil {
			continue
		}
		verb := step.Action.Verb()
		if why, no := foreign[verb]; no {
			d.issues = append(d.issues, step.issue(verb, "leave it out", "an external target has no %s: %s", verb, why))
		}
	}
	if len(s.Expect.Fenced) > 0 || len(s.Unsafe) > 0 {
		d.issue(target, "leave them out", "fenced and unsafe are of the project's own store, and the target is external")
	}
	if n := len(x.Logins); n > 0 && n != s.Mail.Mailboxes {
		d.issue(section, "name as many accounts as there are mailboxes", "%d accounts are named and mail has %d mailboxes", n, s.Mail.Mailboxes)
	}
}

// ours refuses what only an external target can do.
func (d *decoder) ours(s *Scenario) {
	for _, step := range s.steps() {
		if _, stop := step.Action.(Stop); stop {
			d.issues = append(d.issues, step.issue("stop", "use kill, or target: external", "only an external target has a hook to stop it"))
		}
	}
}

func (d *decoder) oneNode(at place, s *Scenario) {
	if nodes := s.Nodes(); len(nodes) > 1 {
		d.issue(at, "want one store of one node, such as main: {n1: east}", "an external target is one server, and storage has the nodes %s", strings.Join(nodes, ", "))
	}
}

func (d *decoder) issue(at place, want, format string, args ...any) {
	d.issues = append(d.issues, Issue{at.line, at.column, fmt.Sprintf(format, args...), want})
}

// endpoint says whether text is IP:port or :port.
func endpoint(text string) bool {
	host, port, err := net.SplitHostPort(text)
	n, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil && n > 0 && (host == "" || net.ParseIP(host) != nil)
}

// unknownBlank is the first word in braces of a pattern that Fill does not know.
func unknownBlank(pattern string) string {
	for rest := pattern; ; {
		i := strings.IndexByte(rest, '{')
		if i < 0 {
			return ""
		}
		end := strings.IndexByte(rest[i:], '}')
		if end < 0 {
			return rest[i:]
		}
		if word := rest[i : i+end+1]; !slices.Contains(blanks, word) {
			return word
		}
		rest = rest[i+end+1:]
	}
}
