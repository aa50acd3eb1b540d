package sweep

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/harness/live"
	"fourdays/harness/solo"
)

// nobody is the mark of a harness that is no more: no process has this ID.
var nobody = "99999999" + live.Mark()[strings.Index(live.Mark(), "."):]

// somewhere is the mark of a harness in another PID namespace.
var somewhere = live.Mark() + "1"

// victim is the directory that this program mounts at instead of testing.
const victim = "FOURDAYS_TEST_VICTIM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victim); dir != "" {
		if _, err := solo.Open(solo.Config{Dir: dir}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ready")
		select {}
	}
	os.Exit(m.Run())
}

// mounted has another process mount at a new directory.
func mounted(t *testing.T) (string, *exec.Cmd) {
	need.FUSE(t)
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victim+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = Unmount(dir)
	})
	word := make([]byte, 5)
	_, err = out.Read(word)
	require.NoError(t, err)
	require.Equal(t, "ready", string(word))
	return dir, cmd
}

// of are the mounts at those directories.
func of(t *testing.T, dirs ...string) []mount {
	_, ours, err := mountTable()
	require.NoError(t, err)
	return slices.DeleteFunc(ours, func(m mount) bool { return !slices.Contains(dirs, m.dir) })
}

func words(all []leftover) string {
	var lines []string
	for _, l := range all {
		lines = append(lines, l.what)
	}
	return strings.Join(lines, "\n")
}

func pick(t *testing.T, all []leftover, what string) leftover {
	for _, l := range all {
		if strings.Contains(l.what, what) {
			return l
		}
	}
	require.Fail(t, "not found", "%s in\n%s", what, words(all))
	return leftover{}
}

