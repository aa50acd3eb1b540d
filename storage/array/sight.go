package array

import (
	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// kinds is how many kinds of operations there may be.
const kinds = 24

// sight is which rules have to see the operations on one path of a volume. A
// file that is open keeps its own.
type sight struct {
	path  string
	bound int     // of the volume when it was made
	mine  []*gate // whose scope has the path, in the order of arming
	state int     // of the volume when the lists were made
	have  mask    // lists that are made
	lists [kinds][]*gate
}

// maxSights is how many paths a volume remembers before it starts again.
const maxSights = 4096

func (v *Volume) forgetSights() {
	v.bound++
	v.sights = nil
	v.stale = true
	v.fleet.ears = nil
}

// concerned lists the gates that an operation has to pass, but for those of
// places that it may meet.
func (v *Volume) concerned(op *vol.Op, h *handle) []*gate {
	if v.stale {
		v.gaze()
	}
	if !v.awake.has(op.Kind) {
		return nil
	}
	if h == nil {
		return v.sightOf(op.Path).list(v, op.Kind)
	}
	if h.sight == nil || h.sight.bound != v.bound {
		h.sight = v.sightOf(h.path)
	}
	return h.sight.list(v, op.Kind)
}

// gaze works out anew which kinds of operations any rule has to see.
func (v *Volume) gaze() {
	v.stale, v.awake = false, 0
	v.state++
	for _, g := range v.gates {
		v.awake |= g.asks | g.felt
	}
	v.fleet.looks += len(v.gates)
}

func (v *Volume) sightOf(path string) *sight {
	if s := v.sights[path]; s != nil {
		return s
	}
	if v.sights == nil || len(v.sights) >= maxSights {
		v.sights = map[string]*sight{}
	}
	s := &sight{path: path, bound: v.bound}
	for _, g := range v.gates {
		if bug.MatchPath(g.rule.scope.Path, path) {
			s.mine = append(s.mine, g)
		}
	}
	v.fleet.looks += len(v.gates)
	v.sights[path] = s
	return s
}

func (s *sight) list(v *Volume, k vol.Kind) []*gate {
	if s.state != v.state {
		s.state, s.have = v.state, 0
	}
	if s.have.has(k) {
		return s.lists[k]
	}
	var list []*gate // a new one: somebody may be walking through the old
	for _, g := range s.mine {
		if g.felt.has(k) || g.asks.has(k) && g.unit.watch.mayBeAt(s.path) {
			list = append(list, g)
		}
	}
	v.fleet.looks += len(s.mine)
	s.have |= 1 << k
	s.lists[k] = list
	return list
}
