package scenario

import (
	"errors"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"fourdays/storage/bug"
	"fourdays/storage/catalog"
)

func (d *decoder) storage(n *yaml.Node, s *Scenario) {
	d.mapping(n, "storage",
		must("arrays", func(n *yaml.Node) { d.arrays(n, s) }),
		must("stores", func(n *yaml.Node) { d.stores(n, s) }),
		may("profile", d.choice(&s.Storage.Profile, Ordered, Strict)),
		may("promise", d.boolean(&s.Storage.Promise)),
		may("direct", d.boolean(&s.Storage.Direct)),
	)
}

func (d *decoder) arrays(n *yaml.Node, s *Scenario) {
	d.pairs(n, "storage.arrays", func(key, value *yaml.Node) {
		a := DefaultArray()
		a.Name = key.Value
		if !nameForm.MatchString(a.Name) || nodeForm.MatchString(a.Name) {
			d.wrong(key, wantName+" that is not a node's", "%q cannot name an array", a.Name)
		}
		d.array(value, &a)
		s.Storage.Arrays = append(s.Storage.Arrays, a)
	})
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		d.wrong(n, "want at least one, such as east: {os: acme/1.0}", "there are no arrays")
	}
}

func (d *decoder) stores(n *yaml.Node, s *Scenario) {
	nodes := map[string]int{}
	d.pairs(n, "storage.stores", func(key, value *yaml.Node) {
		store := Store{Name: key.Value}
		if !nameForm.MatchString(store.Name) {
			d.wrong(key, wantName, "%q cannot name a store", store.Name)
		}
		read := d.pairs(value, "store "+store.Name, func(node, array *yaml.Node) {
			store.Replicas = append(store.Replicas, d.replica(node, array, s, nodes))
		})
		if count := len(store.Replicas); read && count%2 == 0 {
			d.wrong(value, "want 1, 3, 5 or more: an even number outvotes nothing", "store %s has %d replicas", store.Name, count)
		}
		s.Storage.Stores = append(s.Storage.Stores, store)
	})
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		d.wrong(n, "want at least one, such as main: {n1: east, n2: west, n3: north}", "there are no stores")
	}
}

func (d *decoder) replica(node, array *yaml.Node, s *Scenario, nodes map[string]int) Replica {
	if !nodeForm.MatchString(node.Value) {
		d.wrong(node, wantNode, "%q cannot name a node", node.Value)
	} else if line := nodes[node.Value]; line != 0 {
		d.wrong(node, "give every replica its own node", "node %s is in two stores, first on line %d", node.Value, line)
	}
	nodes[node.Value] = node.Line
	r := Replica{Node: node.Value}
	name, ok := d.scalar(array, "want an array's name", "!!str")
	r.Array = name
	d.later(func() {
		if ok && len(s.Storage.Arrays) > 0 && s.Array(name) == nil {
			d.wrong(array, oneOf(name, s.arrayNames()), "node %s is on array %q, which is not there", r.Node, name)
		}
	})
	return r
}

func (s *Scenario) arrayNames() []string {
	var names []string
	for _, a := range s.Storage.Arrays {
		names = append(names, a.Name)
	}
	return names
}

func (d *decoder) mail(n *yaml.Node, m *Mail) {
	var population *yaml.Node
	d.mapping(n, "mail",
		must("domains", d.names(&m.Domains, "domains", func(name string, n *yaml.Node) {
			if !domainForm.MatchString(name) {
				d.wrong(n, wantDomain, "%q is not a domain", name)
			}
		})),
		must("mailboxes", d.count(&m.Mailboxes, 1, 1_000_000)),
		may("archive", d.count(&m.Archive, 0, 100_000)),
		may("population", func(n *yaml.Node) {
			population = n
			d.count(&m.Population, 1, maxInt)(n)
		}),
	)
	if population != nil && m.Population != 0 && m.Population < m.Mailboxes {
		d.wrong(population, "want at least as many as mailboxes", "a sample of %d cannot stand for %d", m.Mailboxes, m.Population)
	}
}

// profiles are the populations of senders that package workload has. A test of
// package run holds the two together.
var profiles = []string{"consumer-2023", "mx-census-2023"}

