package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"fourdays/harness/solo"
	"fourdays/harness/sweep"
)

// Bounds on a mount in the background. Picked.
const (
	mountWait = 30 * time.Second // to be ready
	endWait   = 3 * time.Second  // to end once it was told to, and again once it was killed
	askWait   = 2 * time.Second  // to say which process serves
)

// starting is a mount that comes up in the background.
type starting struct {
	dir, socket string
	before      string // the connection of the mount that was there already
	cmd         *exec.Cmd
	ready       *os.File
	code        int // how it ended, if it did
}

// again starts this command in the background. It says on a pipe when it is
// ready, and everything else in the log.
func again(dir, socket string, log *os.File) (*starting, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	cmd := exec.Command(self)
	cmd.Args = slices.Concat(os.Args[:2], []string{"--foreground"}, os.Args[2:])
	cmd.Env = append(os.Environ(), readyVariable+"=3")
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	s := &starting{dir: dir, socket: socket, before: sweep.At(dir), cmd: cmd, ready: ours}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, ours.Close())
	}
	return s, nil
}

// await returns when the process is ready. One that never will be is ended.
func (s *starting) await(ctx context.Context) error {
	defer s.ready.Close()
	_ = s.ready.SetReadDeadline(time.Now().Add(mountWait))
	stop := context.AfterFunc(ctx, func() { _ = s.ready.SetReadDeadline(time.Now()) })
	line := make([]byte, 16)
	n, err := s.ready.Read(line)
	switch {
	case !stop():
		return errors.Join(ctx.Err(), s.end())
	case err == nil && strings.HasPrefix(string(line[:n]), "ready"):
		return s.cmd.Process.Release()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errors.Join(fmt.Errorf("not ready within %v", mountWait), s.end())
	}
	if err := s.end(); err != nil {
		return err
	}
	return fmt.Errorf("ended with code %d before it was ready", s.code)
}

// end ends the process, gently at first: it then takes its mount away. A process
// that is killed while it sleeps in its own mount never ends, unless the mount's
// connection does.
func (s *starting) end() error {
	over := make(chan int, 1)
	go func() {
		_ = s.cmd.Wait()
		over <- s.cmd.ProcessState.ExitCode()
	}()
	for _, press := range []func(){s.terminate, s.kill, s.kill} {
		press()
		select {
		case s.code = <-over:
			s.tidy()
			return nil
		case <-time.After(endWait):
		}
	}
	return fmt.Errorf("process %d does not end; fourdays doctor --clean removes what it leaves", s.cmd.Process.Pid)
}

func (s *starting) terminate() { _ = s.cmd.Process.Signal(syscall.SIGTERM) }

// kill takes the mount away, then the process.
func (s *starting) kill() {
	s.unmount()
	_ = s.cmd.Process.Kill()
}

func (s *starting) unmount() {
	if s.mounted() {
		_ = sweep.Unmount(s.dir) // if that fails, the process does not end, and that is said
	}
}

// tidy removes what a process leaves that could not do so itself. One that has
// its own exit code could.
func (s *starting) tidy() {
	if s.code >= 0 {
		return
	}
	s.unmount()
	if !solo.Answers(s.socket) {
		_ = solo.Forget(s.socket)
	}
}

// mounted says whether the mount at the directory is that of this process. Of two
// that were started at once the other may have come first.
func (s *starting) mounted() bool {
	if now := sweep.At(s.dir); now == "" || now == s.before {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), askWait)
	defer cancel()
	answer, err := solo.Ask(ctx, s.socket, solo.Request{Do: solo.Stats})
	return err != nil || answer.Status.PID == s.cmd.Process.Pid
}
