package run

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fourdays/harness/hist"
	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/harness/workload"
	"fourdays/harness/world"
	"fourdays/storage/array"
	"fourdays/storage/bug"
)

// lead is the time before the scenario's zero in which the store is started
// and filled. What it does not need is leapt over.
const lead = scenario.Lead

// epoch is the wall clock of the programs at the scenario's zero: two hours before
// the outage of 2023 began.
var epoch = time.Date(2023, 1, 22, 19, 0, 0, 0, time.UTC)

// stage is one run in progress. Times are the scenario's: the world's less the
// lead.
type stage struct {
	ctx    context.Context
	s      *scenario.Scenario
	opt    Options
	seed   uint64
	w      world.World
	clock  *clock
	pace   pace
	fleet  *array.Fleet
	drv    driver
	engine *workload.Engine
	out    *hist.Writer
	file   *os.File
	log    *os.File
	ev     *Evidence
	err    error

	nodes    []*node
	accounts []string
	armed    map[string]*array.Rule // by the name that steps use
	waiting  []func() error         // armings that are on nothing before an upgrade
	front    front
	spools   []*spool
	due      dues // what a leap must not pass
	leap     leaping
	prepared time.Duration // what was leapt before the scenario began
	verified verification
	health   health
	foreign  *foreign // nil for our own store
	timed    map[string]*timed

	book      playbook
	attention attention
	replacing string          // the node that is, "" for none
	group     int             // the newest; each recovery begins one
	kept      []kept          // what fresh mailboxes stand in the place of; nil for none
	raises    int             // requests for higher UIDVALIDITYs, when last a group came into service
	merges    bool            // the scenario may, so that what was sent has to be known
	sent      map[string]sent // by the digest of the message
}

// node is one replica's machine.
type node struct {
	identity
	name, ip, array string
	born            int      // identities that it has had
	lives           []string // the volumes that it had before
	restarts        int
	refuses         func(code uint32) // told when its program ends instead of beginning a new group
	wanted          bool              // the script wants it to run
	shows           bool              // what its volume answers to readers may have changed
	last            healthAnswer
	detected        []string // by itself, in all its lives
	noticedMS       *int64   // when it last fenced itself, or said what it has detected
}

func newStage(ctx context.Context, s *scenario.Scenario, opt Options) (*stage, error) {
	st := &stage{ctx: ctx, s: s, opt: opt, seed: s.Seed, armed: map[string]*array.Rule{}, timed: map[string]*timed{}, attention: attention{looks: map[time.Duration]bool{}}, sent: map[string]sent{}, merges: s.Does("merge")}
	if opt.Seed != nil {
		st.seed = *opt.Seed
	}
	st.ev = newEvidence(s, st.seed, opt.Place.Kind())
	st.front.init()
	if err := st.findBugs(); err != nil {
		return nil, err
	}
	if err := st.openFiles(); err != nil {
		return nil, err
	}
	if err := st.build(); err != nil {
		st.close()
		return nil, err
	}
	return st, nil
}

func (st *stage) openFiles() (err error) {
	if st.file, err = openHistory(st.opt.Dir); err != nil {
		return err
	}
	st.out = hist.NewWriter(st.file)
	st.log, err = os.Create(filepath.Join(st.opt.Dir, "log", "programs.log"))
	if err != nil {
		st.file.Close()
		return fmt.Errorf("create log: %w", err)
	}
	return nil
}

// close releases what the run held and says what could not be written.
func (st *stage) close() error {
	var errs []string
	note := func(err error) {
		if err != nil {
			errs = append(errs, err.Error())
		}
	}
	if st.w != nil {
		note(st.w.Close(context.WithoutCancel(st.ctx)))
	}
	if st.foreign != nil {
		note(st.foreign.Close())
	}
	note(st.out.Close())
	note(st.log.Close())
	if len(errs) > 0 {
		return fmt.Errorf("write run directory: %s", strings.Join(errs, "; "))
	}
	return nil
}

