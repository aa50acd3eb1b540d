package external

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/scenario"
	"fourdays/harness/world"
)

// stand is a world in which nothing happens but what a test says.
type stand struct {
	Place   // nil: what is not spelled out is not called
	started []world.Spec
	killed  []string
	errands []world.Errand
	printed string
	err     error
	late    []func()

	dialed string
	opened func(error)
	data   func([]byte)
	gone   func()
	closed int
}

func (w *stand) Now() time.Duration           { return 0 }
func (w *stand) At(_ time.Duration, f func()) { w.late = append(w.late, f) }
func (w *stand) Kill(name string) error       { w.killed = append(w.killed, name); return nil }
func (w *stand) Send([]byte) error            { return nil }
func (w *stand) Close()                       { w.closed++ }

func (w *stand) Start(_ context.Context, s world.Spec) error {
	w.started = append(w.started, s)
	return nil
}

func (w *stand) Exec(_ string, e world.Errand, done func(string, error)) {
	w.errands = append(w.errands, e)
	done(w.printed, w.err)
}

func (w *stand) Dial(address string, opened func(error), data func([]byte), gone func()) (world.Conn, error) {
	w.dialed, w.opened, w.data, w.gone = address, opened, data, gone
	return w, nil
}

var target = scenario.External{
	Server: "x", LMTP: ":2424", IMAP: "127.9.9.9:143", User: "{local}", Password: "p-{domain}",
	Env:   []scenario.Var{{Name: "FORMAT", Value: "maildir"}},
	Hooks: scenario.Hooks{Start: scenario.Hook{Run: "./start.sh", Within: 7 * time.Second}},
}

func server(t *testing.T, x scenario.External) (*stand, *Server, *[]string) {
	t.Helper()
	w, said := &stand{}, &[]string{}
	s, err := New(Config{World: w, Target: &x, Node: "n1", IP: "127.1.2.3", Folder: "sub", Accounts: []string{"ann@a.example", "bob@b.example"}},
		func(line string) { *said = append(*said, line) })
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return w, s, said
}

func TestAServerStartsInTheScenariosFolderWithItsEnvironment(t *testing.T) {
	w, s, _ := server(t, target)
	require.NoError(t, s.Start(t.Context(), nil, nil))
	got := w.started[0]
	require.Equal(t, []string{"-c", "./start.sh"}, got.Args)
	require.True(t, filepath.IsAbs(got.Dir))
	require.Equal(t, "/data", got.Mounts[0].Path)
	for _, want := range []string{
		"NODE=n1", "DATA=/data", "HOST=127.1.2.3", "LMTP=127.1.2.3:2424", "LMTP_PORT=2424", "IMAP=127.9.9.9:143", "IMAP_PORT=143", "FORMAT=maildir",
	} {
		require.Contains(t, got.Env, want)
	}
	require.NotContains(t, strings.Join(got.Env, "\n"), "SMTP=")
	require.Equal(t, "127.1.2.3:2424,127.9.9.9:143,", s.Faces())
	require.Equal(t, 7*time.Second, s.Within())
}

func TestSMTPIsSaidToTheDriver(t *testing.T) {
	x := target
	x.LMTP, x.SMTP = "", ":25"
	_, s, _ := server(t, x)
	require.Equal(t, "smtp:127.1.2.3:25,127.9.9.9:143,", s.Faces())
}

// TestOthersCanReadWhatLiesBesideTheVolume: mail servers run as users of their own.
func TestOthersCanReadWhatLiesBesideTheVolume(t *testing.T) {
	_, s, _ := server(t, target)
	text, err := os.ReadFile(s.Logins())
	require.NoError(t, err)
	require.Equal(t, "ann@a.example\tann\tp-a.example\nbob@b.example\tbob\tp-b.example\n", string(text))
	for _, path := range []string{s.dir, s.run()} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o755), info.Mode().Perm())
	}
	entries, err := os.ReadDir(s.run())
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestCloseLeavesNothing(t *testing.T) {
	_, s, _ := server(t, target)
	require.NoError(t, s.Close())
	require.NoDirExists(t, s.dir)
}

