package scenario

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"fourdays/storage/bug"
)

// decoder walks the YAML tree and collects every issue instead of stopping at
// the first.
type decoder struct {
	issues []Issue
	// checks run when the whole file is read: they look at several parts of it.
	checks []func()
	// seen is told the keys that each kind of mapping accepts; tests compare
	// them with the schema.
	seen func(object string, keys []string)
	// others are bugs from outside the file; within is the variant that is read.
	others []bug.Bug
	within string
}

// field is one key of a mapping.
type field struct {
	key      string
	required bool
	set      func(*yaml.Node)
}

func must(key string, set func(*yaml.Node)) field { return field{key, true, set} }
func may(key string, set func(*yaml.Node)) field  { return field{key, false, set} }

func (d *decoder) wrong(n *yaml.Node, want, format string, args ...any) {
	d.issues = append(d.issues, Issue{n.Line, n.Column, fmt.Sprintf(format, args...), want})
}

func (d *decoder) later(check func()) { d.checks = append(d.checks, check) }

// mapping reads a mapping with known keys.
func (d *decoder) mapping(n *yaml.Node, object string, fields ...field) {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	if d.seen != nil {
		d.seen(object, keys)
	}
	found := map[string]bool{}
	ok := d.pairs(n, object, func(key, value *yaml.Node) {
		i := slices.Index(keys, key.Value)
		if i < 0 {
			d.wrong(key, oneOf(key.Value, keys), "unknown key %q in %s", key.Value, object)
			return
		}
		found[key.Value] = true
		fields[i].set(value)
	})
	for _, f := range fields {
		if ok && f.required && !found[f.key] {
			d.wrong(n, "add "+f.key+": …", "%s has no %q", object, f.key)
		}
	}
}

// pairs reads a mapping with free keys, in the file's order. It refuses other
// kinds of nodes, keys that are no text, and keys that come twice.
func (d *decoder) pairs(n *yaml.Node, object string, each func(key, value *yaml.Node)) bool {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, "want a mapping, key: value", "%s is %s", object, kindOf(n))
		return false
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch line, twice := first[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			d.wrong(key, "want a word", "a key of %s is %s", object, kindOf(key))
		case twice:
			d.wrong(key, "keep one of the two", "%s has %q twice, first on line %d", object, key.Value, line)
		default:
			first[key.Value] = key.Line
			each(key, n.Content[i+1])
		}
	}
	return true
}

// items reads a list.
func (d *decoder) items(n *yaml.Node, want string, each func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		d.wrong(n, want, "found %s instead of a list", kindOf(n))
		return
	}
	for _, item := range n.Content {
		each(item)
	}
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!null":
		return "nothing"
	case n.ShortTag() == "!!str":
		return fmt.Sprintf("the text %q", shorten(n.Value))
	default:
		return fmt.Sprintf("%s (%s)", shorten(n.Value), strings.TrimPrefix(n.ShortTag(), "!!"))
	}
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// scalar returns the text of a scalar that YAML reads as one of the tags.
func (d *decoder) scalar(n *yaml.Node, want string, tags ...string) (string, bool) {
	if n.Kind != yaml.ScalarNode || !slices.Contains(tags, n.ShortTag()) {
		d.wrong(n, want, "found %s", kindOf(n))
		return "", false
	}
	return n.Value, true
}

func (d *decoder) text(dst *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		s, ok := d.scalar(n, "want text, in quotes if it looks like a number", "!!str")
		if ok && strings.TrimSpace(s) == "" {
			d.wrong(n, "want text", "found an empty text")
		}
		if i := strings.IndexFunc(s, control); i >= 0 {
			d.wrong(n, "want text that a terminal shows as it is", "the text has the control character %+q", s[i])
		}
		*dst = s
	}
}

// control tells what a terminal obeys rather than shows. Reports and logs print
// these texts.
func control(r rune) bool { return r != '\n' && r != '\t' && unicode.IsControl(r) }

// matching is text of a certain form.
func (d *decoder) matching(dst *string, form *regexp.Regexp, want string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		s, ok := d.scalar(n, want, "!!str")
		if ok && !form.MatchString(s) {
			d.wrong(n, want, "found %s", kindOf(n))
		}
		*dst = s
	}
}

func (d *decoder) choice(dst *string, known ...string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		s, ok := d.scalar(n, oneOf("", known), "!!str")
		if ok && !slices.Contains(known, s) {
			d.wrong(n, oneOf(s, known), "found %s", kindOf(n))
		}
		*dst = s
	}
}

func (d *decoder) boolean(dst *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if s, ok := d.scalar(n, "want true or false", "!!bool"); ok {
			*dst = strings.EqualFold(s, "true")
		}
	}
}