// build makes the world, the arrays and the load.
func (st *stage) build() error {
	replicas := st.replicas()
	var err error
	st.w, err = st.opt.Place.New(st.ctx, world.Setting{
		Seed: st.seed, Epoch: epoch.Add(-lead), Machines: len(replicas), Net: st.link(), Log: st.log,
	})
	if err != nil {
		return err
	}
	st.clock, st.pace = &clock{Clock: st.w}, paceOf(st.w)
	for i, r := range replicas {
		st.nodes = append(st.nodes, &node{identity: identity{id: r.Node, life: 1, volume: r.Node}, born: 1, name: r.Node, ip: st.w.Address(i), array: r.Array})
	}
	if err := st.buildFleet(); err != nil {
		return err
	}
	st.buildSpools()
	st.nameAccounts()
	if err := st.buildForeign(); err != nil {
		return err
	}
	return st.buildLoad()
}

// nameAccounts takes the accounts of an external target, or makes them up.
func (st *stage) nameAccounts() {
	if x := st.s.External; x != nil && len(x.Logins) > 0 {
		for _, l := range x.Logins {
			st.accounts = append(st.accounts, l.Account)
		}
		return
	}
	for i := range st.s.Mail.Mailboxes {
		st.accounts = append(st.accounts, fmt.Sprintf("u%04d@%s", i+1, st.s.Mail.Domains[i%len(st.s.Mail.Domains)]))
	}
}

func (st *stage) replicas() (all []scenario.Replica) {
	for _, store := range st.s.Storage.Stores {
		all = append(all, store.Replicas...)
	}
	return all
}

// arrayConfig is an array of the scenario. It had power for the lead already when
// that begins.
func arrayConfig(a scenario.Array) array.ArrayConfig {
	cfg := ArrayConfig(a)
	cfg.PowerOn = max(0, cfg.PowerOn-lead)
	return cfg
}

// ArrayConfig is an array as a file describes it.
func ArrayConfig(a scenario.Array) array.ArrayConfig {
	cfg := array.ArrayConfig{
		OS: a.OS, Controllers: a.Controllers, Service: a.Service, Bandwidth: int64(a.Bandwidth),
		Takeover: array.PickedTakeover, Capacity: int64(a.Capacity), Inodes: int64(a.Inodes),
		PowerOn: a.PowerOn, Age: a.Age, Drives: a.Drives, Tolerance: a.Tolerance, Rebuild: a.Rebuild, Skew: a.Skew,
		Cache: int64(a.Cache), QueueDepth: a.Queue, Mirrored: a.Mirrored,
	}
	c := &cfg.Counters
	to := map[bug.Counter]*int64{
		bug.Ops: &c.Ops, bug.Writes: &c.Writes, bug.Flushes: &c.Flushes, bug.Files: &c.Files, bug.Bytes: &c.Bytes,
		bug.PowerLosses: &c.PowerLosses, bug.PowerCycles: &c.PowerCycles,
	}
	for _, start := range a.Counters {
		*to[start.Of] = start.Value
	}
	return cfg
}

func (st *stage) buildFleet() (err error) {
	cfg := array.Config{Arrays: map[string]array.ArrayConfig{}, Volumes: map[string]array.VolumeConfig{}, Prepared: lead}
	for _, a := range st.s.Storage.Arrays {
		cfg.Arrays[a.Name] = arrayConfig(a)
	}
	put := func(volume, of, on, store string) {
		cfg.Volumes[volume] = array.VolumeConfig{Array: on, Store: store, Profile: array.Profile(st.s.Storage.Profile), Direct: st.s.Storage.Direct, Of: of}
		device := scenario.Device(volume)
		cfg.Arrays[device] = array.ArrayConfig{OS: scenario.DeviceOS}
		cfg.Volumes[device] = array.VolumeConfig{Array: device, Store: scenario.DeviceStore}
		if of != "" {
			cfg.Volumes[device] = array.VolumeConfig{Array: device, Store: scenario.DeviceStore, Of: scenario.Device(of)}
		}
	}
	for _, store := range st.s.Storage.Stores {
		for _, r := range store.Replicas {
			put(r.Node, "", r.Array, store.Name)
		}
	}
	for _, name := range st.s.Spools() {
		cfg.Volumes[scenario.SpoolVolume(name)] = array.VolumeConfig{Array: name, Store: st.s.SpoolStore(), Profile: array.Profile(st.s.Storage.Profile), Direct: st.s.Storage.Direct}
	}
	for _, spare := range st.s.Spares() {
		put(spare.Name, spare.Node, spare.Array, spare.Store)
	}
	st.fleet, err = array.New(st.clock, st.seed, cfg)
	return err
}

