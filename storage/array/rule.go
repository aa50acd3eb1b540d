package array

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// Rule is a bug armed somewhere.
type Rule struct {
	ID      string // of this arming: Disarm takes it
	Bug     string
	Scope   string
	Volumes []string // in scope at the time of arming
}

// rule is a bug that was armed: its scope, and what came of it.
type rule struct {
	id      string
	dice    string // what its random streams are named after: the bug, and which of its armings this is
	bug     bug.Bug
	scope   bug.Scope
	lostAt  lossEvents
	effect  mask // operations that the effect is carried out on
	asks    mask // operations at which conditions and chances are asked
	answers mask // of an action: the operations that are answered as it says when they fire it
	units   map[string]*unit
	order   []*unit
	gates   map[*Volume][]*gate
	events  []string // that the trigger waits for
	ended   bool
	receipt Receipt
	beneath bool // its places are of drives, so that RAID can stand in for them
	clock   vol.Clock
	fleet   *Fleet
}

// gate is where the operations of one volume pass one rule.
type gate struct {
	rule  *rule
	unit  *unit
	v     *Volume
	pos   int  // among the gates of the volume
	felt  mask // operations that the effect is on for
	asks  mask // operations that the trigger has to see
	rng   *rand.Rand
	held  []*request
	shots []*snapshot   // for a rollback
	shown time.Duration // when what is durable was last about to change
	gone  bool          // its volume is in scope no more
	calm  bool          // its array was rebooted, and others that share the trigger were not

	graves []grave // of names removed, for a bug that brings them back
}

// mask is a set of kinds of operations.
type mask uint32

const allOps mask = 1<<31 - 1

func maskOf(kinds []vol.Kind) mask {
	var m mask
	for _, k := range kinds {
		m |= 1 << k
	}
	return m
}

func (m mask) has(k vol.Kind) bool { return m&(1<<k) != 0 }

var (
	flushes  = maskOf([]vol.Kind{vol.Sync, vol.SyncDir})
	mutators = maskOf([]vol.Kind{vol.Write, vol.Truncate, vol.Mkdir, vol.Rmdir, vol.Unlink, vol.Rename,
		vol.SetAttr, vol.Symlink})
)

// Arm puts a bug in place. What scope leaves empty is as the bug says. A scope
// in which there is no volume is an error.
func (f *Fleet) Arm(b bug.Bug, scope bug.Scope) (Rule, error) {
	f.mu.Lock()
	defer f.unlock()
	if err := b.Check(); err != nil {
		return Rule{}, fmt.Errorf("arm %s: %w", b.ID, err)
	}
	r := f.newRule(b, b.Scope.With(scope))
	if f.prepared == 0 && len(f.rules) == 0 {
		f.ageAll()
	}
	f.rules = append(f.rules, r)
	f.rebind()
	if len(r.gates) == 0 {
		f.rules = f.rules[:len(f.rules)-1]
		return Rule{}, fmt.Errorf("arm %s: no volume in scope %q; there are %s", b.ID, r.scope.String(), f.hosts())
	}
	out := Rule{ID: r.id, Bug: b.ID, Scope: r.receipt.Scope}
	for _, v := range f.order {
		if r.gates[v] != nil {
			out.Volumes = append(out.Volumes, v.name)
		}
	}
	r.start()
	return out, nil
}

// ageAll notes that everything stored so far was written long ago, where nobody
// said when the preparation ends.
func (f *Fleet) ageAll() {
	f.aged = f.clock.Now()
	for _, v := range f.order {
		for _, n := range v.inodes {
			n.aged = true
		}
	}
}

// armings is how often a bug has been armed.
func (f *Fleet) armings(bugID string) (n int) {
	for _, r := range f.rules {
		if r.bug.ID == bugID {
			n++
		}
	}
	return n
}

