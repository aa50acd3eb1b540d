package bug

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"fourdays/storage/vol"
)

// problem is something wrong with a bug: at which key, and what.
type problem struct{ key, msg string }

// Check reports all that is wrong with a bug made in Go. Parse reports the same
// with line and column.
func (b *Bug) Check() error {
	var errs []error
	for _, p := range b.problems() {
		errs = append(errs, fmt.Errorf("%s: %s", p.key, p.msg))
	}
	return errors.Join(errs...)
}

var idForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func (b *Bug) problems() []problem {
	c := &checker{}
	if !idForm.MatchString(b.ID) || len(b.ID) > 64 {
		c.add("id", "an id is needed: lower case letters, digits and single dashes, at most 64, not %q", b.ID)
	}
	if !slices.Contains(persistences, b.Persistence) {
		c.add("persistence", "a persistence is needed: %s", among(persistences))
	}
	if b.Evidence.Label == Read && b.Evidence.URL == "" {
		c.add("evidence", "what was read in a page needs its url")
	}
	c.trigger("trigger", &b.Trigger)
	c.effect(&b.Effect)
	c.glob("scope.path", b.Scope.Path)
	p := b.Scope.Population
	c.glob("scope.population.array", p.Array)
	c.glob("scope.population.volume", p.Volume)
	c.glob("scope.population.store", p.Store)
	c.glob("scope.population.os", strings.NewReplacer("<", "", ">", "", "=", "").Replace(p.OS))
	if p.Controller != nil && *p.Controller < 0 {
		c.add("scope.population.controller", "controllers are counted from 0")
	}
	if b.Plane != "" && b.Plane != Data {
		c.add("plane", "nothing carries out the plane %s yet; the array does data", b.Plane)
	}
	return c.found
}

type checker struct{ found []problem }

func (c *checker) add(key, format string, args ...any) {
	c.found = append(c.found, problem{key, fmt.Sprintf(format, args...)})
}

func (c *checker) glob(key, pattern string) {
	if _, err := path.Match(pattern, ""); err != nil {
		c.add(key, "%q is not a glob: a bracket is not closed, or a backslash ends it", pattern)
	}
}

func (c *checker) trigger(key string, t *Trigger) {
	if n := t.kinds(); n != 1 {
		c.add(key, "a trigger is needed: one leaf or one combination, not %d; {event: arm} fires at once", n)
		return
	}
	switch {
	case t.Count != nil:
		if t.Count.At < 1 || t.Count.Every < 0 {
			c.add(key+".at", "a counter is reached at 1 or more, and again every 1 or more")
		}
		if !slices.Contains(counters, t.Count.Clock) {
			c.add(key+".count", "a counter is needed: %s", among(counters))
		}
	case t.Level != nil:
		if (t.Level.Above > 0) == (t.Level.Below > 0) {
			c.add(key, "a level needs either above or below")
		}
		if !slices.Contains(gauges, t.Level.Gauge) {
			c.add(key+".level", "a gauge is needed: %s", among(gauges))
		}
	case t.Match != nil:
		c.match(key+".match", t.Match)
	case t.Overlap != nil:
		if t.Overlap.Within <= 0 || t.Overlap.First == 0 || t.Overlap.Second == 0 {
			c.add(key, "an overlap needs two operations and a time above 0 within which")
		}
	case t.Time != nil:
		if t.Time.Until != 0 && t.Time.Until <= t.Time.At {
			c.add(key+".until", "until has to be after the time it starts")
		}
	default:
		c.combination(key, t)
	}
}

func (c *checker) combination(key string, t *Trigger) {
	for i := range t.All {
		c.trigger(fmt.Sprintf("%s.all.%d", key, i), &t.All[i])
	}
	for i := range t.Any {
		c.trigger(fmt.Sprintf("%s.any.%d", key, i), &t.Any[i])
	}
	if (t.Arm == nil) != (t.Fire == nil) {
		c.add(key, "arm and fire come together")
	} else if t.Arm != nil {
		c.trigger(key+".arm", t.Arm)
		c.trigger(key+".fire", t.Fire)
	}
}

