package bug

import (
	"fmt"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"fourdays/storage/vol"
)

var (
	labels       = []Label{Read, Notes, Remembered, Generic}
	planes       = []Plane{Data, Control, Derived, Link, Report}
	extents      = []Extent{ExtentFile, ExtentVolume, ExtentController, ExtentArray, ExtentSystem}
	persistences = []Persistence{Once, Transient, UntilReboot, UntilFix, Permanent}
	counters     = []Counter{Ops, Writes, Flushes, Files, Bytes, Uptime, PowerOnHours}
	gauges       = []Gauge{Fill, Inodes}
	actions      = []Action{Rollback, Offline, ReadOnly, ZeroAll, Wipe, DropEntries, HideEntries}
	lossEvents   = []string{EventPowerLoss, EventFailover, EventNodePowerLoss}
)

func (r *reader) bug(n *yaml.Node, b *Bug) {
	b.Plane, b.Scope.Extent = Data, ExtentVolume
	r.mapping(n, "", "a bug",
		field{"id", r.string("id", &b.ID)},
		field{"title", r.string("title", &b.Title)},
		field{"evidence", func(n *yaml.Node) { r.evidence(n, &b.Evidence) }},
		field{"trigger", func(n *yaml.Node) { r.trigger(n, "trigger", &b.Trigger, maxDepth) }},
		field{"effect", func(n *yaml.Node) { r.effect(n, &b.Effect) }},
		field{"plane", one(r, "plane", &b.Plane, planes)},
		field{"scope", func(n *yaml.Node) { r.scope(n, &b.Scope) }},
		field{"persistence", one(r, "persistence", &b.Persistence, persistences)},
		field{"shows", func(n *yaml.Node) {
			r.mapping(n, "shows", "shows",
				field{"silent", r.bool("silent", &b.Shows.Silent)},
				field{"reboot_clears", r.bool("reboot_clears", &b.Shows.RebootClears)})
		}})
}

func (r *reader) evidence(n *yaml.Node, e *Evidence) {
	r.mapping(n, "evidence", "evidence",
		field{"label", one(r, "label", &e.Label, labels)},
		field{"url", r.string("url", &e.URL)},
		field{"note", r.string("note", &e.Note)},
		field{"sourced", r.words("sourced", &e.Sourced)},
		field{"picked", r.words("picked", &e.Picked)})
}

func (r *reader) scope(n *yaml.Node, s *Scope) {
	p := &s.Population
	r.mapping(n, "scope", "scope",
		field{"extent", one(r, "extent", &s.Extent, extents)},
		field{"population", func(n *yaml.Node) {
			r.mapping(n, "scope.population", "population",
				field{"os", r.string("os", &p.OS)},
				field{"array", r.string("array", &p.Array)},
				field{"volume", r.string("volume", &p.Volume)},
				field{"store", r.string("store", &p.Store)},
				field{"controller", func(n *yaml.Node) {
					var v int64
					r.int("controller", &v)(n)
					c := int(v)
					p.Controller = &c
				}})
		}},
		field{"path", r.string("path", &s.Path)})
}

// trigger reads a leaf or a combination: the first key says which.
func (r *reader) trigger(n *yaml.Node, path string, t *Trigger, depth int) {
	const leaves = "count, level, event, match, overlap, chance, time, all, any, or arm with fire"
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		r.fail(n, "a trigger has to be a mapping with one of %s", leaves)
		return
	}
	if depth == 0 {
		r.fail(n, "triggers nest too deep: %d levels are allowed", maxDepth)
		return
	}
	sub := func(key string, to **Trigger) field {
		return field{key, func(n *yaml.Node) {
			*to = &Trigger{}
			r.trigger(n, path+"."+key, *to, depth-1)
		}}
	}
	several := func(key string, to *[]Trigger) field {
		return field{key, func(n *yaml.Node) {
			r.list(n, key, func(item *yaml.Node) {
				var kid Trigger
				r.at[fmt.Sprintf("%s.%s.%d", path, key, len(*to))] = item
				r.trigger(item, fmt.Sprintf("%s.%s.%d", path, key, len(*to)), &kid, depth-1)
				*to = append(*to, kid)
			})
		}}
	}
	switch key := n.Content[0].Value; key {
	case "count", "at", "every":
		t.Count = &Count{}
		r.mapping(n, path, "a count trigger", field{"count", one(r, "count", &t.Count.Clock, counters)},
			field{"at", r.int("at", &t.Count.At)}, field{"every", r.int("every", &t.Count.Every)})
	case "level", "above", "below":
		t.Level = &Level{}
		r.mapping(n, path, "a level trigger", field{"level", one(r, "level", &t.Level.Gauge, gauges)},
			field{"above", r.share("above", &t.Level.Above)}, field{"below", r.share("below", &t.Level.Below)})
	case "event":
		r.mapping(n, path, "an event trigger", field{"event", r.string("event", &t.Event)})
	case "match":
		t.Match = &Match{}
		r.mapping(n, path, "a match trigger", field{"match", func(n *yaml.Node) { r.match(n, path, t.Match) }})
	case "overlap", "within":
		t.Overlap = &Overlap{}
		r.mapping(n, path, "an overlap trigger", field{"overlap", func(n *yaml.Node) { r.pair(n, t.Overlap) }},
			field{"within", r.duration("within", &t.Overlap.Within)})
	case "chance":
		r.mapping(n, path, "a chance trigger", field{"chance", r.share("chance", &t.Chance)})
	case "time", "until":
		t.Time = &Time{}
		r.mapping(n, path, "a time trigger", field{"time", r.duration("time", &t.Time.At)},
			field{"until", r.duration("until", &t.Time.Until)})
	case "all":
		r.mapping(n, path, "an all trigger", several("all", &t.All))
	case "any":
		r.mapping(n, path, "an any trigger", several("any", &t.Any))
	case "arm", "fire":
		r.mapping(n, path, "an arm and fire trigger", sub("arm", &t.Arm), sub("fire", &t.Fire))
	default:
		r.fail(n.Content[0], "unknown trigger %q; a trigger is one of %s", key, leaves)
	}
}

