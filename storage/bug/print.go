package bug

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"fourdays/storage/vol"
)

// Print writes a bug so that Parse reads the same bug back.
func Print(b Bug) []byte {
	var out bytes.Buffer
	line := func(key, value string) { fmt.Fprintf(&out, "%s: %s\n", key, value) }
	line("id", b.ID)
	if b.Title != "" {
		line("title", quote(b.Title))
	}
	if e := b.Evidence; e.Label != "" || e.URL != "" || e.Note != "" || e.Sourced != nil || e.Picked != nil {
		line("evidence", e.print())
	}
	line("trigger", b.Trigger.print())
	line("effect", b.Effect.print())
	if b.Plane != "" {
		line("plane", string(b.Plane))
	}
	line("scope", b.Scope.print())
	line("persistence", string(b.Persistence))
	line("shows", flow("silent", strconv.FormatBool(b.Shows.Silent), "reboot_clears", strconv.FormatBool(b.Shows.RebootClears)))
	return out.Bytes()
}

// flow is a mapping on one line, of keys and values in turn; empty values are
// left out.
func flow(pairs ...string) string {
	var parts []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			parts = append(parts, pairs[i]+": "+pairs[i+1])
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_/.][A-Za-z0-9_/.*+-]*$`)

// quote is a text as YAML reads it back, with quotes if it needs them.
func quote(s string) string {
	if plain.MatchString(s) && !strings.EqualFold(s, "null") {
		return s
	}
	return strconv.Quote(s)
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return quote(s)
}

// list is a list on one line, or nothing for none.
func list[T any](items []T, show func(T) string) string {
	if len(items) == 0 {
		return ""
	}
	var parts []string
	for _, item := range items {
		parts = append(parts, show(item))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func share(f float64) string {
	if f == 0 {
		return ""
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func (e *Evidence) print() string {
	return flow("label", string(e.Label), "url", quoted(e.URL), "note", quoted(e.Note),
		"sourced", list(e.Sourced, quote), "picked", list(e.Picked, quote))
}

func (t *Trigger) print() string {
	switch {
	case t.Count != nil:
		return flow("count", string(t.Count.Clock), "at", number(t.Count.At), "every", number(t.Count.Every))
	case t.Level != nil:
		return flow("level", string(t.Level.Gauge), "above", share(t.Level.Above), "below", share(t.Level.Below))
	case t.Event != "":
		return flow("event", quote(t.Event))
	case t.Match != nil:
		return flow("match", flow("ops", list(t.Match.Ops, vol.Kind.String), "path", quoted(t.Match.Path),
			"min", number(t.Match.Min), "max", number(t.Match.Max)))
	case t.Overlap != nil:
		return flow("overlap", list([]vol.Kind{t.Overlap.First, t.Overlap.Second}, vol.Kind.String),
			"within", printDuration(t.Overlap.Within))
	case t.Chance > 0:
		return flow("chance", share(t.Chance))
	case t.Time != nil:
		until := ""
		if t.Time.Until > 0 {
			until = printDuration(t.Time.Until)
		}
		return flow("time", printDuration(t.Time.At), "until", until)
	case len(t.All) > 0:
		return flow("all", list(t.All, printTrigger))
	case len(t.Any) > 0:
		return flow("any", list(t.Any, printTrigger))
	case t.Arm != nil && t.Fire != nil:
		return flow("arm", t.Arm.print(), "fire", t.Fire.print())
	}
	return "{}"
}

func printTrigger(t Trigger) string { return t.print() }

func (e *Effect) print() string {
	to := ""
	if e.To > 0 {
		to = printDuration(e.To)
	}
	return flow("ops", list(e.Ops, vol.Kind.String), "reply", e.Reply.print(), "data", e.Data.print(),
		"persist", e.Persist.print(), "delay", e.Delay.print(), "lost_at", list(e.LostAt, quote),
		"action", string(e.Action), "to", to, "part", share(e.Part))
}

func (r Reply) print() string {
	if r.Never {
		return "never"
	}
	return errnoName(r.Errno)
}

func (c Change) print() string {
	if c.N == 0 {
		return string(c.Kind)
	}
	return fmt.Sprintf("%s(%d)", c.Kind, c.N)
}

func (p Persist) print() string {
	switch p.Kind {
	case No:
		return `"no"` // to other readers of YAML, plain no is false
	case Partial:
		return fmt.Sprintf("%s(%d)", p.Kind, p.Unit)
	case Late:
		return fmt.Sprintf("%s(%s)", p.Kind, printDuration(p.Late))
	}
	return string(p.Kind)
}

func (d Delay) print() string {
	switch {
	case d.Max == 0:
		return ""
	case d.Min == d.Max:
		return printDuration(d.Min)
	}
	return printDuration(d.Min) + ".." + printDuration(d.Max)
}

func (s *Scope) print() string {
	p := s.Population
	controller := ""
	if p.Controller != nil {
		controller = strconv.Itoa(*p.Controller)
	}
	population := ""
	if !p.Empty() {
		population = flow("os", quoted(p.OS), "array", quoted(p.Array), "volume", quoted(p.Volume),
			"store", quoted(p.Store), "controller", controller)
	}
	return flow("extent", string(s.Extent), "population", population, "path", quoted(s.Path))
}

// String is the scope in one line, as receipts show it.
func (s Scope) String() string {
	p := s.Population
	pairs := [][2]string{{"os", p.OS}, {"array", p.Array}, {"volume", p.Volume}, {"store", p.Store},
		{"path", s.Path}, {"extent", string(s.Extent)}}
	if p.Controller != nil {
		pairs = append(pairs, [2]string{"controller", strconv.Itoa(*p.Controller)})
	}
	var parts []string
	for _, pair := range pairs {
		if pair[1] != "" {
			parts = append(parts, pair[0]+"="+pair[1])
		}
	}
	return strings.Join(parts, " ")
}
