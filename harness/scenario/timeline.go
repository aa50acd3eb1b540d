package scenario

import (
	"cmp"
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
	{"stop", (*decoder).stop},
	{"restart", (*decoder).restart},
	{"replace", (*decoder).replace},
	{"recover", (*decoder).recover},
	{"fresh", (*decoder).fresh},
	{"merge", (*decoder).merge},
	{"failover", (*decoder).failover},
	{"crash", (*decoder).crash},
	{"upgrade", (*decoder).upgrade},
	{"tell", (*decoder).tell},
	{"scrub", (*decoder).scrub},
	{"copy", (*decoder).copy},
	{"restore", (*decoder).restore},
	{"promote", (*decoder).promote},
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
	d.later(func() {
		d.order(at, s.Duration)
		d.restores(s, at)
		d.replaces(at)
		d.freshness(at)
	})
}

// placed is a step and where it stands in the file.
type placed struct {
	Step
	node *yaml.Node
}

func (d *decoder) step(n *yaml.Node, s *Scenario) (Step, bool) {
	step := Step{where: map[string]place{"": {n.Line, n.Column}}}
	before, actions, hasAt := len(d.issues), 0, false
	fields := []field{
		may("at", func(n *yaml.Node) { hasAt = true; d.duration(&step.At, 0)(n) }),
		may("note", d.text(&step.Note)),
	}
	for _, v := range verbs {
		fields = append(fields, may(v.name, func(n *yaml.Node) {
			if actions++; actions == 1 {
				step.where[v.name] = place{n.Line, n.Column}
				step.Action = v.read(d, s, &step, n)
			}
		}))
	}
	more := map[string]*yaml.Node{}
	for _, key := range slices.Concat(armKeys, upgradeKeys) {
		fields = append(fields, may(key, func(n *yaml.Node) { more[key] = n }))
	}
	d.mapping(n, "a step", fields...)
	if !hasAt && n.Kind == yaml.MappingNode {
		d.wrong(n, "add at: 30s, counted from the start", "the step has no time")
	}
	d.arming(n, more, &step, s)
	d.upgrading(n, more, &step, s)
	switch {
	case len(d.issues) > before:
	case actions > 1:
		d.wrong(n, "want a step for each; steps may share a moment", "the step has %d actions", actions)
	case actions == 0 && step.Note == "":
		d.wrong(n, "want one of "+strings.Join(Verbs(), ", ")+", note", "the step does nothing")
	}
	return step, len(d.issues) == before
}

// armKeys belong to arm and to nothing else.
var armKeys = []string{"on", "as", "reached_at", "chance"}

// arming reads the keys of a step that belong to arm.
func (d *decoder) arming(n *yaml.Node, given map[string]*yaml.Node, step *Step, s *Scenario) {
	arm, isArm := step.Action.(Arm)
	for _, key := range armKeys {
		switch at := given[key]; {
		case at == nil:
		case !isArm:
			d.wrong(at, "leave it out", "only arm takes %s", strings.Join(armKeys, ", "))
		default:
			step.where[key] = place{at.Line, at.Column}
		}
	}
	if !isArm {
		return
	}
	if as := given["as"]; as != nil {
		d.matching(&arm.As, nameForm, wantName)(as)
	}
	if on := given["on"]; on != nil {
		d.scope(on, &arm.On)
	} else {
		d.wrong(n, "add on: {os: acme/*}, or array, volume, node or store", "arm does not say on what")
	}
	if at := given["reached_at"]; at != nil {
		d.number(&arm.ReachedAt, 1, 1<<53)(at)
		d.later(func() { d.hasLeaf(at, arm.Bug, s, "counter", func(t bug.Trigger) bool { return t.Count != nil }) })
	}
	if at := given["chance"]; at != nil {
		d.chance(&arm.Chance)(at)
		d.later(func() { d.hasLeaf(at, arm.Bug, s, "chance", func(t bug.Trigger) bool { return t.Chance != nil }) })
	}
	step.Action = arm
}

// hasLeaf checks that a bug's trigger has what an arming is to change.
func (d *decoder) hasLeaf(n *yaml.Node, id string, s *Scenario, what string, is func(bug.Trigger) bool) {
	if b, known := s.Bug(id); known && !anyLeaf(b.Trigger, is) {
		d.wrong(n, "leave it out", "bug %s waits for no %s", id, what)
	}
}

// anyLeaf reports whether a trigger has a leaf that is so.
func anyLeaf(t bug.Trigger, is func(bug.Trigger) bool) bool {
	kids := slices.Concat(t.All, t.Any)
	for _, kid := range []*bug.Trigger{t.Arm, t.Fire} {
		if kid != nil {
			kids = append(kids, *kid)
		}
	}
	return is(t) || slices.ContainsFunc(kids, func(kid bug.Trigger) bool { return anyLeaf(kid, is) })
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
