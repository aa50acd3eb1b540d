package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fourdays/harness/live"
	"fourdays/harness/world"
	"fourdays/storage/vol"
)

// Bounds, both picked.
const (
	// dieWait is how long a killed program may take to end before its storage is
	// taken to hang: the kernel first writes what the program had mapped.
	dieWait = 2 * time.Second
	// goneWait is how long it may take when its mounts are gone as well.
	goneWait = 10 * time.Second
)

// machine is one machine's program and what belongs to it.
type machine struct {
	w     *World
	spec  world.Spec
	proc  *live.Process // nil if none runs
	seats []*seat
	dying *burial // of the program that was killed last; nil if it is over
	runs  map[*live.Process]bool
}

// seat is a volume in its place.
type seat struct {
	world.Mount
	mount  *live.Mount
	ending atomic.Bool // its end is wanted
}

// burial is what follows a kill: the end of the program.
type burial struct {
	done  chan struct{}
	forgo bool // the mounts had to go as well
	err   error
}

func (m *machine) start(ctx context.Context, spec world.Spec) error {
	if m.proc != nil {
		return errors.New("already running")
	}
	path := spec.Program
	if !filepath.IsAbs(path) {
		if path = m.w.cfg.Programs[spec.Program]; path == "" {
			return fmt.Errorf("no program %q in this world", spec.Program)
		}
	}
	if err := m.settle(); err != nil {
		return err
	}
	m.spec = spec
	if err := m.mountAll(ctx); err != nil {
		return err
	}
	via, err := m.ways()
	if err != nil {
		return err
	}
	m.proc, err = live.Command{
		Path: path, Args: m.places(append(via, spec.Args...)), Env: m.variables(spec.Env), Dir: spec.Dir,
		Output: m.w.log.Output(spec.Name),
	}.Start()
	if err == nil {
		m.attend(m.proc)
	}
	return err
}

// attend waits for a program that ends by itself.
func (m *machine) attend(p *live.Process) {
	go func() {
		<-p.Ended()
		m.w.Post(func() {
			if m.proc != p {
				return
			}
			m.proc = nil
			if m.spec.OnExit != nil {
				m.spec.OnExit(p.Code())
			}
		})
	}()
}

// mountAll puts the volumes of the specification where they belong, and keeps
// those that are there already.
func (m *machine) mountAll(ctx context.Context) error {
	old := m.seats
	m.seats = nil
	for _, want := range m.spec.Mounts {
		i := slices.IndexFunc(old, func(s *seat) bool { return s.Mount == want && !s.gone() })
		if i >= 0 {
			m.seats = append(m.seats, old[i])
			old = slices.Delete(old, i, i+1)
		}
	}
	for _, s := range old {
		if err := s.mount.Close(); err != nil {
			return err
		}
	}
	for _, want := range m.spec.Mounts {
		if m.seat(want.Path) == nil {
			if err := m.mount(ctx, want); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *machine) mount(ctx context.Context, want world.Mount) error {
	name := m.spec.Name + strings.ReplaceAll(want.Path, "/", "-")
	// While nothing is mounted the folder is empty, and somebody may tidy it away.
	if err := makeFolder(m.w.dir); err != nil {
		return err
	}
	mount, err := m.w.mounter.Mount(ctx, name, want.Volume, filepath.Join(m.w.dir, name))
	if err != nil {
		return err
	}
	s := &seat{Mount: want, mount: mount}
	m.seats = append(m.seats, s)
	go func() {
		<-mount.Ended()
		m.w.Post(func() {
			if slices.Contains(m.seats, s) && !s.ending.Load() {
				m.w.Fail(fmt.Errorf("serve mount %s: its server ended by itself with code %d", name, mount.Code()))
			}
		})
	}()
	return nil
}

func (s *seat) gone() bool {
	select {
	case <-s.mount.Ended():
		return true
	default:
		return false
	}
}

// seat is the volume at a path, or nil.
func (m *machine) seat(path string) *seat {
	for _, s := range m.seats {
		if s.Path == path {
			return s
		}
	}
	return nil
}

// places replaces arguments that are a mount's path.
func (m *machine) places(args []string) []string {
	args = slices.Clone(args)
	for i, a := range args {
		if s := m.seat(a); s != nil {
			args[i] = s.mount.Dir()
		}
	}
	return args
}

// variables replaces values that are a mount's path.
func (m *machine) variables(env []string) []string {
	env = slices.Clone(env)
	for i, v := range env {
		name, value, _ := strings.Cut(v, "=")
		if s := m.seat(value); s != nil {
			env[i] = name + "=" + s.mount.Dir()
		}
	}
	return env
}

// ways are the arguments that send a program's own calls through the network.
func (m *machine) ways() ([]string, error) {
	var via []string
	for _, peer := range slices.Sorted(maps.Keys(m.spec.Peers)) {
		address := m.spec.Peers[peer]
		instead, err := m.w.net.Way(m.spec.Name, peer, address)
		if err != nil {
			return nil, err
		}
		via = append(via, address+"="+instead)
	}
	if len(via) == 0 {
		return nil, nil
	}
	return []string{"-via", strings.Join(via, ",")}, nil
}

// kill ends the program, and what runs beside it, even if the program has ended
// by itself. What follows is not waited for here.
func (m *machine) kill() {
	m.endErrands()
	if m.proc == nil {
		return
	}
	p := m.proc
	m.proc = nil
	p.Kill()
	b := &burial{done: make(chan struct{})}
	m.dying = b
	seats := m.seats
	go func() {
		defer close(b.done)
		if !p.EndsWithin(dieWait) {
			b.forgo = true
			b.err = letGo(p, seats)
		}
	}()
}

// letGo ends a program that sleeps in its storage: the mounts go, and with them
// what the kernel held for them; the volumes forget what was in flight.
func letGo(p *live.Process, seats []*seat) error {
	err := endAll(seats, (*live.Mount).Abort)
	for _, s := range seats {
		if v, ok := s.Volume.(vol.Machine); ok {
			v.Kill()
		}
	}
	if !p.EndsWithin(goneWait) {
		err = errors.Join(err, fmt.Errorf("process %d does not die within %v", p.ID(), goneWait))
	}
	return err
}

// endAll ends mounts side by side.
func endAll(seats []*seat, how func(*live.Mount) error) error {
	errs := make([]error, len(seats))
	var all sync.WaitGroup
	for i, s := range seats {
		s.ending.Store(true)
		all.Go(func() { errs[i] = how(s.mount) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// settle waits until what was killed is gone.
func (m *machine) settle() error {
	b := m.dying
	if b == nil {
		return nil
	}
	<-b.done
	m.dying = nil
	if b.forgo {
		m.seats = nil
	}
	return b.err
}

// powerLoss ends program and mounts together: what the kernel held is lost, and
// then the volumes lose what was not durable.
func (m *machine) powerLoss() error {
	for _, s := range m.seats {
		s.mount.Shut()
	}
	m.kill()
	seats := m.seats
	m.seats = nil
	err := endAll(seats, (*live.Mount).Cut)
	for _, s := range seats {
		if v, ok := s.Volume.(vol.Machine); ok {
			v.PowerLoss()
		}
	}
	return errors.Join(err, m.settle())
}

// close ends everything.
func (m *machine) close() error {
	m.kill()
	seats := m.seats
	m.seats = nil
	err := endAll(seats, (*live.Mount).Abort)
	return errors.Join(err, m.settle())
}
