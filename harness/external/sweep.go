package external

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// sweeps is how often Sweep looks again, for what was started while it looked.
// Picked.
const sweeps = 3

// Sweep kills the processes that have left the group of start, as daemons do:
// they still have the server's own folder in their environment.
func (s *Server) Sweep() error {
	for range sweeps {
		left, err := s.strays()
		if err != nil || len(left) == 0 {
			return err
		}
		for _, pid := range left {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("kill process %d of %s: %w", pid, s.cfg.Target.Server, err)
			}
		}
	}
	return nil
}

// strays are the processes with the server's folder in their environment.
func (s *Server) strays() (pids []int, err error) {
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil, err
	}
	mark := []byte("RUN=" + s.run())
	for _, path := range all {
		environ, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended, or is somebody else's
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && contains(environ, mark) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// contains says whether an environment has a variable.
func contains(environ, variable []byte) bool {
	for v := range bytes.SplitSeq(environ, []byte{0}) {
		if bytes.Equal(v, variable) {
			return true
		}
	}
	return false
}