func (d *decoder) workload(n *yaml.Node, s *Scenario) {
	w := &s.Workload
	var anew *yaml.Node
	d.mapping(n, "workload",
		may("deliver", d.rate(&w.Deliver)),
		may("read", d.rate(&w.Read)),
		may("change", d.rate(&w.Change)),
		may("senders", d.choice(&w.Senders, profiles...)),
		may("from", d.duration(&w.From, 0)),
		may("until", d.duration(&w.Until, 0)),
		may("max_size", d.bytes(&w.MaxSize, 256, "")),
		may("clients", d.count(&w.Clients, 0, 100)),
		may("new_clients", func(n *yaml.Node) { anew = n; d.percent(&w.NewClients)(n) }),
	)
	d.later(func() {
		if anew != nil && w.NewClients > 0 && w.Clients == 0 {
			d.wrong(anew, "add clients: 2", "a share of no clients is new")
		}
		switch {
		case s.Duration == 0:
		case w.Until > s.Duration:
			d.wrong(n, "want until at most "+Duration(s.Duration), "the load ends at %s, past the end", Duration(w.Until))
		case w.From >= w.Until:
			d.wrong(n, "want from before until", "the load starts at %s and ends at %s", Duration(w.From), Duration(w.Until))
		}
	})
}

func (d *decoder) raft(n *yaml.Node, r *Raft) {
	d.mapping(n, "raft", may("timeout", d.duration(&r.Timeout, 50*time.Millisecond)))
}

func (d *decoder) network(n *yaml.Node, net *Network) {
	d.mapping(n, "network",
		may("latency", d.duration(&net.Latency, 0)),
		may("jitter", d.duration(&net.Jitter, 0)),
		may("loss", d.percent(&net.Loss)),
	)
}

func (d *decoder) unsafe(name string, n *yaml.Node) {
	if !slices.Contains(UnsafeNames(), name) {
		d.wrong(n, oneOf(name, UnsafeNames()), "no such defect %q", name)
	}
}

func (d *decoder) bugs(n *yaml.Node, s *Scenario) {
	d.items(n, "want a list of bug definitions", func(item *yaml.Node) {
		b, err := bug.ParseNode("", item)
		d.adopt(item, err)
		if _, shipped := catalog.Get(b.ID); shipped {
			d.wrong(item, "give it another id", "the catalogue has a bug %q already", b.ID)
		}
		if b.ID != "" && slices.ContainsFunc(slices.Concat(s.Bugs, s.Others), func(o bug.Bug) bool { return o.ID == b.ID }) {
			d.wrong(item, "give it another id", "bug %q is defined twice", b.ID)
		}
		s.Bugs = append(s.Bugs, b)
	})
}

// adopt takes over what the bug language says is wrong with a part of the file.
func (d *decoder) adopt(n *yaml.Node, err error) {
	var one *bug.Error
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			d.adopt(n, e)
		}
	} else if errors.As(err, &one) {
		d.issues = append(d.issues, Issue{Line: one.Line, Column: one.Col, What: one.Msg})
	} else if err != nil {
		d.wrong(n, "", "%v", err)
	}
}

func (d *decoder) numbers(n *yaml.Node, s *Scenario) {
	d.pairs(n, "numbers", func(key, value *yaml.Node) {
		num := Number{Name: key.Value}
		if strings.TrimSpace(num.Name) == "" {
			d.wrong(key, "want what the number is", "a number has no name")
		}
		d.mapping(value, "a number",
			must("value", func(n *yaml.Node) {
				num.Value, _ = d.scalar(n, "want the number as the file uses it", "!!str", "!!int", "!!float")
			}),
			must("source", func(n *yaml.Node) { d.source(n, &num.Source) }),
		)
		s.Numbers = append(s.Numbers, num)
	})
}

func (d *decoder) source(n *yaml.Node, dst *string) {
	const want = `want the address of the page that says so, or "picked"`
	src, ok := d.scalar(n, want, "!!str")
	if ok && src != Picked && !strings.HasPrefix(src, "https://") && !strings.HasPrefix(src, "http://") {
		d.wrong(n, want, "found %s", kindOf(n))
	}
	*dst = src
}