func TestAHookThatFailsSaysWhichAndItsLastWords(t *testing.T) {
	x := target
	x.Hooks.Check = scenario.Hook{Run: "./check.sh", Within: time.Second}
	w, s, said := server(t, x)
	w.printed, w.err = "one\ntwo\n", errors.New("exit status 3")
	var got error
	s.Check(func(err error) { got = err })
	require.EqualError(t, got, "hook check (./check.sh): exit status 3: two")
	require.Equal(t, []string{"check: one", "check: two"}, *said)
	require.Equal(t, time.Second, w.errands[0].Within)
	require.Equal(t, []string{"/bin/sh", "-c", "./check.sh"}, w.errands[0].Args)
}

func TestHooksThatAreNotThereSucceed(t *testing.T) {
	w, s, _ := server(t, target)
	ended := 0
	count := func(err error) { require.NoError(t, err); ended++ }
	s.MakeAccounts(count)
	s.Version(func(v string, err error) { require.Empty(t, v); count(err) })
	s.Stop(count)
	s.Kill(count)
	require.Equal(t, 4, ended)
	require.Empty(t, w.errands)
	require.Equal(t, []string{"n1", "n1"}, w.killed)
}

func TestKillKillsWhateverItsHookSays(t *testing.T) {
	x := target
	x.Hooks.Kill = scenario.Hook{Run: "false", Within: time.Second}
	w, s, _ := server(t, x)
	w.err = errors.New("exit status 1")
	var got error
	s.Kill(func(err error) { got = err })
	require.EqualError(t, got, "hook kill (false): exit status 1")
	require.Equal(t, []string{"n1"}, w.killed)
}

func TestVersionIsWhatItsHookPrints(t *testing.T) {
	x := target
	x.Hooks.Version = scenario.Hook{Run: "v"}
	w, s, _ := server(t, x)
	w.printed = "2.3.19\n"
	s.Version(func(v string, err error) {
		require.NoError(t, err)
		require.Equal(t, "2.3.19", v)
	})
}

// TestTheGreetingSaysWhoIsHealthy plays what a server may do when it is dialed.
func TestTheGreetingSaysWhoIsHealthy(t *testing.T) {
	for _, c := range []struct {
		name, want string
		play       func(*stand)
	}{
		{"greets in pieces", "", func(w *stand) { w.opened(nil); w.data([]byte("* O")); w.data([]byte("K hello\r\n* more")) }},
		{"says goodbye", `greet 127.9.9.9:143: it says "* BYE busy"`, func(w *stand) { w.data([]byte("* BYE busy\r\n")) }},
		{"hangs up", "greet 127.9.9.9:143: it hung up", func(w *stand) { w.data([]byte("* OK")); w.gone() }},
		{"refuses", "greet 127.9.9.9:143: refused", func(w *stand) { w.opened(errors.New("refused")) }},
		{"is silent", "greet 127.9.9.9:143: no greeting within 5s", func(w *stand) { w.late[0]() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, s, _ := server(t, target)
			answers := 0
			s.Check(func(err error) {
				answers++
				if c.want == "" {
					require.NoError(t, err)
				} else {
					require.EqualError(t, err, c.want)
				}
			})
			require.Equal(t, "127.9.9.9:143", w.dialed)
			c.play(w)
			w.late[0]() // comes in any case
			w.gone()
			require.Equal(t, 1, answers)
			require.Equal(t, 1, w.closed)
		})
	}
}

// mute is a world that runs no commands of this machine.
type mute struct{ Place }

func TestAWorldWithoutCommandsIsRefused(t *testing.T) {
	_, err := New(Config{World: mute{}, Target: &target}, nil)
	require.ErrorIs(t, err, ErrWorld)
}
