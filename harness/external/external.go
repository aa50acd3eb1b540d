// Package external looks after a mail server of others in a world: its hooks,
// its health, and what it has to be told of where it is.
//
// It owns the environment of hooks, their time limits, the files that a server
// finds beside its volume, and the words for what went wrong. It assumes a
// world that can run commands of this machine, and the calls and callbacks of
// one goroutine, as worlds do. It never starts a process or opens a connection
// but through the world, and knows nothing of arrays or of the oracle. What the
// world cannot see of a server, processes that left their group, it kills itself.
package external

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"fourdays/harness/scenario"
	"fourdays/harness/world"
	"fourdays/storage/vol"
)

// Place is what a server needs of its world.
type Place interface {
	world.Clock
	world.Machines
	world.Network
}

// Config says which server it is, and where.
type Config struct {
	World    Place
	Target   *scenario.External
	Node     string // the machine's name
	IP       string // its address
	Folder   string // where hooks run: the scenario's
	Accounts []string
}

// Server is a mail server of others on one machine.
type Server struct {
	cfg  Config
	exec world.Executor
	dir  string // beside the volume: the server's own and the accounts
	log  func(string)
}

// shell runs the hooks.
const shell = "/bin/sh"

// dataPath stands for the place of the volume, see world.Spec.
const dataPath = "/data"

// ErrWorld says that a world cannot run what is not ours.
var ErrWorld = errors.New("an external target needs a world that runs commands of this machine: --world local")

// New prepares a folder for the server. Close removes it. say is told what
// hooks print, line by line.
func New(cfg Config, say func(string)) (*Server, error) {
	exec, ok := cfg.World.(world.Executor)
	if !ok {
		return nil, ErrWorld
	}
	folder, err := filepath.Abs(cfg.Folder)
	if err != nil {
		return nil, fmt.Errorf("find the scenario's folder: %w", err)
	}
	cfg.Folder = folder
	s := &Server{cfg: cfg, exec: exec, log: say}
	return s, s.makeFiles()
}

// at is an address of the file: where it names no host, the machine's.
func (s *Server) at(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err == nil && host == "" {
		return net.JoinHostPort(s.cfg.IP, port)
	}
	return address
}

// Faces are the addresses as the load driver wants them: there is no admin face.
func (s *Server) Faces() string {
	x := s.cfg.Target
	if x.SMTP != "" {
		return "smtp:" + s.at(x.SMTP) + "," + s.at(x.IMAP) + ","
	}
	return s.at(x.LMTP) + "," + s.at(x.IMAP) + ","
}

// Environment is what hooks find, as NAME=value.
func (s *Server) Environment() []string {
	x := s.cfg.Target
	env := []string{
		"NODE=" + s.cfg.Node, "DATA=" + dataPath, "RUN=" + s.run(), "HOST=" + s.cfg.IP, "ACCOUNTS=" + s.Logins(),
	}
	for _, face := range []struct{ name, address string }{{"LMTP", x.LMTP}, {"SMTP", x.SMTP}, {"IMAP", x.IMAP}} {
		if face.address == "" {
			continue
		}
		at := s.at(face.address)
		_, port, _ := net.SplitHostPort(at) // was checked when the file was read
		env = append(env, face.name+"="+at, face.name+"_PORT="+port)
	}
	for _, v := range x.Env {
		env = append(env, v.Name+"="+v.Value)
	}
	return env
}

// Start runs the server on its machine, with its mail on v. onExit is told when
// it ends by itself.
func (s *Server) Start(ctx context.Context, v vol.Volume, onExit func(code uint32)) error {
	return s.cfg.World.Start(ctx, world.Spec{
		Name: s.cfg.Node, IP: s.cfg.IP, Program: shell, Args: []string{"-c", s.cfg.Target.Hooks.Start.Run},
		Mounts: []world.Mount{{Path: dataPath, Volume: v}},
		Dir:    s.cfg.Folder, Env: s.Environment(), OnExit: onExit,
	})
}

// Within is how long the server may take until it is healthy.
func (s *Server) Within() time.Duration { return s.cfg.Target.Hooks.Start.Within }

// Stop asks the server to end by itself, and calls done when the hook has ended.
// Without a hook it is killed.
func (s *Server) Stop(done func(error)) {
	if s.cfg.Target.Hooks.Stop.Run == "" {
		done(errors.Join(s.cfg.World.Kill(s.cfg.Node), s.Sweep()))
		return
	}
	s.hook("stop", s.cfg.Target.Hooks.Stop, func(_ string, err error) { done(err) })
}

// Kill ends every process of the server, after its hook if it has one.
func (s *Server) Kill(done func(error)) {
	s.hook("kill", s.cfg.Target.Hooks.Kill, func(_ string, err error) {
		done(errors.Join(err, s.cfg.World.Kill(s.cfg.Node), s.Sweep()))
	})
}

// MakeAccounts runs the hook for it, if there is one.
func (s *Server) MakeAccounts(done func(error)) {
	s.hook("accounts", s.cfg.Target.Hooks.Accounts, func(_ string, err error) { done(err) })
}

// Version asks what exactly is tested; "" without a hook.
func (s *Server) Version(done func(version string, err error)) {
	s.hook("version", s.cfg.Target.Hooks.Version, func(printed string, err error) { done(strings.TrimSpace(printed), err) })
}

// Check says whether the server is healthy: by its hook, or its IMAP greeting.
func (s *Server) Check(done func(error)) {
	if hook := s.cfg.Target.Hooks.Check; hook.Run != "" {
		s.hook("check", hook, func(_ string, err error) { done(err) })
		return
	}
	s.greet(done)
}

// hook runs a command beside the server. One that is not there succeeds.
func (s *Server) hook(name string, h scenario.Hook, done func(printed string, err error)) {
	if h.Run == "" {
		done("", nil)
		return
	}
	errand := world.Errand{Args: []string{shell, "-c", h.Run}, Dir: s.cfg.Folder, Env: s.Environment(), Within: h.Within}
	s.exec.Exec(s.cfg.Node, errand, func(printed string, err error) {
		s.tell(name, printed)
		if err != nil {
			err = fmt.Errorf("hook %s (%s): %w", name, h.Run, because(err, printed))
		}
		done(printed, err)
	})
}

// because adds the last line of what a command printed to why it failed.
func because(err error, printed string) error {
	lines := strings.Split(strings.TrimSpace(printed), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return fmt.Errorf("%w: %s", err, last)
	}
	return err
}

func (s *Server) tell(hook, printed string) {
	for line := range strings.Lines(printed) {
		s.log(hook + ": " + strings.TrimRight(line, "\n"))
	}
}
