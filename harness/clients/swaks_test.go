package clients

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Times of the clients, all picked.
const (
	replyWait  = "20"                   // seconds that a client waits for an answer
	clientWait = 60 * time.Second       // for a whole client
	retryWait  = 200 * time.Millisecond // of an MTA between two tries
)

// answer is what an LMTP server says of one recipient.
type answer string

// The answers that matter. What was refused at once is not stored.
const (
	stored  answer = "stored"
	refused answer = "refused"
	unheard answer = "unheard"
)

// swaks offers a message to a node for some recipients, and says what became of
// it for each.
func swaks(t testing.TB, node, dir string, text []byte, to []string, more ...string) (answers map[string]answer, transcript string) {
	t.Helper()
	// It ends the text with a line break of its own.
	body := filepath.Join(dir, "letter")
	require.NoError(t, os.WriteFile(body, []byte(strings.TrimSuffix(string(text), "\r\n")), 0o600))
	host, port, err := net.SplitHostPort(node)
	require.NoError(t, err)
	args := append([]string{
		"--protocol", "LMTP", "--server", host, "--port", port, "--timeout", replyWait, "--helo", "client.example",
		"--from", "sender@elsewhere.example", "--to", strings.Join(to, ","), "--data", "@" + body, "--suppress-data",
	}, more...)
	transcript = program(t, "swaks", args...).out
	return heard(to, transcript), transcript
}

// told is what a program said and how it ended.
type told struct {
	out  string
	code int
}

// program runs a client to its end.
func program(t testing.TB, name string, args ...string) told {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), clientWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "HOME="+os.TempDir(), "LC_ALL=C") // nobody's own settings
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if ended := (*exec.ExitError)(nil); err != nil && !errors.As(err, &ended) {
		t.Errorf("run %s: %v", name, err)
	}
	return told{string(out), cmd.ProcessState.ExitCode()}
}

var (
	replyLine = regexp.MustCompile(`^<(?:-|\*\*) +(\d)\d\d `)
	askLine   = regexp.MustCompile(`^ -> (?:LHLO|MAIL FROM|DATA|RCPT TO:<(.*)>)`)
	sentLine  = regexp.MustCompile(`^ -> \d+ lines sent$`)
)

// heard reads a transcript: the server answers MAIL, every RCPT, and after the
// text once for each recipient that it had taken, in their order (RFC 2033).
func heard(to []string, transcript string) map[string]answer {
	answers := map[string]answer{}
	for _, r := range to {
		answers[r] = refused // until the text is sent nothing can be stored
	}
	var asked, taken []string // what has no reply yet: commands, and after the text recipients
	sent := false
	for line := range strings.Lines(transcript) {
		line = strings.TrimRight(line, "\r\n")
		if m := askLine.FindStringSubmatch(line); m != nil {
			asked = append(asked, m[1])
		}
		if sentLine.MatchString(line) {
			sent = true
			for _, r := range taken {
				answers[r] = unheard
			}
		}
		m := replyLine.FindStringSubmatch(line)
		switch {
		case m == nil:
		case !sent && len(asked) > 0:
			if asked[0] != "" && m[1] == "2" {
				taken = append(taken, asked[0])
			}
			asked = asked[1:]
		case sent && len(taken) > 0:
			if answers[taken[0]] = refused; m[1] == "2" {
				answers[taken[0]] = stored
			}
			taken = taken[1:]
		}
	}
	return answers
}

// TestTranscriptsAreUnderstood in every way in which a delivery can end.
func TestTranscriptsAreUnderstood(t *testing.T) {
	const begin = "=== Connected\n<-  220 n1 LMTP Service Ready\n -> LHLO a\n<-  250-Hello a\n<-  250 SIZE 3\n -> MAIL FROM:<s>\n<-  250 2.0.0 ok\n"
	const two = " -> RCPT TO:<a>\n<-  250 2.0.0 ok\n -> RCPT TO:<b>\n<-  250 2.0.0 ok\n -> DATA\n<-  354 Go ahead\n -> 10 lines sent\n"
	for said, want := range map[string][2]answer{
		"*** Error connecting to 127.0.0.1:24:\n":                                                                                                                       {refused, refused},
		begin + " -> RCPT TO:<a>\n<** 451 4.3.0 storage\n -> QUIT\n":                                                                                                    {refused, refused},
		begin + two + "<-  250 2.0.0 stored\n<-  250 2.0.0 stored\n -> QUIT\n":                                                                                          {stored, stored},
		begin + two + "<-  250 2.0.0 stored\n<** 451 4.3.0 no\n":                                                                                                        {stored, refused},
		begin + two + "<-  250 2.0.0 stored\n*** Remote host closed\n":                                                                                                  {stored, unheard},
		begin + two + "<** Timeout (5 secs) waiting for server response\n":                                                                                              {unheard, unheard},
		begin + " -> RCPT TO:<a>\n -> RCPT TO:<b>\n -> DATA\n<** 550 5.1.1 no\n<-  250 ok\n<-  354 Go\n -> 9 lines sent\n<-  250 2.0.0 stored\n":                        {refused, stored},
		begin + " -> RCPT TO:<a>\n<** 550 5.1.1 no\n -> RCPT TO:<b>\n<-  250 ok\n -> DATA\n<-  354 Go\n -> 9 lines sent\n<-  250 2.0.0 stored\n -> QUIT\n<-  221 Bye\n": {refused, stored},
	} {
		got := heard([]string{"a", "b"}, said)
		require.Equal(t, want, [2]answer{got["a"], got["b"]}, said)
	}
}
