package prove

import (
	"fmt"
	"slices"

	"fourdays/storage/bug"
)

// Stage is a step of a proof: what was done, and who noticed what by its end.
type Stage struct {
	Name    string
	Fired   int // by its end
	Unsaid  int // alarms by its end that the healthy twin raised and the sick side kept silent about
	Notices []Notice

	places map[string]map[string]bool // bad places by volume
}

// Notice is something that one observer saw on one volume in one stage.
type Notice struct {
	By     bug.Observer
	Volume string
	Inside bool   // the volume is in the bug's population
	What   string // the first of them
	Count  int
}

// String is a notice as one line.
func (n Notice) String() string {
	if n.Count == 1 {
		return fmt.Sprintf("%s on %s: %s", n.By, n.Volume, n.What)
	}
	return fmt.Sprintf("%s on %s, %d times: %s", n.By, n.Volume, n.Count, n.What)
}

// By reports whether an observer noticed anything in a stage.
func (s *Stage) By(o bug.Observer) bool {
	return slices.ContainsFunc(s.Notices, func(n Notice) bool { return n.By == o })
}

// noticed reports whether a stage shows the bug: somebody noticed something, or
// an alarm was kept silent.
func (s *Stage) noticed() bool { return len(s.Notices) > 0 || s.Unsaid > 0 }

// on lists what was noticed on a volume.
func (s *Stage) on(volume string) []Notice {
	return slices.DeleteFunc(slices.Clone(s.Notices), func(n Notice) bool { return n.Volume != volume })
}

// begin ends a stage and begins the next.
func (r *rig) begin(name string) *Stage {
	r.end()
	r.stage = &Stage{Name: name, places: map[string]map[string]bool{}}
	r.stages = append(r.stages, r.stage)
	for _, h := range r.hosts {
		for i := range h.sides {
			h.sides[i].hangs, h.sides[i].refused = 0, 0
		}
	}
	return r.stage
}

func (r *rig) end() {
	if r.stage != nil {
		r.stage.Fired = r.fired()
		if r.bug.Plane == bug.Report {
			r.stage.Unsaid = len(r.fleets[well].Alarms()) - len(r.fleets[sick].Alarms())
		}
		r.contrastStored()
	}
}

// notice writes down what an observer of the sick side saw.
func (r *rig) notice(h *host, by bug.Observer, what string) {
	for i := range r.stage.Notices {
		if n := &r.stage.Notices[i]; n.By == by && n.Volume == h.volume {
			n.Count++
			return
		}
	}
	r.stage.Notices = append(r.stage.Notices, Notice{by, h.volume, h.inside, what, 1})
}

// damage is a notice about a place, which scans compare.
func (r *rig) damage(h *host, side int, by bug.Observer, place, what string) {
	if side == well {
		r.doubt(h, fmt.Sprintf("%s noticed on the healthy twin: %s: %s", by, place, what))
		return
	}
	if r.stage.places[h.volume] == nil {
		r.stage.places[h.volume] = map[string]bool{}
	}
	r.stage.places[h.volume][place] = true
	r.notice(h, by, place+": "+what)
}

// doubt writes down what speaks against the rig itself.
func (r *rig) doubt(h *host, what string) {
	if len(r.twin) < 8 {
		r.twin = append(r.twin, h.volume+": "+what)
	}
}

// worseThan reports whether a stage shows more than an earlier one: an observer
// who had seen nothing on that volume, or many more bad places.
func (s *Stage) worseThan(before *Stage) bool {
	for _, n := range s.Notices {
		if !slices.ContainsFunc(before.Notices, func(b Notice) bool { return b.By == n.By && b.Volume == n.Volume }) {
			return true
		}
	}
	for volume, places := range s.places {
		if had := len(before.places[volume]); len(places) > had+had/2 {
			return true
		}
	}
	return false
}
