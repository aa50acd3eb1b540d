package sim

import (
	"os"
	"path/filepath"
	"slices"
)

// keepCached is how many files of each kind the cache keeps: a few programs in
// a few versions. Picked; one that is missed is made again.
const keepCached = 24

// prune removes what is oldest from the cache's folders, which would otherwise
// grow by a file of many megabytes with each change of a source. What cannot be
// removed stays.
func prune(cache string) {
	for _, pattern := range []string{"guest/*.wasm", "wazero/*/*"} {
		files, err := filepath.Glob(filepath.Join(cache, pattern))
		if err != nil || len(files) <= keepCached {
			continue
		}
		age := map[string]int64{}
		for _, f := range files {
			if info, err := os.Stat(f); err == nil {
				age[f] = info.ModTime().UnixNano()
			}
		}
		slices.SortFunc(files, func(a, b string) int {
			return int(min(1, max(-1, age[a]-age[b])))
		})
		for _, f := range files[:len(files)-keepCached] {
			os.Remove(f)
		}
	}
}
