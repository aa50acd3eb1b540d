package array

import (
	"maps"
	"math"
	"path"
	"strings"
	"syscall"
	"time"

	"fourdays/storage/bug"
	"fourdays/storage/vol"
)

// matches reports whether an operation is what a match trigger is about.
func matches(t *bug.Match, m *moment) bool {
	if !maskOf(t.Ops).has(m.op.Kind) || !bug.MatchPath(t.Path, m.path) {
		return false
	}
	n := int64(len(m.op.Data))
	if n < t.Min || t.Max > 0 && n > t.Max {
		return false
	}
	if from := m.offset(); t.Aligned > 0 && (from%t.Aligned != 0 || (from+n)%t.Aligned != 0) {
		return false
	}
	for _, f := range t.Flags {
		if !m.made(f) {
			return false
		}
	}
	return t.OlderThan == 0 || m.age() >= t.OlderThan
}

// made reports whether the operation is made in a certain way.
func (m *moment) made(f bug.Flag) bool {
	switch f {
	case bug.Direct:
		return m.gate.v.direct || m.flags()&vol.Direct != 0
	case bug.Append:
		return m.op.Kind == vol.Write && m.offset() == m.size()
	case bug.Overwrite:
		return m.op.Kind == vol.Write && m.offset() < m.size()
	case bug.Sequential:
		return m.h != nil && m.h.track.is && m.offset() == m.h.track.next
	case bug.Create:
		return m.op.Kind == vol.Open && m.op.Flag&syscall.O_CREAT != 0 && m.inode() == nil
	}
	return false
}

// flags is how the file of the operation is, or is to be, opened.
func (m *moment) flags() int {
	if m.h != nil {
		return m.h.flag
	}
	return m.op.Flag
}

// offset is where a read or write begins.
func (m *moment) offset() int64 {
	if m.op.Kind == vol.Write && m.h != nil && m.h.flag&syscall.O_APPEND != 0 {
		return m.size()
	}
	return m.op.Off
}

func (m *moment) size() int64 {
	if n := m.inode(); n != nil {
		return n.real().seen.size
	}
	return 0
}

// age is how long ago the file was last written. What was there at the end of
// the preparation is as old as the array says.
func (m *moment) age() time.Duration {
	n := m.inode()
	if n == nil {
		return 0
	}
	f := m.v.fleet
	if n.aged || n.mtime < f.prepared && f.prepared <= m.now {
		return m.now - max(f.prepared, f.aged) + m.v.array.cfg.Age
	}
	return m.now - n.mtime
}

// inode is the file or directory that an operation is about, nil if there is
// none.
func (m *moment) inode() *inode {
	m.look()
	return m.node
}

// directory is the one that the operation's file is in, or the root.
func (m *moment) directory() *inode {
	m.look()
	return m.dir
}

// look finds the inodes of an operation without anybody noticing.
func (m *moment) look() {
	if m.known {
		return
	}
	m.known = true
	switch {
	case m.h != nil:
		m.node, m.dir = m.h.node, m.h.dir
	case m.op != nil:
		m.dir, m.node = m.v.peek(m.path)
	case m.at.path != "" || m.at.node != nil:
		m.dir, m.node = m.v.peek(m.at.path)
		if m.at.node != nil {
			m.node = m.at.node
		}
	}
}

// peek walks to a path without noticing damage on the way. The directory of the
// root is the root.
func (v *Volume) peek(p string) (dir, node *inode) {
	dir, node = v.root, v.root
	if p == "." {
		return dir, node
	}
	for more := true; more; {
		var name string
		name, p, more = strings.Cut(p, "/")
		if node == nil {
			return nil, nil
		}
		dir, node = node, node.real().seen.names[name]
	}
	return dir, node
}

// place is what a trigger remembers a place by: its directory or file, or its
// path as long as nothing is there.
func (m *moment) place() any {
	if m.unit.rule.scope.Extent == bug.ExtentDirectory {
		return m.directory()
	}
	if n := m.inode(); n != nil {
		return n
	}
	return m.path
}

// overlaps reports whether the second of two follows the first in time: on one
// file if both are operations.
func (w *watch) overlaps(m *moment) bool {
	o := w.trigger.Overlap
	first, second := m.does(o.First), m.does(o.Second)
	if !first && !second {
		return false
	}
	var key any
	if kindMask(o.First) != 0 && kindMask(o.Second) != 0 {
		key = m.file()
	}
	before, ok := w.first(key, m)
	if first {
		w.note(key, m, o.Within)
	}
	return second && ok && m.now-before <= o.Within
}

// first is when the first of the two was on a file. One that is remembered by its
// path was not made yet; a file that was there already has come to have the path.
func (w *watch) first(key any, m *moment) (time.Duration, bool) {
	at, ok := w.firsts[key]
	if n, is := key.(*inode); is && !ok {
		at, ok = w.firsts[unborn{m.v, m.path}]
		ok = ok && n.ino > at.last
	}
	return at.now, ok
}

// does reports whether a moment is an operation of that name, or that event.
func (m *moment) does(name string) bool {
	if k := kindMask(name); k != 0 {
		return m.op != nil && k.has(m.op.Kind)
	}
	return m.is(name)
}

// unborn is what a file is known by before an operation makes it.
type unborn struct {
	v    *Volume
	path string
}

func (m *moment) file() any {
	if n := m.inode(); n != nil {
		return n
	}
	return unborn{m.v, m.path}
}

// passed is when something was, and the last inode that there was then.
type passed struct {
	now  time.Duration
	last uint64
}

// fewFirsts is how many files an overlap remembers before it first forgets those
// for which it is too late.
const fewFirsts = 1024

func (w *watch) note(key any, m *moment, within time.Duration) {
	if w.firsts == nil {
		w.firsts, w.limit = map[any]passed{}, fewFirsts
	}
	if len(w.firsts) >= w.limit {
		maps.DeleteFunc(w.firsts, func(_ any, at passed) bool { return m.now-at.now > within })
		w.limit = max(fewFirsts, 2*len(w.firsts))
	}
	w.firsts[key] = passed{m.now, m.v.lastIno}
}

// dirOf is the path of the directory that a path is in.
func dirOf(p string) string { return path.Dir(p) }

// gauge reads a share of something that can be full. One whose size nobody said
// is neither above nor below anything.
func (v *Volume) gauge(g bug.Gauge) float64 {
	d := v.array
	switch g {
	case bug.Inodes:
		return share(d.usedInodes, d.cfg.Inodes)
	case bug.Dirty:
		var dirty int64
		for _, o := range d.volumes {
			dirty += o.dirtyBlocks
		}
		return share(dirty*BlockSize, d.cfg.Cache)
	case bug.Queue:
		return share(int64(len(d.flying)+len(d.waiting)), int64(d.cfg.QueueDepth))
	}
	return share(d.usedBlocks*BlockSize, d.cfg.Capacity)
}

func share(n, of int64) float64 {
	if of <= 0 {
		return math.NaN()
	}
	return float64(n) / float64(of)
}