func (f *Fleet) newRule(b bug.Bug, scope bug.Scope) *rule {
	r := &rule{id: fmt.Sprintf("%s#%d", b.ID, len(f.rules)+1), dice: fmt.Sprintf("%s#%d", b.ID, 1+f.armings(b.ID)), bug: b, scope: scope, clock: f.clock, fleet: f,
		units: map[string]*unit{}, gates: map[*Volume][]*gate{}}
	r.setMasks(&r.bug.Effect)
	r.events = eventsOf(&r.bug.Trigger)
	for _, at := range b.Effect.LostAt {
		r.lostAt |= lossEventOf[at]
	}
	if r.lostAt == 0 {
		r.lostAt = lostAtPowerLoss | lostAtFailover
	}
	r.receipt = Receipt{ID: r.id, Bug: b.ID, Scope: scope.String(), ArmedAt: f.clock.Now()}
	return r
}

var lossEventOf = map[string]lossEvents{bug.EventPowerLoss: lostAtPowerLoss, bug.EventFailover: lostAtFailover,
	bug.EventNodePowerLoss: lostAtNodePowerLoss, bug.EventEviction: lostAtEviction}

// setMasks says which operations an effect concerns. An action waits for no
// operation of its own, so any may fire it.
func (r *rule) setMasks(e *bug.Effect) {
	if len(e.Acts) > 0 {
		return
	}
	r.effect = maskOf(e.Ops)
	r.asks = r.effect
	if e.Action == "" {
		return
	}
	r.effect, r.answers = lasting(e.Action), maskOf(e.Ops)
	if r.asks == 0 {
		r.asks = cmp.Or(r.effect, allOps)
	}
}

// lasting is the operations that an action is felt by for as long as it is on.
func lasting(a bug.Action) mask {
	switch a {
	case bug.Offline:
		return allOps
	case bug.ReadOnly:
		return mutators | flushes | maskOf([]vol.Kind{vol.Open})
	case bug.HideEntries:
		return maskOf([]vol.Kind{vol.ReadDir})
	}
	return 0
}

// hosts describes what there is, for the error about an empty scope.
func (f *Fleet) hosts() string {
	var all []string
	for _, v := range f.order {
		all = append(all, fmt.Sprintf("%s on %s (%s)", v.name, v.array.name, v.array.cfg.OS))
	}
	return strings.Join(all, ", ")
}

// rebind gives every rule its gates at each volume in its scope, and takes away
// the others.
func (f *Fleet) rebind() {
	for _, v := range f.order {
		v.gates, v.acts, v.history = nil, nil, 0
		v.forgetSights()
	}
	for _, r := range f.rules {
		if r.ended {
			continue
		}
		for _, v := range f.order {
			f.bind(r, v)
		}
		r.armUnits()
	}
}

func (f *Fleet) bind(r *rule, v *Volume) {
	gates := r.gates[v]
	if !r.has(v) && !lingers(gates) {
		delete(r.gates, v)
		for _, g := range gates {
			g.leave()
		}
		return
	}
	if gates == nil {
		gates = r.newGates(v)
		r.gates[v] = gates
	}
	for _, g := range gates {
		g.pos = len(v.gates)
		v.gates = append(v.gates, g)
	}
	v.acts = append(v.acts, r.bug.Effect.Acts...)
	if c := r.bug.Effect.Data; c.Kind == bug.Old {
		v.history = max(v.history, int(c.N))
	}
}

// lingers reports whether a permanent bug has fired there: no other OS ends that,
// but it will not fire again.
func lingers(gates []*gate) bool {
	fired := func(g *gate) bool { return g.unit.on || g.unit.wounds > 0 }
	if len(gates) == 0 || gates[0].rule.bug.Persistence != bug.Permanent || !slices.ContainsFunc(gates, fired) {
		return false
	}
	for _, g := range gates {
		g.unit.closed, g.unit.stirred = true, true
	}
	return true
}

// has reports whether a volume is in scope. A drive that dies takes with it all
// volumes of its array, so they are in scope together.
func (r *rule) has(v *Volume) bool {
	in := func(v *Volume) bool {
		return r.scope.Population.Has(bug.Host{OS: v.array.cfg.OS, Array: v.array.name, Volume: v.name, Store: v.store, Of: v.of})
	}
	if r.scope.Extent == bug.ExtentDevice {
		return slices.ContainsFunc(v.array.volumes, in)
	}
	return in(v)
}

