package replica

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestADamagedVolumeIsFencedOneThatCannotBeReadIsTriedAgain tells apart what an
// operator must replace from what may come back by itself.
func TestADamagedVolumeIsFencedOneThatCannotBeReadIsTriedAgain(t *testing.T) {
	c := newCluster(t, 1)
	c.fill("x", 3)
	c.stop("n1")

	c.gates["n1"].breakWith(&os.PathError{Op: "open", Path: "x", Err: syscall.EIO})
	r := c.start("n1", nil)
	require.Eventually(t, func() bool { return len(r.Status().Detected) > 0 }, patience, time.Millisecond)
	require.Equal(t, opening, r.Status().Role)
	require.False(t, r.Status().Fenced)
	c.gates["n1"].breakWith(nil)
	c.waitPhase(r, running)
	require.Equal(t, "0,1,2,", c.read(r, "x"))

	c.stop("n1")
	manifest := filepath.Join(c.volume("n1"), "state", "MANIFEST")
	kept, err := os.ReadFile(manifest)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(manifest, []byte("scribble"), 0o644))
	s := c.waitPhase(c.start("n1", nil), fenced)
	require.Contains(t, s.Reason, "the volume is damaged")
	require.True(t, s.Fenced)
	c.stop("n1")
	require.NoError(t, os.WriteFile(manifest, kept, 0o644))
	c.waitPhase(c.start("n1", nil), running)
}

// TestWhichErrorsPass is the same for errors of which Badger keeps the text only.
func TestWhichErrorsPass(t *testing.T) {
	r := &Replica{cfg: Config{Dir: t.TempDir()}, watch: newWatchdog(time.Hour, func() {}, func() {})}
	require.NoError(t, os.Mkdir(filepath.Join(r.cfg.Dir, "state"), 0o755))
	for _, passing := range []error{
		syscall.EIO, fmt.Errorf("open: %w", syscall.ENOSPC), errors.New("badger: " + syscall.EROFS.Error()),
		errors.New(lockTaken + " on x"),
	} {
		require.True(t, r.passes(passing), "%v", passing)
	}
	require.False(t, r.passes(errors.New("checksum mismatch")), "all of it can be read")
	require.NoError(t, os.RemoveAll(filepath.Join(r.cfg.Dir, "state")))
	require.True(t, r.passes(errors.New("checksum mismatch")), "it cannot be read")
}
