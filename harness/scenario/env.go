package scenario

import (
	"cmp"
	"slices"
	"time"

	"fourdays/storage/bug"
)

// Lead is how long before the scenario's zero its arrays are on: the time in
// which the store is started and filled.
const Lead = time.Hour

// env is what the scenario offers to a bug that is armed at a time: bounds from
// above of what can happen until its end.
func (s *Scenario) env(at time.Duration) bug.Env {
	e := bug.Env{Armed: at, Duration: s.end(), Arrays: map[string]bug.Reach{}}
	seen := map[bug.Host]bool{}
	for _, tags := range s.systems(at) {
		for _, h := range s.volumes(func(array string) string { return tags[array] }) {
			if !seen[h] {
				seen[h] = true
				e.Hosts = append(e.Hosts, h)
			}
		}
	}
	for i := range s.Storage.Arrays {
		a := &s.Storage.Arrays[i]
		e.Arrays[a.Name] = bug.Reach{
			Counters: s.counters(a), Gauges: s.gauges(a), Events: s.events(a, at),
			Oldest: a.Age + Lead + s.end(), Controllers: a.Controllers,
		}
	}
	return e
}

func (s *Scenario) end() time.Duration { return s.Duration + max(s.Settle, 3*s.Raft.Timeout) }

// volumes are all there are, those of the small devices too, when os says which
// OS an array has.
func (s *Scenario) volumes(os func(array string) string) (all []bug.Host) {
	for _, store := range s.Storage.Stores {
		for _, r := range store.Replicas {
			device := Device(r.Node)
			all = append(all, bug.Host{OS: os(r.Array), Array: r.Array, Volume: r.Node, Store: store.Name},
				bug.Host{OS: DeviceOS, Array: device, Volume: device, Store: DeviceStore})
		}
	}
	for _, array := range s.Spools() {
		all = append(all, bug.Host{OS: os(array), Array: array, Volume: SpoolVolume(array), Store: s.SpoolStore()})
	}
	for _, spare := range s.Spares() {
		device := Device(spare.Name)
		all = append(all, bug.Host{OS: os(spare.Array), Array: spare.Array, Volume: spare.Name, Of: spare.Node, Store: spare.Store},
			bug.Host{OS: DeviceOS, Array: device, Volume: device, Of: Device(spare.Node), Store: DeviceStore})
	}
	return all
}

// SpoolStore is the store that volumes of spools count as part of: a fault on an
// array that says no store is on the first, and so on them.
func (s *Scenario) SpoolStore() string {
	if len(s.Storage.Stores) == 0 {
		return ""
	}
	return s.Storage.Stores[0].Name
}

// counters are the most that an array can have counted at the end. An array does
// one operation after the other, so that time bounds what it can do.
func (s *Scenario) counters(a *Array) map[bug.Counter]int64 {
	lives := Lead + s.end()
	most := map[bug.Counter]int64{
		bug.PowerOnHours: int64((max(a.PowerOn, Lead) + a.Skew + s.end()) / time.Hour),
		bug.Uptime:       int64((max(a.PowerOn, Lead) + s.end()) / time.Second),
		bug.PowerLosses:  s.times(a.Name, "power_loss"), bug.PowerCycles: s.times(a.Name, "power_on"),
	}
	if a.Service > 0 {
		for _, c := range []bug.Counter{bug.Ops, bug.Writes, bug.Flushes, bug.Files} {
			most[c] = int64(lives / a.Service)
		}
	}
	if a.Bandwidth > 0 {
		most[bug.Bytes] = int64(min(1<<62, lives.Seconds()*float64(a.Bandwidth)))
	}
	for _, start := range a.Counters {
		if n, bounded := most[start.Of]; bounded {
			most[start.Of] = n + start.Value
		}
	}
	return most
}

// times counts the steps of that name on an array.
func (s *Scenario) times(array, verb string) (n int64) {
	for _, step := range s.steps() {
		if step.Action != nil && step.Action.Verb() == verb && slices.Contains(targets(step.Action), array) {
			n++
		}
	}
	return n
}

// gauges are those of which an array says nothing, and which stay at nothing.
func (s *Scenario) gauges(a *Array) map[bug.Gauge]float64 {
	most := map[bug.Gauge]float64{}
	if a.Cache == 0 {
		most[bug.Dirty] = 0
	}
	if a.Queue == 0 {
		most[bug.Queue] = 0
	}
	return most
}

// targets are the arrays, and nodes, that an action is done to.
func targets(a Action) []string {
	switch a := a.(type) {
	case PowerLoss:
		return a.Targets
	case PowerOn:
		return a.Targets
	case Failover:
		return a.Arrays
	case Crash:
		return a.Arrays
	case Upgrade:
		var names []string
		for _, u := range a.To {
			names = append(names, u.Array)
		}
		return names
	case Tell:
		return a.On
	case Scrub:
		return a.Arrays
	case Copy:
		return a.Of
	case Restore:
		return a.To
	case Promote:
		return a.Arrays
	case Replace:
		return []string{cmp.Or(a.On, a.Node)}
	}
	return nil
}

// gives are the events that steps cause on the arrays that they are for.
var gives = map[string][]string{
	"power_loss": {bug.EventPowerLoss}, "power_on": {bug.EventPowerCycle}, "failover": {bug.EventFailover}, "crash": {bug.EventFailover},
	"upgrade": {bug.EventUpgrade}, "scrub": {"scrub"}, "copy": {"snapshot"}, "restore": {"restore"}, "promote": {"promote"},
	"replace": {NodeReplaced},
}

// NodeReplaced is the event that an array has when a new replica begins to fill a
// volume of it.
const NodeReplaced = "node_replace"

// events are those that can happen to an array from a time on. A node that loses
// power or copies its volume concerns its array.
func (s *Scenario) events(a *Array, at time.Duration) []string {
	all := []string{bug.EventEviction}
	for _, step := range s.steps() {
		switch act := step.Action.(type) {
		case nil:
			continue
		case Arm: // a bug may crash a controller, whenever it was armed
			if b, _ := s.Bug(act.Bug); b.Effect.Action == bug.Crash {
				all = append(all, bug.EventFailover)
			}
			continue
		}
		if step.At < at {
			continue
		}
		for _, target := range targets(step.Action) {
			if target != a.Name && s.arrayName(target) != a.Name {
				continue
			}
			all = append(all, gives[step.Action.Verb()]...)
			if up, ok := step.Action.(Upgrade); ok && up.How == Rolling {
				all = append(all, bug.EventFailover)
			}
			if tell, ok := step.Action.(Tell); ok {
				all = append(all, tell.Event)
			}
			if _, lost := step.Action.(PowerLoss); lost {
				all = append(all, bug.EventNodePowerLoss)
			}
		}
	}
	if a.Drives > 0 && a.Rebuild > 0 {
		all = append(all, "rebuild", "rebuilt")
	}
	return all
}
