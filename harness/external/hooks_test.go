package external_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/harness/live"
	"fourdays/harness/local"
	"fourdays/harness/report"
	"fourdays/harness/run"
	"fourdays/harness/scenario"
	"fourdays/harness/world"
)

var (
	built    world.Place
	buildErr error
	build    sync.Once
)

// place is the world of processes, built once.
func place(t *testing.T) world.Place {
	t.Helper()
	build.Do(func() {
		cache, err := os.UserCacheDir()
		if err == nil {
			say := func(words string) { t.Log(words) }
			built, buildErr = local.Prepare(context.Background(), "../..", filepath.Join(cache, "fourdays"), say, run.Programs()...)
		}
	})
	require.NoError(t, buildErr)
	return built
}

// script is a target that is healthy at once, and whose hooks a test changes.
const script = `
name: script
title: A server that is a few words of shell
target: external
external:
  server: a script
  lmtp: ":2424"
  imap: ":2143"
  hooks:
    start: {run: exec sleep 60, within: 1s}
    check: "true"
storage: {arrays: {east: {os: acme/1.0}}, stores: {main: {n1: east}}}
mail: {domains: [libero.example], mailboxes: 2}
workload: {}
duration: 2s
settle: 0s
expect: {lost: 0}
`

// play runs the script with changes in its text, and returns what the harness
// says of it and what the hooks printed. Whatever happens, it is over soon and
// nothing is left.
func play(t *testing.T, changes ...string) (*report.Run, string, error) {
	t.Helper()
	need.FUSE(t)
	s, err := scenario.Parse("script.yaml", []byte(strings.NewReplacer(changes...).Replace(script)))
	require.NoError(t, err)
	place := place(t)
	temp, dir := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temp)
	began := time.Now()
	r, err := run.Run(t.Context(), s, run.Options{Dir: dir, Folder: t.TempDir(), Place: place})
	require.Less(t, time.Since(began), 20*time.Second)
	left, lerr := os.ReadDir(temp)
	require.NoError(t, lerr)
	require.Empty(t, left)
	require.Empty(t, marked(t, temp))
	log, lerr := os.ReadFile(filepath.Join(dir, "log", "programs.log"))
	require.NoError(t, lerr)
	return r, string(log), err
}

// marked are the processes that this test has started and whose files would be
// below a folder.
func marked(t *testing.T, below string) (ids []string) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	for _, path := range all {
		environ, _ := os.ReadFile(path) // it may just have ended
		text := string(environ)
		if strings.Contains(text, live.MarkVariable+"="+live.Mark()) && strings.Contains(text, "RUN="+below) {
			ids = append(ids, path)
		}
	}
	return ids
}

// TestATargetThatDoesNotComeUpEndsTheRunSoon has a hook fail in each of the ways
// that it can; the error says which, and why.
func TestATargetThatDoesNotComeUpEndsTheRunSoon(t *testing.T) {
	for _, c := range []struct {
		name, from, to, want string
	}{
		{"dies at once", "exec sleep 60", "echo no disk >&2; exit 3", "start the store: n1 ended with code 3 before the run began"},
		{"never healthy", `"true"`, "echo still asleep; exit 1", "start a script: not within 1s of real time; it is not healthy: hook check (echo still asleep; exit 1): /bin/sh: exit code 1: still asleep"},
		{"no greeting", "    check: \"true\"\n", "", "connect: connection refused"},
		{"check hangs", `"true"`, "{run: sleep 77, within: 300ms}", "hook check (sleep 77): /bin/sh: not over within 300ms"},
		{"accounts fail", `"true"`, "\"true\"\n    accounts: cat /nowhere", "make the accounts: hook accounts (cat /nowhere): /bin/sh: exit code 1: cat: /nowhere: No such file or directory"},
		{"accounts hang", `"true"`, "\"true\"\n    accounts: {run: sleep 78, within: 500ms}", "make the accounts: hook accounts (sleep 78): /bin/sh: not over within 500ms"},
		{"version fails", `"true"`, "\"true\"\n    version: exit 9", "ask for the version: hook version (exit 9): /bin/sh: exit code 9"},
		{"takes no mail", "", "", "fill the archive: 6 of 6 messages and folders were refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _, err := play(t, c.from, c.to)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, report.Error, r.Verdict)
		})
	}
}

// TestHooksFindTheirEnvironment prints it, from the folder of the scenario.
func TestHooksFindTheirEnvironment(t *testing.T) {
	_, log, _ := play(t, `"true"`, "\"true\"\n    version: test -d \"$RUN\" && touch \"$DATA/here\" && ls \"$DATA\" && cat \"$ACCOUNTS\" && echo at $HOST:$LMTP_PORT as $NODE")
	for _, want := range []string{"hook version: here", "hook version: u0001@libero.example\tu0001@libero.example\tpw-u0001@libero.example", ":2424 as n1"} {
		require.Contains(t, log, want)
	}
}

// TestWhatAServerLeavesInTheBackgroundIsKilled starts a server that has children.
func TestWhatAServerLeavesInTheBackgroundIsKilled(t *testing.T) {
	_, _, err := play(t, "exec sleep 60", "sleep 61 & sleep 62 & setsid sleep 63 & wait")
	require.Error(t, err) // it takes no mail; play has looked for what is left
}

// TestWhatAServerLeavesWhenItEndsIsKilled has a server end by itself, and leave a
// process that has given up its environment, as those of Dovecot do.
func TestWhatAServerLeavesWhenItEndsIsKilled(t *testing.T) {
	_, _, err := play(t, "exec sleep 60", "env -i sleep 64.017 & sleep 0.3", `"true"`, "\"true\"\n    accounts: sleep 9")
	require.ErrorContains(t, err, "n1 ended with code 0 before the run began")
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, path := range all {
		command, _ := os.ReadFile(path) // it may just have ended
		require.NotContains(t, string(command), "64.017")
	}
}
