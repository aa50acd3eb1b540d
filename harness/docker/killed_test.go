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

// harness is what a test runs in a process of its own: a world with a machine,
// and then nothing more until somebody kills it.
func harness(t *testing.T) {
	s := newStage(t)
	require.NoError(t, s.w.Start(s.ctx, s.spec("n1", 0, "sleep")))
	s.hears("n1 asleep")
	fmt.Println("run", s.w.run)
	time.Sleep(time.Minute) // its end is the test
}

// killedHarness runs such a process, kills it, and returns the ID of its run.
func killedHarness(t *testing.T) string {
	cmd := exec.Command(os.Args[0], "-test.run", "^TestHarnessThatIsGoneIsTidiedUp$")
	cmd.Env = append(os.Environ(), "FOURDAYS_TEST_HARNESS=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	run := ""
	for run == "" && lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "run "); ok {
			run = id
		}
	}
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.NotEmpty(t, run)
	return run
}