func (d *decoder) count(dst *int, low, high int) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v := int64(*dst)
		d.number(&v, int64(low), int64(high))(n)
		*dst = int(v)
	}
}

func (d *decoder) number(dst *int64, low, high int64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		want := fmt.Sprintf("want a whole number from %d to %d", low, high)
		s, ok := d.scalar(n, want, "!!int")
		if !ok {
			return
		}
		v, err := strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 0, 64)
		if err != nil || v < low || v > high {
			d.wrong(n, want, "found %s", s)
			return
		}
		*dst = v
	}
}

// chance reads a probability that is not 0.
func (d *decoder) chance(dst *float64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		const want = "want a number above 0 and at most 1, such as 0.5"
		s, ok := d.scalar(n, want, "!!float", "!!int")
		if !ok {
			return
		}
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || !(v > 0 && v <= 1) {
			d.wrong(n, want, "found %s", s)
			return
		}
		*dst = v
	}
}

func (d *decoder) seed(dst *uint64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		const want = "want a whole number from 0 to 18446744073709551615"
		s, ok := d.scalar(n, want, "!!int")
		if !ok {
			return
		}
		v, err := strconv.ParseUint(strings.ReplaceAll(s, "_", ""), 0, 64)
		if err != nil {
			d.wrong(n, want, "found %s", s)
		}
		*dst = v
	}
}

// maxTime keeps every sum of times far from overflowing.
const maxTime = 366 * day

// maxAge bounds how old a thing can be: some drives die at 70,000 hours.
const maxAge = 36525 * day

func (d *decoder) duration(dst *time.Duration, low time.Duration) func(*yaml.Node) {
	return d.durationTo(dst, low, maxTime)
}

func (d *decoder) durationTo(dst *time.Duration, low, high time.Duration) func(*yaml.Node) {
	return func(n *yaml.Node) {
		const want = "want a duration such as 90s, 1h30m or 4d"
		s, ok := d.scalar(n, want, "!!str", "!!int")
		if !ok {
			return
		}
		if s == "0" {
			s = "0s"
		}
		v, err := ParseDuration(s)
		switch {
		case err != nil:
			d.wrong(n, want, "%v", err)
		case v < 0:
			d.wrong(n, "want 0s or later", "negative time %s", s)
		case v < low:
			d.wrong(n, "want at least "+Duration(low), "%s is too short", s)
		case v > high:
			d.wrong(n, fmt.Sprintf("want at most %dd", high/day), "%s is too long", s)
		default:
			*dst = v
		}
	}
}

func (d *decoder) rate(dst *Rate) func(*yaml.Node) {
	return parsed(d, dst, parseRate, "want a count per s, m, h or d, such as 20/s or 9/h, at most 1000/s")
}

func (d *decoder) percent(dst *Percent) func(*yaml.Node) {
	return parsed(d, dst, parsePercent, "want a share such as 25%, from 0% to 100%")
}

func (d *decoder) bytes(dst *Bytes, low Bytes, suffix string) func(*yaml.Node) {
	want := fmt.Sprintf("want an amount such as 64KB%s or 8GiB%s, at least %v%s", suffix, suffix, low, suffix)
	return func(n *yaml.Node) {
		s, ok := d.scalar(n, want, "!!str")
		if !ok {
			return
		}
		digits, found := strings.CutSuffix(s, suffix)
		v, err := parseBytes(digits)
		if err != nil || !found || v < low {
			d.wrong(n, want, "found %s", kindOf(n))
			return
		}
		*dst = v
	}
}

func (d *decoder) cond(dst *Cond) func(*yaml.Node) {
	return parsed(d, dst, parseCond, `want a number or a comparison such as ">=1" or "<=3"`)
}

func parsed[T any](d *decoder, dst *T, parse func(string) (T, error), want string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		s, ok := d.scalar(n, want, "!!str", "!!int")
		if !ok {
			return
		}
		v, err := parse(s)
		if err != nil {
			d.wrong(n, want, "%v", err)
			return
		}
		*dst = v
	}
}

// names reads a list of at least one name, none twice.
func (d *decoder) names(dst *[]string, what string, each func(name string, n *yaml.Node)) func(*yaml.Node) {
	want := "want a list of " + what + ", such as [a, b]"
	return func(n *yaml.Node) {
		d.items(n, want, func(item *yaml.Node) {
			s, ok := d.scalar(item, want, "!!str")
			switch {
			case !ok:
			case slices.Contains(*dst, s):
				d.wrong(item, "name it once", "%q comes twice", s)
			default:
				*dst = append(*dst, s)
				if each != nil {
					each(s, item)
				}
			}
		})
		if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
			d.wrong(n, want, "the list is empty")
		}
	}
}

// maxInt bounds counts that nothing else bounds.
const maxInt = math.MaxInt32
