package clients

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// device is a machine of an account's owner: a Maildir, and what mbsync knows
// of it.
type device struct {
	maildir
	config string
}

func newDevice(t testing.TB, dir, account string) *device {
	d := &device{maildir{filepath.Join(dir, "mail"), account}, filepath.Join(dir, "mbsyncrc")}
	require.NoError(t, os.MkdirAll(d.dir, 0o755))
	return d
}

// The device itself loses no power: FSync would only take time.
const configuration = `
FSync no

IMAPAccount store
Host %s
Port %s
User %s
Pass pw-%[3]s
SSLType None
AuthMechs LOGIN
Timeout %[4]s

IMAPStore far
Account store

MaildirStore near
Path %[5]s/
Inbox %[5]s/INBOX
SubFolders Verbatim

Channel mail
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
CopyArrivalDate yes
SyncState *
`

// synced is how a synchronisation ended.
type synced struct {
	ok      bool // all was done
	refused bool // something was answered with NO
	dropped bool // an answer was not heard
	said    string
}

// sync makes a device and the store alike, through a node.
func (d *device) sync(t testing.TB, node string, how ...string) synced {
	t.Helper()
	host, port, err := net.SplitHostPort(node)
	require.NoError(t, err)
	text := fmt.Sprintf(configuration, host, port, d.account, replyWait, d.dir)
	require.NoError(t, os.WriteFile(d.config, []byte(text), 0o600))
	end := program(t, "mbsync", append([]string{"-c", d.config, "-q"}, append(how, "mail")...)...)
	// It may end well though some of what it asked for was refused.
	no := strings.Contains(end.out, "returned an error")
	return synced{
		ok: end.code == 0 && !no, refused: no, said: end.out,
		dropped: end.code != 0 && (!no || strings.Contains(end.out, "Socket error") || strings.Contains(end.out, "BYE")),
	}
}
