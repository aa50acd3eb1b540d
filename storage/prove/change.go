package prove

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"fourdays/storage/array"
	"fourdays/storage/bug"
)

// share is the least part of the entries that a proof lets an action take: a
// bug that drops two names in ten thousand shows nothing on a hundred files.
const share = 0.25

// largest is the most that a proof lets a volume shrink to: less than what it
// has stored there. A size that would shrink no array of a rig stays as it is.
const (
	largest  = 512 << 10
	capacity = array.PickedCapacity
)

// likely is the chance of a bug that answers with an error now and then: made
// sure, it would refuse every retry as well, and then it would be another bug.
const likely = 0.2

// change is a bug with some of its values replaced, and which.
type change struct {
	bug bug.Bug
	did []string
}

// note writes down what was replaced, if anything was.
func (c *change) note(what, from, to, why string) {
	if line := fmt.Sprintf("%s %s → %s: %s", what, from, to, why); from != to && !slices.Contains(c.did, line) {
		c.did = append(c.did, line)
	}
}

// surely is a bug that shows what it can within a proof.
func surely(b bug.Bug) change {
	c := scaled(b)
	if b.Persistence == bug.Transient && b.Effect.Reply.Errno != 0 {
		c.chances(likely, "a sure error would refuse every retry as well")
	} else {
		c.chances(1, "what is provoked has to come")
	}
	return c
}

// chances puts every chance at p.
func (c *change) chances(p float64, why string) {
	for _, leaf := range leaves(&c.bug.Trigger, func(t *bug.Trigger) *bug.Chance { return t.Chance }) {
		from := decimal(leaf.P)
		if leaf.Per != bug.PerOp {
			from += " per " + string(leaf.Per)
		}
		c.note("chance", from, decimal(p), why)
	}
	c.bug = c.bug.Sure(p)
}

// scaled is a bug of the size of a proof's volumes, and in somebody's population.
func scaled(b bug.Bug) change {
	c := change{bug: b}
	e, os := &c.bug.Effect, &c.bug.Scope.Population.OS
	if e.Part > 0 {
		e.Part = max(e.Part, share)
	}
	if e.Size < capacity {
		e.Size = min(e.Size, largest)
	}
	*os = cmp.Or(*os, everyone)
	c.bug.Trigger = fewer(b.Trigger)
	c.note("part", decimal(b.Effect.Part), decimal(e.Part), "a proof makes few names")
	c.note("size", strconv.FormatInt(b.Effect.Size, 10), strconv.FormatInt(e.Size, 10), "a proof stores little")
	c.note("os", cmp.Or(b.Scope.Population.OS, "any"), *os, "so that somebody is outside")
	was := counts(&b.Trigger)
	for i, leaf := range counts(&c.bug.Trigger) {
		c.note("names at", strconv.FormatInt(was[i].At, 10), strconv.FormatInt(leaf.At, 10), "a proof makes few names")
	}
	return c
}

// fewer is a trigger that needs no more names than a proof makes; every other
// counter stays.
func fewer(t bug.Trigger) bug.Trigger {
	if t.Count != nil && t.Count.Clock == bug.Names && t.Count.At > names {
		c := *t.Count
		c.At = names
		t.Count = &c
	}
	each := func(all []bug.Trigger) []bug.Trigger {
		all = slices.Clone(all)
		for i := range all {
			all[i] = fewer(all[i])
		}
		return all
	}
	t.All, t.Any = each(t.All), each(t.Any)
	if t.Arm != nil && t.Fire != nil {
		arm, fire := fewer(*t.Arm), fewer(*t.Fire)
		t.Arm, t.Fire = &arm, &fire
	}
	return t
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
