package run

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
	"fourdays/harness/world"
	"fourdays/storage/array"
	"fourdays/storage/bug"
)

// dues are the moments that a leap must not pass.
type dues []time.Duration

// dueAt is At for what a leap must stop at.
func (st *stage) dueAt(t time.Duration, f func()) {
	st.due = append(st.due, t)
	sort.Slice(st.due, func(i, j int) bool { return st.due[i] < st.due[j] })
	st.At(t, func() {
		i := slices.Index(st.due, t)
		st.due = slices.Delete(st.due, i, i+1)
		f()
	})
}

// fault is one planned fault, as the evidence keeps it.
type fault struct {
	report.Fault
	Name       string   `json:"name"`        // what steps call it
	Rule       string   `json:"rule"`        // of the array, "" for an act of the harness
	Volumes    []string `json:"volumes"`     // that it was on when it was armed
	MustRevert bool     `json:"must_revert"` // the script takes it back
}

// plan schedules the script.
func (st *stage) plan() {
	for i, step := range st.s.Timeline {
		if f := st.plannedFault(step); f != nil {
			f.Never = scenario.Never(st.s, i)
			st.ev.Faults = append(st.ev.Faults, f)
		}
		st.dueAt(step.At, func() { st.act(i, step) })
	}
}

// act carries out one step and watches the nodes for a while after it.
func (st *stage) act(i int, step scenario.Step) {
	if step.Note != "" {
		st.tell("note", "%s", step.Note)
	}
	done := func(err error) {
		if err != nil {
			st.failed(step, err)
		}
	}
	if refusable(step.Action) {
		done = st.acting(i, step)
	}
	st.do(step, st.sparesOf(i), done)
	st.forget()
	if _, leap := step.Action.(scenario.Leap); !leap {
		st.watch()
	}
}

// failed ends the run: the harness could not do what a step says.
func (st *stage) failed(step scenario.Step, err error) {
	st.fail(fmt.Errorf("step at %s (%s): %w", scenario.Duration(step.At), step.Action.Verb(), err))
}

// do carries out a step, and calls done once, when it is over.
func (st *stage) do(step scenario.Step, spares []scenario.Spare, done func(error)) {
	switch a := step.Action.(type) {
	case scenario.Replace:
		st.replace(a.Node, spares[0], done)
	case scenario.Recover:
		st.recover(a, spares, done)
	case scenario.Fresh:
		st.fresh(spares, done)
	case scenario.Merge:
		st.merge(done)
	case scenario.Verify:
		st.verify(func() { done(nil) })
	case scenario.Scrub:
		if err := all(a.Arrays, st.scrub); err != nil {
			done(err)
			return
		}
		st.scrubNodes(a.Nodes, done)
	default:
		done(st.doNow(step))
	}
}

// doNow carries out a step that is over at once.
func (st *stage) doNow(step scenario.Step) error {
	switch a := step.Action.(type) {
	case nil:
	case scenario.Arm:
		return st.arm(step, a)
	case scenario.Disarm:
		return st.disarm(a.Name)
	case scenario.Fix:
		return st.fix(a.Name)
	case scenario.PowerLoss:
		if err := st.shut(a.Targets); err != nil {
			return err
		}
		return st.each(step, a.Targets, st.powerLoss)
	case scenario.PowerOn:
		return st.each(step, a.Targets, st.powerOn)
	case scenario.Kill:
		return st.each(step, a.Nodes, st.kill)
	case scenario.Start:
		return st.each(step, a.Nodes, st.startNode)
	case scenario.Stop:
		return st.each(step, a.Nodes, st.stopForeign)
	case scenario.Restart:
		return st.each(step, a.Nodes, st.restart)
	case scenario.Failover:
		return st.each(step, a.Arrays, st.other(st.fleet.Failover))
	case scenario.Crash, scenario.Upgrade, scenario.Tell, scenario.Copy, scenario.Restore, scenario.Promote:
		return st.atArrays(step)
	case scenario.Partition:
		st.fired(step)
		st.partition(a.Groups)
	case scenario.Heal:
		st.heal()
	case scenario.Link:
		st.fired(step)
		l := st.link()
		l.Latency, l.Loss = a.Latency, a.Loss.Fraction()
		st.w.SetLink(a.Between[0], a.Between[1], l)
		st.tell("fault", "link %s–%s: %v, loss %v", a.Between[0], a.Between[1], a.Latency, a.Loss)
	case scenario.Inbound:
		st.inbound(a)
	case scenario.CloseAccounts:
		st.closeAccounts(a.Share)
	case scenario.Reopen:
		if v := &st.verified; step.At == unplanned && v.asked && !v.running && !v.passed {
			return refuse("the verification failed: %s", v.wrong)
		}
		st.reopen(a)
	case scenario.Leap:
		st.leapUntil(a.Until)
	default:
		return fmt.Errorf("this world does not know the action")
	}
	return nil
}