func (st *stage) buildLoad() error {
	w := st.s.Workload
	profile, ok := workload.Profiles[w.Senders]
	if !ok {
		return fmt.Errorf("workload: no profile of senders %q", w.Senders)
	}
	var names []string
	for _, n := range st.nodes {
		names = append(names, n.name)
	}
	var err error
	st.engine, err = workload.New(workload.Config{
		Seed: st.seed, Accounts: st.accounts, Nodes: names,
		Deliver: workload.Constant(w.Deliver.PerSecond()), Read: workload.Constant(w.Read.PerSecond()),
		Change: workload.Constant(w.Change.PerSecond()), Senders: profile,
		Clients: w.Clients, NewClients: w.NewClients.Fraction(),
		Sizes: workload.Sizes{Cap: int(w.MaxSize)}, Start: w.From, End: w.Until, Record: st.record,
		DeliverTimeout: st.pace.senders(st.s), AuditTimeout: st.pace.patience,
		NoAdmin: st.foreign != nil,
	}, st)
	return err
}

// findBugs gathers the bugs that the timeline arms, and keeps them in the run
// directory: to judge or play it again must need nothing else.
func (st *stage) findBugs() error {
	h := sha256.New()
	for _, step := range st.s.Timeline {
		arm, ok := step.Action.(scenario.Arm)
		if !ok {
			continue
		}
		b, known := st.s.Bug(arm.Bug)
		if !known {
			return fmt.Errorf("arm %s: no such bug in the file, the catalogue or a folder of yours; `fourdays bugs list` shows them", arm.Bug)
		}
		h.Write(bug.Print(b))
	}
	st.ev.Build = st.opt.build(hex.EncodeToString(h.Sum(nil)))
	return keepBugs(st.opt.Dir, st.s.Used())
}

// Now, At and Ask make a stage the workload's port.

// Now is the scenario's time.
func (st *stage) Now() time.Duration { return st.clock.Now() - lead }

// At calls f at a scenario time.
func (st *stage) At(t time.Duration, f func()) { st.clock.At(t+lead, f) }

// record writes an answered op into the history.
func (st *stage) record(op *hist.Op) {
	if st.front.learn(op) {
		st.watch()
	}
	st.look(op)
	st.attention.drought.add(op)
	st.learnSent(op)
	if err := st.out.Write(op); err != nil {
		st.fail(fmt.Errorf("write history: %w", err))
	}
	if st.book.wait != nil || len(st.s.Stop) > 0 {
		st.consider()
	}
}

// fail ends the run with a fault of the harness.
func (st *stage) fail(err error) {
	if st.err == nil {
		st.err = err
		st.w.Fail(err)
	}
}

// tell adds a line to the timeline and to the progress.
func (st *stage) tell(kind, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	st.ev.Timeline = append(st.ev.Timeline, report.Event{AtMS: st.Now().Milliseconds(), Kind: kind, Text: text})
	st.progress("run", text)
}

func (st *stage) progress(phase, text string) {
	if st.opt.Progress != nil {
		st.opt.Progress(Progress{Phase: phase, At: st.Now(), Of: st.s.Duration, Text: text})
	}
}
