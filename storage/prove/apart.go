package prove

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// tenth is the part of the twin's time by which an answer has to be earlier or
// later to count as a difference (picked): less is no difference to anybody.
const tenth = 10

// contrast writes down where an answer is not the twin's, whether or not
// anybody would mind.
func (r *rig) contrast(h *host, what string, a, twin *asked) {
	if a.how == skipped || twin.how == skipped {
		return
	}
	apart := max(a.took-twin.took, twin.took-a.took)
	switch {
	case a.how != twin.how || a.res.Errno != twin.res.Errno || a.res.N != twin.res.N:
		r.differs("answer", fmt.Sprintf("%s on %s", what, h.volume))
	case a.res.Space != twin.res.Space:
		r.differs("room", fmt.Sprintf("%s on %s", what, h.volume))
	case apart >= max(twin.took/tenth, time.Microsecond):
		r.differs("time", fmt.Sprintf("%v for %s on %s, the twin took %v", a.took, what, h.volume, twin.took))
	}
}

// contrastStored writes down what only an audit finds, and alarms that were kept
// back. One more than the twin's is no effect: an array reports what fires.
func (r *rig) contrastStored() {
	if said, twin := len(r.fleets[sick].Alarms()), len(r.fleets[well].Alarms()); said < twin {
		r.differs("alarms", fmt.Sprintf("%d by the end of %s, the twin raised %d", said, r.stage.Name, twin))
	}
	if r.contrasted("stored") || r.fired() == 0 {
		return
	}
	for _, h := range r.hosts {
		if found := h.sides[sick].v.Audit(); len(found) > 0 && !slices.Equal(found, h.sides[well].v.Audit()) {
			r.differs("stored", fmt.Sprintf("%s on %s, %s", found[0].Path, h.volume, found[0].Kind))
		}
	}
}

// differs keeps the first difference of a kind.
func (r *rig) differs(kind, what string) {
	if !r.contrasted(kind) {
		r.apart = append(r.apart, kind+": "+what)
	}
}

func (r *rig) contrasted(kind string) bool {
	return slices.ContainsFunc(r.apart, func(a string) bool { return strings.HasPrefix(a, kind+":") })
}

// quietly holds an alternative that fired and that nobody noticed to have done
// something.
func (r *Result) quietly(name string, p *proof) {
	if p.fired() == 0 || slices.ContainsFunc(p.stages, func(s *Stage) bool { return len(s.Notices) > 0 }) {
		return
	}
	r.Apart = append(r.Apart, p.apart...)
	if len(p.apart) == 0 {
		r.Idle = append(r.Idle, strings.TrimSpace(name+" fired and changed nothing that can be told from the healthy twin"))
	}
}
