package scenario

import (
	"fmt"
	"path"
	"slices"

	"go.yaml.in/yaml/v3"

	"fourdays/storage/catalog"
)

func (d *decoder) arm(s *Scenario, _ *Step, n *yaml.Node) Action {
	var a Arm
	d.matching(&a.Bug, nameForm, "want the ID of a bug; `fourdays bugs` lists them")(n)
	a.As = a.Bug
	d.later(func() { d.isBug(a.Bug, s, n) })
	return a
}

// isBug checks that there is a bug of that ID.
func (d *decoder) isBug(id string, s *Scenario, n *yaml.Node) {
	if _, known := s.Bug(id); known || id == "" {
		return
	}
	var ids []string
	for _, b := range slices.Concat(s.Bugs, s.Others, catalog.All()) {
		ids = append(ids, b.ID)
	}
	want := "`fourdays bugs` lists the catalogue; bugs: defines your own, and --bugs DIR brings a folder"
	if guess := closest(id, ids); guess != "" {
		want = fmt.Sprintf("did you mean %q? %s", guess, want)
	}
	d.wrong(n, want, "there is no bug %q", id)
}

func (d *decoder) disarm(_ *Scenario, _ *Step, n *yaml.Node) Action {
	var a Disarm
	d.matching(&a.Name, nameForm, "want the name of something armed")(n)
	return a
}

func (d *decoder) fix(_ *Scenario, _ *Step, n *yaml.Node) Action {
	var a Fix
	d.matching(&a.Name, nameForm, "want the name of something armed")(n)
	return a
}

func (d *decoder) powerLoss(s *Scenario, _ *Step, n *yaml.Node) Action {
	return PowerLoss{d.powered(n, s)}
}

func (d *decoder) powerOn(s *Scenario, _ *Step, n *yaml.Node) Action {
	return PowerOn{d.powered(n, s)}
}

func (d *decoder) kill(s *Scenario, _ *Step, n *yaml.Node) Action { return Kill{d.nodes(n, s)} }

func (d *decoder) start(s *Scenario, _ *Step, n *yaml.Node) Action { return Start{d.nodes(n, s)} }

func (d *decoder) restart(s *Scenario, _ *Step, n *yaml.Node) Action { return Restart{d.nodes(n, s)} }

func (d *decoder) partition(s *Scenario, _ *Step, n *yaml.Node) Action {
	const want = "want at least two groups of nodes, such as [[n1], [n2, n3]]"
	var a Partition
	group := map[string]bool{}
	d.items(n, want, func(item *yaml.Node) {
		nodes := d.nodes(item, s)
		for _, name := range nodes {
			if group[name] {
				d.wrong(item, "put it in one group", "node %s is in two groups", name)
			}
			group[name] = true
		}
		a.Groups = append(a.Groups, nodes)
	})
	if n.Kind == yaml.SequenceNode && len(n.Content) < 2 {
		d.wrong(n, want, "a partition into %d", len(n.Content))
	}
	return a
}

func (d *decoder) heal(_ *Scenario, _ *Step, n *yaml.Node) Action {
	var what string
	d.choice(&what, "network")(n)
	return Heal{}
}

func (d *decoder) link(s *Scenario, _ *Step, n *yaml.Node) Action {
	var a Link
	var loss, latency bool
	d.mapping(n, "link",
		must("between", func(n *yaml.Node) {
			ends := d.nodes(n, s)
			if n.Kind == yaml.SequenceNode && len(n.Content) != 2 {
				d.wrong(n, "want two nodes, such as [n1, n2]", "a link between %d", len(n.Content))
			}
			copy(a.Between[:], ends)
		}),
		may("latency", func(n *yaml.Node) { latency = true; d.duration(&a.Latency, 0)(n) }),
		may("loss", func(n *yaml.Node) { loss = true; d.percent(&a.Loss)(n) }),
	)
	d.later(func() {
		if !latency && !loss {
			d.wrong(n, "add latency: 50ms or loss: 1%", "the link does not change")
		}
	})
	return a
}

