package scenario

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Replace takes a node's replica out of its group and puts a new one in its
// place, on an empty volume: another identity in the group, and the same faces to
// clients.
type Replace struct {
	Node string
	On   string // the array of the new volume; "" is where the old one is
}

// Best is the node of Recover whose copy is the most recent.
const Best = "best"

// Recover makes the copy of one node the beginning of a new group.
type Recover struct {
	From    string // a node, or Best
	Replace bool   // and replaces the other nodes into it
}

// Verb names the action in the file.
func (Replace) Verb() string { return "replace" }

// Verb names the action in the file.
func (Recover) Verb() string { return "recover" }

func (a Replace) print() string {
	if a.On == "" {
		return "replace: {node: " + text(a.Node) + "}"
	}
	return "replace: {node: " + text(a.Node) + ", on: " + text(a.On) + "}"
}

func (a Recover) print() string {
	if a.Replace {
		return "recover: {from: " + text(a.From) + ", then: replace}"
	}
	return "recover: {from: " + text(a.From) + "}"
}

func (d *decoder) replace(s *Scenario, _ *Step, n *yaml.Node) Action {
	var a Replace
	d.mapping(n, "replace",
		must("node", func(n *yaml.Node) {
			d.matching(&a.Node, nodeForm, wantNode)(n)
			d.known("node", s.Nodes)(a.Node, n)
			d.later(func() { d.notTheOnly(a.Node, s, n) })
		}),
		may("on", func(n *yaml.Node) {
			d.matching(&a.On, nameForm, "want an array's name")(n)
			d.known("array", s.arrayNames)(a.On, n)
		}),
	)
	return a
}

// notTheOnly refuses to replace the one replica of a store: nobody could give the
// new one what it holds.
func (d *decoder) notTheOnly(node string, s *Scenario, n *yaml.Node) {
	for _, store := range s.Storage.Stores {
		if len(store.Replicas) == 1 && store.Replicas[0].Node == node && len(s.Nodes()) == 1 {
			d.wrong(n, "want a store of 3 replicas or more", "%s holds the only copy: nobody could fill the new one", node)
		}
	}
}

func (d *decoder) recover(s *Scenario, _ *Step, n *yaml.Node) Action {
	const want = "want best, or {from: n1}, with then: replace if the others are to follow"
	a := Recover{From: Best}
	if n.Kind == yaml.ScalarNode {
		if n.Value != Best {
			d.wrong(n, want, "found %s", kindOf(n))
		}
		return a
	}
	d.mapping(n, "recover",
		may("from", func(n *yaml.Node) {
			from, ok := d.scalar(n, want, "!!str")
			if a.From = from; ok && from != Best {
				d.matching(&a.From, nodeForm, "want best, or a node's name, n1 to n99")(n)
				d.known("node", s.Nodes)(from, n)
			}
		}),
		may("then", func(n *yaml.Node) {
			var word string
			d.choice(&word, "replace")(n)
			a.Replace = word == "replace"
		}),
	)
	return a
}

// Spare is an empty volume that a replacement of the script or the playbook
// needs. It is there from the start, and has nothing on it.
type Spare struct {
	Step  int // of the timeline, or, from its length on, of the playbook
	Node  string
	Name  string // of the volume, as n2.2
	Array string
	Store string
}

// Spares are all of them, in the order of the steps.
func (s *Scenario) Spares() (all []Spare) {
	place, stores, count := map[string]string{}, map[string]string{}, map[string]int{}
	for _, store := range s.Storage.Stores {
		for _, r := range store.Replicas {
			place[r.Node], stores[r.Node], count[r.Node] = r.Array, store.Name, 1
		}
	}
	put := func(step int, node, array string) {
		count[node]++
		all = append(all, Spare{step, node, fmt.Sprintf("%s.%d", node, count[node]), array, stores[node]})
	}
	each := func(i int, a Action) {
		switch a := a.(type) {
		case Replace:
			if a.On != "" {
				place[a.Node] = a.On
			}
			put(i, a.Node, place[a.Node])
		case Recover:
			for _, node := range s.Nodes() {
				if a.Replace {
					put(i, node, place[node])
				}
			}
		case Fresh:
			for _, node := range s.Nodes() {
				put(i, node, a.at(node, place[node]))
			}
		}
	}
	for i, step := range s.Timeline {
		each(i, step.Action)
	}
	for i, p := range s.Playbook {
		each(len(s.Timeline)+i, p.Action)
	}
	return all
}

// replaces checks what replacements of the script say about each other. Only one
// is done at a time, and a second one of a node that nothing has happened to
// since shows nothing.
func (d *decoder) replaces(steps []placed) {
	for i, p := range steps {
		a, ok := p.Action.(Replace)
		if !ok || i == 0 {
			continue
		}
		before, ok := steps[i-1].Action.(Replace)
		switch {
		case !ok:
		case before.Node == a.Node:
			d.wrong(p.node, "leave one of them out", "%s is replaced again, and nothing has happened since line %d", a.Node, steps[i-1].node.Line)
		case p.At == steps[i-1].At && p.At >= 0:
			d.wrong(p.node, "want them one after the other, or in the playbook", "%s and %s are replaced at one moment, and a group takes one change at a time", before.Node, a.Node)
		}
	}
}

// scrub reads arrays and nodes.
func (d *decoder) scrub(s *Scenario, _ *Step, n *yaml.Node) Action {
	var a Scrub
	for _, name := range d.powered(n, s) {
		if nodeForm.MatchString(name) {
			a.Nodes = append(a.Nodes, name)
		} else {
			a.Arrays = append(a.Arrays, name)
		}
	}
	return a
}

func (a Scrub) print() string { return "scrub: " + list(slices.Concat(a.Arrays, a.Nodes)) }
