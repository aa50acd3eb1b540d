package sweep

import (
	"context"
	"os"
	"path/filepath"

	"fourdays/harness/external"
)

// targets are the folders of mail servers of others whose harness is gone. What
// was started in them is found among the processes.
func targets(context.Context) ([]leftover, error) {
	all, err := filepath.Glob(filepath.Join(os.TempDir(), external.FolderPrefix+"*"))
	var found []leftover
	for _, path := range all {
		mark, err := os.ReadFile(filepath.Join(path, external.OwnerFile))
		if err != nil {
			continue // it is just being made
		}
		found = append(found, marked(string(mark), "folder "+path, func(context.Context) error { return external.Remove(path) })...)
	}
	return found, err
}
