package bug

import (
	"fmt"
	"slices"

	"fourdays/storage/vol"
)

func (c *checker) trigger(key string, t *Trigger, depth int) {
	if depth == maxDepth {
		c.add(key, "triggers nest too deep: %d levels are allowed", maxDepth)
		return
	}
	if n := t.kinds(); n != 1 {
		c.add(key, "a trigger is needed: one leaf or one combination, not %d; {event: arm} fires at once", n)
		return
	}
	switch {
	case t.Count != nil:
		c.count(key, t.Count)
	case t.Level != nil:
		c.level(key, t.Level)
	case t.Event != "":
		c.event(key+".event", t.Event)
	case t.Match != nil:
		c.match(key+".match", t.Match)
	case t.Overlap != nil:
		c.overlap(key, t.Overlap)
	case t.Chance != nil:
		c.chance(key, t.Chance)
	case t.Time != nil:
		c.time(key, t.Time)
	default:
		c.combination(key, t, depth+1)
	}
}

// kinds counts the leaves and combinations of a trigger that are set.
func (t *Trigger) kinds() int {
	n := 0
	for _, l := range leaves {
		if l.is(t) {
			n++
		}
	}
	return n
}

func (c *checker) combination(key string, t *Trigger, depth int) {
	for i := range t.All {
		c.trigger(fmt.Sprintf("%s.all.%d", key, i), &t.All[i], depth)
	}
	for i := range t.Any {
		c.trigger(fmt.Sprintf("%s.any.%d", key, i), &t.Any[i], depth)
	}
	if (t.Arm == nil) != (t.Fire == nil) {
		c.add(key, "arm and fire come together")
	} else if t.Arm != nil {
		c.trigger(key+".arm", t.Arm, depth)
		c.trigger(key+".fire", t.Fire, depth)
	}
}

func (c *checker) count(key string, t *Count) {
	if t.At < 1 || t.Every < 0 || t.At > maxCount || t.Every > maxCount {
		c.add(key+".at", "a counter is reached at 1 or more, and again every 1 or more")
	}
	if !slices.Contains(counters, t.Clock) {
		c.add(key+".count", "a counter is needed: %s", among(counters))
	}
}

func (c *checker) level(key string, t *Level) {
	if (t.Above != 0) == (t.Below != 0) {
		c.add(key, "a level needs either above or below")
	} else if !isShare(t.Above + t.Below) {
		c.add(key, "a level is above 0 and at most 1")
	}
	if !slices.Contains(gauges, t.Gauge) {
		c.add(key+".level", "a gauge is needed: %s", among(gauges))
	}
}

func (c *checker) event(key, e string) {
	if k, ok := vol.ParseKind(e); ok {
		c.add(key, "%s is an operation and not an event: {match: {ops: [%s]}}", k, k)
		return
	}
	c.must(isEvent(e), key, "%q is not the name of an event: lower case letters and underscores", e)
}

func (c *checker) overlap(key string, t *Overlap) {
	if t.Within <= 0 || t.Within > maxDuration {
		c.add(key, "an overlap needs a time above 0 within which the second follows the first")
	}
	for i, s := range []string{t.First, t.Second} {
		c.must(isEvent(s), fmt.Sprintf("%s.overlap.%d", key, i), "%q is neither an operation (%s) nor the name of an event", s, among(kindNames(kinds)))
	}
}

func (c *checker) chance(key string, t *Chance) {
	c.must(isShare(t.P), key+".chance", "a chance is above 0 and at most 1")
	isOne(c, key+".per", t.Per, hazards)
	c.must(t.Burst >= 0 && t.Burst <= maxBurst, key+".burst", "a burst is of 1 to %d places", maxBurst)
	c.must(t.Near >= 0 && t.Near <= maxBytes, key+".near", "near is a number of bytes from 1 on")
	c.must(t.Near == 0 || t.Burst > 0, key+".near", "near says where the places of a burst are; it needs burst")
	c.must(t.Burst == 0 || c.b.Scope.Extent.Place(), key+".burst", "a burst is of places: scope.extent has to be %s, not %s", oneOf(places()), c.b.Scope.Extent)
	c.must(t.Per != PerByte || c.moves(), key+".per", "nothing that the effect is on moves bytes: ops has to have read or write")
}

// moves reports whether the effect is on something that carries bytes.
func (c *checker) moves() bool {
	e := &c.b.Effect
	return slices.ContainsFunc(e.Ops, carries) || slices.ContainsFunc(e.Acts, func(a Act) bool { return a == Copy || a == Restore || a == Mirror })
}

func carries(k vol.Kind) bool { return k == vol.Read || k == vol.Write }

func (c *checker) time(key string, t *Time) {
	c.must(t.At >= 0 && t.At <= maxDuration, key+".time", "a time is from the start of the run, at most 876000h")
	if t.Until != 0 && (t.Until <= t.At || t.Until > maxDuration) {
		c.add(key+".until", "until has to be after the time it starts")
	}
}

func (c *checker) match(key string, m *Match) {
	if len(m.Ops) == 0 {
		c.add(key, "match needs the ops that it matches")
		return
	}
	unique(c, key+".ops", m.Ops, vol.Kind.String, kinds)
	unique(c, key+".flags", m.Flags, same, flags)
	c.glob(key+".path", m.Path)
	if m.Min < 0 || m.Min > maxBytes || m.Max < 0 || m.Max > maxBytes || m.Max > 0 && m.Max < m.Min {
		c.add(key, "min and max are sizes in bytes, the smaller first")
	}
	c.must(m.Aligned >= 0 && m.Aligned <= maxUnit, key+".aligned", "aligned is a number of bytes from 1 on")
	c.must(m.OlderThan >= 0 && m.OlderThan <= maxDuration, key+".older_than", "an age is a time of 0 or more, at most 876000h")
	if m.Min != 0 || m.Max != 0 || m.Aligned != 0 {
		c.must(slices.ContainsFunc(m.Ops, carries), key, "min, max and aligned are about read and write; neither is in ops")
	}
	c.must(m.OlderThan == 0 || slices.ContainsFunc(m.Ops, onFile), key+".older_than", "older_than is about files; none of the ops is on one")
	c.flags(key, m)
}

func (c *checker) flags(key string, m *Match) {
	for i, f := range m.Flags {
		if of := flagged[f]; of != nil && !slices.ContainsFunc(m.Ops, func(k vol.Kind) bool { return slices.Contains(of, k) }) {
			c.add(fmt.Sprintf("%s.flags.%d", key, i), "%s is about %s, which ops has not", f, oneOf(kindNames(of)))
		}
	}
	c.must(!slices.Contains(m.Flags, Append) || !slices.Contains(m.Flags, Overwrite), key+".flags",
		"a write begins at the end of the file (append) or within it (overwrite), not both")
}

// flagged are the operations that can be made in a way.
var flagged = map[Flag][]vol.Kind{
	Direct:     {vol.Open, vol.Read, vol.Write, vol.Truncate, vol.Sync, vol.Close, vol.Stat},
	Append:     {vol.Write},
	Sequential: {vol.Read, vol.Write},
	Create:     {vol.Open},
	Overwrite:  {vol.Write},
}

func onFile(k vol.Kind) bool {
	switch k {
	case vol.SyncDir, vol.ReadDir, vol.Mkdir, vol.Rmdir, vol.Statfs:
		return false
	}
	return true
}
