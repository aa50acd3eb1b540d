package external

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fourdays/harness/live"
)

// Remove removes the folder of a server with all that is in it. A hook may have
// mounted something there, and what is behind a mount is not ours: then nothing
// is removed.
func Remove(dir string) error {
	real, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	table, err := live.Table()
	if err != nil {
		return fmt.Errorf("remove %s: find what is mounted below: %w", dir, err)
	}
	for _, m := range table {
		if m.Dir == real || strings.HasPrefix(m.Dir, real+"/") {
			return fmt.Errorf("remove %s: something is mounted at %s; unmount it first", dir, m.Dir)
		}
	}
	return os.RemoveAll(dir)
}
