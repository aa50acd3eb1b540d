//go:build linux

package fuse

import (
	"io/fs"
	"slices"
	"sync"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"fourdays/storage/vol"
)

// node is a file or directory that the kernel knows.
type node struct {
	id, ino uint64
	isDir   bool
	parent  *node // nil for the root, and when the name is gone
	name    string
	kids    map[string]*node
	lookups uint64 // how often the kernel was told of it, less what it forgot
	files   []vol.FileID
	last    vol.Info // what was last heard of it
}

// table is what the kernel knows. Volumes speak of paths and the kernel of
// inodes, so it knows the way from these to those. A rename in flight is in
// moves: while it lasts nobody can say which of its paths is the right one.
type table struct {
	mu    sync.Mutex
	root  *node
	last  uint64
	byID  map[uint64]*node
	byIno map[uint64]*node
	moves []*move
}

// move is a rename in flight.
type move struct {
	node, target *node // nil if the kernel does not know them
	done         chan struct{}
}

func newTable(root vol.Info) *table {
	r := &node{id: gofuse.FUSE_ROOT_ID, ino: root.Ino, isDir: true, kids: map[string]*node{}, lookups: 1}
	r.note(root)
	return &table{root: r, last: r.id, byID: map[uint64]*node{r.id: r}, byIno: map[uint64]*node{r.ino: r}}
}

func (n *node) note(i vol.Info) { n.last = i }

// get is the node of an ID that the kernel uses.
func (t *table) get(id uint64) *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byID[id]
}

// path is that of a node or, with a name, of what it is called in a node; false
// if it has none any more.
func (t *table) path(n *node, name string) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n == nil {
		return "", false
	}
	var room [256]byte
	p, ok := t.appendPath(room[:0], n)
	switch {
	case !ok:
		return "", false
	case name == "" && len(p) == 0:
		return ".", true
	case name != "" && len(p) > 0:
		p = append(p, '/')
	}
	return string(append(p, name...)), true
}

func (t *table) appendPath(p []byte, n *node) ([]byte, bool) {
	if n == t.root {
		return p, true
	}
	if n.parent == nil {
		return p, false
	}
	p, ok := t.appendPath(p, n.parent)
	if len(p) > 0 {
		p = append(p, '/')
	}
	return append(p, n.name...), ok
}

// enter notes that a name leads to a file, and that the kernel is told so.
func (t *table) enter(parent *node, name string, i vol.Info) *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.byIno[i.Ino]
	if n == nil || n.isDir != i.Mode.IsDir() {
		t.last++
		n = &node{id: t.last, ino: i.Ino, isDir: i.Mode.IsDir()}
		if n.isDir {
			n.kids = map[string]*node{}
		}
		t.byID[n.id], t.byIno[i.Ino] = n, n
	}
	n.note(i)
	n.lookups++
	t.place(n, parent, name)
	return n
}

// place gives a node its only name.
func (t *table) place(n, parent *node, name string) {
	if n == t.root || n.parent == parent && n.name == name {
		return
	}
	t.displace(n)
	t.displace(parent.kids[name])
	n.parent, n.name = parent, name
	parent.kids[name] = n
}

// displace takes a node's name away.
func (t *table) displace(n *node) {
	if n == nil || n.parent == nil {
		return
	}
	parent := n.parent
	if parent.kids[n.name] == n {
		delete(parent.kids, n.name)
	}
	n.parent = nil
	t.drop(parent)
}

// remove notes that a name is gone.
func (t *table) remove(parent *node, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := parent.kids[name]
	t.displace(n)
	t.drop(n)
}

// forget is what the kernel does with what it was told of.
func (t *table) forget(id, lookups uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.byID[id]; n != nil {
		n.lookups -= min(lookups, n.lookups)
		t.drop(n)
	}
}

// drop frees a node that nobody can speak of any more.
func (t *table) drop(n *node) {
	if n == nil || n == t.root || n.lookups > 0 || len(n.kids) > 0 || len(n.files) > 0 || t.byID[n.id] != n {
		return
	}
	delete(t.byID, n.id)
	if t.byIno[n.ino] == n {
		delete(t.byIno, n.ino)
	}
	t.displace(n)
}

// opened notes an open file: a way to a node that needs no name.
func (t *table) opened(n *node, f vol.FileID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.files = append(n.files, f)
}

func (t *table) closed(id uint64, f vol.FileID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.byID[id]; n != nil {
		n.files = slices.DeleteFunc(n.files, func(g vol.FileID) bool { return g == f })
		t.drop(n)
	}
}

// file is any open of a node, or 0.
func (t *table) file(n *node) vol.FileID {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n == nil || len(n.files) == 0 {
		return 0
	}
	return n.files[len(n.files)-1]
}

func (t *table) startMove(from *node, name string, to *node, newName string) *move {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := &move{node: from.kids[name], target: to.kids[newName], done: make(chan struct{})}
	t.moves = append(t.moves, m)
	return m
}

// endMove ends a rename; happened says that the names have changed.
func (t *table) endMove(m *move, to *node, newName string, happened bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.moves = slices.DeleteFunc(t.moves, func(o *move) bool { return o == m })
	close(m.done)
	if !happened || m.node != nil && m.node == m.target {
		return
	}
	if m.target != nil {
		t.displace(m.target)
		t.drop(m.target)
	}
	if m.node != nil {
		t.place(m.node, to, newName)
	}
}

// moving is a rename in flight that makes the path of n doubtful, or nil.
func (t *table) moving(n *node) *move {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.moves {
		if m.target != nil && m.target == n {
			return m
		}
		for up := n; up != nil; up = up.parent {
			if up == m.node {
				return m
			}
		}
	}
	return nil
}

// ids lists all nodes that the kernel knows.
func (t *table) ids() []uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]uint64, 0, len(t.byID))
	for id := range t.byID {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

// linked reports whether a node has a name.
func (t *table) linked(n *node) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return n == t.root || n.parent != nil
}

// seen keeps what was heard of a node.
func (t *table) seen(n *node, i vol.Info) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.note(i)
}

// inherits is what a directory hands down to new files.
func (t *table) inherits(id uint64) (fs.FileMode, uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.byID[id]; n != nil {
		return n.last.Mode, n.last.GID
	}
	return 0, 0
}

// remembered is what was last heard of a node that has no name any more.
func (t *table) remembered(n *node) (vol.Info, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return n.last, n != t.root && n.parent == nil
}
