// Package local is the world of processes: the native programs on this machine,
// their data on kernel mounts of the volumes, in real time.
//
// It owns the machines, each a process group with its mounts; the loopback
// addresses that they have; and the order of things when one dies. It assumes
// Linux, /dev/fuse, and volumes for concurrent use that live by this world's
// clock. What it cannot do is declared in ASSUMPTIONS.md of the harness: it has
// no Leaper and no digest. It imports package live for all that containers have
// as well, and neither runs nor arrays.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"fourdays/harness/links"
	"fourdays/harness/live"
	"fourdays/harness/world"
)

// Config describes a world.
type Config struct {
	// Dir is where the volumes are mounted, in a folder of the world's own; ""
	// is the folder for temporary files.
	Dir string
	// Log receives what programs print, each line headed by time and machine;
	// nil drops it.
	Log io.Writer
	// Programs are the paths of the built programs by their names, Mounter among
	// them.
	Programs map[string]string
	// Net is the network between machines until SetLink changes a pair.
	Net  world.Link
	Seed uint64
}

// Mounter is the name of the program that serves a mount.
const Mounter = "volmount"

// World is one world. Its methods, but those of its clock and Post, are for the
// goroutine that calls Run, before, between or in runs.
type World struct {
	*live.Loop
	*block
	cfg      Config
	log      *live.Log
	dir      string
	mounter  *live.Mounter
	net      *links.Links
	machines map[string]*machine
}

// New makes an empty world. Close leaves nothing of it.
func New(_ context.Context, cfg Config) (*World, error) {
	if _, err := os.Stat(cfg.Programs[Mounter]); err != nil {
		return nil, fmt.Errorf("find the program that mounts: %w", err)
	}
	b, err := claimBlock()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(cfg.Dir, "fourdays-local-")
	if err == nil {
		err = makeFolder(dir)
	}
	if err != nil {
		b.release()
		return nil, err
	}
	loop := live.NewLoop()
	log := live.NewLog(loop.Now, cfg.Log)
	return &World{
		Loop: loop, block: b, cfg: cfg, log: log, dir: dir,
		mounter:  &live.Mounter{Program: cfg.Programs[Mounter], Zero: loop.Wall().Add(-loop.Now()), Log: log},
		net:      links.New(b.host(linkHost), cfg.Net, cfg.Seed),
		machines: map[string]*machine{},
	}, nil
}

// makeFolder makes the folder for mounts, or keeps it. Servers of others have users
// of their own, who pass it.
func makeFolder(dir string) error {
	err := os.MkdirAll(dir, 0o711)
	if err == nil {
		err = os.Chmod(dir, 0o711) // the process's mask may have taken more away
	}
	if err != nil {
		return fmt.Errorf("make a folder for mounts: %w", err)
	}
	return nil
}

// Close ends every program and leaves no mount, process or folder behind.
func (w *World) Close(context.Context) error {
	w.Loop.Close()
	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	for _, m := range w.machines {
		all.Go(func() {
			err := m.close()
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	all.Wait()
	w.net.Close()
	w.log.Close()
	w.release()
	if err := os.Remove(w.dir); !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the world: %w", err)
	}
	return nil
}

func (w *World) machine(what, name string) (*machine, error) {
	if m := w.machines[name]; m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("%s %s: no such machine", what, name)
}

// Start implements world.Machines.
func (w *World) Start(ctx context.Context, spec world.Spec) error {
	m := w.machines[spec.Name]
	if m == nil {
		m = &machine{w: w}
		w.machines[spec.Name] = m
	}
	if err := m.start(ctx, spec); err != nil {
		return fmt.Errorf("start %s: %w", spec.Name, err)
	}
	return nil
}

// Kill implements world.Machines. What the program wrote stays, in mapped memory
// too, unless its storage hangs: then the kernel cannot let go of it.
func (w *World) Kill(name string) error {
	m, err := w.machine("kill", name)
	if err == nil {
		m.kill()
	}
	return err
}

// PowerLoss implements world.Machines. Its peers see their connections reset.
func (w *World) PowerLoss(name string) error {
	m, err := w.machine("cut power of", name)
	if err == nil {
		err = m.powerLoss()
	}
	return err
}

// Shut implements world.Shutter.
func (w *World) Shut(name string) error {
	m, err := w.machine("cut power of", name)
	if err != nil {
		return err
	}
	for _, s := range m.seats {
		s.mount.Shut()
	}
	if m.proc != nil {
		m.proc.Kill()
	}
	return nil
}

// Running implements world.Machines.
func (w *World) Running(name string) bool {
	m := w.machines[name]
	return m != nil && m.proc != nil
}

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
		for _, s := range m.seats {
			all.Go(func() { s.mount.Invalidate() })
		}
	}
	return nil
}

// SetLink implements world.Network, between programs that dial each other
// through Spec.Peers.
func (w *World) SetLink(a, b string, l world.Link) { w.net.Set(a, b, l) }

// Pause stops the programs of a machine where they are, until Continue.
func (w *World) Pause(name string) error {
	m, err := w.machine("pause", name)
	if err == nil && m.proc != nil {
		m.proc.Pause()
	}
	return err
}

// Continue lets the programs of a machine that was paused go on.
func (w *World) Continue(name string) error {
	m, err := w.machine("continue", name)
	if err == nil && m.proc != nil {
		m.proc.Continue()
	}
	return err
}

// Machines are the names of all machines, sorted.
func (w *World) Machines() []string {
	names := make([]string, 0, len(w.machines))
	for name := range w.machines {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

var (
	_ world.World    = (*World)(nil)
	_ world.Cacher   = (*World)(nil)
	_ world.Executor = (*World)(nil)
)
