package bug_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// instant is one moment of a made-up run: an operation, or an event.
type instant struct {
	now   time.Duration
	op    vol.Kind
	event string
	count int64
	fill  float64
}

// observer is the plainest reading of the language that fires whenever it might:
// what Never has to be right about, whatever an array makes of it.
type observer struct {
	t    *bug.Trigger
	kids []*observer
	seen bool
}

func observe(t *bug.Trigger) *observer {
	o := &observer{t: t}
	for _, kids := range [][]bug.Trigger{t.All, t.Any} {
		for i := range kids {
			o.kids = append(o.kids, observe(&kids[i]))
		}
	}
	if t.Arm != nil {
		o.kids = []*observer{observe(t.Arm), observe(t.Fire)}
	}
	return o
}

func (o *observer) sees(i instant) bool {
	switch t := o.t; {
	case t.Count != nil:
		return i.count >= t.Count.At
	case t.Level != nil:
		return t.Level.Holds(i.fill)
	case t.Event != "": // remembered always, so more often than an array would
		o.seen = o.seen || i.event == t.Event
		return o.seen
	case t.Match != nil:
		return i.op != 0
	case t.Time != nil:
		return i.now >= t.Time.At && (t.Time.Until == 0 || i.now < t.Time.Until)
	case t.Chance != nil:
		return true
	}
	return o.combined(i)
}

func (o *observer) combined(i instant) bool {
	all, any := true, false
	for _, k := range o.kids {
		if o.t.Arm != nil && !o.seen && k == o.kids[1] {
			return false
		}
		sees := k.sees(i)
		all, any = all && sees, any || sees
		if o.t.Arm != nil && k == o.kids[0] {
			o.seen = o.seen || sees
			all = o.seen
		}
	}
	if len(o.t.Any) > 0 {
		return any
	}
	return all
}

func minutes(t *rapid.T, label string) time.Duration {
	return time.Duration(rapid.IntRange(0, 8).Draw(t, label)) * time.Minute
}

func drawTrigger(t *rapid.T, depth int) bug.Trigger {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	if depth == 0 {
		kind %= 6
	}
	switch kind {
	case 0:
		return bug.Trigger{Count: &bug.Count{Clock: bug.Ops, At: rapid.Int64Range(1, 8).Draw(t, "at")}}
	case 1:
		return bug.Trigger{Level: &bug.Level{Gauge: bug.Fill, Above: rapid.SampledFrom([]float64{0.2, 0.5, 0.9}).Draw(t, "above")}}
	case 2:
		return bug.Trigger{Event: rapid.SampledFrom([]string{"arm", "failover", "scrub"}).Draw(t, "event")}
	case 3:
		return bug.Trigger{Match: &bug.Match{Ops: []vol.Kind{vol.Read}}}
	case 4, 5:
		at := minutes(t, "from")
		until := at + minutes(t, "for")
		if until == at {
			until = 0
		}
		return bug.Trigger{Time: &bug.Time{At: at, Until: until}}
	case 6:
		arm, fire := drawTrigger(t, depth-1), drawTrigger(t, depth-1)
		return bug.Trigger{Arm: &arm, Fire: &fire}
	}
	kids := []bug.Trigger{drawTrigger(t, depth-1), drawTrigger(t, depth-1)}
	if kind == 7 {
		return bug.Trigger{Any: kids}
	}
	return bug.Trigger{All: kids}
}

// TestNeverIsSound lets made-up triggers watch made-up runs, and takes the facts
// from what happened in them: what fired was not said to be impossible. At least
// some are said to be, or the test would show nothing.
func TestNeverIsSound(t *testing.T) {
	impossible := 0
	rapid.Check(t, func(t *rapid.T) {
		b := bug.Bug{Trigger: drawTrigger(t, 3)}
		armed := minutes(t, "armed")
		o, reach := observe(&b.Trigger), bug.Reach{Events: []string{}, Counters: map[bug.Counter]int64{bug.Ops: 0}, Gauges: map[bug.Gauge]float64{bug.Fill: 0}}
		i, fired := instant{now: armed, event: "arm"}, false
		for {
			fired = o.sees(i) || fired
			reach.Counters[bug.Ops] = max(reach.Counters[bug.Ops], i.count)
			reach.Gauges[bug.Fill] = max(reach.Gauges[bug.Fill], i.fill)
			reach.Events = append(reach.Events, i.event)
			if rapid.IntRange(0, 9).Draw(t, "end") == 0 {
				break
			}
			i = instant{now: i.now + minutes(t, "later"), count: i.count + rapid.Int64Range(0, 2).Draw(t, "more"), fill: rapid.Float64Range(0, 1).Draw(t, "fill")}
			if rapid.Bool().Draw(t, "is an operation") {
				i.op = vol.Read
			} else {
				i.event = rapid.SampledFrom([]string{"failover", "scrub"}).Draw(t, "which")
			}
		}
		env := bug.Env{Armed: armed, Duration: max(i.now, 1), Hosts: []bug.Host{{Array: "east", Volume: "n1"}}, Arrays: map[string]bug.Reach{"east": reach}}
		why := b.Never(env)
		if why != "" {
			impossible++
			require.False(t, fired, "%s: said never: %s", b.Trigger.String(), why)
		}
	})
	require.Positive(t, impossible)
}
