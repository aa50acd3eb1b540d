package run

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"fourdays/harness/report"
)

const seedEnv = "FOURDAYS_DIGEST_OF_SEED"

var digestLine = regexp.MustCompile(`(?m)^digest ([0-9a-f]{64})$`)

// digest rehearses the smallest scenario and gives its digest and history.
func digest(t *testing.T, seed uint64) (sum, history string) {
	dir := t.TempDir()
	r, err := Run(t.Context(), load(t, "testdata/small.yaml"), Options{Dir: dir, Place: programs(t), Seed: &seed})
	require.NoError(t, err)
	require.Equal(t, report.Pass, r.Verdict, r.Why)
	text, err := os.ReadFile(dir + "/" + historyFile)
	require.NoError(t, err)
	return r.Digest, string(text)
}

// TestDigestOfAnotherProcess is what TestOneSeedOneDigest runs elsewhere.
func TestDigestOfAnotherProcess(t *testing.T) {
	seed, err := strconv.ParseUint(os.Getenv(seedEnv), 10, 64)
	if err != nil {
		t.Skip("run by TestOneSeedOneDigest")
	}
	sum, _ := digest(t, seed)
	fmt.Printf("digest %s\n", sum)
}

// TestOneSeedOneDigest is the third gate: of the whole cluster under load, one
// seed gives one digest and one history, byte by byte, whatever else the
// process does; another process gives the same, and another seed another.
func TestOneSeedOneDigest(t *testing.T) {
	t.Parallel()
	sum, history := digest(t, 1)
	again, historyAgain := digest(t, 1)
	require.Equal(t, history, historyAgain)
	require.Equal(t, sum, again)

	cmd := exec.Command(os.Args[0], "-test.run=^TestDigestOfAnotherProcess$", "-test.count=1")
	cmd.Env = append(os.Environ(), seedEnv+"=1", "GOMAXPROCS=1", "GOGC=20")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	elsewhere := digestLine.FindSubmatch(out)
	require.NotNil(t, elsewhere, "%s", out)
	require.Equal(t, sum, string(elsewhere[1]))

	other, _ := digest(t, 2)
	require.NotEqual(t, sum, other)
}
