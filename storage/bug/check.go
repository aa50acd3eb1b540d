package bug

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxID is how long an id or the name of an event may be (picked).
const maxID = 64

var (
	idForm    = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	eventName = regexp.MustCompile(`^[a-z_]+$`)
)

func isID(s string) bool    { return len(s) <= maxID && idForm.MatchString(s) }
func isEvent(s string) bool { return len(s) <= maxID && eventName.MatchString(s) }

// Defaults is the bug with what its file may leave out filled in: the plane
// data, and the extent volume. Parse has done it.
func (b Bug) Defaults() Bug {
	b.Plane = cmp.Or(b.Plane, Data)
	b.Scope.Extent = cmp.Or(b.Scope.Extent, ExtentVolume)
	return b
}

// problem is something wrong with a bug: at which key, and what.
type problem struct{ key, msg string }

// Check reports all that is wrong with a bug made in Go. Parse reports the same
// with line and column. What passes prints as what parses back to it, Defaults
// filled in.
func (b *Bug) Check() error {
	var errs []error
	for _, p := range b.problems() {
		errs = append(errs, fmt.Errorf("%s: %s", p.key, p.msg))
	}
	return errors.Join(errs...)
}

func (b *Bug) problems() []problem {
	full := b.Defaults()
	c := &checker{b: &full, extentKey: "scope.extent"}
	if b.Scope.Extent == "" {
		c.extentKey = "effect"
	}
	c.head()
	c.persistence()
	c.evidence()
	c.trigger("trigger", &full.Trigger, 0)
	c.effect()
	c.scope()
	c.shows()
	return c.found
}

// checker collects what is wrong with a bug.
type checker struct {
	b         *Bug
	found     []problem
	extentKey string // where to point at if the extent is wrong: what needs another, if it is not there
}

func (c *checker) add(key, format string, args ...any) {
	c.found = append(c.found, problem{key, fmt.Sprintf(format, args...)})
}

// must adds a problem unless something holds.
func (c *checker) must(holds bool, key, format string, args ...any) {
	if !holds {
		c.add(key, format, args...)
	}
}

// isOne adds a problem unless a word is one of a few; empty is not there.
func isOne[T ~string](c *checker, key string, w T, allowed []T) {
	if w != "" && !slices.Contains(allowed, w) {
		c.add(key, "%s is %q; it can be %s", last(key), w, among(allowed))
	}
}

// unique adds a problem for each word that is not allowed or there twice.
func unique[T comparable](c *checker, key string, all []T, show func(T) string, allowed []T) {
	for i, w := range all {
		at := fmt.Sprintf("%s.%d", key, i)
		switch {
		case allowed != nil && !slices.Contains(allowed, w):
			c.add(at, "%q is not allowed here", show(w))
		case slices.Contains(all[:i], w):
			c.add(at, "%s is there twice", show(w))
		}
	}
}

func same[T ~string](w T) string { return string(w) }

func (c *checker) text(key, s string) {
	c.must(utf8.ValidString(s), key, "%q is not text: it is not UTF-8", s)
}

func (c *checker) glob(key, pattern string) {
	c.text(key, pattern)
	if _, err := path.Match(pattern, ""); err != nil {
		c.add(key, "%q is not a glob: a bracket is not closed, or a backslash ends it", pattern)
	}
}

func (c *checker) head() {
	b := c.b
	if !isID(b.ID) {
		c.add("id", "an id is needed: lower case letters, digits and single dashes, at most %d, not %q", maxID, b.ID)
	}
	c.text("title", b.Title)
	isOne(c, "class", b.Class, classes)
	c.text("operator.sees", b.Operator.Sees)
	c.text("operator.clears", b.Operator.Clears)
	c.text("operator.worsens", b.Operator.Worsens)
	isOne(c, "plane", b.Plane, planes)
}

func (c *checker) evidence() {
	e := &c.b.Evidence
	isOne(c, "evidence.label", e.Label, labels)
	isOne(c, "evidence.confidence", e.Confidence, confidences)
	c.text("evidence.product", e.Product)
	c.text("evidence.url", e.URL)
	c.text("evidence.note", e.Note)
	if e.Label == Read && e.URL == "" {
		c.add("evidence", "what was read in a page needs its url")
	}
	if e.Label == Generic {
		c.must(e.Confidence == "", "evidence.confidence", "a generic bug has no confidence: it is not known of any product")
		c.must(e.Product == "", "evidence.product", "a generic bug has no product; with one it is read, notes or remembered")
		c.must(len(e.Sourced) == 0, "evidence.sourced", "a generic bug has no source: all its keys are picked")
	}
	given := e.Confidence != "" || e.Product != "" || e.URL != "" || e.Note != "" || len(e.Sourced)+len(e.Picked) > 0
	c.must(e.Label != "" || !given, "evidence", "evidence needs its label: %s", among(labels))
	unique(c, "evidence.sourced", e.Sourced, same, nil)
	unique(c, "evidence.picked", e.Picked, same, nil)
	for i, key := range e.Picked {
		c.text(fmt.Sprintf("evidence.picked.%d", i), key)
		if slices.Contains(e.Sourced, key) {
			c.add(fmt.Sprintf("evidence.picked.%d", i), "%s is either sourced or picked, not both", key)
		}
	}
	for i, key := range e.Sourced {
		c.text(fmt.Sprintf("evidence.sourced.%d", i), key)
	}
}

func (c *checker) scope() {
	s := &c.b.Scope
	p := s.Population
	isOne(c, "scope.extent", s.Extent, extents)
	c.glob("scope.path", s.Path)
	c.glob("scope.population.array", p.Array)
	c.glob("scope.population.volume", p.Volume)
	c.glob("scope.population.store", p.Store)
	c.os("scope.population.os", p.OS)
	if p.Controller != nil && (*p.Controller < 0 || *p.Controller > maxIndex) {
		c.add("scope.population.controller", "controllers are counted from 0 to %d", maxIndex)
	}
	c.must(!p.SameAddress || s.Extent.Place(), "scope.population.same_address",
		"same_address is about a place: extent has to be %s, not %s", oneOf(places()), s.Extent)
}

func places() []Extent {
	return slices.DeleteFunc(slices.Clone(extents), func(e Extent) bool { return !e.Place() })
}

// os checks a pattern of MatchOS: a glob, or a comparison behind a product glob.
func (c *checker) os(key, pattern string) {
	product, version, ok := strings.Cut(pattern, "/")
	if !ok {
		product, version = "", pattern
	}
	op, rest := comparison(version)
	if op == "" {
		c.glob(key, pattern)
		return
	}
	c.glob(key, product)
	c.text(key, rest)
	c.must(rest != "", key, "%q compares with nothing: a version is needed after %s", pattern, op)
}

func (c *checker) persistence() {
	b := c.b
	if !slices.Contains(persistences, b.Persistence) {
		c.add("persistence", "a persistence is needed: %s", among(persistences))
	}
	if b.RetryOK != 0 {
		c.must(b.Persistence == Transient && isShare(b.RetryOK), "persistence", "only transient has a chance that the next try is right, above 0 and at most 1")
		c.must(b.Effect.Action == "" && b.Plane == Data, "persistence", "transient(%s) is about operations that are tried again: not about an action or an act", float(b.RetryOK))
	}
	if b.Returns != 0 {
		c.must(b.Persistence == UntilReboot && b.Returns > 0 && b.Returns <= maxDuration, "persistence", "only until_reboot has a time after which it is back, above 0 and at most 876000h")
	}
}
