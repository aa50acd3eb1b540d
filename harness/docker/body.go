package docker

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"fourdays/harness/live"
)

// body is a program that was started: in a container, or beside the harness.
type body interface {
	kill(ctx context.Context) error
	pause(ctx context.Context) error
	unpause(ctx context.Context) error
	unplug(ctx context.Context) error
	freeze()                          // at once, without the engine
	remove(ctx context.Context) error // whether it runs or not
	done() <-chan struct{}            // closed when the program has ended
	exit() uint32                     // how it ended
	endsWithin(d time.Duration) bool
	stuck() bool // whether a signal cannot end it, as it sleeps in its storage
}

// stuck says whether a thread of a process sleeps where no signal wakes it.
func stuck(pid int) bool {
	names, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid)) // the pattern is good
	for _, name := range names {
		stat, _ := os.ReadFile(name) // empty if the thread has ended meanwhile
		_, state, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
		if bytes.HasPrefix(state, []byte("D")) {
			return true
		}
	}
	return false
}

// process is the driver's body: it has to reach every container, as the harness
// does, and runs beside it.
type process struct{ *live.Process }

func (p process) kill(context.Context) error {
	p.Kill()
	return nil
}

func (p process) pause(context.Context) error {
	p.Pause()
	return nil
}

func (p process) unpause(context.Context) error {
	p.Continue()
	return nil
}

func (p process) freeze() { p.Pause() }

// unplug does nothing: a process has no network of its own.
func (p process) unplug(context.Context) error { return nil }

func (p process) remove(ctx context.Context) error { return p.kill(ctx) }

func (p process) stuck() bool { return stuck(p.ID()) }

func (p process) done() <-chan struct{} { return p.Ended() }

func (p process) exit() uint32 { return p.Code() }

func (p process) endsWithin(d time.Duration) bool { return p.EndsWithin(d) }

// stillborn is the body of a program that was never started: its storage did not
// let itself be mounted.
type stillborn struct{}

// mountFailed is the code of what could not be mounted; mount(8) has it, too.
const mountFailed = 32

func (stillborn) kill(context.Context) error    { return nil }
func (stillborn) pause(context.Context) error   { return nil }
func (stillborn) unpause(context.Context) error { return nil }
func (stillborn) unplug(context.Context) error  { return nil }
func (stillborn) freeze()                       {}
func (stillborn) remove(context.Context) error  { return nil }
func (stillborn) exit() uint32                  { return mountFailed }
func (stillborn) endsWithin(time.Duration) bool { return true }
func (stillborn) stuck() bool                   { return false }

func (stillborn) done() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

var (
	_ body = (*box)(nil)
	_ body = stillborn{}
	_ body = process{}
)