// newGates makes one gate for each unit that a volume belongs to.
func (r *rule) newGates(v *Volume) []*gate {
	n := r.unitsPerArray(v.array)
	gates := make([]*gate, n)
	for i := range n {
		name := "rule/" + r.dice + "/" + v.name
		if i > 0 {
			name += "/" + strconv.Itoa(i)
		}
		g := &gate{rule: r, unit: r.unitFor(v, i), v: v, rng: r.fleet.stream(name)}
		g.unit.watch.rouse(g.unit)
		g.unit.gates = append(g.unit.gates, g)
		g.unit.stirred = true
		if r.bug.Effect.Action == bug.Rollback {
			g.shots, g.shown = []*snapshot{v.snapshot()}, r.clock.Now()
		}
		gates[i] = g
	}
	return gates
}

// unitsPerArray is how many units an array has to itself, or 1.
func (r *rule) unitsPerArray(d *device) int {
	switch r.scope.Extent {
	case bug.ExtentController:
		return d.cfg.Controllers
	case bug.ExtentDevice:
		return max(1, d.cfg.Drives)
	}
	return 1
}

func (r *rule) unitFor(v *Volume, i int) *unit {
	key := v.name
	switch r.scope.Extent {
	case bug.ExtentSystem:
		key = ""
	case bug.ExtentArray, bug.ExtentController, bug.ExtentDevice:
		key = v.array.name + "/" + strconv.Itoa(i)
	}
	u := r.units[key]
	if u == nil {
		u = &unit{rule: r, index: i, watch: newWatch(r), rng: r.fleet.stream("rule/" + r.dice + "/unit/" + key)}
		r.units[key] = u
		r.order = append(r.order, u)
	}
	return u
}

// leave takes a gate out of its unit, because its volume is in scope no more.
func (g *gate) leave() {
	u := g.unit
	g.gone = true
	u.watch.rouse(u)
	if len(u.gates) == 1 {
		u.revive()
		u.armed = false // who comes back to it has it from then on
	}
	u.gates = slices.DeleteFunc(u.gates, func(x *gate) bool { return x == g })
	u.refresh()
	g.release()
}

// Disarm takes one rule away; what it damaged stays damaged, what it held goes
// on.
func (f *Fleet) Disarm(id string) error {
	f.mu.Lock()
	defer f.unlock()
	for _, r := range f.rules {
		if r.id == id && !r.ended {
			f.end(r)
			return nil
		}
	}
	return fmt.Errorf("disarm %q: no such rule is armed", id)
}

// Fix is the vendor's fix for a bug, installed everywhere. Hung operations go
// on, each with its ordinary service time. A permanent bug that has fired is
// past fixing, though it will not fire elsewhere.
func (f *Fleet) Fix(bugID string) error {
	f.mu.Lock()
	defer f.unlock()
	found := false
	for _, r := range f.rules {
		if r.bug.ID != bugID || r.ended {
			continue
		}
		found = true
		if r.bug.Persistence == bug.Permanent && r.fired() {
			r.stopFiring()
			continue
		}
		f.end(r)
	}
	if !found {
		return fmt.Errorf("fix %q: no such bug is armed", bugID)
	}
	return nil
}

func (r *rule) fired() bool {
	return slices.ContainsFunc(r.order, func(u *unit) bool { return u.on || u.wounds > 0 })
}

func (r *rule) stopFiring() {
	for _, u := range r.order {
		u.due, u.closed = false, true
		u.refresh()
	}
}

func (f *Fleet) end(r *rule) {
	r.ended = true
	r.receipt.Reverted, r.receipt.RevertedAt = true, f.clock.Now()
	for _, u := range r.order {
		u.revive()
		u.refresh()
	}
	f.rebind()
	for _, v := range f.order {
		for _, g := range r.gates[v] {
			g.release()
		}
	}
	if slices.Contains(r.bug.Effect.Acts, bug.Takeover) {
		f.takeOverAtLast()
	}
}

// release lets the held operations go on.
func (g *gate) release() {
	held := g.held
	g.held = nil
	for _, r := range held {
		if r.gen != g.v.gen {
			continue
		}
		r.dec, _ = g.v.judge(&r.op, r.file)
		g.v.start(r)
	}
}

func (g *gate) dropHeld() { g.held = nil }
