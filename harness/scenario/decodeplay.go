package scenario

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// notPlayed are the actions that only the timeline has, and why.
var notPlayed = map[string]string{
	"arm":  "it is no operator who breaks things",
	"leap": "a leap waits for the playbook by itself",
}

func (d *decoder) playbook(n *yaml.Node, s *Scenario) {
	var at []placed
	d.items(n, "want a list of steps, such as - {wait: {fenced: 1}}, - {after: 5m, restart: [n1]}", func(item *yaml.Node) {
		if p, ok := d.play(item, s); ok {
			s.Playbook = append(s.Playbook, p)
			at = append(at, placed{Step{At: -1, Action: p.Action}, item})
		}
	})
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		d.wrong(n, "want at least one step, such as {restart: [n1]}", "the playbook is empty")
	}
	d.later(func() {
		d.played(n, s, at)
		d.replaces(at)
		d.freshness(at)
	})
}

// play reads one step of the playbook.
func (d *decoder) play(n *yaml.Node, s *Scenario) (Play, bool) {
	p := Play{where: map[string]place{"": {n.Line, n.Column}}}
	before, actions, step := len(d.issues), 0, Step{}
	var within *yaml.Node
	fields := []field{
		may("after", d.duration(&p.After, 0)),
		may("within", func(n *yaml.Node) { within = n; d.duration(&p.Within, time.Millisecond)(n) }),
		may("note", d.text(&p.Note)),
		may("wait", func(n *yaml.Node) { actions++; p.where["wait"] = place{n.Line, n.Column}; p.Action = d.wait(n, s) }),
	}
	for _, v := range verbs {
		if notPlayed[v.name] != "" {
			continue
		}
		fields = append(fields, may(v.name, func(n *yaml.Node) {
			if actions++; actions == 1 {
				p.where[v.name] = place{n.Line, n.Column}
				p.Action = v.read(d, s, &step, n)
			}
		}))
	}
	more := map[string]*yaml.Node{}
	for _, key := range upgradeKeys {
		fields = append(fields, may(key, func(n *yaml.Node) { more[key] = n }))
	}
	for _, verb := range slices.Sorted(maps.Keys(notPlayed)) {
		if at := keyOf(n, verb); at != nil {
			d.wrong(at, "put it into the timeline", "a playbook has no %s: %s", verb, notPlayed[verb])
			return p, false
		}
	}
	d.mapping(n, "a step of the playbook", fields...)
	step.Action = p.Action
	d.upgrading(n, more, &step, s)
	p.Action = step.Action
	_, waits := p.Action.(Wait)
	switch {
	case len(d.issues) > before:
	case actions > 1:
		d.wrong(n, "want a step for each, one after the other", "the step has %d actions", actions)
	case actions == 0:
		d.wrong(n, "want wait: or an action of the timeline", "the step does nothing")
	case within != nil && !waits:
		d.wrong(within, "leave it out, or wait: for what has to come of it", "only a wait has within")
	}
	return p, len(d.issues) == before
}

// wait reads the one condition of a wait.
func (d *decoder) wait(n *yaml.Node, s *Scenario) Wait {
	var w Wait
	var fields []field
	found := 0
	for _, q := range quantities {
		if q.wait {
			fields = append(fields, may(q.word, func(n *yaml.Node) {
				found++
				w.For = Condition{Of: q.word}
				d.condition(n, s, &w.For, q.kind)
			}))
		}
	}
	before := len(d.issues)
	d.mapping(n, "wait", fields...)
	if len(d.issues) == before && found != 1 {
		d.wrong(n, "want one of "+strings.Join(WaitWords(), ", "), "it waits for %d things", found)
	}
	return w
}

// condition reads the value of a wait's key.
func (d *decoder) condition(n *yaml.Node, s *Scenario, c *Condition, kind string) {
	switch {
	case kind == plainly:
		so := true
		if d.boolean(&so)(n); !so {
			d.wrong(n, "want true: nobody sees that something will not come", "found false")
		}
	case c.Of == Alarmed:
		d.one(n, c, nameForm, "want an array's name")
		d.known("array", s.arrayNames)(c.Names[0], n)
	case kind == namedBy:
		d.one(n, c, nameForm, "want a bug that the timeline fixes")
		d.later(func() { d.fixable(n, s, c.Names[0]) })
	case c.Of == Moment:
		d.duration(&c.Time, 0)(n)
	case kind == timedBy:
		c.Op = ">="
		d.duration(&c.Time, time.Millisecond)(n)
	case kind == sharedBy:
		c.Op = ">="
		d.percent(&c.Share)(n)
		d.positive(c.Share, n, "the share")
	case n.Kind == yaml.SequenceNode:
		c.Names = d.nodes(n, s)
	default:
		c.Op = ">="
		d.number(&c.N, 1, 99)(n)
		d.later(func() { d.asMany(n, s, *c) })
	}
}

func (d *decoder) one(n *yaml.Node, c *Condition, form *regexp.Regexp, want string) {
	var name string
	d.matching(&name, form, want)(n)
	c.Names = []string{name}
}

// asMany refuses a count of nodes that there are not.
func (d *decoder) asMany(n *yaml.Node, s *Scenario, c Condition) {
	if all := int64(len(s.Nodes())); (c.Of == FencedNow || c.Of == ServeNow) && all > 0 && !c.Holds(all) {
		d.wrong(n, fmt.Sprintf("there are %d", all), "%s can never hold: %s", c, "so many nodes are not there")
	}
}

