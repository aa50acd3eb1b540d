package clients

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const inbox = "INBOX"

// maildir is the mail of an account in the folders of its mailboxes.
type maildir struct{ dir, account string }

// file is a message in a Maildir.
type file struct {
	path string
	held
}

// files are all messages of a Maildir, in the order of their names.
func (m maildir) files(t testing.TB) (all []file) {
	err := filepath.WalkDir(m.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || !slices.Contains([]string{"cur", "new"}, filepath.Base(filepath.Dir(path))) {
			return err
		}
		mailbox, err := filepath.Rel(m.dir, filepath.Dir(filepath.Dir(path)))
		if err != nil {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text := plain(raw)
		all = append(all, file{path, held{m.account, mailbox, keyOf(text), text, flagsOf(e.Name())}})
		return nil
	})
	require.NoError(t, err)
	return all
}

// held is what the files are, without their places.
func (m maildir) held(t testing.TB) (all []held) {
	for _, f := range m.files(t) {
		all = append(all, f.held)
	}
	return all
}

// make adds a mailbox.
func (m maildir) make(t testing.TB, mailbox string) {
	for _, sub := range []string{"cur", "new", "tmp"} {
		require.NoError(t, os.MkdirAll(filepath.Join(m.dir, mailbox, sub), 0o755))
	}
}

// put adds a message as another program on this machine would.
func (m maildir) put(t testing.TB, mailbox, key, flags string, text []byte) {
	require.NoError(t, os.WriteFile(filepath.Join(m.dir, mailbox, "cur", key+".local:2,"+flags), text, 0o600))
}

// flag gives a message other flags, as a mail program does.
func (f file) flag(t testing.TB, flags string) {
	name, _, _ := strings.Cut(filepath.Base(f.path), ":")
	require.NoError(t, os.Rename(f.path, filepath.Join(filepath.Dir(filepath.Dir(f.path)), "cur", name+":2,"+flags)))
}

var number = regexp.MustCompile(`,U=\d+`)

// renew makes it a message that mbsync has never seen.
func (f file) renew(t testing.TB) {
	require.NoError(t, os.Rename(f.path, number.ReplaceAllString(f.path, "")))
}

// flagsOf are the flags in a file's name.
func flagsOf(name string) string {
	_, flags, _ := strings.Cut(name, ":2,")
	return flags
}

// mark is the line that mbsync puts into the header of what it copies.
var mark = regexp.MustCompile(`(?m)^X-TUID: .{12}\n`)

// plain is a message as it was before mbsync copied it, with the line ends of
// a Maildir.
func plain(raw []byte) []byte {
	text := bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	if at := mark.FindIndex(text); at != nil && at[1] <= bytes.Index(text, []byte("\n\n"))+1 {
		text = slices.Delete(text, at[0], at[1])
	}
	return text
}

// keyOf is the key of a letter, "" for what is none.
func keyOf(text []byte) string {
	rest, found := bytes.CutPrefix(text, []byte("X-Fourdays-Key: "))
	key, _, _ := bytes.Cut(rest, []byte("\n"))
	if !found {
		return ""
	}
	return string(key)
}
