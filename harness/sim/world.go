package sim

import (
	"context"
	"fmt"
	"time"

	"fourdays/harness/world"
)

// World is a Sim that knows its programs by name. It implements world.World,
// world.Leaper and world.Digester.
type World struct {
	*Sim
	programs map[string]*Program
}

// NewWorld makes an empty world in which the programs can be started.
func NewWorld(ctx context.Context, cfg Config, eng *Engine, programs ...*Program) (*World, error) {
	s, err := New(ctx, cfg, eng)
	if err != nil {
		return nil, err
	}
	w := &World{Sim: s, programs: map[string]*Program{}}
	for _, p := range programs {
		w.programs[p.Name] = p
	}
	return w, nil
}

// Start implements world.Machines.
func (w *World) Start(ctx context.Context, spec world.Spec) error {
	p := w.programs[spec.Program]
	if p == nil {
		return fmt.Errorf("start %s: no program %q in this world", spec.Name, spec.Program)
	}
	_, err := w.Sim.Start(ctx, Spec{
		Name: spec.Name, IP: spec.IP, Program: p, Args: spec.Args,
		Env: guestEnv, Mounts: spec.Mounts, OnExit: spec.OnExit,
	})
	return err
}

// guestEnv keeps a program's memory small, as a world holds several. Collecting
// less often was measured: GOGC=400 costs memory and saves no time.
var guestEnv = []string{"GOGC=100", "GOMEMLIMIT=256MiB", "PWD=/", "TMPDIR=/data"}

func (w *World) machine(what, name string) (*Machine, error) {
	if m := w.machines[name]; m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("%s %s: no such machine", what, name)
}

// Kill implements world.Machines.
func (w *World) Kill(name string) error {
	m, err := w.machine("kill", name)
	if err == nil {
		m.Kill()
	}
	return err
}

// PowerLoss implements world.Machines.
func (w *World) PowerLoss(name string) error {
	m, err := w.machine("cut power of", name)
	if err == nil {
		m.PowerLoss()
	}
	return err
}

// Running implements world.Machines.
func (w *World) Running(name string) bool {
	m := w.machines[name]
	return m != nil && m.Running()
}

// Address implements world.Addresses.
func (w *World) Address(machine int) string {
	if machine == world.Driver {
		return "10.0.1.1"
	}
	return fmt.Sprintf("10.0.0.%d", machine+1)
}

// Port implements world.Addresses: every port can be had here.
func (w *World) Port(n int) int { return n }

// Wall implements world.Clock.
func (w *World) Wall() time.Time { return w.cfg.Epoch.Add(w.Now()) }

// Dial implements world.Network.
func (w *World) Dial(address string, opened func(error), data func([]byte), gone func()) (world.Conn, error) {
	c, err := w.Sim.Dial(address, opened, data, gone)
	if err != nil {
		return nil, err
	}
	return c, nil
}

var (
	_ world.World    = (*World)(nil)
	_ world.Leaper   = (*World)(nil)
	_ world.Digester = (*World)(nil)
)