// each does one thing to several targets and notes that it happened.
func (st *stage) each(step scenario.Step, targets []string, f func(string) error) error {
	for _, t := range targets {
		if err := f(t); err != nil {
			return err
		}
	}
	st.fired(step)
	kind := "operator"
	if step.At != unplanned && st.plannedFault(step) != nil {
		kind = "fault"
	}
	st.tell(kind, "%s: %s", strings.ReplaceAll(step.Action.Verb(), "_", " "), strings.Join(targets, ", "))
	return nil
}

// scopeText prints a scope as the script spells it.
func scopeText(s scenario.Scope) string {
	var parts []string
	for _, p := range []struct{ name, glob string }{
		{"os", s.OS}, {"array", s.Array}, {"volume", s.Volume}, {"node", s.Node}, {"store", s.Store},
	} {
		if p.glob != "" {
			parts = append(parts, p.name+" "+p.glob)
		}
	}
	if len(parts) == 0 {
		return "everything"
	}
	return strings.Join(parts, ", ")
}

// leader is the word in a scope for the node that leads when the step comes.
const leader = "leader"

// leaderEvery is how often the nodes are asked who leads while nobody does
// (picked: shorter than most faults last).
const leaderEvery = 500 * time.Millisecond

// armOnLeader asks the nodes which of them leads, and arms there. If the script
// disarms it before there was a leader, it never fires, and the run says so.
func (st *stage) armOnLeader(step scenario.Step, a scenario.Arm) {
	st.probe(func() {
		if was, known := st.armed[a.As]; known && was == nil {
			return
		}
		for _, n := range st.nodes {
			if n.last.reachable && n.last.Role == leader {
				a.On.Node = n.name
				if err := st.arm(step, a); err != nil {
					st.fail(err)
				}
				return
			}
		}
		st.At(st.Now()+leaderEvery, func() { st.armOnLeader(step, a) })
	})
}

func (st *stage) arm(step scenario.Step, a scenario.Arm) error {
	if a.On.Node == leader {
		st.armOnLeader(step, a)
		return nil
	}
	b, _ := st.s.Bug(a.Bug)
	if len(a.Matches(b, st.s, st.fleet.OS)) == 0 {
		st.waiting = append(st.waiting, func() error {
			if was, known := st.armed[a.As]; known && was == nil {
				return nil // disarmed before it was on anything
			}
			return st.arm(step, a)
		})
		st.tell("fault", "%s is on nothing that is there", a.As)
		return nil
	}
	b = a.With(b)
	b.Trigger = shifted(b.Trigger, lead)
	rule, err := st.fleet.Arm(b, a.Scope(b, st.s))
	if err != nil {
		return err
	}
	f := st.faultOf(step)
	f.Rule, f.Volumes, f.ArmedAtMS = rule.ID, rule.Volumes, ms(st.Now())
	st.armed[a.As] = &rule
	if readable(b) {
		st.shows(rule.Volumes...)
		st.forget()
	}
	st.tell("fault", "armed %s on %s", a.Bug, scopeText(a.On))
	return nil
}

// shifted is a trigger whose times count from d later.
func shifted(t bug.Trigger, d time.Duration) bug.Trigger {
	if t.Time != nil {
		at := *t.Time
		at.At += d
		if at.Until > 0 {
			at.Until += d
		}
		t.Time = &at
	}
	for _, kids := range []*[]bug.Trigger{&t.All, &t.Any} {
		*kids = slices.Clone(*kids)
		for i := range *kids {
			(*kids)[i] = shifted((*kids)[i], d)
		}
	}
	for _, kid := range []**bug.Trigger{&t.Arm, &t.Fire} {
		if *kid != nil {
			moved := shifted(**kid, d)
			*kid = &moved
		}
	}
	return t
}

