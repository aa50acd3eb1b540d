package scenario

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Fresh starts every node on an empty volume, as a group of their own: the users
// have empty mailboxes, and mail is taken. What the old volumes hold waits.
type Fresh struct {
	On []Replica // the nodes whose new volume is on another array, in the file's order
}

// Merge brings the group from before Fresh back, and puts into it what the users
// have in their new mailboxes.
type Merge struct{}

// Verb names the action in the file.
func (Fresh) Verb() string { return "fresh" }

// Verb names the action in the file.
func (Merge) Verb() string { return "merge" }

func (a Fresh) print() string {
	if len(a.On) == 0 {
		return "fresh: all"
	}
	var on []string
	for _, r := range a.On {
		on = append(on, r.Node+": "+text(r.Array))
	}
	return "fresh: {" + strings.Join(on, ", ") + "}"
}

func (Merge) print() string { return "merge: fresh" }

func (d *decoder) fresh(s *Scenario, _ *Step, n *yaml.Node) Action {
	var a Fresh
	if n.Kind == yaml.ScalarNode {
		if n.Value != "all" {
			d.wrong(n, "want all, or the arrays of the new volumes, such as {n1: spare}", "found %s", kindOf(n))
		}
		return a
	}
	d.pairs(n, "fresh", func(key, value *yaml.Node) {
		r := Replica{Node: key.Value}
		if !nodeForm.MatchString(r.Node) {
			d.wrong(key, wantNode, "%q is no node", r.Node)
		}
		d.known("node", s.Nodes)(r.Node, key)
		d.matching(&r.Array, nameForm, "want an array's name")(value)
		d.known("array", s.arrayNames)(r.Array, value)
		a.On = append(a.On, r)
	})
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		d.wrong(n, "want all, or {n1: spare}", "fresh on nothing")
	}
	return a
}

func (d *decoder) merge(_ *Scenario, _ *Step, n *yaml.Node) Action {
	var word string
	d.choice(&word, "fresh")(n)
	return Merge{}
}

// at is where a node's new volume is, when its old one is on array.
func (a Fresh) at(node, array string) string {
	if i := slices.IndexFunc(a.On, func(r Replica) bool { return r.Node == node }); i >= 0 {
		return a.On[i].Array
	}
	return array
}

// freshness checks that a group is made fresh before it is merged, and once until
// then, in one list of steps.
func (d *decoder) freshness(steps []placed) {
	fresh := false
	for _, p := range steps {
		switch p.Action.(type) {
		case Fresh:
			if fresh {
				d.wrong(p.node, "add merge: fresh before it", "the mailboxes are fresh already")
			}
			fresh = true
		case Merge:
			if !fresh {
				d.wrong(p.node, "add a step before it: fresh: all", "there is nothing fresh to merge")
			}
			fresh = false
		case Replace, Recover:
			if fresh {
				d.wrong(p.node, "do it before fresh, or after merge", "%s of a group that is there for a while only", p.Action.Verb())
			}
		}
	}
}
