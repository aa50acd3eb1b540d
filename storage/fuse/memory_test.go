//go:build linux

package fuse_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"fourdays/ci/need"
)

const (
	unsynced = 16 << 20 // of the file at a time
	beside   = 64       // what a mount may take beside what is on it, in MB
)

// TestAMountTakesWhatIsDirty writes a file of 256 MB and then all of it anew,
// twice, with a sync now and then: the server's memory is at no time much more
// than the file and what was not synced of it, though what was replaced is garbage.
func TestAMountTakesWhatIsDirty(t *testing.T) {
	need.FUSE(t)
	for _, mode := range []string{"memory", "media"} {
		t.Run(mode, func(t *testing.T) {
			r := system{mode, []string{"bench server", "1", "0", mode}, ""}.start(t)
			for _, step := range []string{"first", "again", "once more"} {
				run(t, "fill", filepath.Join(r.dir, "file"))
				now, peak, err := memory(r.client.cmd.Process.Pid)
				require.NoError(t, err)
				t.Logf("%s: %.0f MB resident, %.0f MB at most", step, now, peak)
				assert.LessOrEqual(t, peak, float64((largeFile+unsynced)>>20+beside))
			}
		})
	}
}

func init() {
	// fill writes a file from the beginning to the end.
	clients["fill"] = func(args []string) error {
		f, err := os.OpenFile(args[0], os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		p := make([]byte, 1<<20)
		for i := range p {
			p[i] = byte(i)
		}
		for off := int64(0); off < largeFile && err == nil; {
			_, err = f.WriteAt(p, off)
			if off += int64(len(p)); off%unsynced == 0 {
				err = errors.Join(err, f.Sync())
			}
		}
		return errors.Join(err, f.Close())
	}
}
