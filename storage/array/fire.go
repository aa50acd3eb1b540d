package array

import (
	"fmt"
	"slices"

	"fourdays/storage/bug"
)

// FireAt lets an armed bug whose extent is sectors, blocks or chunks come true
// at one of them, whatever its trigger says. The address is in bytes, over all
// that is stored on the volume in the order of names, and goes round: a volume
// may stand for more than it holds. The place is one of a drive: what cannot be
// read there comes from the others as long as the RAID level allows. It reports
// false if nothing is stored.
func (f *Fleet) FireAt(id, volume string, address int64) (bool, error) {
	f.mu.Lock()
	defer f.unlock()
	f.tick()
	r, err := f.ruleAt(id)
	if err != nil {
		return false, err
	}
	v := f.volumes[volume]
	if v == nil || len(r.gates[v]) == 0 || unitOf(r.scope.Extent) == 0 || address < 0 {
		return false, fmt.Errorf("fire %s at %d of %q: it has no such place", id, address, volume)
	}
	r.beneath = true
	g := r.gates[v][0]
	at := g.partAt(address)
	for _, s := range at {
		a := r.bug.Effect.Action
		g.firePlace(s, a != "" && !a.Lasting())
	}
	g.unit.refresh()
	return len(at) > 0, nil
}

// FireDrive lets an armed bug whose extent is the device come true at one drive
// of an array, counted from 0, whatever its trigger says.
func (f *Fleet) FireDrive(id, name string, drive int) error {
	f.mu.Lock()
	defer f.unlock()
	f.tick()
	r, err := f.ruleAt(id)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(r.order, func(u *unit) bool {
		return r.scope.Extent == bug.ExtentDevice && len(u.gates) > 0 && u.device().name == name && u.index == drive
	})
	if i < 0 {
		return fmt.Errorf("fire %s at drive %d of %q: it has no such drive", id, drive, name)
	}
	u := r.order[i]
	m := moment{v: u.gates[0].v, now: f.clock.Now()}
	m.by(u.gates[0])
	u.gates[0].fire(&m)
	u.refresh()
	return nil
}

func (f *Fleet) ruleAt(id string) (*rule, error) {
	i := slices.IndexFunc(f.rules, func(r *rule) bool { return r.id == id && !r.ended })
	if i < 0 {
		return nil, fmt.Errorf("fire %q: no such rule is armed", id)
	}
	return f.rules[i], nil
}

// partAt is the place at an address of all files in scope.
func (g *gate) partAt(address int64) []spot {
	unit := unitOf(g.rule.scope.Extent)
	var all []stored
	g.v.walk(".", g.v.root, func(s stored) {
		if !s.node.isDir() && bug.MatchPath(g.rule.scope.Path, s.path) {
			all = append(all, s)
		}
	})
	units := unitsIn(all, unit)
	if units == 0 {
		return nil
	}
	return partOf(all, address/unit%units, unit)
}
