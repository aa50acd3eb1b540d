package prove

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"fourdays/storage/array"
	"fourdays/storage/bug"
)

// Result is what a proof saw.
type Result struct {
	Bug      string
	Seed     uint64
	Changed  []string        // values of the bug that the proof replaced, from what to what and why
	Fired    int             // operations or places that the effect was carried out on
	Receipts []array.Receipt // of the sick side, one for each alternative of the trigger
	Stages   []Stage         // of every alternative
	To       []bug.Observer  // who noticed, from the nearest to the farthest
	Reboot   bug.Reboot
	Together []bug.Correlation // what is in keeping with who was hit together; none and os look alike
	Early    []Notice          // seen before the trigger was provoked
	Outside  []Notice          // seen outside the population
	Unwell   []Notice          // seen on fresh work after the vendor's fix
	Twin     []string          // what was wrong with the healthy twin: then nothing else counts
	Silent   []string          // alternatives of the trigger that did not fire
	Apart    []string          // how the sick side differed from its twin, if nobody noticed it
	Idle     []string          // alternatives of the trigger that fired and changed nothing that can be told
	Missed   []string          // hosts in the population that noticed nothing when provoked
}

var observers = []bug.Observer{bug.Caller, bug.Scrub, bug.Checksum, bug.User}

// take adds what one alternative of the trigger showed.
func (r *Result) take(name string, p, q *proof) {
	r.Receipts = append(r.Receipts, p.fleets[sick].Receipts()...)
	r.Fired += p.fired()
	for what, f := range map[string]int{"did not fire": p.fired(), "did not fire when one volume was provoked alone": q.fired()} {
		if f == 0 {
			r.Silent = append(r.Silent, strings.TrimSpace(name+" "+what))
		}
	}
	slices.Sort(r.Silent)
	r.Twin = append(append(r.Twin, p.twin...), q.twin...)
	for _, s := range p.stages {
		r.note(name, s)
	}
	r.quietly(name, p)
	r.Reboot = worse(r.Reboot, p.verdict)
	r.together(p, q)
}

// note sorts what a stage noticed.
func (r *Result) note(name string, s *Stage) {
	kept := *s
	kept.Name = strings.TrimSpace(name + " " + s.Name)
	r.Stages = append(r.Stages, kept)
	for _, n := range s.Notices {
		switch {
		case s.Name == "healthy" || s.Name == "armed":
			r.Early = append(r.Early, n)
		case !n.Inside:
			r.Outside = append(r.Outside, n)
		case s.Name == "fixed":
			r.Unwell = append(r.Unwell, n)
		case !slices.Contains(r.To, n.By):
			r.To = append(r.To, n.By)
		}
	}
	slices.SortFunc(r.To, func(a, b bug.Observer) int { return slices.Index(observers, a) - slices.Index(observers, b) })
}

// worse is the verdict over two alternatives of a trigger.
func worse(a, b bug.Reboot) bug.Reboot {
	for _, v := range []bug.Reboot{bug.Worsens, bug.Comes, bug.Stays} {
		if a == v || b == v {
			return v
		}
	}
	return bug.Clears
}

// together finds out which correlations are in keeping with who was hit: by one
// provocation (q), and when each had its own (p).
func (r *Result) together(p, q *proof) {
	hit := func(p *proof, h *host) bool {
		return slices.ContainsFunc(p.stages, func(s *Stage) bool { return len(s.on(h.volume)) > 0 && s.Name != "healthy" })
	}
	for _, h := range p.inside() {
		if !hit(p, h) {
			r.Missed = append(r.Missed, h.volume)
		}
	}
	first, elsewhere := q.hosts[0], false
	for _, h := range q.inside() {
		elsewhere = elsewhere || h.array != first.array && hit(q, h)
	}
	var now []bug.Correlation
	switch {
	case p.onlyCopies():
		now = []bug.Correlation{bug.CopiesOnly}
	case elsewhere && q.sameAddress():
		now = []bug.Correlation{bug.SameAddress}
	case elsewhere:
		now = []bug.Correlation{bug.WholeSystem}
	default:
		now = []bug.Correlation{bug.Independent, bug.SameOS}
	}
	if r.Together == nil {
		r.Together = now
	}
	r.Together = slices.DeleteFunc(r.Together, func(c bug.Correlation) bool { return !slices.Contains(now, c) })
}

// onlyCopies reports whether nobody noticed anything until a copy was restored.
func (p *proof) onlyCopies() bool {
	copies := false
	for _, s := range p.stages {
		if copies = copies || s.Name == restored; !copies && len(s.Notices) > 0 {
			return false
		}
	}
	return copies
}

