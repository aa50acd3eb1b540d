package sweep

import (
	"context"
	"os"
	"path/filepath"

	"fourdays/harness/external"
	"fourdays/harness/live"
)

// targets are the folders of mail servers of others whose harness is gone. What
// was started in them is found among the processes.
func targets(context.Context) ([]leftover, error) {
	all, err := filepath.Glob(filepath.Join(os.TempDir(), external.FolderPrefix+"*"))
	var found []leftover
	for _, path := range all {
		mark, err := os.ReadFile(filepath.Join(path, external.OwnerFile))
		if err != nil || live.Alive(string(mark)) {
			continue // it is just being made, or in use
		}
		found = append(found, leftover{"folder " + path, func(context.Context) error { return external.Remove(path) }})
	}
	return found, err
}
