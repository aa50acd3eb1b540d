package live

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Command says what a process is to be.
type Command struct {
	Path   string
	Args   []string // after the program's name
	Env    []string // besides the mark, PATH and the like; see Environment
	Dir    string   // where it starts; "" is the root
	Files  []*os.File
	Output io.Writer // for all that it prints; it may have a Flush for the end
	Stdout io.Writer // nil for the same as Output
	// Survives says that the process ends by itself when this one is gone, and
	// must have the time for it.
	Survives bool
}

// Process is a running program, the first of its process group.
type Process struct {
	cmd   *exec.Cmd
	out   io.Writer
	ended chan struct{}
	code  uint32
}

// lastWords is how long a process that ended may keep its output open through
// children that it leaves. Picked.
const lastWords = 2 * time.Second

// Start runs a program. Wait for Ended, and then Code says how it went.
func (c Command) Start() (*Process, error) {
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir, cmd.Env, cmd.ExtraFiles = c.Dir, append(Environment(), c.Env...), c.Files
	if cmd.Dir == "" {
		cmd.Dir = "/"
	}
	cmd.Stdout, cmd.Stderr = c.Output, c.Output
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	cmd.WaitDelay = lastWords
	cmd.SysProcAttr = group(!c.Survives)
	p := &Process{cmd: cmd, out: c.Output, ended: make(chan struct{})}
	if err := spawn(cmd); err != nil {
		return nil, fmt.Errorf("start program: %w", err)
	}
	go p.wait()
	return p, nil
}

// Environment is what every process finds in its environment.
func Environment() []string {
	return []string{MarkVariable + "=" + Mark(), "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "TZ=UTC"}
}

func (p *Process) wait() {
	_ = p.cmd.Wait() // its state says how it ended
	// What it leaves has no purpose. Nobody else gets the group's ID while one of it
	// is there, and none is not found.
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	if o, ok := p.out.(interface{ Flush() }); ok {
		o.Flush()
	}
	p.code = exitCode(p.cmd.ProcessState)
	close(p.ended)
}

// exitCode is as a shell has it: 128 and the signal's number for who was killed.
func exitCode(s *os.ProcessState) uint32 {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + uint32(w.Signal())
	}
	return uint32(s.ExitCode())
}

// ID is the process ID.
func (p *Process) ID() int { return p.cmd.Process.Pid }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Code is how the process ended, once it has.
func (p *Process) Code() uint32 { return p.code }

// Kill sends SIGKILL to the process and all of its group. It does not wait: a
// process that sleeps in the kernel ends later, or never.
func (p *Process) Kill() { p.signal(syscall.SIGKILL) }

// Pause stops the process and all of its group where they are.
func (p *Process) Pause() { p.signal(syscall.SIGSTOP) }

// Continue lets what was paused go on.
func (p *Process) Continue() { p.signal(syscall.SIGCONT) }

// signal goes to the group, as long as its ID is sure to be its own.
func (p *Process) signal(s syscall.Signal) {
	select {
	case <-p.ended:
	default:
		_ = syscall.Kill(-p.ID(), s)
	}
}

// EndsWithin waits for the end of the process.
func (p *Process) EndsWithin(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.ended:
		return true
	case <-timer.C:
		return false
	}
}
