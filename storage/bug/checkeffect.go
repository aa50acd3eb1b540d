package bug

import (
	"fmt"
	"slices"

	"fourdays/storage/vol"
)

func (c *checker) effect() {
	e := &c.b.Effect
	c.words(e)
	switch {
	case e.Action != "":
		c.action(e)
	case c.b.Plane != Data:
		c.onActs(e)
	default:
		c.onOps(e)
	}
	c.parameters(e)
}

// words checks each part of an effect by itself.
func (c *checker) words(e *Effect) {
	unique(c, "effect.lost_at", e.LostAt, same, lossEvents)
	isOne(c, "effect.action", e.Action, actions)
	if e.Reply.Errno != 0 && (errnoName(e.Reply.Errno) == "" || e.Reply.Never) {
		c.add("effect.reply", "%v is not an error that a bug can answer with: %s", e.Reply.Errno, among(errnoNames()))
	}
	c.must(e.Data.fits(), "effect.data", "%q is no change of data: %s", e.Data.print(), change(&Change{}).want)
	c.must(e.Persist.fits(), "effect.persist", "%q is not what becomes of a write: %s", e.Persist.print(), persist(&Persist{}).want)
	c.must(e.Delay.fits(), "effect.delay", "a delay is above 0 and at most 876000h, the smaller first")
	c.must(e.Slow.fits(), "effect.slow", "a factor is at least 1 and at most %d, the smaller first", maxFactor)
	c.ops(e)
}

// ops checks that operations and acts are of the plane, each once.
func (c *checker) ops(e *Effect) {
	unique(c, "effect.ops", e.Ops, vol.Kind.String, kinds)
	unique(c, "effect.ops", e.Acts, same, acts)
	if c.b.Plane != Data && len(e.Ops) > 0 {
		c.add("effect.ops", "%s", wrongOp(c.b.Plane, e.Ops[0].String()))
	}
	for i, a := range e.Acts {
		if a.Plane() != c.b.Plane {
			c.add(fmt.Sprintf("effect.ops.%d", i), "%s", wrongOp(c.b.Plane, string(a)))
		}
	}
}

func (e *Effect) changes() bool { return e.Data.Kind != Same || e.Persist.Kind != Yes }
func (e *Effect) refuses() bool { return e.Reply != Reply{} }
func (e *Effect) delays() bool  { return e.Delay != Delay{} || e.Slow != Slow{} }

// onOps checks an effect on operations of the plane data.
func (c *checker) onOps(e *Effect) {
	if len(e.Ops) == 0 {
		c.add("effect", "an effect needs the ops that it changes, or an action")
		return
	}
	if !e.changes() && !e.refuses() && !e.delays() {
		c.add("effect", "the effect changes nothing: it needs a reply, data, persist, delay or slow")
	}
	if e.changes() && e.refuses() && !e.forgetsError() {
		c.add("effect.reply", "an operation that is not answered with ok changes no data; only fsync and fsyncdir may fail and not persist (reply: an error, persist: no)")
	}
	c.must(!e.Reply.Never || !e.delays(), "effect.reply", "an answer that never comes is not late: leave delay and slow out")
	c.data(e)
	c.persist(e)
}

// forgetsError reports whether a flush tells its error once and counts the pages
// as clean.
func (e *Effect) forgetsError() bool {
	return e.Reply.Errno != 0 && e.Persist.Kind == No && e.Data.Kind == Same && !slices.ContainsFunc(e.Ops, func(k vol.Kind) bool { return !flushes(k) })
}

func flushes(k vol.Kind) bool { return k == vol.Sync || k == vol.SyncDir }

func (c *checker) data(e *Effect) {
	for i, op := range e.Ops {
		switch {
		case e.Data.Kind == Same || op == vol.Read:
		case op == vol.Write && (e.Data.Kind == Zero || e.Data.Kind == Flip || e.Data.Kind == Other):
		default:
			c.add(fmt.Sprintf("effect.ops.%d", i), "data %s is for read%s, not for %s", e.Data.Kind, writeToo(e.Data.Kind), op)
		}
	}
}

func writeToo(k Corruption) string {
	if k == Old || k == Cut {
		return ""
	}
	return " and write"
}

