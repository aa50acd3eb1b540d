package scenario

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"fourdays/storage/bug"
)

// arraysIn reads a list of arrays.
func (d *decoder) arraysIn(dst *[]string, s *Scenario) func(*yaml.Node) {
	return d.names(dst, "arrays", d.known("array", s.arrayNames))
}

func (d *decoder) failover(s *Scenario, _ *Step, n *yaml.Node) Action {
	var a Failover
	d.arraysIn(&a.Arrays, s)(n)
	return a
}

func (d *decoder) promote(s *Scenario, _ *Step, n *yaml.Node) Action {
	var a Promote
	d.names(&a.Arrays, "arrays", func(name string, n *yaml.Node) {
		d.known("array", s.arrayNames)(name, n)
		d.later(func() {
			if array := s.Array(name); array != nil && !array.Mirrored {
				d.wrong(n, "add mirrored: true to it under storage.arrays", "array %s has no mirror to promote", name)
			}
		})
	})(n)
	return a
}

func (d *decoder) crash(s *Scenario, _ *Step, n *yaml.Node) Action {
	var a Crash
	d.mapping(n, "crash",
		must("arrays", d.arraysIn(&a.Arrays, s)),
		must("for", d.duration(&a.For, time.Millisecond)),
	)
	return a
}

var eventForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// made are the events that arrays give by themselves, and the steps that cause
// them. To tell of one would be a lie: a bug would see it, and the array not.
var made = map[string]string{
	"arm": "arm", "power_loss": "power_loss", "power_cycle": "power_loss and power_on", "failover": "failover",
	"upgrade": "upgrade", "snapshot": "copy", "restore": "restore", "promote": "promote",
	"node_power_loss": "power_loss of a node", "flush": "workload", "discard": "workload",
}

func (d *decoder) tell(s *Scenario, _ *Step, n *yaml.Node) Action {
	const want = "want the name of an event, such as scrub, dedupe or node_replace"
	var a Tell
	d.mapping(n, "tell",
		must("event", func(n *yaml.Node) {
			d.matching(&a.Event, eventForm, want)(n)
			if by := made[a.Event]; by != "" {
				d.wrong(n, "use "+by, "an array gives the event %s by itself", a.Event)
			}
		}),
		must("on", d.arraysIn(&a.On, s)),
	)
	return a
}

func (d *decoder) copy(s *Scenario, _ *Step, n *yaml.Node) Action {
	var a Copy
	d.mapping(n, "copy",
		must("name", d.matching(&a.Name, nameForm, wantName)),
		must("of", func(n *yaml.Node) { a.Of = d.nodes(n, s) }),
	)
	return a
}

func (d *decoder) restore(s *Scenario, _ *Step, n *yaml.Node) Action {
	var a Restore
	d.mapping(n, "restore",
		must("copy", d.matching(&a.Copy, nameForm, wantName)),
		must("to", func(n *yaml.Node) { a.To = d.nodes(n, s) }),
	)
	return a
}

// restores checks that each restore has a copy of that volume to take, and that
// the script has taken the node down: a program whose files change under it
// shows nothing about the copy.
func (d *decoder) restores(s *Scenario, steps []placed) {
	copies, down := map[string][]string{}, map[string]bool{}
	for _, p := range steps {
		switch a := p.Action.(type) {
		case Copy:
			copies[a.Name] = append(copies[a.Name], a.Of...)
		case Restore:
			for _, node := range a.To {
				switch {
				case s.arrayName(node) == "": // said already
				case !slices.Contains(copies[a.Copy], node):
					d.wrong(p.node, "add a step before it: copy: {name: "+a.Copy+", of: ["+node+"]}", "restore: there is no copy %q of %s at %s", a.Copy, node, Duration(p.At))
				case !down[node]:
					d.wrong(p.node, "add a step before it: kill: ["+node+"]", "restore: node %s is running at %s", node, Duration(p.At))
				}
			}
		default:
			s.downs(p.Step, down)
		}
	}
}

// downs follows which nodes the script has taken down.
func (s *Scenario) downs(step Step, down map[string]bool) {
	set := func(targets []string, to bool) {
		for _, node := range s.Nodes() {
			if slices.Contains(targets, node) || slices.Contains(targets, s.arrayName(node)) {
				down[node] = to
			}
		}
	}
	switch a := step.Action.(type) {
	case Kill:
		set(a.Nodes, true)
	case PowerLoss:
		set(a.Targets, true)
	case Start:
		set(a.Nodes, false)
	case Restart:
		set(a.Nodes, false)
	case Replace:
		set([]string{a.Node}, false)
	case Recover:
		if a.Replace {
			set(s.Nodes(), false)
		}
	case Fresh, Merge:
		set(s.Nodes(), false)
	case PowerOn:
		set(a.Targets, false)
	}
}

// LeftDown are the nodes that the script takes down and does not bring back, in
// the order of the file.
func (s *Scenario) LeftDown() []string {
	down, left := map[string]bool{}, []string{}
	for _, step := range s.steps() {
		s.downs(step, down)
	}
	for _, node := range s.Nodes() {
		if down[node] {
			left = append(left, node)
		}
	}
	return left
}

// Whole says whether the script leaves every link of the network as it was.
func (s *Scenario) Whole() bool {
	whole := true
	for _, step := range s.steps() {
		switch step.Action.(type) {
		case Partition, Link:
			whole = false
		case Heal:
			whole = true
		}
	}
	return whole
}

// arrayName is the array that a node's volume lives on, or "".
func (s *Scenario) arrayName(node string) string {
	for _, store := range s.Storage.Stores {
		for _, r := range store.Replicas {
			if r.Node == node {
				return r.Array
			}
		}
	}
	return ""
}

// counters reads the starting values of hidden counters.
func (d *decoder) counters(a *Array) func(*yaml.Node) {
	return func(n *yaml.Node) {
		values := map[string]int64{}
		var fields []field
		for _, name := range CounterNames() {
			fields = append(fields, may(name, func(n *yaml.Node) {
				v := int64(-1)
				d.number(&v, 1, 1<<53)(n)
				values[name] = v
			}))
		}
		if at := keyOf(n, "power_on_hours"); at != nil {
			d.wrong(at, "want power_on: 32767h, beside counters", "hours of power are no counter to start")
			return
		}
		d.mapping(n, "counters", fields...)
		for _, name := range CounterNames() {
			if v, ok := values[name]; ok {
				a.Counters = append(a.Counters, Counter{bug.Counter(name), v})
			}
		}
		if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
			d.wrong(n, "want at least one of "+strings.Join(CounterNames(), ", "), "no counters are named")
		}
	}
}

// keyOf is the node of a key of a mapping, or nil.
func keyOf(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i]
		}
	}
	return nil
}

// raid checks that what an array's drives are said to do fits together.
func (d *decoder) raid(n *yaml.Node, a *Array) {
	switch {
	case a.Tolerance > 0 && a.Tolerance >= a.Drives:
		d.wrong(n, "want more drives than may fail", "an array of %d drives cannot do without %d", a.Drives, a.Tolerance)
	case a.Drives == 0 && (a.Rebuild > 0 || a.Skew > 0):
		d.wrong(n, "add drives: 8", "rebuild and skew are about drives, and the array has none")
	}
}
