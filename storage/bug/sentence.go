package bug

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fourdays/storage/vol"
)

// Sentence is the bug in one line, for lists and receipts: when it happens, what
// it does, for how long, and where.
func (b *Bug) Sentence() string {
	full := b.Defaults()
	parts := []string{full.Effect.sentence()}
	if s := full.lasting(); s != "" {
		parts = append(parts, s)
	}
	return full.Trigger.String() + " → " + strings.Join(append(parts, full.Scope.sentence()), ", ")
}

// String is the trigger in words.
func (t *Trigger) String() string {
	switch {
	case t.Count != nil:
		s := fmt.Sprintf("%s reaches %d", t.Count.Clock, t.Count.At)
		if t.Count.Every > 0 {
			s += fmt.Sprintf(" and every %d after", t.Count.Every)
		}
		return s
	case t.Level != nil && t.Level.Above != 0:
		return fmt.Sprintf("%s at %s or more", t.Level.Gauge, percent(t.Level.Above))
	case t.Level != nil:
		return fmt.Sprintf("%s at %s or less", t.Level.Gauge, percent(t.Level.Below))
	case t.Event == EventArm:
		return "once armed"
	case t.Event != "":
		return t.Event
	case t.Match != nil:
		return t.Match.String()
	case t.Overlap != nil:
		return fmt.Sprintf("%s within %s of %s", t.Overlap.Second, printDuration(t.Overlap.Within), t.Overlap.First)
	case t.Chance != nil:
		return t.Chance.String()
	case t.Time != nil && t.Time.Until != 0:
		return fmt.Sprintf("from %s to %s", printDuration(t.Time.At), printDuration(t.Time.Until))
	case t.Time != nil:
		return "from " + printDuration(t.Time.At)
	case len(t.All) > 0:
		return joined(t.All, " and ")
	case len(t.Any) > 0:
		return joined(t.Any, " or ")
	case t.Arm != nil && t.Fire != nil:
		return t.Arm.String() + ", then " + t.Fire.String()
	}
	return "never"
}