// sameAddress reports whether every host in the population is hit at the very
// places where the first one is, and not everywhere.
func (p *proof) sameAddress() bool {
	last := p.stages[len(p.stages)-1]
	want := keys(last.places[p.hosts[0].volume])
	for _, h := range p.inside() {
		if len(want) == 0 || len(want) > len(h.sides[well].ledger.files)/2 || !slices.Equal(want, keys(last.places[h.volume])) {
			return false
		}
	}
	return true
}

// Differences says in words where what was seen is not what a bug declares, the
// weightiest first; none if the bug is as its file says.
func (r Result) Differences(b bug.Bug) []string {
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, t := range r.Twin {
		add("the healthy twin is not healthy: %s", t)
	}
	if slices.Contains(b.Effect.Acts, bug.Alarm) && !slices.ContainsFunc(r.Stages, func(s Stage) bool { return s.Unsaid > 0 }) {
		add("the bug is about alarms, and none was kept silent")
	}
	for _, s := range r.Silent {
		add("%s", s)
	}
	if r.Fired == 0 {
		return append(all, "the trigger was provoked and did not fire: nothing is shown")
	}
	for _, s := range r.Idle {
		add("%s", s)
	}
	for _, n := range r.Early {
		add("noticed before the trigger: %s", n)
	}
	for _, n := range r.Outside {
		add("noticed outside the population: %s", n)
	}
	r.observed(b, add)
	if r.Reboot != b.Shows.Reboot {
		add("shows.reboot says %s, and a power cycle showed: %s", b.Shows.Reboot, r.Reboot)
	}
	if len(b.Shows.To) > 0 {
		r.correlated(b, add)
	}
	r.after(b, add)
	return all
}

func (r Result) observed(b bug.Bug, add func(string, ...any)) {
	for _, o := range observers {
		said, saw := slices.Contains(b.Shows.To, o), slices.Contains(r.To, o)
		switch {
		case said && !saw:
			add("shows.to says %s, and none noticed anything", o)
		case saw && !said:
			add("shows.to does not say %s, and one noticed: %s", o, r.first(o))
		}
	}
}

// first is the first notice of an observer.
func (r Result) first(o bug.Observer) string {
	for _, s := range r.Stages {
		for _, n := range s.Notices {
			if n.By == o {
				return s.Name + ": " + n.String()
			}
		}
	}
	return ""
}

func (r Result) correlated(b bug.Bug, add func(string, ...any)) {
	if !slices.Contains(r.Together, b.Shows.Correlated) {
		add("shows.correlated says %s, and one provocation showed: %v", b.Shows.Correlated, r.Together)
	}
	for _, volume := range r.Missed {
		add("%s is in the population, was provoked, and nobody noticed anything there", volume)
	}
}

// after holds the time after the vendor's fix against the persistence. A volume
// that has shrunk is damage, which no fix lifts.
func (r Result) after(b bug.Bug, add func(string, ...any)) {
	if b.Effect.Action == bug.Resize {
		return
	}
	if b.Persistence != bug.Permanent {
		for _, n := range r.Unwell {
			add("after the fix operations are not well: %s", n)
		}
	} else if lasts(b) && len(r.Unwell) == 0 {
		add("the bug is permanent, and after a fix operations are well")
	}
}

// lasts reports whether a bug that stays on is felt by work on new files.
func lasts(b bug.Bug) bool {
	e := b.Effect
	return !b.Scope.Extent.Place() && b.Scope.Path == "" && (e.Action == bug.Offline || e.Action == bug.ReadOnly ||
		e.Action == "" && len(e.Ops) > 0 && e.Persist.Kind == bug.Yes)
}

// String is a short table of what was seen: a line for each stage, a column for
// each observer.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: fired %d times; a reboot %s; correlated %v\n", r.Bug, r.Fired, r.Reboot, r.Together)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "stage\tfired\tcaller\tscrub\tchecksum\tuser\tfirst")
	for _, s := range r.Stages {
		fmt.Fprintf(w, "%s\t%d", s.Name, s.Fired)
		for _, o := range observers {
			fmt.Fprintf(w, "\t%s", map[bool]string{true: "notices", false: "-"}[s.By(o)])
		}
		first := ""
		if len(s.Notices) > 0 {
			first = s.Notices[0].String()
		}
		fmt.Fprintf(w, "\t%s\n", first)
	}
	w.Flush()
	if slices.Contains(r.Together, bug.Independent) && slices.Contains(r.Together, bug.SameOS) {
		fmt.Fprintln(&b, "none or os: whether it is one volume or all with one OS is the evidence's word, not shown here")
	}
	for _, a := range r.Apart {
		fmt.Fprintf(&b, "unlike the twin, and nobody noticed: %s\n", a)
	}
	for _, c := range r.Changed {
		fmt.Fprintf(&b, "changed for the proof: %s\n", c)
	}
	return b.String()
}
