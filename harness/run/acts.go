package run

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fourdays/harness/report"
	"fourdays/harness/scenario"
)

// atArrays carries out what a step does to arrays and their volumes.
func (st *stage) atArrays(step scenario.Step) error {
	switch a := step.Action.(type) {
	case scenario.Crash:
		st.At(st.Now()+a.For, func() {
			for _, name := range a.Arrays {
				st.reverted("crash", name)
			}
		})
		return st.each(step, a.Arrays, func(name string) error { return st.fleet.Crash(name, a.For) })
	case scenario.Upgrade:
		return st.upgrade(step, a)
	case scenario.Tell:
		st.tell("operator", "%s: %s", a.Event, strings.Join(a.On, ", "))
		return all(a.On, func(name string) error { return st.fleet.Event(name, a.Event) })
	case scenario.Copy:
		st.tell("operator", "copy %s of %s", a.Name, strings.Join(a.Of, ", "))
		return all(a.Of, func(node string) error { return st.answered(node, st.fleet.Copy(st.node(node).volume, a.Name)) })
	case scenario.Restore:
		st.tell("operator", "restore %s to %s", a.Copy, strings.Join(a.To, ", "))
		return all(a.To, func(node string) error { return st.restore(node, a.Copy) })
	case scenario.Promote:
		return st.each(step, a.Arrays, st.other(st.fleet.Promote))
	}
	return fmt.Errorf("this world does not know the action")
}

// other has volumes answered by another part of their array, which may have
// something else.
func (st *stage) other(f func(array string) error) func(array string) error {
	return func(array string) error {
		for _, n := range st.nodesOn(array) {
			st.shows(n.name)
		}
		return f(array)
	}
}

// all does one thing to each of several.
func all(names []string, f func(string) error) error {
	for _, name := range names {
		if err := f(name); err != nil {
			return err
		}
	}
	return nil
}

// restore makes the volume of a node what a copy holds. Under a running program
// it would show nothing about the copy.
func (st *stage) restore(node, name string) error {
	if st.w.Running(node) {
		return refuse("node %s is running; kill it first", node)
	}
	st.shows(node)
	return st.answered(node, st.fleet.Restore(st.node(node).volume, name))
}

// answered notes that an array would not do what it was asked: a bug may make it
// refuse. It has told the operator so, and that is as good as an alarm.
func (st *stage) answered(node string, err error) error {
	if err != nil {
		st.refuses(st.node(node).array, err)
	}
	return nil
}

// refuses notes what an array would not do.
func (st *stage) refuses(array string, err error) {
	st.ev.Alarms = append(st.ev.Alarms, Alarm{Alarm: report.Alarm{AtMS: st.Now().Milliseconds(), Array: array, Text: err.Error()}})
	st.tell("detected", "%s refuses: %v", array, err)
}

// mostFindings is how many findings of a scrub are kept in words. Picked.
const mostFindings = 10

// scrub has an array check what it stored, and keeps what it found.
func (st *stage) scrub(name string) error {
	found, err := st.fleet.Scrub(name)
	if err != nil {
		return err
	}
	s := report.Scrub{AtMS: st.Now().Milliseconds(), Array: name, Findings: int64(len(found)), First: []string{}}
	for _, f := range found[:min(mostFindings, len(found))] {
		s.First = append(s.First, fmt.Sprint(f))
	}
	st.ev.Scrubs = append(st.ev.Scrubs, s)
	kind := "operator"
	if len(found) > 0 {
		kind = "detected"
	}
	st.tell(kind, "scrub of %s: %d findings", name, len(found))
	return nil
}

// alarms takes what the arrays have said of themselves.
func (st *stage) alarms() {
	for _, a := range st.fleet.Alarms() {
		at := (a.At - lead).Milliseconds()
		st.ev.Alarms = append(st.ev.Alarms, Alarm{
			Alarm: report.Alarm{AtMS: at, Array: a.Array, Text: a.Text, Scripted: a.Rule == ""}, Rule: a.Rule,
		})
		st.ev.Timeline = append(st.ev.Timeline, report.Event{AtMS: at, Kind: "detected", Text: a.Array + " raises an alarm: " + a.Text})
	}
	slices.SortStableFunc(st.ev.Alarms, func(a, b Alarm) int { return cmp.Compare(a.AtMS, b.AtMS) })
	slices.SortStableFunc(st.ev.Timeline, func(a, b report.Event) int { return cmp.Compare(a.AtMS, b.AtMS) })
}
