package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"fourdays/storage/bug"
)

// verbs are the actions of the timeline, in the order that messages list them.
var verbs = []struct {
	name string
	read func(*decoder, *Scenario, *Step, *yaml.Node) Action
}{
	{"arm", (*decoder).arm},
	{"disarm", (*decoder).disarm},
	{"fix", (*decoder).fix},
	{"power_loss", (*decoder).powerLoss},
	{"power_on", (*decoder).powerOn},
	{"kill", (*decoder).kill},
	{"start", (*decoder).start},
	{"restart", (*decoder).restart},
	{"failover", (*decoder).failover},
	{"partition", (*decoder).partition},
	{"heal", (*decoder).heal},
	{"link", (*decoder).link},
	{"inbound", (*decoder).inbound},
	{"close_accounts", (*decoder).closeAccounts},
	{"reopen", (*decoder).reopen},
	{"verify", (*decoder).verify},
	{"leap", (*decoder).leap},
}

// Verbs are the actions that a step can have.
func Verbs() []string {
	names := make([]string, len(verbs))
	for i, v := range verbs {
		names[i] = v.name
	}
	return names
}

func (d *decoder) timeline(n *yaml.Node, s *Scenario) {
	var at []placed
	d.items(n, "want a list of steps, such as - {at: 30s, restart: [n1]}", func(item *yaml.Node) {
		if step, ok := d.step(item, s); ok {
			at = append(at, placed{step, item})
		}
	})
	slices.SortStableFunc(at, func(a, b placed) int { return cmp.Compare(a.At, b.At) })
	for _, p := range at {
		s.Timeline = append(s.Timeline, p.Step)
	}
	d.later(func() { d.order(at, s.Duration) })
}

// placed is a step and where it stands in the file.
type placed struct {
	Step
	node *yaml.Node
}

func (d *decoder) step(n *yaml.Node, s *Scenario) (Step, bool) {
	var step Step
	before, actions, hasAt := len(d.issues), 0, false
	var as *yaml.Node
	fields := []field{
		may("at", func(n *yaml.Node) { hasAt = true; d.duration(&step.At, 0)(n) }),
		may("note", d.text(&step.Note)),
	}
	for _, v := range verbs {
		fields = append(fields, may(v.name, func(n *yaml.Node) {
			if actions++; actions == 1 {
				step.Action = v.read(d, s, &step, n)
			}
		}))
	}
	var on *yaml.Node
	fields = append(fields, may("on", func(n *yaml.Node) { on = n }), may("as", func(n *yaml.Node) { as = n }))
	d.mapping(n, "a step", fields...)
	if !hasAt && n.Kind == yaml.MappingNode {
		d.wrong(n, "add at: 30s, counted from the start", "the step has no time")
	}
	d.target(n, on, as, &step, s)
	switch {
	case len(d.issues) > before:
	case actions > 1:
		d.wrong(n, "want a step for each; steps may share a moment", "the step has %d actions", actions)
	case actions == 0 && step.Note == "":
		d.wrong(n, "want one of "+strings.Join(Verbs(), ", ")+", note", "the step does nothing")
	}
	return step, len(d.issues) == before
}

// target reads what belongs to arm and to nothing else.
func (d *decoder) target(n, on, as *yaml.Node, step *Step, s *Scenario) {
	arm, isArm := step.Action.(Arm)
	if !isArm {
		for _, extra := range []*yaml.Node{on, as} {
			if extra != nil {
				d.wrong(extra, "leave it out", "only arm takes on and as")
			}
		}
		return
	}
	if as != nil {
		d.matching(&arm.As, nameForm, wantName)(as)
	}
	if on == nil {
		d.wrong(n, "add on: {os: acme/*}, or array, volume, node or store", "arm does not say on what")
	} else {
		before := len(d.issues)
		d.scope(on, &arm.On)
		if len(d.issues) == before {
			d.later(func() { d.reaches(on, arm.On, s) })
		}
	}
	step.Action = arm
}

func (d *decoder) scope(n *yaml.Node, s *Scope) {
	var fields []field
	for _, f := range s.fields() {
		fields = append(fields, may(f.key, d.glob(f.value)))
	}
	d.mapping(n, "on", fields...)
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		d.wrong(n, `want a glob, such as {array: "*"} for all`, "on chooses nothing")
	}
}

// leader is the node that leads when a step comes; any can.
const leader = "leader"

