package local

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
)

const account = "anna@a.example"

// sent is what became of a message that was given to the store.
type sent struct {
	acknowledged bool
	doubtful     int // attempts that failed, and may yet have left a copy
}

// deliver gives a message to one node after the other, as a mail server with
// several addresses for the next does.
func (r *rig) deliver(subject string, nodes ...int) (s sent) {
	for _, i := range nodes {
		cmd := exec.Command("swaks", "--protocol", "LMTP", "--server", r.w.Address(i), "--port", fmt.Sprint(r.w.Port(24)), "--timeout", "30",
			"--from", "bob@b.example", "--to", account, "--header", "Subject: "+subject, "--body", body(subject), "--silent", "3")
		if err := cmd.Run(); err == nil {
			s.acknowledged = true
			return s
		}
		s.doubtful++
	}
	return s
}

func body(subject string) string { return "the body of " + subject + " and no other" }

// mailbox is a Maildir that mbsync keeps like the account's INBOX, both ways.
type mailbox struct {
	t   *testing.T
	r   *rig
	dir string
}

// sync runs mbsync against a node.
func (m *mailbox) sync(node int) error {
	config := fmt.Sprintf(`IMAPStore far
Host %s
Port %d
User %s
Pass pw-%s
SSLType None
AuthMechs LOGIN
Timeout 10

MaildirStore near
Path %s/
Inbox %s/INBOX

Channel all
Far :far:
Near :near:
Patterns INBOX
Create Near
SyncState *
`, m.r.w.Address(node), m.r.w.Port(143), account, account, m.dir, m.dir)
	name := filepath.Join(m.dir, "mbsyncrc")
	require.NoError(m.t, os.WriteFile(name, []byte(config), 0o600))
	out, err := exec.Command("timeout", "60", "mbsync", "-q", "-c", name, "all").CombinedOutput()
	if err != nil {
		return fmt.Errorf("mbsync: %w: %s", err, out)
	}
	return nil
}

// settled runs mbsync until a node lets it.
func (m *mailbox) settled(node int) {
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if err = m.sync(node); err == nil {
			return
		}
		require.NoError(m.t, m.r.w.Run(m.t.Context(), m.r.w.Now()+200*time.Millisecond))
	}
	require.NoError(m.t, err)
}

var subjectLine = regexp.MustCompile(`(?m)^Subject: (m\d+)\r?$`)

// holds are the names of the files with each subject.
func (m *mailbox) holds() map[string][]string {
	files, err := filepath.Glob(filepath.Join(m.dir, "INBOX", "[cn][ue][rw]", "*"))
	require.NoError(m.t, err)
	found := map[string][]string{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(m.t, err)
		subject := subjectLine.FindStringSubmatch(string(text))
		require.NotNil(m.t, subject, "%s", text)
		require.Contains(m.t, string(text), body(subject[1]))
		found[subject[1]] = append(found[subject[1]], name)
	}
	return found
}

func newMailbox(t *testing.T, r *rig) *mailbox { return &mailbox{t, r, t.TempDir()} }

// TestRealClientsHoldWhatWasPromised: swaks delivers and mbsync reads while the
// leader's array fails. Whoever was told 250 has the message in the end, once;
// and a flag that mbsync gave is what another one gets.
func TestRealClientsHoldWhatWasPromised(t *testing.T) {
	need.Command(t, "swaks", "swaks")
	need.Command(t, "mbsync", "isync")
	names := []string{"n1", "n2", "n3"}
	r := newRig(t, names...)
	r.nodes(names...)
	leader := r.leads(0, 1, 2)
	res, err := http.Post(fmt.Sprintf("http://%s:%d/accounts", r.w.Address(leader), r.w.Port(80)), "", strings.NewReader(`{"create":[{"address":"`+account+`"}]}`))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)

	box := newMailbox(t, r)
	box.settled(leader)
	all := map[string]sent{}
	for i := range 24 {
		if i == 8 {
			r.arm(names[leader], `{ops: [read, write, fsync], reply: EIO}`)
		}
		subject := fmt.Sprintf("m%d", i)
		all[subject] = r.deliver(subject, (leader+i)%3, (leader+i+1)%3, (leader+i+2)%3, (leader+1)%3, (leader+2)%3)
		if i%4 == 3 {
			_ = box.sync((leader + i) % 3) // it may fail, and is run again
		}
	}
	one, two := (leader+1)%3, (leader+2)%3
	box.settled(one)
	other := newMailbox(t, r)
	other.settled(two)
	for _, b := range []*mailbox{box, other} {
		b.matches(all)
	}
	require.NotZero(t, r.fleet.Receipts()[0].Fired, "the array has failed")
	r.until("its node has ended itself", func() bool { return !r.w.Running(names[leader]) })

	mark(t, box.holds()["m1"][0])
	box.settled(two)
	other.settled(one)
	require.Contains(t, filepath.Base(other.holds()["m1"][0]), ":2,S")
	require.NotContains(t, filepath.Base(other.holds()["m2"][0]), ":2,S")
}

// mark gives a message the flag Seen, as a reader of a Maildir does.
func mark(t *testing.T, name string) {
	base, _, _ := strings.Cut(filepath.Base(name), ":2,")
	require.NoError(t, os.Rename(name, filepath.Join(filepath.Dir(filepath.Dir(name)), "cur", base+":2,S")))
}

// matches compares what a client holds with what was promised.
func (m *mailbox) matches(all map[string]sent) {
	held := m.holds()
	acknowledged := 0
	for subject, s := range all {
		n := len(held[subject])
		if s.acknowledged {
			acknowledged++
			require.GreaterOrEqual(m.t, n, 1, "%s was acknowledged", subject)
		}
		require.LessOrEqual(m.t, n, 1+s.doubtful, "%s", subject)
		delete(held, subject)
	}
	require.Empty(m.t, held, "nobody sent these")
	require.Greater(m.t, acknowledged, len(all)/2)
	m.t.Logf("%d of %d messages acknowledged", acknowledged, len(all))
}
