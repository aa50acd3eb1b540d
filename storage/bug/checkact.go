package bug

import (
	"fmt"
	"slices"
)

// An ability is what a bug can do to an act.
type ability struct {
	act    Act
	reply  string // "never", "error" or none
	copies bool   // data: zero, old(1), other, flip(n)
	keeps  bool   // persist: no
	zero   bool   // data: zero
	delay  bool
}

var abilities = []ability{
	{act: Takeover, reply: "never", delay: true},
	{act: PowerOn, reply: "never", delay: true},
	{act: Copy, reply: "error", copies: true, keeps: true},
	{act: Restore, reply: "error", copies: true},
	{act: Mirror, copies: true, keeps: true},
	{act: Space, zero: true},
	{act: Alarm, reply: "never"},
}

// onActs checks an effect in a plane other than data.
func (c *checker) onActs(e *Effect) {
	if len(e.Acts) == 0 {
		c.add("effect", "in the plane %s an effect needs ops: %s", c.b.Plane, among(actsOf(c.b.Plane)))
		return
	}
	if !e.changes() && !e.refuses() && !e.delays() {
		c.add("effect", "the effect changes nothing: %s", abilityOf(e.Acts[0]).String())
	}
	c.must(!e.changes() || !e.refuses(), "effect.reply", "what fails changes no data: either reply, or data or persist")
	c.must(e.Data.Kind == Same || e.Persist.Kind == Yes, "effect.persist", "a block is either kept or changed: either persist or data")
	c.must(!e.Reply.Never || !e.delays(), "effect.reply", "what never happens is not late: leave delay out")
	c.must(e.Slow == Slow{}, "effect.slow", "slow is about operations; an act comes later by delay")
	c.must(len(e.LostAt) == 0, "effect.lost_at", "lost_at is about a flush that does not persist")
	for i, a := range e.Acts {
		if ab := abilityOf(a); !ab.has(e) {
			c.add(fmt.Sprintf("effect.ops.%d", i), "%s", ab)
		}
	}
	c.control()
}

// control checks that what belongs to controllers is asked of them.
func (c *checker) control() {
	c.must(c.b.Plane != Control || slices.Contains(holders, c.b.Scope.Extent), c.extentKey,
		"a takeover or power-on is of an array: extent has to be %s, not %s", oneOf(holders), c.b.Scope.Extent)
}

func abilityOf(a Act) ability {
	for _, ab := range abilities {
		if ab.act == a {
			return ab
		}
	}
	return ability{act: a}
}

// has reports whether a bug can do all of an effect to the act.
func (a ability) has(e *Effect) bool {
	data := e.Data.Kind == Same || a.zero && e.Data.Kind == Zero || a.copies && e.Data.Kind != Cut && (e.Data.Kind != Old || e.Data.N == 1)
	persist := e.Persist.Kind == Yes || a.keeps && e.Persist.Kind == No
	reply := e.Reply == Reply{} || a.reply == "never" && e.Reply.Never || a.reply == "error" && e.Reply.Errno != 0
	return data && persist && reply && (a.delay || e.Delay == Delay{})
}

// String is what a bug can do to the act, for an error.
func (a ability) String() string {
	s := ""
	for _, can := range []struct {
		it   bool
		what string
	}{{a.reply == "never", "reply: never"}, {a.reply == "error", "reply: an error"}, {a.delay, "delay"}, {a.keeps, "persist: no"},
		{a.zero, "data: zero"}, {a.copies, "data: zero, old(1), other or flip(bits)"}} {
		if can.it && s != "" {
			s += ", or "
		}
		if can.it {
			s += can.what
		}
	}
	return fmt.Sprintf("%s can have %s", a.act, s)
}
