package bug

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"fourdays/storage/vol"
)

// Env is what a run offers a bug: facts that bound what can happen, each from
// above. What is not known is left at zero, and then bounds nothing.
type Env struct {
	Armed    time.Duration    // the earliest that the bug is armed
	Duration time.Duration    // how long the run is at most
	Hosts    []Host           // every volume, once for each OS that its array may have while the run lasts
	Arrays   map[string]Reach // by the name that hosts have
}

// Reach is how far one array can come while a run lasts.
type Reach struct {
	Counters    map[Counter]int64 // the most that each can be, at the oldest drive and in the fullest directory
	Gauges      map[Gauge]float64 // the fullest that each can be
	Events      []string          // that can happen to it, but for arm, flush and discard; nil is not known, and not none
	Oldest      time.Duration     // the most time since a file was last written
	Controllers int               // how many it has
}

// Never says in words why the trigger of a bug can never fire in a run, or
// nothing if it may. It says so only when that is certain: of what it knows
// nothing about, it says nothing.
func (b *Bug) Never(env Env) string {
	full := b.Defaults()
	arrays := env.inScope(&full.Scope.Population)
	if len(arrays) == 0 {
		return fmt.Sprintf("nothing is in scope (%s); there are %s", full.Scope, env.hosts())
	}
	if full.Scope.Extent == ExtentSystem {
		return env.together(arrays).never(&full)
	}
	var whys []string
	for _, name := range arrays {
		why := env.alone(name).never(&full)
		if why == "" {
			return ""
		}
		whys = append(whys, name+": "+why)
	}
	return strings.Join(whys, "; ")
}

// inScope is the arrays of a population, in the order of their names.
func (e *Env) inScope(p *Population) []string {
	in := map[string]bool{}
	for _, h := range e.Hosts {
		if p.Has(h) {
			in[h.Array] = true
		}
	}
	return slices.Sorted(maps.Keys(in))
}

func (e *Env) hosts() string {
	var all []string
	for _, h := range e.Hosts {
		all = append(all, fmt.Sprintf("%s on %s (%s)", h.Volume, h.Array, h.OS))
	}
	if all == nil {
		return "no volumes"
	}
	return strings.Join(all, ", ")
}

// horizon is what one trigger can see of a run.
type horizon struct {
	Reach
	armed, end time.Duration // the end is past the last moment
	drawn      bool          // there is something that a chance is drawn for
}

func (e *Env) alone(array string) horizon {
	end := time.Duration(math.MaxInt64)
	if e.Duration > 0 {
		end = e.Duration + 1
	}
	return horizon{Reach: e.Arrays[array], armed: e.Armed, end: end}
}

// together is what a trigger sees that several arrays share: their counters are
// added up, and what happens to one happens to it.
func (e *Env) together(arrays []string) horizon {
	h := e.alone(arrays[0])
	for _, name := range arrays[1:] {
		h.Reach = h.plus(e.Arrays[name])
	}
	return h
}

func (r Reach) plus(o Reach) Reach {
	sum := Reach{Counters: map[Counter]int64{}, Gauges: map[Gauge]float64{}}
	for c, n := range r.Counters {
		if m, known := o.Counters[c]; known {
			sum.Counters[c] = n + min(m, math.MaxInt64-n)
		}
	}
	for g, f := range r.Gauges {
		if m, known := o.Gauges[g]; known {
			sum.Gauges[g] = max(f, m)
		}
	}
	if r.Events != nil && o.Events != nil {
		sum.Events = slices.Concat(r.Events, o.Events)
	}
	if r.Oldest > 0 && o.Oldest > 0 {
		sum.Oldest = max(r.Oldest, o.Oldest)
	}
	if r.Controllers > 0 && o.Controllers > 0 {
		sum.Controllers = max(r.Controllers, o.Controllers)
	}
	return sum
}

func (h horizon) never(b *Bug) string {
	if c := b.Scope.Population.Controller; c != nil && h.Controllers > 0 && *c >= h.Controllers {
		return fmt.Sprintf("controller %d is never active: there are %d, counted from 0", *c, h.Controllers)
	}
	e := &b.Effect
	h.drawn = len(e.Ops)+len(e.Acts) > 0 || e.Action == "" || e.Action.Lasting()
	return h.trigger(&b.Trigger)
}

