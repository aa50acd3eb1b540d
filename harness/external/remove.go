package external

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

var escapes = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

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
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("remove %s: find what is mounted below: %w", dir, err)
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		if at := escapes.Replace(fields[4]); at == real || strings.HasPrefix(at, real+"/") {
			return fmt.Errorf("remove %s: something is mounted at %s; unmount it first", dir, at)
		}
	}
	return os.RemoveAll(dir)
}