func (d *decoder) inbound(s *Scenario, _ *Step, n *yaml.Node) Action {
	var a Inbound
	if n.Kind != yaml.MappingNode {
		d.choice(&a.Policy, Policies()...)(n)
		if a.Policy == Spool {
			d.wrong(n, "want {policy: spool, on: ARRAY}", "the spool does not say on which array it lies")
		}
		return a
	}
	var on *yaml.Node
	d.mapping(n, "inbound", must("policy", d.choice(&a.Policy, Policies()...)), may("on", func(n *yaml.Node) { on = n }))
	switch {
	case on != nil && a.Policy != Spool:
		d.wrong(on, "leave it out", "only the policy spool keeps mail on an array")
	case on != nil:
		if name, ok := d.scalar(on, "want an array's name", "!!str"); ok {
			a.On = name
			d.known("array", s.arrayNames)(name, on)
		}
	case a.Policy == Spool:
		d.wrong(n, "add on: ARRAY", "the spool does not say on which array it lies")
	}
	return a
}

func (d *decoder) closeAccounts(_ *Scenario, _ *Step, n *yaml.Node) Action {
	if n.Kind == yaml.ScalarNode {
		if n.Value != "all" {
			d.wrong(n, "want all, or {share: 25%}", "found %s", kindOf(n))
		}
		return CloseAccounts{Share: 100}
	}
	var a CloseAccounts
	d.mapping(n, "close_accounts", must("share", func(n *yaml.Node) {
		d.percent(&a.Share)(n)
		d.positive(a.Share, n, "the share")
	}))
	return a
}

func (d *decoder) reopen(_ *Scenario, _ *Step, n *yaml.Node) Action {
	var a Reopen
	found := map[string]bool{}
	note := func(key string, set func(*yaml.Node)) field {
		return may(key, func(n *yaml.Node) { found[key] = true; set(n) })
	}
	before := len(d.issues)
	d.mapping(n, "reopen",
		note("share", d.percent(&a.Share)),
		note("to", d.percent(&a.To)),
		note("over", d.duration(&a.Over, 0)),
		note("steps", d.count(&a.Steps, 1, 1000)),
	)
	curve := found["to"] && found["over"] && found["steps"]
	switch {
	case len(d.issues) > before:
	case found["share"] && len(found) == 1:
		d.positive(a.Share, n, "the share")
	case curve && len(found) == 3:
		d.positive(a.To, n, "the share")
	default:
		d.wrong(n, "want {share: 10%} or {to: 100%, over: 55h, steps: 11}", "reopen does not say how")
	}
	return a
}

func (d *decoder) verify(_ *Scenario, _ *Step, n *yaml.Node) Action {
	var all string
	d.choice(&all, "all")(n)
	return Verify{}
}

func (d *decoder) leap(_ *Scenario, _ *Step, n *yaml.Node) Action {
	var a Leap
	d.mapping(n, "leap", must("until", d.duration(&a.Until, 0)))
	return a
}

// glob reads a pattern of path.Match.
func (d *decoder) glob(dst *string) func(*yaml.Node) {
	const want = `want a name or a glob, such as acme/* or "*"`
	return func(n *yaml.Node) {
		s, ok := d.scalar(n, want, "!!str")
		if !ok {
			return
		}
		if _, err := path.Match(s, ""); err != nil || s == "" {
			d.wrong(n, want, "%q is not a glob", s)
		}
		*dst = s
	}
}

// Matches says whether a scope takes in a volume with these properties.
func (s Scope) Matches(v Scope) bool {
	mine, theirs := s.fields(), v.fields()
	return !slices.ContainsFunc(mine, func(f scopeField) bool {
		i := slices.IndexFunc(theirs, func(o scopeField) bool { return o.key == f.key })
		match, err := path.Match(*f.value, *theirs[i].value)
		return *f.value != "" && (err != nil || !match)
	})
}