// joined is several triggers with a word between them, those that have such
// words themselves in brackets.
func joined(kids []Trigger, word string) string {
	var parts []string
	for i := range kids {
		s := kids[i].String()
		if len(kids) > 1 && (len(kids[i].All) > 1 || len(kids[i].Any) > 1 || kids[i].Arm != nil) {
			s = "(" + s + ")"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, word)
}

// String is what is matched, in words.
func (m *Match) String() string {
	s := operations(m.Ops)
	if len(m.Flags) > 0 {
		s = strings.Join(texts(m.Flags), " ") + " " + s
	}
	if m.Path != "" {
		s += " of " + m.Path
	}
	switch {
	case m.Min > 0 && m.Max > 0:
		s += fmt.Sprintf(" of %d..%d bytes", m.Min, m.Max)
	case m.Min > 0:
		s += fmt.Sprintf(" of %d bytes or more", m.Min)
	case m.Max > 0:
		s += fmt.Sprintf(" of %d bytes or less", m.Max)
	}
	if m.Aligned > 0 {
		s += fmt.Sprintf(" aligned to %d", m.Aligned)
	}
	if m.OlderThan > 0 {
		s += " of what is older than " + printDuration(m.OlderThan)
	}
	return s
}

// String is the chance in words.
func (c *Chance) String() string {
	s := "with chance " + float(c.P)
	if c.Per != PerOp {
		s += " per " + strings.ReplaceAll(string(c.Per), "_", " ")
	}
	if c.Burst > 0 {
		s += fmt.Sprintf(" and %d more places", c.Burst)
	}
	if c.Near > 0 {
		s += fmt.Sprintf(" within %d bytes", c.Near)
	}
	return s
}

// operations are their names, or a word for all of them.
func operations(ops []vol.Kind) string {
	if len(ops) == len(kinds) {
		return "every operation"
	}
	return among(kindNames(ops))
}

// percent is a share as people say it.
func percent(f float64) string { return strconv.FormatFloat(f*100, 'g', 6, 64) + "%" }

// sentence is what the effect does.
func (e *Effect) sentence() string {
	if len(e.Acts) > 0 {
		return e.ofActs()
	}
	if e.Reply.Never && len(e.Ops) == len(kinds) {
		return "no operation answers"
	}
	if e.Action == "" {
		return operations(e.Ops) + " " + strings.Join(e.does(), " and ")
	}
	if e.refuses() {
		return operations(e.Ops) + " " + e.does()[0] + " and " + e.actionInWords()
	}
	return e.actionInWords()
}

// does is each thing that happens to an operation.
func (e *Effect) does() []string {
	s := "s"
	if len(e.Ops) > 1 && len(e.Ops) < len(kinds) {
		s = ""
	}
	var all []string
	switch {
	case e.Reply.Never:
		all = append(all, "never answer"+s)
	case e.Reply.Errno != 0:
		all = append(all, "answer"+s+" "+errnoName(e.Reply.Errno))
	}
	if e.Data.Kind != Same {
		verb := "return" + s
		if !slices.Contains(e.Ops, vol.Read) {
			verb = "store" + s
		}
		all = append(all, verb+" "+e.Data.inWords())
	}
	if w := e.Persist.inWords(s); w != "" {
		all = append(all, w+e.lostInWords())
	}
	if e.Delay.Max > 0 {
		all = append(all, "take"+s+" "+e.Delay.inWords()+" longer")
	}
	if e.Slow.Max > 0 {
		all = append(all, "take"+s+" "+printSpan(e.Slow.Min, e.Slow.Max, float)+" times as long")
	}
	return all
}

func (d Delay) inWords() string { return printSpan(d.Min, d.Max, printDuration) }

func (c Change) inWords() string {
	switch c.Kind {
	case Zero:
		return "zeros"
	case Old:
		return fmt.Sprintf("what was there %d %s ago", c.N, plural(c.N, "version"))
	case Other:
		return "another file's bytes"
	case Flip:
		return fmt.Sprintf("the bytes with %d %s flipped", c.N, plural(c.N, "bit"))
	}
	return fmt.Sprintf("too little, cut at a multiple of %d bytes", c.N)
}

func plural(n int64, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func (p Persist) inWords(s string) string {
	switch p.Kind {
	case No:
		return "keep" + s + " nothing"
	case Partial:
		return fmt.Sprintf("keep%s only the first units of %d bytes", s, p.Unit)
	case Elsewhere:
		return "land" + s + " at another address"
	case Behind:
		return "land" + s + " over the write before"
	case Late:
		return "last" + s + " only " + printDuration(p.Late) + " later"
	}
	return ""
}

func (e *Effect) lostInWords() string {
	if len(e.LostAt) == 0 {
		return ""
	}
	return " (lost at " + oneOf(e.LostAt) + ")"
}

// actionInWords is what happens to the volume or place.
func (e *Effect) actionInWords() string {
	switch e.Action {
	case Rollback:
		if e.To > 0 {
			return "all is as it was " + printDuration(e.To) + " before"
		}
		return "all is as it was when armed"
	case ZeroAll:
		if e.Bytes.Max > 0 {
			return printSpan(e.Bytes.Min, e.Bytes.Max, func(n int64) string { return strconv.FormatInt(n, 10) }) + " bytes at a random address are zeros"
		}
		return "all is zeros"
	case DropEntries:
		return percent(e.Part) + " of the names are gone"
	case HideEntries:
		return percent(e.Part) + " of the names are unlisted"
	case Resurrect:
		return percent(e.Part) + " of the deleted names are back"
	case Alias:
		return "two blocks become one"
	case Resize:
		return fmt.Sprintf("only %d bytes are left", e.Size)
	case Wipe:
		return "all is gone"
	case Offline:
		return "all is offline"
	case ReadOnly:
		return "all is read-only"
	}
	return "the controller is away for " + e.For.inWords()
}

// ofActs is what happens to acts.
func (e *Effect) ofActs() string {
	s := "s"
	if len(e.Acts) > 1 {
		s = ""
	}
	who := among(e.Acts)
	switch {
	case e.Reply.Never && s == "":
		return who + " do not happen"
	case e.Reply.Never:
		return who + " does not happen"
	case e.Reply.Errno != 0:
		return who + " fail" + s + " with " + errnoName(e.Reply.Errno)
	case e.Delay.Max > 0:
		return who + " come" + s + " " + e.Delay.inWords() + " late"
	case e.Persist.Kind == No:
		return who + " leave" + s + " out what changed"
	case slices.Contains(e.Acts, Space):
		return who + " tell" + s + " of no room"
	}
	return who + " carr" + map[string]string{"s": "ies ", "": "y "}[s] + e.Data.inWords()
}

// lasting is for how long; nothing for an action that happens at once and once.
func (b *Bug) lasting() string {
	switch b.Persistence {
	case Once:
		return "once"
	case Transient:
		if b.RetryOK != 0 {
			return "each time, the next try right with chance " + float(b.RetryOK)
		}
		return "each time"
	case UntilReboot:
		if b.Returns > 0 {
			return "until a reboot and again " + printDuration(b.Returns) + " after it"
		}
		return "until a reboot"
	case UntilFix:
		return "until the fix"
	}
	return "for good"
}

// sentence is where.
func (s Scope) sentence() string {
	where := "on each " + string(s.Extent)
	switch {
	case s.Extent == ExtentDevice:
		where = "on each drive"
	case s.Extent == ExtentSystem:
		where = "everywhere at once"
	case s.Extent.Place():
		where = "in that " + string(s.Extent)
	}
	return where + s.Population.sentence() + pathInWords(s.Path)
}

func pathInWords(glob string) string {
	if glob == "" {
		return ""
	}
	return " for " + glob
}

func (p Population) sentence() string {
	s := ""
	if p.SameAddress {
		s = " of every volume"
	}
	if p.OS != "" {
		s += " with " + p.OS
	}
	for _, pair := range [][2]string{{"array", p.Array}, {"volume", p.Volume}, {"store", p.Store}} {
		if pair[1] != "" {
			s += " of " + pair[0] + " " + pair[1]
		}
	}
	if p.Controller != nil {
		s += fmt.Sprintf(" under controller %d", *p.Controller)
	}
	return s
}
