package docker

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// victim is the variable that makes a process of this test one to be killed.
const victim = "FOURDAYS_TEST_VICTIM"

// TestVictim is what TestKilledHarness kills.
func TestVictim(t *testing.T) {
	if os.Getenv(victim) == "" {
		t.Skip("it is run by another test")
	}
	r := newRig(t, "n1")
	r.start("n1", "write")
	r.hears("n1 done")
	fmt.Println("victim", r.w.run, r.w.dir)
	require.NoError(t, r.w.Run(r.ctx, time.Hour))
}

// killedHarness runs a victim, kills it, and returns what it had: the ID of its
// run, and the folder of its mounts.
func killedHarness(t *testing.T) (run, dir string) {
	cmd := exec.Command(os.Args[0], "-test.run", "^TestVictim$", "-test.v")
	cmd.Env = append(os.Environ(), victim+"=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	for lines := bufio.NewScanner(out); run == "" && lines.Scan(); {
		_, words, _ := strings.Cut(lines.Text(), "victim ")
		run, dir, _ = strings.Cut(words, " ")
	}
	require.NotEmpty(t, run, "it did not come so far")
	require.Len(t, mounted(t, dir), 1)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	return run, dir
}

// TestKilledHarness leaves no mount. What it leaves in the engine the next one
// removes, and nothing of those who live.
func TestKilledHarness(t *testing.T) {
	r := newRig(t, "n1")
	r.start("n1", "write")
	r.hears("n1 done")
	run, dir := killedHarness(t)
	require.Eventually(t, func() bool {
		_, err := os.Stat(dir)
		return os.IsNotExist(err) && len(mounted(t, dir)) == 0
	}, 30*time.Second, 20*time.Millisecond)
	dead := &lab{t: t, ctx: r.ctx, e: r.e, run: run}
	require.Len(t, dead.left(), 2, "a container and a network")
	removed, err := r.e.sweep(r.ctx)
	require.NoError(t, err)
	require.Contains(t, removed, "network fourdays-"+run)
	require.Empty(t, dead.left())
	require.Len(t, r.left(), 2)
	require.True(t, r.w.Running("n1"))
}
