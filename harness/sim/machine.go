package sim

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"fourdays/harness/world"
	"fourdays/storage/vol"
)

// callBudget is how many system calls a program may make without waiting for
// anything. Picked: a hundred times what a node makes when it opens a store.
const callBudget = 10_000_000

// Spec says what runs on a machine.
type Spec struct {
	Name    string
	IP      string // IPv4, unique in the world
	Program *Program
	Args    []string // after the program's name
	Env     []string
	Mounts  []Mount
	// OnExit is told when the program ends by itself.
	OnExit func(code uint32)
}

// Mount puts a volume at a path directly below the root, "/data" for example.
type Mount = world.Mount

// Machine is a computer on which one program runs at a time.
type Machine struct {
	sim      *Sim
	spec     Spec
	ip       uint32
	life     int  // counts starts
	up       bool // the computer has power
	proc     *process
	listen   map[uint32]bool // ports
	conns    map[uint32]*end
	orphans  []*end // ends whose peers do not know yet that the power went
	lastConn uint32
}

// process is one run of a program.
type process struct {
	m      *Machine
	rng    *rand.ChaCha8
	mod    api.Module
	ram    memory
	next   func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	parked bool
	woken  bool // a wake-up is queued
	dead   bool
	calls  int
	files  files
	maps   []*mapping
	frames []frame
	out    lineWriter
	exit   error
}

// errKilled unwinds a program that was killed.
var errKilled = errors.New("killed")

// Start powers the machine of that name on, makes it if it is new, and runs
// the program. The machine must not be running one.
func (s *Sim) Start(ctx context.Context, spec Spec) (*Machine, error) {
	m := s.machines[spec.Name]
	if m == nil {
		ip, err := parseIP(spec.IP)
		if err != nil || s.byIP[ip] != nil {
			return nil, fmt.Errorf("start %s: address %q is invalid or taken", spec.Name, spec.IP)
		}
		m = &Machine{sim: s, ip: ip}
		s.machines[spec.Name], s.byIP[ip] = m, m
	}
	if m.proc != nil {
		return nil, fmt.Errorf("start %s: already running", spec.Name)
	}
	code, err := s.engine.compile(ctx, spec.Program)
	if err != nil {
		return nil, err
	}
	m.spec, m.up = spec, true
	m.listen, m.conns = map[uint32]bool{}, map[uint32]*end{}
	m.life++
	m.boot(ctx, code)
	s.net.back(m)
	return m, nil
}

// Machine returns the machine of that name, or nil.
func (s *Sim) Machine(name string) *Machine { return s.machines[name] }

// Running says whether a program runs on the machine.
func (m *Machine) Running() bool { return m.proc != nil }

func (m *Machine) boot(ctx context.Context, code wazero.CompiledModule) {
	s := m.sim
	g := &process{m: m, rng: rand.NewChaCha8(seed32(s.Rand(fmt.Sprintf("machine %s life %d", m.spec.Name, m.life))))}
	g.out = lineWriter{sim: s, name: m.spec.Name, w: s.cfg.Log}
	g.files.init(m.spec.Mounts)
	m.proc = g
	ctx = context.WithValue(experimental.WithMemoryAllocator(ctx, &g.ram), processKey{}, g)
	g.next, g.stop = iter.Pull(func(yield func(struct{}) bool) {
		g.yield = yield
		cfg := wazero.NewModuleConfig().WithName("").WithStartFunctions("_start")
		mod, err := s.engine.runtime.InstantiateModule(ctx, code, cfg)
		if mod != nil {
			mod.Close(ctx)
		}
		g.exit = err
	})
	s.trace.event(s.Now(), "start", m.spec.Name, uint64(m.life), nil)
	g.parked = true
	g.wake()
}

func seed32(r *rand.Rand) (seed [32]byte) {
	for i := range seed {
		seed[i] = byte(r.Uint32())
	}
	return seed
}

// wake queues the program to run now, if it waits.
func (g *process) wake() {
	if !g.parked || g.woken || g.dead {
		return
	}
	g.woken = true
	g.m.sim.after(0, g.run)
}

// run lets the program compute until it waits again or ends.
func (g *process) run() {
	if g.dead {
		return
	}
	s := g.m.sim
	g.woken, g.parked, g.calls = false, false, 0
	s.running.Store(g.m)
	_, alive := g.next()
	s.running.Store(nil)
	switch {
	case g.dead:
		g.unwind()
	case !alive:
		g.ended()
	}
}

// park gives the processor away until something wakes this program. It unwinds
// the program when it is killed.
func (g *process) park() {
	g.parked = true
	if !g.yield(struct{}{}) {
		panic(errKilled)
	}
}

// call counts a system call and panics when the program runs wild.
func (g *process) call() {
	if g.calls++; g.calls > callBudget {
		g.m.sim.Fail(fmt.Errorf("%w: %s made %d system calls without waiting", ErrStuck, g.m.spec.Name, callBudget))
		panic(errKilled)
	}
}

// ended cleans up after a program that ended by itself.
func (g *process) ended() {
	code := uint32(0)
	var exit *sys.ExitError
	switch {
	case errors.As(g.exit, &exit):
		code = exit.ExitCode()
	case g.exit != nil:
		code = 255
		fmt.Fprintf(&g.out, "crashed: %v\n", g.exit)
	}
	m := g.m
	m.sim.trace.event(m.sim.Now(), "exit", m.spec.Name, uint64(code), nil)
	m.drop(false)
	if m.spec.OnExit != nil {
		m.spec.OnExit(code)
	}
}

// Kill ends the program as SIGKILL does: what it wrote stays visible, mapped
// memory included, and its peers see their connections reset.
func (m *Machine) Kill() {
	if m.proc != nil {
		m.sim.trace.event(m.sim.Now(), "kill", m.spec.Name, 0, nil)
		m.drop(false)
	}
}

// PowerLoss ends the program and forgets what its volumes had not made
// durable; its peers hear nothing until it is started again.
func (m *Machine) PowerLoss() {
	m.sim.trace.event(m.sim.Now(), "power loss", m.spec.Name, 0, nil)
	m.up = false
	m.drop(true)
}

func (m *Machine) drop(power bool) {
	g := m.proc
	if g != nil {
		if !power {
			g.flushMaps()
		}
		m.end()
	}
	for _, mount := range m.spec.Mounts {
		if v, ok := mount.Volume.(vol.Machine); ok {
			if power {
				v.PowerLoss()
			} else {
				v.Kill()
			}
		}
	}
	m.sim.net.down(m, power)
}

// end unwinds the program if it is in the middle of something.
func (m *Machine) end() {
	g := m.proc
	if g == nil {
		return
	}
	m.proc, g.dead = nil, true
	if g.mod != nil {
		g.out.flush()
	}
	if m.sim.running.Load() != m {
		g.unwind()
	}
}

// unwind ends what is left of a dead program and frees its memory.
func (g *process) unwind() {
	g.stop()
	g.ram.release()
}

// monotonic is the clock of intervals: it stands still in a leap.
func (g *process) monotonic() time.Duration {
	g.m.sim.now += tick
	return g.m.sim.now
}

// wall is the clock on the wall: it moves in a leap.
func (g *process) wall() time.Time {
	s := g.m.sim
	s.now += tick
	return s.cfg.Epoch.Add(s.now + s.leapt)
}
