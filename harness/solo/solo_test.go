package solo_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
	"fourdays/harness/solo"
	"fourdays/storage/array"
	"fourdays/storage/catalog"
)

// open mounts a volume at a new directory.
func open(t testing.TB, cfg array.ArrayConfig) (*solo.Solo, string) {
	need.FUSE(t)
	dir := t.TempDir()
	s, err := solo.Open(solo.Config{Dir: dir, Name: "of-a-test", Seed: 1, Array: cfg, Bugs: catalog.Shipped()})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		<-s.Gone()
		table, err := os.ReadFile("/proc/self/mounts")
		require.NoError(t, err)
		require.NotContains(t, string(table), " "+dir+" ")
	})
	return s, dir
}

func must(t testing.TB, s *solo.Solo, r solo.Request) solo.Response {
	t.Helper()
	answer := s.Do(r)
	require.True(t, answer.OK, "%+v: %s", r, answer.Error)
	return answer
}

func write(t testing.TB, path, text string, sync bool) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	_, err = f.WriteString(text)
	require.NoError(t, err)
	if sync {
		require.NoError(t, f.Sync())
	}
	require.NoError(t, f.Close())
}

func read(t testing.TB, path string) string {
	t.Helper()
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(got)
}

// TestAPowerLossKeepsWhatWasSynced, and who had a file open gets an error.
func TestAPowerLossKeepsWhatWasSynced(t *testing.T) {
	s, dir := open(t, array.ArrayConfig{})
	write(t, filepath.Join(dir, "a"), "synced", true)
	f, err := os.Open(filepath.Join(dir, "a"))
	require.NoError(t, err)
	defer f.Close()
	require.Contains(t, must(t, s, solo.Request{Do: solo.PowerLoss}).Text, "mounted again")
	require.Equal(t, "synced", read(t, filepath.Join(dir, "a")))
	_, err = f.Stat()
	require.ErrorIs(t, err, syscall.ENOTCONN)
	require.Equal(t, 1, must(t, s, solo.Request{Do: solo.Stats}).Status.Losses)
}

// TestALyingFlushTakesIt shows a bug from its arming to its receipt.
func TestALyingFlushTakesIt(t *testing.T) {
	s, dir := open(t, array.ArrayConfig{})
	require.Contains(t, must(t, s, solo.Request{Do: solo.Arm, Bug: "flush-lies", As: "lie"}).Text, "armed lie: ")
	lost := 0
	for i := range 20 {
		path := filepath.Join(dir, fmt.Sprint(i))
		write(t, path, "synced", true)
		must(t, s, solo.Request{Do: solo.PowerLoss})
		if got, _ := os.ReadFile(path); string(got) != "synced" {
			lost++
		}
	}
	require.Positive(t, lost)
	must(t, s, solo.Request{Do: solo.Disarm, Name: "lie"})
	faults := must(t, s, solo.Request{Do: solo.Faults}).Faults
	require.Len(t, faults, 1)
	require.Equal(t, "lie", faults[0].As)
	require.Positive(t, faults[0].Fired)
	require.NotNil(t, faults[0].RevertedAtMS)
	write(t, filepath.Join(dir, "after"), "synced", true)
	must(t, s, solo.Request{Do: solo.PowerLoss})
	require.Equal(t, "synced", read(t, filepath.Join(dir, "after")))
}

// TestAReadFaultShowsAtOnce though the kernel has the page, and heal ends it.
func TestAReadFaultShowsAtOnce(t *testing.T) {
	s, dir := open(t, array.ArrayConfig{})
	write(t, filepath.Join(dir, "a"), "text", true)
	require.Equal(t, "text", read(t, filepath.Join(dir, "a")))
	must(t, s, solo.Request{Do: solo.Arm, Bug: "libero-2023-eio", ReachedAt: 1})
	_, err := os.ReadFile(filepath.Join(dir, "a"))
	require.ErrorIs(t, err, syscall.EIO)
	faults := must(t, s, solo.Request{Do: solo.Faults}).Faults
	require.Equal(t, []string{"reached_at 1 instead of 60000, which is picked"}, faults[0].Overrides)
	require.Equal(t, "reached the application", faults[0].Observed)
	require.Contains(t, must(t, s, solo.Request{Do: solo.Heal}).Text, "disarmed 1")
	require.Equal(t, "text", read(t, filepath.Join(dir, "a")))
}

