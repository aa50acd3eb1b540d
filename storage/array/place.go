package array

import (
	"math"
	"path"
	"slices"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// span is a range of the bytes of a file.
type part struct{ from, to int64 }

// whole is all of a file, however long it is.
var whole = part{0, math.MaxInt64}

// and is what two parts share.
func (s part) and(o part) part { return part{max(s.from, o.from), min(s.to, o.to)} }

func (s part) empty() bool { return s.from >= s.to }

// minus is what is left of a span without another: up to two pieces.
func (s part) minus(o part) []part {
	var left []part
	for _, p := range []part{{s.from, min(s.to, o.from)}, {max(s.from, o.to), s.to}} {
		if !p.empty() {
			left = append(left, p)
		}
	}
	return left
}

// round widens a span to whole units.
func (s part) round(unit int64) part {
	if unit == 0 || s == whole {
		return whole
	}
	return part{s.from - s.from%unit, roundUp(s.to, unit)}
}

func roundUp(n, unit int64) int64 {
	if n > math.MaxInt64-unit {
		return math.MaxInt64
	}
	return (n + unit - 1) / unit * unit
}

// The sizes of the places that are parts of a file.
const chunkSize = 64 << 10

// unitOf is how many bytes a place of an extent has; 0 is a whole file or more.
func unitOf(e bug.Extent) int64 {
	switch e {
	case bug.ExtentSector:
		return SectorSize
	case bug.ExtentBlock:
		return BlockSize
	case bug.ExtentChunk:
		return chunkSize
	}
	return 0
}

// span is the bytes that an operation, or an act, is about: all of the file for
// those that are about no bytes.
func (m *moment) part() part {
	switch {
	case m.op == nil && m.at.n > 0:
		return part{m.at.off, m.at.off + m.at.n}
	case m.op == nil || m.op.Kind != vol.Read && m.op.Kind != vol.Write:
		return whole
	}
	from := m.offset()
	return part{from, from + int64(len(m.op.Data))}
}

// spots is the places at which a trigger has come true: those that the
// operation is about, one of them if a chance was drawn, or any place of what
// is stored if there was no operation.
func (g *gate) spots(m *moment) []spot {
	var first []spot
	if m.op == nil && m.act == "" {
		first = g.anywhere()
	} else {
		first = g.spotsOf(m)
	}
	if m.drawn == nil {
		return first
	}
	c := m.drawn.trigger.Chance
	var all []spot
	for _, at := range first {
		all = append(all, at)
		all = append(all, g.burst(at, c)...)
	}
	return all
}

// spotsOf is the places that an operation or an act is about.
func (g *gate) spotsOf(m *moment) []spot {
	unit := unitOf(g.rule.scope.Extent)
	switch {
	case g.rule.scope.Extent == bug.ExtentDirectory:
		return []spot{directorySpot(m)}
	case unit == 0:
		return []spot{{path: m.path, node: m.inode()}}
	case m.inode() == nil || m.inode().isDir():
		return nil
	}
	s := m.part()
	if m.op == nil || m.op.Kind != vol.Write {
		s.to = min(s.to, max(s.from+1, m.size()))
	}
	if m.drawn == nil {
		return []spot{g.spot(m, s.round(unit))}
	}
	var all []spot
	for _, at := range g.drawnIn(m, s) {
		all = append(all, g.spot(m, part{at, at + 1}.round(unit)))
	}
	return all
}

// directorySpot is the directory of an operation, or that which it is about.
func directorySpot(m *moment) spot {
	if n := m.inode(); n != nil && n.isDir() {
		return spot{path: m.path, node: n}
	}
	return spot{path: path.Dir(m.path), node: m.directory()}
}

func (g *gate) spot(m *moment, s part) spot {
	return spot{path: m.path, node: m.inode(), off: s.from, n: s.to - s.from}
}

// drawnIn is the bytes at which a chance came true.
func (g *gate) drawnIn(m *moment, s part) []int64 {
	if len(m.places) == 0 {
		return []int64{s.from + g.rng.Int64N(max(1, s.to-s.from))}
	}
	var all []int64
	for _, at := range m.places {
		all = append(all, s.from+at)
	}
	return all
}

// burst is the places that follow the first one of a chance.
func (g *gate) burst(first spot, c *bug.Chance) []spot {
	unit := unitOf(g.rule.scope.Extent)
	if unit == 0 || first.node == nil {
		return nil
	}
	size := max(1, first.node.real().seen.size)
	near := c.Near
	if near == 0 {
		near = size
	}
	from, to := max(0, first.off-near), min(size, first.off+near+1)
	var all []spot
	for range more(c, g.rng) {
		at := from
		if to > from {
			at += g.rng.Int64N(to - from)
		}
		s := part{at, at + 1}.round(unit)
		all = append(all, spot{path: first.path, node: first.node, off: s.from, n: unit})
	}
	return all
}

// stored is a file or directory with its path.
type stored struct {
	path string
	node *inode
}

// anywhere is one place drawn among all that is stored in scope: parts of files
// by their room, files and directories each alike. It is empty if nothing is.
func (g *gate) anywhere() []spot {
	ext := g.rule.scope.Extent
	unit := unitOf(ext)
	var all []stored
	g.v.walk(".", g.v.root, func(s stored) {
		if s.node.isDir() == (ext == bug.ExtentDirectory) && bug.MatchPath(g.rule.scope.Path, s.path) {
			all = append(all, s)
		}
	})
	if unit == 0 {
		if len(all) == 0 {
			return nil
		}
		s := all[g.rng.IntN(len(all))]
		return []spot{{path: s.path, node: s.node}}
	}
	return g.anyPart(all, unit)
}

func (g *gate) anyPart(all []stored, unit int64) []spot {
	units := unitsIn(all, unit)
	if units == 0 {
		return nil
	}
	return partOf(all, g.rng.Int64N(units), unit)
}

// unitsIn is how many places of that size there are.
func unitsIn(all []stored, unit int64) (n int64) {
	for _, s := range all {
		n += roundUp(s.node.real().seen.size, unit) / unit
	}
	return n
}

// partOf is one of them, counted from 0.
func partOf(all []stored, at, unit int64) []spot {
	for _, s := range all {
		n := roundUp(s.node.real().seen.size, unit) / unit
		if at < n {
			return []spot{{path: s.path, node: s.node, off: at * unit, n: unit}}
		}
		at -= n
	}
	return nil
}

// walk calls f for everything that the volume holds, in the order of names.
func (v *Volume) walk(at string, n *inode, f func(stored)) {
	f(stored{at, n})
	names := n.real().seen.names
	for _, name := range sortedNames(names) {
		v.walk(path.Join(at, name), names[name], f)
	}
}

func sortedNames(names map[string]*inode) []string {
	all := make([]string, 0, len(names))
	for name := range names {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// spotOfAct is the place that an action hears of, whatever its extent: where the
// operation was that fired it.
func (m *moment) spotOfAct() spot {
	if m.op == nil {
		return spot{}
	}
	s := spot{path: m.path, node: m.inode()}
	if b := m.part(); b != whole {
		s.off, s.n = b.from, b.to-b.from
	}
	return s
}
