package scenario

import (
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

// CheckNames are the invariants of the oracle that a scenario can name.
func CheckNames() []string {
	return []string{"D1", "D2", "D3", "D4", "D5", "D6", "D8", "D9", "I1", "I2", "I3", "I4", "I6", "I8", "R1", "R2", "R3", "H1"}
}

func (d *decoder) expect(n *yaml.Node, s *Scenario) {
	e := &s.Expect
	fields := []field{
		may("grade", d.choice(&e.Grade, MustSurvive, MayStop, LossDetected)),
	}
	for _, name := range CountNames() {
		fields = append(fields, may(name, func(n *yaml.Node) {
			var c Cond
			d.cond(&c)(n)
			e.Counts = append(e.Counts, Count{name, c})
		}))
	}
	d.mapping(n, "expect", append(fields,
		may("recovered_within", func(n *yaml.Node) {
			e.RecoveredWithin = new(time.Duration)
			d.duration(e.RecoveredWithin, 0)(n)
		}),
		may("fenced", func(n *yaml.Node) { e.Fenced = d.maybeNone(n, func() []string { return d.nodes(n, s) }) }),
		may("down", func(n *yaml.Node) { e.Down = d.maybeNone(n, func() []string { return d.nodes(n, s) }) }),
		may("detected", func(n *yaml.Node) { d.detected(n, s) }),
		may("alarms", func(n *yaml.Node) {
			e.Alarms = d.maybeNone(n, func() (names []string) { d.arraysIn(&names, s)(n); return names })
		}),
		may("scrub", func(n *yaml.Node) { d.wantScrubs(n, s) }),
		may("playbook", func(n *yaml.Node) {
			d.choice(&e.Playbook, Done, Stuck, RefusedOne)(n)
			d.later(func() {
				if len(s.Playbook) == 0 {
					d.wrong(n, "add playbook: with its steps, or leave it out", "there is no playbook")
				}
			})
		}),
		may("refused", func(n *yaml.Node) {
			e.Refused = new(Cond)
			d.cond(e.Refused)(n)
		}),
		may("stays_open", func(n *yaml.Node) {
			e.StaysOpen = new(bool)
			d.boolean(e.StaysOpen)(n)
		}),
		may("unavailable_for", d.length(&e.UnavailableFor)),
		may("latency", d.length(&e.Latency)),
		may("available", func(n *yaml.Node) {
			e.Available = new(bool)
			d.boolean(e.Available)(n)
		}),
		may("checks", func(n *yaml.Node) { d.wantChecks(n, e) }),
		may("others", func(n *yaml.Node) {
			var word string
			d.choice(&word, "pass", "any")(n)
			e.AnyOthers = word == "any"
		}),
	)...)
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		d.wrong(n, "want at least one, such as lost: 0", "nothing is expected")
	}
	order := CountNames()
	slices.SortFunc(e.Counts, func(a, b Count) int {
		return slices.Index(order, a.Name) - slices.Index(order, b.Name)
	})
}

// maybeNone reads a list that may also say "none" by being empty.
func (d *decoder) maybeNone(n *yaml.Node, list func() []string) []string {
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		return []string{}
	}
	return list()
}

func (d *decoder) length(dst **Length) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*dst = new(Length)
		parsed(d, *dst, parseLength, `want a comparison with a time, such as ">=20s" or "<1m"`)(n)
	}
}

func (d *decoder) wantScrubs(n *yaml.Node, s *Scenario) {
	d.pairs(n, "expect.scrub", func(key, value *yaml.Node) {
		w := ScrubWant{Array: key.Value}
		d.known("array", s.arrayNames)(w.Array, key)
		d.cond(&w.Cond)(value)
		s.Expect.Scrubs = append(s.Expect.Scrubs, w)
		d.later(func() {
			if s.Array(w.Array) != nil && !s.scrubs(w.Array) {
				d.wrong(key, "add a step: scrub: ["+w.Array+"]", "no step scrubs %s", w.Array)
			}
		})
	})
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		d.wrong(n, `want at least one, such as east: ">=1"`, "no arrays are named")
	}
}

// scrubs says whether the script has an array scrubbed.
func (s *Scenario) scrubs(array string) bool {
	return slices.ContainsFunc(s.steps(), func(t Step) bool {
		a, ok := t.Action.(Scrub)
		return ok && slices.Contains(a.Arrays, array)
	})
}

func (d *decoder) detected(n *yaml.Node, s *Scenario) {
	e := &s.Expect
	switch n.Kind {
	case yaml.SequenceNode:
		d.names(&e.DetectedBugs, "armed bugs", d.known("armed bug", func() []string { return armedNames(s) }))(n)
	default:
		e.Detected = new(bool)
		d.boolean(e.Detected)(n)
	}
}

func armedNames(s *Scenario) []string {
	var names []string
	for _, step := range s.Timeline {
		if a, ok := step.Action.(Arm); ok {
			names = append(names, a.As)
		}
	}
	return names
}

func (d *decoder) wantChecks(n *yaml.Node, e *Expect) {
	d.pairs(n, "expect.checks", func(key, value *yaml.Node) {
		c := CheckWant{Check: key.Value}
		if !slices.Contains(CheckNames(), c.Check) {
			d.wrong(key, oneOf(c.Check, CheckNames()), "no such check %q", c.Check)
		}
		d.choice(&c.Want, "pass", "fail", "unknown")(value)
		e.Checks = append(e.Checks, c)
	})
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		d.wrong(n, "want at least one, such as D1: pass", "no checks are named")
	}
}
