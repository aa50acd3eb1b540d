package sim

import (
	"context"
	"errors"
	"fmt"
	"path"

	"fourdays/harness/world"
)

// Place makes simulated worlds: the built guests, and the engine that runs
// them. Worlds share it. It implements world.Place.
type Place struct {
	Engine   *Engine
	programs map[string]*Program
}

// Prepare builds programs, given as folders below the module's root, or finds
// them in the cache; the first time on a machine it takes a minute or two. say
// is told about it.
func Prepare(ctx context.Context, say func(string), folders ...string) (*Place, error) {
	cache, err := CacheDir()
	if err != nil {
		return nil, fmt.Errorf("find cache folder: %w", err)
	}
	root, err := FindSource()
	if err != nil {
		return nil, err
	}
	p := &Place{programs: map[string]*Program{}}
	if p.Engine, err = NewEngine(cache); err != nil {
		return nil, err
	}
	b := &Builder{Root: root, Cache: cache, Progress: say}
	for _, folder := range folders {
		if err := p.prepare(ctx, b, folder); err != nil {
			return nil, errors.Join(err, p.Close(ctx))
		}
	}
	return p, nil
}

func (p *Place) prepare(ctx context.Context, b *Builder, folder string) error {
	prog, err := b.Build(ctx, folder)
	if err != nil {
		return err
	}
	p.programs[path.Base(folder)] = prog
	b.Progress(fmt.Sprintf("translating %s to machine code (once per build)", prog.Name))
	return p.Engine.Prepare(ctx, prog)
}

// Kind implements world.Place.
func (*Place) Kind() string { return "sim" }

// New implements world.Place.
func (p *Place) New(ctx context.Context, s world.Setting) (world.World, error) {
	w, err := NewWorld(ctx, Config{Seed: s.Seed, Epoch: s.Epoch, Net: s.Net, Log: s.Log}, p.Engine)
	if err != nil {
		return nil, err
	}
	w.programs = p.programs
	return w, nil
}

// Sum implements world.Place.
func (p *Place) Sum(program string) string { return p.programs[program].SHA256() }

// Close frees what the programs hold.
func (p *Place) Close(ctx context.Context) error { return p.Engine.Close(ctx) }

var _ world.Place = (*Place)(nil)
