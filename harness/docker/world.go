package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"fourdays/harness/links"
	"fourdays/harness/live"
	"fourdays/harness/world"
)

// closeTimeout is how long a world may take to go. Picked.
const closeTimeout = time.Minute

// World is a network of containers. It implements world.World and world.Cacher.
//
// What takes the engine long is done beside the run, in order for each machine:
// a start or the end of a machine is asked for, and comes. What fails then fails
// the run.
type World struct {
	*live.Loop
	place    *Place
	run      string
	dir      string // of the mounts; made with the first, as it goes with the last when the harness is killed
	net      *network
	links    *links.Links
	log      *live.Log
	mounter  *live.Mounter
	machines map[string]*machine
	ctx      context.Context // ends when the world does
	end      context.CancelFunc
	closed   sync.Once
}

func (p *Place) world(ctx context.Context, s world.Setting) (*World, error) {
	if s.Machines > mostNodes {
		return nil, fmt.Errorf("make a world of %d machines: a network has addresses for %d", s.Machines, mostNodes)
	}
	run := newRun()
	net, err := p.engine.network(ctx, run, os.Getpid())
	if err != nil {
		return nil, errors.Join(err, p.engine.wipe(context.WithoutCancel(ctx), run))
	}
	w := &World{
		Loop: live.NewLoop(), place: p, run: run, dir: filepath.Join(os.TempDir(), "fourdays-docker-"+run), net: net, machines: map[string]*machine{},
		links: links.New(net.gateway().String(), s.Net, s.Seed),
	}
	w.log = live.NewLog(w.Now, s.Log)
	w.mounter = &live.Mounter{Program: p.programs[path.Base(mountServer)].Path, Zero: w.Wall().Add(-w.Now()), Log: w.log, Others: true}
	w.ctx, w.end = context.WithCancel(context.WithoutCancel(ctx))
	return w, nil
}

// Address implements world.Addresses.
func (w *World) Address(machine int) string {
	if machine == world.Driver {
		return w.net.gateway().String()
	}
	return w.net.node(machine).String()
}

// Port implements world.Addresses: a container has all of its ports.
func (w *World) Port(n int) int { return n }

// Start implements world.Machines.
func (w *World) Start(_ context.Context, spec world.Spec) error {
	m := w.machines[spec.Name]
	if m == nil {
		m = newMachine(w, spec.Name)
		w.machines[spec.Name] = m
	}
	if m.running() {
		return fmt.Errorf("start %s: already running", spec.Name)
	}
	l, err := w.plan(spec)
	if err != nil {
		return fmt.Errorf("start %s: %w", spec.Name, err)
	}
	m.start(l)
	return nil
}

func (w *World) machine(what, name string) (*machine, error) {
	if m := w.machines[name]; m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("%s %s: no such machine", what, name)
}

// Kill implements world.Machines.
func (w *World) Kill(name string) error {
	m, err := w.machine("kill", name)
	if err == nil {
		m.kill()
	}
	return err
}

// PowerLoss implements world.Machines.
func (w *World) PowerLoss(name string) error {
	m, err := w.machine("cut power of", name)
	if err == nil {
		m.powerLoss()
	}
	return err
}

// Running implements world.Machines.
func (w *World) Running(name string) bool {
	m := w.machines[name]
	return m != nil && m.running()
}

// Pause stops a machine where it is, until Continue.
func (w *World) Pause(name string) error {
	m, err := w.machine("pause", name)
	if err == nil {
		m.with(body.pause)
	}
	return err
}

// Continue lets a machine that was paused go on.
func (w *World) Continue(name string) error {
	m, err := w.machine("continue", name)
	if err == nil {
		m.with(body.unpause)
	}
	return err
}

// SetLink implements world.Network.
func (w *World) SetLink(a, b string, l world.Link) { w.links.Set(a, b, l) }

// Invalidate implements world.Cacher. Pages whose own reads hang are dropped
// when those are over.
func (w *World) Invalidate(names ...string) error {
	var all sync.WaitGroup
	defer all.Wait()
	for _, name := range names {
		m, err := w.machine("drop caches of", name)
		if err != nil {
			return err
		}
		for _, s := range m.seats.list() {
			all.Go(func() { s.mount.Invalidate() })
		}
	}
	return nil
}

// Close implements world.World. A second time does nothing.
func (w *World) Close(ctx context.Context) error {
	var err error
	w.closed.Do(func() { err = w.close(ctx) })
	return err
}

func (w *World) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	w.Loop.Close()
	for _, m := range w.machines {
		m.discard()
	}
	var errs []error
	for name, m := range w.machines {
		if err := m.wait(ctx); err != nil {
			errs = append(errs, fmt.Errorf("end %s: %w", name, err))
		}
	}
	w.end()
	w.links.Close()
	errs = append(errs, w.place.engine.wipe(ctx, w.run))
	if err := os.Remove(w.dir); !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	w.log.Close()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the world of containers: %w", err)
	}
	return nil
}

var (
	_ world.World  = (*World)(nil)
	_ world.Cacher = (*World)(nil)
)
