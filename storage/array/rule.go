package array

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
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
	bug     bug.Bug
	scope   bug.Scope
	lostAt  lossEvents
	effect  mask // operations that the effect concerns
	looks   mask // operations that the trigger or the effect concern
	units   map[string]*unit
	order   []*unit
	gates   map[*Volume]*gate
	ended   bool
	receipt Receipt
	clock   vol.Clock
}

// unit is what shares one trigger: a volume, an array or the whole system.
type unit struct {
	rule       *rule
	watch      *watch
	gates      []*gate
	armed      bool // told that it is
	on         bool // fired, and still in effect
	due        bool // fired for the next operation only
	spent      bool // will not fire again
	file       string
	controller int
}

// gate is where the operations of one volume pass one rule.
type gate struct {
	rule  *rule
	unit  *unit
	v     *Volume
	rng   *rand.Rand
	held  []*request
	shots []*snapshot
}

// mask is a set of kinds of operations.
type mask uint32

const allOps mask = 1<<32 - 1

func maskOf(kinds []vol.Kind) mask {
	var m mask
	for _, k := range kinds {
		m |= 1 << k
	}
	return m
}

func (m mask) has(k vol.Kind) bool { return m&(1<<k) != 0 }

var mutators = maskOf([]vol.Kind{vol.Write, vol.Truncate, vol.Mkdir, vol.Rmdir, vol.Unlink, vol.Rename})

// Arm puts a bug in place. What scope leaves empty is as the bug says. A scope
// in which there is no volume is an error.
func (f *Fleet) Arm(b bug.Bug, scope bug.Scope) (Rule, error) {
	f.mu.Lock()
	defer f.unlock()
	if err := b.Check(); err != nil {
		return Rule{}, fmt.Errorf("arm %s: %w", b.ID, err)
	}
	r := f.newRule(b, merge(b.Scope, scope))
	f.rules = append(f.rules, r)
	f.rebind()
	if len(r.gates) == 0 {
		f.rules = f.rules[:len(f.rules)-1]
		f.armed--
		return Rule{}, fmt.Errorf("arm %s: no volume in scope %q; there are %s", b.ID, r.scope.String(), f.hosts())
	}
	out := Rule{ID: r.id, Bug: b.ID, Scope: r.receipt.Scope}
	for _, v := range f.order {
		if r.gates[v] != nil {
			out.Volumes = append(out.Volumes, v.name)
		}
	}
	f.schedule(r, &b.Trigger)
	return out, nil
}

func merge(own, given bug.Scope) bug.Scope {
	p, q := own.Population, given.Population
	return bug.Scope{
		Extent: cmp.Or(given.Extent, own.Extent, bug.ExtentVolume),
		Path:   cmp.Or(given.Path, own.Path),
		Population: bug.Population{OS: cmp.Or(q.OS, p.OS), Array: cmp.Or(q.Array, p.Array), Volume: cmp.Or(q.Volume, p.Volume),
			Store: cmp.Or(q.Store, p.Store), Controller: cmp.Or(q.Controller, p.Controller)},
	}
}

func (f *Fleet) newRule(b bug.Bug, scope bug.Scope) *rule {
	f.armed++
	r := &rule{id: fmt.Sprintf("%s#%d", b.ID, f.armed), bug: b, scope: scope, clock: f.clock,
		units: map[string]*unit{}, gates: map[*Volume]*gate{}, effect: effectMask(&b.Effect)}
	r.looks = r.effect | triggerMask(&b.Trigger)
	if b.Effect.Action != "" {
		r.looks = allOps // an action waits for no operation of its own
	}
	for _, at := range b.Effect.LostAt {
		r.lostAt |= lossEventOf[at]
	}
	if r.lostAt == 0 {
		r.lostAt = lostAtPowerLoss | lostAtFailover
	}
	r.receipt = Receipt{ID: r.id, Bug: b.ID, Scope: scope.String(), ArmedAt: f.clock.Now()}
	return r
}

var lossEventOf = map[string]lossEvents{bug.EventPowerLoss: lostAtPowerLoss,
	bug.EventFailover: lostAtFailover, bug.EventNodePowerLoss: lostAtNodePowerLoss}

func effectMask(e *bug.Effect) mask {
	switch e.Action {
	case bug.Offline:
		return allOps
	case bug.ReadOnly:
		return mutators | maskOf([]vol.Kind{vol.Open, vol.Sync, vol.SyncDir})
	case bug.HideEntries:
		return maskOf([]vol.Kind{vol.ReadDir})
	}
	return maskOf(e.Ops)
}

