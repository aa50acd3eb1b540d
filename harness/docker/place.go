package docker

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/containerd/errdefs"

	"fourdays/harness/live"
	"fourdays/harness/world"
	"fourdays/storage/fuse"
)

// mountServer is the program that serves a volume as a kernel mount, by its
// folder below the module's root.
const mountServer = "storage/cmd/volmount"

// nodeProgram is the one that runs in containers.
const nodeProgram = "mailnode"

// Place makes worlds of containers: the programs, an image of the node, and an
// engine. Worlds share it. It implements world.Place.
type Place struct {
	engine   *engine
	programs map[string]live.Program
	images   map[string]string // of programs that run in containers
}

// Prepare finds the engine, removes there what harnesses that are no more have
// left, and builds the programs, folders below the module's root, and an image
// of the node. say is told what takes long.
func Prepare(ctx context.Context, b *live.Builder, say func(string), folders ...string) (*Place, error) {
	if err := fuse.Missing(); err != nil {
		return nil, fmt.Errorf("prepare worlds of containers: %w", err)
	}
	e, err := connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("prepare worlds of containers: %w", err)
	}
	p := &Place{engine: e, images: map[string]string{}}
	if err := p.prepare(ctx, b, say, folders); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return p, nil
}

func (p *Place) prepare(ctx context.Context, b *live.Builder, say func(string), folders []string) (err error) {
	removed, err := p.engine.sweep(ctx)
	for _, what := range removed {
		say("removed " + what + ", left by a harness that was killed")
	}
	if err != nil {
		return fmt.Errorf("tidy the engine: %w", err)
	}
	if p.programs, err = b.Build(ctx, append(folders, mountServer)...); err != nil {
		return err
	}
	for _, f := range folders {
		if err := p.pack(ctx, path.Base(f), say); err != nil {
			return err
		}
	}
	return p.engine.forgetImages(ctx)
}

// pack makes an image of a program, if it is one for containers.
func (p *Place) pack(ctx context.Context, program string, say func(string)) (err error) {
	if program != nodeProgram {
		return nil
	}
	say("looking for the image of " + program + " (it is made once per build)")
	p.images[program], err = p.engine.image(ctx, program, p.programs[program].Path, nil)
	return err
}

// imageOf is the image of a program. It is made again if somebody has removed it:
// `doctor --clean` may, as long as it sees neither a network nor a container.
func (p *Place) imageOf(ctx context.Context, program string) (string, error) {
	name := p.images[program]
	if name == "" {
		return "", fmt.Errorf("there is no image of program %q", program)
	}
	if _, err := p.engine.api.ImageInspect(ctx, name); !errdefs.IsNotFound(err) {
		return name, nil // what else is wrong, starting a container of it will say
	}
	return p.engine.image(ctx, program, p.programs[program].Path, nil)
}

// Kind implements world.Place.
func (*Place) Kind() string { return "docker" }

// Sum implements world.Place.
func (p *Place) Sum(program string) string { return p.programs[program].SHA256 }

// New implements world.Place.
func (p *Place) New(ctx context.Context, s world.Setting) (world.World, error) {
	w, err := p.world(ctx, s)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Close implements world.Place. Images stay, for the next time.
func (p *Place) Close(context.Context) error { return p.engine.close() }

var _ world.Place = (*Place)(nil)
