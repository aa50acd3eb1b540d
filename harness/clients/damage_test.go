package clients

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/letter"
)

// shelf is the mail of two accounts as it should be, with everything that may
// be: what mbsync adds, a copy whose answer was lost, flags, a folder.
type shelf struct {
	ledger *ledger
	boxes  []maildir
}

func newShelf(t *testing.T) *shelf {
	s := &shelf{ledger: newLedger()}
	for _, account := range accounts[:2] {
		m := maildir{t.TempDir(), account}
		m.make(t, inbox)
		m.make(t, "Work")
		s.boxes = append(s.boxes, m)
		for _, key := range []string{"one", "two", "three"} {
			s.keep(t, m, inbox, key, "", "")
		}
		s.keep(t, m, "Work", "work", "FS", "")
		s.keep(t, m, inbox, "twice", "", ",U=9")
		m.put(t, inbox, "twice,U=10", "", plain(letter.Make("twice", ordinary)))
		s.ledger.note(account, "twice", func(p *promise) { p.unheard = 1 })
		s.ledger.note(account, "deleted", func(p *promise) { p.told, p.gone = true, true })
		s.ledger.note(account, "never", func(p *promise) { p.text = nil })
	}
	s.keep(t, s.boxes[0], inbox, "private", "", "")
	require.Empty(t, s.compare(t), "nothing is wrong yet")
	return s
}

// keep promises a letter and puts it where it belongs, with mbsync's mark.
func (s *shelf) keep(t *testing.T, m maildir, mailbox, key, flags, suffix string) {
	text := plain(letter.Make(key, ordinary))
	s.ledger.note(m.account, key, func(p *promise) { p.mailbox, p.text, p.told, p.flags = mailbox, text, true, flags })
	m.put(t, mailbox, key+suffix, flags, bytes.Replace(text, []byte("\n\n"), []byte("\nX-TUID: abcdefgh+/12\n\n"), 1))
}

func (s *shelf) compare(t *testing.T) []wrong {
	var all []held
	for _, m := range s.boxes {
		all = append(all, m.held(t)...)
	}
	return s.ledger.compare(all)
}

// path is the file of a letter of the first account.
func (s *shelf) path(t *testing.T, key string) string {
	for _, f := range s.boxes[0].files(t) {
		if f.key == key {
			return f.path
		}
	}
	require.Fail(t, "no such letter", key)
	return ""
}

// move gives a letter another place.
func (s *shelf) move(t *testing.T, key string, to ...string) {
	from := s.path(t, key)
	require.NoError(t, os.Rename(from, filepath.Join(append(to, "cur", filepath.Base(from))...)))
}

// rewrite changes what a letter says.
func (s *shelf) rewrite(t *testing.T, key, old, now string) {
	raw, err := os.ReadFile(s.path(t, key))
	require.NoError(t, err)
	require.Contains(t, string(raw), old)
	require.NoError(t, os.WriteFile(s.path(t, key), []byte(strings.Replace(string(raw), old, now, 1)), 0o600))
}

// TestDamageIsSeen does to a Maildir what must not happen, one thing at a time.
func TestDamageIsSeen(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(*testing.T, *shelf)
		want   []string
	}{
		"removed":                          {func(t *testing.T, s *shelf) { require.NoError(t, os.Remove(s.path(t, "two"))) }, []string{lost}},
		"one letter":                       {func(t *testing.T, s *shelf) { s.rewrite(t, "two", "us-ascii", "us-ascij") }, []string{altered}},
		"cut":                              {func(t *testing.T, s *shelf) { require.NoError(t, os.Truncate(s.path(t, "two"), 500)) }, []string{altered}},
		"longer":                           {func(t *testing.T, s *shelf) { s.rewrite(t, "two", "\n\n", "\n\nX-TUID: abcdefgh+/12\n") }, []string{altered}},
		"other bytes before":               {func(t *testing.T, s *shelf) { s.rewrite(t, "two", "X-Fourdays", "Received: x\nX-Fourdays") }, []string{strange, lost}},
		"empty":                            {func(t *testing.T, s *shelf) { require.NoError(t, os.Truncate(s.path(t, "two"), 0)) }, []string{strange, lost}},
		"duplicated":                       {func(t *testing.T, s *shelf) { s.again(t, "two") }, []string{duplicated}},
		"once more than answers were lost": {func(t *testing.T, s *shelf) { s.again(t, "twice") }, []string{duplicated}},
		"another mailbox":                  {func(t *testing.T, s *shelf) { s.move(t, "two", s.boxes[0].dir, "Work") }, []string{misfiled, lost}},
		"another account":                  {func(t *testing.T, s *shelf) { s.move(t, "private", s.boxes[1].dir, inbox) }, []string{misfiled, lost}},
		"mail of others":                   {func(t *testing.T, s *shelf) { delete(s.ledger.promises, accounts[0]+" private") }, []string{strange}},
		"never promised":                   {func(t *testing.T, s *shelf) { s.again(t, "never") }, []string{strange}},
		"back":                             {func(t *testing.T, s *shelf) { s.again(t, "deleted") }, []string{returned}},
		"a flag too many":                  {func(t *testing.T, s *shelf) { s.flag(t, "two", "S") }, []string{misflagged}},
		"a flag too few":                   {func(t *testing.T, s *shelf) { s.flag(t, "work", "F") }, []string{misflagged}},
		"a copy less, which may be":        {func(t *testing.T, s *shelf) { require.NoError(t, os.Remove(s.path(t, "twice"))) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			c.damage(t, s)
			var kinds []string
			for _, w := range s.compare(t) {
				kinds = append(kinds, w.kind)
			}
			require.ElementsMatch(t, c.want, kinds)
		})
	}
}

// again puts a letter in once more.
func (s *shelf) again(t *testing.T, key string) {
	s.boxes[0].put(t, inbox, key+",U=99", "", plain(letter.Make(key, ordinary)))
}

func (s *shelf) flag(t *testing.T, key, flags string) {
	for _, f := range s.boxes[0].files(t) {
		if f.key == key {
			f.flag(t, flags)
		}
	}
}

// TestDamageOfAReplicaIsSeen by the digests of what it has.
func TestDamageOfAReplicaIsSeen(t *testing.T) {
	l := newLedger()
	for _, key := range []string{"kept", "twice", "deleted"} {
		l.note(accounts[0], key, func(p *promise) { p.digest, p.told, p.gone = key, true, key == "deleted" })
	}
	l.note(accounts[0], "twice", func(p *promise) { p.unheard = 1 })
	for _, c := range []struct {
		copies map[string]int
		want   string
	}{
		{map[string]int{"kept": 1, "twice": 2, "of a device": 3}, ""},
		{map[string]int{"kept": 1, "twice": 1}, ""},
		{map[string]int{"twice": 1}, lost},
		{map[string]int{"altered": 1, "twice": 1}, lost},
		{map[string]int{"kept": 2, "twice": 1}, duplicated},
		{map[string]int{"kept": 1, "twice": 3}, duplicated},
		{map[string]int{"kept": 1, "twice": 1, "deleted": 1}, returned},
	} {
		kind := ""
		for _, w := range l.compareReplica(accounts[0], c.copies) {
			kind += w.kind
		}
		require.Equal(t, c.want, kind, "%v", c.copies)
	}
}
