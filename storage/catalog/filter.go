package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"fourdays/storage/bug"
)

// Filter chooses bugs. What is left empty does not restrict.
type Filter struct {
	Class      bug.Class
	Plane      bug.Plane
	Trigger    string // what its trigger is made of, by the key in a file: count, event, arm, …
	Correlated bug.Correlation
	Silent     bool // the caller is not told
	Reported   bool // the caller is told
}

// The words that a filter takes.
var (
	Classes      = []bug.Class{bug.ClassLimit, bug.ClassCrash, bug.ClassCorruption, bug.ClassAvailability}
	Planes       = []bug.Plane{bug.Data, bug.Control, bug.Derived, bug.Link, bug.Report}
	Triggers     = []string{"count", "level", "event", "match", "overlap", "chance", "time", "all", "any", "arm"}
	Correlations = []bug.Correlation{bug.Independent, bug.SameOS, bug.WholeSystem, bug.SameAddress, bug.CopiesOnly}
)

// Check says which of a filter's words are none, and what they could be.
func (f Filter) Check() error {
	err := errors.Join(
		known("class", f.Class, Classes),
		known("plane", f.Plane, Planes),
		known("trigger", f.Trigger, Triggers),
		known("correlated", f.Correlated, Correlations))
	if f.Silent && f.Reported {
		err = errors.Join(err, errors.New("no bug is both silent and reported"))
	}
	return err
}

func known[T ~string](key string, word T, words []T) error {
	if word == "" || slices.Contains(words, word) {
		return nil
	}
	var all []string
	for _, w := range words {
		all = append(all, string(w))
	}
	return fmt.Errorf("%s %q: want one of %s", key, word, strings.Join(all, ", "))
}

// Of is those of the bugs that the filter chooses, in their order.
func (f Filter) Of(bugs []bug.Bug) []bug.Bug {
	var out []bug.Bug
	for _, b := range bugs {
		if f.Has(b) {
			out = append(out, b)
		}
	}
	return out
}

// Has reports whether the filter chooses a bug.
func (f Filter) Has(b bug.Bug) bool {
	return (f.Class == "" || f.Class == b.Class) &&
		(f.Plane == "" || f.Plane == b.Plane) &&
		(f.Trigger == "" || slices.Contains(parts(&b.Trigger), f.Trigger)) &&
		(f.Correlated == "" || f.Correlated == b.Shows.Correlated) &&
		(!f.Silent || b.Shows.Silent()) && (!f.Reported || !b.Shows.Silent())
}

// parts are the keys that a trigger is made of, at any depth.
func parts(t *bug.Trigger) []string {
	var out []string
	for _, l := range []struct {
		key string
		has bool
	}{{"count", t.Count != nil}, {"level", t.Level != nil}, {"event", t.Event != ""}, {"match", t.Match != nil},
		{"overlap", t.Overlap != nil}, {"chance", t.Chance != nil}, {"time", t.Time != nil},
		{"all", len(t.All) > 0}, {"any", len(t.Any) > 0}, {"arm", t.Arm != nil}} {
		if l.has {
			out = append(out, l.key)
		}
	}
	for _, kids := range [][]bug.Trigger{t.All, t.Any} {
		for i := range kids {
			out = append(out, parts(&kids[i])...)
		}
	}
	if t.Arm != nil && t.Fire != nil {
		out = append(out, parts(t.Arm)...)
		out = append(out, parts(t.Fire)...)
	}
	return out
}
