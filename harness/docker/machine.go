package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"fourdays/harness/live"
	"fourdays/harness/world"
	"fourdays/storage/vol"
)

// Bounds on a program's end, all picked.
const (
	// killWait is how long the harness stands still for a kill.
	killWait = 2 * time.Second
	// dieWait is how long a killed program may take to end before its storage is
	// taken to hang: the kernel first writes what the program had mapped.
	dieWait = 5 * time.Second
	// goneWait is how long it may take when nothing keeps it.
	goneWait = 30 * time.Second
)

// errOver ends what was begun for a life that is over.
var errOver = errors.New("its machine was stopped meanwhile")

// machine is a name on the network. The run's goroutine asks; what takes long
// is done in the order of asking.
type machine struct {
	w     *World
	name  string
	life  *life           // what runs, or is about to; the run's own
	asked <-chan struct{} // closed when all that was asked for is done; the run's own
	boxes int             // that there were; of who does what was asked
	seen  bool            // that a program runs here; of who does what was asked
	seats seats
	left  error // what discard could not end
}

// life is a program from its start to its end.
type life struct {
	spec world.Spec
	args []string
	over atomic.Bool // its end is wanted, or noticed
	body body        // of who does what was asked
}

func newMachine(w *World, name string) *machine {
	none := make(chan struct{})
	close(none)
	return &machine{w: w, name: name, asked: none}
}

func (m *machine) running() bool { return m.life != nil }

// then does f when all that was asked before is done. What fails, fails the run.
func (m *machine) then(f func(ctx context.Context) error) <-chan struct{} {
	before, done := m.asked, make(chan struct{})
	m.asked = done
	go func() {
		defer close(done)
		<-before
		if err := f(m.w.ctx); err != nil && !errors.Is(err, errOver) {
			m.w.Fail(fmt.Errorf("machine %s: %w", m.name, err))
		}
	}()
	return done
}

// wait waits until all that was asked is done, and says what discard could not
// end.
func (m *machine) wait(ctx context.Context) error {
	select {
	case <-m.asked:
		return m.left
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *machine) start(l *life) {
	m.life = l
	m.then(func(ctx context.Context) error {
		err := m.begin(ctx, l)
		if err == nil {
			go m.attend(l)
		}
		if l.over.Load() {
			return nil // nobody wants it any more
		}
		return err
	})
}

// begin gives a life its mounts and its body. A machine that had its volumes
// before and does not get them now has lost them: its program does not start.
func (m *machine) begin(ctx context.Context, l *life) (err error) {
	if l.over.Load() {
		return errOver
	}
	out := m.w.log.Output(m.name)
	binds, err := m.mountAll(l)
	if err != nil {
		return m.unborn(l, out, err, !errors.Is(err, errOver))
	}
	if l.spec.IP == m.w.Address(world.Driver) {
		l.body, err = m.beside(l, out)
		return err
	}
	l.body, err = m.contain(ctx, l, binds, out)
	if err != nil {
		return m.unborn(l, out, err, kept(binds, err))
	}
	return nil
}

// kept says whether it was storage that kept the engine from a start: it waited,
// or speaks of a mount.
func kept(binds []bind, err error) bool {
	return slices.ContainsFunc(binds, func(b bind) bool {
		return errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), b.from)
	})
}

// unborn is what an error at the start comes to: storage that does not answer is
// a program's misfortune, unless it is the first. The engine, too, looks at what
// is mounted, and waits for it.
func (m *machine) unborn(l *life, out *live.Output, err error, storage bool) error {
	if !storage || !m.seen {
		return err
	}
	fmt.Fprintf(out, "not started: %v\n", err)
	l.body = stillborn{}
	return nil
}

// beside runs a program beside the harness.
func (m *machine) beside(l *life, out *live.Output) (body, error) {
	p, err := live.Command{
		Path: m.w.place.programs[l.spec.Program].Path, Args: l.args, Env: l.spec.Env, Dir: l.spec.Dir, Output: out,
	}.Start()
	if err != nil {
		return nil, err
	}
	return process{p}, nil
}

// contain runs a program in a container.
func (m *machine) contain(ctx context.Context, l *life, binds []bind, out *live.Output) (body, error) {
	ip, err := netip.ParseAddr(l.spec.IP)
	if err != nil {
		return nil, err
	}
	image, err := m.w.place.imageOf(ctx, l.spec.Program)
	if err != nil {
		return nil, err
	}
	m.boxes++
	b, err := m.w.place.engine.start(ctx, plan{
		run: m.w.run, node: m.name, name: fmt.Sprintf("fourdays-%s-%s-%d", m.w.run, m.name, m.boxes),
		image: image, args: l.args, env: l.spec.Env, net: m.w.net, ip: ip, binds: binds, out: out,
	})
	if err != nil {
		return nil, err
	}
	m.seen = true
	return b, nil
}

