package sweep

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"fourdays/harness/live"
)

// processes are those that belong to a harness which is no more.
func processes(context.Context) ([]leftover, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	var all []leftover
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		name, _ := os.ReadFile(dir + "/comm")
		what := fmt.Sprintf("process %d, %s", pid, strings.TrimSpace(string(name)))
		all = append(all, marked(markOf(pid), what, func(context.Context) error { return kill(pid) })...)
	}
	return all, err
}

// orphan says whether a process has the mark of a dead harness.
func orphan(pid int) bool { return live.Look(markOf(pid)) == live.Dead }

// markOf is the mark in a process's environment; "" if there is none.
func markOf(pid int) string {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil || pid == os.Getpid() {
		return "" // it is gone, or another user's
	}
	for v := range bytes.SplitSeq(env, []byte{0}) {
		if mark, ok := strings.CutPrefix(string(v), live.MarkVariable+"="); ok {
			return mark
		}
	}
	return ""
}

// kill ends an orphan. It takes hold of the process first and then looks again,
// as process IDs are used anew.
func kill(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil || !orphan(pid) {
		return nil // it has ended
	}
	defer p.Release()
	if err := p.Kill(); err != nil && !os.IsNotExist(err) && orphan(pid) {
		return err
	}
	return nil
}