// reaches checks that a scope chooses something: a fault on nothing never fires.
// The devices of the promises are of no store, and have to be named.
func (d *decoder) reaches(n *yaml.Node, on Scope, s *Scenario) {
	want := bug.Population{OS: on.OS, Array: on.Array, Volume: on.Volume, Store: on.Store}
	for _, store := range s.Storage.Stores {
		for _, r := range store.Replicas {
			node := bug.Population{Volume: on.Node}
			if on.Node == leader {
				node.Volume = r.Node
			}
			host := bug.Host{OS: s.osOf(r.Array), Array: r.Array, Volume: r.Node, Store: store.Name}
			if want.Has(host) && node.Has(host) {
				return
			}
			device := r.Node + "-device"
			host = bug.Host{OS: "device/1", Array: device, Volume: device, Store: "devices"}
			if on.Store != "" && on.Node == "" && want.Has(host) {
				return
			}
		}
	}
	if len(s.Storage.Stores) > 0 {
		d.wrong(n, "name what storage has: "+strings.Join(s.hosts(), ", "), "on chooses nothing that is there")
	}
}

// hosts tells where each replica is.
func (s *Scenario) hosts() (all []string) {
	for _, store := range s.Storage.Stores {
		for _, r := range store.Replicas {
			all = append(all, fmt.Sprintf("%s on %s (%s)", r.Node, r.Array, s.osOf(r.Array)))
		}
	}
	return all
}

func (s *Scenario) osOf(array string) string {
	for _, a := range s.Storage.Arrays {
		if a.Name == array {
			return a.OS
		}
	}
	return ""
}

// order checks what steps say about each other.
func (d *decoder) order(steps []placed, end time.Duration) {
	armed := map[string]bool{}
	for i, p := range steps {
		if end > 0 && p.At > end {
			d.wrong(p.node, "want at most the duration, "+Duration(end), "the step at %s is past the end", Duration(p.At))
		}
		switch a := p.Action.(type) {
		case Arm:
			if armed[a.As] {
				d.wrong(p.node, "give the second one a name of its own with as:", "%q is armed twice", a.As)
			}
			armed[a.As] = true
		case Disarm:
			d.wantArmed(p, a.Name, armed)
		case Fix:
			d.wantArmed(p, a.Name, armed)
		case Reopen:
			if end > 0 && p.At+a.Over > end {
				d.wrong(p.node, "want the last cohort within the duration, "+Duration(end), "reopening ends at %s, past the end", Duration(p.At+a.Over))
			}
		case Leap:
			d.leapOver(p, a, steps[i+1:], end)
		}
	}
}

func (d *decoder) wantArmed(p placed, name string, armed map[string]bool) {
	if armed[name] {
		return
	}
	names := make([]string, 0, len(armed))
	for known := range armed {
		names = append(names, known)
	}
	slices.Sort(names)
	want := "arm it first, at an earlier step"
	if len(names) > 0 {
		want = oneOf(name, names)
	}
	d.wrong(p.node, want, "%s: nothing armed is called %q", p.Action.Verb(), name)
}

func (d *decoder) leapOver(p placed, leap Leap, after []placed, end time.Duration) {
	switch {
	case leap.Until <= p.At:
		d.wrong(p.node, "want a later moment than at", "the leap goes back to %s", Duration(leap.Until))
	case end > 0 && leap.Until > end:
		d.wrong(p.node, "want at most the duration, "+Duration(end), "the leap ends at %s, past the end", Duration(leap.Until))
	}
	for _, next := range after {
		if next.At > p.At && next.At < leap.Until {
			d.wrong(p.node, "end the leap there, and leap again after it",
				"the leap to %s runs over the step at %s (line %d)", Duration(leap.Until), Duration(next.At), next.node.Line)
			return
		}
	}
}

// known checks that a name is one of those the scenario's topology has.
func (d *decoder) known(what string, names func() []string) func(string, *yaml.Node) {
	return func(name string, n *yaml.Node) {
		d.later(func() {
			if all := names(); len(all) > 0 && !slices.Contains(all, name) {
				d.wrong(n, oneOf(name, all), "there is no %s %q", what, name)
			}
		})
	}
}

func (d *decoder) nodes(n *yaml.Node, s *Scenario) []string {
	var names []string
	d.names(&names, "nodes", d.known("node", s.Nodes))(n)
	return names
}

func (d *decoder) powered(n *yaml.Node, s *Scenario) []string {
	var names []string
	d.names(&names, "arrays and nodes", d.known("array or node", func() []string {
		return append(s.arrayNames(), s.Nodes()...)
	}))(n)
	return names
}

// positive refuses a share of nothing.
func (d *decoder) positive(p Percent, n *yaml.Node, what string) {
	if p <= 0 {
		d.wrong(n, "want more than 0%", "%s is nothing", what)
	}
}