// attend notices a program that ends by itself.
func (m *machine) attend(l *life) {
	<-l.body.done()
	m.w.Post(func() {
		if m.life != l {
			return
		}
		m.leave()
		m.then(l.body.remove)
		if l.spec.OnExit != nil {
			l.spec.OnExit(l.body.exit())
		}
	})
}

// leave ends the life in the run's eyes, and returns it, or nil.
func (m *machine) leave() *life {
	l := m.life
	m.life = nil
	if l != nil {
		l.over.Store(true)
	}
	return l
}

// kill ends the program as SIGKILL does. The seats stay.
func (m *machine) kill() {
	l := m.leave()
	if l == nil {
		return
	}
	done := m.then(func(ctx context.Context) error { return m.bury(ctx, l) })
	select {
	case <-done:
	case <-time.After(killWait):
	}
}

// bury kills a program and waits for its end. One that sleeps in its storage
// ends when the mounts do; with them goes what the kernel held for them, and
// the volumes forget what was in flight. One that is dead is only waited for: an
// engine under load may be late to say so.
func (m *machine) bury(ctx context.Context, l *life) error {
	if l.body == nil {
		return nil
	}
	go func() { _ = l.body.kill(ctx) }() // it answers when it is over
	if l.body.endsWithin(dieWait) || !l.body.stuck() {
		return m.gone(ctx, l)
	}
	all := m.seats.take()
	err := endAll(all, (*live.Mount).Abort)
	tell(all, vol.Machine.Kill)
	return errors.Join(err, m.gone(ctx, l))
}

// gone waits for a killed program that nothing keeps.
func (m *machine) gone(ctx context.Context, l *life) error {
	if !l.body.endsWithin(goneWait) {
		return fmt.Errorf("it does not die within %v", goneWait)
	}
	return l.body.remove(ctx)
}

// powerLoss shuts the volumes at this moment, and they lose what was not
// durable. The program does nothing any more, unless it is just being started.
// Then the machine leaves the network, so that its peers hear nothing, not even
// the program's end, and the program ends with what the kernel held for it.
func (m *machine) powerLoss() {
	l := m.leave()
	all := m.seats.list()
	for _, s := range all {
		s.shut()
	}
	m.freeze(l)
	tell(all, vol.Machine.PowerLoss)
	m.hurry(all)
	m.then(func(ctx context.Context) error {
		if l == nil || l.body == nil {
			return endAll(m.seats.take(), (*live.Mount).Cut)
		}
		if err := l.body.unplug(ctx); err != nil {
			return err
		}
		go func() { _ = l.body.kill(ctx) }()
		return errors.Join(endAll(m.seats.take(), (*live.Mount).Cut), m.gone(ctx, l))
	})
}

// freeze stops a life's program, if nothing is under way on the machine that has
// yet to say what the program is.
func (m *machine) freeze(l *life) {
	if l != nil && isClosed(m.asked) && l.body != nil {
		l.body.freeze()
	}
}

// hurry ends mounts at once if something is under way on the machine: the engine
// may be looking at one, and wait for it.
func (m *machine) hurry(all []*seat) {
	if !isClosed(m.asked) {
		go func() { _ = endAll(all, (*live.Mount).Cut) }() // who takes them hears of errors
	}
}

// discard ends everything, for good.
func (m *machine) discard() {
	l := m.leave()
	m.hurry(m.seats.list())
	m.then(func(ctx context.Context) error {
		if l != nil && l.body != nil {
			go func() { _ = l.body.kill(ctx) }()
		}
		m.left = endAll(m.seats.take(), (*live.Mount).Abort)
		if l != nil && l.body != nil {
			m.left = errors.Join(m.left, m.gone(ctx, l))
		}
		return nil
	})
}

// with does something to the body of what runs now.
func (m *machine) with(what func(body, context.Context) error) {
	l := m.life
	if l == nil {
		return
	}
	m.then(func(ctx context.Context) error {
		if l.over.Load() || l.body == nil {
			return nil
		}
		return what(l.body, ctx)
	})
}

func sorted(of map[string]string) []string { return slices.Sorted(maps.Keys(of)) }