// hosts describes what there is, for the error about an empty scope.
func (f *Fleet) hosts() string {
	var all []string
	for _, v := range f.order {
		all = append(all, fmt.Sprintf("%s on %s (%s)", v.name, v.array.name, v.array.cfg.OS))
	}
	return strings.Join(all, ", ")
}

// rebind gives every rule a gate at each volume in its scope, and takes away
// the others.
func (f *Fleet) rebind() {
	for _, v := range f.order {
		v.gates, v.history = nil, 0
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

// armUnits tells those units that are new that their bug is armed.
func (r *rule) armUnits() {
	for _, u := range r.order {
		if u.armed || len(u.gates) == 0 {
			continue
		}
		u.armed = true
		g := u.gates[0]
		if u.watch.sees(&moment{unit: u, gate: g, event: bug.EventArm, now: r.clock.Now()}) {
			g.fire("")
		}
	}
}

func (f *Fleet) bind(r *rule, v *Volume) {
	host := bug.Host{OS: v.array.cfg.OS, Array: v.array.name, Volume: v.name, Store: v.store}
	g := r.gates[v]
	if !r.scope.Population.Has(host) {
		if g != nil {
			delete(r.gates, v)
			g.unit.gates = slices.DeleteFunc(g.unit.gates, func(x *gate) bool { return x == g })
			g.release()
		}
		return
	}
	if g == nil {
		g = &gate{rule: r, unit: r.unitFor(v), v: v, rng: f.stream("rule/" + r.id + "/" + v.name)}
		g.unit.gates = append(g.unit.gates, g)
		r.gates[v] = g
		if r.bug.Effect.Action == bug.Rollback {
			g.shots = []*snapshot{v.snapshot()}
		}
	}
	v.gates = append(v.gates, g)
	if c := r.bug.Effect.Data; c.Kind == bug.Old {
		v.history = max(v.history, int(c.N))
	}
}

func (r *rule) unitFor(v *Volume) *unit {
	key := v.name
	switch r.scope.Extent {
	case bug.ExtentSystem:
		key = ""
	case bug.ExtentArray, bug.ExtentController:
		key = v.array.name
	}
	u := r.units[key]
	if u == nil {
		u = &unit{rule: r, watch: newWatch(&r.bug.Trigger, false)}
		r.units[key] = u
		r.order = append(r.order, u)
	}
	return u
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
	return slices.ContainsFunc(r.order, func(u *unit) bool { return u.on })
}

func (r *rule) stopFiring() {
	for _, u := range r.order {
		u.due = false
		u.spent = u.spent || !u.on
	}
}

func (f *Fleet) end(r *rule) {
	r.ended = true
	r.receipt.Reverted, r.receipt.RevertedAt = true, f.clock.Now()
	f.rebind()
	for _, v := range f.order {
		if g := r.gates[v]; g != nil {
			g.release()
		}
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

// event tells every rule in scope of an array what happened to it.
func (f *Fleet) event(d *device, name string) {
	for _, r := range slices.Clone(f.rules) {
		if !r.ended {
			r.tell(d, name)
		}
	}
}

// tell lets the units of an array, or all for nil, see an event.
func (r *rule) tell(d *device, event string) {
	for _, u := range r.order {
		i := slices.IndexFunc(u.gates, func(g *gate) bool { return d == nil || g.v.array == d })
		if i < 0 || u.spent || u.on {
			continue
		}
		g := u.gates[i]
		if u.watch.sees(&moment{unit: u, gate: g, event: event, now: r.clock.Now()}) {
			g.fire("")
		}
	}
}

// reboot ends what a power cycle of an array ends.
func (f *Fleet) reboot(d *device) {
	for _, r := range f.rules {
		if r.bug.Persistence != bug.UntilReboot || r.ended {
			continue
		}
		for _, u := range r.order {
			if slices.ContainsFunc(u.gates, func(g *gate) bool { return g.v.array == d }) {
				u.on = false
			}
		}
	}
}

// schedule wakes a rule at the times its trigger names, so that an action need
// not wait for an operation.
func (f *Fleet) schedule(r *rule, t *bug.Trigger) {
	if r.bug.Effect.Action == "" {
		return
	}
	for _, at := range times(t) {
		if d := at - f.clock.Now(); d > 0 {
			f.later(d, func() {
				if !r.ended {
					r.tell(nil, "")
				}
			})
		} else {
			r.tell(nil, "")
		}
	}
}

func times(t *bug.Trigger) []time.Duration {
	var all []time.Duration
	if t.Time != nil {
		all = append(all, t.Time.At)
	}
	for i := range t.All {
		all = append(all, times(&t.All[i])...)
	}
	for i := range t.Any {
		all = append(all, times(&t.Any[i])...)
	}
	if t.Arm != nil {
		all = append(all, append(times(t.Arm), times(t.Fire)...)...)
	}
	return all
}
