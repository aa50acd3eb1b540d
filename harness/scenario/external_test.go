package scenario

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnExternalTargetMeansWhatItSays(t *testing.T) {
	s := mustParse(t, read(t, "testdata/external.yaml"))
	require.Equal(t, &External{
		Server: "Some server, 1.0", SMTP: ":2525", IMAP: "10.1.2.3:143",
		User: "{local}+{domain}", Password: "secret of {account}",
		Logins: []Login{{"ann@libero.example", "one"}, {"bob@libero.example", "two: 2"}},
		Env:    []Var{{"FORMAT", "maildir"}, {"EXTRA_1", "yes"}},
		Hooks: Hooks{
			Start: Hook{`exec ./server -F --data "$DATA"`, 10 * time.Second}, Stop: Hook{"./stop.sh", hookWithin},
			Kill: Hook{"./kill.sh", hookWithin}, Check: Hook{"./check.sh", hookWithin},
			Accounts: Hook{`./accounts.sh <"$ACCOUNTS"`, hookWithin}, Version: Hook{"./server --version", hookWithin},
		},
	}, s.External)
}

func TestOurOwnStoreIsNoExternalTarget(t *testing.T) {
	src := strings.Replace(string(read(t, "testdata/example.yaml")), "seed: 7", "seed: 7\ntarget: mailstore", 1)
	require.Nil(t, mustParse(t, []byte(src)).External)
}

func TestCredentialsFillInTheAccount(t *testing.T) {
	x := &External{User: "{local}%{domain}", Password: "pw-{account}", Logins: []Login{{"bob@b.example", "secret"}}}
	user, password := x.Credentials("ann@a.example")
	require.Equal(t, []string{"ann%a.example", "pw-ann@a.example"}, []string{user, password})
	user, password = x.Credentials("bob@b.example")
	require.Equal(t, []string{"bob%b.example", "secret"}, []string{user, password})
}

// TestWhatDoesNotFitAnExternalTargetIsRefused edits the file with every key of
// external; each error has its place.
func TestWhatDoesNotFitAnExternalTargetIsRefused(t *testing.T) {
	good := string(read(t, "testdata/external.yaml"))
	for _, c := range []struct{ name, from, to, want string }{
		{"no section", good[strings.Index(good, "external:"):strings.Index(good, "storage:")], "", `test.yaml:3:9: the target is external and nothing says where it is; add external:`},
		{"no target", "target: external\n", "", `test.yaml:4:3: external describes a server that is not the target; add target: external`},
		{"unknown target", "target: external", "target: dovecot", `test.yaml:3:9: found the text "dovecot"; want one of mailstore, external`},
		{"no start", "start: {run: \"exec ./server -F --data \\\"$DATA\\\"\", within: 10s}\n    ", "", `hooks has no "start"; add start: …`},
		{"unknown hook", "check: ", "chek: ", `unknown key "chek" in hooks; did you mean "check"?`},
		{"empty hook", "stop: ./stop.sh", "stop: ''", `found an empty text; want text`},
		{"hurry", "within: 10s", "within: 1ms", `1ms is too short; want at least 100ms`},
		{"two doors", `smtp: ":2525"`, "smtp: \":2525\"\n  lmtp: \":24\"", `external takes mail by one of LMTP and SMTP`},
		{"no door", "smtp: \":2525\"\n  ", "", `external takes mail by one of LMTP and SMTP; want lmtp: :24 or smtp: :25`},
		{"no port", `imap: "10.1.2.3:143"`, "imap: mail.libero.example:143", `test.yaml:7:9: found the text "mail.libero.example:143"; want IP:port, or ":24"`},
		{"port 0", `":2525"`, `":0"`, `found the text ":0"; want IP:port`},
		{"unknown blank", "{local}+{domain}", "{user}", `test.yaml:8:9: there is no {user} to fill in; want {account}, {local}, {domain}`},
		{"open blank", "{local}+{domain}", "{local", `there is no {local to fill in`},
		{"not an account", "bob@libero.example", "bob", `test.yaml:10:39: "bob" is no account; want an address`},
		{"too few accounts", ", bob@libero.example: \"two: 2\"", "", `test.yaml:5:3: 1 accounts are named and mail has 2 mailboxes`},
		{"bad variable", "EXTRA_1", "extra", `test.yaml:11:26: "extra" cannot name a variable; want capital letters`},
		{"variable of the harness", "EXTRA_1", "DATA", `the harness itself sets DATA; give it another name`},
		{"mark of the harness", "EXTRA_1", "FOURDAYS_RUN", `test.yaml:11:26: the harness itself sets FOURDAYS_RUN; give it another name`},
		{"tab in a password", `"two: 2"`, `"two\t2"`, `has no place in the list of accounts; leave it out`},
		{"second line in a user", `{local}+{domain}`, `{local}\nroot`, `test.yaml:8:9: a user or password with a tab`},
		{"three nodes", "main: {n1: east}", "main: {n1: east, n2: east, n3: east}", `test.yaml:3:9: an external target is one server, and storage has the nodes n1, n2, n3`},
		{"heal", "stop: [n1]", "heal: network", `an external target has no heal: there is one node; leave it out`},
		{"leap", "stop: [n1]", "leap: {until: 11s}", `test.yaml:27:21: an external target has no leap: it lives in real time; leave it out`},
		{"closing", "stop: [n1]", "close_accounts: all", `an external target has no close_accounts: only the project's own store`},
		{"fenced", "lost: 0", "fenced: [n1]", `test.yaml:3:9: fenced and unsafe are of the project's own store`},
		{"unsafe", "duration: 30s", "duration: 30s\nunsafe: [guess]", `test.yaml:3:9: fenced and unsafe are of the project's own store`},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Contains(t, good, c.from)
			_, err := Parse("test.yaml", []byte(strings.Replace(good, c.from, c.to, 1)))
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestOurOwnStoreHasNoHookToStop(t *testing.T) {
	src := strings.Replace(string(read(t, "testdata/example.yaml")), "power_loss: [east, west]", "stop: [n1]", 1)
	_, err := Parse("test.yaml", []byte(src))
	require.ErrorContains(t, err, "test.yaml:28:21: only an external target has a hook to stop it; use kill, or target: external")
}

func TestAnExternalTargetNeedsCommandsOfThisMachine(t *testing.T) {
	s, err := Parse("test.yaml", read(t, "testdata/external.yaml"))
	require.NoError(t, err)
	require.Equal(t, "test.yaml:5:3: an external target is run by commands of this machine; play it with --world local", NotElsewhere(s)[0].In("test.yaml"))
	require.Empty(t, NotElsewhere(mustParse(t, read(t, "testdata/example.yaml"))))
}
