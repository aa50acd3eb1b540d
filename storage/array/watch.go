package array

import (
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// watch is a trigger with its memory.
type watch struct {
	trigger  *bug.Trigger
	kids     []*watch
	latch    bool // an event stays true once seen
	bound    bool // other triggers say which operations a chance is drawn for
	alone    bool // no other trigger has a say in when this one comes true
	perEvent bool // a chance is drawn at events
	idle     bool // a chance is drawn at no operation

	seen    bool
	seenAt  map[any]bool     // places where an operation made it so
	reached bool             // count: it is there
	times   int64            // and how often it has fired
	timesIn map[*inode]int64 // the same of each directory, if names are counted
	firsts  map[any]passed   // overlap: when the first of the two was
	limit   int              // how many of them before the old ones are forgotten
	gap     gap
}

// newWatch prepares a rule's trigger. Under all, an event counts from when it
// happened, unless a chance is drawn for each event.
func newWatch(r *rule) *watch {
	e := &r.bug.Effect
	return makeWatch(&r.bug.Trigger, how{alone: true, acts: e.Action != "" && len(e.Ops) == 0, lasts: e.Action.Lasting(), places: r.scope.Extent.Place()})
}

// how says what surrounds a trigger.
type how struct {
	acts, places bool // of the bug: an action that waits for no operation; hits places
	lasts        bool // the action is one that operations feel as long as it is on
	drawn        bool // under an all in which a chance is drawn for each event
	latch        bool
	bound, alone bool // as in watch
}

// idle reports whether there are no operations that a chance is drawn for: the
// action concerns none, and no other trigger names any.
func (in how) idle(t *bug.Trigger) bool {
	return t.Chance != nil && t.Chance.Per == bug.PerOp && in.acts && !in.lasts && !in.bound
}

func makeWatch(t *bug.Trigger, in how) *watch {
	w := &watch{trigger: t, latch: in.latch, bound: in.bound, alone: in.alone, perEvent: in.drawn, idle: in.idle(t)}
	all := in
	all.drawn = in.drawn || in.acts && hasChance(t)
	all.latch, all.alone = !all.drawn, false
	for i := range t.All {
		all.bound = all.bound || choosy(&t.All[i])
	}
	for i := range t.All {
		w.kids = append(w.kids, makeWatch(&t.All[i], all))
	}
	for i := range t.Any {
		w.kids = append(w.kids, makeWatch(&t.Any[i], in))
	}
	if t.Arm != nil {
		fire := in
		fire.alone = in.alone && !in.places
		arm := fire
		arm.latch = false
		w.kids = []*watch{makeWatch(t.Arm, arm), makeWatch(t.Fire, fire)}
	}
	return w
}

// below calls f with every trigger that a trigger is made of.
func below(t *bug.Trigger, f func(*bug.Trigger)) {
	f(t)
	for i := range t.All {
		below(&t.All[i], f)
	}
	for i := range t.Any {
		below(&t.Any[i], f)
	}
	if t.Arm != nil {
		below(t.Arm, f)
		below(t.Fire, f)
	}
}

func hasChance(t *bug.Trigger) (has bool) {
	below(t, func(t *bug.Trigger) { has = has || t.Chance != nil && t.Chance.Per != bug.PerDriveHour })
	return has
}

// choosy reports whether a trigger says by itself which operations it is about.
func choosy(t *bug.Trigger) (is bool) {
	below(t, func(t *bug.Trigger) {
		is = is || t.Match != nil || t.Overlap != nil || t.Event == bug.EventFlush
	})
	return is
}

// sees reports whether the trigger is true at this moment.
func (w *watch) sees(m *moment) bool {
	t := w.trigger
	switch {
	case t.Count != nil:
		return w.counts(m)
	case t.Level != nil:
		return t.Level.Holds(m.v.gauge(t.Level.Gauge))
	case t.Event != "":
		return w.happens(m)
	case t.Match != nil:
		return m.op != nil && matches(t.Match, m)
	case t.Overlap != nil:
		return w.overlaps(m)
	case t.Chance != nil:
		return w.draws(m)
	case t.Time != nil:
		return m.now >= t.Time.At && (t.Time.Until == 0 || m.now < t.Time.Until)
	case len(t.All) > 0:
		return w.all(m)
	case len(t.Any) > 0:
		return w.any(m)
	}
	return w.armThenFire(m)
}

func (w *watch) happens(m *moment) bool {
	is := m.is(w.trigger.Event)
	if is && w.latch {
		w.learn(m)
	}
	return is || w.knows(m)
}

// is reports whether a moment is an event, or an operation that counts as one.
func (m *moment) is(event string) bool {
	if m.op == nil {
		return m.event == event && event != ""
	}
	return event == bug.EventFlush && flushes.has(m.op.Kind)
}

// learn remembers that something happened: at a place if an operation there was
// it and places are hit by themselves, and everywhere otherwise.
func (w *watch) learn(m *moment) {
	if m.op == nil || !m.unit.rule.scope.Extent.Place() {
		w.seen = true
	} else if w.seenAt == nil {
		w.seenAt = map[any]bool{m.place(): true}
	} else {
		w.seenAt[m.place()] = true
	}
	m.unit.stirred = true
}

func (w *watch) knows(m *moment) bool {
	return w.seen || len(w.seenAt) > 0 && m.op != nil && w.seenAt[m.place()]
}

// all asks in order and stops at the first that does not hold, so that chance
// is drawn only for what the triggers before it let through. Events are always
// shown to what may remember them.
func (w *watch) all(m *moment) bool {
	holds := true
	for _, k := range w.kids {
		if holds || m.event != "" && k.trigger.Chance == nil {
			holds = k.sees(m) && holds
		}
	}
	return holds
}

func (w *watch) any(m *moment) bool {
	for _, k := range w.kids {
		if k.sees(m) {
			return true
		}
	}
	return false
}

// armThenFire goes through two triggers, one after the other. The same moment
// serves for both only if what arms is a condition and not an occurrence.
func (w *watch) armThenFire(m *moment) bool {
	if !w.knows(m) {
		if !w.kids[0].sees(m) {
			return false
		}
		w.arm(m)
		if !w.kids[0].condition() {
			return false
		}
	}
	return w.kids[1].sees(m)
}

// arm remembers that the first trigger came true: a condition for all places.
func (w *watch) arm(m *moment) {
	if w.kids[0].condition() {
		w.seen, m.unit.stirred = true, true
		return
	}
	w.learn(m)
}

func (w *watch) condition() bool {
	t := w.trigger
	return t.Count != nil || t.Level != nil || t.Time != nil
}

// free stands for whatever operation there is: conditions and chances hold at
// any. At the root it means those that the rule asks at.
const free mask = 1 << 31

// looks is the operations that the trigger has to see now: those that may make
// it true and those that it has to remember.
func (w *watch) looks(r *rule) mask {
	m := w.may(r)
	if m&free != 0 {
		m |= r.asks
	}
	return (m | w.minds(r)) &^ free
}

// may is the operations at which the trigger may be true now, none if it waits
// for something else.
func (w *watch) may(r *rule) mask {
	t := w.trigger
	switch {
	case t.Count != nil:
		if !w.reached && t.Count.Clock != bug.Names {
			return 0
		}
		return free
	case t.Level != nil:
		return free
	case t.Event != "":
		return w.mayEvent()
	case t.Match != nil:
		return maskOf(t.Match.Ops)
	case t.Overlap != nil:
		return kindMask(t.Overlap.Second)
	case t.Chance != nil:
		if w.idle || w.gap.asleep || t.Chance.Per == bug.PerDriveHour {
			return 0
		}
		return free
	case t.Time != nil:
		if now := r.clock.Now(); now < t.Time.At || t.Time.Until != 0 && now >= t.Time.Until {
			return 0
		}
		return free
	case t.Arm != nil:
		return w.mayFire(r)
	}
	return w.mayBoth(r)
}

func (w *watch) mayEvent() mask {
	switch {
	case w.seen || len(w.seenAt) > 0:
		return free
	case w.trigger.Event == bug.EventFlush:
		return flushes
	}
	return 0
}

func (w *watch) mayFire(r *rule) mask {
	if !w.seen && len(w.seenAt) == 0 {
		if !w.kids[0].condition() {
			return 0
		}
		return both(w.kids[0].may(r), w.kids[1].may(r))
	}
	return w.kids[1].may(r)
}

func (w *watch) mayBoth(r *rule) mask {
	if len(w.trigger.All) == 0 {
		var m mask
		for _, k := range w.kids {
			m |= k.may(r)
		}
		return m
	}
	m := free
	for _, k := range w.kids {
		m = both(m, k.may(r))
	}
	return m
}

// both is the operations at which two triggers may be true.
func both(a, b mask) mask {
	switch {
	case a&free != 0 && b&free != 0:
		return a | b
	case a&free != 0:
		return b
	case b&free != 0:
		return a
	}
	return a & b
}

// minds is the operations that the trigger has to be shown because it remembers
// them.
func (w *watch) minds(r *rule) mask {
	var m mask
	t := w.trigger
	switch {
	case t.Overlap != nil:
		return kindMask(t.Overlap.First)
	case t.Event != "" && w.latch:
		return w.mayEvent() &^ free
	case t.Arm != nil && !w.seen:
		if m = w.kids[0].may(r); m&free != 0 {
			m |= r.asks
		}
	}
	for _, k := range w.kids {
		m |= k.minds(r)
	}
	return m &^ free
}

func kindMask(name string) mask {
	if k, ok := vol.ParseKind(name); ok {
		return 1 << k
	}
	return 0
}

// mayBeAt reports whether operations on a path may ever concern the trigger.
func (w *watch) mayBeAt(path string) bool {
	t := w.trigger
	if t.Match != nil {
		return bug.MatchPath(t.Match.Path, path)
	}
	if len(w.kids) == 0 {
		return true
	}
	some, every := false, true
	for _, k := range w.kids {
		at := k.mayBeAt(path)
		some, every = some || at, every && at
	}
	if len(t.All) > 0 && !remembers(t) {
		return every
	}
	return some
}

// remembers reports whether operations leave a trace in a trigger.
func remembers(t *bug.Trigger) (does bool) {
	below(t, func(t *bug.Trigger) {
		does = does || t.Overlap != nil || t.Arm != nil || t.Event == bug.EventFlush
	})
	return does
}