func (c *checker) persist(e *Effect) {
	for i, op := range e.Ops {
		key := fmt.Sprintf("effect.ops.%d", i)
		k := e.Persist.Kind
		switch {
		case k == Yes:
		case !flushes(op) && op != vol.Write:
			c.add(key, "persist is about write, fsync and fsyncdir, not %s", op)
		case flushes(op) && (k == Elsewhere || k == Behind):
			c.add(key, "a flush has no address: %s is for write", k)
		case op == vol.Write && k == Late:
			c.add(key, "late is for fsync: a write is not promised anyway")
		}
	}
	if len(e.LostAt) > 0 && (!slices.ContainsFunc(e.Ops, flushes) || e.Persist.Kind == Yes) {
		c.add("effect.lost_at", "lost_at is about a flush that does not persist")
	}
}

func (c *checker) action(e *Effect) {
	c.must(c.b.Plane == Data, "effect.action", "an action is of the plane data; in the plane %s there are the acts %s", c.b.Plane, among(actsOf(c.b.Plane)))
	if e.changes() || e.delays() || len(e.LostAt) > 0 {
		c.add("effect", "data, persist, delay, slow and lost_at do not go with an action; ops and reply say how the operation that fires it is answered")
	}
	c.must(len(e.Ops) > 0 || !e.refuses(), "effect.reply", "a reply needs the ops that it answers")
	c.reach(e.Action, c.b.Scope.Extent)
}

// wholes are the actions that are about no part of a volume, names those that
// are about names.
var (
	wholes = []Action{Rollback, Wipe, Offline, ReadOnly, Resize, Crash}
	names  = []Action{DropEntries, HideEntries, Resurrect}

	holders = []Extent{ExtentController, ExtentArray, ExtentSystem} // of what belongs to controllers
)

// reach checks that an action is about something of the size of the extent.
func (c *checker) reach(a Action, e Extent) {
	key := c.extentKey
	switch {
	case a == Crash:
		c.must(slices.Contains(holders, e), key, "a controller crashes for all its volumes: extent has to be %s, not %s", oneOf(holders), e)
	case e.Place() && slices.Contains(wholes, a):
		c.add(key, "%s is about a whole volume: extent cannot be a place (%s)", a, oneOf(places()))
	case slices.Contains(names, a) && (e == ExtentSector || e == ExtentBlock || e == ExtentChunk):
		c.add(key, "%s is about names, and a %s has none: extent has to be file, directory, volume or more", a, e)
	case e == ExtentDevice && (slices.Contains(names, a) || a == Rollback || a == ReadOnly || a == Alias):
		c.add(key, "%s is not what one drive does: it keeps blocks and no names; a drive can have zero, wipe, resize and offline", a)
	}
}

// parameters checks that each action has what it needs and nothing else.
func (c *checker) parameters(e *Effect) {
	for _, p := range parameters {
		key, belongs := "effect."+p.key, slices.Contains(p.of, e.Action)
		given := e.has(p.key)
		c.must(belongs || !given, key, "%s belongs to the action %s", p.key, oneOf(p.of))
		c.must(!belongs || given || !p.need, "effect", "%s needs %s", e.Action, p.key)
	}
	c.must(e.To >= 0 && e.To <= maxDuration, "effect.to", "to is a time above 0 and at most 876000h")
	c.must(e.Part == 0 || isShare(e.Part), "effect.part", "part is above 0 and at most 1")
	c.must(e.Bytes.fits(), "effect.bytes", "bytes are 1 or more, the smaller first")
	c.must(e.Size >= 0 && e.Size <= maxBytes, "effect.size", "size is a number of bytes from 1 on")
	c.must(e.For.fits(), "effect.for", "for is a time above 0 and at most 876000h, the smaller first")
	c.must(e.Bytes == Span{} || !c.b.Scope.Extent.Place(), "effect.bytes", "bytes are at a random address; in a place (%s) zero takes all of it", oneOf(places()))
}

// has reports whether a parameter of an action is given.
func (e *Effect) has(key string) bool {
	switch key {
	case "to":
		return e.To != 0
	case "part":
		return e.Part != 0
	case "bytes":
		return e.Bytes != Span{}
	case "size":
		return e.Size != 0
	}
	return e.For != Delay{}
}
