package bug

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// A leaf is one kind of trigger: a leaf proper or a combination.
type leaf struct {
	is   func(*Trigger) bool
	form func(*Trigger) mapping // makes the trigger one of these
}

// leaves are all kinds of triggers.
var leaves = []leaf{
	{func(t *Trigger) bool { return t.Count != nil }, countForm},
	{func(t *Trigger) bool { return t.Level != nil }, levelForm},
	{func(t *Trigger) bool { return t.Event != "" }, eventForm},
	{func(t *Trigger) bool { return t.Match != nil }, matchTriggerForm},
	{func(t *Trigger) bool { return t.Overlap != nil }, overlapForm},
	{func(t *Trigger) bool { return t.Chance != nil }, chanceForm},
	{func(t *Trigger) bool { return t.Time != nil }, timeForm},
	{func(t *Trigger) bool { return len(t.All) > 0 }, allForm},
	{func(t *Trigger) bool { return len(t.Any) > 0 }, anyForm},
	{func(t *Trigger) bool { return t.Arm != nil || t.Fire != nil }, armForm},
}

// own is what a pointer points to, made if there is nothing.
func own[T any](p **T) *T {
	if *p == nil {
		*p = new(T)
	}
	return *p
}

func countForm(t *Trigger) mapping {
	c := own(&t.Count)
	return mapping{"a count trigger", []field{
		must("count", "The counter.", word(&c.Clock, counters)),
		must("at", "Fires when it reaches this.", number(&c.At, 1, maxCount)),
		may("every", "And again after every so many.", number(&c.Every, 1, maxCount)),
	}}
}

func levelForm(t *Trigger) mapping {
	l := own(&t.Level)
	return mapping{"a level trigger", []field{
		must("level", "The gauge.", word(&l.Gauge, gauges)),
		may("above", "While at least this share.", share(&l.Above)),
		may("below", "While at most this share.", share(&l.Below)),
	}}
}

func eventForm(t *Trigger) mapping {
	e := event(&t.Event)
	e.form["not"] = object{"enum": kindNames(kinds)}
	return mapping{"an event trigger", []field{
		must("event", "arm, power_loss, power_cycle, failover, upgrade, flush, discard, or what else the array is told of.", e)}}
}

func event(to *string) scalar {
	return scalar{want: "has to be the name of an event, in lower case letters and underscores", form: object{"type": "string", "pattern": eventName.String(), "maxLength": maxID},
		set:  func(s string) bool { *to = s; return isEvent(s) },
		show: func() string { return quoted(*to) }}
}

func matchTriggerForm(t *Trigger) mapping {
	return mapping{"a match trigger", []field{must("match", "Fires on these operations.", matchForm(own(&t.Match)))}}
}

func overlapForm(t *Trigger) mapping {
	o := own(&t.Overlap)
	return mapping{"an overlap trigger", []field{
		must("overlap", "Two operations on one file, or events: the second follows the first.", pair{&o.First, &o.Second}),
		must("within", "Within this time.", duration(&o.Within)),
	}}
}

func chanceForm(t *Trigger) mapping {
	c := own(&t.Chance)
	return mapping{"a chance trigger", []field{
		must("chance", "The probability.", share(&c.P)),
		may("per", "What it is counted per; an operation if left out.", word(&c.Per, hazards)),
		may("burst", "So many more places on average.", number(&c.Burst, 1, maxBurst)),
		may("near", "Within so many bytes of the first.", number(&c.Near, 1, maxBytes)),
	}}
}

func timeForm(t *Trigger) mapping {
	from := duration(&own(&t.Time).At)
	from.show = func() string { return printDuration(t.Time.At) }
	return mapping{"a time trigger", []field{
		must("time", "From this long after the start of the run.", from),
		may("until", "Until this; for ever if left out.", duration(&t.Time.Until)),
	}}
}

func several(to *[]Trigger) codec {
	return list[Trigger]{to: to, filled: true, each: func(t *Trigger) codec { return triggerCodec{t} }}
}

func allForm(t *Trigger) mapping {
	return mapping{"an all trigger", []field{must("all", "All of these, asked in order.", several(&t.All))}}
}

