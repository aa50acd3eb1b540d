package bug

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"fourdays/storage/vol"
)

// How large values may be (picked): far past what any array has, and far from
// where sums of them would overflow.
const (
	maxCount    = 1 << 60
	maxBytes    = 1 << 50
	maxUnit     = 1 << 30 // bytes of a part, or of an alignment
	maxN        = 1 << 20 // versions or bits
	maxBurst    = 1_000_000
	maxFactor   = 1_000_000
	maxDuration = 100 * 365 * 24 * time.Hour
	maxIndex    = 63 // of a controller
)

// scalar is a value in one word.
type scalar struct {
	want string            // after "it ": what it can be
	tags []string          // the YAML types that it may have; any but null if empty
	set  func(string) bool // false if it is not what is wanted
	show func() string
	form object
	near []string // words to guess from
}

func (s scalar) read(r *reader, n *yaml.Node, path string) {
	if !r.plain(n) {
		return
	}
	typed := n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null" && (s.tags == nil || slices.Contains(s.tags, n.ShortTag()))
	if typed && s.set(n.Value) {
		return
	}
	what := strconv.Quote(n.Value)
	if n.Kind != yaml.ScalarNode {
		what = "a list or mapping"
	}
	r.fail(n, "%s is %s; it %s%s", last(path), what, s.want, near(n.Value, s.near))
}

func (s scalar) print() string  { return s.show() }
func (s scalar) schema() object { return s.form }
func (s scalar) hint() string   { return "; it " + s.want }

// anyText is what YAML may take a plain word for.
var anyText = []string{"string", "number", "boolean"}

func text(to *string) scalar {
	return scalar{want: "has to be text", form: object{"type": anyText},
		set:  func(s string) bool { *to = s; return true },
		show: func() string { return quoted(*to) }}
}

// word is one of a few.
func word[T ~string](to *T, allowed []T) scalar {
	return scalar{want: "can be " + among(allowed), near: texts(allowed), form: object{"enum": texts(allowed)},
		set:  func(s string) bool { *to = T(s); return slices.Contains(allowed, *to) },
		show: func() string { return quoted(string(*to)) }}
}

func words[T ~string](to *[]T, allowed []T) codec {
	return list[T]{to: to, unique: true, each: func(t *T) codec { return word(t, allowed) }}
}

func textList(to *[]string) codec {
	return list[string]{to: to, unique: true, each: func(s *string) codec {
		t := text(s)
		t.show = func() string { return quote(*s) }
		return t
	}}
}

func kindList(to *[]vol.Kind) codec {
	names := kindNames(kinds)
	return list[vol.Kind]{to: to, filled: true, unique: true, each: func(k *vol.Kind) codec {
		return scalar{want: "can be " + among(names), near: names, form: object{"enum": names},
			set:  func(s string) (ok bool) { *k, ok = vol.ParseKind(s); return ok },
			show: k.String}
	}}
}

func flag(to *bool) scalar {
	return scalar{want: "has to be true or false", tags: []string{"!!bool"}, form: object{"type": "boolean"},
		set: func(s string) bool { *to = s == "true"; return s == "true" || s == "false" },
		show: func() string {
			if *to {
				return "true"
			}
			return ""
		}}
}

// number is a whole number from low to high; 0 is not printed.
func number(to *int64, low, high int64) scalar {
	return scalar{want: fmt.Sprintf("has to be a whole number from %d to %d", low, high), tags: []string{"!!int"},
		form: object{"type": "integer", "minimum": low, "maximum": high},
		set: func(s string) bool {
			v, err := strconv.ParseInt(s, 10, 64)
			*to = v
			return err == nil && v >= low && v <= high
		},
		show: func() string {
			if *to == 0 {
				return ""
			}
			return strconv.FormatInt(*to, 10)
		}}
}

func share(to *float64) scalar {
	return scalar{want: "has to be a number above 0 and at most 1", tags: []string{"!!int", "!!float"},
		form: object{"type": "number", "exclusiveMinimum": 0, "maximum": 1},
		set: func(s string) bool {
			v, err := strconv.ParseFloat(s, 64)
			*to = v
			return err == nil && isShare(v)
		},
		show: func() string {
			if *to == 0 {
				return ""
			}
			return float(*to)
		}}
}

func isShare(f float64) bool { return f > 0 && f <= 1 }