// fixable refuses to wait for a fix that never comes.
func (d *decoder) fixable(n *yaml.Node, s *Scenario, name string) {
	fixes := s.FixesOf(name)
	if !slices.ContainsFunc(s.steps(), func(step Step) bool { f, ok := step.Action.(Fix); return ok && slices.Contains(fixes, f.Name) }) {
		d.wrong(n, "add a step to the timeline: fix: "+name, "no step fixes %q: the wait can never end", name)
	}
}

// FixesOf are the names that a fix of a bug can be asked for by: a vendor's fix
// takes it away under each name that it was armed as.
func (s *Scenario) FixesOf(name string) []string {
	bug := name
	for _, step := range s.Timeline {
		if a, ok := step.Action.(Arm); ok && a.As == name {
			bug = a.Bug
		}
	}
	all := []string{}
	for _, step := range s.Timeline {
		if a, ok := step.Action.(Arm); ok && a.Bug == bug {
			all = append(all, a.As)
		}
	}
	return all
}

// played checks what the steps of the playbook say about the rest of the file.
func (d *decoder) played(n *yaml.Node, s *Scenario, steps []placed) {
	armed, copies, verified, needs := map[string]bool{}, map[string][]string{}, false, time.Duration(0)
	for _, step := range s.Timeline {
		switch a := step.Action.(type) {
		case Arm:
			armed[a.As] = true
		case Copy:
			copies[a.Name] = append(copies[a.Name], a.Of...)
		case Verify:
			verified = true
		}
	}
	for i, p := range steps {
		needs += s.Playbook[i].After
		switch a := p.Action.(type) {
		case Disarm:
			d.wantArmed(p, a.Name, armed)
		case Fix:
			d.wantArmed(p, a.Name, armed)
		case Copy:
			copies[a.Name] = append(copies[a.Name], a.Of...)
		case Restore:
			d.copied(p, a, copies)
		case Verify:
			verified = true
		case Wait:
			d.canCome(p, a.For, verified, s)
		}
	}
	if s.Duration > 0 && needs >= s.Duration {
		d.wrong(n, "want less than the duration, "+Duration(s.Duration), "the operator's own time (after:) is %s in all: the playbook cannot come to its end", Duration(needs))
	}
}

func (d *decoder) copied(p placed, a Restore, copies map[string][]string) {
	for _, node := range a.To {
		if !slices.Contains(copies[a.Copy], node) {
			d.wrong(p.node, "add a step before it: copy: {name: "+a.Copy+", of: ["+node+"]}", "restore: there is no copy %q of %s", a.Copy, node)
		}
	}
}

// canCome refuses a wait for what the script never does.
func (d *decoder) canCome(p placed, c Condition, verified bool, s *Scenario) {
	switch {
	case c.Of == Moment && s.Duration > 0 && c.Time >= s.Duration:
		d.wrong(p.node, "want a moment before the end, "+Duration(s.Duration), "the wait ends %s, and the script is over by then", c)
	case c.Of == Unserved && s.Duration > 0 && c.Time >= s.Duration:
		d.wrong(p.node, "want less than the duration, "+Duration(s.Duration), "%s can never hold", c)
	case c.Of == Verified && !verified:
		d.wrong(p.node, "add a step before it: verify: all", "nothing is verified: the wait can never end")
	case c.Of == Reopened && s.Does("close_accounts") && !s.Does("reopen"):
		d.wrong(p.node, "add a step: reopen: {share: 100%}", "nothing is reopened: the wait can never end")
	}
}

func (d *decoder) halts(n *yaml.Node, s *Scenario) {
	d.items(n, `want a list of conditions, such as - {when: lost > 0}`, func(item *yaml.Node) {
		h := Halt{where: place{item.Line, item.Column}}
		d.mapping(item, "a stop condition",
			must("when", func(n *yaml.Node) { d.when(n, s, &h.When) }),
			may("note", d.text(&h.Note)),
		)
		s.Stop = append(s.Stop, h)
	})
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		d.wrong(n, "want at least one, such as {when: lost > 0}", "no stop conditions")
	}
}

var whenForm = regexp.MustCompile(`^([a-z_]+) *(>=|>) *([0-9][0-9a-zµμ.]*)$`)

// when reads a comparison in words.
func (d *decoder) when(n *yaml.Node, s *Scenario, c *Condition) {
	const want = `want a comparison such as lost > 0 or unserved > 30m, with > or >=`
	src, ok := d.scalar(n, want, "!!str")
	if !ok {
		return
	}
	m := whenForm.FindStringSubmatch(strings.TrimSpace(src))
	switch {
	case m == nil:
		d.wrong(n, want, "%q is not a condition", shorten(src))
		return
	case !slices.Contains(HaltWords(), m[1]):
		d.wrong(n, oneOf(m[1], HaltWords()), "there is no quantity %q to stop at", m[1])
		return
	}
	*c = Condition{Of: m[1], Op: m[2]}
	value := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: m[3], Line: n.Line, Column: n.Column}
	if kindOfWord(c.Of) == timedBy {
		value.Tag = "!!str"
		d.duration(&c.Time, 0)(&value)
	} else {
		d.number(&c.N, 0, maxInt)(&value)
	}
	if c.Holds(0) {
		d.wrong(n, "want more than that", "%s holds from the start", c)
	}
	d.later(func() { d.asMany(n, s, *c) })
}
