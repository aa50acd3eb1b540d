package prove

import (
	"cmp"
	"slices"
	"time"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// shape is what an operation has to be like to satisfy every match around it.
type shape struct {
	ops       []vol.Kind
	path      string
	flags     []bug.Flag
	min, max  int64
	aligned   int64
	olderThan time.Duration
}

func (s shape) with(m *bug.Match) shape {
	if len(s.ops) > 0 {
		s.ops = slices.DeleteFunc(slices.Clone(s.ops), func(k vol.Kind) bool { return !slices.Contains(m.Ops, k) })
	} else {
		s.ops = m.Ops
	}
	s.path = cmp.Or(m.Path, s.path)
	s.flags = append(slices.Clip(s.flags), m.Flags...)
	s.min, s.aligned, s.olderThan = max(s.min, m.Min), max(s.aligned, m.Aligned), max(s.olderThan, m.OlderThan)
	if s.max == 0 || m.Max > 0 && m.Max < s.max {
		s.max = m.Max
	}
	return s
}

func (s shape) has(f bug.Flag) bool { return slices.Contains(s.flags, f) }

// blocks is how many blocks a read or write of that shape moves, and how many
// bytes each of its operations does.
func (s shape) blocks() (n, piece int) {
	unit := max(s.aligned, blockSize)
	size := (max(s.min, 1) + unit - 1) / unit * unit
	piece = int(size)
	if s.max > 0 && s.max < size {
		piece = int(s.max)
		if s.aligned > 0 && s.aligned <= s.max {
			piece = int(s.max / s.aligned * s.aligned)
		}
	}
	return int((size + blockSize - 1) / blockSize), piece
}

// walk calls f for a trigger and everything in it.
func walk(t *bug.Trigger, f func(*bug.Trigger)) {
	f(t)
	for i := range t.All {
		walk(&t.All[i], f)
	}
	for i := range t.Any {
		walk(&t.Any[i], f)
	}
	if t.Arm != nil && t.Fire != nil {
		walk(t.Arm, f)
		walk(t.Fire, f)
	}
}

// leaves lists what of a kind is in a trigger.
func leaves[T any](t *bug.Trigger, pick func(*bug.Trigger) *T) []*T {
	var all []*T
	walk(t, func(t *bug.Trigger) {
		if leaf := pick(t); leaf != nil {
			all = append(all, leaf)
		}
	})
	return all
}

func counts(t *bug.Trigger) []*bug.Count {
	return leaves(t, func(t *bug.Trigger) *bug.Count { return t.Count })
}
func levels(t *bug.Trigger) []*bug.Level {
	return leaves(t, func(t *bug.Trigger) *bug.Level { return t.Level })
}
func matches(t *bug.Trigger) []*bug.Match {
	return leaves(t, func(t *bug.Trigger) *bug.Match { return t.Match })
}

// awaits reports whether a trigger waits for an event.
func awaits(t *bug.Trigger, event string) bool {
	found := false
	walk(t, func(t *bug.Trigger) { found = found || t.Event == event })
	return found
}

// alternatives are the triggers without any that a trigger is made of: a proof
// shows each of them by itself.
func alternatives(t bug.Trigger) []bug.Trigger {
	switch {
	case len(t.Any) > 0:
		var all []bug.Trigger
		for _, k := range t.Any {
			all = append(all, alternatives(k)...)
		}
		return all
	case len(t.All) > 0:
		return product(t.All, func(kids []bug.Trigger) bug.Trigger { return bug.Trigger{All: kids} })
	case t.Arm != nil && t.Fire != nil:
		return product([]bug.Trigger{*t.Arm, *t.Fire}, func(kids []bug.Trigger) bug.Trigger {
			return bug.Trigger{Arm: &kids[0], Fire: &kids[1]}
		})
	}
	return []bug.Trigger{t}
}

func product(kids []bug.Trigger, join func([]bug.Trigger) bug.Trigger) []bug.Trigger {
	lists := [][]bug.Trigger{nil}
	for _, k := range kids {
		var longer [][]bug.Trigger
		for _, have := range lists {
			for _, alt := range alternatives(k) {
				longer = append(longer, append(slices.Clone(have), alt))
			}
		}
		lists = longer
	}
	all := make([]bug.Trigger, len(lists))
	for i, l := range lists {
		all[i] = join(l)
	}
	return all
}

// The operations that a scan makes, and those that fresh work makes as well.
var (
	looking = []vol.Kind{vol.Open, vol.Read, vol.Close, vol.ReadDir, vol.Statfs}
	working = append([]vol.Kind{vol.Write, vol.Truncate, vol.Sync, vol.SyncDir, vol.Stat, vol.Mkdir, vol.Rmdir, vol.Unlink, vol.Rename}, looking...)
)

// worked are the counters that operations move.
var worked = []bug.Counter{bug.Ops, bug.Writes, bug.Flushes, bug.Files, bug.Bytes}

// idle is a time in which somebody only makes some operations.
type idle struct {
	bug  *bug.Bug
	ops  []vol.Kind
	long bool // so many that counters may get there, and so long that data grow old
	now  time.Duration
}

// patient reports whether a trigger waits for something else than these
// operations, so that the bug can be armed and not have fired after them.
func (i idle) patient(t *bug.Trigger) bool {
	waits := func(k bug.Trigger) bool { return i.patient(&k) }
	switch {
	case t.Event != "":
		return t.Event != bug.EventArm && (len(i.ops) == len(looking) || t.Event != bug.EventFlush && t.Event != bug.EventDiscard)
	case t.Count != nil:
		return !i.long || !slices.Contains(worked, t.Count.Clock)
	case t.Level != nil:
		return t.Level.Above > 0 || t.Level.Gauge == bug.Fill || t.Level.Gauge == bug.Inodes
	case t.Match != nil:
		return i.never(t.Match)
	case t.Overlap != nil:
		return !i.makes(kinds(t.Overlap.First)) || !i.makes(kinds(t.Overlap.Second))
	case t.Chance != nil:
		return (len(i.bug.Effect.Ops) > 0 || len(i.bug.Effect.Acts) > 0) && !i.makes(i.bug.Effect.Ops)
	case t.Time != nil:
		return t.Time.At > i.now
	case len(t.All) > 0:
		return slices.ContainsFunc(t.All, waits)
	case len(t.Any) > 0:
		return !slices.ContainsFunc(t.Any, func(k bug.Trigger) bool { return !waits(k) })
	}
	return i.patient(t.Arm) || i.patient(t.Fire)
}

// never reports whether a match is about operations that are not made.
func (i idle) never(m *bug.Match) bool {
	return !i.makes(m.Ops) || m.OlderThan > 0 && !i.long || m.Min > readSize*blockSize || slices.Contains(m.Flags, bug.Direct) ||
		len(i.ops) == len(looking) && slices.ContainsFunc(m.Flags, func(f bug.Flag) bool { return f != bug.Sequential })
}

func (i idle) makes(ops []vol.Kind) bool {
	return slices.ContainsFunc(ops, func(k vol.Kind) bool { return slices.Contains(i.ops, k) })
}

// kinds is the operation of that name, none for an event.
func kinds(name string) []vol.Kind {
	if k, ok := vol.ParseKind(name); ok {
		return []vol.Kind{k}
	}
	return nil
}
