package sim

import (
	"bytes"
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestChecksumsAreThoseOfANativeProgram: the same program prints the same in
// the simulator as outside.
func TestChecksumsAreThoseOfANativeProgram(t *testing.T) {
	eng, _ := toy(t)
	cache, err := CacheDir()
	require.NoError(t, err)
	root, err := FindSource()
	require.NoError(t, err)
	prog, err := (&Builder{Root: root, Cache: cache}).Build(t.Context(), "harness/sim/testdata/sums")
	require.NoError(t, err)
	native := exec.CommandContext(t.Context(), "go", "run", "./harness/sim/testdata/sums")
	native.Dir = root
	want, err := native.Output()
	require.NoError(t, err)

	var out bytes.Buffer
	s, err := New(t.Context(), Config{Seed: 1, Epoch: epoch, Log: &out}, eng)
	require.NoError(t, err)
	defer s.Close(context.Background())
	start(t, s, prog, "a", "10.0.0.1")
	require.NoError(t, s.Run(t.Context(), time.Second))
	var got bytes.Buffer
	for _, line := range bytes.SplitAfter(out.Bytes(), []byte("\n")) {
		if _, text, ok := bytes.Cut(line, []byte(" a ")); ok {
			got.Write(text)
		}
	}
	require.Equal(t, string(want), got.String())
}
