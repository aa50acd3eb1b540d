package external

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"fourdays/harness/live"
)

// The folder of a server begins with FolderPrefix, in the folder for temporary
// files, and holds OwnerFile with the mark of the process that made it.
const (
	FolderPrefix = "fourdays-target-"
	OwnerFile    = "owner"
)

// makeFiles makes what the server finds beside its volume: an empty folder, and
// the list of accounts. Other users than ours read them, and sockets below them
// have short names.
func (s *Server) makeFiles() error {
	dir, err := os.MkdirTemp("", FolderPrefix)
	if err != nil {
		return fmt.Errorf("make a folder for %s: %w", s.cfg.Target.Server, err)
	}
	s.dir = dir
	err = os.Chmod(dir, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, OwnerFile), []byte(live.Mark()), 0o644)
	}
	if err == nil {
		err = os.Mkdir(s.run(), 0o755)
	}
	if err == nil {
		err = os.WriteFile(s.Logins(), s.accounts(), 0o644)
	}
	if err != nil {
		_ = os.RemoveAll(dir) // the first error is the one that counts
		return fmt.Errorf("make a folder for %s: %w", s.cfg.Target.Server, err)
	}
	return nil
}

// Close removes what New has made, and what is left of the server.
func (s *Server) Close() error {
	err := s.Sweep()
	if rerr := Remove(s.dir); rerr != nil {
		err = errors.Join(err, fmt.Errorf("remove the folder of %s: %w", s.cfg.Target.Server, rerr))
	}
	return err
}

func (s *Server) run() string { return filepath.Join(s.dir, "run") }

// Logins is the file of accounts: account, user and password between tabs.
func (s *Server) Logins() string { return filepath.Join(s.dir, "accounts") }

func (s *Server) accounts() []byte {
	var b strings.Builder
	for _, a := range s.cfg.Accounts {
		user, password := s.cfg.Target.Credentials(a)
		fmt.Fprintf(&b, "%s\t%s\t%s\n", a, user, password)
	}
	return []byte(b.String())
}