func anyForm(t *Trigger) mapping {
	return mapping{"an any trigger", []field{must("any", "One of these.", several(&t.Any))}}
}

func armForm(t *Trigger) mapping {
	return mapping{"an arm and fire trigger", []field{
		must("arm", "First this.", triggerCodec{own(&t.Arm)}),
		must("fire", "Then this.", triggerCodec{own(&t.Fire)}),
	}}
}

// triggerCodec is a trigger of any kind: its first key says which.
type triggerCodec struct{ *Trigger }

const leafNames = "count, level, event, match, overlap, chance, time, all, any, or arm with fire"

func (t triggerCodec) read(r *reader, n *yaml.Node, path string) {
	if !r.plain(n) {
		return
	}
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		r.fail(n, "a trigger has to be a mapping with one of %s", leafNames)
		return
	}
	if r.depth == maxDepth {
		r.fail(n, "triggers nest too deep: %d levels are allowed", maxDepth)
		return
	}
	r.depth++
	defer func() { r.depth-- }()
	key := n.Content[0].Value
	for _, l := range leaves {
		if m := l.form(&Trigger{}); slices.Contains(m.keys(), key) {
			if alone(r, n, m) {
				l.form(t.Trigger).read(r, n, path)
				t.tidy(n)
			}
			return
		}
	}
	if n.Content[0].Kind != yaml.ScalarNode {
		r.fail(n.Content[0], "the key of a trigger has to be plain text: %s", leafNames)
		return
	}
	r.fail(n.Content[0], "unknown trigger %q; a trigger is one of %s%s", key, leafNames, near(key, leafKeys()))
}

// alone refuses a second leaf beside the first.
func alone(r *reader, n *yaml.Node, m mapping) bool {
	others := leafKeys()
	for i := 0; i < len(n.Content); i += 2 {
		if k := n.Content[i]; !slices.Contains(m.keys(), k.Value) && slices.Contains(others, k.Value) {
			r.fail(k, "%s does not belong to %s, whose keys are %s; two triggers are {all: [{…}, {…}]} or {any: [{…}, {…}]}", k.Value, m.what, among(m.keys()))
			return false
		}
	}
	return true
}

// tidy takes back the half of arm and fire that was made and is not there.
func (t triggerCodec) tidy(n *yaml.Node) {
	has := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		has[n.Content[i].Value] = true
	}
	if !has["arm"] {
		t.Arm = nil
	}
	if !has["fire"] {
		t.Fire = nil
	}
}

func leafKeys() []string {
	var all []string
	for _, l := range leaves {
		all = append(all, l.form(&Trigger{}).keys()...)
	}
	return all
}

func (t triggerCodec) print() string {
	for _, l := range leaves {
		if l.is(t.Trigger) {
			own := *t.Trigger // a form may complete it
			return l.form(&own).print()
		}
	}
	return ""
}

func (t triggerCodec) schema() object { return object{"$ref": "#/$defs/trigger"} }
func (t triggerCodec) hint() string   { return "; it has to be a mapping with one of " + leafNames }

// pair is a list of two words.
type pair struct{ first, second *string }

func (p pair) read(r *reader, n *yaml.Node, path string) {
	var both []string
	before := len(r.errs)
	list[string]{to: &both, want: " of two operations or events, as [write, read]", each: side}.read(r, n, path)
	if len(both) != 2 {
		if len(r.errs) == before {
			r.fail(n, "overlap has to be two operations or events, as [write, read]")
		}
		return
	}
	*p.first, *p.second = both[0], both[1]
}

func (p pair) print() string { return "[" + quote(*p.first) + ", " + quote(*p.second) + "]" }

func (p pair) schema() object {
	var s string
	return object{"type": "array", "minItems": 2, "maxItems": 2, "items": side(&s).schema()}
}

func (p pair) hint() string { return ": two operations or events, as [write, read]" }

// side is one of the two: an operation or an event.
func side(s *string) codec {
	e := event(s)
	e.want = "has to be an operation (" + among(kindNames(kinds)) + ") or the name of an event"
	e.near = kindNames(kinds)
	return e
}