// TestADeadMountIsFound and taken away; a living one is not.
func TestADeadMountIsFound(t *testing.T) {
	dir, cmd := mounted(t)
	living, _ := mounted(t)
	all, err := mounts(t.Context())
	require.NoError(t, err)
	require.NotContains(t, words(all), dir)
	require.False(t, Dead(dir))

	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.True(t, Dead(dir))
	all, err = mounts(t.Context())
	require.NoError(t, err)
	require.NotContains(t, words(all), living)
	for _, m := range of(t, living, dir) {
		require.Equal(t, m.dir == living, m.served() || os.Geteuid() != 0, "%s", m.dir)
	}
	require.NoError(t, pick(t, all, "mount "+dir).remove(t.Context()))
	require.False(t, Dead(dir))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// TestAHungMountIsNotDead: that its array hangs is what it is for.
func TestAHungMountIsNotDead(t *testing.T) {
	need.FUSE(t)
	dir := t.TempDir()
	s, err := solo.Open(solo.Config{Dir: dir, Bugs: solo.Shipped{}})
	require.NoError(t, err)
	defer s.Close()
	require.True(t, s.Do(solo.Request{Do: solo.Arm, Bug: "libero-2023", ReachedAt: 1}).OK)
	require.False(t, Dead(dir))
	for _, m := range of(t, dir) {
		require.True(t, m.served() || os.Geteuid() != 0)
	}
	require.True(t, s.Do(solo.Request{Do: solo.Heal}).OK)
}

func TestTheTableOfMounts(t *testing.T) {
	all, ours := mountPoints(live.ReadTable(`22 1 8:1 / / rw - ext4 /dev/root rw
41 22 0:38 / /mnt/a\040b rw,nosuid shared:1 - fuse.fourdays n1 rw
42 22 0:39 / /mnt/other rw - fuse.sshfs host rw
broken
`))
	require.Equal(t, []string{"/", "/mnt/a b", "/mnt/other"}, all)
	require.Equal(t, []mount{{"/mnt/a b", "38"}}, ours)
}

// TestAProcessWithoutItsHarness is found by its mark and killed; one whose
// harness lives is not, nor one without a mark. One that cannot be judged is named.
func TestAProcessWithoutItsHarness(t *testing.T) {
	start := func(env ...string) *exec.Cmd {
		cmd := exec.Command("sleep", "60")
		cmd.Env = append(os.Environ(), env...)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		return cmd
	}
	left, foreign := start(live.MarkVariable+"="+nobody), start(live.MarkVariable+"="+somewhere)
	wanted, stranger := start(live.MarkVariable+"="+live.Mark()), start()
	all, err := processes(t.Context())
	require.NoError(t, err)
	for _, cmd := range []*exec.Cmd{wanted, stranger} {
		require.NotContains(t, words(all), fmt.Sprintf("process %d,", cmd.Process.Pid))
	}
	require.Nil(t, pick(t, all, fmt.Sprintf("process %d, sleep, whose harness is in another PID namespace", foreign.Process.Pid)).remove)
	l := pick(t, all, fmt.Sprintf("process %d, sleep, ", left.Process.Pid))
	require.NoError(t, l.remove(t.Context()))
	require.ErrorContains(t, left.Wait(), "killed")
	require.NoError(t, l.remove(t.Context()), "it has ended already")
}

// TestFoldersOfWorlds are removed when they are old and hold nothing.
func TestFoldersOfWorlds(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	old := func(names ...string) {
		for _, name := range names {
			require.NoError(t, os.MkdirAll(filepath.Join(tmp, name, "n1-data"), 0o755))
			require.NoError(t, os.Chtimes(filepath.Join(tmp, name), time.Time{}, time.Now().Add(-time.Hour)))
		}
	}
	old("fourdays-docker-abc123", "fourdays-local-123456789", "fourdays-0", "fourdays-65534", "others-local-123456789", "fourdays-local-222222")
	require.NoError(t, os.Mkdir(filepath.Join(tmp, "fourdays-local-333333"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(tmp, "fourdays-local-222222", "n1-data", "file"), nil, 0o644))
	all, err := folders(t.Context())
	require.NoError(t, err)
	require.Equal(t, "folder "+tmp+"/fourdays-docker-abc123\nfolder "+tmp+"/fourdays-local-123456789", words(all))
	for _, l := range all {
		require.NoError(t, l.remove(t.Context()))
	}
	require.NoDirExists(t, filepath.Join(tmp, "fourdays-local-123456789"))
	require.DirExists(t, filepath.Join(tmp, "fourdays-65534"), "the sockets of a user with that ID")
}

// TestSocketsOfTheDead are removed with their logs.
func TestSocketsOfTheDead(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", home)
	dir := filepath.Join(home, "fourdays")
	require.NoError(t, os.Mkdir(dir, 0o700))
	living, err := net.Listen("unix", filepath.Join(dir, "living.sock"))
	require.NoError(t, err)
	defer living.Close()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "dead.sock"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "dead.log"), nil, 0o600))
	all, err := sockets(t.Context())
	require.NoError(t, err)
	require.NotContains(t, words(all), "living")
	require.NoError(t, pick(t, all, "dead.sock").remove(t.Context()))
	for name, age := range map[string]time.Duration{"old.new": time.Hour, "young.new": 0} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Now().Add(-age)))
	}
	all, err = sockets(t.Context())
	require.NoError(t, err)
	require.NoError(t, pick(t, all, "old.new").remove(t.Context()))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2, "the living, and the young")
}