func (c *checker) match(key string, m *Match) {
	if len(m.Ops) == 0 {
		c.add(key, "match needs the ops that it matches")
	}
	c.glob(key+".path", m.Path)
	if m.Min < 0 || m.Max < 0 || m.Max > 0 && m.Max < m.Min {
		c.add(key, "min and max are sizes in bytes, the smaller first")
	}
}

// kinds counts the leaves and combinations of a trigger that are set.
func (t *Trigger) kinds() int {
	n := 0
	for _, set := range []bool{t.Count != nil, t.Level != nil, t.Event != "", t.Match != nil, t.Overlap != nil,
		t.Chance > 0, t.Time != nil, len(t.All) > 0, len(t.Any) > 0, t.Arm != nil || t.Fire != nil} {
		if set {
			n++
		}
	}
	return n
}

func (c *checker) effect(e *Effect) {
	if e.Action != "" {
		c.action(e)
		return
	}
	if len(e.Ops) == 0 {
		c.add("effect", "an effect needs the ops that it changes, or an action")
		return
	}
	if e.To != 0 || e.Part != 0 {
		c.add("effect", "to and part belong to an action")
	}
	changes := e.Data.Kind != Same || e.Persist.Kind != Yes
	refuses := e.Reply.Errno != 0 || e.Reply.Never
	if !changes && !refuses && e.Delay.Max == 0 {
		c.add("effect", "the effect changes nothing: it needs a reply, data, persist or a delay")
	}
	if changes && refuses {
		c.add("effect.reply", "an operation that is not answered with ok changes no data")
	}
	if e.Reply.Errno != 0 && errnoName(e.Reply.Errno) == "" {
		c.add("effect.reply", "%v is not an error that a bug can answer with: %s", e.Reply.Errno, errnoNames())
	}
	c.data(e)
	c.persist(e)
}

func (c *checker) action(e *Effect) {
	switch {
	case len(e.Ops) > 0 || e.Data.Kind != Same || e.Persist.Kind != Yes || e.Delay.Max > 0 ||
		e.Reply != Reply{} || len(e.LostAt) > 0:
		c.add("effect", "an action is about the whole volume: ops, reply, data, persist and delay do not go with it")
	case (e.Action == DropEntries || e.Action == HideEntries) != (e.Part > 0):
		c.add("effect", "drop_entries and hide_entries, and only they, need the part that they take")
	case e.To != 0 && e.Action != Rollback:
		c.add("effect.to", "only a rollback goes to a time")
	}
}

func (c *checker) data(e *Effect) {
	for _, op := range e.Ops {
		switch {
		case e.Data.Kind == Same || op == vol.Read:
		case op == vol.Write && (e.Data.Kind == Zero || e.Data.Kind == Flip || e.Data.Kind == Other):
		default:
			c.add("effect.data", "data %s is for read%s, not for %s", e.Data.Kind, writeToo(e.Data.Kind), op)
		}
	}
}

func writeToo(k Corruption) string {
	if k == Old || k == Cut {
		return ""
	}
	return " and write"
}

func (c *checker) persist(e *Effect) {
	flushes := false
	for _, op := range e.Ops {
		flush := op == vol.Sync || op == vol.SyncDir
		flushes = flushes || flush
		switch {
		case e.Persist.Kind == Yes:
		case !flush && op != vol.Write:
			c.add("effect.persist", "persist is about write, fsync and fsyncdir, not %s", op)
		case flush && e.Persist.Kind == Elsewhere:
			c.add("effect.persist", "a flush has no elsewhere; that is for write")
		case !flush && e.Persist.Kind == Late:
			c.add("effect.persist", "late is for fsync: a write is not promised anyway")
		}
	}
	if len(e.LostAt) > 0 && (!flushes || e.Persist.Kind == Yes) {
		c.add("effect.lost_at", "lost_at is about a flush that does not persist")
	}
}
