package solo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// most is how many users of a mount are named.
const most = 5

// Users names programs that use files below a directory: "vim (4711)". It looks
// at /proc alone, so it needs no answer from the mount, and sees of other users'
// programs only what the kernel lets it.
func Users(dir string) []string {
	var all []string
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, proc := range procs {
		if uses(proc, dir) {
			name, _ := os.ReadFile(proc + "/comm")
			all = append(all, fmt.Sprintf("%s (%s)", strings.TrimSpace(string(name)), filepath.Base(proc)))
		}
	}
	return all
}

func uses(proc, dir string) bool {
	links := []string{proc + "/cwd", proc + "/root", proc + "/exe"}
	fds, _ := filepath.Glob(proc + "/fd/*")
	for _, link := range append(links, fds...) {
		if to, err := os.Readlink(link); err == nil && below(to, dir) {
			return true
		}
	}
	maps, _ := os.ReadFile(proc + "/maps")
	return strings.Contains(string(maps), " "+dir+"/")
}

func below(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// list is names in words, the first few of them.
func list(names []string) string {
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
