package run

import (
	"time"

	"fourdays/harness/world"
	"fourdays/storage/array"
	"fourdays/storage/vol"
)

// timed is a volume whose files have the times of its world, which programs
// compare with their own clocks: the arrays live by the run's clock, and that
// leaps.
type timed struct {
	of    *array.Volume
	clock *clock
}

// leapt is the one leap of a clock: from is a time of the world.
type leapt struct{ from, by time.Duration }

// toWorld translates a time of the run. What lies within the leap was at its
// beginning.
func (c *clock) toWorld(t time.Duration) time.Duration {
	l := c.once.Load()
	if l == nil || t <= l.from {
		return t
	}
	return max(l.from, t-l.by)
}

// toRun translates a time of the world.
func (c *clock) toRun(t time.Duration) time.Duration {
	if l := c.once.Load(); l != nil && t > l.from {
		return t + l.by
	}
	return t
}

// Do implements vol.Volume.
func (t *timed) Do(op *vol.Op, done func(vol.Result)) {
	if op.Attr != nil && op.Attr.Has&vol.HasMTime != 0 {
		attr := *op.Attr
		attr.MTime = t.clock.toRun(attr.MTime)
		op.Attr = &attr
	}
	t.of.Do(op, func(r vol.Result) {
		r.Info.MTime = t.clock.toWorld(r.Info.MTime)
		for i := range r.Entries {
			r.Entries[i].MTime = t.clock.toWorld(r.Entries[i].MTime)
		}
		done(r)
	})
}

// Cancel implements vol.Canceler.
func (t *timed) Cancel(op *vol.Op) { t.of.Cancel(op) }

// Kill implements vol.Machine.
func (t *timed) Kill() { t.of.Kill() }

// PowerLoss implements vol.Machine.
func (t *timed) PowerLoss() { t.of.PowerLoss() }

var (
	_ vol.Canceler = (*timed)(nil)
	_ vol.Machine  = (*timed)(nil)
)

// volume is the volume of that name as programs see it. The simulator leaps with
// all that it has.
func (st *stage) volume(name string) vol.Volume {
	if _, leaps := st.w.(world.Leaper); leaps {
		return st.fleet.Volume(name)
	}
	if st.timed[name] == nil {
		st.timed[name] = &timed{st.fleet.Volume(name), st.clock}
	}
	return st.timed[name]
}
