package scenario

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"fourdays/storage/bug"
)

// leader is the node that leads when a step comes; any can.
const leader = "leader"

// DeviceOS and DeviceStore are what the small devices that remember promises
// have. They are in no store of the file, and a fault on one has to name theirs.
const (
	DeviceOS    = "device/1"
	DeviceStore = "devices"
)

// Device is the array, and the volume, of the small device of a node.
func Device(node string) string { return node + "-device" }

// Scope is where an arming of b is: what on says, and the bug where on says
// nothing.
func (a Arm) Scope(b bug.Bug, s *Scenario) bug.Scope {
	scope := b.Scope.With(bug.Scope{Population: bug.Population{
		OS: a.On.OS, Array: a.On.Array, Store: a.On.Store,
		Volume: cmp.Or(a.On.Node, a.On.Volume), // a node's volume has its name
	}})
	if p := &scope.Population; p.Store == "" && len(s.Storage.Stores) > 0 {
		p.Store = s.Storage.Stores[0].Name // never the devices
	}
	return scope
}

// Matches lists the volumes that an arming of b is on, when os says which OS an
// array has.
func (a Arm) Matches(b bug.Bug, s *Scenario, os func(array string) string) (volumes []string) {
	p := a.Scope(b, s).Population
	any := p
	if any.Volume == leader {
		any.Volume = ""
	}
	for _, h := range s.volumes(os) {
		if h.Store == DeviceStore && p.Has(h) || h.Store != DeviceStore && any.Has(h) {
			volumes = append(volumes, h.Volume)
		}
	}
	return volumes
}

// Warnings lists what is not wrong with a scenario and most likely not meant:
// what can never fire in it, and numbers that somebody published and the
// scenario changes. A scenario that was not read from a file has no lines.
func Warnings(s *Scenario) []Issue {
	var all []Issue
	for i, step := range s.Timeline {
		arm, ok := step.Action.(Arm)
		if !ok {
			continue
		}
		b, _ := s.Bug(arm.Bug)
		if why, key, want := s.never(i); why != "" && !s.idle() {
			all = append(all, step.issue(key, want, "%s can never fire: %s", arm.As, why))
		}
		for _, o := range arm.Overrides(b) {
			if o.Origin != Picked {
				all = append(all, step.issue(o.Key, "leave it out, or write down why", "%s: %s", arm.As, o))
			}
		}
	}
	return newError("", all).Issues
}

// idle says that a fault of the scenario is expected not to happen.
func (s *Scenario) idle() bool {
	return slices.Contains(s.Expect.Checks, CheckWant{Check: "H1", Want: "fail"})
}

// Never says why what the i-th step arms cannot fire in this scenario, "" if it
// can, or if nobody can tell beforehand.
func Never(s *Scenario, i int) string {
	why, _, _ := s.never(i)
	return why
}

// In is the issue as errors print it.
func (i Issue) In(file string) string {
	text := fmt.Sprintf("%s:%d:%d: %s", file, i.Line, i.Column, i.What)
	if i.Want != "" {
		text += "; " + i.Want
	}
	return text
}

func (s Step) issue(key, want, format string, args ...any) Issue {
	at, ok := s.where[key]
	if !ok {
		at = s.where[""]
	}
	return Issue{at.line, at.column, fmt.Sprintf(format, args...), want}
}

// never is Never, with the key of the step that it is about and what would be
// right.
func (s *Scenario) never(i int) (why, key, want string) {
	step := s.Timeline[i]
	arm, ok := step.Action.(Arm)
	b, known := s.Bug(arm.Bug)
	if !ok || !known {
		return "", "", ""
	}
	if !s.reaches(arm, b, step.At) {
		return "on chooses nothing that is there", "on", "name what storage has: " + strings.Join(s.hosts(), ", ")
	}
	b = arm.With(b)
	if b.Scope = arm.Scope(b, s); b.Scope.Population.Volume == leader {
		b.Scope.Population.Volume = ""
	}
	return b.Never(s.env(step.At)), "arm", ""
}

// reaches says whether an arming is on something at that time or later.
func (s *Scenario) reaches(a Arm, b bug.Bug, at time.Duration) bool {
	for _, tags := range s.systems(at) {
		if len(a.Matches(b, s, func(array string) string { return tags[array] })) > 0 {
			return true
		}
	}
	return false
}

// systems are the OSes that the arrays have at a time, and after each upgrade
// that is not over then.
func (s *Scenario) systems(at time.Duration) (all []map[string]string) {
	tags := map[string]string{}
	for _, a := range s.Storage.Arrays {
		tags[a.Name] = a.OS
	}
	for _, step := range s.steps() {
		up, ok := step.Action.(Upgrade)
		if ok && step.At+s.longest(up) >= at {
			all = append(all, maps.Clone(tags))
		}
		for _, u := range up.To {
			tags[u.Array] = u.OS
		}
	}
	return append(all, tags)
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
	i := slices.IndexFunc(s.Storage.Arrays, func(a Array) bool { return a.Name == array })
	if i < 0 {
		return ""
	}
	return s.Storage.Arrays[i].OS
}