func (h horizon) trigger(t *Trigger) string {
	switch {
	case t.Count != nil:
		if most, known := h.Counters[t.Count.Clock]; known && most < t.Count.At {
			return fmt.Sprintf("%s comes to %d at most, not to %d", t.Count.Clock, most, t.Count.At)
		}
	case t.Level != nil:
		if most, known := h.Gauges[t.Level.Gauge]; known && most < t.Level.Above {
			return fmt.Sprintf("%s comes to %s at most, not to %s", t.Level.Gauge, percent(most), percent(t.Level.Above))
		}
	case t.Event != "":
		return h.event(t.Event)
	case t.Match != nil:
		if h.Oldest > 0 && t.Match.OlderThan > h.Oldest {
			return fmt.Sprintf("no file is older than %s, which is not yet %s", printDuration(h.Oldest), printDuration(t.Match.OlderThan))
		}
	case t.Overlap != nil:
		return firstOf(h.side(t.Overlap.First), h.side(t.Overlap.Second))
	case t.Chance != nil && t.Chance.Per == PerOp && !h.drawn:
		return "its chance is drawn for nothing: an action that happens at once needs ops, or an event beside the chance in an all"
	case t.Time != nil:
		return h.time(t.Time)
	case len(t.Any) > 0:
		return h.any(t.Any)
	case len(t.All) > 0:
		return h.all(t)
	case t.Arm != nil && t.Fire != nil:
		return h.armThenFire(t)
	}
	return ""
}

// givenAnyway are the events that need nobody: bugs are armed, and applications
// flush and delete.
var givenAnyway = []string{EventArm, EventFlush, EventDiscard}

func (h horizon) event(e string) string {
	if h.Events == nil || slices.Contains(givenAnyway, e) || slices.Contains(h.Events, e) {
		return ""
	}
	return "there is no " + e
}

// side is an operation or an event of an overlap.
func (h horizon) side(s string) string {
	if _, isOp := vol.ParseKind(s); isOp {
		return ""
	}
	return h.event(s)
}

func (h horizon) time(t *Time) string {
	if t.At >= h.end {
		return fmt.Sprintf("the run ends at %s, before %s", printDuration(h.end-1), printDuration(t.At))
	}
	if t.Until != 0 && t.Until <= h.armed {
		return fmt.Sprintf("it is armed at %s, and not before %s", printDuration(h.armed), printDuration(t.Until))
	}
	return ""
}

func (h horizon) any(kids []Trigger) string {
	var whys []string
	for i := range kids {
		why := h.trigger(&kids[i])
		if why == "" {
			return ""
		}
		whys = append(whys, why)
	}
	return strings.Join(whys, ", and ")
}

func (h horizon) all(t *Trigger) string {
	h.drawn = h.drawn || slices.ContainsFunc(t.All, occurs)
	for i := range t.All {
		if why := h.trigger(&t.All[i]); why != "" {
			return why
		}
	}
	return h.times(t)
}

// occurs reports whether a trigger waits for operations or events.
func occurs(t Trigger) bool {
	if t.Event != "" || t.Match != nil || t.Overlap != nil {
		return true
	}
	return slices.ContainsFunc(t.All, occurs) || slices.ContainsFunc(t.Any, occurs) || t.Fire != nil && occurs(*t.Fire)
}

func (h horizon) armThenFire(t *Trigger) string {
	return firstOf(h.trigger(t.Arm), h.trigger(t.Fire), h.times(t))
}

// times says so if the parts of a trigger hold at different times.
func (h horizon) times(t *Trigger) string {
	if from, to := h.window(t); from >= to {
		return fmt.Sprintf("one part of it holds from %s on, and another until %s only", printDuration(from), printDuration(to))
	}
	return ""
}

// window is when a trigger may be true: from a moment until just before another.
func (h horizon) window(t *Trigger) (from, to time.Duration) {
	from, to = h.armed, h.end
	switch {
	case t.Time != nil:
		from = max(from, t.Time.At)
		if t.Time.Until != 0 {
			to = min(to, t.Time.Until)
		}
	case len(t.All) > 0:
		for i := range t.All {
			f, u := h.window(&t.All[i])
			from, to = max(from, f), min(to, u)
		}
	case len(t.Any) > 0:
		return h.windowOfAny(t.Any)
	case t.Arm != nil && t.Fire != nil:
		f, _ := h.window(t.Arm)
		from, to = h.window(t.Fire)
		from = max(from, f)
	}
	return from, to
}

func (h horizon) windowOfAny(kids []Trigger) (from, to time.Duration) {
	from, to = h.window(&kids[0])
	for i := range kids[1:] {
		f, u := h.window(&kids[1+i])
		from, to = min(from, f), max(to, u)
	}
	return from, to
}

func firstOf(whys ...string) string {
	for _, why := range whys {
		if why != "" {
			return why
		}
	}
	return ""
}
