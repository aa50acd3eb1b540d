package bug

import "slices"

// given reports whether a bug says how it shows.
func (s *Shows) given() bool { return len(s.To) > 0 || s.Reboot != "" || s.Correlated != "" }

// shows checks that what a bug says of itself does not contradict what it is. It
// refuses only what is certain: the rest is for the proof on an array.
func (c *checker) shows() {
	b, s := c.b, &c.b.Shows
	unique(c, "shows.to", s.To, same, observers)
	isOne(c, "shows.reboot", s.Reboot, reboots)
	isOne(c, "shows.correlated", s.Correlated, correlations)
	if !s.given() {
		return
	}
	c.must(!b.Effect.tells() || slices.Contains(s.To, Caller), "shows", "the caller gets an error or no answer, so to has to have caller")
	c.reboot()
	c.correlated()
}

// tells reports whether an operation is answered with an error, or not at all.
func (e *Effect) tells() bool {
	if len(e.Ops) > 0 && e.refuses() {
		return true
	}
	return e.Action == Offline || e.Action == ReadOnly
}

func (c *checker) reboot() {
	b := c.b
	const key = "shows.reboot"
	c.must(b.Returns == 0 || b.Shows.Reboot == Comes, key, "it is back after a reboot (until_reboot(%s)): reboot has to be %s", printDuration(b.Returns), Comes)
	lasts := b.Effect.Action == "" || b.Effect.Action.Lasting()
	c.must(b.Shows.Reboot != Clears || !lasts || b.Persistence != Permanent && b.Persistence != UntilFix, key,
		"no reboot ends what is %s: reboot has to be %s or %s", b.Persistence, Stays, Worsens)
}

func (c *checker) correlated() {
	b := c.b
	const key = "shows.correlated"
	same, os := b.Scope.Population.SameAddress, b.Scope.Population.OS
	switch b.Shows.Correlated {
	case SameAddress:
		c.must(same, key, "%s needs scope.population.same_address", SameAddress)
	case CopiesOnly:
		c.must(b.Plane == Derived, key, "%s needs the plane %s", CopiesOnly, Derived)
	case Independent:
		c.must(b.Scope.Extent != ExtentSystem, key, "the extent system hits everything at once: correlated has to be %s", WholeSystem)
		c.must(os == "", key, "a population of one OS (%s) is not one volume at a time: correlated has to be %s", os, SameOS)
	}
	c.must(!same || b.Shows.Correlated == "" || b.Shows.Correlated == SameAddress, key, "same_address hits one address everywhere: correlated has to be %s", SameAddress)
}