func (st *stage) disarm(name string) error {
	a := st.armed[name]
	if a == nil {
		st.armed[name] = nil // there was no leader to arm it on, or nothing in scope, and now it is too late
		st.tell("operator", "%s was never armed: there was nothing to arm it on", name)
		return nil
	}
	if st.ended(a) {
		st.tell("note", "%s is gone already: there is nothing to disarm", name)
		return nil
	}
	st.tell("operator", "disarmed %s", name)
	return st.fleet.Disarm(a.ID)
}

func (st *stage) fix(name string) error {
	a := st.armed[name]
	if a == nil {
		return st.disarm(name)
	}
	if st.ended(a) {
		st.tell("note", "%s is gone already: there is nothing to fix", name)
		return nil
	}
	st.ev.Milestones.FixedMS = ms(st.Now())
	st.front.anew()
	st.tell("operator", "the vendor's fix for %s is installed", name)
	st.attention.fixed = append(st.attention.fixed, name)
	st.At(st.Now(), st.consider)
	return st.fleet.Fix(a.Bug)
}

// ended says whether what was armed is gone: a vendor's fix takes a bug away
// wherever it was armed, under each of its names.
func (st *stage) ended(rule *array.Rule) bool {
	return slices.ContainsFunc(st.fleet.Receipts(), func(r array.Receipt) bool { return r.ID == rule.ID && r.Reverted })
}

func ms(d time.Duration) *int64 {
	n := d.Milliseconds()
	return &n
}

// fed are the nodes that have their power from a target: those of an array, or
// the node itself.
func (st *stage) fed(target string) []*node {
	if n := st.node(target); n != nil {
		return []*node{n}
	}
	return st.nodesOn(target)
}

// shut ends all nodes of a power loss at one moment, before the first of them is
// cleared away: none sees an array or another node without power.
func (st *stage) shut(targets []string) error {
	s, ok := st.w.(world.Shutter)
	if !ok {
		return nil
	}
	for _, t := range targets {
		for _, n := range st.fed(t) {
			if err := s.Shut(n.name); err != nil {
				return err
			}
		}
	}
	return nil
}

// powerLoss takes the power from an array and the nodes on it, or from a node.
func (st *stage) powerLoss(name string) error {
	if st.node(name) == nil {
		if err := st.fleet.PowerLoss(name); err != nil {
			return err
		}
	}
	if sp := st.spool(name); sp != nil {
		sp.powerLoss()
	}
	for _, n := range st.fed(name) {
		n.wanted = false
		if err := st.w.PowerLoss(n.name); err != nil {
			return err
		}
	}
	if st.foreign == nil {
		return nil
	}
	return st.foreign.Sweep() // now that nothing which strays had mapped can be written any more
}

func (st *stage) powerOn(name string) error {
	if st.node(name) == nil {
		if err := st.fleet.PowerOn(name); err != nil {
			return err
		}
	}
	if sp := st.spool(name); sp != nil {
		sp.powerOn()
	}
	for _, n := range st.fed(name) {
		st.start(n)
	}
	st.reverted("power_loss", name)
	return nil
}

func (st *stage) kill(name string) error {
	if st.foreign != nil {
		return st.killForeign(name, nil)
	}
	st.node(name).wanted = false
	return st.w.Kill(name)
}

func (st *stage) startNode(name string) error {
	st.start(st.node(name))
	st.reverted("kill", name)
	return nil
}

func (st *stage) restart(name string) error {
	if st.foreign != nil {
		return st.killForeign(name, func() { st.start(st.node(name)) })
	}
	if err := st.kill(name); err != nil {
		return err
	}
	return st.startNode(name)
}

func (st *stage) link() world.Link {
	return world.Link{Latency: st.s.Network.Latency, Jitter: st.s.Network.Jitter, Loss: st.s.Network.Loss.Fraction()}
}

// partition cuts every link between nodes of different groups.
func (st *stage) partition(groups [][]string) {
	for i, g := range groups {
		for _, h := range groups[i+1:] {
			for _, a := range g {
				for _, b := range h {
					st.w.SetLink(a, b, world.Link{Cut: true})
				}
			}
		}
	}
	var names []string
	for _, g := range groups {
		names = append(names, "["+strings.Join(g, " ")+"]")
	}
	st.tell("fault", "the network falls apart: %s", strings.Join(names, " "))
}

func (st *stage) heal() {
	for i, a := range st.nodes {
		for _, b := range st.nodes[i+1:] {
			st.w.SetLink(a.name, b.name, st.link())
		}
	}
	st.reverted("partition", "")
	st.reverted("link", "")
	st.tell("operator", "the network is whole again")
}
