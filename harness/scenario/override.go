package scenario

import (
	"fmt"
	"slices"
	"strconv"

	"fourdays/storage/bug"
)

// Override is a number of a bug that an arming changes.
type Override struct {
	Key    string // of the step: "reached_at" or "chance"
	Was    string // in the bug
	Is     string // in this arming
	Origin string // of the bug's number: "picked", "sourced", or "" if the bug does not say
}

// String says what was changed, and whether it was ours to change.
func (o Override) String() string {
	text := o.Key + " " + o.Is + " instead of " + o.Was
	if o.Origin != "" {
		text += ", which is " + o.Origin
	}
	return text
}

// Overrides lists the numbers of b that the arming changes, in the order of the
// trigger.
func (a Arm) Overrides(b bug.Bug) (all []Override) {
	put := func(key, in, was, is string) {
		o := Override{Key: key, Was: was, Is: is, Origin: origin(b.Evidence, in)}
		if was != is && !slices.Contains(all, o) {
			all = append(all, o)
		}
	}
	anyLeaf(b.Trigger, func(t bug.Trigger) bool {
		if t.Count != nil && a.ReachedAt != 0 {
			put("reached_at", "at", strconv.FormatInt(t.Count.At, 10), strconv.FormatInt(a.ReachedAt, 10))
		}
		if t.Chance != nil && a.Chance != 0 {
			put("chance", "chance", chanceText(*t.Chance), strconv.FormatFloat(a.Chance, 'f', -1, 64))
		}
		return false
	})
	return all
}

func chanceText(c bug.Chance) string {
	text := strconv.FormatFloat(c.P, 'f', -1, 64)
	if c.Per != bug.PerOp {
		text += fmt.Sprintf(" per %s", c.Per)
	}
	return text
}

// origin says where a bug has the value of a key from. What has no product behind
// it is ours.
func origin(e bug.Evidence, key string) string {
	switch {
	case slices.Contains(e.Sourced, key):
		return "sourced"
	case slices.Contains(e.Picked, key), e.Label == bug.Generic:
		return Picked
	}
	return ""
}

// With is the bug as the arming has it.
func (a Arm) With(b bug.Bug) bug.Bug {
	if a.ReachedAt != 0 {
		b = b.At(a.ReachedAt)
	}
	if a.Chance != 0 {
		b = b.Sure(a.Chance)
	}
	return b
}
