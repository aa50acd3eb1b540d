package local

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fourdays/harness/live"
)

// victim is set for the process that is a harness to be killed.
const victim = "FOURDAYS_TEST_VICTIM"

// TestVictim is no test: it is the harness that the next one kills.
func TestVictim(t *testing.T) {
	if os.Getenv(victim) == "" {
		t.Skip("it is started by TestAKilledHarnessLeavesNothing")
	}
	r := newRigIn(t, os.Getenv(victim), "n1", "n2")
	r.start("n1", "write", "/data")
	r.hears("n1", "done")
	r.arm("n2", hungSync)
	r.start("n2", "msync", "/data")
	r.hears("n2", "syncing")
	fmt.Println("victim is ready", live.Mark())
	require.NoError(t, r.w.Run(t.Context(), time.Hour))
}

// TestAKilledHarnessLeavesNothing: no mount, no folder, and no process, not even
// one that sleeps in a hanging disk.
func TestAKilledHarnessLeavesNothing(t *testing.T) {
	programs(t)
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestVictim$", "-test.v")
	cmd.Env = append(os.Environ(), victim+"="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	mark := ""
	for lines := bufio.NewScanner(out); mark == "" && lines.Scan(); {
		_, mark, _ = strings.Cut(lines.Text(), "victim is ready ")
	}
	require.NotEmpty(t, mark, "it did not come so far")
	require.Len(t, mountsBelow(t, dir), 2)
	require.Len(t, marked(t, mark), 4)
	require.True(t, live.Alive(mark))
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.False(t, live.Alive(mark))
	require.Eventually(t, func() bool {
		left, err := os.ReadDir(dir)
		return err == nil && len(left)+len(mountsBelow(t, dir))+len(marked(t, mark)) == 0
	}, 30*time.Second, 20*time.Millisecond, "what is left: %v %v", mountsBelow(t, dir), marked(t, mark))
}

// marked are the processes with a mark in their environment.
func marked(t *testing.T, mark string) (found []string) {
	names, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	for _, name := range names {
		env, err := os.ReadFile(name)
		if err == nil && strings.Contains(string(env), live.MarkVariable+"="+mark+"\x00") {
			found = append(found, name)
		}
	}
	return found
}
