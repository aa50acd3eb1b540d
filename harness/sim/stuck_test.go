package sim

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const stuckEnv = "FOURDAYS_STUCK"

// TestStuckProgram is what TestAProgramThatOnlyComputesEndsTheRun runs in
// another process: what it starts can be ended with that process only.
func TestStuckProgram(t *testing.T) {
	if os.Getenv(stuckEnv) == "" {
		t.Skip("run by TestAProgramThatOnlyComputesEndsTheRun")
	}
	var out bytes.Buffer
	s, prog := newSim(t, 1, &out)
	s.patience = time.Second
	start(t, s, prog, "a", "10.0.0.1", "echo", "10.0.0.1:7")
	start(t, s, prog, "b", "10.0.0.2", "compute")
	err := s.Run(t.Context(), time.Hour)
	require.ErrorIs(t, err, ErrStuck)
	require.ErrorContains(t, err, "b has computed for 1s of real time")
	require.NoError(t, s.Close(context.Background()))
}

// TestAProgramThatOnlyComputesEndsTheRun: a program that makes no system call
// cannot be interrupted, but the run says which it is and gives up.
func TestAProgramThatOnlyComputesEndsTheRun(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^TestStuckProgram$", "-test.v", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), stuckEnv+"=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestStuckProgram")
}