// TestAPowerLossOfAHungArray is carried out, and the mount hangs as before until
// it is healed.
func TestAPowerLossOfAHungArray(t *testing.T) {
	s, dir := open(t, array.ArrayConfig{})
	write(t, filepath.Join(dir, "a"), "text", true)
	must(t, s, solo.Request{Do: solo.Arm, Bug: "libero-2023", ReachedAt: 1})
	must(t, s, solo.Request{Do: solo.PowerLoss})
	before := s.Do(solo.Request{Do: solo.Faults}).Faults[0].Fired
	got := make(chan string, 1)
	go func() {
		text, _ := os.ReadFile(filepath.Join(dir, "a"))
		got <- string(text)
	}()
	require.Eventually(t, func() bool { return s.Do(solo.Request{Do: solo.Faults}).Faults[0].Fired > before },
		10*time.Second, time.Millisecond)
	require.Empty(t, got)
	must(t, s, solo.Request{Do: solo.Heal})
	require.Equal(t, "text", <-got)
}

// TestABusyMountSaysByWhom and lets itself be ended lazily.
func TestABusyMountSaysByWhom(t *testing.T) {
	s, dir := open(t, array.ArrayConfig{})
	sleeper := exec.Command("sleep", "100")
	sleeper.Dir = dir
	require.NoError(t, sleeper.Start())
	defer sleeper.Wait()
	defer sleeper.Process.Kill()
	refused := s.Do(solo.Request{Do: solo.Umount})
	require.False(t, refused.OK)
	require.Contains(t, refused.Error, fmt.Sprintf("sleep (%d)", sleeper.Process.Pid))
	write(t, filepath.Join(dir, "a"), "still there", true)
	must(t, s, solo.Request{Do: solo.Umount, Lazy: true})
	<-s.Gone()
	require.Contains(t, s.Do(solo.Request{Do: solo.Umount}).Error, "the mount has ended")
}

func TestWhatCannotBeDoneIsSaid(t *testing.T) {
	s, _ := open(t, array.ArrayConfig{})
	must(t, s, solo.Request{Do: solo.Failover})
	for _, c := range []struct {
		r    solo.Request
		want string
	}{
		{solo.Request{Do: solo.Arm, Bug: "gremlins"}, `there is no bug "gremlins"`},
		{solo.Request{Do: solo.Arm}, "say which bug"},
		{solo.Request{Do: solo.Arm, Bug: "flush-lies", On: solo.On{OS: "other/*"}}, "no volume in scope"},
		{solo.Request{Do: solo.Arm, Bug: "flush-lies", As: "\x00"}, `arm as "\x00": want`},
		{solo.Request{Do: solo.Disarm, Name: "x"}, "nothing is armed"},
		{solo.Request{Do: "explode"}, `there is no command "explode"`},
	} {
		answer := s.Do(c.r)
		require.False(t, answer.OK)
		require.Contains(t, answer.Error, c.want)
	}
	must(t, s, solo.Request{Do: solo.Arm, Bug: "flush-lies"})
	require.Contains(t, s.Do(solo.Request{Do: solo.Arm, Bug: "flush-lies"}).Error, "armed already")
	require.Contains(t, s.Do(solo.Request{Do: solo.Disarm, Name: "x"}).Error, "these are: flush-lies")
}

// TestTheSocket answers each line, also those that are no commands.
func TestTheSocket(t *testing.T) {
	s, dir := open(t, array.ArrayConfig{})
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	path, _, err := solo.Place(dir)
	require.NoError(t, err)
	require.Empty(t, solo.Find(dir))
	l, err := solo.Listen(path)
	require.NoError(t, err)
	defer l.Close()
	go s.Serve(l)
	require.Equal(t, path, solo.Find(dir))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	answer, err := solo.Ask(t.Context(), path, solo.Request{Do: solo.Stats})
	require.NoError(t, err)
	require.Equal(t, dir, answer.Status.Dir)
	_, err = solo.Ask(t.Context(), path, solo.Request{Do: solo.Disarm, Name: "x"})
	require.EqualError(t, err, "nothing is armed")

	c, err := net.Dial("unix", path)
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write([]byte("GET /\n" + `{"do":"status","lazy":true}` + "\n" + strings.Repeat("x", 70_000)))
	require.NoError(t, err)
	all := make([]byte, 4096)
	text := ""
	for !strings.Contains(text, "at most") {
		n, err := c.Read(all)
		require.NoError(t, err)
		text += string(all[:n])
	}
	require.Contains(t, text, "not a command: invalid character 'G'")
	require.Contains(t, text, `\"lazy\" belongs to umount`)
}

