package bug

import (
	"cmp"
	"path"
	"strings"
)

// Host is what a population is matched against.
type Host struct {
	OS, Array, Volume, Store string
	// Of is the volume in whose place this one came, "" for none: who has that one
	// by its name has this one too.
	Of string
}

// Has reports whether a host is in the population. The controller is not part
// of it: it may change while a bug is armed.
func (p Population) Has(h Host) bool {
	return MatchOS(p.OS, h.OS) && glob(p.Array, h.Array) && glob(p.Store, h.Store) &&
		(glob(p.Volume, h.Volume) || h.Of != "" && glob(p.Volume, h.Of))
}

// With is the scope where a bug is armed: what given says, and the bug's own for
// what it leaves empty.
func (s Scope) With(given Scope) Scope {
	p, q := s.Population, given.Population
	return Scope{
		Extent: cmp.Or(given.Extent, s.Extent, ExtentVolume),
		Path:   cmp.Or(given.Path, s.Path),
		Population: Population{OS: cmp.Or(q.OS, p.OS), Array: cmp.Or(q.Array, p.Array), Volume: cmp.Or(q.Volume, p.Volume),
			Store: cmp.Or(q.Store, p.Store), Controller: cmp.Or(q.Controller, p.Controller), SameAddress: q.SameAddress || p.SameAddress},
	}
}

func glob(pattern, s string) bool {
	if pattern == "" {
		return true
	}
	ok, err := path.Match(pattern, s)
	return ok && err == nil
}

// MatchPath reports whether a file is meant by a glob: the whole path, or its
// last element if the glob has no slash.
func MatchPath(pattern, file string) bool {
	if pattern == "" {
		return true
	}
	if !strings.Contains(pattern, "/") {
		file = path.Base(file)
	}
	return glob(pattern, file)
}

var comparisons = []string{"<=", ">=", "<", ">", "="}

// MatchOS reports whether an OS tag is meant by a pattern: a glob ("acme/*"), or
// a product and a comparison of versions ("acme/<1.2"), or a comparison alone.
func MatchOS(pattern, tag string) bool {
	product, want, ok := strings.Cut(pattern, "/")
	if !ok {
		product, want = "", pattern
	}
	op, version := comparison(want)
	if op == "" {
		return glob(pattern, tag)
	}
	have := tag
	if ok {
		p, rest, has := strings.Cut(tag, "/")
		if !has || !glob(product, p) {
			return false
		}
		have = rest
	}
	c := CompareVersions(have, version)
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	case ">=":
		return c >= 0
	}
	return c == 0
}

func comparison(s string) (op, rest string) {
	for _, op := range comparisons {
		if rest, ok := strings.CutPrefix(s, op); ok {
			return op, rest
		}
	}
	return "", s
}

// CompareVersions orders versions as people do: runs of digits by their value,
// all else as text.
func CompareVersions(a, b string) int {
	for a != "" && b != "" {
		x, restA := chunk(a)
		y, restB := chunk(b)
		if c := compareChunks(x, y); c != 0 {
			return c
		}
		a, b = restA, restB
	}
	return len(a) - len(b)
}

func chunk(s string) (head, rest string) {
	i := 1
	for i < len(s) && digit(s[i]) == digit(s[0]) {
		i++
	}
	return s[:i], s[i:]
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func compareChunks(a, b string) int {
	if digit(a[0]) && digit(b[0]) {
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		if len(a) != len(b) {
			return len(a) - len(b)
		}
	}
	return strings.Compare(a, b)
}

// Holds reports whether a gauge's value is what the trigger waits for.
func (l *Level) Holds(value float64) bool {
	if l.Above > 0 {
		return value >= l.Above
	}
	return value <= l.Below
}