func float(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// controller is the number of one, which may be 0.
func controller(to **int) scalar {
	return scalar{want: fmt.Sprintf("has to be a whole number from 0 to %d", maxIndex), tags: []string{"!!int"},
		form: object{"type": "integer", "minimum": 0, "maximum": maxIndex},
		set: func(s string) bool {
			v, err := strconv.Atoi(s)
			*to = &v
			return err == nil && v >= 0 && v <= maxIndex
		},
		show: func() string {
			if *to == nil {
				return ""
			}
			return strconv.Itoa(**to)
		}}
}

const (
	durationForm = `([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+`
	factorForm   = `[0-9]+(\.[0-9]+)?(e\+?[0-9]+)?`
)

var durationWord = regexp.MustCompile(`^` + durationForm + `$`)

func parseDuration(s string) (time.Duration, bool) {
	d, err := time.ParseDuration(s)
	if err != nil || !durationWord.MatchString(s) || d > maxDuration {
		return 0, false
	}
	return d, true
}

// printDuration is d without the zero parts that time.Duration adds: "72h".
func printDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func shortDuration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return printDuration(d)
}

func duration(to *time.Duration) scalar {
	return scalar{want: "has to be a time of 0 or more and at most 876000h, with its unit, as 500ms or 72h",
		form: object{"type": "string", "pattern": "^" + durationForm + "$"},
		set:  func(s string) (ok bool) { *to, ok = parseDuration(s); return ok },
		show: func() string { return shortDuration(*to) }}
}

// span reads "low" or "low..high".
func span[T any](s string, parse func(string) (T, bool)) (low, high T, ok bool) {
	from, to, isRange := strings.Cut(s, "..")
	if !isRange {
		to = from
	}
	low, okLow := parse(from)
	high, okHigh := parse(to)
	return low, high, okLow && okHigh
}

func printSpan[T comparable](low, high T, show func(T) string) string {
	if low == high {
		return show(low)
	}
	return show(low) + ".." + show(high)
}

func delay(to *Delay) scalar {
	return scalar{want: "has to be a time or a range of times above 0, as 20ms or 20ms..2s",
		form: object{"type": "string", "pattern": `^` + durationForm + `(\.\.` + durationForm + `)?$`},
		set: func(s string) (ok bool) {
			to.Min, to.Max, ok = span(s, parseDuration)
			return ok && *to != (Delay{}) && to.fits()
		},
		show: func() string {
			if *to == (Delay{}) {
				return ""
			}
			return printSpan(to.Min, to.Max, printDuration)
		}}
}

func (d Delay) fits() bool {
	return d == Delay{} || d.Min >= 0 && d.Min <= d.Max && d.Max > 0 && d.Max <= maxDuration
}

func slow(to *Slow) scalar {
	parse := func(s string) (float64, bool) {
		v, err := strconv.ParseFloat(s, 64)
		return v, err == nil && !strings.HasPrefix(s, "+")
	}
	return scalar{want: fmt.Sprintf("has to be a factor above 1 and at most %d, or a range of factors from 1 on, as 5 or 5..10", maxFactor),
		form: object{"anyOf": []object{{"type": "number", "exclusiveMinimum": 1, "maximum": maxFactor},
			{"type": "string", "pattern": `^` + factorForm + `\.\.` + factorForm + `$`}}},
		set: func(s string) (ok bool) {
			to.Min, to.Max, ok = span(s, parse)
			return ok && *to != (Slow{}) && to.fits()
		},
		show: func() string {
			if *to == (Slow{}) {
				return ""
			}
			return printSpan(to.Min, to.Max, float)
		}}
}

func (s Slow) fits() bool {
	return s == Slow{} || s.Min >= 1 && s.Min <= s.Max && s.Max > 1 && s.Max <= maxFactor && !math.IsNaN(s.Max)
}

func byteSpan(to *Span) scalar {
	parse := func(s string) (int64, bool) {
		v, err := strconv.ParseInt(s, 10, 64)
		return v, err == nil && !strings.HasPrefix(s, "+")
	}
	return scalar{want: "has to be a number of bytes from 1 on, or a range of them, as 512 or 512..8192",
		form: object{"anyOf": []object{{"type": "integer", "minimum": 1, "maximum": maxBytes},
			{"type": "string", "pattern": `^[0-9]+\.\.[0-9]+$`}}},
		set: func(s string) (ok bool) {
			to.Min, to.Max, ok = span(s, parse)
			return ok && *to != (Span{}) && to.fits()
		},
		show: func() string {
			if *to == (Span{}) {
				return ""
			}
			return printSpan(to.Min, to.Max, func(n int64) string { return strconv.FormatInt(n, 10) })
		}}
}

func (s Span) fits() bool { return s == Span{} || s.Min >= 1 && s.Min <= s.Max && s.Max <= maxBytes }