// TestALineThatIsTooLongIsAnswered though whoever sends it reads only after it.
func TestALineThatIsTooLongIsAnswered(t *testing.T) {
	s, dir := open(t, array.ArrayConfig{})
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	path, _, err := solo.Place(dir)
	require.NoError(t, err)
	l, err := solo.Listen(path)
	require.NoError(t, err)
	defer l.Close()
	go s.Serve(l)
	_, err = solo.Ask(t.Context(), path, solo.Request{Do: solo.Disarm, Name: strings.Repeat("x", 4<<20)})
	require.EqualError(t, err, "a command has at most 65536 bytes")
}

// TestWhoAsksNeedNotWait for a mount that does not answer.
func TestWhoAsksNeedNotWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = l.Accept()
		cancel()
	}()
	_, err = solo.Ask(ctx, path, solo.Request{Do: solo.Umount})
	require.ErrorIs(t, err, context.Canceled)
}

// TestLinksLeadToOneDirectory, whether or not it is there.
func TestLinksLeadToOneDirectory(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	t.Chdir(dir)
	for name, to := range map[string]string{"a": "b", "b": dir + "/x/../c", "round": "round"} {
		require.NoError(t, os.Symlink(to, name))
	}
	for _, path := range []string{"a", "./b", "c/", dir + "/a"} {
		real, err := solo.Real(path)
		require.NoError(t, err)
		require.Equal(t, filepath.Join(dir, "c"), real)
	}
	_, err = solo.Real("round")
	require.ErrorIs(t, err, syscall.ELOOP)
}

// TestASocketOfTheDeadIsTakenOver, one of the living is not.
func TestASocketOfTheDeadIsTakenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.Listen("unix", path)
	require.NoError(t, err)
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, dead.Close())
	l, err := solo.Listen(path)
	require.NoError(t, err)
	defer l.Close()
	_, err = solo.Listen(path)
	require.ErrorContains(t, err, "address already in use")
}

// TestAFolderOfOthersIsRefused for sockets.
func TestAFolderOfOthersIsRefused(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("TMPDIR", t.TempDir())
	home := filepath.Join(os.TempDir(), fmt.Sprintf("fourdays-%d", os.Getuid()))
	require.NoError(t, os.Mkdir(home, 0o755))
	_, _, err := solo.Place("/mnt/x")
	require.ErrorContains(t, err, "not a folder of ours alone")
	require.NoError(t, os.Remove(home))
	require.NoError(t, os.Symlink(t.TempDir(), home))
	_, _, err = solo.Place("/mnt/x")
	require.ErrorContains(t, err, "not a folder of ours alone")
}

// TestASocketHasAShortPath even where the folder for such things has a long one.
func TestASocketHasAShortPath(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(t.TempDir(), strings.Repeat("long", 30)))
	tmp, err := os.MkdirTemp("/tmp", "")
	require.NoError(t, err)
	defer os.RemoveAll(tmp)
	t.Setenv("TMPDIR", tmp)
	path, _, err := solo.Place("/mnt/" + strings.Repeat("x", 200))
	require.NoError(t, err)
	require.Contains(t, path, tmp+"/fourdays-")
	other, _, err := solo.Place("/mnt/" + strings.Repeat("x", 201))
	require.NoError(t, err)
	require.NotEqual(t, path, other)
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"do":"arm","bug":"flush-lies","on":{"path":"*"},"chance":0.5}`))
	f.Add([]byte(`{"do":"umount","lazy":true} {}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := solo.ParseRequest(line)
		if err == nil && r.Do == "" {
			t.Fatal("a command without a name")
		}
	})
}