// engine is a docker command that answers as it is told and notes what it was
// asked for.
func engine(t *testing.T, script string) (asked func() string) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	text := "#!/bin/sh\necho \"$*\" >>" + log + "\n" + script
	require.NoError(t, os.WriteFile(filepath.Join(dir, "docker"), []byte(text), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() string {
		got, err := os.ReadFile(log)
		require.NoError(t, err)
		return string(got)
	}
}

// TestContainersWithoutTheirHarness are removed, and networks; those of a living
// one stay, those that nobody here can judge, and those of others, who may have
// the label from one of our images.
func TestContainersWithoutTheirHarness(t *testing.T) {
	asked := engine(t, `case "$1 $2" in
"ps -a") echo "aaa;`+nobody+`;fourdays-n1"; echo "bbb;`+live.Mark()+`;fourdays-n2"
echo "xxx;;by-hand"; echo "yyy;1.1;of-others"; echo "zzz;`+somewhere+`;fourdays-n3";;
"network ls") echo "ccc;`+nobody+`;fourdays-net";;
esac`)
	for _, find := range []func(context.Context) ([]leftover, error){containers, networks} {
		all, err := find(t.Context())
		require.NoError(t, err)
		require.NoError(t, all[0].remove(t.Context()))
		for _, other := range all[1:] {
			require.Equal(t, "container fourdays-n3, whose harness is in another PID namespace", other.what)
			require.Nil(t, other.remove)
		}
	}
	require.Contains(t, asked(), "\nrm -f -v aaa\n")
	require.Contains(t, asked(), "\nnetwork rm ccc\n")
	require.NotContains(t, asked(), "bbb")
}

// TestImagesStayWhileTheyAreUsed by any container of ours, or a run is there that
// has none yet. What somebody makes of them is somebody's.
func TestImagesStayWhileTheyAreUsed(t *testing.T) {
	for _, use := range []string{"ps", "network"} {
		engine(t, `case $1 in `+use+`) echo aaa;; image) echo localhost/fourdays/n:1;; esac`)
		all, err := images(t.Context())
		require.NoError(t, err)
		require.Empty(t, all, use)
	}
	asked := engine(t, `if [ "$1 $2" = "image ls" ]; then echo localhost/fourdays/n:1; echo mine/n:1; fi`)
	all, err := images(t.Context())
	require.NoError(t, err)
	require.Equal(t, "image localhost/fourdays/n:1", words(all))
	require.NoError(t, all[0].remove(t.Context()))
	require.Contains(t, asked(), "image rm localhost/fourdays/n:1\n")
}

// TestAnEngineElsewhereIsLeftAlone: its runs are of that machine.
func TestAnEngineElsewhereIsLeftAlone(t *testing.T) {
	for host, want := range map[string]int{"tcp://build:2376": 0, "ssh://build": 0, "unix:///run/docker.sock": 1} {
		engine(t, `case $1 in context) echo `+host+`;; ps|network) [ "$2" = -aq ] || [ "$3" = -q ] || echo "aaa;`+nobody+`;n";; image) echo localhost/fourdays/n:1;; esac`)
		for _, find := range []func(context.Context) ([]leftover, error){containers, networks} {
			all, err := find(t.Context())
			require.NoError(t, err)
			require.Len(t, all, want, host)
		}
	}
}

// TestAnEngineThatIsNotThere has nothing; one that is ill is an error.
func TestAnEngineThatIsNotThere(t *testing.T) {
	engine(t, `echo "Cannot connect to the Docker daemon at unix:///x. Is it running?" >&2; exit 1`)
	all, err := containers(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
	engine(t, `echo "disk full" >&2; exit 1`)
	_, err = containers(t.Context())
	require.ErrorContains(t, err, "disk full")
	t.Setenv("PATH", "")
	_, err = containers(t.Context())
	require.NoError(t, err)
}

// TestADryRunOnlySays and an error keeps nothing else from being removed.
func TestADryRunOnlySays(t *testing.T) {
	was := slices.Clone(kinds)
	defer func() { kinds = was }()
	removed := 0
	good := leftover{"good", func(context.Context) error { removed++; return nil }}
	bad := leftover{"bad", func(context.Context) error { return errors.New("busy") }}
	other := leftover{"other", nil}
	kinds = slices.Clone(kinds[:1])
	kinds[0].find = func(context.Context) ([]leftover, error) { return []leftover{bad, other, good}, nil }
	var said []string
	say := func(text string) { said = append(said, text) }
	n, err := Clean(t.Context(), true, say)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, []string{"would remove bad", "left alone: other", "would remove good"}, said)
	require.Zero(t, removed)
	_, err = Clean(t.Context(), false, say)
	require.EqualError(t, err, "remove bad: busy")
	require.Equal(t, "removed good", said[4])
}