func (r *reader) match(n *yaml.Node, path string, m *Match) {
	r.mapping(n, path+".match", "match",
		field{"ops", r.kinds("ops", &m.Ops)},
		field{"path", r.string("path", &m.Path)},
		field{"min", r.int("min", &m.Min)},
		field{"max", r.int("max", &m.Max)})
}

func (r *reader) pair(n *yaml.Node, o *Overlap) {
	var both []vol.Kind
	r.kinds("overlap", &both)(n)
	if len(both) != 2 {
		r.fail(n, "overlap has to be two operations, as [write, read]")
		return
	}
	o.First, o.Second = both[0], both[1]
}

func (r *reader) effect(n *yaml.Node, e *Effect) {
	r.mapping(n, "effect", "effect",
		field{"ops", r.kinds("ops", &e.Ops)},
		field{"reply", r.reply(&e.Reply)},
		field{"data", r.data(&e.Data)},
		field{"persist", r.persist(&e.Persist)},
		field{"delay", r.delay(&e.Delay)},
		field{"lost_at", func(n *yaml.Node) {
			r.list(n, "lost_at", func(item *yaml.Node) {
				var s string
				one(r, "lost_at", &s, lossEvents)(item)
				e.LostAt = append(e.LostAt, s)
			})
		}},
		field{"action", one(r, "action", &e.Action, actions)},
		field{"to", r.duration("to", &e.To)},
		field{"part", r.share("part", &e.Part)})
}

func (r *reader) kinds(what string, to *[]vol.Kind) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.list(n, what, func(item *yaml.Node) {
			k, ok := vol.ParseKind(item.Value)
			if !ok {
				r.fail(item, "unknown operation %q; operations are %s", item.Value, kindNames())
				return
			}
			*to = append(*to, k)
		})
	}
}

func kindNames() string {
	var all []string
	for k := vol.Open; k <= vol.Statfs; k++ {
		all = append(all, k.String())
	}
	return among(all)
}

func (r *reader) duration(what string, to *time.Duration) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if d, ok := parseDuration(n.Value); ok && n.Kind == yaml.ScalarNode {
			*to = d
			return
		}
		r.fail(n, "%s has to be a time of 0 or more with its unit, as 500ms or 72h, not %q", what, n.Value)
	}
}

func parseDuration(s string) (time.Duration, bool) {
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0
}

func (r *reader) reply(to *Reply) func(*yaml.Node) {
	return func(n *yaml.Node) {
		switch errno, known := errnoByName(n.Value); {
		case n.Value == "ok":
		case n.Value == "never":
			to.Never = true
		case known:
			to.Errno = errno
		default:
			r.fail(n, "reply is %q; it can be ok, never, or an error: %s", n.Value, errnoNames())
		}
	}
}

func (r *reader) data(to *Change) func(*yaml.Node) {
	return func(n *yaml.Node) {
		word, arg := call(n.Value)
		count, err := strconv.ParseInt(arg, 10, 64)
		switch k := Corruption(word); {
		case n.Value == "same":
		case (k == Zero || k == Other) && arg == "":
			*to = Change{Kind: k}
		case (k == Old || k == Flip || k == Cut) && err == nil && count > 0 && count <= 1<<20:
			*to = Change{k, count}
		default:
			r.fail(n, "data is %q; it can be same, zero, other, old(versions), flip(bits) or cut(bytes)", n.Value)
		}
	}
}

func (r *reader) persist(to *Persist) func(*yaml.Node) {
	return func(n *yaml.Node) {
		word, arg := call(n.Value)
		unit, err := strconv.ParseInt(arg, 10, 64)
		late, ok := parseDuration(arg)
		switch k := Durability(word); {
		case n.Value == "yes":
		case (k == No || k == Elsewhere) && arg == "":
			*to = Persist{Kind: k}
		case k == Partial && err == nil && unit > 0:
			*to = Persist{Kind: k, Unit: unit}
		case k == Late && ok && late > 0:
			*to = Persist{Kind: k, Late: late}
		default:
			r.fail(n, "persist is %q; it can be yes, no, elsewhere, partial(bytes) or late(time)", n.Value)
		}
	}
}

func (r *reader) delay(to *Delay) func(*yaml.Node) {
	return func(n *yaml.Node) {
		low, high, ok := parseRange(n.Value)
		if !ok {
			r.fail(n, "delay is %q; it has to be a time or a range of times, as 20ms or 20ms..2s", n.Value)
			return
		}
		*to = Delay{low, high}
	}
}
