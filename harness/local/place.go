package local

import (
	"context"
	"fmt"
	"path"

	"fourdays/harness/live"
	"fourdays/harness/world"
	"fourdays/storage/fuse"
)

// mounterFolder is where the program that serves a mount is, below the module's
// root.
const mounterFolder = "storage/cmd/" + Mounter

// Place makes local worlds: the built programs. It implements world.Place.
type Place struct{ programs map[string]live.Program }

// Prepare builds programs, folders below the module's root, or finds them in the
// cache. say is told what takes long. A machine that cannot mount is refused.
func Prepare(ctx context.Context, root, cache string, say func(string), folders ...string) (*Place, error) {
	if err := fuse.Missing(); err != nil {
		return nil, fmt.Errorf("prepare local worlds: %w", err)
	}
	b := live.Builder{Root: root, Cache: cache, Progress: say}
	programs, err := b.Build(ctx, append(folders, mounterFolder)...)
	if err != nil {
		return nil, err
	}
	return &Place{programs}, nil
}

// Kind implements world.Place.
func (*Place) Kind() string { return "local" }

// New implements world.Place.
func (p *Place) New(ctx context.Context, s world.Setting) (world.World, error) {
	if s.Machines > most {
		return nil, fmt.Errorf("make a local world: %d machines, and addresses for %d", s.Machines, most)
	}
	paths := map[string]string{}
	for name, program := range p.programs {
		paths[name] = program.Path
	}
	w, err := New(ctx, Config{Log: s.Log, Programs: paths, Net: s.Net, Seed: s.Seed})
	if err != nil {
		return nil, fmt.Errorf("make a local world: %w", err)
	}
	return w, nil
}

// Sum implements world.Place.
func (p *Place) Sum(program string) string {
	return p.programs[path.Base(program)].SHA256
}

// Close implements world.Place. What was built stays in the cache.
func (*Place) Close(context.Context) error { return nil }

var _ world.Place = (*Place)(nil)
