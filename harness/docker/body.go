package docker

import (
	"context"
	"time"

	"fourdays/harness/live"
)

// body is a program that was started: in a container, or beside the harness.
type body interface {
	kill(ctx context.Context) error
	pause(ctx context.Context) error
	unpause(ctx context.Context) error
	unplug(ctx context.Context) error
	remove(ctx context.Context) error // whether it runs or not
	done() <-chan struct{}            // closed when the program has ended
	exit() uint32                     // how it ended
	endsWithin(d time.Duration) bool
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

// unplug does nothing: a process has no network of its own.
func (p process) unplug(context.Context) error { return nil }

func (p process) remove(ctx context.Context) error { return p.kill(ctx) }

func (p process) done() <-chan struct{} { return p.Ended() }

func (p process) exit() uint32 { return p.Code() }

func (p process) endsWithin(d time.Duration) bool { return p.EndsWithin(d) }

var (
	_ body = (*box)(nil)
	_ body = process{}
)
